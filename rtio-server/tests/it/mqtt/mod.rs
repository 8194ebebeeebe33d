//! Control devices with MQTT, over real sockets.

mod calls;
mod connect;
mod credentials;
mod desired;
mod killed;
mod port;
mod presence;
mod publish;
mod rumqttc;
mod sessions;

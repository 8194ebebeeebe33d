//! Control devices with MQTT, over real sockets.

mod bad_input;
mod calls;
mod connect;
mod credentials;
mod desired;
mod killed;
mod limits;
mod port;
mod presence;
mod publish;
mod rumqttc;
mod secrets;
mod sessions;
mod storms;

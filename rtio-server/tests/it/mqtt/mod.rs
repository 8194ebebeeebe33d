//! Control devices with MQTT, over real sockets.

mod port;
mod rumqttc;

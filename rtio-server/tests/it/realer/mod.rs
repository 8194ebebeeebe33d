//! The control-device runtime from outside, by section of its contract: over real HTTP, real sessions and the operators' port.

mod admin_commands;
mod admin_port;
mod backup;
mod callers;
mod document;
mod full_disk;
mod https_admission;
mod https_attacks;
mod https_feed;
mod https_mqtt;
mod https_oauth;
mod https_read;
mod https_transport;
mod killed;
mod lifecycle;
mod secrets;
mod session;

mod cli;
mod config;
mod device;
mod device_port;
mod fake_hub;
mod program;

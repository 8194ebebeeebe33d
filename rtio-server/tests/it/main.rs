//! The program and the hub from outside, over real sockets: one module a topic, one function a fact.

mod architecture;
mod bad_input;
mod call;
mod callers;
mod cli;
mod compatible;
mod config;
mod cors;
mod crossed;
mod device;
mod device_port;
mod direct;
mod examples;
mod fake_hub;
mod heartbeat;
mod limits;
mod observe;
mod outcomes;
mod prefer;
mod program;
mod report;
mod shutdown;
mod streams;
mod support;
mod takeover;
mod verify;

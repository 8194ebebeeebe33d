//! A whole hub in one process, over real sockets: one module a topic, one function a fact.

mod architecture;
mod bad_input;
mod call;
mod callers;
mod compatible;
mod cors;
mod crossed;
mod direct;
mod heartbeat;
mod limits;
mod observe;
mod outcomes;
mod prefer;
mod report;
mod shutdown;
mod streams;
mod support;
mod takeover;
mod verify;

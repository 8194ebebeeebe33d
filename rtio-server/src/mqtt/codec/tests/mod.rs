//! Tests of the border. The bytes of clients are written by hand here, so that the library does not agree with itself; what the hub sends is
//! read by the library in the role of a client.

mod first;
mod heard;
mod incoming;
mod outgoing;
mod properties;
mod size;
mod strategies;
mod support;

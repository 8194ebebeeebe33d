//! A device that sends a report to the hub every five seconds, and answers calls meanwhile. With a hub on this machine
//! (`rtio serve --dev`):
//!
//! ```text
//! cargo run --bin simple_device_copost_to_server
//! curl http://localhost:17917/cfa09baa-4913-4ad7-a936-3e26f9671b09/rainbow -d hello
//! ```
//!
//! The device prints each answer. A hub without a service for `/aa/bb` answers `NotFound`.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::time::Duration;

use examples::Arguments;
use rtio_device_sdk::{ClientError, Device};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let arguments = Arguments::parse();
    let runner =
        arguments.device().on_copost("/rainbow", |_request| async { Ok("world") }).connect(&*arguments.server)?;
    let device = runner.device();
    tokio::select! {
        ended = arguments.serve(runner) => ended,
        never = report(device) => match never {},
    }
}

async fn report(device: Device) -> Infallible {
    loop {
        match device.copost("/aa/bb", "hello", Duration::from_secs(10)).await {
            Ok(answer) => println!("report answered with {answer:?}"),
            Err(error) => println!("{error}"),
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

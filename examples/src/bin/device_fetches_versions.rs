//! A device that asks a backend which versions of its software there are, and asks again every two seconds. With the backend
//! of `device_service` and a hub that knows where it is:
//!
//! ```text
//! cargo run --bin device_service
//! cargo run --bin hub_configurer
//! rtio serve --dev --configurer-url http://127.0.0.1:17317
//! cargo run --bin device_fetches_versions
//! ```
//!
//! The device prints `versions 2.1.0 2.0.3 1.9.7`. Backends need not know where the device is, nor the device where they are.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::time::Duration;

use examples::Arguments;
use rtio_device_sdk::{ClientError, Device};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let arguments = Arguments::parse();
    let runner = arguments.device().connect(&*arguments.server)?;
    let device = runner.device();
    tokio::select! {
        ended = arguments.serve(runner) => ended,
        never = fetch_versions(device) => match never {},
    }
}

async fn fetch_versions(device: Device) -> Infallible {
    loop {
        match device.copost("/versions", "printer", Duration::from_secs(10)).await {
            Ok(versions) => println!("versions {}", versions.escape_ascii()),
            Err(error) => println!("no versions: {error}"),
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

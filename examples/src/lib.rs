//! What the example devices share: their arguments, and the line by which a script knows that they are up. What the example
//! backends share is in [`backend`] and [`signature`].
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

pub mod backend;
pub mod iot_api;
pub mod signature;

use rtio_device_sdk::{ClientError, Device, Dial, Runner};

/// `--server HOST:PORT`, `--id ID`, `--secret SECRET`, and `--ca FILE` for the device that speaks TLS.
#[derive(Debug)]
pub struct Arguments {
    /// Where the hub waits for devices.
    pub server: String,
    /// Who the device is.
    pub id: String,
    /// What proves it, to a hub that asks.
    pub secret: String,
    /// The CA that the hub is verified by.
    pub ca: String,
}

impl Arguments {
    /// The program's arguments. Ends the program with exit code 64 where they make no sense.
    pub fn parse() -> Self {
        let mut arguments = Self {
            server: "localhost:17017".into(),
            id: "cfa09baa-4913-4ad7-a936-3e26f9671b09".into(),
            secret: "a-secret-of-24-characters".into(),
            ca: "certs/ca.pem".into(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(name) = words.next() {
            match (name.as_str(), words.next()) {
                ("--server", Some(server)) => arguments.server = server,
                ("--id", Some(id)) => arguments.id = id,
                ("--secret", Some(secret)) => arguments.secret = secret,
                ("--ca", Some(ca)) => arguments.ca = ca,
                _ => {
                    eprintln!("usage: [--server HOST:PORT] [--id ID] [--secret SECRET] [--ca FILE]");
                    std::process::exit(EX_USAGE);
                }
            }
        }
        arguments
    }

    /// A device with this id, whose handlers are to be added.
    pub fn device(&self) -> rtio_device_sdk::Builder {
        Device::builder(&*self.id).secret(&*self.secret)
    }

    /// Runs the device; prints `serving as ID` once the hub has let it in.
    ///
    /// # Errors
    ///
    /// As [`Runner::run`].
    pub async fn serve<D: Dial>(&self, runner: Runner<D>) -> Result<(), ClientError> {
        let device = runner.device();
        let announced = async {
            device.online().await?;
            println!("serving as {}", self.id);
            Ok(())
        };
        tokio::try_join!(runner.run(), announced).map(|_| ())
    }
}

/// Wrong usage, of sysexits.h.
const EX_USAGE: i32 = 64;

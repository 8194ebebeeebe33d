//! A control device that holds a session: a fan behind a relay, and a thermistor in the soil. With the second device of
//! `examples/realer/greenhouse.toml`, whose id and secret `rtio realer apply` tells:
//!
//! ```text
//! rtio serve --dev --data-dir data
//! rtio realer apply examples/realer/greenhouse.toml --data-dir data
//! cargo run --bin realer_greenhouse -- --id cdv_… --secret …
//! ```
//!
//! A wish for the fan is pushed to the device as soon as it is set, and the caller has the outcome in one round trip. docs/realer.md says how
//! it is set.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use examples::Arguments;
use rtio_device_sdk::ClientError;
use rtio_device_sdk::realer::{Answer, Desired, Realer, RealerError};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let arguments = Arguments::parse();
    // A real device keeps what it must not forget: `.keep_in("/var/lib/greenhouse")`.
    let realer = Realer::builder().open().expect("nothing is kept");
    let runner = arguments.device().realer(&realer).connect(&*arguments.server)?;
    tokio::select! {
        ended = arguments.serve(runner) => ended,
        never = live(realer) => match never {},
    }
}

/// Reads what the device is, and is that until it is something else.
async fn live(realer: Realer) -> Infallible {
    let fan = Arc::new(Mutex::new("0".to_owned()));
    loop {
        match be(&realer, &fan).await {
            Ok(()) => println!("the descriptor is out of date"),
            Err(error) => {
                println!("{error}");
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
    }
}

async fn be(realer: &Realer, fan: &Arc<Mutex<String>>) -> Result<(), RealerError> {
    let descriptor = realer.bootstrap().await?;
    println!("bootstrap {} {}", descriptor.catalog_revision, descriptor.runtime_revision);
    if let Some(relay) = descriptor.command("relay", "6") {
        let switched = Arc::clone(fan);
        realer.on_desired(&relay.id, move |wish| {
            let answer = switch(&switched, &wish);
            async move { answer }
        });
        // After a start, what is so is told, whatever was said before.
        realer.report(&relay.id, value(fan)).await?;
    }
    let Some(thermistor) = descriptor.sensor("thermistor", "5") else {
        realer.outdated().await;
        return Ok(());
    };
    loop {
        realer.reading(&thermistor.id, 17.5).await?;
        tokio::select! {
            () = realer.outdated() => return Ok(()),
            () = tokio::time::sleep(descriptor.feed_data.expected) => {}
        }
    }
}

/// Makes the fan what is desired, and says what it is then.
fn switch(fan: &Mutex<String>, wish: &Desired) -> Answer {
    let mut is = fan.lock().unwrap_or_else(PoisonError::into_inner);
    if !matches!(&*wish.value, "0" | "1") {
        println!("rejected {}: the fan is {is}", wish.value);
        return Answer::rejected(&*is);
    }
    is.clone_from(&wish.value);
    println!("applied {is}");
    Answer::applied(&*is)
}

fn value(fan: &Mutex<String>) -> String {
    fan.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

//! A device whose `/rainbow` can be observed: ten frames, one every half second. With a hub on this machine
//! (`rtio serve --dev`):
//!
//! ```text
//! cargo run --bin simple_device_obget
//! curl -N http://localhost:17917/cfa09baa-4913-4ad7-a936-3e26f9671b09/rainbow
//! ```
//!
//! prints a line a frame, `world 0` to `world 9` in base64, and ends; so does the form of existing RTIO callers:
//!
//! ```text
//! curl -N http://localhost:17917/cfa09baa-4913-4ad7-a936-3e26f9671b09 \
//!     -d '{"method":"obget","uri":"/rainbow","id":12667,"data":"aGVsbG8="}'
//! ```

use std::time::Duration;

use bytes::Bytes;
use examples::Arguments;
use rtio_device_sdk::ClientError;

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let arguments = Arguments::parse();
    let runner = arguments
        .device()
        .on_observe("/rainbow", |request: Bytes, mut sink| async move {
            eprintln!("observed with {request:?}");
            for number in 0..10 {
                // Waits until the caller wants more; an error says that it left.
                sink.send(format!("world {number}")).await?;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Ok(())
        })
        .connect(&*arguments.server)?;
    arguments.serve(runner).await
}

//! A device that answers calls to `/rainbow`. With a hub on this machine (`rtio serve --dev`):
//!
//! ```text
//! cargo run --bin simple_device
//! curl http://localhost:17917/cfa09baa-4913-4ad7-a936-3e26f9671b09/rainbow -d hello
//! ```
//!
//! prints `world`; so does, in base64, the form of existing RTIO callers:
//!
//! ```text
//! curl http://localhost:17917/cfa09baa-4913-4ad7-a936-3e26f9671b09 \
//!     -d '{"method":"copost","uri":"/rainbow","id":12667,"data":"aGVsbG8="}'
//! ```

use bytes::Bytes;
use examples::Arguments;
use rtio_device_sdk::ClientError;

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let arguments = Arguments::parse();
    let runner = arguments
        .device()
        .on_copost("/rainbow", |request: Bytes| async move {
            eprintln!("called with {request:?}");
            Ok("world")
        })
        .connect(&*arguments.server)?;
    arguments.serve(runner).await
}

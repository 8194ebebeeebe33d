//! A device that connects by TLS, verifies the hub, and answers calls to `/rainbow`. With a hub on this machine that shows a
//! certificate of a throw-away CA:
//!
//! ```text
//! make certs
//! rtio serve --dev --device-tls-cert certs/server.pem --device-tls-key certs/server-key.pem
//! cargo run --bin simple_device_tls -- --ca certs/ca.pem
//! curl http://localhost:17917/cfa09baa-4913-4ad7-a936-3e26f9671b09/rainbow -d hello
//! ```
//!
//! prints `world`. Without `ca_file`, the device trusts what the system trusts.

use bytes::Bytes;
use examples::Arguments;
use rtio_device_sdk::Tls;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let tls = Tls::to(&*arguments.server).ca_file(&arguments.ca).build()?;
    let runner = arguments
        .device()
        .on_copost("/rainbow", |request: Bytes| async move {
            eprintln!("called with {request:?}");
            Ok("world")
        })
        .connect_with(tls)?;
    Ok(arguments.serve(runner).await?)
}

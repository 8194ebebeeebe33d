//! Streams that keep what they take until they are flushed, as those that encrypt may do.

use std::io;

use rtio_device_sdk::{Dial, StatusCode};
use rtio_proto::session::Verdict;
use tokio::io::{BufStream, DuplexStream};

use crate::fake_hub::{HubEnd, Pipes, device, pipe, soon};

/// Connections whose writing half sends nothing but what is flushed.
struct Buffered(Pipes);

impl Dial for Buffered {
    type Stream = BufStream<DuplexStream>;

    async fn dial(&self) -> io::Result<Self::Stream> {
        self.0.dial().await.map(BufStream::new)
    }
}

#[tokio::test]
async fn what_a_stream_has_taken_is_flushed() {
    let (pipes, dialled) = Pipes::new();
    let builder = device().on_copost("/rainbow", |_| async { Ok("world") });
    let runner = builder.connect_with(Buffered(pipes)).unwrap();
    let device = runner.device();
    let ended = tokio::spawn(runner.run());
    let (ours, theirs) = pipe();
    dialled.send(theirs).await.unwrap();
    let mut hub_end = soon(HubEnd::verify(ours, Verdict::Accepted)).await;
    for _ in 0..3 {
        assert_eq!(soon(hub_end.ask("/rainbow", b"")).await, (StatusCode::Ok, b"world".to_vec()));
    }
    device.shutdown();
    hub_end.closed().await;
    assert_eq!(soon(ended).await.unwrap(), Ok(()));
}

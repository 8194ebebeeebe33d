//! How bytes get in: listening sockets, the one accept loop that serves every edge, and the gate that each connection passes.
//!
//! Called by `app` and by the edges. Knows no protocol above TLS.

pub mod peers;
pub mod proxy;
pub mod tls;

mod accept;
mod backlog;
mod gate;
mod liveness;
mod metrics;
mod notice;
mod stream;
mod unverified;

pub use accept::{Listener, adopt, bind};
pub use backlog::Backlog;
pub use gate::{Admitted, Gate, Turned};
pub use liveness::{Liveness, is_vanished};
pub use metrics::{Metrics, PortMetrics};
pub use notice::Notice;
pub use stream::Stream;
pub use unverified::Unverified;

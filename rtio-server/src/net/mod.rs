//! How bytes get in: listening sockets and the one accept loop that serves every edge.
//!
//! Called by `app`, which says what to do with an accepted stream. Knows no protocol.

mod accept;

pub use accept::{Listener, bind};

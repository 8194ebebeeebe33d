//! How a peer that vanished without a goodbye is noticed: by its kernel, which no longer acknowledges. The times are worked out
//! here (pure) and set on the listening socket, from which accepted ones inherit them, so that a connection costs no system
//! call. docs/decisions/0005-dead-peers.md has the reasons.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;

/// When a peer that acknowledges nothing counts as gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liveness {
    lost_after: Duration,
}

/// What the kernel is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schedule {
    /// Silence after which the kernel asks.
    idle: Duration,
    /// Pause between two questions.
    interval: Duration,
    /// Questions without an answer after which the peer is gone.
    count: u32,
    /// How long bytes may stay without an acknowledgement.
    user_timeout: Duration,
}

impl Liveness {
    /// A peer counts as gone `lost_after` its last acknowledgement, whether anything was sent to it or not. Whole seconds, at
    /// least 5.
    pub const fn new(lost_after: Duration) -> Self {
        Self { lost_after }
    }

    /// Sets the times on a socket; on a listening one, for all that it accepts.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn apply(self, socket: impl AsFd) -> io::Result<()> {
        let Schedule { idle, interval, count, user_timeout } = self.schedule();
        sockopt::set_socket_keepalive(&socket, true)?;
        sockopt::set_tcp_keepidle(&socket, idle)?;
        sockopt::set_tcp_keepintvl(&socket, interval)?;
        sockopt::set_tcp_keepcnt(&socket, count)?;
        let user_timeout = u32::try_from(user_timeout.as_millis()).unwrap_or(u32::MAX);
        Ok(sockopt::set_tcp_user_timeout(&socket, user_timeout)?)
    }

    fn schedule(self) -> Schedule {
        let interval = Duration::from_secs((self.lost_after.as_secs() / (3 * u64::from(PROBES))).max(1));
        Schedule {
            idle: self.lost_after.saturating_sub(interval * PROBES).max(interval),
            interval,
            count: PROBES,
            // With a user timeout the kernel counts time instead of probes. Half an interval less than all of them take: the
            // last probe is still sent, and its time is up when it is looked at.
            user_timeout: self.lost_after.saturating_sub(interval / 2),
        }
    }
}

/// Whether a connection broke because nothing reached its peer any more, rather than because the peer ended it.
pub fn is_vanished(error: &io::Error) -> bool {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};
    matches!(error.kind(), TimedOut | HostUnreachable | NetworkUnreachable)
}

/// Questions that may get lost before their peer counts as gone: a radio link loses one or two in a bad moment.
const PROBES: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_lost_after_its_time_and_three_questions() {
        let seconds = Duration::from_secs;
        for (lost_after, idle, interval) in [(55, 37, 6), (60, 42, 6), (5, 2, 1), (3600, 2400, 400)] {
            let schedule = Liveness::new(seconds(lost_after)).schedule();
            assert_eq!((schedule.idle, schedule.interval, schedule.count), (seconds(idle), seconds(interval), 3));
            let last_question = schedule.idle + 2 * schedule.interval;
            assert!(last_question < schedule.user_timeout && schedule.user_timeout < seconds(lost_after));
        }
    }

    #[tokio::test]
    async fn accepted_connections_inherit_the_times() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Liveness::new(Duration::from_secs(55)).apply(&listener).unwrap();
        let _peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&accepted).unwrap(), Duration::from_secs(37));
        assert_eq!(sockopt::tcp_keepintvl(&accepted).unwrap(), Duration::from_secs(6));
        assert_eq!(sockopt::tcp_keepcnt(&accepted).unwrap(), 3);
        assert_eq!(sockopt::tcp_user_timeout(&accepted).unwrap(), 52_000);
    }
}

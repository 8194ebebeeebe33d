//! A clock that stands still until the test moves it, while sockets go on working: so limits of minutes are tried in
//! milliseconds, and to the exact millisecond.

use std::sync::mpsc;
use std::time::Duration;

/// The runtime's clock in the test's hand. Needs a current-thread runtime.
pub(crate) struct Clock {
    _hold: mpsc::Sender<()>,
}

impl Clock {
    /// Stops the clock.
    ///
    /// A paused clock of tokio jumps to the next timer whenever nothing can run, which is also the case while bytes are on
    /// their way through the kernel. It does not as long as a blocking task lives; the one here ends with this value, or
    /// after [`WATCHDOG`], so that a test that waits in vain fails by its own bounds instead of hanging.
    pub(crate) fn stopped() -> Self {
        tokio::time::pause();
        let (hold, held) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv_timeout(WATCHDOG));
        Self { _hold: hold }
    }

    /// Lets `time` pass, in steps short enough that everything periodic happens in between.
    pub(crate) async fn passes(&self, time: Duration) {
        self.passes_in(STEP, time).await;
    }

    /// Lets hours pass, in which what is periodic happens less often than it should.
    pub(crate) async fn leaps(&self, time: Duration) {
        self.passes_in(LEAP, time).await;
    }

    async fn passes_in(&self, steps: Duration, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(steps);
            left -= step;
            settle().await;
            tokio::time::advance(step).await;
        }
        settle().await;
    }
}

/// Lets every task run and see its socket several times.
async fn settle() {
    for _ in 0..ROUNDS {
        tokio::task::yield_now().await;
    }
}

/// A little more than the period at which the hub looks at a part of its sessions, so that each step has its look.
const STEP: Duration = Duration::from_millis(252);

/// Short against the pauses that are tried with it.
const LEAP: Duration = Duration::from_secs(2);

/// Each round polls the sockets once; the longest chain in a test has caller, hub, device and back.
const ROUNDS: usize = 12;

const WATCHDOG: Duration = Duration::from_secs(30);

//! How a group call goes on, on standard error: a bar on a terminal, else a line now and then.

use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::super::Failure;
use super::table::Table;

/// Where the progress is shown.
#[derive(Debug)]
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { begun: Instant, last: Instant, devices: u64 },
}

impl Progress {
    /// Of a call of these devices, none of which has answered.
    pub(super) fn new(devices: &[String]) -> Self {
        let now = Instant::now();
        if !io::stderr().is_terminal() {
            return Self::Lines { begun: now, last: now, devices: 0 };
        }
        // Who a pattern stands for, the hub finds out as it goes.
        let is_known = devices.iter().all(|device| !device.contains('*'));
        let (bar, style) = match is_known {
            true => (
                ProgressBar::new(devices.iter().collect::<HashSet<_>>().len() as u64),
                "{bar:40} {pos}/{len} devices {elapsed} {msg}",
            ),
            false => (ProgressBar::new_spinner(), "{spinner} {pos} devices {elapsed} {msg}"),
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self::Bar(bar)
    }

    /// One more is in the table.
    pub(super) fn counted(&mut self, table: &Table) {
        let failed = table.failed();
        match self {
            Self::Bar(bar) => {
                bar.set_position(table.devices());
                if failed > 0 {
                    bar.set_message(format!("({failed} not OK)"));
                }
            }
            Self::Lines { begun, last, devices } => {
                let count = table.devices();
                if count - *devices >= LINE_DEVICES || last.elapsed() >= LINE_INTERVAL {
                    let rate = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / begun.elapsed().as_secs_f64();
                    // Nothing is left to do about a terminal that is gone.
                    drop(writeln!(io::stderr(), "rtio: {count} devices, {failed} not OK, {rate:.0} a second"));
                    (*last, *devices) = (Instant::now(), count);
                }
            }
        }
    }

    /// Prints without the bar in the way.
    pub(super) fn aside(&self, print: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        match self {
            Self::Bar(bar) => bar.suspend(print),
            Self::Lines { .. } => print(),
        }
    }

    /// Shows nothing any more.
    pub(super) fn finish(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } => {}
        }
    }
}

/// A line for so many devices.
const LINE_DEVICES: u64 = 1000;

/// And one for so much time in which fewer answered.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How often the bar moves while no device answers.
const TICK: Duration = Duration::from_millis(200);

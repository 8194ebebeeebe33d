//! Devices that report: each is a closed loop towards one service, and answers calls meanwhile. Beside a hung service, all of them and
//! some more keep posting to that, too.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use super::device::Device;
use super::fleet::FleetCounts;
use super::link::connect_all;
use super::reports::{Nag, Reporter, Reports};
use crate::error::RunError;
use crate::load::{Outcome, Progress, Stop};
use crate::port::{Port, Stream};

/// Who reports, to whom, and until when.
#[derive(Debug, Clone)]
pub(crate) struct ReportPlan {
    /// Indexes of the devices.
    pub(crate) devices: Range<u64>,
    /// Of the service that echoes.
    pub(crate) uri: &'static str,
    pub(crate) stop: Stop,
    /// A hung service that all keep posting to, those who report and more.
    pub(crate) hung: Option<HungPlan>,
}

/// Who else posts to a service that never answers.
#[derive(Debug, Clone)]
pub(crate) struct HungPlan {
    pub(crate) uri: &'static str,
    /// Indexes of devices that do nothing else.
    pub(crate) others: Range<u64>,
}

/// Devices at work.
#[derive(Debug)]
pub(crate) struct Reporters {
    outcomes: JoinSet<Outcome>,
    /// They answer calls, and nag, until this is dropped.
    devices: JoinSet<()>,
    progress: Arc<Progress>,
    nags: Arc<AtomicU64>,
    counts: Arc<FleetCounts>,
}

impl Reporters {
    /// Connects all devices, then lets them begin.
    pub(crate) async fn start(hub: impl Into<Port>, plan: ReportPlan) -> Result<Self, RunError> {
        let hub = hub.into();
        let streams = connect_all(hub.clone(), plan.devices.clone()).await?;
        let others = plan.hung.as_ref().map_or(0..0, |hung| hung.others.clone());
        let other_streams = connect_all(hub, others).await?;
        let mut reporters = Self {
            outcomes: JoinSet::new(),
            devices: JoinSet::new(),
            progress: Arc::default(),
            nags: Arc::default(),
            counts: Arc::default(),
        };
        streams.into_iter().for_each(|stream| reporters.let_report(stream, &plan));
        other_streams.into_iter().for_each(|stream| reporters.let_nag(stream, &plan));
        Ok(reporters)
    }

    /// Posts to the hung service so far.
    pub(crate) fn nags(&self) -> u64 {
        self.nags.load(Ordering::Relaxed)
    }

    /// Calls that reached one of the devices.
    pub(crate) fn calls(&self) -> u64 {
        self.counts.calls()
    }

    /// Waits until all have stopped to report. They go on to answer calls.
    pub(crate) async fn reported(&mut self) -> Outcome {
        Outcome::join(std::mem::take(&mut self.outcomes), &self.progress).await
    }

    fn let_report(&mut self, stream: Stream, plan: &ReportPlan) {
        let (reporter, outcome) = Reporter::new(plan.uri, plan.stop, Arc::clone(&self.progress));
        self.outcomes.spawn(async { outcome.await.expect("a reporter always tells its outcome") });
        self.let_live(stream, Reports::new(Some(reporter), self.nag(plan)));
    }

    fn let_nag(&mut self, stream: Stream, plan: &ReportPlan) {
        self.let_live(stream, Reports::new(None, self.nag(plan)));
    }

    fn let_live(&mut self, stream: Stream, reports: Reports) {
        let device = Device::reporting(Arc::clone(&self.counts), reports);
        self.devices.spawn(async move {
            // How it ended does not matter: what it did not get an answer to is counted.
            let _ = device.serve(stream).await;
        });
    }

    fn nag(&self, plan: &ReportPlan) -> Option<Nag> {
        plan.hung.as_ref().map(|hung| Nag::new(hung.uri, Arc::clone(&self.nags)))
    }
}

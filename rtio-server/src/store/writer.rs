//! The one writer: a thread that takes what is to be changed and commits in groups, so that many changes share one sync of the
//! disk. A change is answered after its commit, never before.

use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Metrics;
use crate::hub::RegistryError;

/// Hands changes to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` once the writer ends.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// One change: done to the database, then answered, once it is known how the commit went.
type Job = Box<dyn FnOnce(&Connection) -> Done + Send>;

struct Done {
    fate: Fate,
    answer: Answer,
}

/// Tells whoever waits how it went.
type Answer = Box<dyn FnOnce(CommitResult)>;

/// Whether what a job did shall stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Undo,
}

type CommitResult = Result<(), Arc<rusqlite::Error>>;

impl Writer {
    /// A thread that writes with `connection`.
    pub(super) fn start(connection: Connection, metrics: Metrics) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        let thread =
            std::thread::Builder::new().name("store".to_owned()).spawn(|| run(connection, waiting, metrics))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Makes one change; it is durable when this returns `Ok`.
    ///
    /// # Cancel safety
    ///
    /// A change that the thread has taken is made, whether its outcome is awaited or not.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (reply, outcome) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = change(connection);
            let fate = if result.is_ok() { Fate::Keep } else { Fate::Undo };
            let answer = move |committed: CommitResult| {
                let result = committed.map_err(|error| RegistryError::Failed(error.into())).and(result);
                // Nobody may wait any more.
                let _ = reply.send(result);
            };
            Done { fate, answer: Box::new(answer) }
        });
        let jobs = self.jobs.as_ref().expect("there is a channel until the drop");
        jobs.send(job).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

fn gone() -> RegistryError {
    RegistryError::Failed("the writer of the store has ended".into())
}

impl Drop for Writer {
    /// Waits for the thread, so that the file is closed as it should be.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong if it panicked.
            let _ = thread.join();
        }
    }
}

fn run(mut connection: Connection, mut waiting: mpsc::Receiver<Job>, metrics: Metrics) {
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
        let (begun, size) = (Instant::now(), group.len());
        let (committed, answers) = commit(&mut connection, group);
        if let Err(error) = &committed {
            tracing::error!(%error, changes = size, "the store cannot commit");
        }
        metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        metrics.changes.inc_by(size as u64);
        answers.into_iter().for_each(|answer| answer(committed.clone()));
    }
}

/// Does a group of jobs in one transaction. A job that fails undoes its own changes only.
fn commit(connection: &mut Connection, group: Vec<Job>) -> (CommitResult, Vec<Answer>) {
    let mut answers = Vec::with_capacity(group.len());
    let all = || {
        let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for job in group {
            let savepoint = transaction.savepoint()?;
            let done = job(&savepoint);
            answers.push(done.answer);
            match done.fate {
                Fate::Keep => savepoint.commit()?,
                Fate::Undo => drop(savepoint),
            }
        }
        transaction.commit()
    };
    let committed = all().map_err(Arc::new);
    (committed, answers)
}

/// Changes that wait for the thread; who brings one more waits as well.
const MAX_WAITING: usize = 1024;

/// Larger groups gain little (22k instead of 16k changes a second at ten times the size), and each member waits for all.
const MAX_GROUP: usize = 100;

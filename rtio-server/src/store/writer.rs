//! The one writer: a thread that takes what is to be changed and commits in groups, so that many changes share one sync of the
//! disk. A change is answered after its commit, never before.

use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Metrics;
use super::failed::Failed;

/// Hands changes to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` once the writer ends.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// One change: done to the database, then answered, once it is known how the commit went.
struct Job {
    /// What it costs, in rows or so.
    weight: usize,
    work: Box<dyn FnOnce(&Connection) -> Done + Send>,
}

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
    pub(super) async fn write<T, E>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + Send + 'static,
    {
        self.write_many(1, change).await
    }

    /// As [`Self::write`], of a change that is about `weight` small ones.
    pub(super) async fn write_many<T, E>(
        &self,
        weight: usize,
        change: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let work = Box::new(move |connection: &Connection| {
            let result = change(connection);
            let fate = if result.is_ok() { Fate::Keep } else { Fate::Undo };
            let answer = move |committed: CommitResult| {
                let result = committed.map_err(|error| E::from(error.into())).and(result);
                // Nobody may wait any more.
                let _ = reply.send(result);
            };
            Done { fate, answer: Box::new(answer) }
        });
        let jobs = self.jobs.as_ref().expect("there is a channel until the drop");
        jobs.send(Job { weight, work }).await.map_err(|_| Failed::given_up())?;
        outcome.await.map_err(|_| Failed::given_up())?
    }
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
        let mut weight = first.weight;
        let mut group = vec![first];
        while weight < MAX_GROUP
            && let Ok(next) = waiting.try_recv()
        {
            weight += next.weight;
            group.push(next);
        }
        let (begun, size) = (Instant::now(), group.len());
        let (committed, answers) = commit(&mut connection, group);
        if let Err(error) = &committed {
            tracing::error!(%error, changes = size, "the store cannot commit");
            metrics.failed_commits.inc();
        }
        metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        metrics.changes.inc_by(size as u64);
        answers.into_iter().for_each(|answer| answer(committed.clone()));
    }
}

/// Does a group of jobs in one transaction. A job that fails undoes its own changes only, unless it is the disk that fails: then
/// SQLite may have given up the whole transaction, and with it every job before and after.
fn commit(connection: &mut Connection, group: Vec<Job>) -> (CommitResult, Vec<Answer>) {
    let mut answers = Vec::with_capacity(group.len());
    let all = || {
        let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for job in group {
            let savepoint = transaction.savepoint()?;
            let done = (job.work)(&savepoint);
            answers.push(done.answer);
            if savepoint.is_autocommit() {
                return Err(given_up());
            }
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

/// SQLite has rolled the transaction back by itself, which it does where the disk is full or fails.
fn given_up() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
    rusqlite::Error::SqliteFailure(code, Some("the disk is full or fails: the transaction was rolled back".to_owned()))
}

/// Changes that wait for the thread; who brings one more waits as well.
const MAX_WAITING: usize = 1024;

/// Weight from which a group is not made larger. Larger groups gain little (22k instead of 16k changes a second at ten times the size),
/// and each member waits for all.
const MAX_GROUP: usize = 100;

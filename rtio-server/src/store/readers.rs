//! The connections that read. They never wait for the writer, and only for each other where all are in use.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::open_for_reading;

/// A few connections to the same file.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
    /// Long reads that may run at once, so that a short one finds a connection.
    long: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Arc<Self>> {
        let connections = std::iter::repeat_with(|| open_for_reading(path).map(Mutex::new)).take(READERS);
        let connections = connections.collect::<rusqlite::Result<_>>()?;
        Ok(Arc::new(Self { connections, next: AtomicUsize::new(0), long: Arc::new(Semaphore::new(LONG_READS)) }))
    }

    /// A connection that nobody reads with right now, if there is one.
    pub(super) fn reader(&self) -> MutexGuard<'_, Connection> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut turns = (0..READERS).map(|turn| &self.connections[(first.wrapping_add(turn)) % READERS]);
        let free = turns.find_map(|reader| reader.try_lock());
        free.unwrap_or_else(|| self.connections[first % READERS].lock())
    }

    /// Reads at once, all of it as it is at one moment.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        read(&*self.reader().transaction()?)
    }

    /// Reads at most `max` rows. A few cost tens of microseconds, less than a change of threads may. A page of a thousand costs 10 ms,
    /// and where its rows are not in memory as many reads of the disk, for which all other tasks of the thread would wait: that goes to
    /// the blocking pool.
    ///
    /// # Cancel safety
    ///
    /// A long read that has begun goes on, and counts as one that runs.
    pub(super) async fn read_rows<T: Send + 'static>(
        self: Arc<Self>,
        max: usize,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, super::failed::Failed> {
        if max <= FEW_ROWS {
            return Ok(self.read(read)?);
        }
        let turn = Arc::clone(&self.long).acquire_owned().await.expect("it is never closed");
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            self.read(read)
        });
        // It fails only where the hub ends.
        Ok(reading.await.map_err(|_| super::failed::Failed::given_up())??)
    }
}

/// Reads take microseconds, so a few connections are enough for as many cores.
const READERS: usize = 4;

/// What a stream of feed data reads at once is below it (`realer/shadow/follow.rs`).
const FEW_ROWS: usize = 100;

const LONG_READS: usize = READERS / 2;

const _: () = assert!(LONG_READS > 0 && LONG_READS < READERS, "short reads find a connection");

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use tokio::sync::mpsc::UnboundedSender;

    use super::*;

    fn waits(begun: &UnboundedSender<()>, end: &Mutex<Receiver<()>>) -> rusqlite::Result<()> {
        begun.send(()).unwrap();
        end.lock().recv().unwrap();
        Ok(())
    }

    /// Long reads wait for their turn, and a short one does not wait for them.
    #[tokio::test(flavor = "current_thread")]
    async fn long_reads_leave_connections_and_the_thread_to_short_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (a); INSERT INTO x VALUES (7)").unwrap();
        let readers = Readers::open(&path).unwrap();
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let (ends, end) = std::sync::mpsc::channel::<()>();
        let end = Arc::new(Mutex::new(end));
        let mut long = tokio::task::JoinSet::new();
        for _ in 0..2 * READERS {
            let (begun, end) = (begun.clone(), Arc::clone(&end));
            long.spawn(Arc::clone(&readers).read_rows(FEW_ROWS + 1, move |_| waits(&begun, &end)));
        }
        for _ in 0..LONG_READS {
            begins.recv().await.unwrap();
        }
        let one = |connection: &Connection| connection.query_row("SELECT a FROM x", [], |row| row.get::<_, i64>(0));
        assert_eq!(Arc::clone(&readers).read_rows(FEW_ROWS, one).await.unwrap(), 7, "meanwhile");
        assert!(begins.try_recv().is_err(), "no more than may run");
        (0..2 * READERS).for_each(|_| ends.send(()).unwrap());
        long.join_all().await.into_iter().for_each(|read| read.unwrap());
    }
}

//! The Raft log in RocksDB.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use store::{LogDb, Recovery};

use crate::seams::{Bounds, Fact, Flushed, Log, Position, Record};

/// The log of one node, over its [`LogDb`].
#[derive(Debug)]
pub struct RocksLog {
    database: Arc<LogDb>,
}

impl RocksLog {
    /// A log over `database`, which the node keeps a handle to for its statistics and to close it.
    pub fn new(database: Arc<LogDb>) -> Self {
        Self { database }
    }

    /// Queues an operation and waits until the writer thread says how it ended.
    async fn written(&self, queue: impl FnOnce(&LogDb, store::Done) + Send) -> io::Result<()> {
        let (told, ended) = oneshot::channel();
        let done: store::Done = Box::new(move |result| {
            // Nobody waits any longer when the replica is going down.
            let _ = told.send(result);
        });
        queue(&self.database, done);
        match ended.await {
            Ok(result) => result.map_err(io::Error::from),
            Err(_) => Err(io::Error::other("the log writer ended without an answer")),
        }
    }
}

const fn key(fact: Fact) -> &'static str {
    match fact {
        Fact::Vote => "vote",
        Fact::Committed => "committed",
        Fact::Members => "members",
    }
}

fn position(position: store::Position) -> Position {
    Position {
        index: position.index,
        term: position.term,
    }
}

fn record(entry: store::Entry) -> Record {
    Record {
        position: position(entry.position()),
        bytes: entry.payload,
    }
}

impl Log for RocksLog {
    fn bounds(&self) -> io::Result<Bounds> {
        let bounds = self.database.bounds()?;
        let cut = bounds.purged.as_ref().map(|purged| purged.position);
        Ok(Bounds {
            last: bounds.last.filter(|last| Some(*last) != cut).map(position),
            purged: bounds.purged.map(|purged| purged.label),
        })
    }

    fn append(&self, records: Vec<Record>, done: Flushed) {
        let entries = records
            .into_iter()
            .map(|record| store::Entry {
                index: record.position.index,
                term: record.position.term,
                payload: record.bytes,
            })
            .collect();
        let done = Box::new(move |result: Result<(), store::Error>| {
            done(result.map_err(io::Error::from));
        });
        self.database.append(entries, done);
    }

    async fn truncate_after(&self, after: Option<u64>) -> io::Result<()> {
        self.written(|log, done| log.truncate_after(after, done))
            .await
    }

    async fn purge_to(&self, to: Position, label: Bytes) -> io::Result<()> {
        let to = store::Position {
            index: to.index,
            term: to.term,
        };
        self.written(|log, done| log.purge_to(to, label, done))
            .await
    }

    async fn read(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Record>> {
        let recent = self.database.read_recent(range.clone(), max_bytes)?;
        let entries = if let Some(entries) = recent {
            entries
        } else {
            let database = Arc::clone(&self.database);
            let reading = tokio::task::spawn_blocking(move || database.read(range, max_bytes));
            reading.await.map_err(io::Error::other)??
        };
        Ok(entries.into_iter().map(record).collect())
    }

    async fn save(&self, fact: Fact, value: Bytes) -> io::Result<()> {
        self.written(|log, done| log.save_meta(key(fact), value, done))
            .await
    }

    fn note(&self, fact: Fact, value: Bytes) {
        self.database.note_meta(key(fact), value);
    }

    fn fact(&self, fact: Fact) -> io::Result<Option<Bytes>> {
        Ok(self.database.meta(key(fact))?)
    }

    fn torn(&self) -> bool {
        self.database.recovery() == Recovery::TornTail
    }

    async fn mended(&self) -> io::Result<()> {
        self.written(LogDb::caught_up).await
    }
}

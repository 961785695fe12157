//! The Raft log on disk: entries, the vote, and what was cut off in front.
//!
//! ```text
//! caller ──append──▶ tail cache (readable at once) ─▶ queue ─▶ one writer thread:
//!        save_meta ─────────────────────────────────▶           take all that is queued (≤ 4 MiB)
//!        truncate_after, purge_to ──▶ cache first ──▶           one batch, one fsync
//!        note_meta (no fsync of its own) ───────────▶           completions, in the order of the calls
//! ```
//! Strict first in, first out: a vote written after an entry is never durable before it. This crate
//! knows an entry's index and term and nothing of its contents, and there is no async code here.
//!
//! Layout in RocksDB:
//! ```text
//! entries   index (8, big-endian)  →  check (4) · term (8, big-endian) · payload
//!                                     check = CRC-32 (IEEE) of index · term · payload, big-endian
//! meta      "m" key                →  the caller's bytes: the vote and its like
//!           "purged"               →  index (8) · term (8) · the caller's label
//!           "owner"                →  the identity's text
//! ```

mod cache;
mod check;
mod codec;
mod disk;
mod queue;
mod wal;
mod writer;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;

use crate::directory::DataDir;
use crate::error::Error;
use crate::identity::Identity;
use crate::mark::BootId;
use crate::stats::DatabaseStats;
use check::Opened;
use disk::Disk;
use queue::{Operation, Shared};
use writer::{Commit, Writer};

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The entry's index; the first is 0.
    pub index: u64,
    /// The term it was proposed in.
    pub term: u64,
}

/// One entry. The payload is the caller's and is shared, not copied, until it reaches RocksDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its index.
    pub index: u64,
    /// Its term; never smaller than that of the entry before it.
    pub term: u64,
    /// The caller's bytes, at most [`LogDb::MAX_PAYLOAD`].
    pub payload: Bytes,
}

impl Entry {
    /// The entry's place.
    pub const fn position(&self) -> Position {
        Position {
            index: self.index,
            term: self.term,
        }
    }
}

/// What was cut off in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// The last entry that is gone.
    pub position: Position,
    /// The bytes given to [`LogDb::purge_to`] with it.
    pub label: Bytes,
}

/// The ends of the log as accepted, which may be ahead of what is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// What was cut off in front, if anything.
    pub purged: Option<Purged>,
    /// The last entry, or the last purged one if there is no entry; `None` for a log never written.
    pub last: Option<Position>,
}

/// How the log was found at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Complete, as far as a node alone can tell.
    Clean,
    /// A power cut tore the last write, and the log now ends before it. What was torn may have been
    /// acknowledged: the node must not vote nor campaign until a leader has brought it up to date.
    /// Found again at every start until [`LogDb::caught_up`].
    TornTail,
}

/// Told when the disk has done what an operation asked, or why it did not. Runs on the writer's thread
/// (or the caller's, when the operation is refused at once), so it must not block.
pub type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// One group commit: what one fsync covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Operations completed.
    pub operations: usize,
    /// Entries among them.
    pub entries: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
    /// From the call of RocksDB to its return, the fsync included.
    pub write_duration: Duration,
    /// Whether there was an fsync: a group of notes alone does without.
    pub synced: bool,
}

/// What the owner of a log wants to hear of. Called on the writer's thread; must not block.
pub trait LogObserver: Send + Sync {
    /// A group was written.
    fn group_written(&self, group: &Group) {
        let _ = group;
    }

    /// Everything below `end` is now durable. A gate asks [`LogDb::flushed_end`] again when it decides:
    /// a truncation lowers that at once and is not announced here.
    fn flushed(&self, end: u64) {
        let _ = end;
    }

    /// The writer stopped after an error. Nothing will ever be written again: end the process.
    fn stopped(&self, reason: &str) {
        let _ = reason;
    }
}

impl LogObserver for () {}

/// What a log is opened with.
#[derive(Clone)]
pub struct LogOptions {
    /// The kernel's run, which decides whether a torn tail may be a power cut.
    pub boot: BootId,
    /// Who hears of groups, flushes and the end.
    pub observer: Arc<dyn LogObserver>,
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LogOptions")
            .field("boot", &self.boot)
            .finish_non_exhaustive()
    }
}

/// The log of one node, open.
///
/// Calls return at once, with two exceptions: reading entries older than the tail cache reads the disk,
/// and writing waits for room when 32 MiB are queued on a disk that has stopped keeping up.
pub struct LogDb {
    shared: Arc<Shared>,
    disk: Arc<Disk>,
    recovery: Recovery,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl LogDb {
    /// The largest payload of one entry, in bytes. A command is a manifest with its files at most.
    pub const MAX_PAYLOAD: usize = 16 << 20;

    /// Opens the log of `identity` in `directory`, making it if the directory has never had one.
    ///
    /// Reads every entry: indexes without a gap, terms that do not fall, each checksum right, and the
    /// end not before the mark. Anything else is [`Error::Damaged`] or [`Error::ForeignDirectory`],
    /// except for a tail torn by a power cut ([`Recovery::TornTail`]).
    pub fn open(
        directory: &DataDir,
        identity: &Identity,
        options: LogOptions,
    ) -> Result<Self, Error> {
        Self::open_with(directory, identity, options, Commit::to_disk())
    }

    /// As [`LogDb::open`], with the step that writes a group given: tests make it fail or wait.
    fn open_with(
        directory: &DataDir,
        identity: &Identity,
        options: LogOptions,
        commit: Commit,
    ) -> Result<Self, Error> {
        let Opened {
            disk,
            contents,
            metas,
            mark,
        } = check::open(directory, identity, options.boot)?;
        let recovery = mark.recovery;
        let purged = contents.purged.as_ref().map(|purged| purged.position);
        let disk = Arc::new(disk);
        let shared = Arc::new(Shared::new(contents, metas));
        let writer = Writer::new(
            Arc::clone(&shared),
            Arc::clone(&disk),
            commit,
            directory.mark_file(),
            mark,
            purged,
            options.observer,
        );
        let thread = thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| Error::disk("start the log's writer thread", error))?;
        Ok(Self {
            shared,
            disk,
            recovery,
            writer: Mutex::new(Some(thread)),
        })
    }

    /// How the log was found when it was opened.
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Appends entries behind the last one. They are readable when this returns, and durable when
    /// `done` is told so. Indexes continue the log without a gap; the first entry ever has index 0.
    pub fn append(&self, entries: Vec<Entry>, done: Done) {
        self.shared.submit(Operation::Append { entries, done });
    }

    /// Writes a small value that must survive, such as a vote. Replaces the one before.
    pub fn save_meta(&self, key: &'static str, value: Bytes, done: Done) {
        self.shared.submit(Operation::SaveMeta { key, value, done });
    }

    /// Writes a small value that may be lost in a power cut, such as the committed index: it goes to
    /// disk with whatever needs the disk next.
    pub fn note_meta(&self, key: &'static str, value: Bytes) {
        self.shared.submit(Operation::NoteMeta { key, value });
    }

    /// Cuts off every entry behind `after` (`None`: every entry there is). The mark is lowered durably
    /// before, and [`LogDb::flushed_end`] when this returns.
    pub fn truncate_after(&self, after: Option<u64>, done: Done) {
        self.shared.submit(Operation::Truncate {
            end: after.map_or(0, |index| index.saturating_add(1)),
            done,
        });
    }

    /// Cuts off every entry up to and with `upto`, keeping its term and `label` in their place.
    ///
    /// `upto` may lie beyond the end: then a snapshot stands for the whole log, which goes on at
    /// `upto.index + 1`. The caller has that snapshot on disk before it calls.
    pub fn purge_to(&self, upto: Position, label: Bytes, done: Done) {
        self.shared.submit(Operation::Purge {
            upto: Purged {
                position: upto,
                label,
            },
            done,
        });
    }

    /// Ends [`Recovery::TornTail`] for good: a leader has replicated an entry of its own term to this
    /// log, so it holds again whatever it may have acknowledged.
    pub fn caught_up(&self, done: Done) {
        self.shared.submit(Operation::CaughtUp { done });
    }

    /// The ends of the log, entries not yet durable included.
    pub fn bounds(&self) -> Result<Bounds, Error> {
        let (bounds, unread) = self.shared.bounds()?;
        let Some(index) = unread else {
            return Ok(bounds);
        };
        // The last entry is older than the cache, right after a truncation.
        let entry = self.disk.entry(index)?;
        Ok(Bounds {
            last: entry.map(|entry| entry.position()),
            ..bounds
        })
    }

    /// The entries of `range` that the log holds, without a gap, and at least one if it holds any;
    /// no more after `max_bytes` of payload. Recent entries come from memory.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Entry>, Error> {
        loop {
            let plan = self.shared.plan_read(range.clone(), max_bytes)?;
            if plan.from_disk.is_empty() {
                return Ok(plan.cached);
            }
            let (mut entries, complete) = self.disk.entries(plan.from_disk.clone(), max_bytes)?;
            // A truncation or purge in between makes what was read a mixture: look again.
            if self.shared.generation() != plan.generation {
                continue;
            }
            if let Some(missing) = complete.missing() {
                return Err(self.disk.missing_entry(missing));
            }
            if complete.is_whole() {
                let used: usize = entries.iter().map(|entry| entry.payload.len()).sum();
                queue::take_within(&mut entries, plan.cached, max_bytes.saturating_sub(used));
            }
            return Ok(entries);
        }
    }

    /// As [`LogDb::read`], but never from the disk: `None` if the disk would be needed.
    pub fn read_recent(
        &self,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<Option<Vec<Entry>>, Error> {
        let plan = self.shared.plan_read(range, max_bytes)?;
        Ok(plan.from_disk.is_empty().then_some(plan.cached))
    }

    /// The latest value accepted under `key`, durable or on its way.
    pub fn meta(&self, key: &str) -> Result<Option<Bytes>, Error> {
        self.shared.meta(key)
    }

    /// Every index below this one is on this node's own disk, counting purged ones. Never ahead of the
    /// disk: a truncation lowers it before the call returns.
    pub fn flushed_end(&self) -> u64 {
        self.shared.flushed_end()
    }

    /// Why the writer stopped, if it has.
    pub fn stopped(&self) -> Option<String> {
        self.shared.stopped()
    }

    /// Sizes for metrics.
    pub fn stats(&self) -> DatabaseStats {
        self.disk.stats()
    }

    /// Writes all that is queued and the mark, then stops the writer. Later calls are refused.
    pub fn close(&self) -> Result<(), Error> {
        self.shared.close();
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A completion may hold the last reference to its log; the writer cannot wait for itself.
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            // That it panicked is known already, as the reason it stopped.
            let _ = thread.join();
        }
        self.shared.closed_cleanly()
    }
}

impl Drop for LogDb {
    fn drop(&mut self) {
        // Whoever wants the error calls `close`; here the thread must only not outlive its log.
        let _ = self.close();
    }
}

impl fmt::Debug for LogDb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LogDb")
            .field("recovery", &self.recovery)
            .field("flushed_end", &self.flushed_end())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

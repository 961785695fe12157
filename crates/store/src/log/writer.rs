//! The one thread that writes the log: group after group, each under one fsync, until the first error.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rocksdb::WriteBatch;

use super::disk::Disk;
use super::queue::{Accepted, Next, Operation, Shared};
use super::{Group, LogObserver, Position, Recovery};
use crate::error::Error;
use crate::files::DurableFile;
use crate::mark::Mark;

/// The mark may fall this far behind: the time for which a deleted log would go unnoticed.
const MARK_INTERVAL: Duration = Duration::from_secs(1);

type CommitFn =
    dyn FnMut(&Disk, WriteBatch, bool) -> Result<(), Box<dyn StdError + Send + Sync>> + Send;

/// The step that takes a batch to the disk, with an fsync if the second argument says so.
pub(super) struct Commit(Box<CommitFn>);

impl Commit {
    pub(super) fn to_disk() -> Self {
        Self(Box::new(|disk, batch, sync| Ok(disk.write(batch, sync)?)))
    }

    #[cfg(test)]
    pub(super) fn with(
        step: impl FnMut(&Disk, WriteBatch, bool) -> Result<(), Box<dyn StdError + Send + Sync>>
        + Send
        + 'static,
    ) -> Self {
        Self(Box::new(step))
    }
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    disk: Arc<Disk>,
    commit: Commit,
    mark_file: DurableFile,
    mark: Mark,
    marked_at: Instant,
    /// Something durable has happened that the mark does not say yet.
    mark_behind: bool,
    /// RocksDB's sequence number after the last fsync.
    sequence: u64,
    purged: Option<Position>,
    observer: Arc<dyn LogObserver>,
    value: Vec<u8>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        disk: Arc<Disk>,
        commit: Commit,
        mark_file: DurableFile,
        mark: Mark,
        purged: Option<Position>,
        observer: Arc<dyn LogObserver>,
    ) -> Self {
        Self {
            shared,
            disk,
            commit,
            mark_file,
            marked_at: Instant::now(),
            mark_behind: false,
            sequence: mark.sequence,
            mark,
            purged,
            observer,
            value: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        let _ending = Ending {
            shared: Arc::clone(&self.shared),
            observer: Arc::clone(&self.observer),
        };
        loop {
            let mark_at = if self.mark_behind {
                self.marked_at.checked_add(MARK_INTERVAL)
            } else {
                None
            };
            match self.shared.next(mark_at) {
                Next::Group(group) => {
                    if !self.write_or_stop(group) {
                        return;
                    }
                }
                Next::Idle => {}
                Next::Closed => {
                    match self.raise_mark() {
                        Ok(()) => self.shared.closed(),
                        Err(error) => self.stop(error, Vec::new()),
                    }
                    return;
                }
            }
            if self.mark_behind
                && self.marked_at.elapsed() >= MARK_INTERVAL
                && let Err(error) = self.raise_mark()
            {
                self.stop(error, Vec::new());
                return;
            }
        }
    }

    /// Writes a group and tells its callers; false if that was the end.
    fn write_or_stop(&mut self, group: Vec<Accepted>) -> bool {
        let written = match self.write(&group) {
            Ok(written) => written,
            Err(error) => {
                self.stop(error, group);
                return false;
            }
        };
        // At this point the group is on the disk: a crash from here on loses none of it. Only now may
        // anyone hear of it.
        let before = self.shared.flushed_end();
        let flushed_end = self.shared.written(&group);
        for accepted in group {
            accepted.finish(Ok(()));
        }
        if flushed_end != before {
            self.observer.flushed(flushed_end);
        }
        self.observer.group_written(&written);
        true
    }

    fn write(&mut self, group: &[Accepted]) -> Result<Group, Error> {
        self.lower_mark(group)?;
        let mut batch = WriteBatch::default();
        let mut entries = 0_usize;
        let mut synced = false;
        let mut caught_up = false;
        for Accepted { operation, removed } in group {
            synced |= !matches!(operation, Operation::NoteMeta { .. });
            match operation {
                Operation::Append { entries: new, .. } => {
                    entries = entries.saturating_add(new.len());
                    for entry in new {
                        self.disk.add_entry(&mut batch, entry, &mut self.value)?;
                    }
                }
                Operation::SaveMeta { key, value, .. } | Operation::NoteMeta { key, value } => {
                    self.disk.add_meta(&mut batch, key, value)?;
                }
                Operation::Truncate { .. } => self.disk.add_removal(&mut batch, removed.clone())?,
                Operation::Purge { upto, .. } if !removed.is_empty() => {
                    self.disk.add_removal(&mut batch, removed.clone())?;
                    self.disk.add_purged(&mut batch, upto)?;
                }
                Operation::Purge { .. } => {}
                Operation::CaughtUp { .. } => caught_up = true,
            }
        }
        let bytes = batch.size_in_bytes();
        let start = Instant::now();
        (self.commit.0)(&self.disk, batch, synced).map_err(|error| {
            Error::disk(format!("write `{}`", self.disk.path().display()), error)
        })?;
        let write_duration = start.elapsed();
        self.after_write(group, synced, caught_up)?;
        Ok(Group {
            operations: group.len(),
            entries,
            bytes,
            write_duration,
            synced,
        })
    }

    fn after_write(
        &mut self,
        group: &[Accepted],
        synced: bool,
        caught_up: bool,
    ) -> Result<(), Error> {
        for Accepted { operation, removed } in group {
            if let Operation::Purge { upto, .. } = operation
                && !removed.is_empty()
            {
                self.purged = Some(upto.position);
                self.disk.release_files(removed.clone());
            }
        }
        if synced {
            self.sequence = self.disk.sequence();
            self.mark_behind = true;
        }
        if caught_up {
            self.mark.recovery = Recovery::Clean;
            self.mark.save(&self.mark_file)?;
        }
        Ok(())
    }

    /// Lowers the mark, durably, if the group cuts off what the mark vouches for. The other order would
    /// leave, after a crash in between, a log that is rightly shorter than its mark.
    fn lower_mark(&mut self, group: &[Accepted]) -> Result<(), Error> {
        let lowest = group
            .iter()
            .filter_map(|accepted| match accepted.operation {
                Operation::Truncate { .. } => Some(accepted.removed.start),
                Operation::Append { .. }
                | Operation::SaveMeta { .. }
                | Operation::NoteMeta { .. }
                | Operation::Purge { .. }
                | Operation::CaughtUp { .. } => None,
            });
        let Some(end) = lowest.min() else {
            return Ok(());
        };
        if self
            .mark
            .position
            .is_some_and(|position| position.index >= end)
        {
            self.mark.position = self.position_before(end)?;
            self.mark.save(&self.mark_file)?;
        }
        Ok(())
    }

    /// Brings the mark up to what is durable.
    fn raise_mark(&mut self) -> Result<(), Error> {
        if self.mark_behind {
            self.mark.position = self.position_before(self.shared.durable_end())?;
            self.mark.sequence = self.sequence;
            self.mark.save(&self.mark_file)?;
            self.mark_behind = false;
            self.marked_at = Instant::now();
        }
        Ok(())
    }

    /// The last position below `end`, which the disk holds or a purge has taken.
    fn position_before(&self, end: u64) -> Result<Option<Position>, Error> {
        let Some(index) = end.checked_sub(1) else {
            return Ok(None);
        };
        if let Some(purged) = self.purged
            && index <= purged.index
        {
            return Ok(Some(purged));
        }
        match self.disk.entry(index)? {
            Some(entry) => Ok(Some(entry.position())),
            None => Err(self.disk.missing_entry(index)),
        }
    }

    /// The end. After a failed fsync the kernel takes the pages for clean, so trying again would
    /// report as written what is not: every operation from here on fails.
    fn stop(&self, error: Error, group: Vec<Accepted>) {
        let reason = sentence(&error);
        let orphans = self.shared.stop(&reason);
        // The observer first: whoever sees a failed operation finds the end already announced.
        self.observer.stopped(&reason);
        let mut first = Some(error);
        for accepted in group.into_iter().chain(orphans) {
            let error = first.take().unwrap_or_else(|| Error::Stopped {
                reason: reason.clone(),
            });
            accepted.finish(Err(error));
        }
    }
}

/// Ends the log if a completion or an observer panics: callers would otherwise wait for ever.
struct Ending {
    shared: Arc<Shared>,
    observer: Arc<dyn LogObserver>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "its thread panicked";
            let orphans = self.shared.stop(reason);
            self.observer.stopped(reason);
            for orphan in orphans {
                orphan.finish(Err(Error::Stopped {
                    reason: reason.to_owned(),
                }));
            }
        }
    }
}

/// An error with its causes, as one line.
fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

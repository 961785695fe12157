//! The log as accepted: its ends, its recent entries, and how much of it is durable. No disk, no locks.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Bounds, Entry, LogDb, Position, Purged};
use crate::error::Error;

/// Entries kept in memory for followers and for `apply` after they are durable.
const CACHE_BYTES: usize = 8 << 20;

/// What the disk held when the log was opened.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) purged: Option<Purged>,
    /// The last entry; `None` if there is none behind what was purged.
    pub(super) last: Option<Entry>,
}

/// The log as its callers see it, ahead of the disk.
#[derive(Debug)]
pub(super) struct Tail {
    purged: Option<Purged>,
    /// One past the last entry.
    end: u64,
    /// The newest entries. INVARIANT: consecutive, the last at `end - 1`, and every entry that the
    /// writer has not yet written is among them.
    cached: VecDeque<Entry>,
    cached_bytes: usize,
    /// One past the last entry that the writer has made durable.
    durable_end: u64,
    /// The new ends of the truncations that the writer has not come to yet, in their order.
    cuts: VecDeque<u64>,
    /// Counts truncations and purges, so that a slow read can tell that it saw two logs.
    generation: u64,
}

/// Where the entries of a range are to be had.
#[derive(Debug)]
pub(super) struct ReadPlan {
    /// To be read from the disk first; empty if memory has all.
    pub(super) from_disk: Range<u64>,
    /// The entries behind those, as far as the limit of bytes allows.
    pub(super) cached: Vec<Entry>,
    pub(super) generation: u64,
}

impl Tail {
    pub(super) fn new(contents: Contents) -> Self {
        let end = contents
            .last
            .as_ref()
            .map(|entry| entry.index)
            .or_else(|| contents.purged.as_ref().map(|purged| purged.position.index))
            .map_or(0, |index| index.saturating_add(1));
        let mut tail = Self {
            purged: contents.purged,
            end,
            cached: VecDeque::new(),
            cached_bytes: 0,
            durable_end: end,
            cuts: VecDeque::new(),
            generation: 0,
        };
        if let Some(last) = contents.last {
            tail.remember(last);
        }
        tail
    }

    /// The first index that is not purged.
    pub(super) fn first(&self) -> u64 {
        self.purged
            .as_ref()
            .map_or(0, |purged| purged.position.index.saturating_add(1))
    }

    pub(super) fn durable_end(&self) -> u64 {
        self.durable_end
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Every index below is durable and will stay: what the disk holds behind a truncation still to
    /// come does not count.
    pub(super) fn flushed_end(&self) -> u64 {
        self.cuts
            .iter()
            .fold(self.durable_end, |end, cut| end.min(*cut))
    }

    /// The ends, and the index of the last entry if its term must be read from the disk.
    pub(super) fn bounds(&self) -> (Bounds, Option<u64>) {
        let purged = self.purged.clone();
        if self.first() >= self.end {
            let last = purged.as_ref().map(|purged| purged.position);
            return (Bounds { purged, last }, None);
        }
        let last = self.cached.back().map(Entry::position);
        let unread = last.is_none().then(|| self.end.saturating_sub(1));
        (Bounds { purged, last }, unread)
    }

    /// Whether `entries` may follow: no gap, no falling term, no payload beyond the limit.
    pub(super) fn check(&self, entries: &[Entry]) -> Result<(), Error> {
        let (bounds, _) = self.bounds();
        let mut expected = self.end;
        let mut term = bounds.last.map_or(0, |last| last.term);
        for Entry {
            index,
            term: next,
            payload,
        } in entries
        {
            if *index != expected {
                return Err(Error::misuse(format!(
                    "entry {index} does not follow the log, which ends before {expected}"
                )));
            }
            if *next < term {
                return Err(Error::misuse(format!(
                    "entry {index} has term {next} after term {term}"
                )));
            }
            if payload.len() > LogDb::MAX_PAYLOAD {
                return Err(Error::misuse(format!(
                    "entry {index} has {} bytes, more than {}",
                    payload.len(),
                    LogDb::MAX_PAYLOAD
                )));
            }
            term = *next;
            expected = expected.saturating_add(1);
        }
        Ok(())
    }

    /// Whether a purge up to `upto` agrees with the entries: one that names another entry than the log
    /// holds there would leave behind entries that do not follow.
    pub(super) fn check_purge(&self, upto: Position) -> Result<(), Error> {
        let held = self.cached.iter().find(|entry| entry.index == upto.index);
        match held {
            Some(entry) if entry.term != upto.term => Err(Error::misuse(format!(
                "a purge up to entry {} of term {} meets an entry of term {}",
                upto.index, upto.term, entry.term
            ))),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn append(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.end = entry.index.saturating_add(1);
            self.remember(entry.clone());
        }
    }

    /// Cuts off everything from `end` on and gives the range that goes; nothing below what was purged.
    pub(super) fn truncate(&mut self, end: u64) -> Range<u64> {
        let end = end.clamp(self.first(), self.end);
        let cut = end..self.end;
        self.end = end;
        while self.cached.back().is_some_and(|last| last.index >= end) {
            self.forget_last();
        }
        self.cuts.push_back(end);
        self.generation = self.generation.wrapping_add(1);
        cut
    }

    /// Cuts off everything up to `upto` and gives the range that goes; `None` if all that is gone already.
    pub(super) fn purge(&mut self, upto: &Purged) -> Option<Range<u64>> {
        let first = self.first();
        let after = upto.position.index.saturating_add(1);
        if after <= first {
            return None;
        }
        self.purged = Some(upto.clone());
        self.end = self.end.max(after);
        while self
            .cached
            .front()
            .is_some_and(|oldest| oldest.index < after)
        {
            self.forget_first();
        }
        self.generation = self.generation.wrapping_add(1);
        Some(first..after)
    }

    /// The writer has made everything below `end` durable.
    pub(super) fn appended(&mut self, end: u64) {
        self.durable_end = end;
    }

    /// The writer has carried out the oldest truncation.
    pub(super) fn truncated(&mut self) {
        if let Some(end) = self.cuts.pop_front() {
            self.durable_end = self.durable_end.min(end);
        }
    }

    /// The writer has carried out a purge: what it took is accounted for by a snapshot.
    pub(super) fn purged(&mut self, upto: Position) {
        self.durable_end = self.durable_end.max(upto.index.saturating_add(1));
    }

    /// Lets go of durable entries beyond the cache's size. The newest stays, for its term.
    pub(super) fn evict(&mut self) {
        let flushed_end = self.flushed_end();
        while self.cached_bytes > CACHE_BYTES
            && self.cached.len() > 1
            && self
                .cached
                .front()
                .is_some_and(|oldest| oldest.index < flushed_end)
        {
            self.forget_first();
        }
    }

    pub(super) fn plan_read(&self, range: Range<u64>, max_bytes: usize) -> ReadPlan {
        let start = range.start.max(self.first());
        let stop = range.end.min(self.end);
        let remembered = self.cached.front().map_or(self.end, |oldest| oldest.index);
        let from_disk = start..stop.min(remembered);
        let mut cached = Vec::new();
        let skipped = usize::try_from(start.saturating_sub(remembered)).unwrap_or(usize::MAX);
        let wanted = self
            .cached
            .iter()
            .skip(skipped)
            .take_while(|entry| entry.index < stop);
        take_within(&mut cached, wanted.cloned(), max_bytes);
        ReadPlan {
            from_disk: if start < from_disk.end {
                from_disk
            } else {
                0..0
            },
            cached: if start < stop { cached } else { Vec::new() },
            generation: self.generation,
        }
    }

    fn remember(&mut self, entry: Entry) {
        self.cached_bytes = self.cached_bytes.saturating_add(entry.payload.len());
        self.cached.push_back(entry);
    }

    fn forget_first(&mut self) {
        if let Some(entry) = self.cached.pop_front() {
            self.cached_bytes = self.cached_bytes.saturating_sub(entry.payload.len());
        }
    }

    fn forget_last(&mut self) {
        if let Some(entry) = self.cached.pop_back() {
            self.cached_bytes = self.cached_bytes.saturating_sub(entry.payload.len());
        }
    }
}

/// Moves entries over while their payloads fit into `budget`; the very first always fits.
pub(super) fn take_within(
    taken: &mut Vec<Entry>,
    from: impl IntoIterator<Item = Entry>,
    budget: usize,
) {
    let mut used = 0_usize;
    for entry in from {
        used = used.saturating_add(entry.payload.len());
        if used > budget && !taken.is_empty() {
            return;
        }
        taken.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn entry(index: u64, term: u64) -> Entry {
        Entry {
            index,
            term,
            payload: Bytes::from(vec![0; 10]),
        }
    }

    fn entries(range: Range<u64>, term: u64) -> Vec<Entry> {
        range.map(|index| entry(index, term)).collect()
    }

    fn purged(index: u64, term: u64) -> Purged {
        Purged {
            position: Position { index, term },
            label: Bytes::new(),
        }
    }

    fn indexes(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn a_truncation_lowers_what_counts_as_flushed_before_the_writer_has_come_to_it() {
        let mut tail = Tail::new(Contents::default());
        tail.append(&entries(0..10, 1));
        tail.appended(5);
        assert_eq!(tail.flushed_end(), 5);
        tail.truncate(3);
        assert_eq!(tail.flushed_end(), 3);
        tail.append(&entries(3..6, 2));
        // The writer now finishes the ten entries that were queued before the truncation.
        tail.appended(10);
        assert_eq!(
            tail.flushed_end(),
            3,
            "entries about to be cut off do not count"
        );
        tail.truncated();
        assert_eq!(tail.flushed_end(), 3);
        tail.appended(6);
        assert_eq!(tail.flushed_end(), 6);
    }

    #[test]
    fn a_purge_beyond_the_end_leaves_an_empty_log_that_goes_on_behind_it() {
        let mut tail = Tail::new(Contents::default());
        tail.append(&entries(0..4, 1));
        assert_eq!(tail.purge(&purged(9, 3)), Some(0..10));
        assert_eq!(tail.bounds().0.last, Some(Position { index: 9, term: 3 }));
        assert!(tail.check(&[entry(4, 3)]).is_err());
        assert!(
            tail.check(&[entry(10, 2)]).is_err(),
            "a term below the snapshot's"
        );
        assert!(tail.check(&[entry(10, 3)]).is_ok());
        tail.purged(Position { index: 9, term: 3 });
        assert_eq!(tail.flushed_end(), 10);
        assert_eq!(tail.purge(&purged(9, 3)), None);
    }

    #[test]
    fn a_range_is_split_between_disk_and_memory() {
        let last = Some(entry(4, 1));
        let mut tail = Tail::new(Contents {
            purged: Some(purged(1, 1)),
            last,
        });
        tail.append(&entries(5..8, 1));
        let plan = tail.plan_read(0..7, usize::MAX);
        assert_eq!(
            (plan.from_disk, indexes(&plan.cached)),
            (2..4, vec![4, 5, 6])
        );
        let plan = tail.plan_read(5..100, usize::MAX);
        assert_eq!(
            (plan.from_disk, indexes(&plan.cached)),
            (0..0, vec![5, 6, 7])
        );
        let plan = tail.plan_read(2..3, usize::MAX);
        assert_eq!((plan.from_disk, indexes(&plan.cached)), (2..3, vec![]));
        let plan = tail.plan_read(8..9, usize::MAX);
        assert_eq!((plan.from_disk, indexes(&plan.cached)), (0..0, vec![]));
        let plan = tail.plan_read(5..8, 20);
        assert_eq!(indexes(&plan.cached), [5, 6], "ten bytes each");
        let plan = tail.plan_read(5..8, 0);
        assert_eq!(indexes(&plan.cached), [5], "one always fits");
    }

    #[test]
    fn entries_that_are_not_durable_are_never_evicted() {
        let mut tail = Tail::new(Contents::default());
        let big = |index| Entry {
            index,
            term: 1,
            payload: Bytes::from(vec![0; CACHE_BYTES / 2]),
        };
        tail.append(&[big(0), big(1), big(2), big(3)]);
        tail.evict();
        assert_eq!(tail.plan_read(0..4, usize::MAX).cached.len(), 4);
        tail.appended(1);
        tail.evict();
        assert_eq!(indexes(&tail.plan_read(0..4, usize::MAX).cached), [1, 2, 3]);
        tail.appended(4);
        tail.evict();
        assert_eq!(indexes(&tail.plan_read(0..4, usize::MAX).cached), [2, 3]);
    }

    #[test]
    fn a_truncation_below_the_cache_leaves_the_last_term_to_be_read() {
        let last = Some(entry(4, 1));
        let mut tail = Tail::new(Contents { purged: None, last });
        assert_eq!(tail.truncate(3), 3..5);
        assert_eq!(
            tail.bounds(),
            (
                Bounds {
                    purged: None,
                    last: None
                },
                Some(2)
            )
        );
        assert_eq!(tail.truncate(0), 0..3);
        assert_eq!(
            tail.bounds(),
            (
                Bounds {
                    purged: None,
                    last: None
                },
                None
            )
        );
    }
}

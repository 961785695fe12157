//! openraft's log storage over the [`Log`] seam.
//!
//! There is no disk and no thread here: entries become bytes, and a finished flush is told first
//! to the cosign gate, then to openraft.

use std::fmt::{Debug, Display};
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use futures::stream::{self, Stream, TryStreamExt};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};

use crate::config::Observer;
use crate::gate::Gate;
use crate::mending::Mending;
use crate::mutant;
use crate::seams::{Fact, Log, Position, Record};
use crate::trace::Event;
use crate::types::{Entry, LogId, TypeConfig, Vote};
use crate::wire;

/// The log as openraft sees it; clones share it.
#[derive(Debug)]
pub(crate) struct LogStore<L> {
    log: Arc<L>,
    gate: Arc<Gate>,
    mending: Arc<Mending>,
    /// Most bytes read for one append request.
    append_bytes: usize,
    observer: Arc<dyn Observer>,
}

impl<L> Clone for LogStore<L> {
    fn clone(&self) -> Self {
        Self {
            log: Arc::clone(&self.log),
            gate: Arc::clone(&self.gate),
            mending: Arc::clone(&self.mending),
            append_bytes: self.append_bytes,
            observer: Arc::clone(&self.observer),
        }
    }
}

impl<L: Log> LogStore<L> {
    pub(crate) fn new(
        log: Arc<L>,
        gate: Arc<Gate>,
        mending: Arc<Mending>,
        append_bytes: usize,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            log,
            gate,
            mending,
            append_bytes,
            observer,
        }
    }

    /// Whether a torn log is being given an entry that the leader of now made itself.
    fn is_leaders_own(&self, last: Option<LogId>) -> io::Result<bool> {
        if !self.mending.is_torn() {
            return Ok(false);
        }
        let vote = self.vote()?;
        Ok(vote.is_some_and(|vote| {
            vote.committed && last.is_some_and(|last| last.leader_id == vote.leader_id)
        }))
    }

    fn vote(&self) -> io::Result<Option<Vote>> {
        self.log
            .fact(Fact::Vote)?
            .map(|bytes| wire::vote_from_bytes(bytes).map_err(corrupt))
            .transpose()
    }

    async fn entries(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Entry>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let records = self.log.read(range, max_bytes).await?;
        records
            .into_iter()
            .map(|record| {
                let entry = wire::entry_from_bytes(record.bytes).map_err(corrupt)?;
                if entry.log_id.index == record.position.index {
                    Ok(entry)
                } else {
                    Err(corrupt("an entry at another's place in the log"))
                }
            })
            .collect()
    }

    /// The whole of `range` that the log holds, in as many reads as that takes.
    async fn all_entries(&self, range: Range<u64>) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut next = range.start;
        loop {
            let part = self.entries(next..range.end, self.append_bytes).await?;
            let Some(last) = part.last() else {
                return Ok(entries);
            };
            next = last.log_id.index.saturating_add(1);
            entries.extend(part);
        }
    }
}

fn corrupt(what: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
}

fn position(log_id: LogId) -> Position {
    Position {
        index: log_id.index,
        term: log_id.leader_id.term,
    }
}

fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&end) => end.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl<L: Log> RaftLogReader<TypeConfig> for LogStore<L> {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        self.all_entries(half_open(&range)).await
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry>> + Send
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        // Applying may be far behind, after a restart: it is given a piece at a time.
        let log = self.clone();
        let end = half_open(&range).end;
        let pieces = stream::try_unfold(half_open(&range).start, move |next| {
            let log = log.clone();
            async move {
                let piece = log.entries(next..end, log.append_bytes).await?;
                let last = piece.last().map(|entry| entry.log_id.index);
                Ok::<_, io::Error>(last.map(|last| (piece, last.saturating_add(1))))
            }
        });
        pieces
            .map_ok(|piece| stream::iter(piece.into_iter().map(Ok)))
            .try_flatten()
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.entries(start..end, self.append_bytes).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.vote()
    }
}

impl<L: Log> RaftLogStorage<TypeConfig> for LogStore<L> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let bounds = self.log.bounds()?;
        let purged = bounds
            .purged
            .map(|label| wire::log_id_from_bytes(label).map_err(corrupt))
            .transpose()?;
        let last = match bounds.last {
            None => purged,
            Some(Position { index, .. }) => {
                let end = index.saturating_add(1);
                let last = self.entries(index..end, usize::MAX).await?;
                last.last().map(|entry| entry.log_id).or(purged)
            }
        };
        Ok(LogState {
            last_purged_log_id: purged,
            last_log_id: last,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        if mutant::is("vote-not-fsynced") {
            self.log.note(Fact::Vote, wire::vote_to_bytes(vote));
        } else {
            self.log.save(Fact::Vote, wire::vote_to_bytes(vote)).await?;
        }
        self.observer.happened(&Event::Voted {
            term: vote.leader_id.term,
            node: vote.leader_id.node_id,
            committed: vote.committed,
        });
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            self.log
                .note(Fact::Committed, wire::log_id_to_bytes(committed));
            self.observer.happened(&Event::Committed {
                index: committed.index,
                term: committed.leader_id.term,
            });
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        self.log
            .fact(Fact::Committed)?
            .map(|bytes| wire::log_id_from_bytes(bytes).map_err(corrupt))
            .transpose()
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let mut last = None;
        let records: Vec<Record> = entries
            .into_iter()
            .map(|entry| {
                last = Some(entry.log_id);
                Record {
                    position: position(entry.log_id),
                    bytes: wire::entry_to_bytes(entry),
                }
            })
            .collect();
        let gate = Arc::clone(&self.gate);
        let mending = self
            .is_leaders_own(last)?
            .then(|| Arc::clone(&self.mending));
        let observer = Arc::clone(&self.observer);
        if let Some(last) = last {
            observer.happened(&Event::Appended {
                index: last.index,
                term: last.leader_id.term,
            });
        }
        let done = move |result: io::Result<()>| {
            if let (Ok(()), Some(last)) = (&result, last) {
                observer.happened(&Event::Flushed {
                    index: last.index,
                    term: last.leader_id.term,
                });
                gate.flushed(last.index);
                if let Some(mending) = mending {
                    mending.supplied();
                }
            }
            callback.io_completed(result);
        };
        if mutant::is("callback-before-fsync") {
            self.log.append(records, Box::new(|_| {}));
            done(Ok(()));
            return Ok(());
        }
        self.log.append(records, Box::new(done));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let after = last.map(|log_id| log_id.index);
        self.log.truncate_after(after).await?;
        self.gate.truncated(after);
        self.observer.happened(&Event::Truncated { index: after });
        Ok(())
    }

    async fn purge(&mut self, to: LogId) -> io::Result<()> {
        let label = wire::log_id_to_bytes(to);
        self.log.purge_to(position(to), label).await?;
        self.observer.happened(&Event::Purged { index: to.index });
        Ok(())
    }
}

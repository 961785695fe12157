//! What stands between the callers and the writer: one queue and the log as accepted, under one lock,
//! so that the order of the calls, of the queue and of what readers see is one order. Never held over
//! disk work.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;

pub(super) use super::cache::take_within;
use super::cache::{Contents, ReadPlan, Tail};
use super::{Bounds, Done, Entry, Purged};
use crate::error::Error;

/// Payloads that may wait for the disk. Beyond this, writers wait for room: a leader whose disk stands
/// still is better noticed by its followers than hidden by memory.
const QUEUE_BYTES: usize = 32 << 20;
/// Payloads written under one fsync. Large enough for thousands of reports, small enough that the next
/// vote does not wait long.
const GROUP_BYTES: usize = 4 << 20;
/// What an operation costs beside its payload, so that empty ones are bounded too.
const OPERATION_BYTES: usize = 64;

/// One thing for the writer to do.
pub(super) enum Operation {
    Append {
        entries: Vec<Entry>,
        done: Done,
    },
    SaveMeta {
        key: &'static str,
        value: Bytes,
        done: Done,
    },
    NoteMeta {
        key: &'static str,
        value: Bytes,
    },
    Truncate {
        end: u64,
        done: Done,
    },
    Purge {
        upto: Purged,
        done: Done,
    },
    CaughtUp {
        done: Done,
    },
}

impl Operation {
    fn bytes(&self) -> usize {
        let payload = match self {
            Self::Append { entries, .. } => entries.iter().fold(0, |sum: usize, entry| {
                sum.saturating_add(entry.payload.len())
                    .saturating_add(OPERATION_BYTES)
            }),
            Self::SaveMeta { value, .. } | Self::NoteMeta { value, .. } => value.len(),
            Self::Truncate { .. } | Self::Purge { .. } | Self::CaughtUp { .. } => 0,
        };
        payload.saturating_add(OPERATION_BYTES)
    }

    /// Tells the caller, if there is one to tell.
    fn finish(self, result: Result<(), Error>) {
        match self {
            Self::Append { done, .. }
            | Self::SaveMeta { done, .. }
            | Self::Truncate { done, .. }
            | Self::Purge { done, .. }
            | Self::CaughtUp { done } => done(result),
            Self::NoteMeta { .. } => {}
        }
    }
}

/// An accepted operation with what it takes away from the disk.
pub(super) struct Accepted {
    pub(super) operation: Operation,
    /// The indexes that a truncation or a purge removes.
    pub(super) removed: Range<u64>,
}

impl Accepted {
    pub(super) fn finish(self, result: Result<(), Error>) {
        self.operation.finish(result);
    }
}

/// What the writer is to do next.
pub(super) enum Next {
    /// Write these.
    Group(Vec<Accepted>),
    /// Nothing has come before the given instant.
    Idle,
    /// Everything is written and nothing more will come.
    Closed,
}

pub(super) struct Shared {
    state: Mutex<State>,
    /// Something was queued, or the log is closing.
    work: Condvar,
    /// The queue has become shorter, or the log has stopped.
    room: Condvar,
    flushed_end: AtomicU64,
}

struct State {
    queue: VecDeque<Accepted>,
    queued_bytes: usize,
    tail: Tail,
    /// The caller's values as accepted.
    metas: BTreeMap<String, Bytes>,
    phase: Phase,
}

enum Phase {
    Open,
    Closing,
    Closed,
    /// An error ended it.
    Stopped(String),
}

impl Phase {
    fn refusal(&self) -> Option<Error> {
        let reason = match self {
            Self::Open => return None,
            Self::Closing | Self::Closed => "it was closed",
            Self::Stopped(reason) => reason,
        };
        Some(Error::Stopped {
            reason: reason.to_owned(),
        })
    }
}

impl Shared {
    pub(super) fn new(contents: Contents, metas: BTreeMap<String, Bytes>) -> Self {
        let tail = Tail::new(contents);
        Self {
            flushed_end: AtomicU64::new(tail.flushed_end()),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                queued_bytes: 0,
                tail,
                metas,
                phase: Phase::Open,
            }),
            work: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Accepts an operation and queues it, or tells its caller at once why not.
    pub(super) fn submit(&self, operation: Operation) {
        let mut state = self.lock();
        while state.queued_bytes > QUEUE_BYTES && matches!(state.phase, Phase::Open) {
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        match state.accept(&operation) {
            Ok(removed) => {
                state.queued_bytes = state.queued_bytes.saturating_add(operation.bytes());
                state.queue.push_back(Accepted { operation, removed });
                // Lowered while the lock is held, or the writer could raise it in between.
                self.flushed_end
                    .store(state.tail.flushed_end(), Ordering::Release);
                drop(state);
                self.work.notify_one();
            }
            Err(error) => {
                drop(state);
                operation.finish(Err(error));
            }
        }
    }

    /// Waits for work: the oldest operations, as many as belong under one fsync.
    pub(super) fn next(&self, until: Option<Instant>) -> Next {
        let mut state = self.lock();
        loop {
            if !state.queue.is_empty() {
                let group = state.take_group();
                drop(state);
                self.room.notify_all();
                return Next::Group(group);
            }
            if matches!(state.phase, Phase::Closing) {
                return Next::Closed;
            }
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return Next::Idle,
                Some(left) => {
                    let waited = self.work.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The writer has made a group durable. Gives the new flushed end.
    pub(super) fn written(&self, group: &[Accepted]) -> u64 {
        let mut state = self.lock();
        for accepted in group {
            match &accepted.operation {
                Operation::Append { entries, .. } => {
                    if let Some(last) = entries.last() {
                        state.tail.appended(last.index.saturating_add(1));
                    }
                }
                Operation::Truncate { .. } => state.tail.truncated(),
                Operation::Purge { upto, .. } => state.tail.purged(upto.position),
                Operation::SaveMeta { .. }
                | Operation::NoteMeta { .. }
                | Operation::CaughtUp { .. } => {}
            }
        }
        state.tail.evict();
        let flushed_end = state.tail.flushed_end();
        self.flushed_end.store(flushed_end, Ordering::Release);
        flushed_end
    }

    /// One past the last entry that the writer has written, truncations still to come not counted.
    pub(super) fn durable_end(&self) -> u64 {
        self.lock().tail.durable_end()
    }

    /// Ends everything: gives back what was queued, and refuses all that comes.
    pub(super) fn stop(&self, reason: &str) -> Vec<Accepted> {
        let mut state = self.lock();
        state.phase = Phase::Stopped(reason.to_owned());
        state.queued_bytes = 0;
        let orphans = state.queue.drain(..).collect();
        drop(state);
        self.room.notify_all();
        orphans
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.work.notify_all();
        self.room.notify_all();
    }

    /// The writer has finished in good order.
    pub(super) fn closed(&self) {
        self.lock().phase = Phase::Closed;
    }

    pub(super) fn closed_cleanly(&self) -> Result<(), Error> {
        match &self.lock().phase {
            Phase::Stopped(reason) => Err(Error::Stopped {
                reason: reason.clone(),
            }),
            Phase::Open | Phase::Closing | Phase::Closed => Ok(()),
        }
    }

    pub(super) fn bounds(&self) -> Result<(Bounds, Option<u64>), Error> {
        self.reading().map(|state| state.tail.bounds())
    }

    pub(super) fn plan_read(&self, range: Range<u64>, max_bytes: usize) -> Result<ReadPlan, Error> {
        self.reading()
            .map(|state| state.tail.plan_read(range, max_bytes))
    }

    pub(super) fn generation(&self) -> u64 {
        self.lock().tail.generation()
    }

    pub(super) fn meta(&self, key: &str) -> Result<Option<Bytes>, Error> {
        self.reading().map(|state| state.metas.get(key).cloned())
    }

    pub(super) fn flushed_end(&self) -> u64 {
        self.flushed_end.load(Ordering::Acquire)
    }

    pub(super) fn stopped(&self) -> Option<String> {
        match &self.lock().phase {
            Phase::Stopped(reason) => Some(reason.clone()),
            Phase::Open | Phase::Closing | Phase::Closed => None,
        }
    }

    /// The state for reading. After an error nothing is answered: what memory holds may never have
    /// reached the disk.
    fn reading(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.lock();
        match &state.phase {
            Phase::Stopped(reason) => Err(Error::Stopped {
                reason: reason.clone(),
            }),
            Phase::Open | Phase::Closing | Phase::Closed => Ok(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Checks an operation against the log as it stands and lets readers see it, or changes nothing.
    /// Gives the indexes that are to be removed from the disk.
    fn accept(&mut self, operation: &Operation) -> Result<Range<u64>, Error> {
        if let Some(refusal) = self.phase.refusal() {
            return Err(refusal);
        }
        match operation {
            Operation::Append { entries, .. } => {
                self.tail.check(entries)?;
                self.tail.append(entries);
            }
            Operation::SaveMeta { key, value, .. } | Operation::NoteMeta { key, value } => {
                self.metas.insert((*key).to_owned(), value.clone());
            }
            Operation::Truncate { end, .. } => return Ok(self.tail.truncate(*end)),
            Operation::Purge { upto, .. } => {
                self.tail.check_purge(upto.position)?;
                return Ok(self.tail.purge(upto).unwrap_or_default());
            }
            Operation::CaughtUp { .. } => {}
        }
        Ok(0..0)
    }

    fn take_group(&mut self) -> Vec<Accepted> {
        let mut group = Vec::new();
        let mut bytes = 0_usize;
        while bytes < GROUP_BYTES
            && let Some(accepted) = self.queue.pop_front()
        {
            bytes = bytes.saturating_add(accepted.operation.bytes());
            group.push(accepted);
        }
        self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
        group
    }
}

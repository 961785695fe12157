//! The cosign gate: up to which tree size this node has everything on its own disk.
//!
//! A follower may apply an entry that a majority has committed before it has flushed that entry
//! itself. A node that cosigned such a tree and then lost power would come back without a leaf it
//! signed for. So a tree size is released only when the entry that made it lies at or below the
//! log writer's own contiguous flushed position, or when it came with an installed snapshot whose
//! files are synced. openraft's flush points are not used: they order by vote first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::mutant;

/// How far the state machine has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last applied log index; `None` before the first entry.
    pub log_index: Option<u64>,
    /// Leaves in the tree after it.
    pub tree_size: u64,
}

#[derive(Debug)]
struct Waiting {
    /// Everything in the log at or below this index is on disk.
    flushed: Option<u64>,
    /// Applied entries above `flushed` that changed the tree, with the size after each, in order.
    // INVARIANT: indexes ascend, and only committed (hence applied) entries stand here, so a
    // truncation of the log never touches one.
    sizes: VecDeque<(u64, u64)>,
}

/// Joins what the state machine has applied with what the log writer has flushed.
#[derive(Debug)]
pub(crate) struct Gate {
    waiting: Mutex<Waiting>,
    applied: watch::Sender<Progress>,
    released: watch::Sender<u64>,
}

impl Gate {
    /// `durable` is the state as opened, after its own write-ahead log was synced; `flushed` is
    /// the last index in the log as opened.
    pub(crate) fn new(durable: Progress, flushed: Option<u64>) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                flushed,
                sizes: VecDeque::new(),
            }),
            applied: watch::Sender::new(durable),
            released: watch::Sender::new(durable.tree_size),
        }
    }

    pub(crate) fn watch_applied(&self) -> watch::Receiver<Progress> {
        self.applied.subscribe()
    }

    pub(crate) fn watch_released(&self) -> watch::Receiver<u64> {
        self.released.subscribe()
    }

    pub(crate) fn tree_size(&self) -> u64 {
        *self.released.borrow()
    }

    /// A batch has been applied; `sizes` has the tree size after each of its entries.
    pub(crate) fn applied(&self, sizes: &[(u64, u64)]) {
        let Some(&(log_index, tree_size)) = sizes.last() else {
            return;
        };
        let mut waiting = self.lock();
        let mut before = self.applied.borrow().tree_size;
        for &(index, size) in sizes {
            if size != before {
                waiting.sizes.push_back((index, size));
                before = size;
            }
        }
        self.release(&mut waiting);
        drop(waiting);
        self.applied.send_replace(Progress {
            log_index: Some(log_index),
            tree_size,
        });
    }

    /// The log is on disk up to `index` without a gap.
    pub(crate) fn flushed(&self, index: u64) {
        let mut waiting = self.lock();
        waiting.flushed = waiting.flushed.max(Some(index));
        self.release(&mut waiting);
    }

    /// The log now ends at `last`; called before anything new is appended after it.
    pub(crate) fn truncated(&self, last: Option<u64>) {
        let mut waiting = self.lock();
        waiting.flushed = waiting.flushed.min(last);
    }

    /// A snapshot has taken the place of the state, and its files are synced.
    pub(crate) fn installed(&self, progress: Progress) {
        let mut waiting = self.lock();
        waiting.sizes.clear();
        waiting.flushed = waiting.flushed.max(progress.log_index);
        drop(waiting);
        self.raise(progress.tree_size);
        self.applied.send_replace(progress);
    }

    fn release(&self, waiting: &mut Waiting) {
        let mut size = None;
        while let Some(&(index, after)) = waiting.sizes.front() {
            if Some(index) > waiting.flushed && !mutant::is("gate-without-flush") {
                break;
            }
            size = Some(after);
            waiting.sizes.pop_front();
        }
        if let Some(size) = size {
            self.raise(size);
        }
    }

    fn raise(&self, size: u64) {
        self.released.send_if_modified(|released| {
            let higher = size > *released;
            *released = (*released).max(size);
            higher
        });
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change under the lock is whole before the next statement, so a panic elsewhere
        // leaves nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Progress};

    fn fresh() -> Gate {
        Gate::new(Progress::default(), None)
    }

    #[test]
    fn an_applied_leaf_waits_for_its_own_flush() {
        let gate = fresh();
        gate.applied(&[(1, 0), (2, 1), (3, 2)]);
        assert_eq!(gate.tree_size(), 0);
        gate.flushed(2);
        assert_eq!(gate.tree_size(), 1);
        gate.flushed(3);
        assert_eq!(gate.tree_size(), 2);
    }

    #[test]
    fn a_flushed_leaf_waits_for_its_apply() {
        let gate = fresh();
        gate.flushed(9);
        assert_eq!(gate.tree_size(), 0);
        gate.applied(&[(8, 4), (9, 4)]);
        assert_eq!(gate.tree_size(), 4);
    }

    /// Old entries 3 to 5 were flushed, then cut; the new entry 4 is applied before its flush.
    #[test]
    fn a_cut_log_does_not_vouch_for_what_replaces_it() {
        let gate = fresh();
        gate.flushed(5);
        gate.truncated(Some(2));
        gate.applied(&[(3, 1), (4, 2)]);
        assert_eq!(gate.tree_size(), 0);
        gate.flushed(4);
        assert_eq!(gate.tree_size(), 2);
    }

    #[test]
    fn a_snapshot_releases_its_size_at_once() {
        let gate = fresh();
        gate.installed(Progress {
            log_index: Some(40),
            tree_size: 17,
        });
        assert_eq!(gate.tree_size(), 17);
        gate.applied(&[(41, 18)]);
        assert_eq!(gate.tree_size(), 17);
        gate.flushed(41);
        assert_eq!(gate.tree_size(), 18);
    }

    #[test]
    fn a_released_size_is_never_taken_back() {
        let gate = fresh();
        gate.flushed(3);
        gate.applied(&[(3, 3)]);
        gate.truncated(None);
        assert_eq!(gate.tree_size(), 3);
    }
}

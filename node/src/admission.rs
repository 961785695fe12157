//! Who is let in: a bounded number of calls at a time in each lane, decided before a byte of a
//! note is looked at. What is turned away is told when to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use telemetry::{Lane, Metrics, RejectReason};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;

/// When a caller that was turned away may try again. Long enough that a retry finds room,
/// short enough that a chair does not notice.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(250);

/// The door's counters. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    submissions: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
    limits: Limits,
    conditions: Arc<Conditions>,
    metrics: Arc<Metrics>,
}

/// What else may close the door, kept up to date by the observing task.
#[derive(Debug, Default)]
struct Conditions {
    draining: AtomicBool,
    backlog: AtomicU64,
    free_bytes: AtomicU64,
}

/// Leave to do one piece of work; giving it up lets the next one in.
#[derive(Debug)]
pub(crate) struct Permit {
    _place: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        let conditions = Conditions::default();
        conditions.free_bytes.store(u64::MAX, Ordering::Relaxed);
        Self {
            submissions: Arc::new(Semaphore::new(limits.submissions_in_flight)),
            reads: Arc::new(Semaphore::new(limits.reads_in_flight)),
            watchers: Arc::new(Semaphore::new(limits.watchers)),
            limits,
            conditions: Arc::new(conditions),
            metrics,
        }
    }

    /// Lets a submission in, or says why not.
    pub(crate) fn submission(&self) -> Result<Permit, RejectReason> {
        let result = self.closed().map_or_else(|| place(&self.submissions), Err);
        self.count(Lane::Submit, result)
    }

    /// Lets a read in, or says why not. Reads stay open while the node drains or its disk is full.
    pub(crate) fn read(&self) -> Result<Permit, RejectReason> {
        self.count(Lane::Read, place(&self.reads))
    }

    /// Lets a stream of results in, or says why not.
    pub(crate) fn watcher(&self) -> Result<Permit, RejectReason> {
        self.count(Lane::Read, place(&self.watchers))
    }

    /// No submission is let in from here on.
    pub(crate) fn drain(&self) {
        self.conditions.draining.store(true, Ordering::Relaxed);
    }

    /// Submissions are let in again.
    pub(crate) fn resume(&self) {
        self.conditions.draining.store(false, Ordering::Relaxed);
    }

    /// Whether submissions are turned away because the node is to be stopped.
    pub(crate) fn draining(&self) -> bool {
        self.conditions.draining.load(Ordering::Relaxed)
    }

    /// Takes note of how far the state lags behind the log, and of the room left on the disk.
    pub(crate) fn observe(&self, backlog: u64, free_bytes: u64) {
        self.conditions.backlog.store(backlog, Ordering::Relaxed);
        self.conditions
            .free_bytes
            .store(free_bytes, Ordering::Relaxed);
    }

    fn closed(&self) -> Option<RejectReason> {
        let Conditions {
            draining,
            backlog,
            free_bytes,
        } = &*self.conditions;
        if draining.load(Ordering::Relaxed) {
            Some(RejectReason::Draining)
        } else if free_bytes.load(Ordering::Relaxed) < self.limits.free_bytes_floor {
            Some(RejectReason::DiskFloor)
        } else if backlog.load(Ordering::Relaxed) > self.limits.apply_backlog_entries {
            Some(RejectReason::Backlog)
        } else {
            None
        }
    }

    fn count(
        &self,
        lane: Lane,
        result: Result<Permit, RejectReason>,
    ) -> Result<Permit, RejectReason> {
        result.inspect_err(|reason| {
            let lane = telemetry::Label::as_str(lane);
            self.metrics
                .admission_rejected
                .increment_with(lane, *reason);
        })
    }
}

fn place(places: &Arc<Semaphore>) -> Result<Permit, RejectReason> {
    Arc::clone(places)
        .try_acquire_owned()
        .map(|place| Permit { _place: place })
        .map_err(|_taken| RejectReason::InFlight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        let names = telemetry::Names {
            refusal_codes: &[],
            peers: &[],
            witnesses: &[],
            version: "0.0.0",
        };
        let limits = Limits {
            submissions_in_flight: 1,
            reads_in_flight: 1,
            ..Limits::default()
        };
        Admission::new(limits, Arc::new(Metrics::new(names).unwrap()))
    }

    #[test]
    fn a_place_is_free_again_when_its_work_is_done() {
        let admission = admission();
        let first = admission.submission().unwrap();
        assert_eq!(admission.submission().unwrap_err(), RejectReason::InFlight);
        drop(first);
        admission.submission().unwrap();
    }

    #[test]
    fn submissions_and_reads_do_not_take_each_others_places() {
        let admission = admission();
        let _read = admission.read().unwrap();
        admission.submission().unwrap();
    }

    #[test]
    fn a_full_disk_a_backlog_and_a_drain_close_the_door_to_submissions_only() {
        let limits = Limits::default();
        for (backlog, free, expected) in [
            (0, limits.free_bytes_floor, None),
            (
                0,
                limits.free_bytes_floor - 1,
                Some(RejectReason::DiskFloor),
            ),
            (
                limits.apply_backlog_entries + 1,
                u64::MAX,
                Some(RejectReason::Backlog),
            ),
        ] {
            let admission = admission();
            admission.observe(backlog, free);
            assert_eq!(admission.submission().err(), expected);
            admission.read().unwrap();
        }
        let admission = admission();
        admission.drain();
        assert_eq!(admission.submission().unwrap_err(), RejectReason::Draining);
        admission.read().unwrap();
    }
}

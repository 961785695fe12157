//! Who is let in: a bounded number of calls at a time in each lane, decided before a signature is
//! looked at. What is turned away is told when to come back.
//!
//! | lane | who | places | of one source |
//! | --- | --- | --- | --- |
//! | credentialled | notes that name a key in force | `submissions_in_flight` | seven eighths, and few until one was authentic |
//! | strangers | all other notes, and those of a source whose signatures failed lately | `strangers_in_flight` | an eighth, and a pace |
//! | reads | results, receipts, entries, proofs | `reads_in_flight` | half |
//! | watchers | streams of results | `watchers` | half |
//!
//! No lane takes another's places. Of the strangers `TURNS` are looked at at a time; the
//! others in the lane wait.

pub(crate) mod sources;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use telemetry::{Lane, Metrics, RejectReason};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::sources::{Kind, SOURCE_PACE, Share, Source, Sources, TOTAL_PACE};
use crate::config::Limits;

/// Strangers' notes looked at at the same time. Each costs a signature at the most, so this is
/// how much of the machine junk can have.
const TURNS: usize = 2;

/// Places of the credentialled lane for a source that has not sent an authentic note yet: more
/// chairs than begin in one venue within the same blink.
const UNPROVEN: usize = 16;

/// When a caller that was turned away may try again. Long enough that a retry finds room,
/// short enough that a chair does not notice.
pub(crate) const SOON: Duration = Duration::from_millis(250);

/// The same where it takes the node or its operator longer.
const LATER: Duration = Duration::from_secs(1);

/// When to come back after a rejection.
pub(crate) const fn retry_after(reason: RejectReason) -> Duration {
    match reason {
        RejectReason::InFlight
        | RejectReason::Share
        | RejectReason::Backlog
        | RejectReason::Draining => SOON,
        RejectReason::Rate | RejectReason::DiskFloor => LATER,
    }
}

/// Whom a note claims to be from, as far as can be told without looking at its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A key that may sign now.
    KeyInForce,
    /// A key that nobody knows or that may no longer sign, or no key at all.
    Nobody,
}

/// The door's counters. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    credentialled: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
    sources: Arc<Sources>,
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
    _share: Option<Share>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// The note has its outcome: whoever waits for a turn may have it, while this one keeps its
    /// place until it has its receipt.
    pub(crate) fn end_turn(&mut self) {
        self.turn = None;
    }
}

impl Admission {
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        let conditions = Conditions::default();
        conditions.free_bytes.store(u64::MAX, Ordering::Relaxed);
        Self {
            credentialled: Arc::new(Semaphore::new(limits.submissions_in_flight)),
            strangers: Arc::new(Semaphore::new(limits.strangers_in_flight)),
            turns: Arc::new(Semaphore::new(TURNS)),
            reads: Arc::new(Semaphore::new(limits.reads_in_flight)),
            watchers: Arc::new(Semaphore::new(limits.watchers)),
            sources: Arc::default(),
            limits,
            conditions: Arc::new(conditions),
            metrics,
        }
    }

    /// Lets a note in, or says why not. A stranger waits here for its turn.
    pub(crate) async fn submission(
        &self,
        source: Source,
        claim: Claim,
    ) -> Result<Permit, RejectReason> {
        let now = Instant::now();
        let lane = match claim {
            Claim::KeyInForce if !self.sources.is_suspect(source, now) => Lane::Submit,
            Claim::KeyInForce | Claim::Nobody => Lane::Stranger,
        };
        let admitted = match (self.closed(), lane) {
            (Some(reason), _) => Err(reason),
            (None, Lane::Submit) => self.credentialled(source, now),
            (None, Lane::Stranger | Lane::Read) => self.stranger(source, now),
        };
        let mut permit = self.count(lane, admitted)?;
        if lane == Lane::Stranger {
            // Never closed, so there is a turn for everybody who waits.
            permit.turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        }
        Ok(permit)
    }

    /// Lets a note in that another node of the cluster passed on: it passed that node's limits.
    pub(crate) fn forwarded(&self) -> Result<Permit, RejectReason> {
        let admitted = self
            .closed()
            .map_or_else(|| place(&self.credentialled, None), Err);
        self.count(Lane::Submit, admitted)
    }

    /// Lets a read in, or says why not. Reads stay open while the node drains or its disk is full.
    pub(crate) fn read(&self, source: Source) -> Result<Permit, RejectReason> {
        let most = half(self.limits.reads_in_flight);
        self.count(
            Lane::Read,
            self.place_of(&self.reads, source, Kind::Read, most),
        )
    }

    /// Lets a stream of results in, or says why not.
    pub(crate) fn watcher(&self, source: Source) -> Result<Permit, RejectReason> {
        let most = half(self.limits.watchers);
        self.count(
            Lane::Read,
            self.place_of(&self.watchers, source, Kind::Watcher, most),
        )
    }

    /// A note of this source was let in and proved to be authentic.
    pub(crate) fn authentic(&self, source: Source) {
        self.sources.authentic(source, Instant::now());
    }

    /// A note of this source was let in and was not what it claimed to be.
    pub(crate) fn failed(&self, source: Source) {
        self.sources.failed(source, Instant::now());
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

    fn credentialled(&self, source: Source, now: Instant) -> Result<Permit, RejectReason> {
        let all = self.limits.submissions_in_flight;
        let most = if self.sources.is_trusted(source, now) {
            all.saturating_sub(all.div_euclid(8)).max(1)
        } else {
            UNPROVEN.min(all)
        };
        self.place_of(&self.credentialled, source, Kind::Credentialled, most)
    }

    fn stranger(&self, source: Source, now: Instant) -> Result<Permit, RejectReason> {
        if !self.sources.in_time(source, SOURCE_PACE, TOTAL_PACE, now) {
            return Err(RejectReason::Rate);
        }
        let most = self.limits.strangers_in_flight.div_euclid(8).max(1);
        self.place_of(&self.strangers, source, Kind::Stranger, most)
    }

    fn place_of(
        &self,
        places: &Arc<Semaphore>,
        source: Source,
        kind: Kind,
        most: usize,
    ) -> Result<Permit, RejectReason> {
        let share = self.sources.share(source, kind, most);
        place(places, Some(share.ok_or(RejectReason::Share)?))
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

fn half(places: usize) -> usize {
    places.div_ceil(2)
}

fn place(places: &Arc<Semaphore>, share: Option<Share>) -> Result<Permit, RejectReason> {
    let place = Arc::clone(places)
        .try_acquire_owned()
        .map_err(|_taken| RejectReason::InFlight)?;
    Ok(Permit {
        _place: place,
        _share: share,
        turn: None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn admission_with(limits: Limits) -> Admission {
        let names = telemetry::Names {
            refusal_codes: &[],
            peers: &[],
            witnesses: &[],
            version: "0.0.0",
        };
        Admission::new(limits, Arc::new(Metrics::new(names).unwrap()))
    }

    fn admission() -> Admission {
        admission_with(Limits {
            submissions_in_flight: 1,
            strangers_in_flight: 1,
            reads_in_flight: 1,
            ..Limits::default()
        })
    }

    fn source(last: u8) -> Source {
        Source::new(SocketAddr::from(([192, 0, 2, last], 1)))
    }

    async fn chair(admission: &Admission) -> Result<Permit, RejectReason> {
        admission.submission(source(1), Claim::KeyInForce).await
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_work_is_done() {
        let admission = admission();
        let first = chair(&admission).await.unwrap();
        let other = admission.submission(source(2), Claim::KeyInForce).await;
        assert_eq!(other.unwrap_err(), RejectReason::InFlight);
        drop(first);
        chair(&admission).await.unwrap();
    }

    #[tokio::test]
    async fn no_lane_takes_the_places_of_another() {
        let admission = admission();
        let _read = admission.read(source(1)).unwrap();
        let _stranger = admission
            .submission(source(1), Claim::Nobody)
            .await
            .unwrap();
        let more = admission.submission(source(2), Claim::Nobody).await;
        assert_eq!(more.unwrap_err(), RejectReason::InFlight);
        chair(&admission).await.unwrap();
    }

    /// Whoever names a key and cannot sign with it goes with the strangers; the chair does not.
    #[tokio::test]
    async fn a_source_whose_signatures_failed_loses_the_reserved_lane() {
        let admission = admission();
        let _stranger = admission
            .submission(source(3), Claim::Nobody)
            .await
            .unwrap();
        for _ in 0..3 {
            drop(
                admission
                    .submission(source(2), Claim::KeyInForce)
                    .await
                    .unwrap(),
            );
            admission.failed(source(2));
        }
        let suspect = admission.submission(source(2), Claim::KeyInForce).await;
        assert_eq!(suspect.unwrap_err(), RejectReason::InFlight);
        chair(&admission).await.unwrap();
    }

    /// Names of keys are public: before anything of a source was authentic it has a few places, so
    /// no flood under other people's names takes them all.
    #[tokio::test]
    async fn a_source_has_few_places_until_it_has_proved_itself() {
        let admission = admission_with(Limits::default());
        let mut held = Vec::new();
        while let Ok(permit) = chair(&admission).await {
            held.push(permit);
        }
        assert_eq!(held.len(), UNPROVEN);
        admission.authentic(source(1));
        while let Ok(permit) = chair(&admission).await {
            held.push(permit);
        }
        assert_eq!(held.len(), 1024 / 8 * 7);
        admission
            .submission(source(2), Claim::KeyInForce)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn one_source_does_not_take_all_reads() {
        let admission = admission_with(Limits::default());
        let mut held = Vec::new();
        let reason = loop {
            match admission.read(source(1)) {
                Ok(permit) => held.push(permit),
                Err(reason) => break reason,
            }
        };
        assert_eq!((held.len(), reason), (64, RejectReason::Share));
        admission.read(source(2)).unwrap();
    }

    #[tokio::test]
    async fn strangers_wait_for_their_turn_and_not_for_each_others_receipts() {
        let admission = admission_with(Limits::default());
        let stranger = |last| admission.submission(source(last), Claim::Nobody);
        let mut first = stranger(1).await.unwrap();
        let _second = stranger(2).await.unwrap();
        let third = stranger(3);
        tokio::pin!(third);
        assert!(futures::poll!(&mut third).is_pending());
        first.end_turn();
        third.await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_a_backlog_and_a_drain_close_the_door_to_submissions_only() {
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
            assert_eq!(chair(&admission).await.err(), expected);
            admission.read(source(1)).unwrap();
        }
        let admission = admission();
        admission.drain();
        assert_eq!(chair(&admission).await.unwrap_err(), RejectReason::Draining);
        admission.read(source(1)).unwrap();
    }
}

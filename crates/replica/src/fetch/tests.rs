//! What a fetched snapshot does to the log beside it, and what is left of one that cannot be used.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{fetch_missing_state, missing};
use crate::config::{Observer, ReplicaConfig, Workplace};
use crate::error::Error;
use crate::machine;
use crate::seams::{Fact, Log, Position, Record};
use crate::suite::others::{Others, members};
use crate::suite::sim::disk::{SimDisk, SimLog, SimState};
use crate::trace::Event;
use crate::types::{CommandBytes, Entry, LeaderId, LogId, Payload};
use crate::wire;

const PURGED: u64 = 10;
const LAST: u64 = 20;

fn at(term: u64, index: u64) -> LogId {
    LogId::new(LeaderId { term, node_id: 1 }, index)
}

/// A log of term 1 that has dropped its first entries, on a disk without a state.
async fn purged_log(disk: &SimDisk) -> SimLog {
    let log = disk.log();
    let record = |index| Record {
        position: Position { index, term: 1 },
        bytes: wire::entry_to_bytes(Entry {
            log_id: at(1, index),
            payload: Payload::Normal(CommandBytes(vec![1].into())),
        }),
    };
    log.append((0..=LAST).map(record).collect(), Box::new(|_| {}));
    let to = Position {
        index: PURGED,
        term: 1,
    };
    log.purge_to(to, wire::log_id_to_bytes(at(1, PURGED)))
        .await
        .unwrap();
    log.save(Fact::Members, wire::members_to_bytes(&members()))
        .await
        .unwrap();
    log
}

/// Keeps what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<Event>>);

impl Observer for Told {
    fn applied(&self, _entries: usize, _took: Duration) {}

    fn happened(&self, event: &Event) {
        self.0.lock().unwrap().push(*event);
    }
}

/// What came of it: which node gave the snapshot, where the state and the log end now, and what was
/// told.
struct Came {
    from: Result<Option<u64>, Error>,
    applied: Option<LogId>,
    last: Option<u64>,
    told: Vec<Event>,
}

async fn fetched(others: &[(u64, LogId)]) -> Came {
    let disk = SimDisk::new(1, 0..1);
    let log = purged_log(&disk).await;
    let state: Arc<SimState> = Arc::new(disk.state());
    assert_eq!(missing(&log, &*state), Ok(Some(at(1, PURGED))));
    let told = Arc::new(Told::default());
    let observer: Arc<dyn Observer> = Arc::<Told>::clone(&told);
    let mut config = ReplicaConfig::new(1, 1);
    config.workplace = Workplace::InPlace;
    config.observer = observer;
    // The node's own state would do for it, if it asked itself.
    let own = [(1, at(1, LAST))].into_iter();
    let others = Others(own.chain(others.iter().copied()).collect());
    let from = fetch_missing_state(&config, &log, &state, &others).await;
    let told = told.0.lock().unwrap().clone();
    Came {
        from,
        applied: machine::position(&*state).unwrap().last_log_id,
        last: log.bounds().unwrap().last.map(|last| last.index),
        told,
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_agrees_with_the_log_leaves_the_log_as_it_is() {
    for last in [at(1, PURGED), at(1, 15), at(1, LAST), at(2, LAST + 5)] {
        let came = fetched(&[(2, last)]).await;
        assert_eq!(came.from, Ok(Some(2)), "{last}");
        assert_eq!((came.applied, came.last), (Some(last), Some(LAST)));
        assert_eq!(came.told, []);
    }
}

#[tokio::test(start_paused = true)]
async fn what_contradicts_the_snapshot_goes_from_the_log() {
    let came = fetched(&[(2, at(2, 15))]).await;
    assert_eq!(came.from, Ok(Some(2)));
    assert_eq!((came.applied, came.last), (Some(at(2, 15)), Some(14)));
    assert_eq!(came.told, [Event::Truncated { index: Some(14) }]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_away_or_behind_is_passed_over() {
    for behind in [vec![], vec![(2, at(1, PURGED - 1))]] {
        let with = [behind.clone(), vec![(3, at(1, 15))]].concat();
        let came = fetched(&with).await;
        assert_eq!(came.from, Ok(Some(3)), "{behind:?}");
        let came = fetched(&behind).await;
        assert!(matches!(came.from, Err(Error::Unavailable { .. })));
        assert_eq!((came.applied, came.last), (None, Some(LAST)));
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_where_nothing_is_missing() {
    let disk = SimDisk::new(1, 0..1);
    let (log, state) = (disk.log(), Arc::new(disk.state()));
    let config = ReplicaConfig::new(1, 1);
    let others = Others::default();
    let asked = fetch_missing_state(&config, &log, &state, &others).await;
    assert_eq!(asked, Ok(None));
}

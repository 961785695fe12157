//! A consumer of the feed, against the snapshot.

use std::collections::BTreeMap;

use caucus::{Kind, Standing};
use export::feed::{ChangeKind, LoggedChange, Page};
use export::{Format, Publication, Published, checked};
use merkle::{LeafIndex, TreeSize};
use proptest::prelude::*;
use serde_json::Value;
use testkit::Night;

use crate::common::{Stage, publication};

/// What a consumer keeps: each unit's last row.
#[derive(Default)]
struct Consumer {
    units: BTreeMap<String, Value>,
    next: u64,
}

impl Consumer {
    fn apply(&mut self, page: &[u8]) {
        let page: Value = serde_json::from_slice(page).unwrap();
        assert_eq!(page["from"], self.next);
        for row in page["rows"].as_array().unwrap() {
            let unit = row["unit"].as_str().unwrap().to_owned();
            if row["now"].is_null() {
                self.units.remove(&unit);
            } else {
                self.units.insert(unit, row["now"].clone());
            }
        }
        self.next = page["next"].as_u64().unwrap();
    }

    /// A unit that no page has told of is silent.
    fn has(&self, snapshot: &Publication) {
        let bytes = checked(Format::Json, snapshot).unwrap();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        for row in json["units"].as_array().unwrap() {
            match self.units.get(row["unit"].as_str().unwrap()) {
                Some(now) => assert_eq!(now, row),
                None => assert_eq!(row["published"], "silent"),
            }
        }
    }
}

/// What a leaf does to one unit of the night.
fn step(stage: &mut Stage, act: u8) -> Option<ChangeKind> {
    let (next, kind) = match (*stage, act % 6) {
        (Stage::Silent, _) => (Stage::Released(Standing::Received), ChangeKind::Report),
        (Stage::Released(_), 0) => (Stage::Released(Standing::Verified), ChangeKind::Verified),
        (Stage::Released(_), 1) => (Stage::Released(Standing::Held), ChangeKind::Held),
        (Stage::Released(standing), 2) => (Stage::Withheld(standing), ChangeKind::Withheld),
        (Stage::Withheld(standing), 0..=2) => (Stage::Released(standing), ChangeKind::Released),
        (_, 3) => (Stage::Silent, ChangeKind::Void),
        _ => return None,
    };
    *stage = next;
    Some(kind)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// However the pages are cut, and however far the log has gone on while a page was made.
    #[test]
    fn whoever_applies_the_pages_has_the_figures_of_the_snapshot(
        acts in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..4_u8), 1..60),
    ) {
        // Enough units for a pool with more than one site.
        let night = Night::small(45);
        let mut stages = vec![Stage::Silent; night.reports.len()];
        let mut changes: Vec<LoggedChange> = Vec::new();
        let mut consumer = Consumer::default();
        for (which, act, pull) in acts {
            let position = which.index(stages.len());
            let leaf = LeafIndex::new(u64::try_from(changes.len()).unwrap());
            if let Some(kind) = step(&mut stages[position], act) {
                let unit = night.reports[position].unit.clone();
                changes.push(LoggedChange { leaf, unit, kind });
            }
            if pull == 0 {
                pull_page(&night, &stages, &changes, &mut consumer, 7);
            }
        }
        while consumer.next < u64::try_from(changes.len()).unwrap() {
            pull_page(&night, &stages, &changes, &mut consumer, 7);
        }
        consumer.has(&now(&night, &stages, changes.len()));
    }
}

fn now(night: &Night, stages: &[Stage], leaves: usize) -> Publication {
    let mut publication = publication(night, |position| stages[position]);
    publication.log.size = TreeSize::new(u64::try_from(leaves).unwrap());
    publication
}

/// The next page of at most so many leaves, with the figures of now.
fn pull_page(
    night: &Night,
    stages: &[Stage],
    changes: &[LoggedChange],
    consumer: &mut Consumer,
    limit: usize,
) {
    let from = usize::try_from(consumer.next).unwrap();
    let next = (from + limit).min(changes.len());
    let publication = now(night, stages, changes.len());
    let index = |at: usize| LeafIndex::new(u64::try_from(at).unwrap());
    let page = Page::of(&publication, &changes[from..next], index(from), index(next));
    consumer.apply(&page.to_json().unwrap());
}

#[test]
fn a_correction_is_told_as_a_correction_and_moves_its_whole_pool() {
    let night = Night::small(45);
    let publication = publication(&night, |_| Stage::Released(Standing::Received));
    let satellites: Vec<_> = publication
        .roster
        .units()
        .filter(|unit| matches!(unit.kind, Kind::Satellite { .. }))
        .collect();
    let site = satellites[0];
    let change = LoggedChange {
        leaf: LeafIndex::new(9),
        unit: site.id.clone(),
        kind: ChangeKind::Correction,
    };
    let page = Page::of(
        &publication,
        &[change],
        LeafIndex::new(9),
        LeafIndex::new(10),
    );
    for row in &page.rows {
        let kind = if row.unit == site.id {
            ChangeKind::Correction
        } else {
            ChangeKind::PoolMoved
        };
        assert_eq!(row.changes, [(LeafIndex::new(9), kind)]);
        assert_eq!(row.now.unwrap().report.published(), Published::Released);
    }
    let pool = satellites
        .iter()
        .filter(|unit| unit.kind == site.kind)
        .count();
    assert_eq!(page.rows.len(), pool);
}

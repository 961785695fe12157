//! The attendance of a pool, from what its sites' delegates were said to be worth.
//!
//! Every site's rate is `worth * A / (pool attendance * D)` for one delegate (R9), where A is its head
//! count and D follows from A. The pool's attendance was never published, but all its sites were divided
//! by the same number: the one is taken with which most sites reproduce their published figures from
//! their first alignment.

use std::collections::BTreeMap;

use caucus::{Kind, People, Pool, PoolId, Roster, Rules};

use crate::published::Published;
use crate::snapshot::Snapshot;
use crate::worth::Worth;

/// The attendance of every pool that has a site in the snapshot.
pub(crate) fn attendance(
    rules: &Rules,
    roster: &Roster,
    snapshot: &Snapshot,
) -> BTreeMap<PoolId, People> {
    let mut sites: BTreeMap<&PoolId, Vec<&Published>> = BTreeMap::new();
    for (id, published) in &snapshot.units {
        match roster.unit(id).map(|unit| &unit.kind) {
            Some(Kind::Satellite { pool }) => sites.entry(pool).or_default().push(published),
            Some(Kind::Precinct { .. }) | None => {}
        }
    }
    let of_pool = |(id, sites): (&PoolId, Vec<&Published>)| {
        let attendance = divisor(rules, rules.pool(id)?, &sites);
        Some((id.clone(), People::of_sum(attendance)))
    };
    sites.into_iter().filter_map(of_pool).collect()
}

/// The number that most sites' figures were divided by; of several, the one nearest to the heads
/// counted.
fn divisor(rules: &Rules, pool: &Pool, sites: &[&Published]) -> u64 {
    let heads = sites
        .iter()
        .fold(0, |sum: u64, site| sum.saturating_add(site.counted().get()));
    // Attendance and first alignment differ by a few in a hundred; a fifth is looked through.
    let reach = heads / 5;
    let mut best = (0, heads);
    for distance in 0..=reach {
        for all in [
            heads.saturating_sub(distance),
            heads.saturating_add(distance),
        ] {
            let explained = |site: &&&Published| explains(rules, pool, all, site);
            let count = sites.iter().filter(explained).count();
            if count > best.0 {
                best = (count, all);
            }
        }
    }
    best.1
}

/// Whether a pool of `all` people explains every figure of a site.
fn explains(rules: &Rules, pool: &Pool, all: u64, site: &Published) -> bool {
    let attendees = site.counted();
    let elect = rules.satellite_delegates(attendees).get();
    let above = [pool.worth.get(), attendees.get()];
    Worth::new(above, [all, elect])
        .is_some_and(|worth| site.cells.values().all(|cell| worth.explains(cell.sde)))
}

//! A replayed release against what the party published: every figure of every unit.

use std::collections::BTreeMap;

use anyhow::Context;
use caucus::GroupId;
use serde::Serialize;
use testkit::{Night, Published};

use super::check::Checked;

/// How the night's results compare with the release.
#[derive(Debug, Default, Serialize)]
pub(super) struct Compared {
    /// Units in the release.
    pub units: usize,
    /// Units whose state delegate equivalents equal the published ones to four decimals, in every group.
    pub units_sde_equal: usize,
    /// Units whose counts equal the published ones, in every group and both alignments.
    pub units_votes_equal: usize,
    /// Statewide people per group: reported here, and published.
    pub first_alignment: BTreeMap<GroupName, Pair>,
    /// The same at final alignment.
    pub final_alignment: BTreeMap<GroupName, Pair>,
    /// Units that differ, with the first difference.
    pub differences: Vec<String>,
}

type GroupName = String;

/// A figure from here and the published one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Pair {
    /// What the cluster shows.
    pub here: u64,
    /// What was published.
    pub published: u64,
}

impl Compared {
    /// Whether nothing differs.
    pub(super) fn all_equal(&self) -> bool {
        let pairs = self
            .first_alignment
            .values()
            .chain(self.final_alignment.values());
        self.units > 0
            && self.units_sde_equal == self.units
            && self.units_votes_equal == self.units
            && pairs.into_iter().all(|pair| pair.here == pair.published)
    }
}

/// Compares what a node shows with what was published.
pub(super) fn compare(night: &Night, checked: &Checked) -> anyhow::Result<Compared> {
    let mut compared = Compared {
        units: night.published.len(),
        ..Compared::default()
    };
    for (id, published) in &night.published {
        let shown = checked
            .shown
            .units
            .iter()
            .find(|unit| unit.unit == id.as_str());
        let shown = shown.with_context(|| format!("no node shows unit `{id}`"))?;
        let rows: BTreeMap<&str, _> = shown
            .groups
            .iter()
            .map(|row| (row.group.as_str(), row))
            .collect();
        let (mut votes, mut sde) = (true, true);
        for (group, cell) in &published.cells {
            let row = rows
                .get(group.as_str())
                .with_context(|| format!("{id} has no `{group}`"))?;
            votes &=
                row.first_alignment == cell.first.get() && row.final_alignment == cell.last.get();
            if row.sde != cell.sde.to_string() {
                sde = false;
                compared.differences.push(format!(
                    "{id} {group}: {} here, {} published",
                    row.sde, cell.sde
                ));
            }
        }
        compared.units_votes_equal += usize::from(votes);
        compared.units_sde_equal += usize::from(sde);
    }
    for row in &checked.results.statewide {
        let published = |figure: fn(&Published, &GroupId) -> u64| {
            night
                .published
                .values()
                .map(|unit| figure(unit, &row.group))
                .sum()
        };
        let name = row.group.to_string();
        let first = Pair {
            here: row.first.get(),
            published: published(first_of),
        };
        let last = Pair {
            here: row.last.get(),
            published: published(last_of),
        };
        compared.first_alignment.insert(name.clone(), first);
        compared.final_alignment.insert(name, last);
    }
    Ok(compared)
}

fn first_of(unit: &Published, group: &GroupId) -> u64 {
    unit.cells.get(group).map_or(0, |cell| cell.first.get())
}

fn last_of(unit: &Published, group: &GroupId) -> u64 {
    unit.cells.get(group).map_or(0, |cell| cell.last.get())
}

//! The reporting units and what they are made of.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problem, ProblemKind};
use crate::nist::file::{File, GpUnit};

/// All reporting units by id.
pub(super) struct Tree<'a> {
    units: BTreeMap<&'a str, &'a GpUnit<'a>>,
}

impl<'a> Tree<'a> {
    pub(super) fn of(units: &'a [GpUnit<'a>]) -> Self {
        Self {
            units: units.iter().map(|unit| (unit.id.as_ref(), unit)).collect(),
        }
    }

    /// The units, ascending by id.
    pub(super) fn units(&self) -> impl Iterator<Item = &'a GpUnit<'a>> {
        self.units.values().copied()
    }

    pub(super) fn unit(&self, id: &str) -> Option<&'a GpUnit<'a>> {
        self.units.get(id).copied()
    }

    /// How many of a unit's leaves there are and how many of them are completed, or what is wrong
    /// with its parts.
    fn leaves(&self, id: &str) -> Result<BTreeSet<&'a str>, String> {
        let mut leaves = BTreeSet::new();
        let mut met = BTreeSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(unit) = self.unit(id) else { continue };
            if !met.insert(unit.id.as_ref()) {
                return Err(format!("`{id}` is part of it twice, or of itself"));
            }
            if is_leaf(unit) {
                leaves.insert(unit.id.as_ref());
            }
            open.extend(unit.composing_gp_unit_ids.iter().map(AsRef::as_ref));
        }
        Ok(leaves)
    }

    pub(super) fn check(&self, file: &File<'_>, problems: &mut Vec<Problem>) {
        for unit in self.units() {
            match self.leaves(&unit.id) {
                Ok(leaves) => self.counted(unit, &leaves, problems),
                Err(what) => problems.push(Problem::new(ProblemKind::BadTree, &unit.id, what)),
            }
        }
        for election in &file.election {
            let scope = self.leaves(&election.election_scope_id).unwrap_or_default();
            let adrift = self
                .units()
                .filter(|unit| is_leaf(unit) && !scope.contains(unit.id.as_ref()));
            problems.extend(adrift.map(|unit| {
                Problem::new(
                    ProblemKind::BadTree,
                    &unit.id,
                    "is no part of the election's scope",
                )
            }));
            for contest in &election.contest {
                let leaves = self
                    .leaves(&contest.election_district_id)
                    .unwrap_or_default();
                let said = (contest.sub_units_reported, contest.total_sub_units);
                self.said(&contest.id, said, &leaves, problems);
                status(file, self.completed(&leaves) == leaves.len(), problems);
            }
        }
    }

    fn completed(&self, leaves: &BTreeSet<&str>) -> usize {
        leaves
            .iter()
            .filter(|id| self.unit(id).is_some_and(is_completed))
            .count()
    }

    fn counted(&self, unit: &GpUnit<'_>, leaves: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
        let said = (unit.sub_units_reported, unit.total_sub_units);
        if !is_leaf(unit) {
            self.said(&unit.id, said, leaves, problems);
        } else if said.0.is_some() {
            let what = "SubUnitsReported stands without TotalSubUnits";
            problems.push(Problem::new(ProblemKind::SubUnits, &unit.id, what));
        }
    }

    fn said(
        &self,
        place: &str,
        (reported, total): (Option<u64>, Option<u64>),
        leaves: &BTreeSet<&str>,
        problems: &mut Vec<Problem>,
    ) {
        for (field, said, counted) in [
            ("SubUnitsReported", reported, self.completed(leaves)),
            ("TotalSubUnits", total, leaves.len()),
        ] {
            if said.and_then(|said| usize::try_from(said).ok()) != Some(counted) {
                let said = said.map_or_else(|| "nothing".to_owned(), |said| said.to_string());
                let what = format!("{field} says `{said}`, counted are {counted}");
                problems.push(Problem::new(ProblemKind::SubUnits, place, what));
            }
        }
    }
}

/// A unit that is not made of others. An area without any unit has a total of 0 and is no leaf.
pub(super) fn is_leaf(unit: &GpUnit<'_>) -> bool {
    unit.composing_gp_unit_ids.is_empty() && unit.total_sub_units.is_none()
}

/// The status of a unit's counts as a whole.
pub(super) fn total_status<'a>(unit: &'a GpUnit<'_>) -> Option<&'a str> {
    let mut statuses = unit.count_status.iter();
    statuses
        .find(|one| one.r#type == "total")
        .map(|one| one.status.as_ref())
}

fn is_completed(unit: &GpUnit<'_>) -> bool {
    total_status(unit) == Some("completed")
}

fn status(file: &File<'_>, complete: bool, problems: &mut Vec<Problem>) {
    let contradicts = match file.status.as_ref() {
        "unofficial-partial" | "pre-election" => complete,
        "unofficial-complete" | "certified" => !complete,
        _ => false,
    };
    if contradicts {
        let what = format!(
            "`{}`, and {} units are completed",
            file.status,
            if complete { "all" } else { "not all" }
        );
        problems.push(Problem::new(ProblemKind::Status, "ElectionReport", what));
    }
}

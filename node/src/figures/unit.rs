//! One unit's row of the results.

use std::collections::BTreeMap;

use caucus::{Basis, Delegates, GroupId, Roster, Rules, Sde, Totals, Unit, Worksheet};
use ledger::{Fault, Marks, Release, Tables, UnitView, View};
use proto::v1::UnitResult;

use super::{Shown, rows};

/// What a unit's delegates are worth: the roster, the rules, and the sums that a satellite's worth
/// depends on.
#[derive(Debug)]
pub(crate) struct Worth {
    pub(crate) roster: Roster,
    pub(crate) rules: Rules,
    pub(crate) totals: Totals,
}

impl Worth {
    /// As the state has it; none before the first manifest.
    pub(crate) fn read<T: Tables>(view: &View<'_, T>) -> Result<Option<Self>, Fault> {
        let (Some(roster), Some(rules)) = (view.roster()?, view.rules()?) else {
            return Ok(None);
        };
        Ok(Some(Self {
            roster,
            rules,
            totals: view.totals(Basis::Reported)?,
        }))
    }

    /// What the sheet's delegates are worth, by group.
    pub(crate) fn of(&self, unit: &Unit, sheet: &Worksheet) -> BTreeMap<GroupId, Sde> {
        caucus::unit_sdes(unit, sheet, &self.totals, &self.roster, &self.rules)
    }
}

/// The unit's row: its figures as reported and recomputed, with what they are worth now (a satellite's
/// equivalents move with the attendance of its whole pool). Figures that may not be shown are left out.
pub(crate) fn result(unit: &UnitView, worth: &Worth, shown: Shown) -> UnitResult {
    let released = unit.release == Release::Released;
    let mut result = UnitResult {
        unit: unit.unit.id.to_string(),
        name: unit.unit.name.clone(),
        standing: unit.standing.as_str().to_owned(),
        leaf_index: unit.head.map_or(0, |head| head.index.get()),
        seq: unit.head.map_or(0, |head| head.seq),
        rivals: u64::try_from(unit.rivals.len()).unwrap_or(u64::MAX),
        findings: unit.held_for.iter().map(ToString::to_string).collect(),
        marks: marks(unit.marks),
        released,
        ..UnitResult::default()
    };
    let Some(sheet) = &unit.worksheet else {
        return result;
    };
    if shown == Shown::Released && !released {
        return result;
    }
    let rules = &worth.rules;
    result.attendees = sheet.attendees.get();
    result.elects = caucus::delegates_to_elect(rules, &unit.unit, sheet.attendees).get();
    let reported = worth.of(&unit.unit, sheet);
    result.groups = rows::of_sheet(rules, sheet, |group| sheet.reported.get(group), &reported);
    if let Some(recomputed) = &unit.recomputed {
        let by = |group: &GroupId| -> Delegates { recomputed.by.get(group) };
        let as_given = Worksheet {
            reported: rules
                .groups()
                .iter()
                .map(|group| (group.id.clone(), by(&group.id)))
                .collect(),
            ..sheet.clone()
        };
        result.recomputed = rows::of_sheet(rules, sheet, by, &worth.of(&unit.unit, &as_given));
        result.undecided = recomputed.undecided.get();
    }
    result
}

fn marks(marks: Marks) -> Vec<String> {
    let Marks {
        corrected,
        disputed,
        recanvassed,
        recounted,
        late,
    } = marks;
    [
        (corrected, "corrected"),
        (disputed, "disputed"),
        (recanvassed, "recanvassed"),
        (recounted, "recounted"),
        (late, "late"),
    ]
    .into_iter()
    .filter(|(mark, _)| mark.is_set())
    .map(|(_, word)| word.to_owned())
    .collect()
}

//! Rows of figures, one a group, in the order of the rules.

use std::collections::BTreeMap;

use caucus::{Delegates, GroupId, ResultRow, Rules, Sde, Worksheet};
use proto::v1::GroupResult;

use super::PLACES;

/// The rows of an area.
pub(crate) fn of_area(rules: &Rules, rows: &[ResultRow]) -> Vec<GroupResult> {
    let row = |row: &ResultRow| GroupResult {
        group: row.group.to_string(),
        name: name_of(rules, &row.group),
        first_alignment: row.first.get(),
        final_alignment: row.last.get(),
        sde_exact: row.sde.exact(),
        sde: row.sde.decimal(PLACES),
        delegates: row.delegates.get(),
    };
    rows.iter().map(row).collect()
}

/// The rows of a sheet, with these delegates and what they are worth.
pub(crate) fn of_sheet(
    rules: &Rules,
    sheet: &Worksheet,
    delegates: impl Fn(&GroupId) -> Delegates,
    worth: &BTreeMap<GroupId, Sde>,
) -> Vec<GroupResult> {
    let none = Sde::zero();
    let groups = rules.groups().iter().map(|group| {
        let sde = worth.get(&group.id).unwrap_or(&none);
        GroupResult {
            group: group.id.to_string(),
            name: group.name.clone(),
            first_alignment: sheet.first.get(&group.id).get(),
            final_alignment: sheet.last.get(&group.id).get(),
            delegates: delegates(&group.id).get(),
            sde_exact: sde.exact(),
            sde: sde.decimal(PLACES),
        }
    });
    groups.collect()
}

pub(crate) fn name_of(rules: &Rules, id: &GroupId) -> String {
    rules
        .group(id)
        .map(|group| group.name.clone())
        .unwrap_or_default()
}

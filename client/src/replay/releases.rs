//! One published release: the units it adds report, and what they add up to is held against it.

use std::fmt;

use caucus::{GroupId, Roster, Rules, UnitId, unit_sdes};
use receipt::Leaf;
use receipt::leaf::{Figures, Submission};
use release::{Sheets, Snapshot, Step, arrivals};

use super::Error;
use super::desk::Desk;

/// A figure that is another than the published one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Which unit, or `statewide`.
    pub place: String,
    /// Which group.
    pub group: GroupId,
    /// What was published, and what is here.
    pub published_and_here: [String; 2],
}

/// Reports the units that a release adds, in the order of their batches, and says what then differs
/// from the release: unit by unit and statewide, equivalents to the published four decimals.
pub fn release(
    desk: &mut Desk<'_>,
    rules: &Rules,
    roster: &Roster,
    step: &Step,
) -> Result<Vec<Mismatch>, Error> {
    let sheets = Sheets::infer(rules, roster, &step.snapshot);
    for arrival in arrivals(&step.snapshot) {
        let sheet = sheets.units.get(&arrival.unit);
        if let Some(sheet) = sheet.filter(|_| step.added.contains(&arrival.unit)) {
            report(desk, &arrival.unit, sheet.clone())?;
        }
    }
    compare(desk, rules, roster, &step.snapshot)
}

/// A unit's first report, signed by its chair.
fn report(desk: &mut Desk<'_>, unit: &UnitId, worksheet: caucus::Worksheet) -> Result<(), Error> {
    let key = &desk.keys.unit(unit)?.a;
    desk.record("a report", &[key], |header| {
        Leaf::from(Submission {
            header,
            unit: unit.clone(),
            seq: 1,
            supersedes: None,
            channel: None,
            voucher: None,
            figures: Figures {
                worksheet,
                evidence: Vec::new(),
            },
        })
    })?;
    Ok(())
}

fn compare(
    desk: &Desk<'_>,
    rules: &Rules,
    roster: &Roster,
    snapshot: &Snapshot,
) -> Result<Vec<Mismatch>, Error> {
    let mut mismatches = Vec::new();
    let mut check = |place: &str, group: &GroupId, published: String, here: String| {
        if published != here {
            mismatches.push(Mismatch {
                place: place.to_owned(),
                group: group.clone(),
                published_and_here: [published, here],
            });
        }
    };
    let totals = desk.view().totals(caucus::Basis::Reported)?;
    for (id, published) in &snapshot.units {
        let (Some(unit), Some(sheet)) = (roster.unit(id), desk.sheet(id)?) else {
            for group in published.cells.keys() {
                check(
                    id.as_str(),
                    group,
                    "reported".to_owned(),
                    "silent".to_owned(),
                );
            }
            continue;
        };
        let sdes = unit_sdes(unit, &sheet, &totals, roster, rules);
        for (group, cell) in &published.cells {
            let sde = sdes.get(group).map(|sde| sde.decimal(4));
            let here = format!(
                "{}/{}/{}",
                sheet.first.get(group),
                sheet.last.get(group),
                sde.unwrap_or_default()
            );
            let there = format!("{}/{}/{}", cell.first, cell.last, cell.sde);
            check(id.as_str(), group, there, here);
        }
    }
    let rows = desk.results()?.map(|results| results.statewide);
    for row in rows.into_iter().flatten() {
        let sum = |count: fn(&caucus::PublishedFigure) -> u64| {
            let cells = snapshot
                .units
                .values()
                .filter_map(|unit| unit.cells.get(&row.group));
            cells.map(count).fold(0, u64::saturating_add)
        };
        let (first, last) = (sum(|cell| cell.first.get()), sum(|cell| cell.last.get()));
        let here = format!("{}/{}", row.first, row.last);
        check("statewide", &row.group, format!("{first}/{last}"), here);
    }
    Ok(mismatches)
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [published, here] = &self.published_and_here;
        let Self { place, group, .. } = self;
        write!(f, "{place} {group}: published {published}, here {here}")
    }
}

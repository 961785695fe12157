//! What is counted over all units: awards that the rules reproduce, equivalents that are exact.

use std::collections::BTreeMap;
use std::fmt;

use caucus::{
    FindingCode, Kind, People, Roster, Rules, Totals, UnitId, delegates_to_elect, permitted,
    unit_sdes,
};

use crate::sheets::Sheets;
use crate::snapshot::Snapshot;

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// How many are.
    pub are: u64,
    /// Of how many.
    pub of: u64,
}

impl Part {
    fn count(&mut self, is: bool) {
        self.of = self.of.saturating_add(1);
        self.are = self.are.saturating_add(u64::from(is));
    }

    /// The share in percent with two decimals, a half rounded up; none of nothing.
    pub fn percent(self) -> Option<String> {
        let of = u128::from(self.of).checked_mul(2)?;
        let doubled = u128::from(self.are)
            .checked_mul(20_000)?
            .checked_add(u128::from(self.of))?;
        let hundredths = doubled.checked_div(of)?;
        Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.are, self.of)
    }
}

/// How well the rules reproduce the published awards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reproduction {
    /// Precincts with groups and without a contradiction in totals, alignment or sum.
    pub clean: Part,
    /// Precincts with both alignments; a single delegate counts where a largest group has it.
    pub all: Part,
}

/// Units with awards whose equivalents are the published ones to four decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worth {
    /// Precincts.
    pub precincts: Part,
    /// Satellites.
    pub satellites: Part,
}

/// What keeps a precinct from being clean.
const UNCLEAN: [FindingCode; 7] = [
    FindingCode::FinalAboveFirst,
    FindingCode::ViableLostVotes,
    FindingCode::ViableToZero,
    FindingCode::ColumnSwap,
    FindingCode::NoViableGroup,
    FindingCode::OverAwarded,
    FindingCode::UnderAwarded,
];

pub(super) fn reproduction(
    rules: &Rules,
    roster: &Roster,
    sheets: &Sheets,
    tripped: &BTreeMap<&UnitId, Vec<FindingCode>>,
) -> Reproduction {
    let mut reproduction = Reproduction::default();
    for (id, sheet) in &sheets.units {
        let Some(unit) = roster.unit(id) else {
            continue;
        };
        let counted = |total| total > People::ZERO;
        let both = counted(sheet.first.total()) && counted(sheet.last.total());
        match unit.kind {
            Kind::Precinct { .. } if both => {}
            Kind::Precinct { .. } | Kind::Satellite { .. } => continue,
        }
        let codes = tripped.get(id).map_or(&[][..], Vec::as_slice);
        let reproduced = permitted(rules, unit, sheet, &sheet.reported)
            && !codes.contains(&FindingCode::SingleDelegateNotTop);
        reproduction.all.count(reproduced);
        let groups = delegates_to_elect(rules, unit, sheet.attendees).get() > 1;
        if groups && UNCLEAN.iter().all(|code| !codes.contains(code)) {
            reproduction.clean.count(reproduced);
        }
    }
    reproduction
}

pub(super) fn worth(
    rules: &Rules,
    roster: &Roster,
    snapshot: &Snapshot,
    sheets: &Sheets,
    totals: &Totals,
) -> Worth {
    let mut worth = Worth::default();
    for (id, sheet) in &sheets.units {
        let (Some(unit), Some(published)) = (roster.unit(id), snapshot.units.get(id)) else {
            continue;
        };
        if sheet.reported.total().get() == 0 {
            continue;
        }
        let sdes = unit_sdes(unit, sheet, totals, roster, rules);
        let exact = published.cells.iter().all(|(group, cell)| {
            let here = sdes.get(group).map(|sde| sde.decimal(4));
            here == Some(cell.sde.to_string())
        });
        match unit.kind {
            Kind::Precinct { .. } => worth.precincts.count(exact),
            Kind::Satellite { .. } => worth.satellites.count(exact),
        }
    }
    worth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_with_two_decimals() {
        let percent = |are, of| Part { are, of }.percent();
        assert_eq!(percent(1150, 1154).as_deref(), Some("99.65"));
        assert_eq!(percent(1364, 1421).as_deref(), Some("95.99"));
        assert_eq!(percent(1546, 1676).as_deref(), Some("92.24"));
        assert_eq!(percent(1, 1).as_deref(), Some("100.00"));
        assert_eq!(percent(0, 0), None);
    }
}

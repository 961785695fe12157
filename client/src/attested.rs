//! A sheet as a second hand read it: the shape of [`crate::sheet`], where a cell that could not be
//! read is `"-"`.
//!
//! ```toml
//! unit = "19001-1NW"
//! attendees = "-"
//!
//! [groups]
//! biden  = { first = 40, final = 50, delegates = 3 }
//! warren = { first = "-", final = 40, delegates = 2 }
//! ```
//!
//! A cell that is missing is an error all the same: not read and forgotten are two things.

use std::collections::BTreeMap;

use caucus::{Problem, RawRow, RawWorksheet, Rules, Unit};
use receipt::leaf::{AttestedFigures, Evidence, Figures};
use serde::{Deserialize, Serialize};

use crate::sheet::{BadSheet, Game};

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a number, or \"-\" for a cell that could not be read"
)]
pub enum Cell {
    /// What stands there.
    Number(i64),
    /// It could not be read.
    Unreadable(Dash),
}

/// The mark of a cell that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dash {
    /// `-`
    #[serde(rename = "-")]
    Dash,
}

/// The file's shape.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestedSheet {
    /// The precinct or satellite.
    pub unit: String,
    /// Heads counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attendees: Option<Cell>,
    /// One row a group.
    #[serde(default)]
    pub groups: BTreeMap<String, AttestedRow>,
    /// Games of chance, in the order they were settled.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ties: Vec<Game>,
}

/// One group's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestedRow {
    /// First alignment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Cell>,
    /// Final alignment.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none", default)]
    pub last: Option<Cell>,
    /// Delegates.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delegates: Option<Cell>,
}

impl Cell {
    /// The number, or a zero in the place of what could not be read.
    fn or_zero(self) -> i64 {
        match self {
            Cell::Number(number) => number,
            Cell::Unreadable(Dash::Dash) => 0,
        }
    }
}

/// Whether a cell that was checked states a number.
fn stated(cell: Option<Cell>) -> bool {
    matches!(cell, Some(Cell::Number(_)))
}

impl AttestedSheet {
    /// Reads a sheet; a text that begins with `{` is JSON, any other TOML.
    pub fn parse(text: &str) -> Result<AttestedSheet, BadSheet> {
        crate::sheet::read(text)
    }

    /// Checks the sheet for this unit; all problems at once.
    pub fn check(
        &self,
        unit: &Unit,
        rules: &Rules,
        evidence: Vec<Evidence>,
    ) -> Result<AttestedFigures, Vec<Problem>> {
        let ties: Vec<_> = self.ties.iter().map(Game::to_raw).collect();
        let bad_ties = ties.iter().filter_map(|tie| {
            let what = tie.as_ref().err()?.to_string();
            Some(Problem {
                field: "ties".to_owned(),
                what,
            })
        });
        let bad_ties: Vec<Problem> = bad_ties.collect();
        if !bad_ties.is_empty() {
            return Err(bad_ties);
        }
        let rows = self.groups.iter().map(|(group, row)| {
            let row = RawRow {
                first: row.first.map(Cell::or_zero),
                last: row.last.map(Cell::or_zero),
                delegates: row.delegates.map(Cell::or_zero),
            };
            (group.clone(), row)
        });
        let raw = RawWorksheet {
            unit: self.unit.clone(),
            attendees: self.attendees.map(Cell::or_zero),
            groups: rows.collect(),
            ties: ties.into_iter().flatten().collect(),
        };
        let worksheet = raw.check(unit, rules)?;
        let mut figures = Figures {
            worksheet,
            evidence,
        }
        .attested();
        // What could not be read went through the check as a zero; now it is nothing again.
        figures.attendees = figures.attendees.filter(|_| stated(self.attendees));
        let row = |group: &caucus::GroupId| self.groups.get(group.as_str()).copied();
        for (group, cell) in &mut figures.first {
            *cell = cell.filter(|_| stated(row(group).and_then(|row| row.first)));
        }
        for (group, cell) in &mut figures.last {
            *cell = cell.filter(|_| stated(row(group).and_then(|row| row.last)));
        }
        for (group, cell) in &mut figures.reported {
            *cell = cell.filter(|_| stated(row(group).and_then(|row| row.delegates)));
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(text: &str) -> AttestedSheet {
        let rules = Rules::iowa_2020();
        let mut sheet = AttestedSheet::parse(text).unwrap();
        for group in rules.groups() {
            let zero = Some(Cell::Number(0));
            let row = AttestedRow {
                first: zero,
                last: zero,
                delegates: zero,
            };
            sheet.groups.entry(group.id.to_string()).or_insert(row);
        }
        sheet
    }

    fn unit() -> Unit {
        Unit::parse_line("unit P-1 precinct C 4 One").unwrap()
    }

    #[test]
    fn a_dash_is_a_cell_that_could_not_be_read_and_a_zero_is_a_zero() {
        let sheet = sheet(
            "unit = \"P-1\"\nattendees = \"-\"\n[groups]\n\
             biden = { first = 40, final = \"-\", delegates = 0 }\n",
        );
        let figures = sheet
            .check(&unit(), &Rules::iowa_2020(), Vec::new())
            .unwrap();
        let biden = caucus::GroupId::parse("biden").unwrap();
        assert_eq!(figures.attendees, None);
        assert_eq!(figures.first[&biden].map(caucus::People::get), Some(40));
        assert_eq!(figures.last[&biden], None);
        assert_eq!(
            figures.reported[&biden].map(caucus::Delegates::get),
            Some(0)
        );
        assert!(!figures.is_complete());
    }

    #[test]
    fn a_missing_cell_is_not_an_unreadable_one() {
        let mut sheet = sheet("unit = \"P-1\"\n");
        sheet.groups.get_mut("yang").unwrap().delegates = None;
        let problems = sheet
            .check(&unit(), &Rules::iowa_2020(), Vec::new())
            .unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["attendees", "yang delegates"]);
    }

    #[test]
    fn another_mark_is_refused() {
        let error = AttestedSheet::parse("unit = \"P-1\"\nattendees = \"?\"\n").unwrap_err();
        assert!(error.to_string().contains("could not be read"), "{error}");
    }
}

//! What the rules say about a sheet: codes, weights, and words for the two who read them.
//!
//! The checks of one sheet are in `findings.rs`, those of sheets side by side in `cross.rs`, those of
//! published figures in `published.rs`; the list of codes is in `finding/codes.rs`.

mod codes;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::id::GroupId;
pub use codes::FindingCode;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Impossible or against the rules: keeps the unit from being verified until people settle it.
    Error,
    /// Legal but rare: travels with the figures and stops nothing.
    Warning,
    /// Nothing is wrong, but evidence should be on record.
    Evidence,
}

/// A column of the sheet, or of what is published from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The attendance.
    Attendees,
    /// The first alignment.
    First,
    /// The final alignment.
    Final,
    /// The delegates as reported.
    Delegates,
    /// What was published as the delegates' worth; on no sheet.
    Sde,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Attendees => "attendees",
            Self::First => "first",
            Self::Final => "final",
            Self::Delegates => "delegates",
            Self::Sde => "sde",
        })
    }
}

/// A place on the sheet that a finding points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The column.
    pub column: Column,
    /// The row; none for the attendance and for a column's total.
    pub group: Option<GroupId>,
}

impl Cell {
    /// A group's cell.
    pub fn of(column: Column, group: &GroupId) -> Self {
        Self {
            column,
            group: Some(group.clone()),
        }
    }

    /// The attendance, or a column as a whole.
    pub const fn total(column: Column) -> Self {
        Self {
            column,
            group: None,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{group} {}", self.column),
            None => write!(f, "{}", self.column),
        }
    }
}

/// One thing the rules say about one sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: FindingCode,
    /// The places it points at.
    pub cells: Vec<Cell>,
    /// The figures behind it, as headquarters reads them.
    pub figures: String,
}

impl Finding {
    /// A finding with the places it points at and the figures behind it.
    pub const fn new(code: FindingCode, cells: Vec<Cell>, figures: String) -> Self {
        Self {
            code,
            cells,
            figures,
        }
    }

    /// How much it weighs.
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// For the chair: what to look at, in plain words.
    pub fn for_chair(&self) -> String {
        let words = self.code.words();
        let groups: Vec<&str> = self.groups().collect();
        if groups.is_empty() {
            words.to_string()
        } else {
            alloc::format!("{words} ({})", groups.join(", "))
        }
    }

    /// For headquarters: the code, the places and the figures.
    pub fn for_headquarters(&self) -> String {
        let groups: Vec<&str> = self.groups().collect();
        if groups.is_empty() {
            alloc::format!("{}: {}", self.code, self.figures)
        } else {
            alloc::format!("{} [{}]: {}", self.code, groups.join(", "), self.figures)
        }
    }

    /// The groups it points at, each once, in the order of its cells.
    fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = self.cells.iter().filter_map(|cell| cell.group.as_ref());
        let mut seen: Vec<&str> = Vec::new();
        for group in groups {
            if !seen.contains(&group.as_str()) {
                seen.push(group.as_str());
            }
        }
        seen.into_iter()
    }
}

//! A sheet as a file: TOML or JSON of one shape, read into a `RawWorksheet` and written back.
//!
//! ```toml
//! unit = "19001-1NW"
//! attendees = 90
//!
//! [groups]                    # every group of the contest; 0 where nobody stood
//! biden  = { first = 40, final = 50, delegates = 3 }
//! warren = { first = 30, final = 40, delegates = 2 }
//!
//! [[ties]]                    # one block a coin or straw, in the order they were settled
//! kind = "award"              # award: one delegate more; reduce: one fewer; merge: must realign
//! groups = ["biden", "warren"]
//! settled_for = "biden"
//! by = "coin"                 # or "straws"
//! ```
//!
//! A field that is not listed here is refused: a misspelt group must not become a zero.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use caucus::{Chance, RawRow, RawTie, RawWorksheet, Rules, TieKind, UnitId, Worksheet};
use serde::{Deserialize, Serialize};

/// Why a text is not a sheet: what the reader of the format says, with its line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSheet(String);

/// The file's shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    /// The precinct or satellite.
    pub unit: String,
    /// Heads counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attendees: Option<i64>,
    /// One row a group.
    #[serde(default)]
    pub groups: BTreeMap<String, Row>,
    /// Games of chance, in the order they were settled.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ties: Vec<Game>,
}

/// One group's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// First alignment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<i64>,
    /// Final alignment.
    #[serde(rename = "final", skip_serializing_if = "Option::is_none", default)]
    pub last: Option<i64>,
    /// Delegates.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delegates: Option<i64>,
}

/// One game of chance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Game {
    /// `award`, `reduce` or `merge`.
    pub kind: String,
    /// Who took part.
    pub groups: Vec<String>,
    /// Who won or lost it.
    pub settled_for: String,
    /// `coin` or `straws`.
    pub by: String,
}

impl Sheet {
    /// Reads a sheet; a text that begins with `{` is JSON, any other TOML.
    pub fn parse(text: &str) -> Result<Sheet, BadSheet> {
        read(text)
    }

    /// A sheet as typed, with its cells as they are, missing ones too.
    pub fn of_raw(raw: &RawWorksheet) -> Sheet {
        let row = |row: &RawRow| Row {
            first: row.first,
            last: row.last,
            delegates: row.delegates,
        };
        let game = |tie: &RawTie| Game {
            kind: tie.kind.to_string(),
            groups: tie.groups.clone(),
            settled_for: tie.settled_for.clone(),
            by: tie.by.to_string(),
        };
        Sheet {
            unit: raw.unit.clone(),
            attendees: raw.attendees,
            groups: raw
                .groups
                .iter()
                .map(|(group, cells)| (group.clone(), row(cells)))
                .collect(),
            ties: raw.ties.iter().map(game).collect(),
        }
    }

    /// The sheet as TOML, to be read again by [`Sheet::parse`].
    pub fn to_toml(&self) -> Result<String, BadSheet> {
        toml::to_string(self).map_err(|error| BadSheet(error.to_string()))
    }

    /// The sheet as `caucus` takes it.
    pub fn to_raw(&self) -> Result<RawWorksheet, BadSheet> {
        let groups = self.groups.iter().map(|(group, row)| {
            let Row {
                first,
                last,
                delegates,
            } = *row;
            (
                group.clone(),
                RawRow {
                    first,
                    last,
                    delegates,
                },
            )
        });
        Ok(RawWorksheet {
            unit: self.unit.clone(),
            attendees: self.attendees,
            groups: groups.collect(),
            ties: self
                .ties
                .iter()
                .map(Game::to_raw)
                .collect::<Result<_, _>>()?,
        })
    }

    /// A checked sheet as a file.
    pub fn of(unit: &UnitId, worksheet: &Worksheet) -> Sheet {
        let number = |count: u64| i64::try_from(count).ok();
        let groups = worksheet.first.iter().map(|(group, first)| {
            let row = Row {
                first: number(first.get()),
                last: number(worksheet.last.get(group).get()),
                delegates: number(worksheet.reported.get(group).get()),
            };
            (group.to_string(), row)
        });
        let ties = worksheet.ties.iter().map(|tie| Game {
            kind: tie.kind().to_string(),
            groups: tie.groups().iter().map(ToString::to_string).collect(),
            settled_for: tie.settled_for().to_string(),
            by: tie.by().to_string(),
        });
        Sheet {
            unit: unit.to_string(),
            attendees: number(worksheet.attendees.get()),
            groups: groups.collect(),
            ties: ties.collect(),
        }
    }

    /// An empty sheet to fill in, as TOML with the groups' names beside them.
    pub fn blank(unit: &UnitId, rules: &Rules) -> String {
        let width = rules
            .groups()
            .iter()
            .map(|group| group.id.as_str().len())
            .max()
            .unwrap_or(0);
        let mut text = format!(
            "unit = \"{unit}\"\nattendees = 0\n\n[groups]\n\
             # people at first alignment, people at final alignment, delegates\n"
        );
        for group in rules.groups() {
            let _ = writeln!(
                text,
                "{:width$} = {{ first = 0, final = 0, delegates = 0 }}  # {}",
                group.id.as_str(),
                group.name,
            );
        }
        text.push_str(
            "\n# One block for each coin or straw, in the order they were settled:\n\
             # [[ties]]\n# kind = \"award\"        # or \"reduce\", \"merge\"\n\
             # groups = [\"…\", \"…\"]\n# settled_for = \"…\"\n# by = \"coin\"           # or \"straws\"\n",
        );
        text
    }
}

/// Reads a file of this shape or one like it; a text that begins with `{` is JSON, any other TOML.
pub(crate) fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, BadSheet> {
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| BadSheet(error.to_string()))
    } else {
        toml::from_str(text).map_err(|error| BadSheet(error.to_string().trim_end().to_owned()))
    }
}

impl Game {
    /// The game as `caucus` takes it.
    pub fn to_raw(&self) -> Result<RawTie, BadSheet> {
        let kind = TieKind::parse(&self.kind).ok_or_else(|| {
            BadSheet(format!(
                "a tie is `award`, `reduce` or `merge`, not `{}`",
                self.kind
            ))
        })?;
        let by = Chance::parse(&self.by).ok_or_else(|| {
            BadSheet(format!(
                "a tie is settled by `coin` or `straws`, not `{}`",
                self.by
            ))
        })?;
        Ok(RawTie {
            kind,
            groups: self.groups.clone(),
            settled_for: self.settled_for.clone(),
            by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
        unit = "P-12"
        attendees = 90
        [groups]
        biden = { first = 40, final = 50, delegates = 3 }
        warren = { first = 30, final = 40, delegates = 2 }
        [[ties]]
        kind = "award"
        groups = ["biden", "warren"]
        settled_for = "biden"
        by = "coin"
    "#;

    #[test]
    fn toml_and_json_are_one_shape() {
        let sheet = Sheet::parse(TOML).unwrap();
        assert_eq!(sheet.groups["biden"].last, Some(50));
        let json = serde_json::to_string(&sheet).unwrap();
        assert_eq!(Sheet::parse(&json).unwrap(), sheet);
        let raw = sheet.to_raw().unwrap();
        assert_eq!(raw.groups["warren"].delegates, Some(2));
        assert_eq!(raw.ties[0].by, Chance::Coin);
    }

    #[test]
    fn a_misspelt_field_is_refused_with_its_line() {
        let error = Sheet::parse(&TOML.replace("attendees", "atendees")).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
        assert!(Sheet::parse(&TOML.replace("final", "last")).is_err());
    }

    #[test]
    fn a_missing_cell_stays_missing() {
        let sheet = Sheet::parse(&TOML.replace(", delegates = 3", "")).unwrap();
        assert_eq!(sheet.to_raw().unwrap().groups["biden"].delegates, None);
    }

    #[test]
    fn a_half_typed_sheet_is_written_and_read_again() {
        let mut sheet = Sheet::parse(TOML).unwrap();
        sheet.groups.get_mut("warren").unwrap().last = None;
        let raw = sheet.to_raw().unwrap();
        let text = Sheet::of_raw(&raw).to_toml().unwrap();
        assert_eq!(Sheet::parse(&text).unwrap(), sheet, "{text}");
    }

    #[test]
    fn a_blank_sheet_can_be_read_and_lists_every_group() {
        let rules = Rules::iowa_2020();
        let unit = UnitId::parse("P-12").unwrap();
        let sheet = Sheet::parse(&Sheet::blank(&unit, &rules)).unwrap();
        assert_eq!(sheet.groups.len(), rules.groups().len());
        assert_eq!(sheet.unit, "P-12");
    }
}

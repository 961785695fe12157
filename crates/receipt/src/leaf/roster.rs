//! What happens to the roster on the night: a site is added or closed, precincts meet together, a
//! group withdraws.

use core::fmt;

use caucus::{Delegates, GroupId, Unit, UnitId, parse_number};

use super::header::{Header, Reason};
use crate::lines::{self, Lines, Malformed};

/// One amendment of the roster.
///
/// ```text
/// add unit <as in the roster> | close unit <unit> | merge <from> <into> <delegates> | withdraw <group>
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterChange {
    /// Which election, which note.
    pub header: Header,
    /// What changes.
    pub amendment: Amendment,
    /// Why.
    pub reason: Reason,
}

/// What may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amendment {
    /// A new precinct or satellite.
    Add(Unit),
    /// A unit that does not meet. Notes for it are recorded as strays.
    Close(UnitId),
    /// Two units that meet as one.
    Merge {
        /// The unit that goes.
        from: UnitId,
        /// The unit that stays.
        into: UnitId,
        /// What the unit that stays awards from now on.
        delegates: Delegates,
    },
    /// A group that withdrew: cells of it that are not zero are flagged.
    Withdraw(GroupId),
}

impl Amendment {
    fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        if lines.at("add") {
            return lines
                .value("add", "unit <as in the roster>", |text| {
                    Unit::parse_line(text).ok()
                })
                .map(Self::Add);
        }
        if lines.at("close") {
            return lines
                .value("close", "unit <unit>", |text| match lines::fields(text)? {
                    ["unit", unit] => UnitId::parse(unit).ok(),
                    [_, _] => None,
                })
                .map(Self::Close);
        }
        if lines.at("merge") {
            return lines.value("merge", "<from> <into> <delegates>", |text| {
                let [from, into, delegates] = lines::fields(text)?;
                let (from, into) = (UnitId::parse(from).ok()?, UnitId::parse(into).ok()?);
                let delegates = parse_number(delegates).and_then(Delegates::new)?;
                (from != into).then_some(Self::Merge {
                    from,
                    into,
                    delegates,
                })
            });
        }
        if lines.at("withdraw") {
            return lines
                .value("withdraw", "<group>", |text| GroupId::parse(text).ok())
                .map(Self::Withdraw);
        }
        Err(lines.fault("expected `add`, `close`, `merge` or `withdraw`"))
    }
}

impl fmt::Display for Amendment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(unit) => write!(f, "add {}", unit.to_line()),
            Self::Close(unit) => write!(f, "close unit {unit}"),
            Self::Merge {
                from,
                into,
                delegates,
            } => {
                write!(f, "merge {from} {into} {}", delegates.get())
            }
            Self::Withdraw(group) => write!(f, "withdraw {group}"),
        }
    }
}

impl RosterChange {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            amendment: Amendment::read(lines)?,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.amendment)?;
        writeln!(f, "reason {}", self.reason)
    }
}

//! What opens and shuts: publish and hold, close, activate.

use core::fmt;

use caucus::{CountyId, UnitId};
use merkle::Hash;
use note::b64;

use super::header::{Header, Reason};
use crate::lines::{self, Lines, Malformed};

/// The body of both publish and hold: what the result pages and feeds may show. The log itself
/// shows every leaf at all times.
///
/// ```text
/// scope all | county <county> | unit <unit>
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Which election, which note.
    pub header: Header,
    /// Which results.
    pub scope: Scope,
    /// Why.
    pub reason: Reason,
}

/// Which results a gate is about; the latest act of the narrowest scope decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    All,
    /// One county.
    County(CountyId),
    /// One precinct or satellite.
    Unit(UnitId),
}

impl Scope {
    fn parse(text: &str) -> Option<Self> {
        if text == "all" {
            return Some(Self::All);
        }
        match lines::fields(text)? {
            ["county", county] => CountyId::parse(county).ok().map(Self::County),
            ["unit", unit] => UnitId::parse(unit).ok().map(Self::Unit),
            [_, _] => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::County(county) => write!(f, "county {county}"),
            Self::Unit(unit) => write!(f, "unit {unit}"),
        }
    }
}

impl Gate {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            scope: lines.value("scope", "<all|county <county>|unit <unit>>", Scope::parse)?,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "scope {}", self.scope)?;
        writeln!(f, "reason {}", self.reason)
    }
}

/// The end of the night: reports from here on are marked late.
///
/// ```text
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Which election, which note.
    pub header: Header,
    /// Why now.
    pub reason: Reason,
}

impl Close {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "reason {}", self.reason)
    }
}

/// Lets a successor manifest, signed before the night, into the log.
///
/// ```text
/// manifest <hash of the manifest's text>
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activate {
    /// Which election, which note.
    pub header: Header,
    /// The manifest's text, hashed.
    pub manifest: Hash,
    /// Why.
    pub reason: Reason,
}

impl Activate {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            manifest: lines.value("manifest", "<hash>", lines::hash)?,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "manifest {}", b64::encode_hash(&self.manifest))?;
        writeln!(f, "reason {}", self.reason)
    }
}

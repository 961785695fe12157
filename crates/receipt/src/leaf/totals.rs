//! The one leaf that nobody signs: the totals derived after each publish, hold and close.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use caucus::{Delegates, ElectionId, GroupId, People, parse_number};
use merkle::{Hash, LeafIndex};
use note::{b64, parse_decimal};

use crate::lines::{self, Lines, Malformed};

/// Statewide totals as they stood at one leaf; a pure function of the leaves before it, so that
/// replay compares it and never applies it. Nobody claims a time or an id for it.
///
/// ```text
/// precinct-tally/totals/v1
/// election <election>
/// genesis <hash>
/// of <leaf index>
/// row <group> <first> <final> <delegates> <state delegate equivalents>    *
/// results <hash of the results file>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedTotals {
    /// The election's name.
    pub election: ElectionId,
    /// SHA-256 of the text of manifest version 1.
    pub genesis: Hash,
    /// The publish, hold or close that these totals follow.
    pub of: LeafIndex,
    /// One row a group, ascending.
    pub rows: Vec<TotalsRow>,
    /// SHA-256 of the results file.
    pub results: Hash,
}

/// One group's statewide totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotalsRow {
    /// The group.
    pub group: GroupId,
    /// People at first alignment.
    pub first: People,
    /// People at final alignment.
    pub last: People,
    /// County-convention delegates as reported.
    pub delegates: Delegates,
    /// State delegate equivalents, exactly.
    pub sde: SdeText,
}

/// A fraction as `caucus::Sde` writes it, `<numerator>/<denominator>` in lowest terms. Only its
/// form is checked here: the value is compared on replay, where it is derived again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdeText(String);

impl SdeText {
    /// The most characters of a fraction. Iowa's counties and pools need some 400, 250 counties of
    /// a thousand delegates each some 2,000.
    pub const MAX_LEN: usize = 4_096;

    /// Checks the form.
    pub fn parse(text: &str) -> Option<Self> {
        let (numerator, denominator) = text.split_once('/')?;
        let digits = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        };
        let sound = text.len() <= Self::MAX_LEN
            && digits(numerator)
            && digits(denominator)
            && denominator != "0";
        sound.then(|| Self(text.into()))
    }

    /// The fraction.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TotalsRow {
    fn parse(text: &str) -> Option<(GroupId, Self)> {
        let [group, first, last, delegates, sde] = lines::fields(text)?;
        let group = GroupId::parse(group).ok()?;
        let row = Self {
            group: group.clone(),
            // Sums may be above what one sheet may state.
            first: parse_decimal(first).map(People::of_sum)?,
            last: parse_decimal(last).map(People::of_sum)?,
            delegates: parse_decimal(delegates).map(Delegates::of_sum)?,
            sde: SdeText::parse(sde)?,
        };
        Some((group, row))
    }
}

impl DerivedTotals {
    pub(super) fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            election: lines.value("election", "<election>", |text| {
                ElectionId::parse(text).ok()
            })?,
            genesis: lines.value("genesis", "<hash>", lines::hash)?,
            of: lines.value("of", "<leaf index>", |text| {
                parse_number(text).map(LeafIndex::new)
            })?,
            rows: lines.list(
                "row",
                "<group> <first> <final> <delegates> <fraction>",
                usize::MAX,
                TotalsRow::parse,
            )?,
            results: lines.value("results", "<hash>", lines::hash)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "election {}", self.election)?;
        writeln!(f, "genesis {}", b64::encode_hash(&self.genesis))?;
        writeln!(f, "of {}", self.of)?;
        for row in &self.rows {
            writeln!(
                f,
                "row {} {} {} {} {}",
                row.group,
                row.first.get(),
                row.last.get(),
                row.delegates.get(),
                row.sde.as_str()
            )?;
        }
        writeln!(f, "results {}", b64::encode_hash(&self.results))
    }
}

impl fmt::Display for SdeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&caucus::Sde> for SdeText {
    fn from(sde: &caucus::Sde) -> Self {
        Self(sde.exact())
    }
}

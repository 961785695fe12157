//! What says what a sheet says: submission, attest, recanvass, recount.

use core::fmt;

use caucus::UnitId;
use merkle::LeafHash;

use super::figures::{AttestedFigures, Channel, Figures};
use super::header::{self, Answered, Header, Reason};
use crate::code::VoucherCode;
use crate::lines::{self, Lines, Malformed};

/// A unit's report, first or corrected.
///
/// ```text
/// unit <unit>
/// seq <number from 1>
/// supersedes <leaf hash, or '-'>
/// [channel paper|phone|photo]
/// [voucher <code>]
/// <figures>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Which election, which note.
    pub header: Header,
    /// The precinct or satellite.
    pub unit: UnitId,
    /// 1 for the first report of a unit, one more for each correction.
    pub seq: u64,
    /// The leaf that this report corrects.
    pub supersedes: Option<LeafHash>,
    /// How operators came by the report; absent when the chair keyed it. Never [`Channel::Room`].
    pub channel: Option<Channel>,
    /// What the chair read out over the telephone.
    pub voucher: Option<VoucherCode>,
    /// The sheet.
    pub figures: Figures,
}

impl Submission {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            unit: header::unit(lines)?,
            seq: lines.value("seq", "<number from 1>", lines::positive)?,
            supersedes: lines.value("supersedes", "<leaf hash or ->", |text| {
                lines::dash(text, lines::leaf_hash).ok()
            })?,
            channel: lines.optional("channel", "<paper|phone|photo>", |word| {
                Channel::parse(word).filter(|channel| *channel != Channel::Room)
            })?,
            voucher: lines.optional("voucher", "<code>", VoucherCode::canonical)?,
            figures: Figures::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "unit {}", self.unit)?;
        writeln!(f, "seq {}", self.seq)?;
        writeln!(
            f,
            "supersedes {}",
            lines::leaf_or_dash(self.supersedes.as_ref())
        )?;
        if let Some(channel) = self.channel {
            writeln!(f, "channel {channel}")?;
        }
        if let Some(voucher) = &self.voucher {
            writeln!(f, "voucher {voucher}")?;
        }
        write!(f, "{}", self.figures)
    }
}

/// A second, independent record of a sheet, made without looking at the first.
///
/// ```text
/// unit <unit>
/// channel paper|phone|photo|room
/// <figures, '-' for a cell that could not be read>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attest {
    /// Which election, which note.
    pub header: Header,
    /// The precinct or satellite.
    pub unit: UnitId,
    /// What the signer had before them.
    pub channel: Channel,
    /// What it said.
    pub figures: AttestedFigures,
}

impl Attest {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            unit: header::unit(lines)?,
            channel: lines.value("channel", "<paper|phone|photo|room>", Channel::parse)?,
            figures: AttestedFigures::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "unit {}", self.unit)?;
        writeln!(f, "channel {}", self.channel)?;
        write!(f, "{}", self.figures)
    }
}

/// A count made again afterwards: the body of both recanvass and recount.
///
/// ```text
/// unit <unit>
/// <figures>
/// adopt yes|no
/// reason <text>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountAgain {
    /// Which election, which note.
    pub header: Header,
    /// The precinct or satellite.
    pub unit: UnitId,
    /// What was found.
    pub figures: Figures,
    /// Whether these figures become the unit's.
    pub adopt: Answered,
    /// Why it was counted again.
    pub reason: Reason,
}

impl CountAgain {
    pub(super) fn read(header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header,
            unit: header::unit(lines)?,
            figures: Figures::read(lines)?,
            adopt: lines.value("adopt", "<yes|no>", Answered::parse)?,
            reason: Reason::read(lines)?,
        })
    }

    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "unit {}", self.unit)?;
        write!(f, "{}", self.figures)?;
        writeln!(f, "adopt {}", self.adopt)?;
        writeln!(f, "reason {}", self.reason)
    }
}

//! Leaves: the texts that change a published number, one type a row of the table of leaves.
//!
//! A leaf's text is read here and written here, and the two are inverse: one content has one
//! text. Who must sign what, and what a leaf does, is for the ledger.

mod figures;
mod gate;
mod header;
mod keys;
mod report;
mod review;
mod roster;
mod signers;
mod totals;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

use caucus::{ElectionId, UnitId};
use merkle::Hash;
use note::{Limits, NoteError, SignedNote};

pub use figures::{AttestedFigures, Channel, Evidence, Figures, MAX_EVIDENCE, MediaType, Round};
pub use gate::{Activate, Close, Gate, Scope};
pub use header::{Answered, Header, KeyReference, Reason, Role};
pub(crate) use keys::person_key;
pub use keys::{Earlier, Enrol, Place, Revoke};
pub use report::{Attest, CountAgain, Submission};
pub use review::{
    Answer, ClaimedCell, Column, Decision, DecisionWord, Dispute, FindingName, Review, Void,
};
pub use roster::{Amendment, RosterChange};
pub use signers::Signers;
pub use totals::{DerivedTotals, SdeText, TotalsRow};

use crate::lines::{Lines, Malformed, line_at};
use crate::manifest::Manifest;
use crate::words::words;

words! {
    /// The rows of the table of leaves.
    pub enum LeafKind {
        /// Who takes part: keys, nodes, files.
        Manifest = "manifest",
        /// Lets a successor manifest in.
        Activate = "activate",
        /// A unit's report.
        Submission = "submission",
        /// A second record of a sheet.
        Attest = "attest",
        /// A reviewer's decision.
        Review = "review",
        /// Takes a head away.
        Void = "void",
        /// A campaign's claim.
        Dispute = "dispute",
        /// Closes a dispute.
        Answer = "answer",
        /// A count made again by the party.
        Recanvass = "recanvass",
        /// A count made again on demand of a campaign.
        Recount = "recount",
        /// Shows results.
        Publish = "publish",
        /// Holds results back.
        Hold = "hold",
        /// A new key.
        Enrol = "enrol",
        /// A key that counts no longer.
        Revoke = "revoke",
        /// An amendment of the roster.
        Roster = "roster",
        /// The end of the night.
        Close = "close",
        /// Derived totals, signed by nobody.
        Totals = "totals",
    }
}

impl LeafKind {
    /// The first line of a text of this kind, without its line feed.
    fn first_line(self) -> String {
        alloc::format!("precinct-tally/{self}/v1")
    }

    fn of_first_line(line: &str) -> Option<Self> {
        let name = line.strip_prefix("precinct-tally/")?.strip_suffix("/v1")?;
        Self::parse(name)
    }

    /// How large a note that begins with these bytes may be. Known before anything is parsed, so
    /// that junk costs nothing.
    pub fn limits(entry: &[u8]) -> Limits {
        if entry.starts_with(b"precinct-tally/manifest/v1\n") {
            Limits::MANIFEST
        } else {
            Limits::NOTE
        }
    }
}

/// One leaf's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// Who takes part: keys, nodes, files.
    Manifest(Box<Manifest>),
    /// Lets a successor manifest in.
    Activate(Activate),
    /// A unit's report.
    Submission(Box<Submission>),
    /// A second record of a sheet.
    Attest(Box<Attest>),
    /// A reviewer's decision.
    Review(Review),
    /// Takes a head away.
    Void(Void),
    /// A campaign's claim.
    Dispute(Dispute),
    /// Closes a dispute.
    Answer(Answer),
    /// A count made again by the party.
    Recanvass(Box<CountAgain>),
    /// A count made again on demand of a campaign.
    Recount(Box<CountAgain>),
    /// Shows results.
    Publish(Gate),
    /// Holds results back.
    Hold(Gate),
    /// A new key.
    Enrol(Enrol),
    /// A key that counts no longer.
    Revoke(Revoke),
    /// An amendment of the roster.
    Roster(RosterChange),
    /// The end of the night.
    Close(Close),
    /// Derived totals, signed by nobody.
    Totals(DerivedTotals),
}

impl Leaf {
    /// Reads the text of a signed note. The signatures are not looked at.
    ///
    /// Refuses whatever is outside the grammar of the type that the first line names, a note
    /// longer than its type allows, signature lines out of order, and totals, which nobody may
    /// sign.
    pub fn parse(note: &SignedNote) -> Result<Self, Malformed> {
        within(note.bytes(), LeafKind::limits(note.bytes()))?;
        signed_in_order(note)?;
        let leaf = Self::parse_text(note.text())?;
        if leaf.kind() == LeafKind::Totals {
            return Err(Malformed::new(1, "totals are derived and signed by nobody"));
        }
        Ok(leaf)
    }

    /// Reads the exact bytes of a leaf of the tree: a signed note, or the bare text of derived
    /// totals. The note comes back beside the content.
    pub fn parse_entry(entry: &[u8]) -> Result<(Self, Option<SignedNote>), Malformed> {
        if entry.starts_with(b"precinct-tally/totals/v1\n") {
            // As long as a manifest: each of 64 groups has a fraction of hundreds of digits.
            within(entry, Limits::MANIFEST)?;
            let text = core::str::from_utf8(entry)
                .map_err(|_| Malformed::new(1, "a byte outside printable ASCII"))?;
            return Ok((Self::parse_text(text)?, None));
        }
        within(entry, LeafKind::limits(entry))?;
        let note = SignedNote::parse(entry).map_err(|error| match error {
            NoteError::Malformed { line, what } => Malformed::new(line, what),
            NoteError::TooLarge { .. } => Malformed::new(1, error.to_string()),
        })?;
        Ok((Self::parse(&note)?, Some(note)))
    }

    /// Reads a text. The inverse of [`Leaf::text`]: what is accepted here is written again byte
    /// for byte.
    pub fn parse_text(text: &str) -> Result<Self, Malformed> {
        let first = text.split('\n').next().unwrap_or(text);
        let kind = LeafKind::of_first_line(first)
            .ok_or_else(|| Malformed::new(1, "expected `precinct-tally/<type>/v1`"))?;
        let mut lines = Lines::new(text)?;
        lines.exactly(first)?;
        let leaf = Self::read(kind, &mut lines)?;
        lines.end()?;
        // The grammar is meant to leave one text a content. Should it ever leave two, the note
        // is refused rather than hashed under one and shown as the other.
        if leaf.text() != text {
            return Err(Malformed::new(1, "not the canonical form of its content"));
        }
        Ok(leaf)
    }

    fn read(kind: LeafKind, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        if kind == LeafKind::Totals {
            return DerivedTotals::read(lines).map(Self::Totals);
        }
        let header = Header::read(lines)?;
        if kind == LeafKind::Manifest {
            return Manifest::read(header, lines)
                .map(Box::new)
                .map(Self::Manifest);
        }
        if header.genesis.is_none() {
            // The header is lines 2 to 5.
            return Err(Malformed::new(3, "only manifest version 1 has no genesis"));
        }
        Self::read_act(kind, header, lines)
    }

    fn read_act(kind: LeafKind, header: Header, lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        match kind {
            LeafKind::Activate => Activate::read(header, lines).map(Self::Activate),
            LeafKind::Submission => Submission::read(header, lines)
                .map(Box::new)
                .map(Self::Submission),
            LeafKind::Attest => Attest::read(header, lines).map(Box::new).map(Self::Attest),
            LeafKind::Review => Review::read(header, lines).map(Self::Review),
            LeafKind::Void => Void::read(header, lines).map(Self::Void),
            LeafKind::Dispute => Dispute::read(header, lines).map(Self::Dispute),
            LeafKind::Answer => Answer::read(header, lines).map(Self::Answer),
            LeafKind::Recanvass => CountAgain::read(header, lines)
                .map(Box::new)
                .map(Self::Recanvass),
            LeafKind::Recount => CountAgain::read(header, lines)
                .map(Box::new)
                .map(Self::Recount),
            LeafKind::Publish => Gate::read(header, lines).map(Self::Publish),
            LeafKind::Hold => Gate::read(header, lines).map(Self::Hold),
            LeafKind::Enrol => Enrol::read(header, lines).map(Self::Enrol),
            LeafKind::Revoke => Revoke::read(header, lines).map(Self::Revoke),
            LeafKind::Roster => RosterChange::read(header, lines).map(Self::Roster),
            LeafKind::Close => Close::read(header, lines).map(Self::Close),
            LeafKind::Manifest | LeafKind::Totals => Err(lines.fault("not an act")),
        }
    }

    /// The text that is signed, or for totals the entry itself: one content has one text.
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// Which row of the table of leaves this is.
    pub const fn kind(&self) -> LeafKind {
        match self {
            Self::Manifest(_) => LeafKind::Manifest,
            Self::Activate(_) => LeafKind::Activate,
            Self::Submission(_) => LeafKind::Submission,
            Self::Attest(_) => LeafKind::Attest,
            Self::Review(_) => LeafKind::Review,
            Self::Void(_) => LeafKind::Void,
            Self::Dispute(_) => LeafKind::Dispute,
            Self::Answer(_) => LeafKind::Answer,
            Self::Recanvass(_) => LeafKind::Recanvass,
            Self::Recount(_) => LeafKind::Recount,
            Self::Publish(_) => LeafKind::Publish,
            Self::Hold(_) => LeafKind::Hold,
            Self::Enrol(_) => LeafKind::Enrol,
            Self::Revoke(_) => LeafKind::Revoke,
            Self::Roster(_) => LeafKind::Roster,
            Self::Close(_) => LeafKind::Close,
            Self::Totals(_) => LeafKind::Totals,
        }
    }

    /// The header, which totals do not have.
    pub fn header(&self) -> Option<&Header> {
        match self {
            Self::Manifest(leaf) => Some(&leaf.header),
            Self::Activate(leaf) => Some(&leaf.header),
            Self::Submission(leaf) => Some(&leaf.header),
            Self::Attest(leaf) => Some(&leaf.header),
            Self::Review(leaf) => Some(&leaf.header),
            Self::Void(leaf) => Some(&leaf.header),
            Self::Dispute(leaf) => Some(&leaf.header),
            Self::Answer(leaf) => Some(&leaf.header),
            Self::Recanvass(leaf) | Self::Recount(leaf) => Some(&leaf.header),
            Self::Publish(leaf) | Self::Hold(leaf) => Some(&leaf.header),
            Self::Enrol(leaf) => Some(&leaf.header),
            Self::Revoke(leaf) => Some(&leaf.header),
            Self::Roster(leaf) => Some(&leaf.header),
            Self::Close(leaf) => Some(&leaf.header),
            Self::Totals(_) => None,
        }
    }

    /// Whether this leaf carries that election's name and genesis. Version 1 of a manifest is its
    /// own genesis.
    pub fn is_of(&self, election: &ElectionId, genesis: &Hash) -> bool {
        if let Self::Totals(totals) = self {
            return totals.election == *election && totals.genesis == *genesis;
        }
        self.header().is_some_and(|header| {
            let own = || merkle::sha256(self.text().as_bytes());
            header.election == *election && header.genesis.unwrap_or_else(own) == *genesis
        })
    }

    /// The manifest, if it is one.
    pub fn manifest(&self) -> Option<&Manifest> {
        if let Self::Manifest(manifest) = self {
            Some(manifest)
        } else {
            None
        }
    }

    /// The unit whose figures or standing this leaf is about, if it is about one.
    pub fn unit(&self) -> Option<&UnitId> {
        match self {
            Self::Submission(leaf) => Some(&leaf.unit),
            Self::Attest(leaf) => Some(&leaf.unit),
            Self::Review(leaf) => Some(&leaf.unit),
            Self::Void(leaf) => Some(&leaf.unit),
            Self::Dispute(leaf) => Some(&leaf.unit),
            Self::Recanvass(leaf) | Self::Recount(leaf) => Some(&leaf.unit),
            Self::Manifest(_)
            | Self::Activate(_)
            | Self::Answer(_)
            | Self::Publish(_)
            | Self::Hold(_)
            | Self::Enrol(_)
            | Self::Revoke(_)
            | Self::Roster(_)
            | Self::Close(_)
            | Self::Totals(_) => None,
        }
    }
}

/// Refuses an entry that is longer than its kind allows.
fn within(entry: &[u8], limits: Limits) -> Result<(), Malformed> {
    let lines = entry.split(|byte| *byte == b'\n').skip(1).count();
    let over = |is: usize, what: &str, limit: usize| {
        (is > limit).then(|| Malformed::new(1, alloc::format!("{is} {what}, more than {limit}")))
    };
    over(entry.len(), "bytes", limits.bytes)
        .or_else(|| over(lines, "lines", limits.lines))
        .map_or(Ok(()), Err)
}

/// Refuses signature lines that do not ascend by name and key id: the same signers stand in one
/// order.
fn signed_in_order(note: &SignedNote) -> Result<(), Malformed> {
    let keys = || note.signatures().iter().map(|line| (&line.name, line.id));
    let fall = keys()
        .zip(keys().skip(1))
        .position(|(before, after)| before >= after);
    match fall {
        None => Ok(()),
        Some(position) => {
            // The text's lines and the blank one stand above the first signature.
            let above = note.text().matches('\n').count().saturating_add(1);
            let line = line_at(2, above.saturating_add(position));
            Err(Malformed::new(line, "signature lines ascend by name"))
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.kind().first_line())?;
        if let Some(header) = self.header() {
            header.fmt(f)?;
        }
        match self {
            Self::Manifest(leaf) => leaf.write(f),
            Self::Activate(leaf) => leaf.write(f),
            Self::Submission(leaf) => leaf.write(f),
            Self::Attest(leaf) => leaf.write(f),
            Self::Review(leaf) => leaf.write(f),
            Self::Void(leaf) => leaf.write(f),
            Self::Dispute(leaf) => leaf.write(f),
            Self::Answer(leaf) => leaf.write(f),
            Self::Recanvass(leaf) | Self::Recount(leaf) => leaf.write(f),
            Self::Publish(leaf) | Self::Hold(leaf) => leaf.write(f),
            Self::Enrol(leaf) => leaf.write(f),
            Self::Revoke(leaf) => leaf.write(f),
            Self::Roster(leaf) => leaf.write(f),
            Self::Close(leaf) => leaf.write(f),
            Self::Totals(leaf) => leaf.write(f),
        }
    }
}

impl From<Submission> for Leaf {
    fn from(submission: Submission) -> Self {
        Self::Submission(Box::new(submission))
    }
}

impl From<Manifest> for Leaf {
    fn from(manifest: Manifest) -> Self {
        Self::Manifest(Box::new(manifest))
    }
}

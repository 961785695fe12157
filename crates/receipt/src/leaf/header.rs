//! What every note that a person or a program signs begins with, and the values that several
//! types share.

use alloc::string::String;
use core::fmt;

use caucus::{ElectionId, SubmissionId, UnitId, parse_number};
use merkle::{Hash, LeafHash};
use note::{KeyId, KeyName, UnixSeconds};

use crate::lines::{self, Lines, Malformed};
use crate::words::words;

/// The lines behind the first one: which election, which note, claimed when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The election's name.
    pub election: ElectionId,
    /// SHA-256 of the text of manifest version 1: binds the note to one instance of the election,
    /// so that nothing signed for a rehearsal can be replayed. Absent in that manifest alone.
    pub genesis: Option<Hash>,
    /// 128 random bits of the signer; also the key under which a retry is recognised.
    pub id: SubmissionId,
    /// The signer's claim of the time. No decision rests on it.
    pub time: UnixSeconds,
}

impl Header {
    /// Reads the four lines. Whether `genesis -` may stand there depends on the type, which the
    /// caller knows.
    pub(crate) fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            election: lines.value("election", "<election>", |text| {
                ElectionId::parse(text).ok()
            })?,
            genesis: lines.value("genesis", "<hash>", |text| {
                lines::dash(text, lines::hash).ok()
            })?,
            id: lines.value("id", "<32 lower-case hexadecimal characters>", |text| {
                SubmissionId::parse(text).ok()
            })?,
            time: lines.value("time", "<seconds>", |text| {
                parse_number(text).map(UnixSeconds::new)
            })?,
        })
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "election {}", self.election)?;
        writeln!(f, "genesis {}", lines::hash_or_dash(self.genesis.as_ref()))?;
        writeln!(f, "id {}", self.id)?;
        writeln!(f, "time {}", self.time)
    }
}

words! {
    /// What a person's key may be used for.
    pub enum Role {
        /// Looks after the machines: activates a successor manifest.
        Admin = "admin",
        /// Signs manifests, offline, `t` of `m` together.
        Authority = "authority",
        /// A campaign's eyes: may dispute a figure.
        Observer = "observer",
        /// Takes reports by telephone and keys sheets from photographs and paper.
        Operator = "operator",
        /// Decides, two together, what the public pages show.
        Publisher = "publisher",
        /// Enrols and revokes keys and amends the roster, two together.
        Registrar = "registrar",
        /// Settles what a sheet's findings or rivals left open.
        Reviewer = "reviewer",
    }
}

words! {
    /// Yes or no, as a line says it.
    pub enum Answered {
        /// `yes`
        Yes = "yes",
        /// `no`
        No = "no",
    }
}

/// Why an act was done, in the words of those who did it: 1 to 200 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(String);

impl Reason {
    /// The longest reason: it is read on one line of a log.
    pub const MAX_LEN: usize = 200;

    /// Checks length and characters.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        let printable = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        (fits && printable).then(|| Self(text.into()))
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn read(lines: &mut Lines<'_>) -> Result<Self, Malformed> {
        lines.value("reason", "<1 to 200 printable characters>", Self::parse)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key named by its name and id, as `revoke` and `replaces` do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyReference {
    /// The name in the key.
    pub name: KeyName,
    /// The first four bytes of the hash over name, type and key.
    pub id: KeyId,
}

impl KeyReference {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let [name, id] = lines::fields(text)?;
        Some(Self {
            name: KeyName::parse(name).ok()?,
            id: KeyId::parse(id)?,
        })
    }
}

impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.id)
    }
}

/// Reads `unit <token>`.
pub(super) fn unit(lines: &mut Lines<'_>) -> Result<UnitId, Malformed> {
    lines.value("unit", "<unit>", |text| UnitId::parse(text).ok())
}

/// Reads a line that names a leaf by its hash.
pub(super) fn leaf_hash(lines: &mut Lines<'_>, keyword: &str) -> Result<LeafHash, Malformed> {
    lines.value(keyword, "<leaf hash>", lines::leaf_hash)
}

//! Writing notes: what a chair, an operator or a registrar signs, as exact bytes.
//!
//! Pure: the id and the time come from outside. A note made here goes into the outbox before it
//! goes anywhere else.

use caucus::{SubmissionId, UnitId, Worksheet};
use merkle::LeafHash;
use note::{NoteError, SignedNote, SignerKey, UnixSeconds};
use receipt::leaf::{Evidence, Figures, Submission};
use receipt::{Election, Header, Leaf};

use crate::random::Random;

/// The header of a new note for this election.
pub fn header(election: &Election, random: &mut impl Random, now: UnixSeconds) -> Header {
    Header {
        election: election.id().clone(),
        genesis: Some(*election.genesis()),
        id: SubmissionId::from_bytes(random.id()),
        time: now,
    }
}

/// What a report says beside its header.
#[derive(Debug, Clone)]
pub struct Report {
    /// The unit.
    pub unit: UnitId,
    /// 1 for the first report, one more than the head's for a correction.
    pub seq: u64,
    /// The head it corrects.
    pub supersedes: Option<LeafHash>,
    /// The sheet.
    pub worksheet: Worksheet,
    /// Photographs of the sheet, by hash.
    pub evidence: Vec<Evidence>,
}

impl Report {
    /// The first report of a unit.
    pub fn first(unit: UnitId, worksheet: Worksheet) -> Report {
        Report {
            unit,
            seq: 1,
            supersedes: None,
            worksheet,
            evidence: Vec::new(),
        }
    }
}

/// A chair's signed report.
pub fn report(header: Header, report: Report, key: &SignerKey) -> Result<SignedNote, NoteError> {
    let Report {
        unit,
        seq,
        supersedes,
        worksheet,
        evidence,
    } = report;
    let leaf = Leaf::from(Submission {
        header,
        unit,
        seq,
        supersedes,
        channel: None,
        voucher: None,
        figures: Figures {
            worksheet,
            evidence,
        },
    });
    sign(&leaf, &[key])
}

/// Signs any act with these keys.
pub fn sign(leaf: &Leaf, keys: &[&SignerKey]) -> Result<SignedNote, NoteError> {
    let text = leaf.text();
    SignedNote::assemble(&text, keys.iter().map(|key| key.sign(&text)).collect())
}

//! A checkpoint with its signature lines: the log's, the nodes', the outsiders'.

use alloc::vec::Vec;

use crate::line::join;
use crate::{
    Checkpoint, CheckpointError, KeyId, KeyName, Limits, MAX_SIGNATURES, SignatureLine, SignedNote,
    VerifierKey,
};

/// A checkpoint and who is said to have signed it. Nothing is verified: ask each key.
///
/// Whoever attaches a line has verified it before, because some verifiers reject a whole note for
/// one bad line of a key they know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    // INVARIANT: 1 to MAX_SIGNATURES lines, no two of the same key.
    lines: Vec<SignatureLine>,
}

impl SignedCheckpoint {
    /// A checkpoint with its first line, the log's own.
    pub fn new(checkpoint: Checkpoint, line: SignatureLine) -> Self {
        Self {
            checkpoint,
            lines: Vec::from([line]),
        }
    }

    /// Reads a signed checkpoint. The lines' order is kept as it stands, so that
    /// [`SignedCheckpoint::to_bytes`] gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note =
            SignedNote::parse_within(bytes, Limits::CHECKPOINT).map_err(CheckpointError::Note)?;
        let checkpoint = Checkpoint::parse_text(note.text())?;
        Ok(Self {
            checkpoint,
            lines: note.signatures().to_vec(),
        })
    }

    /// What was signed.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Its signature lines: 1 to 32, no two of the same key.
    pub fn lines(&self) -> &[SignatureLine] {
        &self.lines
    }

    /// The line that claims to be this key's.
    pub fn line_of(&self, key: &VerifierKey) -> Option<&SignatureLine> {
        self.lines.iter().find(|line| key.claims(line))
    }

    /// The checkpoint with one line more, all of them in order: the log's, the nodes' by name, then
    /// the outsiders'. A second line of a key changes nothing, as the first already counts; nor
    /// does a line above the limit of 32.
    #[must_use]
    pub fn with_line(mut self, line: SignatureLine) -> Self {
        let known = self.lines.iter().any(|other| other.same_key(&line));
        if !known && self.lines.len() < MAX_SIGNATURES {
            self.lines.push(line);
            let checkpoint = &self.checkpoint;
            self.lines
                .sort_by(|a, b| order(checkpoint, a).cmp(&order(checkpoint, b)));
        }
        self
    }

    /// The signed note.
    pub fn to_bytes(&self) -> Vec<u8> {
        join(&self.checkpoint.text(), &self.lines).into_bytes()
    }
}

/// Who stands before whom in a checkpoint's lines.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The log itself: the name is the origin.
    Log,
    /// A node of the log: the name is the origin, a slash and the node.
    Node,
    /// Anyone else.
    Outsider,
}

fn order<'a>(checkpoint: &Checkpoint, line: &'a SignatureLine) -> (Rank, &'a KeyName, KeyId) {
    let rank = match line.name.as_str().strip_prefix(checkpoint.origin.as_str()) {
        Some("") => Rank::Log,
        Some(node) if node.starts_with('/') => Rank::Node,
        _ => Rank::Outsider,
    };
    (rank, &line.name, line.id)
}

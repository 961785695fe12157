//! A signed note as exact bytes: a text, a blank line, signature lines.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use merkle::{Hash, LeafHash};

use crate::line::join;
use crate::{Limits, MAX_SIGNATURES, SignatureLine};

/// A note of the grammar at the head of this crate. Its signatures are not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    // INVARIANT: bytes = text, LF, then each signature line and LF; so each part tells the other.
    bytes: Vec<u8>,
    text: String,
    signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// Reads a note of any kind, up to the size of a manifest. Kinds with a smaller limit say so
    /// through [`SignedNote::parse_within`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        Self::parse_within(bytes, Limits::MANIFEST)
    }

    /// Reads a note; what is above the limits is refused before anything is looked at.
    pub fn parse_within(bytes: &[u8], limits: Limits) -> Result<Self, NoteError> {
        if bytes.len() > limits.bytes {
            return Err(NoteError::TooLarge {
                bytes: bytes.len(),
                limit: limits.bytes,
            });
        }
        let note = str::from_utf8(bytes).map_err(|error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            malformed(
                lines_in(&String::from_utf8_lossy(good)),
                "the note is not UTF-8",
            )
        })?;
        let lines = lines_in(note);
        if lines > limits.lines {
            return Err(malformed(limits.lines, "the note has too many lines"));
        }
        if note.starts_with('\n') {
            return Err(malformed(0, "a note begins with a line of text"));
        }
        // The first blank line ends the text: other parsers split at the last, and with one blank
        // line only, all of them agree on what was signed.
        let (text, signatures) = note
            .split_once("\n\n")
            .ok_or_else(|| malformed(lines, "a blank line ends the text"))?;
        let text = format!("{text}\n");
        check_text(&text)?;
        let signatures = parse_signatures(signatures, &text)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            text,
            signatures,
        })
    }

    /// Makes a note of a text and its signatures, which are put in ascending order of name and key
    /// id, as the notes of several signers need it.
    pub fn assemble(text: &str, mut signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        signatures.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Self::parse(join(text, &signatures).as_bytes())
    }

    /// The exact bytes: what a leaf holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was signed, its last LF included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text. Two notes of one text say the same, whoever signed them.
    pub fn text_hash(&self) -> Hash {
        merkle::sha256(self.text.as_bytes())
    }

    /// The hash of these bytes as an entry of the log.
    pub fn leaf_hash(&self) -> LeafHash {
        merkle::leaf_hash(&self.bytes)
    }

    /// 1 to 32 lines as they stand, no two of the same key.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }
}

/// Why bytes are no note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More bytes than this kind of note may have. Nothing else was looked at.
    #[error("the note has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The grammar is broken.
    #[error("line {line}: {what}")]
    Malformed {
        /// From 1.
        line: u32,
        /// What the grammar asks for there.
        what: &'static str,
    },
}

/// Printable ASCII; that no line is blank follows from where the text was cut.
fn check_text(text: &str) -> Result<(), NoteError> {
    let allowed = |character| matches!(character, ' '..='~' | '\n');
    match text.split_once(|character| !allowed(character)) {
        None => Ok(()),
        Some((before, _)) => Err(malformed(lines_in(before), "the text is printable ASCII")),
    }
}

fn parse_signatures(block: &str, text: &str) -> Result<Vec<SignatureLine>, NoteError> {
    // The text's lines and the blank one come before.
    let first = lines_in(text).saturating_add(1);
    let last = first.saturating_add(lines_in(block));
    let block = block
        .strip_suffix('\n')
        .ok_or_else(|| malformed(last, "the note ends with a complete signature line"))?;
    let mut signatures: Vec<SignatureLine> = Vec::new();
    for (index, line) in block.split('\n').enumerate() {
        let refuse = |what| malformed(first.saturating_add(index), what);
        if index >= MAX_SIGNATURES {
            return Err(refuse("the note has too many signatures"));
        }
        let signature = SignatureLine::parse(line).map_err(refuse)?;
        if signatures.iter().any(|other| other.same_key(&signature)) {
            return Err(refuse("a key signs once"));
        }
        signatures.push(signature);
    }
    Ok(signatures)
}

/// Complete lines.
fn lines_in(text: &str) -> usize {
    text.matches('\n').count()
}

/// A fault in the line after so many complete ones.
fn malformed(lines_before: usize, what: &'static str) -> NoteError {
    let line = u32::try_from(lines_before)
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    NoteError::Malformed { line, what }
}

//! Two signed heads of one log that cannot both be true, as a text that convinces whoever knows the
//! public keys. Either they are of one size and have different roots, or a proof shows that the
//! larger tree begins with another tree of the smaller one's size.
//!
//! ```abnf
//! evidence = %s"tally-split-view/v1" LF
//!            *(%s"both " vkey LF)          ; who signed both notes, ascending
//!            [%s"begins " hash *(SP hash) LF]
//!                                          ; the root at one's size with which other's tree begins,
//!                                          ; then the consistency proof of that
//!            %s"one " num LF note          ; num: the bytes of the signed note that follows
//!            %s"other " num LF note
//! ```
//! The `both` lines are for people: a reader finds them out anew from the notes and the keys.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use merkle::{ConsistencyProof, Hash, MAX_PROOF_HASHES, TreeSize};
use note::{SignedCheckpoint, VerifierKey, b64, parse_decimal};

/// The first line of the text. Another version has another one.
const VERSION: &str = "tally-split-view/v1";

/// Two heads that cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    // INVARIANT: of one origin; every line verifies, at least one each.
    one: SignedCheckpoint,
    other: SignedCheckpoint,
    // INVARIANT: of one size with two roots without a beginning; with one, `other` is larger and
    // verifiably begins with another root at the size of `one`.
    beginning: Option<Beginning>,
    // INVARIANT: ascending, each once.
    double_signers: Vec<VerifierKey>,
}

/// What a larger tree begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The root at the smaller size.
    pub root: Hash,
    /// That the larger tree begins with it.
    pub proof: ConsistencyProof,
}

impl Contradiction {
    /// Holds two notes against each other. None where they do not contradict each other, or where
    /// none of `keys` signed one of them. Lines that do not verify are left out of what is kept.
    pub fn between(
        keys: &[VerifierKey],
        one: &SignedCheckpoint,
        other: &SignedCheckpoint,
    ) -> Option<Self> {
        let (here, there) = (one.checkpoint(), other.checkpoint());
        if here.size != there.size || here.root == there.root {
            return None;
        }
        Self::new(keys, one, other, None)
    }

    /// Holds a note against a larger one whose tree begins differently.
    pub fn across(
        keys: &[VerifierKey],
        smaller: &SignedCheckpoint,
        beginning: Beginning,
        larger: &SignedCheckpoint,
    ) -> Option<Self> {
        let (here, there) = (smaller.checkpoint(), larger.checkpoint());
        let begins = beginning
            .proof
            .verify(here.size, there.size, &beginning.root, &there.root);
        if begins.is_err() || here.size == there.size || here.root == beginning.root {
            return None;
        }
        Self::new(keys, smaller, larger, Some(beginning))
    }

    fn new(
        keys: &[VerifierKey],
        one: &SignedCheckpoint,
        other: &SignedCheckpoint,
        beginning: Option<Beginning>,
    ) -> Option<Self> {
        if one.checkpoint().origin != other.checkpoint().origin {
            return None;
        }
        let (one, signed_one) = verified(keys, one)?;
        let (other, signed_other) = verified(keys, other)?;
        let mut double_signers: Vec<_> = signed_one
            .into_iter()
            .filter(|key| signed_other.contains(key))
            .cloned()
            .collect();
        double_signers.sort();
        double_signers.dedup();
        Some(Self {
            one,
            other,
            beginning,
            double_signers,
        })
    }

    /// The size that has two roots.
    pub const fn size(&self) -> TreeSize {
        self.one.checkpoint().size
    }

    /// The two notes, with the lines that verified.
    pub const fn notes(&self) -> (&SignedCheckpoint, &SignedCheckpoint) {
        (&self.one, &self.other)
    }

    /// The keys that signed both, ascending. No honest key is ever among them; where there is
    /// none, one of the two sides lies and the notes do not say which.
    pub fn double_signers(&self) -> &[VerifierKey] {
        &self.double_signers
    }

    /// The evidence as a text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{VERSION}\n");
        for key in &self.double_signers {
            text.extend(["both ", &key.to_string(), "\n"]);
        }
        if let Some(Beginning { root, proof }) = &self.beginning {
            text.push_str("begins ");
            text.push_str(&b64::encode_hash(root));
            for hash in &proof.hashes {
                text.push(' ');
                text.push_str(&b64::encode_hash(hash));
            }
            text.push('\n');
        }
        for (side, signed) in [("one", &self.one), ("other", &self.other)] {
            let note = signed.to_bytes();
            text.extend([side, " ", &note.len().to_string(), "\n"]);
            text.push_str(&String::from_utf8_lossy(&note));
        }
        text
    }

    /// Reads exactly what [`Contradiction::to_text`] writes, and verifies it by these keys alone.
    pub fn parse(text: &str, keys: &[VerifierKey]) -> Result<Self, EvidenceError> {
        let mut rest = text
            .strip_prefix(VERSION)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(EvidenceError::Version)?;
        while rest.starts_with("both ") {
            (_, rest) = rest.split_once('\n').ok_or(EvidenceError::Malformed)?;
        }
        let mut beginning = None;
        if let Some(begins) = rest.strip_prefix("begins ") {
            let (hashes, after) = begins.split_once('\n').ok_or(EvidenceError::Malformed)?;
            beginning = Some(parse_beginning(hashes).ok_or(EvidenceError::Malformed)?);
            rest = after;
        }
        let (one, rest) = take_note(rest, "one ").ok_or(EvidenceError::Malformed)?;
        let (other, rest) = take_note(rest, "other ").ok_or(EvidenceError::Malformed)?;
        if !rest.is_empty() {
            return Err(EvidenceError::Malformed);
        }
        let found = match beginning {
            None => Self::between(keys, &one, &other),
            Some(beginning) => Self::across(keys, &one, beginning, &other),
        };
        let found = found.ok_or(EvidenceError::NotProven)?;
        if found.to_text() == text {
            Ok(found)
        } else {
            Err(EvidenceError::NotProven)
        }
    }
}

/// Why a text is no evidence of a split view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Of another version, or something else.
    #[error("evidence of a split view begins with `tally-split-view/v1`")]
    Version,
    /// Cut short, longer than two notes, or changed.
    #[error("evidence of a split view is two signed notes, each with its length before it")]
    Malformed,
    /// The notes do not contradict each other, or these keys did not sign what it says they did.
    #[error(
        "these keys do not show a contradiction; check with the manifest in force at that size"
    )]
    NotProven,
}

/// The note with the lines that verify, and whose they are; none without one.
pub(super) fn verified<'k>(
    keys: &'k [VerifierKey],
    signed: &SignedCheckpoint,
) -> Option<(SignedCheckpoint, Vec<&'k VerifierKey>)> {
    let checkpoint = signed.checkpoint();
    let text = checkpoint.text();
    let mut found: Option<SignedCheckpoint> = None;
    let mut signers = Vec::new();
    for key in keys {
        let line = signed.line_of(key).filter(|line| {
            key.verifies(&text, line) || key.verify_cosignature(checkpoint, line).is_some()
        });
        if let Some(line) = line {
            found = Some(match found {
                None => SignedCheckpoint::new(checkpoint.clone(), line.clone()),
                Some(found) => found.with_line(line.clone()),
            });
            signers.push(key);
        }
    }
    found.map(|found| (found, signers))
}

fn parse_beginning(text: &str) -> Option<Beginning> {
    let mut words = text.split(' ');
    let root = b64::decode_hash(words.next()?)?;
    let hashes = words.map(b64::decode_hash).collect::<Option<Vec<_>>>()?;
    (hashes.len() <= MAX_PROOF_HASHES).then_some(Beginning {
        root,
        proof: ConsistencyProof { hashes },
    })
}

fn take_note<'t>(text: &'t str, side: &str) -> Option<(SignedCheckpoint, &'t str)> {
    let (length, rest) = text.strip_prefix(side)?.split_once('\n')?;
    let length = usize::try_from(parse_decimal(length)?).ok()?;
    let (note, rest) = rest.split_at_checked(length)?;
    let signed = SignedCheckpoint::parse(note.as_bytes()).ok()?;
    Some((signed, rest))
}

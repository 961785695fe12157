//! Two signed heads of one log and one size with different roots, as a text that convinces whoever
//! knows the public keys.
//!
//! ```abnf
//! evidence = %s"tally-split-view/v1" LF
//!            *(%s"both " vkey LF)          ; who signed both notes, ascending
//!            %s"one " num LF note          ; num: the bytes of the signed note that follows
//!            %s"other " num LF note
//! ```
//! The `both` lines are for people: a reader finds them out anew from the notes and the keys.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use merkle::TreeSize;
use note::{SignedCheckpoint, VerifierKey, parse_decimal};

/// The first line of the text. Another version has another one.
const VERSION: &str = "tally-split-view/v1";

/// Two heads that cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    // INVARIANT: one origin and one size, two roots; every line verifies, at least one each.
    one: SignedCheckpoint,
    other: SignedCheckpoint,
    // INVARIANT: ascending, each once.
    double_signers: Vec<VerifierKey>,
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
        if here.origin != there.origin || here.size != there.size || here.root == there.root {
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
            text.push_str(&format!("both {key}\n"));
        }
        for (side, signed) in [("one", &self.one), ("other", &self.other)] {
            let note = signed.to_bytes();
            text.push_str(&format!("{side} {}\n", note.len()));
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
        let (one, rest) = take_note(rest, "one ").ok_or(EvidenceError::Malformed)?;
        let (other, rest) = take_note(rest, "other ").ok_or(EvidenceError::Malformed)?;
        if !rest.is_empty() {
            return Err(EvidenceError::Malformed);
        }
        let found = Self::between(keys, &one, &other).ok_or(EvidenceError::NotProven)?;
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

fn take_note<'t>(text: &'t str, side: &str) -> Option<(SignedCheckpoint, &'t str)> {
    let (length, rest) = text.strip_prefix(side)?.split_once('\n')?;
    let length = usize::try_from(parse_decimal(length)?).ok()?;
    let (note, rest) = rest.split_at_checked(length)?;
    let signed = SignedCheckpoint::parse(note.as_bytes()).ok()?;
    Some((signed, rest))
}

//! A leaf's bytes and everything that they tell by themselves: what they say, their hashes, and
//! which keys have signed them. None of it asks the state, so it is done beforehand, once, and on as
//! many threads as there are; [`apply_examined`](crate::apply_examined()) then asks the state alone.
//!
//! What a note is examined for is what it is judged by: there is no way to make an [`Examined`] but
//! from the bytes, and a signature counts as seen only where the strict rule has accepted it here.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use caucus::Refusal;
use merkle::{Hash, LeafHash};
use note::{KeyId, NoteError, SignatureLine, SignedNote, VerifierKey};
use receipt::leaf::{Leaf, LeafKind};

/// Bytes that were read as a note, whatever came of it.
#[derive(Debug)]
pub struct Examined {
    hash: LeafHash,
    content: Result<Box<ReadNote>, Unreadable>,
}

/// A note of one of the types, and those known keys whose signature of it verifies.
#[derive(Debug)]
pub(crate) struct ReadNote {
    pub(crate) note: SignedNote,
    pub(crate) leaf: Arc<Leaf>,
    pub(crate) leaf_hash: LeafHash,
    pub(crate) text_hash: Hash,
    // INVARIANT: as many as the note has signature lines, in their order. A text is that of a sound
    // key whose signature this line is.
    accepted: Vec<Option<Arc<str>>>,
}

/// Bytes that are no note of any type: step 1 of the order of refusals.
#[derive(Debug)]
pub(crate) struct Unreadable {
    bytes: Vec<u8>,
    pub(crate) refusal: Refusal,
}

impl Examined {
    /// Reads the bytes, and verifies those signatures whose keys are known. The others are left to
    /// whoever knows the state.
    pub fn of(bytes: &[u8], known: &KnownKeys) -> Self {
        let hash = merkle::leaf_hash(bytes);
        let content = match parse(bytes) {
            Ok((note, leaf)) => Ok(Box::new(ReadNote {
                leaf: Arc::new(leaf),
                leaf_hash: hash,
                text_hash: note.text_hash(),
                accepted: known.accepted(&note),
                note,
            })),
            Err(refusal) => Err(Unreadable {
                bytes: bytes.to_vec(),
                refusal,
            }),
        };
        Self { hash, content }
    }

    /// The hash of the bytes as a leaf.
    pub const fn leaf_hash(&self) -> &LeafHash {
        &self.hash
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Ok(read) => read.note.bytes(),
            Err(unreadable) => &unreadable.bytes,
        }
    }

    pub(crate) const fn content(&self) -> &Result<Box<ReadNote>, Unreadable> {
        &self.content
    }

    pub(crate) fn into_content(self) -> Result<Box<ReadNote>, Unreadable> {
        self.content
    }
}

impl ReadNote {
    /// The note's signature lines, each with the key, as the state has it, whose signature it was
    /// found to be. Of a line without one nothing is known yet.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&SignatureLine, Option<&str>)> {
        let accepted = self.accepted.iter().map(Option::as_deref);
        self.note.signatures().iter().zip(accepted)
    }
}

/// Sound keys that are expected to have signed. They are known by what a signature line says of its
/// key, and by their texts; who may sign what is the state's affair.
///
/// A key becomes one of them only by the examination of [`VerifierKey::parse`], made here.
#[derive(Debug, Default)]
pub struct KnownKeys {
    by_id: BTreeMap<KeyId, Vec<(VerifierKey, Arc<str>)>>,
    by_text: BTreeMap<Arc<str>, VerifierKey>,
}

impl KnownKeys {
    /// Knows nobody: every signature is left to the rules.
    pub fn none() -> Self {
        Self::default()
    }

    /// Examines keys, given as texts. An unsound one is left out: it counts for nothing, and the
    /// rules say so where it stands.
    pub fn examined<T: AsRef<str>>(vkeys: impl IntoIterator<Item = T>) -> Self {
        let mut known = Self::none();
        for vkey in vkeys {
            if let Ok(key) = VerifierKey::parse(vkey.as_ref()) {
                known.put(key);
            }
        }
        known
    }

    /// Knows the others, too.
    pub fn join(&mut self, others: Self) {
        for key in others.by_text.into_values() {
            self.put(key);
        }
    }

    /// The key of this text, if it is among them: it need not be examined again.
    pub fn named(&self, vkey: &str) -> Option<&VerifierKey> {
        self.by_text.get(vkey)
    }

    fn put(&mut self, key: VerifierKey) {
        // As the state has it, whoever wrote the text that was read.
        let vkey: Arc<str> = key.to_string().into();
        if self.by_text.contains_key(&vkey) {
            return;
        }
        let named = self.by_id.entry(key.id()).or_default();
        named.push((key.clone(), Arc::clone(&vkey)));
        self.by_text.insert(vkey, key);
    }

    fn accepted(&self, note: &SignedNote) -> Vec<Option<Arc<str>>> {
        let lines = note.signatures().iter();
        lines.map(|line| self.signer(note.text(), line)).collect()
    }

    fn signer(&self, text: &str, line: &SignatureLine) -> Option<Arc<str>> {
        let named = self.by_id.get(&line.id)?.iter();
        named
            .filter(|(key, _)| key.claims(line))
            .find(|(key, _)| key.verifies(text, line))
            .map(|(_, vkey)| Arc::clone(vkey))
    }
}

/// Step 1 of the order of refusals.
fn parse(bytes: &[u8]) -> Result<(SignedNote, Leaf), Refusal> {
    let note =
        SignedNote::parse_within(bytes, LeafKind::limits(bytes)).map_err(|error| match error {
            NoteError::TooLarge { bytes, limit } => {
                let wide = |length| u64::try_from(length).unwrap_or(u64::MAX);
                Refusal::TooLarge {
                    bytes: wide(bytes),
                    limit: wide(limit),
                }
            }
            NoteError::Malformed { line, what } => Refusal::Malformed {
                line,
                what: String::from(what),
            },
        })?;
    let leaf = Leaf::parse(&note).map_err(|malformed| Refusal::Malformed {
        line: malformed.line,
        what: malformed.what,
    })?;
    Ok((note, leaf))
}

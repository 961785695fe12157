//! Every signature of a stretch of leaves, verified before the rules ask for it and on another
//! thread than theirs. What is remembered is exactly what the strict rule accepted: the key, the
//! text and the line. Keys that the bundle does not have (enrolled on the night) are left to the
//! rules' own thread.

use std::collections::BTreeMap;

use note::{KeyId, KeyName, SignatureLine, SignedNote, VerifierKey};
use receipt::Election;
use receipt::leaf::LeafKind;

/// The keys that the bundle has, by what a signature line says of them.
#[derive(Debug)]
pub(super) struct Keys(BTreeMap<(KeyName, KeyId), Vec<VerifierKey>>);

/// A leaf whose signatures were looked at.
#[derive(Debug)]
pub(super) struct Checked {
    /// The leaf's own bytes.
    pub(super) entry: Vec<u8>,
    accepted: Option<Accepted>,
}

/// A note and those keys whose signature of it verifies.
#[derive(Debug)]
struct Accepted {
    note: SignedNote,
    keys: Vec<VerifierKey>,
}

impl Keys {
    /// The keys of every version: people's, nodes' and the roll's.
    pub(super) fn of(election: &Election) -> Self {
        let mut keys = Self(BTreeMap::new());
        for version in election.versions() {
            for person in &version.manifest().keys {
                keys.add(person.key.clone());
            }
            // An unsound key counts for nothing, and the rules say so where it signed.
            let roll = version.roll().keys();
            roll.filter_map(|(_, _, vkey)| VerifierKey::parse_enrolled(vkey).ok())
                .for_each(|key| keys.add(key));
        }
        keys
    }

    fn add(&mut self, key: VerifierKey) {
        let named = self.0.entry((key.name().clone(), key.id())).or_default();
        if !named.contains(&key) {
            named.push(key);
        }
    }

    /// Verifies what can be verified of a leaf.
    pub(super) fn check(&self, entry: Vec<u8>) -> Checked {
        let accepted = SignedNote::parse_within(&entry, LeafKind::limits(&entry))
            .ok()
            .map(|note| {
                let signed = |line| self.signed(&note, line);
                let keys = note.signatures().iter().filter_map(signed).collect();
                Accepted { note, keys }
            });
        Checked { entry, accepted }
    }

    fn signed(&self, note: &SignedNote, line: &SignatureLine) -> Option<VerifierKey> {
        let named = self.0.get(&(line.name.clone(), line.id))?;
        let signer = named.iter().find(|key| key.verifies(note.text(), line));
        signer.cloned()
    }
}

impl Checked {
    /// Whether this very line was accepted as this key's signature of this text.
    pub(super) fn accepted(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        self.accepted.as_ref().is_some_and(|accepted| {
            accepted.note.text() == text
                && accepted.keys.contains(key)
                // A note has one line a key, so the line that was accepted is the one of that key.
                && accepted.note.signatures().contains(line)
                && key.claims(line)
        })
    }
}

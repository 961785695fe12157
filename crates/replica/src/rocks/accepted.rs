//! Signatures this node has found good, so that a note is verified once and not again for each
//! time it passes: at the door, and in `apply`.
//!
//! Only the exact key, text and line count. Nothing is remembered of what was refused.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use note::{SignatureLine, VerifierKey};

/// How many signatures each of two generations holds. A note is applied within seconds of its
/// arrival; 2 × 4,096 lines is more than a burst of them, and half a megabyte.
const GENERATION: usize = 4096;

#[derive(Debug, Default)]
struct Generations {
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
}

/// A set that forgets the oldest half when it is full.
#[derive(Debug, Default)]
pub(super) struct Accepted(Mutex<Generations>);

impl Accepted {
    /// Whether `line` is `key`'s signature of `text`, from memory or by verifying it.
    pub(super) fn accepts(&self, key: &VerifierKey, text: &str, line: &SignatureLine) -> bool {
        let digest = digest(key, text, line);
        if self.holds(&digest) {
            return true;
        }
        // Verified without the lock: this is the expensive part.
        let good = key.verifies(text, line);
        if good {
            self.remember(digest);
        }
        good
    }

    fn holds(&self, digest: &[u8; 32]) -> bool {
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.contains(digest) || generations.old.contains(digest)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(digest);
    }
}

/// Each part with its length before it, so that no two triples run into the same bytes.
fn digest(key: &VerifierKey, text: &str, line: &SignatureLine) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [key.to_string().as_str(), text, line.to_string().as_str()] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use note::{KeyName, SignerKey};

    use super::{Accepted, GENERATION};

    #[test]
    fn what_was_never_good_is_not_remembered() {
        let name = KeyName::parse("chair.example").unwrap();
        let key = SignerKey::from_seed(name, [7; 32]);
        let line = key.sign("a text\n");
        let accepted = Accepted::default();
        for _ in 0..2 {
            assert!(accepted.accepts(key.verifier(), "a text\n", &line));
            assert!(!accepted.accepts(key.verifier(), "another text\n", &line));
        }
        assert_eq!(accepted.0.lock().unwrap().young.len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let accepted = Accepted::default();
        for count in 0..3 * GENERATION {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&u64::try_from(count).unwrap().to_be_bytes());
            accepted.remember(digest);
        }
        let generations = accepted.0.lock().unwrap();
        assert!(generations.young.len() <= GENERATION);
        assert!(generations.old.len() <= GENERATION);
    }
}

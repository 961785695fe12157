//! Where randomness comes from: the operating system, or a seed.
//!
//! Every key, submission id and voucher is drawn through [`Random`], so that a rehearsal of the
//! tooling can be repeated from a seed, byte for byte. No signature needs randomness: Ed25519 is
//! deterministic.

use merkle::sha256;

/// A source of random bytes.
pub trait Random {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);

    /// Thirty-two fresh bytes: the seed of a key.
    fn seed(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        bytes
    }

    /// Sixteen fresh bytes: the id of a submission.
    fn id(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's generator: the only one for keys that count.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "a machine whose kernel gives no randomness must not make keys, and there is nothing to fall back on"
    )]
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// SHA-256 in counter mode over a seed: the same seed gives the same bytes on every machine.
///
/// Whoever knows the seed knows every key made from it, so it is for tests and demonstrations.
#[derive(Clone)]
pub struct SeededRandom {
    seed: [u8; 32],
    counter: u64,
}

impl SeededRandom {
    /// A generator that repeats itself for the same number.
    pub fn new(seed: u64) -> SeededRandom {
        let mut text = b"precinct-tally/seed\0".to_vec();
        text.extend_from_slice(&seed.to_be_bytes());
        SeededRandom {
            seed: *sha256(&text).as_bytes(),
            counter: 0,
        }
    }
}

impl std::fmt::Debug for SeededRandom {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SeededRandom")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let mut block = self.seed.to_vec();
            block.extend_from_slice(&self.counter.to_be_bytes());
            self.counter = self.counter.wrapping_add(1);
            for (byte, fresh) in chunk.iter_mut().zip(sha256(&block).as_bytes()) {
                *byte = *fresh;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_repeats_and_another_does_not() {
        let (mut one, mut again, mut other) = (
            SeededRandom::new(7),
            SeededRandom::new(7),
            SeededRandom::new(8),
        );
        let first = one.seed();
        assert_eq!(first, again.seed());
        assert_ne!(first, other.seed());
        assert_ne!(first, one.seed(), "a generator never repeats within itself");
    }

    #[test]
    fn every_byte_of_a_long_request_is_filled() {
        let mut bytes = [0_u8; 100];
        SeededRandom::new(1).fill(&mut bytes);
        assert!(
            bytes
                .chunks(10)
                .all(|chunk| chunk.iter().any(|byte| *byte != 0))
        );
    }
}

//! The outsider's judge, by `c2sp.org/tlog-witness`.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use merkle::{EMPTY_ROOT, Hash, TreeSize};
use note::{
    Algorithm, Checkpoint, Origin, SignatureLine, SignedCheckpoint, UnixSeconds, VerifierKey,
};

use crate::AddCheckpoint;

/// What a witness pins about one log.
///
/// A log key alone is not enough: whoever stole one node's could lead a witness onto a false
/// branch and strand it there. So a checkpoint must carry cosignatures of a quorum of the log's
/// nodes before this witness adds its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    origin: Origin,
    // INVARIANT: all Ed25519 and named after the origin; at least one.
    log_keys: Vec<VerifierKey>,
    // INVARIANT: all cosignature/v1, each once; at least `quorum`.
    cosigners: Vec<VerifierKey>,
    quorum: usize,
}

/// The largest tree head of the log that this witness has cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// How many leaves.
    pub size: TreeSize,
    /// The root over them.
    pub root: Hash,
}

/// A witness's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Considered {
    /// Keep `seen` durably, then cosign this checkpoint at this time.
    Cosign {
        /// What is cosigned.
        checkpoint: Checkpoint,
        /// The witness's own time.
        time: UnixSeconds,
        /// What to remember before the signature leaves.
        seen: LastSeen,
    },
    /// Nothing is signed and nothing remembered.
    Decline(Decline),
}

/// Why a witness does not cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Decline {
    /// The checkpoint is another log's.
    #[error("unknown log")]
    UnknownOrigin,
    /// No line of a known log key verifies.
    #[error("no signature of the log verifies")]
    NoLogSignature,
    /// A line of a key that the witness knows does not verify: someone tampered.
    #[error("a known key's signature does not verify")]
    BadSignature,
    /// Fewer nodes cosigned than the witness asks for.
    #[error("{have} of the log's nodes cosigned; {need} are needed")]
    BelowQuorum {
        /// Distinct nodes with a valid cosignature.
        have: usize,
        /// Nodes needed.
        need: usize,
    },
    /// The old size stated is larger than the checkpoint's.
    #[error("the old size is larger than the checkpoint's")]
    Shrinks,
    /// The witness saw another size last than the request states.
    #[error("the last size seen is {seen}")]
    Conflict {
        /// The size it saw last: the body of the answer.
        seen: TreeSize,
    },
    /// The same size with another root: two histories, signed by the log.
    #[error("another root was seen at this size")]
    OtherRoot,
    /// The proof does not lead from the tree seen last to this one.
    #[error("the consistency proof does not verify")]
    Inconsistent,
}

impl Decline {
    /// The HTTP status of the answer, by the specification. A missing quorum is this witness's own
    /// rule and is told as missing signatures are.
    pub const fn status(self) -> u16 {
        match self {
            Self::Shrinks => 400,
            Self::NoLogSignature | Self::BadSignature | Self::BelowQuorum { .. } => 403,
            Self::UnknownOrigin => 404,
            Self::Conflict { .. } => 409,
            Self::OtherRoot | Self::Inconsistent => 422,
        }
    }
}

impl Witness {
    /// A witness of one log. `quorum` of the distinct `cosigners` must have signed a checkpoint;
    /// 0 makes it a stock witness, which can be stranded.
    pub fn new(
        origin: Origin,
        log_keys: Vec<VerifierKey>,
        mut cosigners: Vec<VerifierKey>,
        quorum: usize,
    ) -> Result<Self, NoWitness> {
        let of_log = |key: &VerifierKey| {
            key.algorithm() == Algorithm::Ed25519 && key.name() == origin.key_name()
        };
        if log_keys.is_empty() || !log_keys.iter().all(of_log) {
            return Err(NoWitness::LogKeys);
        }
        cosigners.sort();
        cosigners.dedup();
        let cosigns = |key: &VerifierKey| key.algorithm() == Algorithm::CosignatureV1;
        let hands: BTreeSet<_> = cosigners.iter().map(VerifierKey::public_bytes).collect();
        if quorum > hands.len() || hands.len() < cosigners.len() || !cosigners.iter().all(cosigns) {
            return Err(NoWitness::Cosigners);
        }
        Ok(Self {
            origin,
            log_keys,
            cosigners,
            quorum,
        })
    }

    /// Decides whether to cosign what the log sends, given what was seen of it last. Who asks
    /// must not let two requests for one log be considered at once.
    pub fn consider(
        &self,
        last: Option<&LastSeen>,
        request: &AddCheckpoint,
        now: UnixSeconds,
    ) -> Considered {
        let checkpoint = request.checkpoint.checkpoint();
        let judged = self
            .check_signers(&request.checkpoint)
            .and_then(|()| check_growth(last, request));
        match judged {
            Ok(()) => Considered::Cosign {
                checkpoint: checkpoint.clone(),
                time: now,
                seen: LastSeen {
                    size: checkpoint.size,
                    root: checkpoint.root,
                },
            },
            Err(decline) => Considered::Decline(decline),
        }
    }

    fn check_signers(&self, signed: &SignedCheckpoint) -> Result<(), Decline> {
        let checkpoint = signed.checkpoint();
        if checkpoint.origin != self.origin {
            return Err(Decline::UnknownOrigin);
        }
        let text = checkpoint.text();
        let by_log = count(&self.log_keys, signed, |key, line| {
            key.verifies(&text, line)
        })?;
        if by_log == 0 {
            return Err(Decline::NoLogSignature);
        }
        let have = count(&self.cosigners, signed, |key, line| {
            key.verify_cosignature(checkpoint, line).is_some()
        })?;
        if have < self.quorum {
            return Err(Decline::BelowQuorum {
                have,
                need: self.quorum,
            });
        }
        Ok(())
    }
}

/// How many of these keys signed; a line of theirs that does not verify spoils all.
fn count(
    keys: &[VerifierKey],
    signed: &SignedCheckpoint,
    verifies: impl Fn(&VerifierKey, &SignatureLine) -> bool,
) -> Result<usize, Decline> {
    let mut signers: usize = 0;
    for key in keys {
        if let Some(line) = signed.line_of(key) {
            if !verifies(key, line) {
                return Err(Decline::BadSignature);
            }
            signers = signers.saturating_add(1);
        }
    }
    Ok(signers)
}

/// The checkpoint must extend what was seen last, and the request must know what that was.
fn check_growth(last: Option<&LastSeen>, request: &AddCheckpoint) -> Result<(), Decline> {
    let checkpoint = request.checkpoint.checkpoint();
    if request.old > checkpoint.size {
        return Err(Decline::Shrinks);
    }
    let seen = last.copied().unwrap_or(LastSeen {
        size: TreeSize::ZERO,
        root: EMPTY_ROOT,
    });
    if request.old != seen.size {
        return Err(Decline::Conflict { seen: seen.size });
    }
    if checkpoint.size == seen.size && checkpoint.root != seen.root {
        return Err(Decline::OtherRoot);
    }
    let consistent = if seen.size == TreeSize::ZERO {
        // Every tree extends the empty one: there is nothing to prove.
        request.proof.hashes.is_empty()
    } else {
        request
            .proof
            .verify(seen.size, checkpoint.size, &seen.root, &checkpoint.root)
            .is_ok()
    };
    if consistent {
        Ok(())
    } else {
        Err(Decline::Inconsistent)
    }
}

/// Keys that make no witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWitness {
    /// None, or one that does not sign texts, or of another name than the origin.
    #[error("a log's keys sign texts and are named after its origin; one is needed")]
    LogKeys,
    /// One that does not cosign, one key under two names, or fewer distinct ones than the quorum.
    #[error("a quorum is of different keys that cosign, and not more than there are")]
    Cosigners,
}

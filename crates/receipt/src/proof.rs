//! The receipt file, `.tlog-proof`: read, written, not believed.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of the entry>
//! index <number>
//! <base64 of a hash>              0..63, the leaf's sibling first
//!
//! <signed checkpoint>
//! ```
//!
//! The specification calls `extra` opaque and not authenticated. Here it is the entry itself, the
//! exact bytes of the leaf, and it is authenticated by the leaf hash that is computed from it. A
//! receipt without it cannot be read by a person, so it is required.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use merkle::{InclusionProof, LeafHash, LeafIndex, MAX_PROOF_HASHES, leaf_hash};
use note::{SignedCheckpoint, b64, parse_decimal};

use crate::code::ShortCode;

const HEADING: &str = "c2sp.org/tlog-proof@v1";

/// A receipt as it was handed over: well-formed, nothing verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedReceipt {
    entry: Vec<u8>,
    index: LeafIndex,
    proof: InclusionProof,
    checkpoint: SignedCheckpoint,
}

/// Why bytes are no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// More bytes than any receipt has. Nothing else was looked at.
    #[error("the file has {bytes} bytes; at most {limit} are read")]
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
        /// What is wrong there.
        what: String,
    },
}

impl UnverifiedReceipt {
    /// The most bytes of a receipt file that are looked at. A note's receipt has some 1,500; the
    /// limit leaves room for manifests of 46,000 bytes.
    pub const MAX_BYTES: usize = 65_536;

    /// Puts a receipt together from what a node knows: the exact entry, its place, the path to
    /// the root, and the checkpoint with its lines.
    pub const fn build(
        entry: Vec<u8>,
        index: LeafIndex,
        proof: InclusionProof,
        checkpoint: SignedCheckpoint,
    ) -> Self {
        Self {
            entry,
            index,
            proof,
            checkpoint,
        }
    }

    /// Reads a receipt file. Stricter than the specification: no carriage return, no leading
    /// zeros, canonical base64, a final line feed, nothing behind it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(ReceiptError::TooLarge {
                bytes: bytes.len(),
                limit: Self::MAX_BYTES,
            });
        }
        let text = core::str::from_utf8(bytes).map_err(|_| malformed(1, "not UTF-8"))?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or_else(|| malformed(1, "no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADING) {
            return Err(malformed(1, format!("expected `{HEADING}`")));
        }
        let entry = lines
            .next()
            .and_then(|line| b64::decode(line.strip_prefix("extra ")?))
            .ok_or_else(|| malformed(2, "expected `extra <base64 of the entry>`"))?;
        let index = lines
            .next()
            .and_then(|line| parse_decimal(line.strip_prefix("index ")?))
            .ok_or_else(|| malformed(3, "expected `index <number>`"))?;
        let mut hashes = Vec::new();
        for (number, line) in (4_u32..).zip(lines) {
            let hash = b64::decode_hash(line)
                .ok_or_else(|| malformed(number, "expected the base64 of a hash"))?;
            if hashes.len() >= MAX_PROOF_HASHES {
                return Err(malformed(
                    number,
                    format!("more than {MAX_PROOF_HASHES} hashes"),
                ));
            }
            hashes.push(hash);
        }
        let first = u32::try_from(hashes.len())
            .unwrap_or(u32::MAX)
            .saturating_add(5);
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes())
            .map_err(|error| malformed(first, format!("the checkpoint: {error}")))?;
        let index = LeafIndex::new(index);
        Ok(Self {
            entry,
            index,
            proof: InclusionProof { hashes },
            checkpoint,
        })
    }

    /// The file. [`UnverifiedReceipt::parse`] reads it back.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "{HEADING}\nextra {}\nindex {}\n",
            b64::encode(&self.entry),
            self.index
        );
        for hash in &self.proof.hashes {
            text.push_str(&b64::encode_hash(hash));
            text.push('\n');
        }
        text.push('\n');
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.checkpoint.to_bytes());
        bytes
    }

    /// The exact bytes of the leaf that the receipt is for.
    pub fn entry(&self) -> &[u8] {
        &self.entry
    }

    /// Where it says the leaf stands.
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// The path from the leaf to the root.
    pub const fn proof(&self) -> &InclusionProof {
        &self.proof
    }

    /// The signed root.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The hash that names the leaf.
    pub fn leaf_hash(&self) -> LeafHash {
        leaf_hash(&self.entry)
    }

    /// The code that people read to each other.
    pub fn code(&self) -> ShortCode {
        ShortCode::of_leaf(&self.leaf_hash())
    }
}

fn malformed(line: u32, what: impl Into<String>) -> ReceiptError {
    ReceiptError::Malformed {
        line,
        what: what.into(),
    }
}

//! The body of `add-checkpoint`: what a log sends a witness, and what it offers people who compare
//! two of its tree heads.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use merkle::{ConsistencyProof, MAX_PROOF_HASHES, TreeSize};
use note::{CheckpointError, Limits, SignedCheckpoint, b64, parse_decimal};

/// Bytes a body may have: the old size, 63 hashes and a checkpoint.
pub const MAX_REQUEST_BYTES: usize = Limits::CHECKPOINT.bytes + 45 * MAX_PROOF_HASHES + 64;

/// A checkpoint for a witness to cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size the log believes the witness saw last; 0 for none.
    pub old: TreeSize,
    /// From the old size to the checkpoint's; empty from 0 and for equal sizes.
    pub proof: ConsistencyProof,
    /// What is to be cosigned.
    pub checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLarge { bytes: body.len() });
        }
        let body = str::from_utf8(body).map_err(|_| RequestError::Header)?;
        let (header, checkpoint) = body.split_once("\n\n").ok_or(RequestError::Header)?;
        let mut lines = header.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(parse_decimal)
            .map(TreeSize::new)
            .filter(|size| *size <= TreeSize::MAX_STATED)
            .ok_or(RequestError::Header)?;
        let hashes: Vec<_> = lines
            .map(b64::decode_hash)
            .collect::<Option<_>>()
            .ok_or(RequestError::Proof)?;
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(RequestError::Proof);
        }
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes())?;
        Ok(Self {
            old,
            proof: ConsistencyProof { hashes },
            checkpoint,
        })
    }

    /// The body that [`AddCheckpoint::parse`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof.hashes {
            body.push_str(&b64::encode_hash(hash));
            body.push('\n');
        }
        body.push('\n');
        let mut body = String::into_bytes(body);
        body.extend(self.checkpoint.to_bytes());
        body
    }
}

/// Why bytes are no request. All are answered with HTTP status 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// More than [`MAX_REQUEST_BYTES`].
    #[error("the request has {bytes} bytes, more than {MAX_REQUEST_BYTES}")]
    TooLarge {
        /// Bytes given.
        bytes: usize,
    },
    /// Not UTF-8, no `old` line, or no blank line.
    #[error("a request begins with `old <size>` and has a blank line before the checkpoint")]
    Header,
    /// A line between them that is no hash, or more than 63.
    #[error("a consistency proof is at most 63 lines of 32 bytes in base64")]
    Proof,
    /// The checkpoint is none.
    #[error("read the checkpoint to be cosigned")]
    Checkpoint(#[from] CheckpointError),
}

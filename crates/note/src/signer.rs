//! Secret keys: one kind signs texts, the other cosigns checkpoints, and neither can do the
//! other's work.
//!
//! The text form is that of signed notes and is not encrypted: whoever writes it to a file makes
//! the file readable to its owner alone. A form under a passphrase is not part of this version.
//! Signing is deterministic (RFC 8032), so no randomness is asked for. The seeds are wiped from
//! memory when a key is dropped; texts made of them are the caller's to wipe.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use crate::key::{key_text, split_key_bytes};
use crate::{Algorithm, Checkpoint, KeyId, KeyName, SignatureLine, UnixSeconds, VerifierKey, b64};

/// A secret key that signs texts (type `0x01`): a chair's, an official's, a node's for the log.
pub struct SignerKey(Secret);

impl SignerKey {
    /// The key of 32 random bytes.
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Self {
        Self(Secret::new(name, Algorithm::Ed25519, &seed))
    }

    /// Reads `PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`.
    pub fn from_secret_text(text: &str) -> Result<Self, SecretKeyError> {
        Secret::parse(text, Algorithm::Ed25519).map(Self)
    }

    /// The text that [`SignerKey::from_secret_text`] reads: a secret.
    pub fn to_secret_text(&self) -> String {
        self.0.to_text()
    }

    /// The 32 bytes the key is made of: a secret.
    pub fn seed(&self) -> [u8; 32] {
        self.0.key.to_bytes()
    }

    /// The public key, as it is enrolled.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// Signs a text, exactly as given: a note's text with its last LF.
    pub fn sign(&self, text: &str) -> SignatureLine {
        self.0
            .line(self.0.key.sign(text.as_bytes()).to_bytes().to_vec())
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe("SignerKey", formatter)
    }
}

/// A secret key that cosigns checkpoints (type `0x04`): a node's or an outside witness's. Whoever
/// holds it answers for never cosigning two histories; deciding that is `witness`'s part.
pub struct CosignerKey(Secret);

impl CosignerKey {
    /// The key of 32 random bytes, which must not be another key's: the specification keeps types
    /// of keys apart.
    pub fn from_seed(name: KeyName, seed: [u8; 32]) -> Self {
        Self(Secret::new(name, Algorithm::CosignatureV1, &seed))
    }

    /// Reads `PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`.
    pub fn from_secret_text(text: &str) -> Result<Self, SecretKeyError> {
        Secret::parse(text, Algorithm::CosignatureV1).map(Self)
    }

    /// The text that [`CosignerKey::from_secret_text`] reads: a secret.
    pub fn to_secret_text(&self) -> String {
        self.0.to_text()
    }

    /// The 32 bytes the key is made of: a secret.
    pub fn seed(&self) -> [u8; 32] {
        self.0.key.to_bytes()
    }

    /// The public key, as the manifest names it.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// States that at `time` this checkpoint was the largest one seen, consistent with all before.
    pub fn cosign(&self, checkpoint: &Checkpoint, time: UnixSeconds) -> SignatureLine {
        let signature = self.0.key.sign(checkpoint.cosigned_text(time).as_bytes());
        let mut body = time.get().to_be_bytes().to_vec();
        body.extend_from_slice(&signature.to_bytes());
        self.0.line(body)
    }
}

impl fmt::Debug for CosignerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe("CosignerKey", formatter)
    }
}

/// Why a text is not the secret key asked for. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// Not `PRIVATE+KEY+<name>+<key id>+<base64>`.
    #[error("a secret key is `PRIVATE+KEY+<name>+<key id>+<base64>`")]
    Malformed,
    /// A key of the other kind: one signs texts, the other cosigns checkpoints.
    #[error("the secret key is of another kind than asked for")]
    OtherKind,
    /// The key id is another key's: the name or the seed was changed.
    #[error("the secret key's id is `{is}`, not `{stated}`")]
    WrongId {
        /// Computed.
        is: KeyId,
        /// Read.
        stated: KeyId,
    },
}

/// What both kinds have in common.
struct Secret {
    verifier: VerifierKey,
    key: SigningKey,
}

/// What every secret key's text begins with.
const PREFIX: &str = "PRIVATE+KEY+";

impl Secret {
    fn new(name: KeyName, algorithm: Algorithm, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self {
            verifier: VerifierKey::of(name, algorithm, key.verifying_key()),
            key,
        }
    }

    fn parse(text: &str, kind: Algorithm) -> Result<Self, SecretKeyError> {
        let rest = text.strip_prefix(PREFIX).ok_or(SecretKeyError::Malformed)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SecretKeyError::Malformed);
        };
        let name = KeyName::parse(name).map_err(|_| SecretKeyError::Malformed)?;
        let stated = KeyId::parse(id).ok_or(SecretKeyError::Malformed)?;
        let bytes = b64::decode(bytes).ok_or(SecretKeyError::Malformed)?;
        let (algorithm, seed) = split_key_bytes(&bytes).map_err(|_| SecretKeyError::Malformed)?;
        if algorithm != kind {
            return Err(SecretKeyError::OtherKind);
        }
        let secret = Self::new(name, kind, seed);
        let is = secret.verifier.id();
        if is == stated {
            Ok(secret)
        } else {
            Err(SecretKeyError::WrongId { is, stated })
        }
    }

    fn to_text(&self) -> String {
        let bytes = key_text(self.verifier.algorithm(), self.key.as_bytes());
        format!(
            "{PREFIX}{}+{}+{bytes}",
            self.verifier.name(),
            self.verifier.id()
        )
    }

    fn line(&self, body: Vec<u8>) -> SignatureLine {
        SignatureLine {
            name: self.verifier.name().clone(),
            id: self.verifier.id(),
            body,
        }
    }

    /// Shows the public key and nothing else.
    fn describe(&self, kind: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct(kind)
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

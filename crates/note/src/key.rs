//! Public keys: who they are, whether they may be enrolled, and whether they signed.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use ed25519_dalek::{Signature, VerifyingKey};

use crate::{Checkpoint, KeyId, KeyName, SignatureLine, UnixSeconds, b64};

/// What a key signs; the type byte of keys and key ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `0x01`: pure Ed25519 over the text of a note.
    Ed25519,
    /// `0x04`: a timed cosignature over a checkpoint, and nothing else.
    CosignatureV1,
}

impl Algorithm {
    /// The type byte.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    /// The algorithm of a type byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureV1),
            _ => None,
        }
    }
}

/// A public key with its name. Whoever holds one knows that the key passed the examination of the
/// crate's head, now or before it was stored, so it may be enrolled.
#[derive(Clone)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    algorithm: Algorithm,
    // INVARIANT: canonical, not of small order, torsion-free.
    key: VerifyingKey,
}

impl VerifierKey {
    /// Names a public key.
    pub fn new(name: KeyName, algorithm: Algorithm, public: &[u8; 32]) -> Result<Self, KeyError> {
        Self::unexamined(name, algorithm, public)?.examined()
    }

    /// Reads `<name>+<key id>+<base64 of type and key>`, whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::parse_enrolled(text)?.examined()
    }

    /// Reads a key from one's own storage, where it was put after [`VerifierKey::parse`] had
    /// examined it. The examination costs more than checking a signature, and is spared here.
    pub fn parse_enrolled(text: &str) -> Result<Self, KeyError> {
        // Base64 may hold a `+` too: only the first two separate.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Malformed);
        };
        let name = KeyName::parse(name).map_err(|_| KeyError::Malformed)?;
        let stated = KeyId::parse(id).ok_or(KeyError::Malformed)?;
        let bytes = b64::decode(bytes).ok_or(KeyError::Malformed)?;
        let (algorithm, public) = split_key_bytes(&bytes)?;
        let key = Self::unexamined(name, algorithm, public)?;
        let is = key.id;
        if is == stated {
            Ok(key)
        } else {
            Err(KeyError::WrongId { is, stated })
        }
    }

    fn unexamined(
        name: KeyName,
        algorithm: Algorithm,
        public: &[u8; 32],
    ) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(public).map_err(|_| KeyError::NoPoint)?;
        Ok(Self::of(name, algorithm, key))
    }

    /// What every key passes before it is enrolled.
    fn examined(self) -> Result<Self, KeyError> {
        let point = self.key.to_edwards();
        if point.compress().as_bytes() != self.key.as_bytes() {
            return Err(KeyError::NotCanonical);
        }
        if self.key.is_weak() {
            return Err(KeyError::Weak);
        }
        if !point.is_torsion_free() {
            return Err(KeyError::Torsion);
        }
        Ok(self)
    }

    /// A key derived from a seed: sound without examination.
    pub(crate) fn of(name: KeyName, algorithm: Algorithm, key: VerifyingKey) -> Self {
        let id = key_id(&name, algorithm, key.as_bytes());
        Self {
            name,
            id,
            algorithm,
            key,
        }
    }

    /// Its name, which need not be its alone: the nodes' log keys share the origin.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Tells it apart from others of its name.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What it signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The 32 bytes of the public key.
    pub fn public_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether a line claims to be this key's.
    pub fn claims(&self, line: &SignatureLine) -> bool {
        line.name == self.name && line.id == self.id
    }

    /// Whether `line` is this key's signature over `text`. Never, for a key that cosigns.
    pub fn verifies(&self, text: &str, line: &SignatureLine) -> bool {
        match self.algorithm {
            Algorithm::Ed25519 => {
                self.claims(line)
                    && <&[u8; 64]>::try_from(line.body.as_slice())
                        .is_ok_and(|signature| self.accepts(text.as_bytes(), signature))
            }
            Algorithm::CosignatureV1 => false,
        }
    }

    /// When this key cosigned `checkpoint`, if `line` says so and verifies. Never, for a key that
    /// signs texts.
    pub fn verify_cosignature(
        &self,
        checkpoint: &Checkpoint,
        line: &SignatureLine,
    ) -> Option<UnixSeconds> {
        match self.algorithm {
            Algorithm::CosignatureV1 if self.claims(line) => {
                let (time, signature) = line.body.split_first_chunk()?;
                let time = UnixSeconds::new(u64::from_be_bytes(*time));
                let message = checkpoint.cosigned_text(time);
                self.accepts(message.as_bytes(), signature.try_into().ok()?)
                    .then_some(time)
            }
            Algorithm::Ed25519 | Algorithm::CosignatureV1 => None,
        }
    }

    /// The one acceptance rule.
    fn accepts(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }

    fn order(&self) -> (&KeyName, Algorithm, &[u8; 32]) {
        (&self.name, self.algorithm, self.key.as_bytes())
    }
}

/// `<name>+<key id>+<base64 of type and key>`, which parses back.
impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = key_text(self.algorithm, self.key.as_bytes());
        write!(formatter, "{}+{}+{bytes}", self.name, self.id)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for VerifierKey {}

impl PartialOrd for VerifierKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By name, then algorithm, then public key.
impl Ord for VerifierKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// Why a key cannot be enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `<name>+<8 hex digits>+<base64>`, or not 33 bytes.
    #[error("a key is `<name>+<key id>+<base64>`")]
    Malformed,
    /// A type byte that is neither 0x01 nor 0x04.
    #[error("a key of unknown type {byte:#04x}")]
    UnknownType {
        /// The type byte.
        byte: u8,
    },
    /// The key id is another key's, or the name was changed.
    #[error("the key id of this name and key is `{is}`, not `{stated}`")]
    WrongId {
        /// Computed.
        is: KeyId,
        /// Read.
        stated: KeyId,
    },
    /// The bytes are no point of the curve.
    #[error("the public key is not a point of the curve")]
    NoPoint,
    /// A point of small order: anyone can sign for it.
    #[error("the public key is weak")]
    Weak,
    /// A point outside the prime-order group: verifiers disagree about its signatures.
    #[error("the public key has a torsion component")]
    Torsion,
    /// Another encoding of a point that has a canonical one.
    #[error("the public key is not canonically encoded")]
    NotCanonical,
}

/// The base64 part of a key: type byte, then 32 bytes.
pub(crate) fn key_text(algorithm: Algorithm, bytes: &[u8; 32]) -> String {
    let mut typed = Vec::from([algorithm.byte()]);
    typed.extend_from_slice(bytes);
    b64::encode(typed)
}

/// The reverse of [`key_text`], base64 already read.
pub(crate) fn split_key_bytes(bytes: &[u8]) -> Result<(Algorithm, &[u8; 32]), KeyError> {
    let (byte, key) = bytes.split_first().ok_or(KeyError::Malformed)?;
    let algorithm = Algorithm::from_byte(*byte).ok_or(KeyError::UnknownType { byte: *byte })?;
    let key = key.try_into().map_err(|_| KeyError::Malformed)?;
    Ok((algorithm, key))
}

/// The first 4 bytes of SHA-256 over name, LF, type byte and public key.
fn key_id(name: &KeyName, algorithm: Algorithm, public: &[u8; 32]) -> KeyId {
    let mut named = name.as_str().as_bytes().to_vec();
    named.extend_from_slice(&[b'\n', algorithm.byte()]);
    named.extend_from_slice(public);
    let [a, b, c, d, ..] = *merkle::sha256(&named).as_bytes();
    KeyId::from_bytes([a, b, c, d])
}

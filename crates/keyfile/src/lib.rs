//! Secret keys at rest: the files they lie in, plain or under a passphrase.
//!
//! ```text
//! plain   PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>      one line; for a desk
//!
//! sealed  <name>+<key id>+<base64 of type and public key>            the public half, readable by all
//!         -----BEGIN ENCRYPTED PRIVATE KEY-----                      PKCS#8 (RFC 5958): scrypt
//!         ...                                                        (RFC 7914), AES-256-CBC,
//!         -----END ENCRYPTED PRIVATE KEY-----                        algorithm Ed25519 (RFC 8410)
//! ```
//!
//! A sealed key says whose it is without the passphrase, and opens only if the seed inside gives
//! the public half outside: a file with the halves of two keys is refused. Other programs open the
//! sealed part as any PKCS#8 file.
//!
//! Salt and initialisation vector are arguments: nothing here draws random bytes or asks a person.

mod card;
mod disk;
mod passphrase;
mod sealed;

use std::fmt;
use std::path::PathBuf;

use note::{Algorithm, CosignerKey, KeyError, SecretKeyError, SignerKey, VerifierKey};

pub use card::{BadCard, GROUPS, check_group, read_typed, typed};
pub use disk::{read, write_new, write_over};
pub use passphrase::{CREDENTIAL, Passphrase, credential_file};
pub use sealed::Salting;

/// What a plain secret begins with.
const PLAIN: &str = "PRIVATE+KEY+";

/// A secret key of either kind.
#[derive(Debug)]
pub enum SecretKey {
    /// Signs texts.
    Signer(SignerKey),
    /// Cosigns checkpoints.
    Cosigner(CosignerKey),
}

/// A key file as it was read; sealed or not, it says whose it is.
pub struct KeyFile {
    verifier: VerifierKey,
    form: Form,
}

/// Whether a passphrase is needed.
enum Form {
    Plain(Box<SecretKey>),
    Sealed(String),
}

/// Why a key file cannot be read, written or opened. No text repeats a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("read the key file `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("write the key file `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A plain secret that is none.
    #[error("not a secret key")]
    Plain(#[source] SecretKeyError),
    /// The first line of a sealed key is not a public key.
    #[error(
        "a key file is one line `PRIVATE+KEY+…`, or a public key with an encrypted one below it"
    )]
    NotPublic(#[source] KeyError),
    /// What stands below the public key is not an encrypted key of ours.
    #[error("the encrypted part is damaged or of another kind: {0}")]
    Damaged(&'static str),
    /// It is sealed and there is no passphrase.
    #[error("the key `{name}` is encrypted; give its passphrase in a file")]
    NeedsPassphrase {
        /// The key's name.
        name: String,
    },
    /// The passphrase does not open it.
    #[error("wrong passphrase for the key `{name}`")]
    WrongPassphrase {
        /// The key's name.
        name: String,
    },
    /// It opens, and is another key than the first line says.
    #[error("the encrypted key is not the one that its first line names, `{name}`")]
    OtherKey {
        /// The name on the first line.
        name: String,
    },
    /// A key of the other kind.
    #[error("`{name}` is a key of the other kind: one signs texts, the other cosigns checkpoints")]
    OtherKind {
        /// The key's name.
        name: String,
    },
    /// No passphrase, or none that keeps anything secret.
    #[error(
        "a passphrase is one line of {} to {} bytes",
        Passphrase::SHORTEST,
        Passphrase::LONGEST
    )]
    BadPassphrase,
}

impl KeyFile {
    /// Reads the text of a key file of either form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.starts_with(PLAIN) {
            let key = SecretKey::from_plain(text.trim_end()).map_err(Error::Plain)?;
            let verifier = key.verifier().clone();
            let form = Form::Plain(Box::new(key));
            return Ok(Self { verifier, form });
        }
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        Ok(Self {
            verifier: VerifierKey::parse(first.trim_end()).map_err(Error::NotPublic)?,
            form: Form::Sealed(rest.to_owned()),
        })
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Whether a passphrase is needed.
    pub fn is_sealed(&self) -> bool {
        match self.form {
            Form::Plain(_) => false,
            Form::Sealed(_) => true,
        }
    }

    /// The secret; a plain one needs no passphrase and looks at none.
    pub fn open(self, passphrase: Option<&Passphrase>) -> Result<SecretKey, Error> {
        match (self.form, passphrase) {
            (Form::Plain(key), _) => Ok(*key),
            (Form::Sealed(pem), Some(passphrase)) => sealed::open(&self.verifier, &pem, passphrase),
            (Form::Sealed(_), None) => Err(Error::NeedsPassphrase {
                name: self.verifier.name().to_string(),
            }),
        }
    }
}

/// Shows the public half only.
impl fmt::Debug for KeyFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeyFile")
            .field("verifier", &self.verifier)
            .field("sealed", &self.is_sealed())
            .finish_non_exhaustive()
    }
}

impl SecretKey {
    /// The key of a name, a kind and a seed.
    pub(crate) fn of(verifier: &VerifierKey, seed: [u8; 32]) -> Self {
        let name = verifier.name().clone();
        match verifier.algorithm() {
            Algorithm::Ed25519 => Self::Signer(SignerKey::from_seed(name, seed)),
            Algorithm::CosignatureV1 => Self::Cosigner(CosignerKey::from_seed(name, seed)),
        }
    }

    fn from_plain(text: &str) -> Result<Self, SecretKeyError> {
        match SignerKey::from_secret_text(text) {
            Err(SecretKeyError::OtherKind) => {
                CosignerKey::from_secret_text(text).map(Self::Cosigner)
            }
            key => key.map(Self::Signer),
        }
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        match self {
            Self::Signer(key) => key.verifier(),
            Self::Cosigner(key) => key.verifier(),
        }
    }

    /// The key as one that signs texts.
    pub fn into_signer(self) -> Result<SignerKey, Error> {
        match self {
            Self::Signer(key) => Ok(key),
            Self::Cosigner(key) => Err(other_kind(key.verifier())),
        }
    }

    /// The key as one that cosigns checkpoints.
    pub fn into_cosigner(self) -> Result<CosignerKey, Error> {
        match self {
            Self::Cosigner(key) => Ok(key),
            Self::Signer(key) => Err(other_kind(key.verifier())),
        }
    }

    /// The text of a plain file: a secret.
    pub fn to_plain(&self) -> String {
        let line = match self {
            Self::Signer(key) => key.to_secret_text(),
            Self::Cosigner(key) => key.to_secret_text(),
        };
        format!("{line}\n")
    }

    /// The text of a sealed file. It takes a moment and 32 MiB of memory: so does each guess of
    /// whoever steals the file.
    pub fn to_sealed(&self, passphrase: &Passphrase, salting: &Salting) -> Result<String, Error> {
        sealed::seal(self, passphrase, salting)
    }

    pub(crate) fn seed(&self) -> [u8; 32] {
        match self {
            Self::Signer(key) => key.seed(),
            Self::Cosigner(key) => key.seed(),
        }
    }
}

fn other_kind(verifier: &VerifierKey) -> Error {
    Error::OtherKind {
        name: verifier.name().to_string(),
    }
}

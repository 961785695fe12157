//! Why a bundle is not an election.

use alloc::string::String;

use crate::code::ShortCode;
use crate::lines::Malformed;
use crate::manifest::NotEndorsed;

/// Why a bundle cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// There is no version 1, or there are two.
    #[error("the bundle needs exactly one manifest of version 1")]
    NoManifest,
    /// Version 1 is not the one that was pinned.
    #[error("the bundle is of `{found}`, the pinned fingerprint is `{pinned}`")]
    NotPinned {
        /// The code of the bundle's version 1.
        found: ShortCode,
        /// The pinned code.
        pinned: ShortCode,
    },
    /// A note is not a manifest.
    #[error("a manifest is malformed")]
    Malformed(#[source] Malformed),
    /// The authority did not sign a version.
    #[error("manifest version {version} is not signed by the authority")]
    NotEndorsed {
        /// The version.
        version: u64,
        /// Why its signatures are not enough.
        #[source]
        why: NotEndorsed,
    },
    /// A version does not follow from the one before it.
    #[error("manifest version {version} does not follow: {what}")]
    DoesNotFollow {
        /// The version.
        version: u64,
        /// What is wrong.
        what: String,
    },
    /// A file that a version names is not in the bundle.
    #[error("the {what} file of manifest version {version} is missing")]
    MissingFile {
        /// The version.
        version: u64,
        /// Which file.
        what: &'static str,
    },
    /// A file is not what its place asks for.
    #[error("the {what} file of manifest version {version}: {why}")]
    BadFile {
        /// The version.
        version: u64,
        /// Which file.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A file stands under a hash that is not its own.
    #[error("a file is not the one that its hash names")]
    WrongHash,
    /// A manifest's own receipt does not hold.
    #[error("{what}")]
    Receipt {
        /// What is wrong.
        what: String,
    },
}

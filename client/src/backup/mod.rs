//! A backup of a running cluster: one file that holds the public log as an archive has it, and says
//! at its front what it holds.
//!
//! ```text
//! frame      the ustar form, with nothing left to choose: every byte follows from name and size
//! inventory  the first file in it: whose log, how far it goes, every other file with its hash
//! write      a folder into one file, durably
//! read       one file checked byte by byte, and into a folder again
//! ```
//!
//! The file is a `tar` that any `tar` unpacks:
//!
//! ```text
//! inventory                text; its last line is the hash of the lines above it
//! README.txt, index.html   for people
//! bundle/…                 manifests, their receipts, roster, rules, roll, policies
//! checkpoint               the newest checkpoint that enough nodes cosigned
//! tile/…                   the tree and the leaves
//! ```
//!
//! It is not compressed: signatures and hashes, which are most of it, do not shrink, and a damaged
//! byte in it spoils one file by name instead of everything behind it. Nothing secret is in it: it
//! is what every node publishes. Whether the log in it holds is judged by [`crate::log::verify`].

mod frame;
mod inventory;
mod read;
mod write;

use std::io;
use std::path::{Path, PathBuf};

pub use inventory::{INVENTORY, Inventory, Item};
pub use read::{Damage, Keep, ReadError, read};
pub use write::{Facts, WriteError, write};

/// The disk does not give a file or a folder, or does not take it.
#[derive(Debug, thiserror::Error)]
#[error("{action} `{}`", path.display())]
pub struct DiskError {
    /// What was tried.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the disk says.
    #[source]
    pub source: io::Error,
}

/// What the disk gave, or what was tried when it did not.
fn disk<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, DiskError> {
    result.map_err(|source| DiskError {
        action,
        path: path.to_owned(),
        source,
    })
}

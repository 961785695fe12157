//! What can go wrong on the disk, sorted by what the caller does next.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};

use rocksdb::ErrorKind;

/// Why the disk did not do as asked. Every text is one sentence that a person at a terminal can act on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the directory: wait for it or stop it, then start again.
    #[error("data directory `{}` is in use by {holder}", .path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who holds it, as far as the lock file tells.
        holder: String,
    },
    /// The directory is somebody else's: correct the configured path, the keys or the node's id.
    #[error("`{}` belongs to {found}, but this is {expected}", .path.display())]
    ForeignDirectory {
        /// The directory or the file that names another owner.
        path: PathBuf,
        /// The owner found there.
        found: String,
        /// Who is asking.
        expected: String,
    },
    /// What is on the disk is not what was written. The node must not run on it.
    #[error("{what}; {advice}")]
    Damaged {
        /// What was found, with the file and, where known, the entry.
        what: String,
        /// What to do about it.
        advice: String,
    },
    /// What is on the disk was written by another version of the node, and is whole as far as anyone can tell.
    #[error("{what}; run the version of the node that wrote it")]
    OtherVersion {
        /// What was found.
        what: String,
    },
    /// The log stopped writing earlier and takes nothing more: end the process.
    #[error("the log writer has stopped: {reason}")]
    Stopped {
        /// The error that stopped it.
        reason: String,
    },
    /// The call breaks a rule of this crate; nothing was changed. A defect of the caller.
    #[error("{what}")]
    Misuse {
        /// The rule.
        what: String,
    },
    /// The operating system or RocksDB failed; whether a write took place is not known.
    #[error("{action}")]
    Disk {
        /// What was being done, verb and object.
        action: String,
        /// Why it failed.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// The advice that goes with lost or altered entries: the one repair that is safe is a new member.
pub(crate) const REPLACE_NODE: &str = "a node that has forgotten what it acknowledged must not vote: \
     keep this directory for examination and bring the node back as a new member";

impl Error {
    pub(crate) fn damaged(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Damaged {
            what: what.into(),
            advice: advice.into(),
        }
    }

    pub(crate) fn other_version(what: impl Into<String>) -> Self {
        Self::OtherVersion { what: what.into() }
    }

    pub(crate) fn misuse(what: impl Into<String>) -> Self {
        Self::Misuse { what: what.into() }
    }

    pub(crate) fn disk(
        action: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Disk {
            action: action.into(),
            source: source.into(),
        }
    }

    /// An error of the file system, said with the file it was about.
    pub(crate) fn file(verb: &str, path: &Path, source: io::Error) -> Self {
        Self::disk(format!("{verb} `{}`", path.display()), source)
    }

    /// What RocksDB reports, as damage, with advice, where its words mean that bytes are missing or altered.
    pub(crate) fn database(
        action: &str,
        path: &Path,
        advice: &str,
        source: rocksdb::Error,
    ) -> Self {
        if is_damage(&source) {
            return Self::damaged(format!("{action} `{}`: {source}", path.display()), advice);
        }
        Self::disk(format!("{action} `{}`", path.display()), source)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// Whether RocksDB's error says that what is stored is wrong, rather than that storing failed.
/// A missing table file comes as an input/output error, a missing `CURRENT` as an invalid argument.
pub(crate) fn is_damage(error: &rocksdb::Error) -> bool {
    let text = error.as_ref();
    error.kind() == ErrorKind::Corruption
        || text.contains("No such file")
        || text.contains("does not exist (create_if_missing is false)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_names_the_directory_and_its_holder() {
        let error = Error::Locked {
            path: PathBuf::from("/var/lib/tally"),
            holder: "process 17".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "data directory `/var/lib/tally` is in use by process 17"
        );
    }

    #[test]
    fn as_an_io_error_the_sentence_is_kept() {
        let error = io::Error::from(Error::Stopped {
            reason: "disk full".to_owned(),
        });
        assert_eq!(error.to_string(), "the log writer has stopped: disk full");
    }
}

//! Why a node did not start or did not stay up: one sentence each, with an exit code that a
//! service manager can tell apart.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::ConfigError;

/// What ended a node before its time. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or a file it names, cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key or certificate file cannot be used.
    #[error("{what} `{}`: {reason}", file.display())]
    Credential {
        /// What the file should be.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A listener's port is taken or may not be bound.
    #[error(
        "{listener} listener cannot bind {address}: {source}; stop what uses it or change `{listener}.listen`"
    )]
    Bind {
        /// The section of the configuration.
        listener: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data directory is in use by another process.
    #[error("{0}; stop the other process or change `data_dir`")]
    Locked(#[source] store::Error),
    /// The data directory cannot be used: another node's, damaged, or unreadable.
    #[error("{0}")]
    Directory(#[source] store::Error),
    /// The keys, certificates, configuration and manifest do not belong together.
    #[error("{what}; {advice}")]
    Identity {
        /// What contradicts what.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// What is on the disk does not hold together.
    #[error("the state in `{}` does not hold together: {reason}; keep the directory as evidence and replace this node", directory.display())]
    Broken {
        /// The data directory.
        directory: PathBuf,
        /// The invariant that does not hold.
        reason: String,
    },
    /// What is on the disk cannot be read; the reason says what to do.
    #[error("{0}")]
    Unreadable(#[source] ledger::Fault),
    /// The state is gone, the log no longer goes back to its first entry, and no other member gave a
    /// snapshot in this time.
    #[error(
        "the state is gone, its beginning is no longer in the log, and no other member gave a snapshot within {} seconds; see that the others run, then start the node again", .0.as_secs()
    )]
    NoSnapshot(Duration),
    /// The disk failed while the node ran. Nothing was acknowledged after that.
    #[error(
        "the disk failed: {0}; nothing more was acknowledged; look at the disk and its room, then start the node again"
    )]
    Disk(String),
    /// Consensus could not be started or has stopped.
    #[error("consensus has stopped: {0}")]
    Replica(String),
    /// The operating system refused something else.
    #[error("{action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// A background task ended by a fault in the program.
    #[error("a task of the node has panicked; its last log lines name it")]
    Panicked,
}

impl StartError {
    /// The process's exit code: 64 for what is written wrong, 73 for what is taken by others, 78
    /// for a node that must not run with what it was given, 75 for what will be possible later, 74 for a disk
    /// that failed, 70 for the rest. (The numbers are those of `sysexits.h`.)
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Credential { .. } => 64,
            Self::Bind { .. } | Self::Locked(_) => 73,
            Self::Directory(_)
            | Self::Identity { .. }
            | Self::Broken { .. }
            | Self::Unreadable(_) => 78,
            Self::Disk(_) => 74,
            Self::NoSnapshot(_) => 75,
            Self::Replica(_) | Self::System { .. } | Self::Panicked => 70,
        }
    }
}

impl From<store::Error> for StartError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Locked { .. } => Self::Locked(error),
            store::Error::ForeignDirectory { .. }
            | store::Error::Damaged { .. }
            | store::Error::OtherVersion { .. }
            | store::Error::Stopped { .. }
            | store::Error::Misuse { .. }
            | store::Error::Disk { .. } => Self::Directory(error),
        }
    }
}

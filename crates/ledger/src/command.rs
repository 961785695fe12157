//! What the cluster is asked to do: one command is one entry of the Raft log.
//!
//! A command carries bytes, never something parsed: what was signed is judged from the exact
//! bytes on every node, and nothing a proposing node believed about them is trusted.

use alloc::vec::Vec;

/// Unix time in milliseconds, as the proposing node's clock gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// A point in time, in milliseconds since 1970.
    pub const fn new(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since 1970.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// One command of the replicated state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// When it was proposed. [`apply`](crate::apply()) never lets the recorded time go back and
    /// decides nothing by it.
    pub at: UnixMillis,
    /// What is asked.
    pub act: Act,
}

/// What a command asks for. Which act a note is stands in the note's own first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A signed note of any type. Its exact bytes become a leaf if it is accepted.
    Note {
        /// The note, as it was received.
        bytes: Vec<u8>,
    },
    /// A manifest together with the files it binds by hash: roster, roll, rules and policies.
    Manifest {
        /// The manifest's note, as it was received.
        note: Vec<u8>,
        /// The files, in any order; those that the manifest does not name are ignored.
        files: Vec<Vec<u8>>,
    },
}

impl Command {
    /// A command that carries a signed note.
    pub fn note(at: UnixMillis, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            at,
            act: Act::Note {
                bytes: bytes.into(),
            },
        }
    }

    /// A command that carries a manifest and its files.
    pub fn manifest(at: UnixMillis, note: impl Into<Vec<u8>>, files: Vec<Vec<u8>>) -> Self {
        Self {
            at,
            act: Act::Manifest {
                note: note.into(),
                files,
            },
        }
    }
}

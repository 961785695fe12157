//! What a node can say to a note, free of how it was sent.

use std::fmt;
use std::time::Duration;

use merkle::{LeafHash, LeafIndex};
use serde::{Deserialize, Serialize};

/// A node's answer to one note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What became of the note.
    pub result: AnswerResult,
    /// The record that stands for the unit after this call, if the node named one.
    pub head: Option<Head>,
}

/// What became of a note, as the node says. Nothing here is believed before it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerResult {
    /// Recorded, with the bytes of what claims to be a receipt.
    Receipted {
        /// What recording did.
        effect: Effect,
        /// Which leaf it is said to be.
        leaf: LeafRef,
        /// The `.tlog-proof` file, not yet verified.
        receipt: Vec<u8>,
    },
    /// Recorded, and not yet cosigned by a majority of nodes.
    Recorded {
        /// What recording did.
        effect: Effect,
        /// Which leaf it is said to be.
        leaf: LeafRef,
    },
    /// Not recorded.
    Refused(Refused),
}

/// A leaf by its place and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafRef {
    /// Its place in the log.
    pub index: LeafIndex,
    /// Its hash.
    pub hash: LeafHash,
}

/// The record that stands for a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The leaf.
    pub leaf: LeafRef,
    /// Its number in the unit's own sequence; a correction has the next one.
    pub seq: u64,
}

/// What recording a note did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The first report of its unit, or an act that took effect.
    Recorded,
    /// The new head of its unit.
    Corrected,
    /// It does not extend the unit's head: people must decide.
    Rival,
    /// A predecessor in the head's own chain, arrived late.
    Superseded,
    /// This text was a leaf before.
    AlreadyRecorded,
    /// Its unit was closed or merged: it counts nowhere.
    Stray,
}

/// Why a note was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The stable name of the reason.
    pub code: String,
    /// The reason in words.
    pub message: String,
    /// What to do now.
    pub advice: String,
    /// The leaf concerned, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub leaf_index: Option<u64>,
}

/// Why a node gave no answer that can be used. Each is a reason to try another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No connection.
    Unreachable(String),
    /// It answered that it cannot serve now (no leader, shutting down).
    Unavailable(String),
    /// It asks to be left alone for a while.
    Busy(Duration),
    /// No answer in time. The note may be recorded all the same.
    TimedOut,
    /// It answered with something that does not verify or makes no sense.
    Misbehaved(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Unreachable(why) => write!(formatter, "no connection ({why})"),
            Trouble::Unavailable(why) => write!(formatter, "not able to record now ({why})"),
            Trouble::Busy(pause) => {
                write!(formatter, "busy, asks to wait {} ms", pause.as_millis())
            }
            Trouble::TimedOut => write!(formatter, "no answer in time"),
            Trouble::Misbehaved(why) => write!(formatter, "gave an answer that is wrong: {why}"),
        }
    }
}

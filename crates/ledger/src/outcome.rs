//! What became of a command. Whoever proposed it is told, and nothing else follows from it
//! inside the state machine.

use caucus::Refusal;
use merkle::{LeafHash, LeafIndex};

/// A leaf by its place and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafRef {
    /// Its place in the tree.
    pub index: LeafIndex,
    /// Its RFC 6962 leaf hash.
    pub hash: LeafHash,
}

/// The record that stands for a unit. A client that corrects it takes `supersedes` and the next
/// `seq` from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The head's place in the tree.
    pub index: LeafIndex,
    /// The head's leaf hash.
    pub hash: LeafHash,
    /// The head's number in its unit's chain.
    pub seq: u64,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A submission became the first head of its unit.
    Recorded {
        /// The submission's leaf.
        leaf: LeafRef,
        /// The unit's head, which is this leaf.
        head: Head,
    },
    /// A submission extended its unit's head and replaced it.
    Corrected {
        /// The submission's leaf.
        leaf: LeafRef,
        /// The unit's head, which is this leaf.
        head: Head,
    },
    /// A submission was recorded beside the head, which did not move.
    Rival {
        /// The submission's leaf.
        leaf: LeafRef,
        /// The unit's head, if it has one.
        head: Option<Head>,
    },
    /// A predecessor that the head's own chain names arrived after it.
    Superseded {
        /// The submission's leaf.
        leaf: LeafRef,
        /// The unit's head.
        head: Head,
    },
    /// A note for a unit that was closed or merged was recorded, and counts nowhere.
    Stray {
        /// The note's leaf.
        leaf: LeafRef,
    },
    /// This text is a leaf already, whatever has become of its signer's key since.
    AlreadyRecorded {
        /// The leaf it is.
        leaf: LeafRef,
        /// The head of the unit it speaks of, if it speaks of one that has a head.
        head: Option<Head>,
    },
    /// An act other than a submission took effect.
    Applied {
        /// The act's leaf. Leaves derived from it follow it directly.
        leaf: LeafRef,
        /// The head of the unit it speaks of, if it speaks of one that has a head.
        head: Option<Head>,
    },
    /// Nothing was recorded, and no head and no total changed.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The head of the unit it speaks of, if it speaks of one that has a head.
        head: Option<Head>,
    },
}

impl Outcome {
    /// The leaf that records what was sent, unless it was refused.
    pub fn leaf(&self) -> Option<LeafRef> {
        match self {
            Self::Recorded { leaf, .. }
            | Self::Corrected { leaf, .. }
            | Self::Rival { leaf, .. }
            | Self::Superseded { leaf, .. }
            | Self::Stray { leaf }
            | Self::AlreadyRecorded { leaf, .. }
            | Self::Applied { leaf, .. } => Some(*leaf),
            Self::Refused { .. } => None,
        }
    }

    /// The head of the unit concerned, if there is a unit and it has one.
    pub fn head(&self) -> Option<Head> {
        match self {
            Self::Recorded { head, .. }
            | Self::Corrected { head, .. }
            | Self::Superseded { head, .. } => Some(*head),
            Self::Rival { head, .. }
            | Self::AlreadyRecorded { head, .. }
            | Self::Applied { head, .. }
            | Self::Refused { head, .. } => *head,
            Self::Stray { .. } => None,
        }
    }

    /// The outcome's name, from a closed set: fit to label a metric.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Recorded { .. } => "recorded",
            Self::Corrected { .. } => "corrected",
            Self::Rival { .. } => "rival",
            Self::Superseded { .. } => "superseded",
            Self::Stray { .. } => "stray",
            Self::AlreadyRecorded { .. } => "already_recorded",
            Self::Applied { .. } => "applied",
            Self::Refused { .. } => "refused",
        }
    }
}

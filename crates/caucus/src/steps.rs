//! The worked steps of an award, so that a chair can follow it aloud.

use core::fmt;

use crate::count::{Delegates, People};
use crate::id::GroupId;
use crate::viability::Threshold;
use crate::worksheet::TieKind;

/// One step of an award, in the order it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// How many people a group needed (R2).
    Needed {
        /// The threshold.
        threshold: Threshold,
        /// The attendance it was taken from.
        attendees: People,
    },
    /// A viable group had to go because there are more groups than delegates (R4).
    Merged {
        /// The group.
        group: GroupId,
    },
    /// A viable group's own share and what it was rounded to (R5).
    Rounded {
        /// The group.
        group: GroupId,
        /// Its size times the delegates to elect.
        above: u128,
        /// The attendance it is divided by.
        below: People,
        /// The rounded number, at least 1.
        to: Delegates,
    },
    /// A group gave one delegate up because too many were given (R6).
    Reduced {
        /// The group.
        group: GroupId,
    },
    /// A group was given one more because too few were given (R7).
    Raised {
        /// The group.
        group: GroupId,
    },
    /// A game of chance was settled for this group (R7a).
    Settled {
        /// What it was about.
        kind: TieKind,
        /// The group.
        group: GroupId,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needed {
                threshold,
                attendees,
            } => write!(f, "with {attendees} attendees a group needs {threshold}"),
            Self::Merged { group } => write!(
                f,
                "{group} is the smallest of more viable groups than delegates and must realign"
            ),
            Self::Rounded {
                group,
                above,
                below,
                to,
            } => write!(
                f,
                "{group} has {above}/{below} delegates, which counts as {to}"
            ),
            Self::Reduced { group } => write!(
                f,
                "too many were given: {group} was rounded up furthest and gives one up"
            ),
            Self::Raised { group } => write!(
                f,
                "too few were given: {group} was rounded down furthest and is given one"
            ),
            Self::Settled { kind, group } => match kind {
                TieKind::Award => write!(f, "by chance {group} is given the delegate"),
                TieKind::Reduce => write!(f, "by chance {group} gives a delegate up"),
                TieKind::Merge => write!(f, "by chance {group} must realign"),
            },
        }
    }
}

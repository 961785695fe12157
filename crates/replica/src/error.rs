//! Why a call on a replica did not end with an outcome, by what the caller does next.
//!
//! A refusal of the ledger is not here: it is an ordinary [`ledger::Outcome`].

use std::fmt::Display;

/// What the caller of a replica has to deal with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// This node does not lead, so nothing was proposed: ask the node in `hint`, once.
    #[error("this node does not lead; {}", leader(*.hint))]
    NotLeader {
        /// The ordinal of the node that leads, as far as this one knows.
        hint: Option<u64>,
    },
    /// No answer in time, or leadership was lost on the way. Whether the command is recorded is
    /// unknown: send the same bytes again, which gives the same leaf.
    #[error("no majority answered: {what}")]
    Unavailable {
        /// What was waited for.
        what: &'static str,
    },
    /// The call cannot be right as it was made: a setting or a membership that is not one.
    #[error("{what}")]
    Invalid {
        /// What is wrong with it.
        what: String,
    },
    /// The membership is not the one that the caller has seen: somebody changed it in between, or a
    /// change is under way. Nothing was written; look again and decide again.
    #[error(
        "the membership stands at log position {found} by now, not at {expected}: somebody else \
         has changed it, look at it again"
    )]
    Overtaken {
        /// Where the caller saw it.
        expected: u64,
        /// Where it stands.
        found: u64,
    },
    /// The replica has stopped for good; the process ends and start-up decides.
    #[error("the replica has stopped: {what}")]
    Fatal {
        /// The cause, as the part that failed put it.
        what: String,
    },
}

fn leader(hint: Option<u64>) -> String {
    hint.map_or_else(
        || "no leader is known".to_owned(),
        |ordinal| format!("node {ordinal} does"),
    )
}

impl Error {
    pub(crate) fn fatal(cause: impl Display) -> Self {
        Self::Fatal {
            what: cause.to_string(),
        }
    }
}

/// Why a peer's message was not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The message breaks a rule of the protocol; consensus was not entered.
    #[error("message from a peer refused: {0}")]
    Invalid(&'static str),
    /// A snapshot could not be stored.
    #[error("snapshot not stored: {0}")]
    Storage(String),
    /// A power cut tore this node's log; until a leader has mended it the node does not vote.
    #[error("this node is mending its log and does not vote")]
    Mending,
    /// A snapshot was asked for that goes further than this node has applied.
    #[error("this node has not applied the log that far")]
    Behind,
    /// This replica has stopped.
    #[error("the replica has stopped")]
    Stopped,
}

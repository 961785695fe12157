//! Looking after the machines of a running cluster: who takes part, who leads, who may be stopped.
//!
//! ```text
//! view       what every node says, and what follows from it
//! orders     one order: built on what was seen, signed, sent to whom it concerns
//! replace    a dead node's place is taken by a spare, in steps that each can be begun again
//! restart    one node after the other is drained, restarted and waited for
//! ```
//! Every step looks first and does only what is not done yet, so whatever broke off is gone on
//! with by running it again. Nothing is remembered here between two runs.

pub mod orders;
pub mod replace;
pub mod restart;
pub mod view;

use std::time::Duration;

use note::NoteError;

use crate::answer::{Refused, Trouble};
use crate::connection::{self, NodeAddress};

pub use orders::Controls;
pub use view::View;

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// Why something about the machines was not done, by who has to act.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No node says that it leads.
    #[error("no node leads: {}", troubles(.0))]
    NoLeader(Vec<(NodeAddress, Trouble)>),
    /// The node concerned gave no answer.
    #[error("the node at {address} gave no answer: {trouble}")]
    NoAnswer {
        /// Which.
        address: NodeAddress,
        /// How.
        trouble: Trouble,
    },
    /// No node gave an answer.
    #[error(transparent)]
    AllSilent(#[from] connection::Error),
    /// A node does not obey, for a reason it named.
    #[error("refused ({}): {}", .0.code, .0.message)]
    Refused(Refused),
    /// An answer without a result.
    #[error("a node's answer is empty; it is of another version")]
    Empty,
    /// None of the addresses leads to this node.
    #[error("no address leads to node `{0}`")]
    NoSuchNode(String),
    /// It has not happened within the time given.
    #[error("waited {} s for {what}", .patience.as_secs())]
    NotInTime {
        /// What was waited for.
        what: String,
        /// How long.
        patience: Duration,
    },
    /// No version swaps these two nodes.
    #[error("no version in the folder replaces `{out}` by `{by}` after version {version}")]
    NoSuccessor {
        /// Who goes.
        out: String,
        /// Who comes.
        by: String,
        /// The version in force.
        version: u64,
    },
    /// The act that lets a version in has no receipt.
    #[error("the activation of version {version} has no receipt yet: {why}")]
    NotActivated {
        /// Which version.
        version: u64,
        /// Why.
        why: String,
    },
    /// The order does not fit into a note.
    #[error("sign the order")]
    Sign(#[from] NoteError),
    /// The command that restarts a node has failed.
    #[error("the command for node `{node}` {how}: {command}")]
    Command {
        /// Which node.
        node: String,
        /// The command as it was run.
        command: String,
        /// What became of it.
        how: String,
    },
}

fn troubles(troubles: &[(NodeAddress, Trouble)]) -> String {
    if troubles.is_empty() {
        return "an election may be under way".to_owned();
    }
    let each = |(address, trouble): &(NodeAddress, Trouble)| format!("{address}: {trouble}");
    troubles.iter().map(each).collect::<Vec<_>>().join("; ")
}

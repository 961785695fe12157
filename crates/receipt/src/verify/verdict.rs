//! What was checked, how it went, and what follows.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use note::KeyName;

use super::receipt::{Receipt, Unread};
use crate::lines::Malformed;
use crate::words::words;

words! {
    /// What is checked, in this order.
    pub enum CheckName {
        /// The leaf lies within the tree.
        Place = "place",
        /// The log is the election's.
        Origin = "origin",
        /// A node signed for the log.
        LogSignature = "log signature",
        /// Enough nodes cosigned.
        Cosignatures = "cosignatures",
        /// The report is in the tree.
        Inclusion = "inclusion",
        /// The report is of this election.
        Entry = "report",
        /// Who signed the report.
        Author = "author",
    }
}

/// One check and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: CheckName,
    /// How it went.
    pub result: CheckResult,
    /// What was found, in a sentence that a chair can read.
    pub sentence: String,
}

/// How a check went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Reason),
    /// It could not be made; the sentence says why.
    NotChecked,
}

/// Why a check failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The leaf's index is not below the tree's size.
    #[error("the leaf lies outside the tree")]
    OutsideTree,
    /// The log is not the election's, or was not yet at that size.
    #[error("the receipt is of another log")]
    WrongLog,
    /// No node known to this bundle signed for the log.
    #[error("no known node signed for the log")]
    NoLogSignature,
    /// A line of a known key does not verify.
    #[error("the signature of `{name}` does not verify")]
    BadLine {
        /// The line's name.
        name: KeyName,
    },
    /// Fewer nodes cosigned than receipt level asks for.
    #[error("{got} nodes cosigned, {need} are needed")]
    TooFewNodes {
        /// How many must.
        need: usize,
        /// How many did.
        got: usize,
    },
    /// The path does not lead from the leaf to the root.
    #[error("the report is not in the tree")]
    NotIncluded,
    /// The entry is outside the grammar of leaves.
    #[error("the report is malformed: {0}")]
    MalformedEntry(Malformed),
    /// The entry is of another election or another instance of this one.
    #[error("the report is of another election")]
    WrongElection,
    /// A signature of the report does not verify.
    #[error("the report's signature by `{name}` does not verify")]
    BadSignature {
        /// The line's name.
        name: KeyName,
    },
    /// A known key signed what it may not sign.
    #[error("`{name}` may not sign this report")]
    WrongSigner {
        /// The line's name.
        name: KeyName,
    },
    /// Fewer or more hands than the report's type has.
    #[error("the report has {got} signatures, which is not as many as its type has")]
    WrongCount {
        /// How many it has.
        got: usize,
    },
}

/// The outcome of all checks together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Recorded, and this proves it.
    Recorded(Box<Receipt>),
    /// Recorded, and this proves it, of a report that is named by its hash alone.
    RecordedUnread(Box<Unread>),
    /// Everything holds but that too few nodes have cosigned: recorded perhaps, not receipted.
    NotYetWitnessed {
        /// How many nodes must cosign.
        need: usize,
        /// How many did.
        got: usize,
    },
    /// The nodes that signed are not those of this bundle's manifests, which may be out of date.
    NeedsNewerBundle {
        /// The manifest version that was used.
        manifest: u64,
    },
    /// Not a receipt of this election.
    Invalid(Reason),
}

/// All checks, what was left out of account, and the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The checks in order.
    pub checks: Vec<Check>,
    /// Lines that were not counted, a sentence each.
    pub ignored: Vec<String>,
    /// What follows.
    pub verdict: Verdict,
}

impl Check {
    pub(super) fn passed(name: CheckName, sentence: impl Into<String>) -> Self {
        Self {
            name,
            result: CheckResult::Passed,
            sentence: sentence.into(),
        }
    }

    pub(super) fn failed(name: CheckName, reason: Reason, sentence: impl Into<String>) -> Self {
        Self {
            name,
            result: CheckResult::Failed(reason),
            sentence: sentence.into(),
        }
    }

    pub(super) fn not_checked(name: CheckName, sentence: impl Into<String>) -> Self {
        Self {
            name,
            result: CheckResult::NotChecked,
            sentence: sentence.into(),
        }
    }
}

impl Verification {
    /// The receipt, if it holds.
    pub fn receipt(&self) -> Option<&Receipt> {
        match &self.verdict {
            Verdict::Recorded(receipt) => Some(receipt),
            Verdict::RecordedUnread(_)
            | Verdict::NotYetWitnessed { .. }
            | Verdict::NeedsNewerBundle { .. }
            | Verdict::Invalid(_) => None,
        }
    }

    /// The receipt, if it holds.
    pub fn into_receipt(self) -> Option<Receipt> {
        match self.verdict {
            Verdict::Recorded(receipt) => Some(*receipt),
            Verdict::RecordedUnread(_)
            | Verdict::NotYetWitnessed { .. }
            | Verdict::NeedsNewerBundle { .. }
            | Verdict::Invalid(_) => None,
        }
    }

    /// The verdict in a sentence.
    pub fn summary(&self) -> String {
        match &self.verdict {
            Verdict::Recorded(receipt) => receipt.summary(),
            Verdict::RecordedUnread(unread) => unread.summary(),
            Verdict::NotYetWitnessed { need, got } => format!(
                "NOT YET RECEIPTED: {got} of the {need} nodes needed have confirmed it. Keep the report and fetch the receipt again."
            ),
            Verdict::NeedsNewerBundle { manifest } => format!(
                "CANNOT TELL: nodes signed that manifest {manifest} does not name. Fetch the newer election bundle and check again."
            ),
            Verdict::Invalid(reason) => format!("NOT A RECEIPT: {reason}."),
        }
    }
}

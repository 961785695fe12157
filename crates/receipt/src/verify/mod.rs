//! Checks a receipt against an election, offline, and says what was checked in sentences.
//!
//! Every check is made that can be made, so that a person sees all that holds and all that does
//! not; the verdict follows from them. *Recorded* says that the report is in the log as shown. It
//! does not say that nothing was recorded after it: whether it is still the unit's report only the
//! log itself can tell.

mod author;
mod checkpoint;
mod entry;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use merkle::{LeafHash, LeafIndex};
use note::{KeyName, SignedCheckpoint, UnixSeconds};

use crate::code::ShortCode;
use crate::election::{Election, Version};
use crate::leaf::Leaf;
use crate::lines::Malformed;
use crate::manifest::NodeId;
use crate::proof::UnverifiedReceipt;
use crate::words::words;

pub use author::{Author, Signatory};

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

words! {
    /// How much a receipt proves.
    pub enum ReceiptLevel {
        /// A majority of the nodes hold the report.
        Receipt = "receipt",
        /// The strong quorum and an outside witness have seen it: no leader alone can have made
        /// a second history that says otherwise.
        Final = "final",
    }
}

/// The outcome of all checks together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Recorded, and this proves it.
    Recorded(Box<Receipt>),
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

/// A receipt that holds. There is no other way to one than [`UnverifiedReceipt::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    unverified: UnverifiedReceipt,
    leaf: Leaf,
    level: ReceiptLevel,
    signers: Vec<Cosigner>,
    author: Author,
    manifest: u64,
}

/// Who stands for the tree that a receipt is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigner {
    /// What the manifest calls it.
    pub id: NodeId,
    /// Node or outside witness.
    pub place: CosignerPlace,
    /// When it signed, by its own clock.
    pub time: UnixSeconds,
}

/// Node or outside witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CosignerPlace {
    /// A node of the election, by its ordinal.
    Node(u64),
    /// An outside witness.
    Witness,
}

impl UnverifiedReceipt {
    /// Makes every check and draws the verdict.
    pub fn verify(&self, election: &Election) -> Verification {
        let place = self.check_place();
        let (origin, version) = self.check_origin(election);
        let examined = match version {
            Some(version) => checkpoint::examine(self.checkpoint(), election, version),
            None => checkpoint::not_examined(),
        };
        let inclusion = self.check_inclusion();
        let read = entry::read(self.entry(), election);
        let author = author::examine(&read, election, self);
        let checkpoint::Examined {
            log,
            cosignatures,
            signers,
            level,
            ignored,
            other_nodes,
        } = examined;
        let checks = Vec::from([
            place,
            origin,
            log,
            cosignatures,
            inclusion,
            read.check,
            author.check,
        ]);
        let as_of = version
            .unwrap_or_else(|| election.latest())
            .manifest()
            .version;
        let verdict = match (failure(&checks), read.leaf) {
            (Some(Failure::Short(_)), _) if other_nodes => {
                Verdict::NeedsNewerBundle { manifest: as_of }
            }
            (Some(Failure::Short(Reason::TooFewNodes { need, got })), _) => {
                Verdict::NotYetWitnessed { need, got }
            }
            (Some(Failure::Short(reason) | Failure::Wrong(reason)), _) => Verdict::Invalid(reason),
            // Without a leaf the check of the entry failed, so this arm is for the compiler.
            (None, None) => Verdict::Invalid(Reason::WrongElection),
            (None, Some(leaf)) => Verdict::Recorded(Box::new(Receipt {
                unverified: self.clone(),
                leaf,
                level,
                signers,
                author: author.author,
                manifest: as_of,
            })),
        };
        Verification {
            checks,
            ignored,
            verdict,
        }
    }

    fn check_place(&self) -> Check {
        let (index, size) = (
            self.index().get(),
            self.checkpoint().checkpoint().size.get(),
        );
        if index < size {
            let sentence = format!(
                "The report is leaf {index} of a log that had {size} leaves when this receipt was made."
            );
            return Check::passed(CheckName::Place, sentence);
        }
        let sentence = format!("There is no leaf {index} in a log of {size} leaves.");
        Check::failed(CheckName::Place, Reason::OutsideTree, sentence)
    }

    fn check_origin<'e>(&self, election: &'e Election) -> (Check, Option<&'e Version>) {
        let checkpoint = self.checkpoint().checkpoint();
        let origin = &checkpoint.origin;
        if let Some(version) = election.in_force(origin, checkpoint.size) {
            let number = version.manifest().version;
            let sentence = format!(
                "The log is `{origin}`, the one of election {}; the keys are those of manifest {number}.",
                election.id()
            );
            return (Check::passed(CheckName::Origin, sentence), Some(version));
        }
        let own = &election.latest().manifest().origin;
        let sentence = if origin == own {
            format!(
                "The log `{origin}` cannot have had only {} leaves.",
                checkpoint.size
            )
        } else {
            format!("The receipt is of the log `{origin}`; this election's is `{own}`.")
        };
        (
            Check::failed(CheckName::Origin, Reason::WrongLog, sentence),
            None,
        )
    }

    fn check_inclusion(&self) -> Check {
        let checkpoint = self.checkpoint().checkpoint();
        let proven = self.proof().verify(
            self.index(),
            checkpoint.size,
            self.leaf_hash(),
            &checkpoint.root,
        );
        let hashes = self.proof().hashes.len();
        match proven {
            Ok(()) => {
                let sentence = format!(
                    "{hashes} hashes lead from the report to the root: it is in the log exactly as shown here, under the code {}.",
                    self.code()
                );
                Check::passed(CheckName::Inclusion, sentence)
            }
            Err(_) => {
                let sentence = "The hashes do not lead from the report to the root: the log does not contain it as shown here.";
                Check::failed(CheckName::Inclusion, Reason::NotIncluded, sentence)
            }
        }
    }
}

/// The gravest failure among the checks.
enum Failure {
    /// Something is wrong.
    Wrong(Reason),
    /// Nothing is wrong, signatures are missing.
    Short(Reason),
}

fn failure(checks: &[Check]) -> Option<Failure> {
    let reasons = || {
        checks.iter().filter_map(|check| match &check.result {
            CheckResult::Failed(reason) => Some(reason.clone()),
            CheckResult::Passed | CheckResult::NotChecked => None,
        })
    };
    let short =
        |reason: &Reason| matches!(reason, Reason::TooFewNodes { .. } | Reason::NoLogSignature);
    reasons()
        .find(|reason| !short(reason))
        .map(Failure::Wrong)
        .or_else(|| reasons().next().map(Failure::Short))
}

impl Check {
    fn passed(name: CheckName, sentence: impl Into<String>) -> Self {
        Self {
            name,
            result: CheckResult::Passed,
            sentence: sentence.into(),
        }
    }

    fn failed(name: CheckName, reason: Reason, sentence: impl Into<String>) -> Self {
        Self {
            name,
            result: CheckResult::Failed(reason),
            sentence: sentence.into(),
        }
    }

    fn not_checked(name: CheckName, sentence: impl Into<String>) -> Self {
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
            Verdict::NotYetWitnessed { .. }
            | Verdict::NeedsNewerBundle { .. }
            | Verdict::Invalid(_) => None,
        }
    }

    /// The receipt, if it holds.
    pub fn into_receipt(self) -> Option<Receipt> {
        match self.verdict {
            Verdict::Recorded(receipt) => Some(*receipt),
            Verdict::NotYetWitnessed { .. }
            | Verdict::NeedsNewerBundle { .. }
            | Verdict::Invalid(_) => None,
        }
    }

    /// The verdict in a sentence.
    pub fn summary(&self) -> String {
        match &self.verdict {
            Verdict::Recorded(receipt) => receipt.summary(),
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

impl Receipt {
    /// The exact bytes of the leaf.
    pub fn entry(&self) -> &[u8] {
        self.unverified.entry()
    }

    /// What it says.
    pub const fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Where it stands in the log.
    pub const fn index(&self) -> LeafIndex {
        self.unverified.index()
    }

    /// The hash that names it.
    pub fn leaf_hash(&self) -> LeafHash {
        self.unverified.leaf_hash()
    }

    /// The code that people read to each other.
    pub fn code(&self) -> ShortCode {
        self.unverified.code()
    }

    /// The checkpoint it rests on.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        self.unverified.checkpoint()
    }

    /// How much it proves.
    pub const fn level(&self) -> ReceiptLevel {
        self.level
    }

    /// Nodes by ordinal, then witnesses, each once.
    pub fn signers(&self) -> &[Cosigner] {
        &self.signers
    }

    /// Who signed the report, as far as this bundle can tell.
    pub const fn author(&self) -> &Author {
        &self.author
    }

    /// The manifest version whose keys and quorum were used.
    pub const fn manifest(&self) -> u64 {
        self.manifest
    }

    /// The earliest cosignature: by then the report was in the log.
    pub fn earliest(&self) -> Option<UnixSeconds> {
        self.signers.iter().map(|signer| signer.time).min()
    }

    /// The (lower) median of the cosignatures' times, which one wrong clock does not move far.
    pub fn median(&self) -> Option<UnixSeconds> {
        let mut times: Vec<_> = self.signers.iter().map(|signer| signer.time).collect();
        times.sort_unstable();
        times.get(times.len().checked_sub(1)? >> 1).copied()
    }

    /// The receipt file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.unverified.to_bytes()
    }

    fn summary(&self) -> String {
        let nodes = self
            .signers
            .iter()
            .filter(|signer| signer.place != CosignerPlace::Witness);
        let what = match self.leaf.unit() {
            Some(unit) => format!("the {} of unit {unit}", self.leaf.kind()),
            None => format!("the {}", self.leaf.kind()),
        };
        let level = match self.level {
            ReceiptLevel::Receipt => "",
            ReceiptLevel::Final => ", final",
        };
        let caveat = match &self.author {
            Author::Known(_) => String::new(),
            Author::NotKnown { name } => format!(
                " Who holds the key `{}` this bundle cannot tell.",
                name.as_ref()
                    .map_or_else(|| "-".to_string(), ToString::to_string)
            ),
        };
        format!(
            "RECORDED{level}: {what} is leaf {} of the log, confirmed by {} nodes, as of manifest {}.{caveat}",
            self.index(),
            nodes.count(),
            self.manifest
        )
    }
}

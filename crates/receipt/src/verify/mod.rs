//! Checks a receipt against an election, offline, and says what was checked in sentences.
//!
//! Every check is made that can be made, so that a person sees all that holds and all that does
//! not; the verdict follows from them. *Recorded* says that the report is in the log as shown. It
//! does not say that nothing was recorded after it: whether it is still the unit's report only the
//! log itself can tell.

mod author;
mod checkpoint;
mod entry;
mod receipt;
mod verdict;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use merkle::{InclusionProof, LeafHash, LeafIndex};
use note::SignedCheckpoint;

use crate::code::ShortCode;
use crate::election::{Election, Version};
use crate::leaf::Leaf;
use crate::manifest::Recovered;
use crate::proof::UnverifiedReceipt;

pub use author::{Author, Signatory};
pub use receipt::{Cosigner, CosignerPlace, Receipt, ReceiptLevel, Unread};
pub use verdict::{Check, CheckName, CheckResult, Reason, Verdict, Verification};

impl UnverifiedReceipt {
    /// Makes every check and draws the verdict.
    pub fn verify(&self, election: &Election) -> Verification {
        let claim = Claim {
            entry: Some(self.entry()),
            leaf: self.leaf_hash(),
            index: self.index(),
            proof: self.proof(),
            checkpoint: self.checkpoint(),
        };
        claim.verify(election)
    }
}

/// What a receipt says, in whichever form it came.
pub(crate) struct Claim<'r> {
    /// The exact bytes of the leaf, where they are at hand. INVARIANT: `leaf` is their hash.
    pub(crate) entry: Option<&'r [u8]>,
    pub(crate) leaf: LeafHash,
    pub(crate) index: LeafIndex,
    pub(crate) proof: &'r InclusionProof,
    pub(crate) checkpoint: &'r SignedCheckpoint,
}

/// What was found, beside how each check went.
struct Found {
    leaf: Option<Leaf>,
    author: Author,
    level: ReceiptLevel,
    signers: Vec<Cosigner>,
    /// Whether lines name nodes of this log that the version in force does not have.
    other_nodes: bool,
    manifest: u64,
}

impl Claim<'_> {
    pub(crate) fn verify(&self, election: &Election) -> Verification {
        let place = self.check_place();
        let (origin, version) = self.check_origin(election);
        let examined = match version {
            Some(version) => checkpoint::examine(self.checkpoint, election, version),
            None => checkpoint::not_examined(),
        };
        let inclusion = self.check_inclusion();
        let read = entry::read(self.entry, election);
        let author = author::examine(&read, election, self);
        let checks = Vec::from([
            place,
            origin,
            examined.log,
            examined.cosignatures,
            inclusion,
            read.check,
            author.check,
        ]);
        let manifest = version
            .unwrap_or_else(|| election.latest())
            .manifest()
            .version;
        let found = Found {
            leaf: read.leaf,
            author: author.author,
            level: examined.level,
            signers: examined.signers,
            other_nodes: examined.other_nodes,
            manifest,
        };
        Verification {
            verdict: self.verdict(election, &checks, found),
            checks,
            ignored: examined.ignored,
        }
    }

    fn verdict(&self, election: &Election, checks: &[Check], found: Found) -> Verdict {
        let (level, signers, manifest) = (found.level, found.signers, found.manifest);
        match (failure(checks), self.entry, found.leaf) {
            (Some(Failure::Short(_)), _, _) if found.other_nodes => {
                Verdict::NeedsNewerBundle { manifest }
            }
            (Some(Failure::Short(Reason::TooFewNodes { need, got })), _, _) => {
                Verdict::NotYetWitnessed { need, got }
            }
            (Some(Failure::Short(reason) | Failure::Wrong(reason)), _, _) => {
                Verdict::Invalid(reason)
            }
            (None, Some(entry), Some(leaf)) => Verdict::Recorded(Box::new(Receipt {
                unverified: UnverifiedReceipt::build(
                    entry.to_vec(),
                    self.index,
                    self.proof.clone(),
                    self.checkpoint.clone(),
                ),
                leaf,
                level,
                signers,
                author: found.author,
                manifest,
                lost: self.lost(election),
            })),
            (None, None, _) => Verdict::RecordedUnread(Box::new(Unread {
                leaf: self.leaf,
                index: self.index,
                level,
                signers,
                manifest,
                lost: self.lost(election),
            })),
            // Without a leaf the check of the entry failed, so this arm is for the compiler.
            (None, Some(_), None) => Verdict::Invalid(Reason::WrongElection),
        }
    }

    /// The recovery that went on from this log without the leaf, if there was one.
    fn lost(&self, election: &Election) -> Option<Recovered> {
        election
            .recovery_of(&self.checkpoint.checkpoint().origin)
            .filter(|recovered| self.index.get() >= recovered.size.get())
            .cloned()
    }

    fn check_place(&self) -> Check {
        let (index, size) = (self.index.get(), self.checkpoint.checkpoint().size.get());
        let leaves = counted(&size, "leaf", "leaves");
        if index < size {
            let sentence = format!(
                "The report is leaf {index} of a log that had {leaves} when this receipt was made."
            );
            return Check::passed(CheckName::Place, sentence);
        }
        let sentence = format!("There is no leaf {index} in a log of {leaves}.");
        Check::failed(CheckName::Place, Reason::OutsideTree, sentence)
    }

    fn check_origin<'e>(&self, election: &'e Election) -> (Check, Option<&'e Version>) {
        let checkpoint = self.checkpoint.checkpoint();
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
        let checkpoint = self.checkpoint.checkpoint();
        let proven = self
            .proof
            .verify(self.index, checkpoint.size, self.leaf, &checkpoint.root);
        let hashes = self.proof.hashes.len();
        let path = counted(&hashes, "hash leads", "hashes lead");
        if proven.is_err() {
            let sentence = "The hashes do not lead from the report to the root: the log does not contain it as shown here.";
            return Check::failed(CheckName::Inclusion, Reason::NotIncluded, sentence);
        }
        let sentence = format!(
            "{path} from the report to the root: it is in the log exactly as shown here, under the code {}.",
            ShortCode::of_leaf(&self.leaf)
        );
        Check::passed(CheckName::Inclusion, sentence)
    }
}

/// A number of things, in words that agree with it.
fn counted(number: &impl ToString, one: &str, many: &str) -> String {
    let number = number.to_string();
    let word = if number == "1" { one } else { many };
    format!("{number} {word}")
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

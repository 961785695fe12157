//! The lines under a checkpoint: who they are of, and whether they are enough.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use note::{SignatureLine, SignedCheckpoint, VerifierKey};

use super::{Check, CheckName, Cosigner, CosignerPlace, Reason, ReceiptLevel};
use crate::election::{Election, Version};
use crate::manifest::NodeLine;

/// What the lines amount to.
pub(super) struct Examined {
    pub(super) log: Check,
    pub(super) cosignatures: Check,
    /// Nodes by ordinal, then witnesses.
    pub(super) signers: Vec<Cosigner>,
    pub(super) level: ReceiptLevel,
    /// A sentence for each line that was not counted.
    pub(super) ignored: Vec<String>,
    /// Whether lines name nodes of this log that the version in force does not have.
    pub(super) other_nodes: bool,
}

/// Nothing is known of the log, so no line means anything.
pub(super) fn not_examined() -> Examined {
    const WHY: &str = "Not checked: the log is not this election's.";
    Examined {
        log: Check::not_checked(CheckName::LogSignature, WHY),
        cosignatures: Check::not_checked(CheckName::Cosignatures, WHY),
        signers: Vec::new(),
        level: ReceiptLevel::Receipt,
        ignored: Vec::new(),
        other_nodes: false,
    }
}

/// Verifies every line with the keys of the version in force, counting distinct keys.
pub(super) fn examine(
    signed: &SignedCheckpoint,
    election: &Election,
    version: &Version,
) -> Examined {
    let mut tally = Tally::default();
    for line in signed.lines() {
        tally.line(line, signed, election, version);
    }
    tally
        .signers
        .sort_by(|a, b| (a.place, &a.id).cmp(&(b.place, &b.id)));
    let ids: BTreeSet<&str> = tally
        .signers
        .iter()
        .map(|signer| signer.id.as_str())
        .collect();
    let is_final = version
        .final_policy()
        .is_some_and(|policy| policy.quorum_met(&ids));
    let enough = version.receipt_policy().quorum_met(&ids);
    Examined {
        log: tally.log_check(),
        cosignatures: tally.cosignature_check(version, enough),
        level: if is_final {
            ReceiptLevel::Final
        } else {
            ReceiptLevel::Receipt
        },
        signers: tally.signers,
        ignored: tally.ignored,
        other_nodes: tally.other_nodes,
    }
}

#[derive(Default)]
struct Tally {
    /// Ids of the nodes that signed for the log.
    logs: Vec<String>,
    bad_log: Option<SignatureLine>,
    signers: Vec<Cosigner>,
    bad_cosigner: Option<SignatureLine>,
    ignored: Vec<String>,
    other_nodes: bool,
}

impl Tally {
    fn line(
        &mut self,
        line: &SignatureLine,
        signed: &SignedCheckpoint,
        election: &Election,
        version: &Version,
    ) {
        let manifest = version.manifest();
        let checkpoint = signed.checkpoint();
        if let Some(node) = manifest.nodes.iter().find(|node| node.log.claims(line)) {
            if node.log.verifies(&checkpoint.text(), line) {
                self.logs.push(node.id.to_string());
            } else {
                self.bad_log = Some(line.clone());
            }
            return;
        }
        let nodes = manifest
            .nodes
            .iter()
            .map(|node| (&node.cosigner, &node.id, CosignerPlace::Node(node.ordinal)));
        let witnesses = manifest
            .witnesses
            .iter()
            .map(|witness| (&witness.key, &witness.id, CosignerPlace::Witness));
        match nodes.chain(witnesses).find(|(key, _, _)| key.claims(line)) {
            Some((key, id, place)) => match key.verify_cosignature(checkpoint, line) {
                Some(time) => self.signers.push(Cosigner {
                    id: id.clone(),
                    place,
                    time,
                }),
                None => self.bad_cosigner = Some(line.clone()),
            },
            None => self.other(line, signed, election, version),
        }
    }

    /// A line of a key that counts for nothing in this version.
    fn other(
        &mut self,
        line: &SignatureLine,
        signed: &SignedCheckpoint,
        election: &Election,
        version: &Version,
    ) {
        let checkpoint = signed.checkpoint();
        let number = version.manifest().version;
        if let Some((key, node)) = elsewhere(election, line) {
            let sound = key.verifies(&checkpoint.text(), line)
                || key.verify_cosignature(checkpoint, line).is_some();
            if !sound {
                self.bad_cosigner = Some(line.clone());
                return;
            }
            self.other_nodes |= node;
            self.ignored.push(format!(
                "`{}` signed too; manifest {number} does not count it.",
                line.name
            ));
            return;
        }
        // A key that no version of this bundle names: of a node, if it says so by its name.
        let rest = line.name.as_str().strip_prefix(checkpoint.origin.as_str());
        let node = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.other_nodes |= node;
        self.ignored.push(format!(
            "A line of `{}` was ignored: this bundle does not know its key {}.",
            line.name, line.id
        ));
    }

    fn log_check(&self) -> Check {
        let name = CheckName::LogSignature;
        match (&self.bad_log, self.logs.as_slice()) {
            (Some(line), _) => {
                let sentence = format!("The signature of the log, `{}`, does not fit.", line.name);
                Check::failed(
                    name,
                    Reason::BadLine {
                        name: line.name.clone(),
                    },
                    sentence,
                )
            }
            (None, []) => {
                let sentence = "No node that this bundle knows signed for the log.";
                Check::failed(name, Reason::NoLogSignature, sentence)
            }
            (None, nodes) => {
                let who = nodes.join(", ");
                Check::passed(
                    name,
                    format!("The state of the log is signed by node {who}."),
                )
            }
        }
    }

    fn cosignature_check(&self, version: &Version, enough: bool) -> Check {
        let name = CheckName::Cosignatures;
        if let Some(line) = &self.bad_cosigner {
            let sentence = format!("The cosignature of `{}` does not fit.", line.name);
            return Check::failed(
                name,
                Reason::BadLine {
                    name: line.name.clone(),
                },
                sentence,
            );
        }
        let of = |wanted: fn(CosignerPlace) -> bool| {
            let names: Vec<&str> = self
                .signers
                .iter()
                .filter(|signer| wanted(signer.place))
                .map(|signer| signer.id.as_str())
                .collect();
            names
        };
        let nodes = of(|place| place != CosignerPlace::Witness);
        let witnesses = of(|place| place == CosignerPlace::Witness);
        let (got, all) = (nodes.len(), version.manifest().nodes.len());
        let need = version.manifest().receipt_quorum();
        let who = if nodes.is_empty() {
            String::new()
        } else {
            format!(" ({})", nodes.join(", "))
        };
        let outside = match witnesses.as_slice() {
            [] => "No outside witness has signed yet.".to_string(),
            some => format!("Outside witnesses that signed: {}.", some.join(", ")),
        };
        let sentence = format!(
            "{got} of {all} nodes{who} state that they hold every leaf up to there; {need} are needed. {outside}"
        );
        if enough {
            Check::passed(name, sentence)
        } else {
            Check::failed(name, Reason::TooFewNodes { need, got }, sentence)
        }
    }
}

/// A key of another version, or of a spare, and whether it is a node's.
fn elsewhere<'e>(election: &'e Election, line: &SignatureLine) -> Option<(&'e VerifierKey, bool)> {
    let claims = |key: &&VerifierKey| key.claims(line);
    election.versions().iter().find_map(|version| {
        let manifest = version.manifest();
        let machines = || manifest.nodes.iter().chain(&manifest.spares);
        let keys = |node: &'e NodeLine| [&node.log, &node.cosigner];
        let node = machines()
            .flat_map(keys)
            .find(claims)
            .map(|key| (key, true));
        let witness = || manifest.witnesses.iter().map(|it| &it.key).find(claims);
        node.or_else(|| witness().map(|key| (key, false)))
    })
}

//! Who has not signed for a leaf yet: read from the newest checkpoints that the nodes publish, each
//! line verified here. A receipt that is not there yet is a question of names, not of patience
//! alone: somebody has to be woken, or a machine.

use std::collections::{BTreeMap, BTreeSet};

use merkle::LeafIndex;
use note::SignedCheckpoint;
use receipt::{Election, Manifest, Receipt, ReceiptLevel, Version};
use serde::Serialize;

use crate::audit;
use crate::connection::Connections;

/// What a leaf lacks for a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Missing {
    /// Nodes that have signed for the leaf.
    signed: Vec<String>,
    /// How many nodes the level needs.
    needed: usize,
    /// Nodes that have not signed; none once enough have.
    nodes: Vec<String>,
    /// Outside witnesses of which none has signed; none once one has, or where none is needed.
    witnesses: Vec<String>,
    /// Addresses that gave no answer.
    no_answer: Vec<String>,
}

impl Missing {
    /// Asks every node for its newest checkpoint, and counts hands on those that cover the leaf.
    pub(super) async fn ask(
        connections: &Connections,
        election: &Election,
        leaf: LeafIndex,
        level: ReceiptLevel,
        held: Option<&Receipt>,
    ) -> Missing {
        let version = election.latest();
        let mut hands: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        if let Some(held) = held {
            count(version, leaf, held.checkpoint(), &mut hands);
        }
        let mut no_answer = Vec::new();
        for (node, address) in connections.addresses().enumerate() {
            match audit::fetch_checkpoint(connections, node).await {
                Ok((bytes, _, _)) => {
                    if let Ok(signed) = SignedCheckpoint::parse(&bytes) {
                        count(version, leaf, &signed, &mut hands);
                    }
                }
                Err(_) => no_answer.push(address.to_string()),
            }
        }
        // Hands count together on one checkpoint only: the one that is nearest to the level.
        let best = hands.into_values().max_by_key(BTreeSet::len);
        let missing = Missing::of(version.manifest(), level, &best.unwrap_or_default());
        Missing {
            no_answer,
            ..missing
        }
    }

    /// What these hands, by the manifest's names, lack.
    fn of(manifest: &Manifest, level: ReceiptLevel, hands: &BTreeSet<String>) -> Missing {
        let ids = manifest.nodes.iter().map(|node| node.id.to_string());
        let (signed, absent): (Vec<String>, Vec<String>) = ids.partition(|id| hands.contains(id));
        let outside = manifest.witnesses.iter().map(|line| line.id.to_string());
        let outside: Vec<String> = outside.collect();
        let (needed, asks_witness) = match level {
            ReceiptLevel::Receipt => (manifest.receipt_quorum(), false),
            ReceiptLevel::Final => (manifest.final_quorum(), true),
        };
        let has_witness = outside.iter().any(|id| hands.contains(id));
        Missing {
            nodes: if signed.len() < needed {
                absent
            } else {
                Vec::new()
            },
            witnesses: if asks_witness && !has_witness {
                outside
            } else {
                Vec::new()
            },
            signed,
            needed,
            no_answer: Vec::new(),
        }
    }

    /// The same as a sentence without its full stop.
    pub(super) fn words(&self) -> String {
        let mut parts = Vec::new();
        let lacking = self.needed.saturating_sub(self.signed.len());
        match (self.nodes.as_slice(), lacking) {
            ([], _) | (_, 0) => {}
            ([one], _) => parts.push(format!("node {one} has not signed")),
            (nodes, _) => parts.push(format!(
                "{lacking} more of the nodes {} must sign",
                nodes.join(", ")
            )),
        }
        match self.witnesses.as_slice() {
            [] => {}
            [one] => parts.push(format!("outside witness {one} has not signed")),
            many => parts.push(format!(
                "none of the outside witnesses {} has signed",
                many.join(", ")
            )),
        }
        if parts.is_empty() {
            parts.push("all that must have signed; ask again in a moment".to_owned());
        }
        let signed = match self.signed.as_slice() {
            [] => "no node has signed for it yet".to_owned(),
            signed => format!("signed by {}", signed.join(", ")),
        };
        parts.push(signed);
        if !self.no_answer.is_empty() {
            parts.push(format!("no answer from {}", self.no_answer.join(", ")));
        }
        parts.join("; ")
    }
}

/// Adds the hands on a checkpoint that covers the leaf to those that are known for its size.
fn count(
    version: &Version,
    leaf: LeafIndex,
    signed: &SignedCheckpoint,
    hands: &mut BTreeMap<u64, BTreeSet<String>>,
) {
    let checkpoint = signed.checkpoint();
    if checkpoint.origin != version.manifest().origin || checkpoint.size.get() <= leaf.get() {
        return;
    }
    let policy = version
        .final_policy()
        .unwrap_or_else(|| version.receipt_policy());
    let names = policy.evaluate(signed).witnesses.into_keys();
    hands
        .entry(checkpoint.size.get())
        .or_default()
        .extend(names);
}

#[cfg(test)]
mod tests {
    use caucus::{ElectionId, Rules};
    use merkle::{Hash, TreeSize};
    use note::{Checkpoint, CosignerKey, KeyName, Origin, UnixSeconds};
    use receipt::{ElectionKind, NodeId, WitnessLine};

    use super::*;
    use crate::election::{Made, NodePlan, Plan, WitnessPlan, make, small_roster};
    use crate::random::SeededRandom;

    fn witness(id: &str, seed: u8) -> WitnessPlan {
        let name = KeyName::parse(&format!("campaign.example/{id}")).unwrap();
        WitnessPlan {
            line: WitnessLine {
                id: NodeId::parse(id).unwrap(),
                key: CosignerKey::from_seed(name, [seed; 32]).verifier().clone(),
            },
            url: "http://127.0.0.1:1".to_owned(),
        }
    }

    fn made(nodes: u16, witnesses: &[&str]) -> (Made, Election) {
        let rules = Rules::iowa_2020();
        let plan = Plan {
            election: ElectionId::parse("desk").unwrap(),
            origin: Origin::parse_election("tally.example/desk").unwrap(),
            kind: ElectionKind::Rehearsal,
            roster: small_roster(2, &rules).unwrap(),
            rules,
            nodes: NodePlan::on_loopback(nodes, 7100).unwrap(),
            opens: UnixSeconds::new(100),
            closes: UnixSeconds::new(200),
            vouchers_per_unit: 1,
            witnesses: (1..)
                .zip(witnesses)
                .map(|(seed, id)| witness(id, seed))
                .collect(),
        };
        let made = make(plan, &mut SeededRandom::new(7), UnixSeconds::new(50)).unwrap();
        let election = Election::open(&made.bundle, made.fingerprint).unwrap();
        (made, election)
    }

    fn said(nodes: u16, witnesses: &[&str], level: ReceiptLevel, hands: &[&str]) -> String {
        let (_, election) = made(nodes, witnesses);
        let hands = hands.iter().map(|hand| (*hand).to_owned()).collect();
        Missing::of(election.latest().manifest(), level, &hands).words()
    }

    #[test]
    fn who_has_not_signed_is_named() {
        let fin = ReceiptLevel::Final;
        assert_eq!(
            said(3, &["w1"], fin, &["n1", "n2"]),
            "node n3 has not signed; outside witness w1 has not signed; signed by n1, n2"
        );
        assert_eq!(
            said(3, &["w1"], fin, &["n1", "n2", "n3"]),
            "outside witness w1 has not signed; signed by n1, n2, n3"
        );
        assert_eq!(
            said(3, &["w1", "w2"], fin, &["n1", "n2", "w2"]),
            "node n3 has not signed; signed by n1, n2"
        );
        assert_eq!(
            said(3, &["w1", "w2"], fin, &[]),
            "3 more of the nodes n1, n2, n3 must sign; none of the outside witnesses w1, w2 has \
             signed; no node has signed for it yet"
        );
    }

    /// Five nodes: four make the strong quorum, three a majority.
    #[test]
    fn nobody_is_named_whose_hand_is_not_needed() {
        assert_eq!(
            said(5, &["w1"], ReceiptLevel::Final, &["n1", "n2", "n4", "n5"]),
            "outside witness w1 has not signed; signed by n1, n2, n4, n5"
        );
        assert_eq!(
            said(5, &["w1"], ReceiptLevel::Receipt, &["n2", "n5"]),
            "1 more of the nodes n1, n3, n4 must sign; signed by n2, n5"
        );
        assert_eq!(
            said(3, &["w1"], ReceiptLevel::Final, &["n1", "n2", "n3", "w1"]),
            "all that must have signed; ask again in a moment; signed by n1, n2, n3"
        );
    }

    /// A checkpoint of five leaves says something about the fifth, and nothing about the sixth; a
    /// line that does not verify is no hand.
    #[test]
    fn only_hands_that_hold_on_a_tree_with_the_leaf_count() {
        let (made, election) = made(3, &["w1"]);
        let checkpoint = Checkpoint {
            origin: made.plan.origin.clone(),
            size: TreeSize::new(5),
            root: Hash::from_bytes([1; 32]),
        };
        let other = Checkpoint {
            root: Hash::from_bytes([2; 32]),
            ..checkpoint.clone()
        };
        let time = UnixSeconds::new(150);
        let [n1, n2, _] = made.nodes.as_slice() else {
            panic!("three nodes");
        };
        let signed =
            SignedCheckpoint::new(checkpoint.clone(), n1.cosigner.cosign(&checkpoint, time))
                .with_line(n2.cosigner.cosign(&other, time));
        let counted = |leaf| {
            let mut hands = BTreeMap::new();
            count(election.latest(), LeafIndex::new(leaf), &signed, &mut hands);
            hands
        };
        let hands = BTreeSet::from(["n1".to_owned()]);
        assert_eq!(counted(4), BTreeMap::from([(5, hands)]));
        assert_eq!(counted(5), BTreeMap::new());
    }
}

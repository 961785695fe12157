//! What a node makes of the tree heads that it hears past the leader. Nothing is sent, kept on disk
//! or signed here; the nodes bring what they heard, and their own tree as a signed note.
//!
//! A majority of cosignatures does not keep a leader from showing two nodes two histories: with
//! three nodes it needs one follower for each, and itself twice. So the nodes tell each other which
//! heads they have seen signed. Two heads that cannot both be true are a [`Contradiction`]; whoever signed both is proven to have lied, and [`Agreement`] says whether a
//! node may go on meanwhile.

mod agreement;
mod contradiction;
mod heads;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use merkle::TreeSize;
use note::{Origin, SignedCheckpoint, VerifierKey};

pub use agreement::{Agreement, Comparison, FRESH, Stand};
pub use contradiction::{Beginning, Contradiction, EvidenceError};
pub use heads::{HEADS_A_SIGNER, Heads, Heard};

/// A node's keys, as the manifest in force at a head's size lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeKeys {
    /// The node's number.
    pub ordinal: u64,
    /// Signs checkpoints for the log.
    pub log: VerifierKey,
    /// Cosigns them for the node.
    pub cosigner: VerifierKey,
}

/// One node's side of the gossip: what it heard, and where that leaves it.
#[derive(Debug)]
pub struct Gossip {
    ordinal: u64,
    heads: Heads,
    agreement: Agreement,
}

impl Gossip {
    /// Node `ordinal` of a log, before it heard anything.
    pub fn new(ordinal: u64, origin: Origin) -> Self {
        Self {
            ordinal,
            heads: Heads::new(origin),
            agreement: Agreement::default(),
        }
    }

    /// Hears a head that any of `nodes` signed, whoever passed it on. `own` is this node's own head
    /// of that size, signed, if its tree reaches so far; `now` is time since any fixed instant.
    ///
    /// What follows for the count of votes follows here: a double signer counts no more, a signer
    /// of another root than this node's differs. The caller keeps the evidence.
    pub fn hear(
        &mut self,
        nodes: &[NodeKeys],
        own: Option<&SignedCheckpoint>,
        head: &SignedCheckpoint,
        now: Duration,
    ) -> Option<Heard> {
        let keys: Vec<_> = nodes
            .iter()
            .flat_map(|node| [node.log.clone(), node.cosigner.clone()])
            .collect();
        let heard = self.heads.hear(&keys, own, head)?;
        self.distrust_equivocators(nodes);
        if heard.own == Some(Comparison::Differs) {
            self.agreement.dispute();
            for node in self.of_peers(nodes, &heard.signers) {
                self.agreement.note(node, Comparison::Differs, now);
            }
        }
        Some(heard)
    }

    /// Takes note of a contradiction that the caller found: where a head differs from this node's
    /// own, a published one that is larger may show who signed for both trees.
    pub fn convict(&mut self, nodes: &[NodeKeys], found: &Contradiction) {
        self.heads.convict(found);
        self.distrust_equivocators(nodes);
    }

    /// Whether this node's own keys are proven to have signed two histories: they are stolen, or
    /// their memory was lost.
    pub fn is_equivocator(&self, node: &NodeKeys) -> bool {
        let proven = self.heads.equivocators();
        proven.contains(&node.log) || proven.contains(&node.cosigner)
    }

    /// Notes what else an exchange with `peer` showed.
    pub fn note(&mut self, peer: u64, comparison: Comparison, now: Duration) {
        self.agreement.note(peer, comparison, now);
    }

    /// Where this node stands among `nodes` nodes, itself included.
    pub fn stand(&self, nodes: usize, now: Duration) -> Stand {
        self.agreement.stand(nodes, now)
    }

    /// The heads to hear again, now that this node's tree reaches `size`.
    pub fn due(&self, size: TreeSize) -> Vec<SignedCheckpoint> {
        self.heads.due(size)
    }

    fn distrust_equivocators(&mut self, nodes: &[NodeKeys]) {
        for node in self.of_peers(nodes, self.heads.equivocators()) {
            self.agreement.distrust(node);
        }
    }

    fn of_peers(&self, nodes: &[NodeKeys], keys: &BTreeSet<VerifierKey>) -> Vec<u64> {
        nodes
            .iter()
            .filter(|node| keys.contains(&node.log) || keys.contains(&node.cosigner))
            .map(|node| node.ordinal)
            .filter(|ordinal| *ordinal != self.ordinal)
            .collect()
    }
}

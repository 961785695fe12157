//! The manifest in force with what follows from it: who cosigns, and what is enough. Parsed once a
//! version, not once a call.

use std::sync::{Arc, Mutex, PoisonError};

use ledger::{Fault, Tables, View};
use merkle::TreeSize;
use note::{SignedCheckpoint, VerifierKey};
use receipt::{ElectionKind, Manifest, NodeLine, Policy};
use witness::gossip::NodeKeys;

use crate::checkpoints::Grade;

/// One manifest version, ready for use.
#[derive(Debug)]
pub(crate) struct Charter {
    /// The manifest.
    pub(crate) manifest: Manifest,
    receipt_policy: Policy,
    final_policy: Option<Policy>,
}

/// The charters in force, the newest remembered.
#[derive(Debug, Default)]
pub(crate) struct Charters {
    newest: Mutex<Option<(u64, Arc<Charter>)>>,
}

impl Charters {
    /// The charter in force for a tree of `size` leaves; `None` before the first manifest.
    pub(crate) fn at<T: Tables>(
        &self,
        view: &View<'_, T>,
        size: TreeSize,
    ) -> Result<Option<Arc<Charter>>, Fault> {
        let versions = view.manifests()?;
        let Some(version) = versions
            .iter()
            .rfind(|version| version.index.get() < size.get())
        else {
            return Ok(None);
        };
        let version = version.version;
        if let Some((_, charter)) = self.remembered().filter(|(newest, _)| *newest == version) {
            return Ok(Some(charter));
        }
        let Some(manifest) = view.manifest_at(size)? else {
            return Ok(None);
        };
        let charter = Arc::new(Charter::new(manifest));
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Some((version, Arc::clone(&charter)));
        Ok(Some(charter))
    }

    fn remembered(&self) -> Option<(u64, Arc<Charter>)> {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Charter {
    fn new(manifest: Manifest) -> Self {
        Self {
            receipt_policy: Policy::receipt_for(&manifest),
            final_policy: Policy::final_for(&manifest),
            manifest,
        }
    }

    /// The nodes that quorums count.
    pub(crate) fn nodes(&self) -> &[NodeLine] {
        &self.manifest.nodes
    }

    /// Their keys.
    pub(crate) fn node_keys(&self) -> Vec<NodeKeys> {
        let keys = |line: &NodeLine| NodeKeys {
            ordinal: line.ordinal,
            log: line.log.clone(),
            cosigner: line.cosigner.clone(),
        };
        self.nodes().iter().map(keys).collect()
    }

    /// The node's line by its ordinal.
    pub(crate) fn node(&self, ordinal: u64) -> Option<&NodeLine> {
        self.manifest.node(ordinal)
    }

    /// The key of an outside witness by its id.
    pub(crate) fn witness(&self, id: &str) -> Option<&VerifierKey> {
        let mut witnesses = self.manifest.witnesses.iter();
        witnesses
            .find(|witness| witness.id.as_str() == id)
            .map(|witness| &witness.key)
    }

    /// Whether a majority of the nodes has cosigned, and nobody's line is false.
    pub(crate) fn receipted(&self, signed: &SignedCheckpoint) -> bool {
        signed.checkpoint().origin == self.manifest.origin && self.receipt_policy.satisfied(signed)
    }

    /// How much the lines of a checkpoint that is [`Charter::receipted`] prove.
    pub(crate) fn grade(&self, signed: &SignedCheckpoint) -> Grade {
        let is_final = |policy: &Policy| policy.satisfied(signed);
        if self.final_policy.as_ref().is_some_and(is_final) {
            return Grade::Final;
        }
        let cosigned = self.nodes().iter().filter(|node| {
            signed.line_of(&node.cosigner).is_some_and(|line| {
                let checkpoint = signed.checkpoint();
                node.cosigner.verify_cosignature(checkpoint, line).is_some()
            })
        });
        if cosigned.count() >= self.manifest.final_quorum() {
            Grade::Strong
        } else {
            Grade::Receipt
        }
    }

    /// Whether this is a rehearsal, which every surface says.
    pub(crate) fn is_rehearsal(&self) -> bool {
        match self.manifest.kind {
            ElectionKind::Rehearsal => true,
            ElectionKind::Live => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use merkle::EMPTY_ROOT;
    use testkit::Fixture;

    use super::*;

    #[test]
    fn a_checkpoint_is_receipted_by_a_majority_of_the_manifests_nodes() {
        let fixture = Fixture::small();
        let charter = Charter::new(fixture.content.clone());
        let ordinals: Vec<u64> = charter.nodes().iter().map(|line| line.ordinal).collect();
        let signed = |nodes: &[u64]| fixture.checkpoint(TreeSize::new(7), EMPTY_ROOT, nodes);
        for count in 0..=ordinals.len() {
            let enough = count > ordinals.len() / 2;
            assert_eq!(
                charter.receipted(&signed(&ordinals[..count])),
                enough,
                "{count}"
            );
        }
        // All nodes are no outside witness.
        assert_eq!(charter.grade(&signed(&ordinals)), Grade::Strong);
        assert_eq!(charter.grade(&signed(&ordinals[..2])), Grade::Receipt);
    }
}

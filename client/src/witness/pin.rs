//! What a witness pins about the log it follows.

use note::{Checkpoint, Origin, SignedCheckpoint, VerifierKey};
use receipt::{Election, Manifest};
use witness::{NoWitness, Witness};

/// The judge of one log, and the keys that the log itself signs with.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// Decides.
    pub witness: Witness,
    /// The log's keys: what one of them signed, the log answers for.
    pub log_keys: Vec<VerifierKey>,
}

impl Pinned {
    /// Whether one of the log's keys signed this checkpoint.
    pub fn signed_by_log(&self, signed: &SignedCheckpoint) -> bool {
        let text = signed.checkpoint().text();
        self.log_keys.iter().any(|key| {
            let line = signed.line_of(key);
            line.is_some_and(|line| key.verifies(&text, line))
        })
    }
}

/// Whose rules hold for a checkpoint.
pub trait Pin: Send + Sync + 'static {
    /// The log that is followed.
    fn origin(&self) -> &Origin;
    /// The judge for this checkpoint; none for another log's.
    fn judge(&self, checkpoint: &Checkpoint) -> Option<Pinned>;
}

/// By the manifest in force at the checkpoint's size, so that one that changes the nodes is
/// followed.
impl Pin for Election {
    fn origin(&self) -> &Origin {
        &self.latest().manifest().origin
    }

    fn judge(&self, checkpoint: &Checkpoint) -> Option<Pinned> {
        if checkpoint.origin != *Pin::origin(self) {
            return None;
        }
        let version = self.in_force(&checkpoint.origin, checkpoint.size)?;
        pinned_by(version.manifest()).ok()
    }
}

/// The receipt policy of a manifest: any node's log key, and cosignatures of a majority of nodes.
pub fn pinned_by(manifest: &Manifest) -> Result<Pinned, NoWitness> {
    let log_keys: Vec<_> = manifest.nodes.iter().map(|node| node.log.clone()).collect();
    let cosigners = manifest.nodes.iter().map(|node| node.cosigner.clone());
    let witness = Witness::new(
        manifest.origin.clone(),
        log_keys.clone(),
        cosigners.collect(),
        manifest.receipt_quorum(),
    )?;
    Ok(Pinned { witness, log_keys })
}

//! Receipts from what this node holds: the leaf, its path, and the first published checkpoint that
//! covers it. Nothing is signed here; a receipt is put together from what was signed before.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use merkle::{LeafIndex, ProveError, TreeSize};
use receipt::{ReceiptLevel, UnverifiedReceipt};
use tokio::time::{Instant, timeout_at};

use crate::core::{Core, ReadError, Reader};

/// What this node can say about a leaf's receipt.
#[derive(Debug)]
pub(crate) enum Found {
    /// The `.tlog-proof` file.
    Receipt(Bytes),
    /// The leaf is here; no published checkpoint covers it yet.
    Pending,
    /// There is no such leaf on this node.
    Unknown,
}

/// The receipt of a leaf, if this node can make it now: with the first published checkpoint that
/// covers the leaf and proves as much as is asked for.
pub(crate) async fn find(
    core: &Arc<Core>,
    leaf: LeafIndex,
    level: ReceiptLevel,
    reader: Reader,
) -> Result<Found, ReadError> {
    core.read_as(reader, move |core, view| {
        let Some(entry) = view.leaf(leaf)? else {
            return Ok(Found::Unknown);
        };
        let covering = match level {
            ReceiptLevel::Receipt => core.checkpoints.covering(leaf),
            ReceiptLevel::Final => core.checkpoints.covering_final(leaf),
        };
        let covering = covering.unwrap_or_else(|error| {
            tracing::error!(%error, "the published checkpoints cannot be read");
            None
        });
        let Some(signed) = covering else {
            return Ok(Found::Pending);
        };
        let size = signed.checkpoint().size;
        if view.tree_size()? < size {
            return Ok(Found::Pending);
        }
        match view.inclusion(leaf, size) {
            Ok(proof) => {
                let receipt = UnverifiedReceipt::build(entry, leaf, proof, signed);
                Ok(Found::Receipt(receipt.to_bytes().into()))
            }
            Err(ProveError::Nodes(fault)) => Err(fault),
            // The leaf lies below the checkpoint's size, and the checkpoint below the tree's.
            Err(ProveError::NotInTree { .. } | ProveError::NotAnExtension { .. }) => {
                Ok(Found::Pending)
            }
        }
    })
    .await
}

/// The receipt of a leaf, waiting for it for at most `patience`; `None` when it is not there then.
pub(crate) async fn wait_for(
    core: &Arc<Core>,
    leaf: LeafIndex,
    patience: Duration,
) -> Result<Option<Bytes>, ReadError> {
    let deadline = Instant::now() + patience;
    let mut published = core.checkpoints.watch();
    let mut applied = core.replica.applied_watch();
    loop {
        published.mark_unchanged();
        let size = TreeSize::new(applied.borrow_and_update().tree_size);
        // The first checkpoint that covers the leaf, not the newest: under load a node may always
        // be a little behind the newest.
        if core
            .checkpoints
            .covering_size(leaf)
            .is_some_and(|covering| covering <= size)
            && let Found::Receipt(receipt) =
                find(core, leaf, ReceiptLevel::Receipt, Reader::Node).await?
        {
            return Ok(Some(receipt));
        }
        let news = async {
            tokio::select! {
                changed = published.changed() => changed.is_ok(),
                changed = applied.changed() => changed.is_ok(),
                () = core.downfall.known() => false,
            }
        };
        match timeout_at(deadline, news).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return Ok(None),
        }
    }
}

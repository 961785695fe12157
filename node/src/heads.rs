//! Signed heads that come from other nodes, weighed: compared with this node's tree and with every
//! other head heard lately, turned into evidence, and acted upon. Which of them contradict each
//! other, and where that leaves this node among the others, is decided in `witness::gossip`.

use std::sync::Arc;

use ledger::{Fault, Tables, View};
use merkle::TreeSize;
use note::{Checkpoint, SignedCheckpoint};
use witness::gossip::{Beginning, Comparison, Contradiction, Heard, Stand};

use crate::charter::Charter;
use crate::core::{Core, ReadError};

/// Weighs one head. `None` where it says nothing: of another log, or signed by no node in force at
/// its size.
pub(crate) async fn weigh(
    core: &Arc<Core>,
    head: SignedCheckpoint,
) -> Result<Option<Heard>, ReadError> {
    core.read(move |core, view| {
        let size = head.checkpoint().size;
        let charter = core.charters.at(view, size)?;
        // Leaves of a lost log that are being taken over have no head of this node's origin.
        let in_force = charter.filter(|charter| charter.manifest.origin == core.whoami.origin);
        let Some(charter) = in_force else {
            return Ok(None);
        };
        let own = own_head(core, view, size)?;
        let heard = core.hear_head(&charter.node_keys(), own.as_ref(), &head);
        if let Some(heard) = &heard {
            if heard.own == Some(Comparison::Differs)
                && let Some(found) = across(core, view, &charter, &head)?
            {
                core.convict(&charter.node_keys(), &found);
                keep(core, &charter, &found);
            }
            act(core, &charter, &head, heard);
        }
        Ok(heard)
    })
    .await
}

/// Weighs again the heads that were beyond this node's tree when they were heard.
pub(crate) async fn weigh_due(core: &Arc<Core>) -> Result<(), ReadError> {
    for head in core.due_heads() {
        weigh(core, head).await?;
    }
    Ok(())
}

/// What this node says about its own tree at `size`, as a signed note that can be shown to others:
/// by its log key, with the cosignatures published for it.
fn own_head<T: Tables>(
    core: &Core,
    view: &View<'_, T>,
    size: TreeSize,
) -> Result<Option<SignedCheckpoint>, Fault> {
    if size > view.tree_size()? {
        return Ok(None);
    }
    let Some(root) = view.root_at(size)? else {
        return Ok(None);
    };
    let checkpoint = Checkpoint {
        origin: core.whoami.origin.clone(),
        size,
        root,
    };
    let own_line = core.log_key.sign(&checkpoint.text());
    let published = core.checkpoints.of_size(size).unwrap_or_else(|error| {
        // The own line alone is evidence, too, of less weight.
        tracing::warn!(%error, "the published checkpoints cannot be read");
        None
    });
    let lines = published
        .filter(|published| *published.checkpoint() == checkpoint)
        .map(|published| published.lines().to_vec())
        .unwrap_or_default();
    let own = SignedCheckpoint::new(checkpoint, own_line);
    Ok(Some(
        lines.into_iter().fold(own, SignedCheckpoint::with_line),
    ))
}

/// A head of another tree, held against the newest published one that this node's tree has: who
/// signed both is named although the sizes differ.
fn across<T: Tables>(
    core: &Core,
    view: &View<'_, T>,
    charter: &Charter,
    head: &SignedCheckpoint,
) -> Result<Option<Contradiction>, Fault> {
    let (from, held) = (head.checkpoint().size, view.tree_size()?);
    let newest = core
        .checkpoints
        .newest_within(held)
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "the published checkpoints cannot be read");
            None
        });
    let Some(larger) = newest.filter(|newest| newest.checkpoint().size > from) else {
        return Ok(None);
    };
    let Some(root) = view.root_at(from)? else {
        return Ok(None);
    };
    // From the empty tree there is no proof, and nothing differs there.
    let Ok(proof) = view.consistency(from, larger.checkpoint().size) else {
        return Ok(None);
    };
    let keys: Vec<_> = charter
        .node_keys()
        .into_iter()
        .flat_map(|node| [node.log, node.cosigner])
        .collect();
    let beginning = Beginning { root, proof };
    Ok(Contradiction::across(&keys, head, beginning, &larger))
}

fn keep(core: &Core, charter: &Charter, found: &Contradiction) {
    let about = about(charter, found);
    core.evidence.keep("split-view", &about, &found.to_text());
}

fn act(core: &Core, charter: &Charter, head: &SignedCheckpoint, heard: &Heard) {
    let size = head.checkpoint().size;
    if let Some(found) = &heard.contradiction {
        keep(core, charter, found);
    }
    let own = charter.node_keys();
    let own = own.iter().find(|node| node.ordinal == core.whoami.ordinal);
    if own.is_some_and(|own| core.is_equivocator(own)) {
        core.stop_cosigning("this node's own key has signed two histories: it is in other hands");
    }
    if heard.own != Some(Comparison::Differs) {
        return;
    }
    core.metrics.root_mismatch.increment();
    if heard.contradiction.is_none() {
        // This node is not in the manifest, so its own word proves nothing to others.
        let note = head.to_bytes();
        let text = String::from_utf8_lossy(&note);
        core.evidence.keep("other-root", &size.to_string(), &text);
    }
    if charter.receipted(head) {
        // A majority has signed another root than this node computes: this node is wrong, or a
        // majority of the keys is in wrong hands. No majority can be on its side as well, unless
        // keys signed both, and those do not count. Either way it signs nothing more.
        core.stop_cosigning("a majority has cosigned another root than this node computes");
    } else if core.stand(charter.nodes().len()) == Stand::Outvoted {
        core.stop_cosigning("a majority of the nodes holds another tree than this one");
    }
}

/// The size, and who signed both: `40-n1`.
fn about(charter: &Charter, found: &Contradiction) -> String {
    let signers = found.double_signers();
    let both = charter
        .nodes()
        .iter()
        .filter(|line| signers.contains(&line.log) || signers.contains(&line.cosigner));
    both.fold(found.size().to_string(), |about, line| {
        format!("{about}-{}", line.id)
    })
}

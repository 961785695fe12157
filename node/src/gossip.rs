//! What nodes tell each other past the leader: the tree head each signed last, the newest
//! published checkpoint, digests of the state, and the time. A leader that shows two nodes two
//! histories is found out here.

use std::sync::Arc;

use bytes::Bytes;
use ledger::Fault;
use merkle::{Hash, TreeSize};
use note::{SignedCheckpoint, UnixSeconds};
use proto::raft::{Digests, GossipRequest, GossipResponse};
use witness::gossip::{Comparison, Stand};

use crate::charter::Charter;
use crate::checkpoints::{KeepError, Kept};
use crate::core::{Core, ReadError};
use crate::heads;

/// What this node tells a peer.
pub(crate) async fn request(core: &Arc<Core>) -> Result<GossipRequest, ReadError> {
    let heads = own_heads(core);
    Ok(GossipRequest {
        signed: heads.signed,
        published: heads.published,
        completed: heads.completed,
        digests: Some(digests(core).await?),
        clock_unix_seconds: core.clock.seconds().get(),
    })
}

/// Compares what a peer told with what this node knows, and tells it this node's heads and digests.
pub(crate) async fn answer(
    core: &Arc<Core>,
    from: u64,
    request: GossipRequest,
) -> Result<GossipResponse, ReadError> {
    core.hear_clock(from, UnixSeconds::new(request.clock_unix_seconds));
    let heads = Heads {
        signed: request.signed,
        published: request.published,
        completed: request.completed,
    };
    compare(core, from, heads, request.digests).await?;
    let heads = own_heads(core);
    Ok(GossipResponse {
        digests: Some(digests(core).await?),
        clock_unix_seconds: core.clock.seconds().get(),
        signed: heads.signed,
        published: heads.published,
        completed: heads.completed,
    })
}

/// Compares what a peer answered.
pub(crate) async fn hear(
    core: &Arc<Core>,
    from: u64,
    response: GossipResponse,
) -> Result<(), ReadError> {
    core.hear_clock(from, UnixSeconds::new(response.clock_unix_seconds));
    let heads = Heads {
        signed: response.signed,
        published: response.published,
        completed: response.completed,
    };
    compare(core, from, heads, response.digests).await
}

/// The heads that nodes tell each other, as checkpoints with their lines; empty where there is none.
struct Heads {
    /// The one that the node signed last.
    signed: Bytes,
    /// The newest published one that it knows.
    published: Bytes,
    /// The newest final one: it gained its last line when larger ones were published already.
    completed: Bytes,
}

fn own_heads(core: &Core) -> Heads {
    let bytes = |signed: &SignedCheckpoint| Bytes::from(signed.to_bytes());
    let signed = core.cosigner.last_signed();
    let signed = signed.map(|(checkpoint, line)| SignedCheckpoint::new(checkpoint, line));
    let published = core.checkpoints.newest();
    let completed = core.checkpoints.newest_final().unwrap_or_else(|error| {
        tracing::warn!(%error, "the published checkpoints cannot be read");
        None
    });
    Heads {
        signed: signed.as_ref().map(bytes).unwrap_or_default(),
        published: published.as_deref().map(bytes).unwrap_or_default(),
        completed: completed.as_ref().map(bytes).unwrap_or_default(),
    }
}

/// Compares a peer's heads and its digests.
async fn compare(
    core: &Arc<Core>,
    from: u64,
    heads: Heads,
    theirs: Option<Digests>,
) -> Result<(), ReadError> {
    heads::weigh_due(core).await?;
    for published in [&heads.completed, &heads.published] {
        if !published.is_empty() {
            learn_published(core, from, published).await?;
        }
    }
    let mut found = compare_digests(core, theirs.as_ref()).await?;
    found = worse(found, compare_signed(core, from, &heads.signed).await?);
    conclude(core, from, found).await
}

/// Keeps a published checkpoint that another node has, once it is shown to be one.
pub(crate) async fn learn_published(
    core: &Arc<Core>,
    from: u64,
    bytes: &Bytes,
) -> Result<(), ReadError> {
    let Ok(signed) = SignedCheckpoint::parse(bytes) else {
        tracing::warn!(peer = from, "a peer published what is not a checkpoint");
        return Ok(());
    };
    let size = signed.checkpoint().size;
    let known = core.checkpoints.of_size(size).unwrap_or_default();
    if known.is_some_and(|known| known == signed) {
        return Ok(());
    }
    let Some(charter) = core.charter(size).await? else {
        return Ok(());
    };
    if !charter.receipted(&signed) {
        tracing::warn!(
            peer = from,
            "a peer published a checkpoint that too few have cosigned"
        );
        return Ok(());
    }
    if let Some(remembered) = forgotten(core, &signed) {
        let reason =
            format!("it has signed a tree of {size} leaves and remembers one of {remembered}");
        core.stop_cosigning(&reason);
        core.downfall.set(core.admitted.shut_out(&reason));
        return Ok(());
    }
    let own = own_root(core, size).await?;
    if own != Some(signed.checkpoint().root) {
        // Either it differs, or this node's tree has not reached that size and the head is
        // compared when it does.
        heads::weigh(core, signed.clone()).await?;
    }
    if own.is_none_or(|own| own == signed.checkpoint().root) {
        keep(core, &charter, signed).await;
    }
    Ok(())
}

/// What this node remembers to have signed, where a checkpoint bears its signature for a larger
/// tree. It writes down what it signs before it signs it, so its directory is an old copy.
fn forgotten(core: &Core, signed: &SignedCheckpoint) -> Option<TreeSize> {
    let checkpoint = signed.checkpoint();
    let key = core.cosigner.verifier();
    let line = signed.line_of(key)?;
    key.verify_cosignature(checkpoint, line)?;
    let remembered = core.cosigner.last_signed();
    let remembered = remembered.map_or(TreeSize::ZERO, |(last, _)| last.size);
    (remembered < checkpoint.size).then_some(remembered)
}

/// Keeps a checkpoint that satisfies the receipt policy, and reports whether it was news.
pub(crate) async fn keep(
    core: &Arc<Core>,
    charter: &Arc<Charter>,
    signed: SignedCheckpoint,
) -> bool {
    let (core_too, charter, offered) = (Arc::clone(core), Arc::clone(charter), signed.clone());
    let keeping = tokio::task::spawn_blocking(move || {
        let checkpoints = &core_too.checkpoints;
        checkpoints.keep(offered, |merged| charter.grade(merged))
    });
    match keeping.await {
        Ok(Ok(Kept::Added)) => {
            core.note_published();
            true
        }
        Ok(Ok(Kept::Known)) => false,
        Ok(Err(KeepError::Contradiction { size })) => {
            contradicts(core, size, signed).await;
            core.stop_cosigning("two checkpoints of one size with different roots are published");
            false
        }
        Ok(Err(error @ KeepError::Disk(_))) => {
            tracing::error!(%error, "a published checkpoint is not on disk");
            core.disk_failed(&error);
            false
        }
        Err(_cut_short) => false,
    }
}

/// Holds a checkpoint against the one that was published of its size before.
async fn contradicts(core: &Arc<Core>, size: TreeSize, signed: SignedCheckpoint) {
    core.metrics.root_mismatch.increment();
    match core.checkpoints.of_size(size) {
        Ok(known) => {
            for head in known.into_iter().chain([signed]) {
                // What could not be read here ends the node elsewhere.
                drop(heads::weigh(core, head).await);
            }
        }
        Err(error) => tracing::error!(%error, "the published checkpoints cannot be read"),
    }
}

async fn digests(core: &Arc<Core>) -> Result<Digests, ReadError> {
    core.read(|core, view| {
        let applied = core.replica.applied_watch();
        let before = *applied.borrow();
        let size = view.tree_size()?;
        let digest = view.leaf_digest(size)?;
        let side = view.side_digest()?;
        // The state was read at one moment; its log position is known only when nothing was
        // applied around it.
        let position = before.log_index.filter(|_| before.tree_size == size.get());
        let steady = position.filter(|_| *applied.borrow() == before);
        Ok(Digests {
            tree_size: size.get(),
            leaf_digest: digest
                .map(|digest| digest.as_bytes().to_vec())
                .unwrap_or_default()
                .into(),
            log_index: steady.unwrap_or_default(),
            side_digest: if steady.is_some() {
                side.as_bytes().to_vec().into()
            } else {
                Bytes::new()
            },
        })
    })
    .await
}

/// Compares at equal positions; `None` when there is none.
async fn compare_digests(
    core: &Arc<Core>,
    theirs: Option<&Digests>,
) -> Result<Option<Comparison>, ReadError> {
    let Some(theirs) = theirs else {
        return Ok(None);
    };
    let size = TreeSize::new(theirs.tree_size);
    let leaf = Hash::from_slice(&theirs.leaf_digest);
    let at_size = core.read(move |_, view| {
        if size > view.tree_size()? {
            Ok(None)
        } else {
            view.leaf_digest(size)
        }
    });
    let mut found = compared(leaf, at_size.await?);
    let own = digests(core).await?;
    if own.log_index == theirs.log_index {
        let (own, theirs) = (
            Hash::from_slice(&own.side_digest),
            Hash::from_slice(&theirs.side_digest),
        );
        found = worse(found, compared(own, theirs));
    }
    if found == Some(Comparison::Differs) {
        core.metrics.state_mismatch.increment();
    }
    Ok(found)
}

async fn compare_signed(
    core: &Arc<Core>,
    from: u64,
    bytes: &Bytes,
) -> Result<Option<Comparison>, ReadError> {
    let Ok(signed) = SignedCheckpoint::parse(bytes) else {
        return Ok(None);
    };
    let size = signed.checkpoint().size;
    let Some(charter) = core.charter(size).await? else {
        return Ok(None);
    };
    if !is_signed_by(&charter, from, &signed) {
        tracing::warn!(
            peer = from,
            "a peer gossips a tree head that it has not signed"
        );
        return Ok(None);
    }
    let heard = heads::weigh(core, signed).await?;
    Ok(heard.and_then(|heard| heard.own))
}

fn is_signed_by(charter: &Charter, from: u64, signed: &SignedCheckpoint) -> bool {
    charter.node(from).is_some_and(|line| {
        signed.line_of(&line.cosigner).is_some_and(|cosignature| {
            line.cosigner
                .verify_cosignature(signed.checkpoint(), cosignature)
                .is_some()
        })
    })
}

async fn own_root(core: &Arc<Core>, size: TreeSize) -> Result<Option<Hash>, ReadError> {
    core.read(move |_, view| -> Result<Option<Hash>, Fault> {
        if size > view.tree_size()? {
            Ok(None)
        } else {
            view.root_at(size)
        }
    })
    .await
}

fn compared(own: Option<Hash>, theirs: Option<Hash>) -> Option<Comparison> {
    let equal = own? == theirs?;
    Some(if equal {
        Comparison::Agrees
    } else {
        Comparison::Differs
    })
}

fn worse(one: Option<Comparison>, other: Option<Comparison>) -> Option<Comparison> {
    match (one, other) {
        (Some(Comparison::Differs), _) | (_, Some(Comparison::Differs)) => {
            Some(Comparison::Differs)
        }
        (Some(Comparison::Agrees), _) | (_, Some(Comparison::Agrees)) => Some(Comparison::Agrees),
        (None, None) => None,
    }
}

/// Takes note of a comparison; stops cosigning when a majority speaks against this node.
async fn conclude(core: &Arc<Core>, from: u64, found: Option<Comparison>) -> Result<(), ReadError> {
    let Some(found) = found else { return Ok(()) };
    core.compare(from, found);
    let Some(charter) = core.charter_now().await? else {
        return Ok(());
    };
    match (found, core.stand(charter.nodes().len())) {
        (Comparison::Differs, Stand::Outvoted) => {
            core.stop_cosigning("a majority of the nodes holds another state than this one");
        }
        (Comparison::Differs, Stand::InDoubt | Stand::Sound) => {
            tracing::error!(peer = from, "a peer holds another state than this node");
        }
        (Comparison::Agrees, _) => {}
    }
    Ok(())
}

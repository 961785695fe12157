//! A state that ends before its log begins, and the snapshot that takes its place.
//!
//! A damaged state is set aside and made again from the log. Where the log no longer goes back to
//! its first entry, what it has dropped comes as a snapshot from another member, before the node
//! takes part in consensus. Its log and its vote stay as they are, so it has forgotten nothing that
//! it promised: it may vote, and whatever it acknowledged is still on its disk.
//!
//! Whom to ask is a fact that the log keeps beside its records, since the membership itself went
//! with the state and may be behind where the log begins.

use std::sync::Arc;

use openraft::async_runtime::WatchReceiver;
use tokio::time::timeout;

use proto::raft;

use crate::config::ReplicaConfig;
use crate::error::{Error, Refused};
use crate::machine;
use crate::membership::PeerNode;
use crate::seams::{Fact, Lane, Log, Lost, Peer, State, Transport};
use crate::snapshot;
use crate::trace::Event;
use crate::types::{LogId, Raft};
use crate::wire;

/// Fetches a snapshot from another member where `state` ends before `log` begins, and installs it:
/// answers which node gave it, or `None` where nothing is missing. To be called before
/// [`Replica::start`](crate::Replica::start), on what that is then given.
///
/// # Errors
///
/// [`Error::Unavailable`] when none of the members gave one; the log lines say why. Nothing has
/// changed, and it can be tried again. [`Error::Invalid`] when the log does not name the members,
/// [`Error::Fatal`] when this node's own disk failed.
pub async fn fetch_missing_state<L: Log, S: State, T: Transport>(
    config: &ReplicaConfig,
    log: &L,
    state: &Arc<S>,
    transport: &T,
) -> Result<Option<u64>, Error> {
    let Some(reach) = missing(log, &**state)? else {
        return Ok(None);
    };
    let members = log.fact(Fact::Members).map_err(Error::fatal)?;
    let members = members.ok_or_else(|| Error::Invalid {
        what: format!(
            "it ends before the log begins, which is after index {}, and the log names no members \
             to fetch a snapshot from",
            reach.index
        ),
    })?;
    let members = wire::members_from_bytes(members).map_err(Error::fatal)?;
    let others = members
        .nodes()
        .filter(|(ordinal, _)| **ordinal != config.ordinal);
    for (ordinal, node) in others {
        let peer = transport.peer(*ordinal, node, Lane::Bulk);
        match fetch(config, log, state, &peer, reach).await {
            Ok(last) => {
                tracing::info!(from = ordinal, index = last.index, "a snapshot was fetched");
                return Ok(Some(*ordinal));
            }
            Err(Failed::Peer(why)) => not_from(*ordinal, node, &why),
            Err(Failed::Here(error)) => return Err(error),
        }
    }
    Err(Error::Unavailable {
        what: "no other member gave a snapshot",
    })
}

fn not_from(peer: u64, node: &PeerNode, why: &str) {
    let address = &node.peer_address;
    tracing::warn!(peer, address, why, "no snapshot from this member");
}

/// The last entry that the log has dropped, where the state does not hold it.
pub(crate) fn missing<L: Log, S: State>(log: &L, state: &S) -> Result<Option<LogId>, Error> {
    let bounds = log.bounds().map_err(Error::fatal)?;
    let purged = bounds.purged.map(wire::log_id_from_bytes).transpose();
    let purged = purged.map_err(Error::fatal)?;
    let applied = machine::position(state).map_err(Error::fatal)?.last_log_id;
    let applied = applied.map(|applied| applied.index);
    Ok(purged.filter(|purged| applied < Some(purged.index)))
}

/// Why one member's snapshot is not here.
enum Failed {
    /// It gave none, or none that can be used.
    Peer(String),
    /// This node cannot go on.
    Here(Error),
}

impl From<Lost> for Failed {
    fn from(lost: Lost) -> Self {
        Self::Peer(lost.to_string())
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Peer(refused.to_string())
    }
}

async fn fetch<L: Log, S: State>(
    config: &ReplicaConfig,
    log: &L,
    state: &Arc<S>,
    peer: &impl Peer,
    reach: LogId,
) -> Result<LogId, Failed> {
    let request = raft::FetchSnapshotRequest { reach: reach.index };
    let receiving = async {
        let frames = peer.fetch_snapshot(request).await?;
        let check = |header| snapshot::check_fetched(header, reach);
        let received = snapshot::receive(Arc::clone(state), config.workplace, frames, check);
        Ok::<_, Failed>(received.await?)
    };
    let received = timeout(config.snapshot_deadline, receiving)
        .await
        .unwrap_or_else(|_| Err(Failed::Peer("it took too long".to_owned())))?;
    let (last, image) = (received.header, received.image);
    drop_contradicted(config, log, last)
        .await
        .map_err(|error| Failed::Here(Error::fatal(error)))?;
    let state = Arc::clone(state);
    let installing = config.workplace.run(move || state.install(image));
    installing
        .await
        .map_err(|error| Failed::Here(Error::fatal(error)))?;
    Ok(last)
}

/// Drops the end of the log where another entry than `last`, which is committed, stands in its
/// place. Before the snapshot is installed: a state and a log that contradict each other would not
/// start, and what is dropped here was never committed.
async fn drop_contradicted<L: Log>(
    config: &ReplicaConfig,
    log: &L,
    last: LogId,
) -> std::io::Result<()> {
    let place = last.index..last.index.saturating_add(1);
    let found = log.read(place, usize::MAX).await?;
    let Some(record) = found.into_iter().next() else {
        return Ok(());
    };
    let entry = wire::entry_from_bytes(record.bytes).map_err(std::io::Error::other)?;
    if entry.log_id == last {
        return Ok(());
    }
    let stays = last.index.checked_sub(1);
    log.truncate_after(stays).await?;
    config.observer.happened(&Event::Truncated { index: stays });
    Ok(())
}

/// Keeps the members in the log whenever they change, for a start without a state.
pub(crate) async fn remember_members<S: State, L: Log>(raft: Raft<S>, log: Arc<L>) {
    let mut metrics = raft.metrics();
    let mut seen = None;
    let mut kept = log.fact(Fact::Members).ok().flatten();
    loop {
        let changed = {
            let metrics = metrics.borrow_watched();
            let current = &metrics.membership_config;
            let new = *current.log_id() != seen;
            seen = *current.log_id();
            new.then(|| wire::members_to_bytes(current.membership()))
        };
        if let Some(members) = changed
            && kept.as_ref() != Some(&members)
        {
            // A log that cannot be written ends the node, and says so itself.
            if log.save(Fact::Members, members.clone()).await.is_err() {
                return;
            }
            kept = Some(members);
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;

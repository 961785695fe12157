//! What the node observes of itself: figures for the metrics, and the conditions that close the
//! door to submissions.

use std::sync::Arc;

use replica::{ReplicaStatus, Role};
use telemetry::Standing;

use crate::core::Core;

/// A voter that has not answered the leader for this long does not count as present: several
/// heartbeats and an election.
const SILENT_MS: u64 = 1_000;

/// Sets every gauge from the state of things now.
pub(crate) async fn measure(core: &Arc<Core>) {
    let status = core.replica.status();
    consensus(core, &status);
    let free = core.directory.space().map_or(0, |space| space.free_bytes);
    core.metrics.store_free.set(free);
    let applied = core.applied_size().get();
    let published = core.checkpoints.newest_size().get();
    core.metrics.tree_size.set(applied);
    core.metrics
        .checkpoint_size
        .set(telemetry::Level::Receipt, published);
    let finals = core.checkpoints.newest_final_size().get();
    core.metrics
        .checkpoint_size
        .set(telemetry::Level::Final, finals);
    core.metrics
        .receipts_pending
        .set(applied.saturating_sub(published));
    core.metrics.checkpoint_age.set(core.checkpoint_age());
    core.metrics
        .cosigning_stopped
        .set(u64::from(core.cosigner.stopped().is_some()));
    let counted = core.read(|core, view| {
        let units = view.units()?.len();
        let charter = core.charters.at(view, view.tree_size()?)?;
        Ok((
            view.counts()?,
            u64::try_from(units).unwrap_or(u64::MAX),
            charter,
        ))
    });
    if let Ok((counts, units, charter)) = counted.await {
        let received = counts
            .reported
            .saturating_sub(counts.verified)
            .saturating_sub(counts.held);
        let figures = [
            (Standing::Silent, units.saturating_sub(counts.reported)),
            (Standing::Received, received),
            (Standing::Verified, counts.verified),
            (Standing::Held, counts.held),
        ];
        for (standing, figure) in figures {
            core.metrics.units.set(standing, figure);
        }
        if let Some(charter) = charter {
            let kind = if charter.is_rehearsal() {
                "rehearsal"
            } else {
                "live"
            };
            core.metrics
                .election_info
                .set_pair(&core.whoami.election, kind, 1);
        }
    }
}

/// Tells admission how things stand.
pub(crate) fn observe_conditions(core: &Core) {
    let status = core.replica.watch();
    let status = status.borrow();
    let committed = status.committed.unwrap_or_default();
    let backlog = committed.saturating_sub(status.applied.unwrap_or_default());
    drop(status);
    // A disk that cannot be asked is treated as full: the next write would find out the hard way.
    let free = core.directory.space().map_or(0, |space| space.free_bytes);
    core.admission.observe(backlog, free);
}

fn consensus(core: &Core, status: &ReplicaStatus) {
    let metrics = &core.metrics;
    let leads = status.role == Role::Leader;
    metrics.raft_has_leader.set(u64::from(core.has_leader()));
    metrics.raft_is_leader.set(u64::from(leads));
    metrics.raft_term.set(status.term);
    metrics
        .raft_last_log_index
        .set(status.last_log.unwrap_or_default());
    metrics
        .raft_committed_index
        .set(status.committed.unwrap_or_default());
    metrics
        .raft_applied_index
        .set(status.applied.unwrap_or_default());
    metrics
        .raft_snapshot_index
        .set(status.snapshot.unwrap_or_default());
    metrics
        .raft_purged_index
        .set(status.purged.unwrap_or_default());
    let ack = status
        .quorum_ack_ms_ago
        .filter(|_| leads)
        .unwrap_or_default();
    metrics
        .raft_quorum_ack_age
        .set(std::time::Duration::from_millis(ack));
    metrics
        .quorum_margin
        .set_signed(quorum_margin(status, core.has_leader()));
    for (peer, node) in core.others() {
        let lag = if leads { lag(status, peer) } else { 0 };
        let lag = i64::try_from(lag).unwrap_or(i64::MAX);
        metrics.raft_replication_lag.set(&node.name, lag);
    }
}

fn lag(status: &ReplicaStatus, peer: u64) -> u64 {
    let has = status
        .matched
        .get(&peer)
        .copied()
        .flatten()
        .map_or(0, |index| index.saturating_add(1));
    let ends = status.last_log.map_or(0, |index| index.saturating_add(1));
    ends.saturating_sub(has)
}

/// Voters present beyond the majority, as the leader sees it. Another node knows only whether
/// it is `led`, which takes a majority: it says 0 then, and -1 otherwise.
fn quorum_margin(status: &ReplicaStatus, led: bool) -> i64 {
    let voters = status.members.voters.len();
    if status.role != Role::Leader {
        return if led { 0 } else { -1 };
    }
    let present = |voter: &&u64| {
        **voter == status.ordinal
            || status
                .answered_ms_ago
                .get(*voter)
                .copied()
                .flatten()
                .is_some_and(|ago| ago <= SILENT_MS)
    };
    let present = status.members.voters.iter().filter(present).count();
    let majority = voters / 2 + 1;
    i64::try_from(present)
        .unwrap_or(i64::MAX)
        .saturating_sub(i64::try_from(majority).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use replica::Members;

    use super::*;

    fn leader_of_three(answered_ms_ago: [(u64, Option<u64>); 2]) -> ReplicaStatus {
        ReplicaStatus {
            ordinal: 1,
            leader: Some(1),
            role: Role::Leader,
            term: 2,
            last_log: Some(9),
            committed: Some(9),
            applied: Some(9),
            snapshot: None,
            purged: None,
            members: Members {
                voters: [1, 2, 3].into(),
                nodes: BTreeMap::new(),
            },
            membership_index: Some(1),
            joint: false,
            matched: BTreeMap::from([(2, Some(9)), (3, Some(4))]),
            quorum_ack_ms_ago: Some(3),
            answered_ms_ago: answered_ms_ago.into(),
            failure: None,
        }
    }

    #[test]
    fn the_margin_is_how_many_nodes_may_still_be_lost() {
        for (answered, expected) in [
            ([(2, Some(5)), (3, Some(9))], 1),
            ([(2, Some(5)), (3, Some(60_000))], 0),
            ([(2, None), (3, Some(60_000))], -1),
        ] {
            assert_eq!(quorum_margin(&leader_of_three(answered), true), expected);
        }
    }

    #[test]
    fn lag_counts_the_entries_a_member_lacks() {
        let status = leader_of_three([(2, Some(5)), (3, Some(5))]);
        assert_eq!((lag(&status, 2), lag(&status, 3)), (0, 5));
        assert_eq!(lag(&status, 4), 10);
    }
}

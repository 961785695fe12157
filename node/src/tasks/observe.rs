//! The node's own eye: changes of leader, the door's conditions, health, and whether this node is
//! the one that the manifest means.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::StartError;
use crate::core::Core;
use crate::{grpc, membership, readiness, watchman};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// Looks until told to stop.
pub(crate) async fn run(core: Arc<Core>, health: HealthReporter, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = false;
    loop {
        let look = async {
            tick.tick().await;
            watchman::observe_conditions(&core);
            let checks = readiness::checks(&core).await;
            grpc::tell_health(&health, readiness::passed(&checks)).await;
            core.note_checks(checks);
            known || know_thyself(&core).await
        };
        tokio::select! {
            found = look => known = found,
            () = stopping.cancelled() => return,
        }
    }
}

/// Counts changes of leader until told to stop.
pub(crate) async fn leaders(core: Arc<Core>, stopping: CancellationToken) {
    let mut status = core.replica.watch();
    let mut last = status.borrow_and_update().leader;
    loop {
        tokio::select! {
            changed = status.changed() => if changed.is_err() {
                let what = "consensus ended by itself".to_owned();
                let why = core.why_stopped(&replica::Error::Fatal { what });
                return core.downfall.set(why);
            },
            () = stopping.cancelled() => return,
        }
        let (leader, term) = {
            let status = status.borrow_and_update();
            (status.leader, status.term)
        };
        if leader == last {
            continue;
        }
        if leader.is_some() {
            core.metrics.raft_leader_changes.increment();
        }
        last = leader;
        tracing::info!(
            leader = leader.unwrap_or_default(),
            term,
            "leadership changed"
        );
    }
}

/// Whether the members have this node with this data directory, if they have it at all.
fn is_the_member(core: &Core) -> Result<(), StartError> {
    let own = core.incarnation.to_string();
    let status = core.replica.watch();
    let status = status.borrow();
    match status.members.nodes.get(&core.whoami.ordinal) {
        Some(node) if node.incarnation != own => Err(StartError::Identity {
            what: format!(
                "the members have this node with data directory `{}`, and this is {own}",
                node.incarnation
            ),
            advice: "put the directory back that belongs to this node, or replace the node with \
                     `tally cluster replace`",
        }),
        Some(_) | None => Ok(()),
    }
}

/// Once there is a manifest, this node is checked against its line; true when that is done.
async fn know_thyself(core: &Arc<Core>) -> bool {
    let Ok(Some(charter)) = core.charter_now().await else {
        return false;
    };
    if charter.manifest.origin != core.whoami.origin {
        // The leaves of a lost log are being taken over; this node's line comes after them.
        return false;
    }
    if let Err(error) = is_the_member(core) {
        core.downfall.set(error);
        return true;
    }
    match membership::check_own_line(&core.whoami, &core.keys(), &charter.manifest) {
        Ok(()) => {
            let kind = if charter.is_rehearsal() {
                "REHEARSAL"
            } else {
                "live"
            };
            tracing::info!(
                election = core.whoami.election,
                kind,
                "the election is known"
            );
        }
        Err(error) => core.downfall.set(error),
    }
    true
}

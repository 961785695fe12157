//! Every second this node compares notes with each other node, without the leader's help.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::gossip;

/// Between two rounds. A split view is noticed within two of them.
const PERIOD: Duration = Duration::from_secs(1);

/// Gossips until told to stop.
pub(crate) async fn run(core: Arc<Core>, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = async {
            tick.tick().await;
            round(&core).await;
        };
        tokio::select! {
            () = next => {}
            () = stopping.cancelled() => return,
        }
    }
}

async fn round(core: &Arc<Core>) {
    let Ok(request) = gossip::request(core).await else {
        return;
    };
    let mut asked = JoinSet::new();
    for (peer, _) in core.others() {
        let (core, request) = (Arc::clone(core), request.clone());
        asked.spawn(async move {
            match core.peers.gossip(peer, request).await {
                // What could not be read here ends the node elsewhere.
                Ok(response) => drop(gossip::hear(&core, peer, response).await),
                Err(error) => tracing::debug!(peer, error, "a peer does not gossip"),
            }
        });
    }
    // Each question has a deadline below the period.
    while asked.join_next().await.is_some() {}
}

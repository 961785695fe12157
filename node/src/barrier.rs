//! Reading what the whole cluster has recorded, not only what this node happens to know: on the
//! leader a majority confirms that it still leads; another node waits until it has applied what
//! the leader had committed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::core::Core;

/// How long a read waits for the cluster: beyond it a page had better show older figures that say
/// so.
const PATIENCE: Duration = Duration::from_secs(1);

/// Returns once this node shows everything that was recorded anywhere before the call.
pub(crate) async fn pass(core: &Arc<Core>) -> Result<(), replica::Error> {
    match timeout(PATIENCE, cross(core)).await {
        Ok(crossed) => crossed.inspect(|()| core.note_confirmed()),
        Err(_elapsed) => Err(replica::Error::Unavailable {
            what: "no leader confirmed the state within a second",
        }),
    }
}

async fn cross(core: &Arc<Core>) -> Result<(), replica::Error> {
    match core.replica.read_barrier().await {
        Err(replica::Error::NotLeader { hint: Some(leader) }) => {
            let index = core.peers.read_index(leader).await?;
            let mut applied = core.replica.applied_watch();
            let reached = applied
                .wait_for(|progress| progress.log_index >= Some(index))
                .await;
            reached.map(drop).map_err(|_ended| replica::Error::Fatal {
                what: "consensus has ended".to_owned(),
            })
        }
        crossed => crossed,
    }
}

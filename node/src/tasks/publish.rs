//! The leader gives every other node the newest published checkpoint, so that each can hand out
//! receipts. A node that is slow or away gets the newest when it answers again, not all it missed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use note::SignedCheckpoint;
use replica::Role;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::core::Core;

/// Before a node that did not take a checkpoint is offered one again.
const RETRY: Duration = Duration::from_millis(200);

/// Publishes until told to stop.
pub(crate) async fn run(core: Arc<Core>, stopping: CancellationToken) {
    let mut newest = core.checkpoints.watch();
    let mut status = core.replica.watch();
    let mut board = Board::default();
    loop {
        let checkpoint = newest.borrow_and_update().clone();
        if status.borrow_and_update().role == Role::Leader
            && let Some(checkpoint) = checkpoint
        {
            board.offer(&core, &checkpoint);
        }
        tokio::select! {
            changed = newest.changed() => if changed.is_err() { return },
            changed = status.changed() => if changed.is_err() { return },
            Some(done) = board.sending.join_next() => board.sent(done),
            () = stopping.cancelled() => return,
        }
    }
}

/// What each node has, and what is on its way: at most one checkpoint a node.
#[derive(Default)]
struct Board {
    sending: JoinSet<(u64, Option<Arc<SignedCheckpoint>>)>,
    nodes: BTreeMap<u64, Delivery>,
}

enum Delivery {
    UnderWay,
    Has(Option<Arc<SignedCheckpoint>>),
}

impl Board {
    fn offer(&mut self, core: &Arc<Core>, checkpoint: &Arc<SignedCheckpoint>) {
        for (peer, _) in core.others() {
            match self.nodes.get(&peer) {
                Some(Delivery::UnderWay) => continue,
                Some(Delivery::Has(Some(has))) if has == checkpoint => continue,
                Some(Delivery::Has(_)) | None => {}
            }
            self.nodes.insert(peer, Delivery::UnderWay);
            let (core, checkpoint) = (Arc::clone(core), Arc::clone(checkpoint));
            self.sending.spawn(async move {
                let bytes = checkpoint.to_bytes().into();
                if core.peers.publish(peer, bytes).await.is_ok() {
                    return (peer, Some(checkpoint));
                }
                tokio::time::sleep(RETRY).await;
                (peer, None)
            });
        }
    }

    fn sent(&mut self, done: Result<(u64, Option<Arc<SignedCheckpoint>>), tokio::task::JoinError>) {
        if let Ok((peer, has)) = done {
            self.nodes.insert(peer, Delivery::Has(has));
        }
    }
}

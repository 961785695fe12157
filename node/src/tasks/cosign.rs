//! The rounds of a leader: one at a time, each for the tree as it stands, published as soon as a
//! majority has cosigned. While a round is under way new leaves gather, and the next round takes
//! them all: no timer, and a signature costs the same however many submissions it covers.

use std::sync::Arc;
use std::time::Duration;

use merkle::TreeSize;
use note::{Checkpoint, SignedCheckpoint, VerifierKey};
use proto::raft::cosign_response::Refusal;
use replica::Role;
use telemetry::CosignResult;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use witness::gate::Asked;

use crate::charter::Charter;
use crate::core::{Core, ReadError};
use crate::cosigning::{self, Said};
use crate::gossip;

/// Before a round that found no majority is tried again.
const PAUSE: Duration = Duration::from_millis(25);

/// Before the newest tree is asked about again when nothing new is to be signed.
const COMPLETION: Duration = Duration::from_secs(2);

/// A node's answer: its ordinal, its name, its key, and what it said.
type Reply = (String, VerifierKey, Result<Said, String>);

/// Rounds that are published already and wait for the lines of more nodes, at most. Each ends by
/// itself, because every question has a deadline.
const LATE_ROUNDS: usize = 16;

/// Runs rounds until told to stop.
pub(crate) async fn run(core: Arc<Core>, stopping: CancellationToken) {
    let mut applied = core.replica.applied_watch();
    let mut status = core.replica.watch();
    let mut late = JoinSet::new();
    // A moment, not a pause: the status changes with every heartbeat, and each change begins anew.
    let mut completion = Instant::now() + COMPLETION;
    loop {
        let leads = status.borrow_and_update().role == Role::Leader;
        let size = TreeSize::new(applied.borrow_and_update().tree_size);
        if leads && size > core.checkpoints.newest_size() {
            let published = match Round::start(&core, size).await {
                Ok(Some(round)) => round.gather(&core).await,
                Ok(None) => None,
                Err(error) => {
                    tracing::error!(%error, "no round: the tree cannot be read");
                    None
                }
            };
            completion = Instant::now() + COMPLETION;
            if let Some(round) = published {
                wait_for_more(&core, &mut late, round);
            } else {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stopping.cancelled() => return,
                }
            }
            continue;
        }
        let idle = leads && late.is_empty();
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { return },
            changed = status.changed() => if changed.is_err() { return },
            Some(_ended) = late.join_next() => {}
            () = sleep_until(completion), if idle => {
                completion = Instant::now() + COMPLETION;
                if let Some(round) = complete(&core).await {
                    wait_for_more(&core, &mut late, round);
                }
            }
            () = stopping.cancelled() => return,
        }
    }
}

/// Lets a published round gather the lines that the final level takes, beside the next rounds.
fn wait_for_more(core: &Arc<Core>, late: &mut JoinSet<()>, mut round: Round) {
    while late.try_join_next().is_some() {}
    if late.len() >= LATE_ROUNDS {
        return;
    }
    let core = Arc::clone(core);
    late.spawn(async move {
        while let Some(reply) = round.replies.join_next().await {
            if reply.is_ok_and(|reply| round.take(&core, reply)) {
                round.publish(&core).await;
            }
        }
    });
}

/// Asks again about the newest published tree where fewer nodes have signed it than the final level
/// takes: a leader that was replaced, or a node that was away, may have left it so, and no new leaf
/// may come for hours.
async fn complete(core: &Arc<Core>) -> Option<Round> {
    let newest = core.checkpoints.newest()?;
    let size = newest.checkpoint().size;
    let charter = core.charter(size).await.ok().flatten()?;
    let nodes = charter.nodes().iter();
    let signed = nodes.filter(|node| newest.line_of(&node.cosigner).is_some());
    if signed.count() >= charter.manifest.final_quorum() {
        return None;
    }
    match Round::start(core, size).await {
        Ok(Some(round)) => round.gather(core).await,
        Ok(None) => None,
        Err(error) => {
            tracing::error!(%error, "no round: the tree cannot be read");
            None
        }
    }
}

/// One round.
struct Round {
    began: Instant,
    charter: Arc<Charter>,
    signed: SignedCheckpoint,
    replies: JoinSet<Reply>,
}

impl Round {
    /// Asks every node of the manifest, this one included, about the tree of `size`.
    async fn start(core: &Arc<Core>, size: TreeSize) -> Result<Option<Self>, ReadError> {
        let found =
            core.read(move |core, view| Ok((core.charters.at(view, size)?, view.root_at(size)?)));
        let (Some(charter), Some(root)) = found.await? else {
            return Ok(None);
        };
        if charter.manifest.origin != core.whoami.origin || core.retired.is() {
            return Ok(None);
        }
        let checkpoint = Checkpoint {
            origin: core.whoami.origin.clone(),
            size,
            root,
        };
        let own_line = core.log_key.sign(&checkpoint.text());
        let mut replies = JoinSet::new();
        for line in charter.nodes() {
            let (core, asked) = (Arc::clone(core), Asked { size, root });
            let (ordinal, name, key) = (line.ordinal, line.id.to_string(), line.cosigner.clone());
            replies.spawn(async move {
                let said = if ordinal == core.whoami.ordinal {
                    Ok(cosigning::answer(&core, ordinal, asked).await)
                } else {
                    ask(&core, ordinal, asked).await
                };
                (name, key, said)
            });
        }
        let signed = SignedCheckpoint::new(checkpoint, own_line);
        Ok(Some(Self {
            began: Instant::now(),
            charter,
            signed,
            replies,
        }))
    }

    /// Gathers lines until the receipt policy is satisfied, and publishes; `None` when all have
    /// answered and it is not.
    async fn gather(mut self, core: &Arc<Core>) -> Option<Self> {
        while let Some(reply) = self.replies.join_next().await {
            if reply.is_ok_and(|reply| self.take(core, reply))
                && self.charter.receipted(&self.signed)
            {
                self.publish(core).await;
                core.metrics.cosign_round.observe(self.began.elapsed());
                return Some(self);
            }
        }
        None
    }

    async fn publish(&self, core: &Arc<Core>) {
        if gossip::keep(core, &self.charter, self.signed.clone()).await {
            let checkpoint_size = self.signed.checkpoint().size.get();
            let lines = self.signed.lines().len();
            tracing::debug!(checkpoint_size, lines, "published");
        }
    }

    /// Counts a reply; true when it brought a line that verifies. A line that does not is never
    /// attached: it would spoil the checkpoint for whoever knows its key.
    fn take(&mut self, core: &Core, reply: Reply) -> bool {
        let (name, key, said) = reply;
        let result = match &said {
            Ok(Said::Line(line)) => {
                if key
                    .verify_cosignature(self.signed.checkpoint(), line)
                    .is_some()
                {
                    CosignResult::Signed
                } else {
                    CosignResult::Invalid
                }
            }
            Ok(Said::Behind(_)) => CosignResult::Behind,
            Ok(Said::Not(refusal)) => counted(*refusal),
            Err(_lost) => CosignResult::Timeout,
        };
        core.metrics.cosignatures.increment_with(&name, result);
        match (result, said) {
            (CosignResult::Signed, Ok(Said::Line(line))) => {
                self.signed = self.signed.clone().with_line(line);
                true
            }
            (_, said) => {
                tracing::debug!(peer = name, ?said, "no line");
                false
            }
        }
    }
}

async fn ask(core: &Arc<Core>, peer: u64, asked: Asked) -> Result<Said, String> {
    let response = core.peers.cosign(peer, asked.size, asked.root).await?;
    core.hear_clock(peer, note::UnixSeconds::new(response.clock_unix_seconds));
    cosigning::said(&response).ok_or_else(|| "an answer that makes no sense".to_owned())
}

fn counted(refusal: Refusal) -> CosignResult {
    match refusal {
        Refusal::Unspecified => CosignResult::Invalid,
        Refusal::NotYet => CosignResult::NotYet,
        Refusal::Behind => CosignResult::Behind,
        Refusal::Mismatch => CosignResult::Mismatch,
        Refusal::Rewrite => CosignResult::Rewrite,
        Refusal::Clock => CosignResult::Clock,
        Refusal::Stopped => CosignResult::Stopped,
    }
}

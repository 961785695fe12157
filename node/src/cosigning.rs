//! One question of a cosigning round, answered: wait for this node's own disk, decide, write down,
//! sign. The same for a question of another node and for this node's own rounds.

use std::sync::Arc;
use std::time::Duration;

use merkle::{Hash, TreeSize};
use note::SignatureLine;
use proto::raft::cosign_response::{self, Refusal};
use proto::raft::{CosignRequest, CosignResponse};
use replica::trace::Event;
use tokio::time::timeout;
use witness::gate::{Asked, Decision};
use witness::gossip::{Comparison, Stand};

use crate::core::Core;
use crate::cosigner::{self, Answer};

/// How long a node waits until its own disk holds what it is asked to sign for: a few fsyncs.
const DISK_PATIENCE: Duration = Duration::from_millis(250);

/// What a node says to a question.
#[derive(Debug)]
pub(crate) enum Said {
    /// Its line.
    Line(SignatureLine),
    /// It does not sign now, for a reason that passes or that the round should know.
    Not(Refusal),
    /// It has signed a larger tree.
    Behind(TreeSize),
}

/// The question in a message.
pub(crate) fn asked(request: &CosignRequest) -> Option<Asked> {
    let root = Hash::from_slice(&request.root)?;
    Some(Asked {
        size: TreeSize::new(request.size),
        root,
    })
}

/// Answers a question that node `from` asks; this node's own rounds ask, too.
pub(crate) async fn answer(core: &Arc<Core>, from: u64, asked: Asked) -> Said {
    if !disk_holds(core, asked.size).await {
        return Said::Not(Refusal::NotYet);
    }
    let nodes = match core.charter(asked.size).await {
        // Leaves of a lost log that are being taken over are never signed by themselves: under
        // this node's origin nothing is smaller than the tree with the recovering version.
        Ok(Some(charter)) if charter.manifest.origin == core.whoami.origin => charter.nodes().len(),
        Ok(Some(_) | None) | Err(_) => return Said::Not(Refusal::NotYet),
    };
    if core.retired.is() {
        return Said::Not(Refusal::Stopped);
    }
    if core.stand(nodes) == Stand::InDoubt {
        return Said::Not(Refusal::NotYet);
    }
    let core_too = Arc::clone(core);
    let deciding = tokio::task::spawn_blocking(move || decide(&core_too, asked));
    match deciding.await {
        Ok(Ok(Answer::Signed(line))) => Said::Line(line),
        Ok(Ok(Answer::Stopped)) => Said::Not(Refusal::Stopped),
        Ok(Ok(Answer::Declined(decision))) => declined(core, from, asked, decision, nodes),
        Ok(Err(error)) => {
            tracing::error!(%error, "a question could not be decided");
            if let cosigner::CosignError::Disk(cause) = &error {
                core.disk_failed(cause);
            }
            Said::Not(Refusal::Stopped)
        }
        Err(_cut_short) => Said::Not(Refusal::NotYet),
    }
}

/// The answer as a message.
pub(crate) fn response(core: &Core, said: Said) -> CosignResponse {
    let mut response = CosignResponse {
        clock_unix_seconds: core.clock.seconds().get(),
        ..CosignResponse::default()
    };
    let result = match said {
        Said::Line(line) => cosign_response::Result::Cosignature(line.to_string()),
        Said::Not(refusal) => cosign_response::Result::Refusal(refusal.into()),
        Said::Behind(signed) => {
            response.last_signed_size = signed.get();
            cosign_response::Result::Refusal(Refusal::Behind.into())
        }
    };
    response.result = Some(result);
    response
}

/// Another node's answer, read back. `None` where it makes no sense.
pub(crate) fn said(response: &CosignResponse) -> Option<Said> {
    match response.result.as_ref()? {
        cosign_response::Result::Cosignature(line) => {
            SignatureLine::parse(line).ok().map(Said::Line)
        }
        cosign_response::Result::Refusal(code) => match Refusal::try_from(*code).ok()? {
            Refusal::Behind => Some(Said::Behind(TreeSize::new(response.last_signed_size))),
            refusal @ (Refusal::Unspecified
            | Refusal::NotYet
            | Refusal::Mismatch
            | Refusal::Rewrite
            | Refusal::Clock
            | Refusal::Stopped) => Some(Said::Not(refusal)),
        },
    }
}

async fn disk_holds(core: &Core, size: TreeSize) -> bool {
    let mut flushed = core.replica.flushed_watch();
    let reached = flushed.wait_for(|flushed| *flushed >= size.get());
    matches!(timeout(DISK_PATIENCE, reached).await, Ok(Ok(_)))
}

fn decide(core: &Core, asked: Asked) -> Result<Answer, cosigner::CosignError> {
    let published = core.checkpoints.newest();
    if let Err(reason) = core
        .vetted
        .check(core.replica.state(), published.as_deref())
    {
        core.stop_cosigning(&format!(
            "the snapshot this node was sent is wrong: {reason}"
        ));
        return Ok(Answer::Stopped);
    }
    let clocks = cosigner::clocks(core.clock.seconds(), core.heard_clocks());
    let durable = core.replica.flushed_tree_size();
    // Told under the cosigner's lock, so that the trace has signatures in their order.
    let signs = |event: &Event| core.replica.tell(event);
    core.replica.state().read_at_once(|tables| {
        let view = ledger::View::new(tables);
        core.cosigner
            .consider(asked, durable, |size| view.root_at(size), clocks, signs)
    })
}

/// What follows from a decision not to sign.
fn declined(core: &Core, from: u64, asked: Asked, decision: Decision, nodes: usize) -> Said {
    match decision {
        Decision::Behind { signed } => Said::Behind(signed),
        Decision::Clock { ahead_seconds } => {
            tracing::warn!(
                ahead_seconds,
                "this node's clock leads the others'; it does not sign"
            );
            Said::Not(Refusal::Clock)
        }
        Decision::Mismatch { own } => {
            mismatch(core, from, asked, own, nodes);
            Said::Not(Refusal::Mismatch)
        }
        Decision::Rewrite { signed, own } => {
            core.metrics.root_mismatch.increment();
            let text = format!(
                "this node signed size {} with root {:?}; its tree has {own:?} there now\n",
                signed.size, signed.root
            );
            core.evidence
                .keep("rewrite", &signed.size.to_string(), &text);
            core.stop_cosigning("its own tree no longer begins with the tree it signed");
            Said::Not(Refusal::Rewrite)
        }
        Decision::NotYet | Decision::Sign { .. } | Decision::SignAgain { .. } => {
            Said::Not(Refusal::NotYet)
        }
    }
}

/// Another node asks for a root that this node does not compute. One of the two is wrong: this one
/// stops when a majority is not with it.
fn mismatch(core: &Core, from: u64, asked: Asked, own: Hash, nodes: usize) {
    core.metrics.root_mismatch.increment();
    let text = format!(
        "node {from} asked to cosign size {} with root {:?}; this node computes {own:?}\n",
        asked.size, asked.root
    );
    core.evidence
        .keep("mismatch", &format!("{from}-{}", asked.size), &text);
    core.compare(from, Comparison::Differs);
    if core.stand(nodes) == Stand::Outvoted {
        core.stop_cosigning("a majority of the nodes computes another root");
    }
}

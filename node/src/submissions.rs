//! A note's visit, whichever door it came by: it is let in or not, taken to its outcome, counted,
//! and its receipt is waited for. How the answer looks is the door's affair.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ledger::{Command, Outcome, View};
use note::SignedNote;
use telemetry::{RejectReason, SubmissionOutcome};

use crate::admission::Claim;
use crate::admission::sources::Source;
use crate::auth::{self, Authenticity};
use crate::core::{Core, ReadError};
use crate::intake::{self, IntakeError};
use crate::{grpc, receipts};

/// How long a caller waits for its receipt when it does not say.
pub(crate) const DEFAULT_WAIT: Duration = Duration::from_secs(2);

/// How long it may ask to wait: a call holds one of a limited number of places.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What became of a note.
#[derive(Debug)]
pub(crate) struct Answered {
    /// What the ledger made of it.
    pub(crate) outcome: Outcome,
    /// The receipt of its leaf; none for a refusal, or where none was there in time.
    pub(crate) receipt: Option<Bytes>,
}

/// There is no outcome. Whoever sent the note sends the same bytes again, later or elsewhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// A limit turned it away.
    #[error("a limit of this node turned the note away")]
    Rejected(RejectReason),
    /// There is no cluster yet.
    #[error("this node has no election yet")]
    NotInitialized,
    /// No leader confirmed it, or this node has to end.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// It is recorded, and the receipt could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Takes a note to its outcome, and waits for its receipt for at most `patience`.
pub(crate) async fn take(
    core: &Arc<Core>,
    source: Source,
    note: Bytes,
    patience: Duration,
) -> Result<Answered, TakeError> {
    let metrics = &core.metrics;
    let arrived = Instant::now();
    let admitted = core.admission.submission(source, claim(core, &note)).await;
    let mut place = admitted.map_err(|reason| {
        metrics.submissions.increment(SubmissionOutcome::Rejected);
        TakeError::Rejected(reason)
    })?;
    if !core.initialized() {
        return Err(TakeError::NotInitialized);
    }
    let command = Command::note(core.clock.millis(), note);
    let outcome = intake::record(core, command).await.inspect_err(|error| {
        metrics
            .submissions
            .increment(SubmissionOutcome::Unavailable);
        tracing::debug!(%error, "a note was given back");
    })?;
    place.end_turn();
    remember(core, source, &outcome);
    metrics.submissions.increment(grpc::rows::counted(&outcome));
    tracing::debug!(outcome = outcome.name(), "a note was answered");
    if let Outcome::Refused { refusal, .. } = &outcome {
        metrics.refusals.increment(refusal.code());
    }
    let receipt = match outcome.leaf() {
        Some(leaf) => receipts::wait_for(core, leaf.index, patience).await?,
        None => None,
    };
    if receipt.is_some() {
        metrics.receipts_issued.increment();
        metrics.receipt_latency.observe(arrived.elapsed());
    }
    Ok(Answered { outcome, receipt })
}

/// Whom a note claims to be from: its first signature line, looked up in the state as this node
/// knows it. That is one row of a table that is read all the time, so it is looked up where the
/// call is served, and the note waits behind nobody for it.
fn claim(core: &Core, note: &[u8]) -> Claim {
    let Ok(note) = SignedNote::parse(note) else {
        return Claim::Nobody;
    };
    let Some(line) = note.signatures().first() else {
        return Claim::Nobody;
    };
    let known = core
        .replica
        .state()
        .read_at_once(|tables| View::new(tables).is_key_in_force(line));
    match known {
        Ok(true) => Claim::KeyInForce,
        // A state that cannot be read is found out by whoever needs it.
        Ok(false) | Err(_) => Claim::Nobody,
    }
}

/// Remembers of a source whether what it sent was authentic. A note that was a leaf before says
/// nothing: leaves are public, and anybody can send one again.
fn remember(core: &Core, source: Source, outcome: &Outcome) {
    match outcome {
        Outcome::AlreadyRecorded { .. } => {}
        Outcome::Refused { refusal, .. } => match auth::authenticity(refusal) {
            Authenticity::Never => core.admission.failed(source),
            Authenticity::NotAsFarAsKnown | Authenticity::Sound => {}
        },
        Outcome::Recorded { .. }
        | Outcome::Corrected { .. }
        | Outcome::Rival { .. }
        | Outcome::Superseded { .. }
        | Outcome::Stray { .. }
        | Outcome::Applied { .. } => core.admission.authentic(source),
    }
}

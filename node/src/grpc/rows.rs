//! The ledger's values as messages of the public API.

use ledger::{Head, LeafRef, Outcome};
use proto::v1::{self, Effect};
use telemetry::SubmissionOutcome;

/// What stands for a unit.
pub(crate) fn head(head: Head) -> v1::Head {
    v1::Head {
        leaf_index: head.index.get(),
        leaf_hash: head.hash.as_bytes().to_vec().into(),
        seq: head.seq,
    }
}

/// What recording a note did, with its leaf; `None` for a refusal.
pub(crate) fn effect(outcome: &Outcome) -> Option<(Effect, LeafRef)> {
    match outcome {
        Outcome::Recorded { leaf, .. } | Outcome::Applied { leaf, .. } => {
            Some((Effect::Recorded, *leaf))
        }
        Outcome::Corrected { leaf, .. } => Some((Effect::Corrected, *leaf)),
        Outcome::Rival { leaf, .. } => Some((Effect::Rival, *leaf)),
        Outcome::Superseded { leaf, .. } => Some((Effect::Superseded, *leaf)),
        Outcome::Stray { leaf } => Some((Effect::Stray, *leaf)),
        Outcome::AlreadyRecorded { leaf, .. } => Some((Effect::AlreadyRecorded, *leaf)),
        Outcome::Refused { .. } => None,
    }
}

/// The same for the metrics.
pub(crate) fn counted(outcome: &Outcome) -> SubmissionOutcome {
    match outcome {
        Outcome::Recorded { .. } => SubmissionOutcome::Recorded,
        Outcome::Corrected { .. } => SubmissionOutcome::Corrected,
        Outcome::Rival { .. } => SubmissionOutcome::Rival,
        Outcome::Superseded { .. } => SubmissionOutcome::Superseded,
        Outcome::Stray { .. } => SubmissionOutcome::Stray,
        Outcome::AlreadyRecorded { .. } => SubmissionOutcome::AlreadyRecorded,
        Outcome::Applied { .. } => SubmissionOutcome::Applied,
        Outcome::Refused { .. } => SubmissionOutcome::Refused,
    }
}

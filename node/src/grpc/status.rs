//! Errors to gRPC statuses, in one table. A refusal is not here: it is an ordinary answer.
//!
//! | what | status | the caller |
//! | --- | --- | --- |
//! | a limit is reached | `RESOURCE_EXHAUSTED` | waits as told, sends the same again |
//! | no leader, no majority, shutting down | `UNAVAILABLE` | sends the same bytes to another node |
//! | the cluster is not initialised | `FAILED_PRECONDITION` | initialises it |
//! | the log goes on under another origin | `FAILED_PRECONDITION` | asks the nodes of the newest bundle |
//! | the request makes no sense | `INVALID_ARGUMENT` | mends its program |
//! | what was asked for does not exist | `NOT_FOUND` | |
//! | this node's state is broken | `DATA_LOSS` | asks another node |

use std::time::Duration;

use telemetry::RejectReason;
use tonic::Status;
use tonic::metadata::MetadataValue;

use crate::admission::{SOON, retry_after};
use crate::core::ReadError;
use crate::intake::IntakeError;
use crate::submissions::TakeError;

/// When to try again, in milliseconds; the name is gRPC's own.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The API address of the node that leads, as far as this one knows.
const LEADER: &str = "tally-leader";

/// A limit turned the call away.
pub(crate) fn rejected(reason: RejectReason) -> Status {
    let status = match reason {
        RejectReason::InFlight => {
            Status::resource_exhausted("as many calls as allowed are in progress")
        }
        RejectReason::Share => {
            Status::resource_exhausted("your address has as many calls in progress as it may")
        }
        RejectReason::Rate => Status::resource_exhausted(
            "notes without a key in force come faster than they are looked at",
        ),
        RejectReason::Backlog => Status::resource_exhausted("this node is catching up"),
        RejectReason::DiskFloor => {
            Status::resource_exhausted("this node's disk is nearly full; it only answers reads")
        }
        RejectReason::Draining => Status::unavailable("this node is shutting down"),
    };
    with_pushback(status, retry_after(reason))
}

/// There is no cluster yet.
pub(crate) fn not_initialized() -> Status {
    Status::failed_precondition("this node has no election yet; run `tally cluster init`")
}

/// A field of a request cannot be.
pub(crate) fn invalid(what: &str) -> Status {
    Status::invalid_argument(what)
}

impl From<IntakeError> for Status {
    fn from(error: IntakeError) -> Self {
        let text = error.to_string();
        match error {
            IntakeError::Unavailable { leader, .. } => {
                let status = with_pushback(Self::unavailable(text), SOON);
                led_by(status, leader.as_deref())
            }
            IntakeError::Retired => Self::failed_precondition(text),
            IntakeError::Stopped(_) => Self::data_loss(text),
        }
    }
}

impl From<TakeError> for Status {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Rejected(reason) => rejected(reason),
            TakeError::NotInitialized => not_initialized(),
            TakeError::Intake(error) => error.into(),
            TakeError::Read(error) => error.into(),
        }
    }
}

impl From<ReadError> for Status {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Fault(_) => Self::data_loss("this node's state cannot be read"),
            ReadError::CutShort => Self::unavailable("this node is shutting down"),
        }
    }
}

/// A majority did not confirm the state for a read.
pub(crate) fn unconfirmed(error: &replica::Error) -> Status {
    match error {
        replica::Error::Fatal { .. } => Status::data_loss("this node has stopped"),
        replica::Error::NotLeader { .. }
        | replica::Error::Unavailable { .. }
        | replica::Error::Overtaken { .. }
        | replica::Error::Invalid { .. } => {
            with_pushback(Status::unavailable(error.to_string()), SOON)
        }
    }
}

/// Adds who leads, where that is known.
pub(crate) fn led_by(mut status: Status, leader: Option<&str>) -> Status {
    if let Some(leader) = leader.and_then(|leader| MetadataValue::try_from(leader).ok()) {
        status.metadata_mut().insert(LEADER, leader);
    }
    status
}

fn with_pushback(mut status: Status, after: Duration) -> Status {
    let milliseconds = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    status.metadata_mut().insert(PUSHBACK, milliseconds.into());
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_turned_away_is_told_when_to_come_back_and_who_leads() {
        let status = rejected(RejectReason::InFlight);
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        assert_eq!(status.metadata().get(PUSHBACK).unwrap(), "250");

        let leader = Some("n2.example:7101".to_owned());
        let status = Status::from(IntakeError::Unavailable {
            what: "gone".to_owned(),
            leader,
        });
        assert_eq!(status.code(), tonic::Code::Unavailable);
        assert_eq!(status.metadata().get(LEADER).unwrap(), "n2.example:7101");
    }
}

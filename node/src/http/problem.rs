//! What went wrong, as HTTP says it: a status and a sentence. A note's refusal is not here: it is
//! an answer with figures of its own (`submit.rs`).
//!
//! | what | status | the caller |
//! | --- | --- | --- |
//! | the request makes no sense | 400 | mends it |
//! | what was asked for is not there | 404 | |
//! | as many calls as allowed are in progress | 429 | waits as told, sends the same again |
//! | no leader, no election, draining, a full disk, a backlog | 503 | sends the same bytes to another node |
//! | this node's state is broken | 500 | asks another node |

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use telemetry::RejectReason;

use super::answer::{NOW, TEXT};
use crate::core::ReadError;
use crate::intake::IntakeError;
use crate::submissions::TakeError;

/// The API address of the node that leads, as far as this one knows; the name gRPC callers know.
const LEADER: &str = "tally-leader";

/// When to come back, in seconds: the smallest time that the header can say.
const SOON: HeaderValue = HeaderValue::from_static("1");

/// Not what was asked for.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    sentence: String,
    leader: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
            leader: None,
        }
    }

    pub(super) fn not_found(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, sentence)
    }

    pub(super) fn bad(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    fn unavailable(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence)
    }

    pub(super) fn broken(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, sentence)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let fixed = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, NOW)];
        let mut response = (self.status, fixed, format!("{}\n", self.sentence)).into_response();
        let headers = response.headers_mut();
        if matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            headers.insert(header::RETRY_AFTER, SOON);
        }
        if let Some(leader) = self
            .leader
            .and_then(|leader| HeaderValue::try_from(leader).ok())
        {
            headers.insert(LEADER, leader);
        }
        response
    }
}

impl From<RejectReason> for Problem {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::InFlight => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "as many calls as allowed are in progress; ask again in a moment",
            ),
            RejectReason::Share => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "your address has as many calls in progress as it may; ask again in a moment",
            ),
            RejectReason::Rate => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "notes without a key in force come faster than they are looked at; send it again \
                 in a moment",
            ),
            RejectReason::Backlog => {
                Self::unavailable("this node is catching up; send the same to another node")
            }
            RejectReason::DiskFloor => Self::unavailable(
                "this node's disk is nearly full and it only answers reads; send the same to another node",
            ),
            RejectReason::Draining => {
                Self::unavailable("this node is shutting down; send the same to another node")
            }
        }
    }
}

impl From<TakeError> for Problem {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Rejected(reason) => reason.into(),
            TakeError::NotInitialized => {
                Self::unavailable("this node has no election yet; run `tally cluster init`")
            }
            TakeError::Intake(error) => error.into(),
            TakeError::Read(error) => error.into(),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        let sentence = format!("{error}; send the same bytes again, here or to another node");
        match error {
            IntakeError::Unavailable { leader, .. } => Self {
                leader,
                ..Self::unavailable(sentence)
            },
            IntakeError::Retired => Self::new(StatusCode::GONE, error.to_string()),
            IntakeError::Stopped(_) => Self::broken(sentence),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Fault(_) => {
                Self::broken("this node's state cannot be read; ask another node")
            }
            ReadError::CutShort => {
                Self::unavailable("this node is shutting down; ask another node")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_turned_away_is_told_when_to_come_back_and_who_leads() {
        let answer = Problem::from(RejectReason::InFlight).into_response();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers().get(header::RETRY_AFTER).unwrap(), "1");

        let gone = IntakeError::Unavailable {
            what: "gone".to_owned(),
            leader: Some("n2.example:7101".to_owned()),
        };
        let answer = Problem::from(TakeError::Intake(gone)).into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers().get(header::RETRY_AFTER).unwrap(), "1");
        assert_eq!(answer.headers().get(LEADER).unwrap(), "n2.example:7101");

        let answer = Problem::not_found("nothing").into_response();
        assert_eq!(answer.headers().get(header::RETRY_AFTER), None);
        assert_eq!(answer.headers().get(LEADER), None);
    }

    #[test]
    fn a_problem_is_never_kept_by_a_cache() {
        for problem in [
            Problem::not_found("not yet"),
            Problem::from(RejectReason::Draining),
            Problem::from(ReadError::CutShort),
        ] {
            let answer = problem.into_response();
            assert_eq!(answer.headers().get(header::CACHE_CONTROL).unwrap(), NOW);
        }
    }
}

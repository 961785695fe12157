//! A signed note handed in over HTTP: the same door, the same intake and the same waiting for a
//! receipt as over gRPC.
//!
//! | answer | what |
//! | --- | --- |
//! | 200 | the receipt; `tally-effect` says what recording the note did |
//! | 202 | recorded, and no checkpoint covers it yet: ask for the receipt by the leaf hash |
//! | 409, 422, 403, 413 | refused, with the reason as JSON and what stands for the unit |
//! | 429, 503 | not taken: send the same bytes again, here or to another node |

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use caucus::Refusal;
use ledger::{Head, Outcome};
use serde::{Deserialize, Serialize};

use super::answer::{self, Form};
use super::problem::Problem;
use super::receipts::{self, HeadJson};
use crate::admission::sources::Source;
use crate::core::Core;
use crate::submissions::{self, Answered, DEFAULT_WAIT};

/// What recording a note did, by the outcome's name.
const EFFECT: HeaderName = HeaderName::from_static("tally-effect");

/// `POST /v1/submissions`: the body is the note, or JSON that holds its text.
pub(super) async fn submit(
    State(core): State<Arc<Core>>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let source = Source::of(&extensions);
    let note = if answer::is_json(&headers) {
        unwrapped(&body)?
    } else {
        body
    };
    let Answered { outcome, receipt } =
        submissions::take(&core, source, note, DEFAULT_WAIT).await?;
    let mut response = match (&outcome, outcome.leaf(), receipt) {
        (Outcome::Refused { refusal, head }, ..) => refused(refusal, *head),
        (_, Some(_), Some(receipt)) => {
            receipts::written(&core, receipt, Form::asked(&headers)).await?
        }
        (_, Some(leaf), None) => receipts::pending(leaf),
        (_, None, _) => return Err(Problem::broken("an outcome without a leaf or a refusal")),
    };
    let effect = HeaderValue::from_static(outcome.name());
    response.headers_mut().insert(EFFECT, effect);
    Ok(response)
}

/// A note in JSON, for programs that send nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    note: String,
}

fn unwrapped(body: &[u8]) -> Result<Bytes, Problem> {
    let wrapped: Wrapped = serde_json::from_slice(body).map_err(|error| {
        Problem::bad(format!(
            "send the note itself, or JSON {{\"note\": \"…\"}}: {error}"
        ))
    })?;
    Ok(wrapped.note.into())
}

/// Why a note was not recorded, and what stands instead.
#[derive(Serialize)]
struct Refused {
    status: &'static str,
    code: &'static str,
    message: String,
    advice: &'static str,
    head: Option<HeadJson>,
}

fn refused(refusal: &Refusal, head: Option<Head>) -> Response {
    let refused = Refused {
        status: "refused",
        code: refusal.code(),
        message: refusal.to_string(),
        advice: refusal.advice(),
        head: head.map(Into::into),
    };
    answer::json(status_of(refusal), &refused).into_response()
}

/// The status of a refusal. A conflict is with something recorded: a person looks at both.
fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Stale | Refusal::IdReuse => StatusCode::CONFLICT,
        Refusal::RevokedKey => StatusCode::FORBIDDEN,
        Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::NoManifest => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Malformed { .. }
        | Refusal::WrongElection { .. }
        | Refusal::UnknownUnit { .. }
        | Refusal::UnknownKey
        | Refusal::WrongRole
        | Refusal::TooFewSigners { .. }
        | Refusal::BadSignature
        | Refusal::VoucherMissing
        | Refusal::VoucherUnknown
        | Refusal::VoucherUsed { .. }
        | Refusal::TooMany
        | Refusal::WrongGroups
        | Refusal::EvidenceMissing
        | Refusal::HasHead
        | Refusal::BadManifest { .. }
        | Refusal::MissingFile
        | Refusal::FewRegistrars
        | Refusal::UnknownTarget
        | Refusal::NotActivated
        | Refusal::NotOpen
        | Refusal::NotTakable
        | Refusal::Answered
        | Refusal::BadAmendment { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_in_json_is_taken_out_unchanged_and_nothing_else_is_taken() {
        let note = "precinct-tally/submission/v1\n\n— a b\n";
        let body = serde_json::json!({ "note": note }).to_string();
        assert_eq!(unwrapped(body.as_bytes()).unwrap(), note.as_bytes());
        for body in [
            "",
            "{}",
            "\"note\"",
            "{\"note\":1}",
            "{\"note\":\"\",\"a\":1}",
        ] {
            let answer = unwrapped(body.as_bytes()).unwrap_err().into_response();
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        }
    }

    #[tokio::test]
    async fn a_refusal_says_its_code_what_to_do_and_what_stands() {
        let hash = merkle::leaf_hash(b"what stands");
        let head = Head {
            index: merkle::LeafIndex::new(7),
            hash,
            seq: 2,
        };
        let answer = refused(&Refusal::Stale, Some(head));
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await;
        let said: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(said["code"], "stale");
        assert_eq!(said["advice"], Refusal::Stale.advice());
        assert_eq!(said["head"]["leaf_hash"], hash.to_hex());
        assert_eq!(said["head"]["index"], 7);
        assert_eq!(said["head"]["seq"], 2);
    }
}

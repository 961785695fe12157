//! Receipts by leaf hash or by the code that people speak, and what stands for a unit now.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use caucus::UnitId;
use ledger::{Head, LeafRef};
use merkle::{Hash, LeafHash};
use proto::json::ReceiptJson;
use receipt::{ReceiptLevel, ShortCode, UnverifiedReceipt};
use serde::Serialize;

use super::answer::{self, Form};
use super::problem::Problem;
use crate::checkpoints::Grade;
use crate::core::{Core, Reader};
use crate::receipts::{self, Found};

/// `GET /v1/receipts/{leaf hash or code}?level=receipt|final`
pub(super) async fn receipt(
    State(core): State<Arc<Core>>,
    Path(handle): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let level = match query.get("level") {
        None => ReceiptLevel::Receipt,
        Some(word) => ReceiptLevel::parse(word)
            .ok_or_else(|| Problem::bad("a level is `receipt` or `final`"))?,
    };
    let leaf = find(&core, Handle::parse(&handle)?).await?;
    match receipts::find(&core, leaf.index, level, Reader::Caller).await? {
        Found::Receipt(receipt) => written(&core, receipt, Form::asked(&headers)).await,
        Found::Pending => Ok(pending(leaf)),
        Found::Unknown => Err(Problem::not_found("this node has no such leaf")),
    }
}

/// A receipt in the form asked for.
pub(super) async fn written(
    core: &Arc<Core>,
    receipt: Bytes,
    form: Form,
) -> Result<Response, Problem> {
    let mut response = match form {
        Form::File => answer::text(receipt),
        Form::Json => {
            let receipt = UnverifiedReceipt::parse(&receipt).map_err(|error| {
                Problem::broken(format!("ask for the file, without JSON: {error}"))
            })?;
            let level = level(core, &receipt).await?;
            answer::json(StatusCode::OK, &ReceiptJson::new(&receipt, level))
        }
    };
    let by_accept = HeaderValue::from_static("accept");
    response.headers_mut().insert(header::VARY, by_accept);
    Ok(response)
}

/// The level by the manifest in force at the checkpoint's size. Nobody has to believe it: whoever
/// verifies the receipt finds it again.
async fn level(core: &Arc<Core>, receipt: &UnverifiedReceipt) -> Result<ReceiptLevel, Problem> {
    let signed = receipt.checkpoint();
    let charter = core.charter(signed.checkpoint().size).await?;
    let grade = charter.map(|charter| charter.grade(signed));
    Ok(match grade {
        Some(Grade::Final) => ReceiptLevel::Final,
        Some(Grade::Receipt | Grade::Strong) | None => ReceiptLevel::Receipt,
    })
}

/// A leaf without a receipt.
#[derive(Serialize)]
struct Pending {
    status: &'static str,
    index: u64,
    leaf_hash: String,
}

/// Recorded, and no checkpoint covers it yet: never anything that looks like a receipt.
pub(super) fn pending(leaf: LeafRef) -> Response {
    let pending = Pending {
        status: "recorded-not-receipted",
        index: leaf.index.get(),
        leaf_hash: leaf.hash.to_hex(),
    };
    answer::json(StatusCode::ACCEPTED, &pending)
}

/// What a leaf is asked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handle {
    Hash(LeafHash),
    Code(ShortCode),
}

impl Handle {
    fn parse(text: &str) -> Result<Self, Problem> {
        if let Some(hash) = Hash::from_hex(text) {
            return Ok(Self::Hash(LeafHash::from_hash(hash)));
        }
        ShortCode::parse(text).map(Self::Code).map_err(|error| {
            Problem::bad(format!(
                "a receipt is asked for by a leaf hash of 64 lower-case hex digits or by a spoken \
                 code: {error}"
            ))
        })
    }
}

/// The one leaf that a handle names.
async fn find(core: &Arc<Core>, handle: Handle) -> Result<LeafRef, Problem> {
    let found = core
        .read_for_caller(move |_, view| match handle {
            Handle::Code(code) => view.leaves_by_code(&code),
            Handle::Hash(hash) => {
                let index = view.leaf_by_hash(&hash)?;
                Ok(index
                    .map(|index| LeafRef { index, hash })
                    .into_iter()
                    .collect())
            }
        })
        .await?;
    match found.as_slice() {
        [leaf] => Ok(*leaf),
        [] => Err(Problem::not_found(
            "this node has no such leaf; if it was sent a moment ago, ask again",
        )),
        [..] => Err(Problem::new(
            StatusCode::CONFLICT,
            "several leaves have that code; ask by the leaf hash",
        )),
    }
}

/// What stands for a unit.
#[derive(Serialize)]
struct Standing {
    unit: String,
    #[serde(flatten)]
    head: HeadJson,
}

/// A head: the next correction's `supersedes` and `seq` are taken from it.
#[derive(Serialize)]
pub(super) struct HeadJson {
    index: u64,
    leaf_hash: String,
    seq: u64,
}

impl From<Head> for HeadJson {
    fn from(head: Head) -> Self {
        Self {
            index: head.index.get(),
            leaf_hash: head.hash.to_hex(),
            seq: head.seq,
        }
    }
}

/// `GET /v1/units/{unit}/head`: whether what a receipt is for still stands.
pub(super) async fn head(
    State(core): State<Arc<Core>>,
    Path(unit): Path<String>,
) -> Result<Response, Problem> {
    let id = UnitId::parse(&unit)
        .map_err(|_| Problem::bad(format!("`{unit}` cannot be the id of a unit")))?;
    let head = core.read_for_caller(move |_, view| view.head(&id)).await?;
    let head =
        head.ok_or_else(|| Problem::not_found(format!("no report stands for `{unit}` here")))?;
    let head = head.into();
    Ok(answer::json(StatusCode::OK, &Standing { unit, head }))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn a_leaf_is_asked_for_by_its_hash_or_its_code() {
        let hash = merkle::leaf_hash(b"a report");
        assert_eq!(Handle::parse(&hash.to_hex()).unwrap(), Handle::Hash(hash));
        let code = ShortCode::of_leaf(&hash);
        let spoken = code.to_string();
        for text in [
            spoken.clone(),
            spoken.to_lowercase(),
            spoken.replace('-', " "),
            spoken.replace('-', ""),
        ] {
            assert_eq!(Handle::parse(&text).unwrap(), Handle::Code(code), "{text}");
        }
    }

    #[test]
    fn a_misread_code_is_a_bad_request_that_says_so() {
        let code = ShortCode::of_leaf(&merkle::leaf_hash(b"a report")).to_string();
        let last = if code.ends_with('0') { "1" } else { "0" };
        let misread = format!("{}{last}", code.get(..code.len() - 1).unwrap());
        let upper = merkle::leaf_hash(b"a report").to_hex().to_uppercase();
        for (text, sentence) in [
            (misread.as_str(), "misread"),
            (upper.as_str(), "lower-case"),
            ("12", "18 letters"),
            ("", "18 letters"),
        ] {
            let problem = Handle::parse(text).unwrap_err();
            assert!(format!("{problem:?}").contains(sentence), "{problem:?}");
            let answer = problem.into_response();
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{text}");
        }
    }
}

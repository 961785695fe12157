//! The headers of an answer: what it is, for how long it may be kept, and which of its two forms a
//! receipt is asked for in.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What never changes again may be kept for a year, the longest that caches are told.
pub(super) const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What may change at any moment is asked for each time.
pub(super) const NOW: &str = "no-cache";

/// Notes, checkpoints, receipts, sentences.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

const BYTES: &str = "application/octet-stream";

const JSON: &str = "application/json";

/// Bytes that never change.
pub(super) fn fixed_bytes(bytes: impl Into<Bytes>) -> Response {
    answer(BYTES, FOR_EVER, bytes.into())
}

/// Text that never changes.
pub(super) fn fixed_text(bytes: impl Into<Bytes>) -> Response {
    answer(TEXT, FOR_EVER, bytes.into())
}

/// Text as it is now.
pub(super) fn text(bytes: impl Into<Bytes>) -> Response {
    answer(TEXT, NOW, bytes.into())
}

/// JSON as it is now.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => (status, answer(JSON, NOW, bytes.into())).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn answer(kind: &'static str, keep: &'static str, bytes: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, keep),
        // Texts that others signed are shown as texts, whatever a browser thinks they look like.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bytes).into_response()
}

/// The form in which a receipt is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The `.tlog-proof` file.
    File,
    /// JSON that says the same.
    Json,
}

impl Form {
    /// What the caller accepts: JSON if it names JSON, and does not name plain text before it.
    pub(super) fn asked(headers: &HeaderMap) -> Self {
        let named = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|accept| accept.to_str().ok())
            .flat_map(|accept| accept.split(','))
            .filter_map(|range| match media(range).as_str() {
                JSON => Some(Self::Json),
                "text/plain" => Some(Self::File),
                _ => None,
            });
        named.into_iter().next().unwrap_or(Self::File)
    }
}

/// Whether a request's body says that it is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| media(kind) == JSON)
}

/// A media type without its parameters.
fn media(text: &str) -> String {
    let kind = text.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_the_file_unless_json_is_named() {
        for (accept, form) in [
            (None, Form::File),
            (Some("*/*"), Form::File),
            (Some("text/html, */*;q=0.8"), Form::File),
            (Some("application/json"), Form::Json),
            (Some("Application/JSON; charset=utf-8"), Form::Json),
            (Some("application/json, text/plain, */*"), Form::Json),
            (Some("text/plain, application/json"), Form::File),
            (Some("application/jsonlines"), Form::File),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(Form::asked(&headers), form, "{accept:?}");
        }
    }

    #[test]
    fn a_body_is_json_by_its_content_type_alone() {
        for (kind, expected) in [
            ("application/json", true),
            ("application/json;charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(is_json(&headers), expected, "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}

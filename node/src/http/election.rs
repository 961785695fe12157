//! What a verifier needs beside the log: the manifests, and the files that they bind by hash.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use merkle::Hash;
use serde::Serialize;

use super::answer;
use super::problem::Problem;
use crate::core::Core;

/// A manifest version in the list.
#[derive(Serialize)]
struct Listed {
    version: u64,
    leaf: u64,
    /// SHA-256 of the manifest's text, in hex.
    hash: String,
}

/// `GET /v1/manifests`
pub(super) async fn manifests(State(core): State<Arc<Core>>) -> Result<Response, Problem> {
    let versions = core.read_for_caller(|_, view| view.manifests()).await?;
    let versions: Vec<Listed> = versions
        .iter()
        .map(|version| Listed {
            version: version.version,
            leaf: version.index.get(),
            hash: version.text_hash.to_hex(),
        })
        .collect();
    Ok(answer::json(StatusCode::OK, &versions))
}

/// `GET /v1/manifests/{version}`: the note as it was signed. Not kept by caches: it is named by
/// a number, and the next election at this address has a version 1, too.
pub(super) async fn manifest(
    State(core): State<Arc<Core>>,
    Path(version): Path<String>,
) -> Result<Response, Problem> {
    let number = note::parse_decimal(&version)
        .ok_or_else(|| Problem::bad("a manifest's version is a number, from 1"))?;
    let note = core
        .read_for_caller(move |_, view| {
            let versions = view.manifests()?;
            let found = versions.iter().find(|version| version.version == number);
            found.map_or(Ok(None), |version| view.leaf(version.index))
        })
        .await?;
    note.map(answer::text)
        .ok_or_else(|| Problem::not_found(format!("there is no manifest of version {number}")))
}

/// `GET /v1/files/{sha256}`: rules, roster, roll or a policy.
pub(super) async fn file(
    State(core): State<Arc<Core>>,
    Path(hash): Path<String>,
) -> Result<Response, Problem> {
    let hash = Hash::from_hex(&hash)
        .ok_or_else(|| Problem::bad("a file is named by its SHA-256: 64 lower-case hex digits"))?;
    let file = core
        .read_for_caller(move |_, view| view.file(&hash))
        .await?;
    file.map(answer::fixed_text)
        .ok_or_else(|| Problem::not_found("no manifest binds a file of that hash"))
}

//! The log in tiles, and the proof that one published tree begins with another. Only what is
//! published is shown, for what nobody has cosigned yet is no part of the public log; and only
//! what is applied here, so that whatever `/checkpoint` names can be had from the same node.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use ledger::{Fault, Tables, View};
use merkle::{ConsistencyProof, EntryBundle, LeafIndex, ProveError, Tile, TreeSize};
use witness::AddCheckpoint;

use super::answer;
use super::problem::Problem;
use crate::core::Core;

/// `GET /checkpoint`
pub(super) async fn checkpoint(State(core): State<Arc<Core>>) -> Result<Response, Problem> {
    let size = core.applied_size();
    let newest = core.checkpoints.newest_within(size);
    let newest = newest
        .map_err(|error| unreadable(&error))?
        .ok_or_else(|| Problem::not_found("no checkpoint is published here yet; ask again"))?;
    Ok(answer::text(newest.to_bytes()))
}

/// `GET /tile/<L>/<N>[.p/<W>]` and `GET /tile/entries/<N>[.p/<W>]`
pub(super) async fn tile(
    State(core): State<Arc<Core>>,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    let piece = Piece::parse(&format!("tile/{path}"))?;
    let (published, bytes) = core
        .read_for_caller(move |core, view| {
            let published = core.checkpoints.newest_size_within(view.tree_size()?);
            let bytes = if piece.fits(published) {
                piece.bytes(view)?
            } else {
                None
            };
            Ok((published, bytes))
        })
        .await?;
    bytes.map(answer::fixed_bytes).ok_or_else(|| {
        Problem::not_found(format!(
            "the log published here has {published} leaves and no such tile"
        ))
    })
}

/// What a path under `/tile/` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Hashes(Tile),
    Entries(EntryBundle),
}

impl Piece {
    fn parse(path: &str) -> Result<Self, Problem> {
        let hashes = Tile::parse(path).map(Self::Hashes);
        hashes
            .or_else(|| EntryBundle::parse(path).map(Self::Entries))
            .ok_or_else(|| {
                Problem::not_found(
                    "no tile has that path: write tile/<level>/<number>[.p/<width>] or \
                     tile/entries/<number>[.p/<width>], as in c2sp.org/tlog-tiles",
                )
            })
    }

    fn fits(self, size: TreeSize) -> bool {
        match self {
            Self::Hashes(tile) => tile.fits(size),
            Self::Entries(bundle) => bundle.fits(size),
        }
    }

    /// Its bytes from nodes and leaves; none where one of them is missing.
    fn bytes<T: Tables>(self, view: &View<'_, T>) -> Result<Option<Vec<u8>>, Fault> {
        match self {
            Self::Hashes(tile) => {
                let hashes = tile.nodes().map(|(level, index)| view.node(level, index));
                let hashes: Option<Vec<_>> = hashes.collect::<Result<_, _>>()?;
                Ok(hashes.map(|hashes| Tile::encode(&hashes)))
            }
            Self::Entries(bundle) => {
                let leaves = bundle.leaves().map(|leaf| view.leaf(LeafIndex::new(leaf)));
                let leaves: Option<Vec<_>> = leaves.collect::<Result<_, _>>()?;
                Ok(leaves.and_then(|leaves| EntryBundle::encode(leaves.iter().map(Vec::as_slice))))
            }
        }
    }
}

/// `GET /v1/consistency?from=&to=`: the body of tlog-witness's `add-checkpoint`. Without `to` it is
/// the newest checkpoint; from 0 there is nothing to prove and the proof is empty, as witnesses
/// expect it.
pub(super) async fn consistency(
    State(core): State<Arc<Core>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let (from, to) = sizes(&query)?;
    let applied = core.applied_size();
    let checkpoint = match to {
        Some(to) if to > applied => Ok(None),
        Some(to) => core.checkpoints.of_size(to),
        None => core.checkpoints.newest_within(applied),
    };
    let checkpoint = checkpoint
        .map_err(|error| unreadable(&error))?
        .ok_or_else(|| {
            Problem::not_found(
                "no checkpoint of that size is published here; /checkpoint is the newest",
            )
        })?;
    let to = checkpoint.checkpoint().size;
    let proof = core
        .read_for_caller(move |_, view| prove(view, from, to))
        .await?;
    let proof = proof
        .ok_or_else(|| Problem::bad(format!("`from` is {from}, which is beyond `to`, {to}")))?;
    let body = AddCheckpoint {
        old: from,
        proof,
        checkpoint,
    };
    Ok(answer::text(body.to_bytes()))
}

/// The sizes that a query names.
fn sizes(query: &BTreeMap<String, String>) -> Result<(TreeSize, Option<TreeSize>), Problem> {
    let size = |name: &str| {
        let given = query.get(name).map(|text| {
            note::parse_decimal(text)
                .map(TreeSize::new)
                .ok_or_else(|| Problem::bad(format!("`{name}` is a number of leaves")))
        });
        given.transpose()
    };
    let from = size("from")?
        .ok_or_else(|| Problem::bad("say `from`: the smaller tree's number of leaves"))?;
    Ok((from, size("to")?))
}

fn prove<T: Tables>(
    view: &View<'_, T>,
    from: TreeSize,
    to: TreeSize,
) -> Result<Option<ConsistencyProof>, Fault> {
    if from == TreeSize::ZERO {
        return Ok(Some(ConsistencyProof { hashes: Vec::new() }));
    }
    match view.consistency(from, to) {
        Ok(proof) => Ok(Some(proof)),
        Err(ProveError::Nodes(fault)) => Err(fault),
        Err(ProveError::NotInTree { .. } | ProveError::NotAnExtension { .. }) => Ok(None),
    }
}

fn unreadable(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "the published checkpoints cannot be read");
    Problem::broken("this node's published checkpoints cannot be read; ask another node")
}

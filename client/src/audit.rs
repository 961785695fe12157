//! Recomputing everything from the log's leaves alone, as anyone may who does not trust a node.

use std::time::Duration;

use merkle::{Hash, TreeSize};
use proto::v1;
use receipt::Bundle;

use crate::answer::Trouble;
use crate::connection::Connections;

/// How long one page of entries may take.
const PAGE: Duration = Duration::from_secs(10);
/// Entries asked for at once; a node gives no more.
const ENTRIES: u64 = 256;

/// Fetches every leaf that the node at this place in the list has, in order.
pub async fn fetch_log(connections: &Connections, node: usize) -> Result<Vec<Vec<u8>>, Trouble> {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    loop {
        let from = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let request = v1::GetEntriesRequest {
            from,
            limit: ENTRIES,
        };
        let page = connections
            .one(node, PAGE, |channel| async move {
                v1::transparency_client::TransparencyClient::new(channel)
                    .get_entries(request)
                    .await
            })
            .await?;
        if page.from != from {
            return Err(Trouble::Misbehaved(
                "entries from another place than asked".to_owned(),
            ));
        }
        let before = entries.len();
        entries.extend(page.entries.iter().map(|entry| entry.to_vec()));
        let have = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        if have >= page.tree_size {
            return Ok(entries);
        }
        if entries.len() == before {
            return Err(Trouble::Misbehaved(
                "it stops before the end of its log".to_owned(),
            ));
        }
    }
}

/// The node's newest published checkpoint (if any), and the size and root it computes itself.
pub async fn fetch_checkpoint(
    connections: &Connections,
    node: usize,
) -> Result<(Vec<u8>, TreeSize, Option<Hash>), Trouble> {
    let answer = connections
        .one(node, PAGE, |channel| async move {
            v1::transparency_client::TransparencyClient::new(channel)
                .get_checkpoint(v1::GetCheckpointRequest {})
                .await
        })
        .await?;
    let root = Hash::from_slice(&answer.root);
    Ok((
        answer.checkpoint.to_vec(),
        TreeSize::new(answer.tree_size),
        root,
    ))
}

/// Applies the leaves from the first to the last by the ledger's own rules and gives the state
/// they lead to: heads, totals, tree. Every signature is checked again on the way.
pub fn recompute(
    bundle: &Bundle,
    entries: &[Vec<u8>],
) -> Result<ledger::Memory, ledger::ReplayError> {
    ledger::replay(entries.iter().map(Vec::as_slice), &bundle.files)
}

//! What is checked when the night is over.

use std::path::Path;

use anyhow::{Context, ensure};
use proto::v1;
use testkit::Night;

use super::night::Course;
use crate::audit::{Log, Receipts, same_results, verify_receipts};
use crate::cluster::Cluster;
use crate::exports;
use crate::process::NodeProcess;

/// What the checks found.
#[derive(Debug)]
pub(super) struct Checked {
    /// The receipts on the chairs' disk, verified with the bundle alone.
    pub receipts: Receipts,
    /// Reports without a receipt, or whose leaf is not where their receipt says, on any node.
    pub lost: usize,
    /// Leaves that say what another leaf says.
    pub duplicates: usize,
    /// Every node has the root that follows from the leaves.
    pub roots_equal: bool,
    /// Every node shows the results that follow from the leaves.
    pub totals_equal_recomputed: bool,
    /// Formats in which a node's file says exactly what the leaves give.
    pub exports: Vec<&'static str>,
    /// The results as recomputed.
    pub results: caucus::Results,
    /// What one node shows, with every unit.
    pub shown: v1::ResultsSnapshot,
    /// What each node says of itself.
    pub statuses: Vec<v1::NodeStatus>,
    /// Memory of each node at rest, in KiB.
    pub resident_kib: Vec<u64>,
}

/// Checks the night as a stranger would: receipts from the chairs' disk, leaves from each node.
pub(super) async fn after_the_night(
    cluster: &Cluster,
    night: &Night,
    outbox: &Path,
    course: &Course,
) -> anyhow::Result<Checked> {
    // The manifest, the publishers' act and the totals derived from it, and the reports.
    let size = u64::try_from(night.reports.len() + 3)?;
    let statuses = cluster.settled(size).await?;
    let receipts = verify_receipts(outbox, &cluster.written.bundle, cluster.made.fingerprint)?;

    let mut lost = night.reports.len().saturating_sub(course.receipted.len());
    let mut roots_equal = true;
    let mut logs = Vec::new();
    for (index, status) in statuses.iter().enumerate() {
        let fetched = client::audit::fetch_log(&cluster.connections, index).await;
        let entries =
            fetched.map_err(|trouble| anyhow::anyhow!("read the log of a node: {trouble}"))?;
        let log = Log::new(entries);
        roots_equal &= log.root.as_bytes().as_slice() == status.root.as_ref();
        lost += receipts
            .verified
            .iter()
            .filter(|(hash, at)| log.index_of(hash) != Some(**at))
            .count();
        logs.push(log);
    }
    let log = logs.first().context("there is no node")?;
    roots_equal &= logs.iter().all(|other| other.root == log.root);
    ensure!(!log.entries.is_empty(), "the log is empty");

    let recomputed = log.recompute(&cluster.made.bundle)?;
    let mut totals_equal_recomputed = true;
    let mut shown = None;
    for ordinal in cluster.ordinals() {
        let answer = cluster.results(ordinal).await?;
        totals_equal_recomputed &= same_results(&answer, &recomputed)?;
        shown.get_or_insert(answer);
    }
    let resident_kib = cluster
        .ordinals()
        .into_iter()
        .map(|ordinal| cluster.process(ordinal, NodeProcess::resident_kib))
        .collect::<anyhow::Result<_>>()?;
    // After the memory at rest was read: writing and checking four files takes some of its own.
    let exports = exports::check(cluster, &recomputed.tables).await?;
    Ok(Checked {
        receipts,
        lost,
        duplicates: log.duplicates()?,
        roots_equal,
        totals_equal_recomputed,
        exports,
        results: recomputed.reported,
        shown: shown.context("there is no node")?,
        statuses,
        resident_kib,
    })
}

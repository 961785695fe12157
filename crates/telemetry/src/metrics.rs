//! Every metric a node has, in one struct. `metrics.txt` beside this crate's manifest lists their
//! names: dashboards and alert rules are checked against it, and renaming one is a breaking change.

use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

use crate::kinds::{
    Builder, Counter, CounterBy, Gauge, GaugeBy, NamedCounter, NamedGauge, Seconds, Timer,
};
use crate::labels::{
    CertificateUse, CosignResult, ExportFormat, ForwardResult, Label, Lane, Level, RejectReason,
    Standing, SubmissionOutcome,
};

/// The registry refused a metric or could not be written out.
#[derive(Debug, thiserror::Error)]
#[error("metrics registry: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// Names that become label values, known when a node starts.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Codes of all refusals.
    pub refusal_codes: &'a [&'a str],
    /// Ids of the other nodes of the cluster, as far as they are known.
    pub peers: &'a [&'a str],
    /// Ids of the outside witnesses, as far as they are known.
    pub witnesses: &'a [&'a str],
    /// The program's version.
    pub version: &'a str,
}

/// The metrics of one node. Cheap to share behind an `Arc`; every field is safe to use from any
/// thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Calls to submit a note, by what became of them.
    pub submissions: CounterBy<SubmissionOutcome>,
    /// Refused notes by the code of the refusal.
    pub refusals: NamedCounter,
    /// Calls turned away before any work, by lane and reason.
    pub admission_rejected: NamedCounter,
    /// Submissions this node passed on to the leader.
    pub forwarded: CounterBy<ForwardResult>,
    /// From the arrival of a note to its receipt.
    pub receipt_latency: Timer,
    /// Receipts handed out as the answer to a submission.
    pub receipts_issued: Counter,
    /// Leaves above the newest checkpoint of receipt level.
    pub receipts_pending: Gauge,

    /// One apply batch, from first decode to the durable step.
    pub apply_duration: Timer,
    /// One fsync of the Raft log.
    pub log_fsync_duration: Timer,
    /// 1 when this node knows a leader that a majority has confirmed lately.
    pub raft_has_leader: Gauge,
    /// 1 when this node leads.
    pub raft_is_leader: Gauge,
    /// The current term.
    pub raft_term: Gauge,
    /// Changes of leader seen by this node since it started.
    pub raft_leader_changes: Counter,
    /// Last entry in this node's log.
    pub raft_last_log_index: Gauge,
    /// Last entry known to be committed.
    pub raft_committed_index: Gauge,
    /// Last entry applied.
    pub raft_applied_index: Gauge,
    /// Last entry covered by this node's snapshot.
    pub raft_snapshot_index: Gauge,
    /// Last entry purged from this node's log.
    pub raft_purged_index: Gauge,
    /// Entries a member lacks, as the leader knows it; 0 on the others.
    pub raft_replication_lag: NamedGauge,
    /// Published leaves that an outside witness has not signed for yet; 0 on nodes that do not lead.
    pub witness_lag: NamedGauge,
    /// Since a majority last acknowledged this leader; 0 on the others.
    pub raft_quorum_ack_age: Seconds,
    /// Voters that answer beyond the majority; negative when there is no majority.
    pub quorum_margin: Gauge,

    /// Leaves applied.
    pub tree_size: Gauge,
    /// Size of the newest published checkpoint by level.
    pub checkpoint_size: GaugeBy<Level>,
    /// Since the newest published checkpoint of receipt level.
    pub checkpoint_age: Seconds,
    /// One cosigning round, from the first question to publication.
    pub cosign_round: Timer,
    /// Answers in cosigning rounds by node and result.
    pub cosignatures: NamedCounter,
    /// 1 while this node refuses to cosign until an operator acts.
    pub cosigning_stopped: Gauge,
    /// State databases that were found damaged and set aside.
    pub states_set_aside: Gauge,
    /// Roots that differed from this node's own.
    pub root_mismatch: Counter,
    /// Derived states that differed from this node's own at an equal position.
    pub state_mismatch: Counter,
    /// Evidence files written about two views of one log.
    pub split_view_evidence: Counter,
    /// How far a peer's clock leads this node's, in seconds.
    pub peer_clock_skew: NamedGauge,
    /// Units by standing.
    pub units: GaugeBy<Standing>,

    /// Files of results that failed their check and are not offered, by format.
    pub exports_failed: CounterBy<ExportFormat>,

    /// Bytes free on the file system of the data directory.
    pub store_free: Gauge,
    /// When a certificate in use expires, Unix seconds.
    pub certificate_expiry: GaugeBy<CertificateUse>,
    /// 1 while the files of a certificate cannot be used and the one before stays in use.
    pub certificate_reload_failed: GaugeBy<CertificateUse>,
    /// Connections open on the API's port.
    pub api_connections: Gauge,
    /// Constant 1 with the program's version.
    pub build_info: NamedGauge,
    /// Constant 1 with the election's token and whether it is `live` or a `rehearsal`.
    pub election_info: NamedGauge,
}

impl Metrics {
    /// Builds and registers every metric; every series of a closed set exists at zero from here on.
    #[expect(clippy::too_many_lines, reason = "a list: one metric a statement")]
    pub fn new(names: Names<'_>) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let make = Builder(&registry);
        let lanes: Vec<&str> = Lane::ALL.iter().map(|lane| lane.as_str()).collect();
        let metrics = Self {
            submissions: make.counter_by(
                "tally_submissions_total",
                "outcome",
                "Calls to submit a note, by what became of them.",
            )?,
            refusals: make.named_counter(
                "tally_refusals_total",
                "code",
                names.refusal_codes,
                "Notes refused, by the code of the refusal.",
            )?,
            admission_rejected: make.named_counter_by::<RejectReason>(
                "tally_admission_rejected_total",
                ["lane", "reason"],
                &lanes,
                "Calls turned away before any work, by lane and reason.",
            )?,
            forwarded: make.counter_by(
                "tally_forwarded_total",
                "result",
                "Submissions passed on to the leader, by result.",
            )?,
            receipt_latency: make.timer(
                "tally_receipt_latency_seconds",
                "From the arrival of a note to its receipt.",
            )?,
            receipts_issued: make.counter(
                "tally_receipts_issued_total",
                "Receipts handed out as the answer to a submission.",
            )?,
            receipts_pending: make.gauge(
                "tally_receipts_pending",
                "Leaves above the newest checkpoint that a majority of nodes cosigned.",
            )?,
            apply_duration: make.timer(
                "tally_apply_duration_seconds",
                "One batch of log entries applied to the state.",
            )?,
            log_fsync_duration: make.timer(
                "tally_log_fsync_duration_seconds",
                "One group of log entries made durable.",
            )?,
            raft_has_leader: make.gauge(
                "tally_raft_has_leader",
                "1 when a leader is known and a majority confirmed it within the last two seconds.",
            )?,
            raft_is_leader: make.gauge("tally_raft_is_leader", "1 when this node leads.")?,
            raft_term: make.gauge("tally_raft_term", "The current term.")?,
            raft_leader_changes: make.counter(
                "tally_raft_leader_changes_total",
                "Changes of leader seen since this node started.",
            )?,
            raft_last_log_index: make.gauge(
                "tally_raft_last_log_index",
                "Last entry in this node's log.",
            )?,
            raft_committed_index: make.gauge(
                "tally_raft_committed_index",
                "Last entry known to be committed.",
            )?,
            raft_applied_index: make.gauge("tally_raft_applied_index", "Last entry applied.")?,
            raft_snapshot_index: make.gauge(
                "tally_raft_snapshot_index",
                "Last entry covered by this node's snapshot.",
            )?,
            raft_purged_index: make.gauge(
                "tally_raft_purged_index",
                "Last entry purged from this node's log.",
            )?,
            raft_replication_lag: make.named_gauge(
                "tally_raft_replication_lag_entries",
                "peer",
                names.peers,
                "Entries a member lacks, as the leader knows it; 0 on the others.",
            )?,
            witness_lag: make.named_gauge(
                "tally_witness_lag_entries",
                "witness",
                names.witnesses,
                "Published leaves that an outside witness has not signed for; 0 where not leading.",
            )?,
            raft_quorum_ack_age: make.seconds(
                "tally_raft_quorum_ack_age_seconds",
                "Since a majority last acknowledged this leader; 0 on the others.",
            )?,
            quorum_margin: make.gauge(
                "tally_quorum_margin",
                "Voters that answer beyond the majority needed; negative without a majority.",
            )?,
            tree_size: make.gauge("tally_tree_size", "Leaves applied.")?,
            checkpoint_size: make.gauge_by(
                "tally_checkpoint_size",
                "level",
                "Size of the newest published checkpoint, by level.",
            )?,
            checkpoint_age: make.seconds(
                "tally_checkpoint_age_seconds",
                "Since the newest checkpoint of receipt level was published.",
            )?,
            cosign_round: make.timer(
                "tally_cosign_round_seconds",
                "One cosigning round, from the first question to publication.",
            )?,
            cosignatures: make.named_counter_by::<CosignResult>(
                "tally_cosignatures_total",
                ["node", "result"],
                names.peers,
                "Answers in cosigning rounds, by node and result.",
            )?,
            cosigning_stopped: make.gauge(
                "tally_cosigning_stopped",
                "1 while this node refuses to cosign until an operator acts.",
            )?,
            states_set_aside: make.gauge(
                "tally_states_set_aside",
                "State databases that were found damaged at a start, kept under `damaged` in the data directory.",
            )?,
            root_mismatch: make.counter(
                "tally_root_mismatch_total",
                "Roots that differed from this node's own at the same size.",
            )?,
            state_mismatch: make.counter(
                "tally_state_mismatch_total",
                "State digests that differed from this node's own at the same position.",
            )?,
            split_view_evidence: make.counter(
                "tally_split_view_evidence_total",
                "Evidence files written about two views of one log.",
            )?,
            peer_clock_skew: make.named_gauge(
                "tally_peer_clock_skew_seconds",
                "peer",
                names.peers,
                "How far a peer's clock leads this node's.",
            )?,
            units: make.gauge_by("tally_units", "standing", "Units by standing.")?,
            exports_failed: make.counter_by(
                "tally_exports_failed_total",
                "format",
                "Files of results that failed their check and are not offered, by format.",
            )?,
            store_free: make.gauge(
                "tally_store_free_bytes",
                "Bytes free on the file system of the data directory.",
            )?,
            certificate_expiry: make.gauge_by(
                "tally_certificate_expiry_timestamp_seconds",
                "use",
                "When the certificate of a listener expires.",
            )?,
            certificate_reload_failed: make.gauge_by(
                "tally_certificate_reload_failed",
                "use",
                "1 while the files of a certificate cannot be used and the older one stays in use.",
            )?,
            api_connections: make.gauge(
                "tally_api_connections",
                "Connections open on the API's port.",
            )?,
            build_info: make.named_gauge(
                "tally_build_info",
                "version",
                &[names.version],
                "Constant 1 with the program's version.",
            )?,
            election_info: make.info(
                "tally_election_info",
                &["election", "kind"],
                "Constant 1 with the election and whether it is live or a rehearsal.",
            )?,
            registry,
        };
        metrics.build_info.set(names.version, 1);
        Ok(metrics)
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    pub fn encode(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }

    /// Each metric as `name kind label,label`, sorted: the lines of `metrics.txt`.
    pub fn catalogue(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.registry.gather().iter().map(line).collect();
        lines.sort();
        lines
    }
}

fn line(family: &prometheus::proto::MetricFamily) -> String {
    let kind = format!("{:?}", family.get_field_type()).to_lowercase();
    let labels: Vec<&str> = family
        .get_metric()
        .iter()
        .take(1)
        .flat_map(|metric| {
            metric
                .get_label()
                .iter()
                .map(prometheus::proto::LabelPair::name)
        })
        .collect();
    format!("{} {} {}", family.name(), kind, labels.join(","))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let metrics = Metrics::new(Names {
            refusal_codes: &["malformed", "stale"],
            peers: &["n2", "n3"],
            witnesses: &["w1"],
            version: "0.0.0",
        })
        .unwrap();
        metrics.election_info.set_pair("desk", "rehearsal", 1);
        metrics
    }

    /// With `UPDATE_GEN=1` the list is written instead of compared.
    #[test]
    fn the_names_are_those_that_rules_and_dashboards_rely_on() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/metrics.txt");
        let found = metrics().catalogue().join("\n") + "\n";
        if std::env::var_os("UPDATE_GEN").is_some() {
            std::fs::write(path, &found).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), found);
    }

    #[test]
    fn every_series_of_a_closed_set_exists_before_anything_happened() {
        let text = metrics().encode().unwrap();
        for outcome in SubmissionOutcome::ALL {
            let series = format!(
                "tally_submissions_total{{outcome=\"{}\"}} 0",
                outcome.as_str()
            );
            assert!(text.contains(&series), "{series}");
        }
        assert!(text.contains("tally_cosignatures_total{node=\"n3\",result=\"not_yet\"} 0"));
        assert!(text.contains("tally_refusals_total{code=\"stale\"} 0"));
    }

    #[test]
    fn every_metric_of_ours_has_the_prefix_and_every_counter_its_suffix() {
        for line in metrics().catalogue() {
            let mut words = line.split(' ');
            let (name, kind) = (words.next().unwrap(), words.next().unwrap());
            assert!(
                name.starts_with("tally_") || name.starts_with("process_"),
                "{name}"
            );
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        }
    }
}

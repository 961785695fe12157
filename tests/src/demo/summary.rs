//! What the demo says when it is over: for a person, and as one line of JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use testkit::Night;

use super::check::Checked;
use super::feed::Compared;
use super::night::Course;
use super::options::Options;

/// Everything measured and checked.
#[derive(Debug, Serialize)]
pub struct Summary {
    schema: &'static str,
    seed: u64,
    nodes: u64,
    units: usize,
    receipts: usize,
    receipts_verified: usize,
    lost: usize,
    duplicates: usize,
    roots_equal: bool,
    totals_equal_recomputed: bool,
    exports_checked: Vec<&'static str>,
    failover_gap_ms: u64,
    reports_per_s: u64,
    latency_ms: Latency,
    leader_killed: u64,
    leader_after: u64,
    tree_size: u64,
    root: String,
    node_memory_mib: Vec<u64>,
    units_held: u64,
    results: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feed: Option<Compared>,
    pub(super) elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<Kept>,
    /// Receipts that did not verify, with the reason.
    receipts_failed: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
    max: f64,
}

/// One group in the three data sets.
#[derive(Debug, Serialize)]
struct Row {
    group: String,
    first_alignment: u64,
    final_alignment: u64,
    sde: String,
}

/// Where a kept cluster is and how to use it.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    pub apis: Vec<String>,
    pub operations: Vec<String>,
    pub commands: Vec<String>,
    pub stop: String,
}

impl Summary {
    pub(super) fn new(
        options: &Options,
        night: &Night,
        course: &Course,
        checked: Checked,
        feed: Option<Compared>,
    ) -> Self {
        let status = checked.statuses.first();
        Self {
            schema: "tally.demo/v1",
            seed: options.seed,
            nodes: options.nodes,
            units: night.reports.len(),
            receipts: checked.receipts.files,
            receipts_verified: checked.receipts.verified.len(),
            lost: checked.lost,
            duplicates: checked.duplicates,
            roots_equal: checked.roots_equal,
            totals_equal_recomputed: checked.totals_equal_recomputed,
            exports_checked: checked.exports.clone(),
            failover_gap_ms: millis(course.gap()),
            reports_per_s: rate(course.receipted.len(), course.took),
            latency_ms: Latency::of(course),
            leader_killed: course.leaders.0,
            leader_after: course.leaders.1,
            tree_size: status.map_or(0, |status| status.tree_size),
            root: status.map(|status| hex(&status.root)).unwrap_or_default(),
            node_memory_mib: checked
                .resident_kib
                .iter()
                .map(|kib| kib.div_ceil(1024))
                .collect(),
            units_held: checked.shown.units_held,
            results: results(&checked),
            feed,
            elapsed_ms: 0,
            kept: None,
            receipts_failed: checked.receipts.failed,
        }
    }

    /// Whether everything that was promised holds.
    pub fn holds(&self) -> bool {
        self.receipts == self.units
            && self.receipts_verified == self.units
            && self.lost == 0
            && self.duplicates == 0
            && self.roots_equal
            && self.totals_equal_recomputed
            && self.exports_checked.len() == export::Format::ALL.len()
            && self.leader_killed != self.leader_after
            && self.feed.as_ref().is_none_or(Compared::all_equal)
    }

    /// One line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }
}

/// The three data sets by group, most equivalents first.
fn results(checked: &Checked) -> Vec<Row> {
    let names: BTreeMap<&str, &str> = checked
        .shown
        .statewide
        .iter()
        .map(|row| (row.group.as_str(), row.name.as_str()))
        .collect();
    let mut rows: Vec<_> = checked.results.statewide.iter().collect();
    rows.sort_by(|a, b| b.sde.cmp(&a.sde).then_with(|| b.last.cmp(&a.last)));
    rows.into_iter()
        .map(|row| {
            let group = row.group.as_str();
            Row {
                group: names.get(group).copied().unwrap_or(group).to_owned(),
                first_alignment: row.first.get(),
                final_alignment: row.last.get(),
                sde: row.sde.decimal(4),
            }
        })
        .collect()
}

impl Latency {
    /// From the first sending to the verified receipt, in milliseconds.
    fn of(course: &Course) -> Self {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).ok();
        for receipted in &course.receipted {
            let took = receipted.receipted.saturating_sub(receipted.sent);
            if let Some(histogram) = &mut histogram {
                histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            }
        }
        let at = |quantile: f64| {
            let micros = histogram
                .as_ref()
                .map_or(0, |all| all.value_at_quantile(quantile));
            Duration::from_micros(micros).as_secs_f64() * 1000.0
        };
        Self {
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_night(f)?;
        self.write_checks(f)?;
        self.write_results(f)?;
        self.write_feed(f)?;
        self.write_kept(f)?;
        let verdict = if self.holds() {
            "Everything holds"
        } else {
            "SOMETHING DOES NOT HOLD"
        };
        let seconds = Duration::from_millis(self.elapsed_ms).as_secs_f64();
        write!(f, "\n{verdict}, in {seconds:.1} s.")
    }
}

impl Summary {
    fn write_night(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            units,
            nodes,
            leader_killed: killed,
            leader_after: after,
            ..
        } = self;
        let Latency { p50, p99, max } = self.latency_ms;
        let memory: Vec<String> = self.node_memory_mib.iter().map(u64::to_string).collect();
        writeln!(f, "The night")?;
        writeln!(f, "  {units} units reported to {nodes} nodes.")?;
        writeln!(
            f,
            "  n{killed} led and was killed, n{after} took over, n{killed} came back."
        )?;
        let gap = self.failover_gap_ms;
        writeln!(
            f,
            "  Longest time without a receipt around the kill: {gap} ms."
        )?;
        let rate = self.reports_per_s;
        writeln!(
            f,
            "  {rate} receipts a second; half within {p50:.1} ms, 99 of 100 within {p99:.0} ms, \
             all within {max:.0} ms."
        )?;
        writeln!(
            f,
            "  Memory of the nodes at rest: {} MiB.",
            memory.join(", ")
        )
    }

    fn write_checks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |holds: bool| if holds { "✓" } else { "✗" };
        let Self {
            units,
            receipts_verified: verified,
            lost,
            duplicates,
            tree_size,
            ..
        } = self;
        let all = mark(verified == units);
        writeln!(f, "\nAfterwards")?;
        writeln!(
            f,
            "  {all} {verified} of {units} receipts verify with the bundle alone"
        )?;
        for reason in self.receipts_failed.iter().take(5) {
            writeln!(f, "      {reason}")?;
        }
        let kept = mark(*lost == 0 && *duplicates == 0);
        writeln!(
            f,
            "  {kept} {lost} reports lost, {duplicates} counted twice"
        )?;
        let roots = mark(self.roots_equal);
        writeln!(
            f,
            "  {roots} every node has the root that its {tree_size} leaves give"
        )?;
        let totals = mark(self.totals_equal_recomputed);
        writeln!(
            f,
            "  {totals} every node shows the totals that the leaves alone give"
        )?;
        let formats = self.exports_checked.join(", ");
        let exports = mark(self.exports_checked.len() == export::Format::ALL.len());
        writeln!(
            f,
            "  {exports} its files ({formats}) say what the leaves alone give, cell by cell"
        )?;
        let held = self.units_held;
        writeln!(
            f,
            "  – {held} units are held for a person: their sheets contradict themselves"
        )
    }

    fn write_results(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n  {:<18} {:>16} {:>16} {:>26}",
            "", "first alignment", "final alignment", "state delegate equivalents"
        )?;
        for row in &self.results {
            writeln!(
                f,
                "  {:<18} {:>16} {:>16} {:>26}",
                row.group, row.first_alignment, row.final_alignment, row.sde
            )?;
        }
        Ok(())
    }

    fn write_feed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(feed) = &self.feed else {
            return Ok(());
        };
        writeln!(f, "\nAgainst the release of 2020")?;
        writeln!(
            f,
            "  {} of {} units have the published state delegate equivalents to four decimals",
            feed.units_sde_equal, feed.units
        )?;
        writeln!(
            f,
            "  {} of {} units have the published counts in both alignments",
            feed.units_votes_equal, feed.units
        )?;
        for difference in feed.differences.iter().take(5) {
            writeln!(f, "      {difference}")?;
        }
        Ok(())
    }

    fn write_kept(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        writeln!(f, "\nThe cluster is up: {}", kept.apis.join(", "))?;
        writeln!(f, "Metrics: {}", kept.operations.join(", "))?;
        writeln!(f, "Try:")?;
        for command in &kept.commands {
            writeln!(f, "  {command}")?;
        }
        writeln!(f, "End it:\n  {}", kept.stop)
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn rate(count: usize, took: Duration) -> u64 {
    let count = u128::try_from(count).unwrap_or(u128::MAX);
    let millis = took.as_millis().max(1);
    u64::try_from(count * 1000 / millis).unwrap_or(u64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

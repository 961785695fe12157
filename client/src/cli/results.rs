//! `tally results`: the three data sets side by side, as the cluster has them now.

use std::collections::BTreeMap;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use proto::v1;
use serde::Serialize;

use super::args::Network;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::Output;
use super::{on_network, trust};

/// Show the results: people at both alignments and state delegate equivalents.
#[derive(Debug, Args)]
#[command(after_help = "\
The three columns are three different data sets and are never added to each other. State delegate
equivalents stand there as delivered by the chairs (the headline), as the rules give them for the
same counts, and of verified units only. Figures are those that the publishers have released.

Examples:
  tally results
  tally results --areas
  tally results --unreleased
  tally results --units --json | jq '.units[] | select(.standing == \"held\")'")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command line, each by itself"
)]
pub(crate) struct Results {
    /// Also list every unit that has reported.
    #[arg(long)]
    units: bool,
    /// Also list districts, counties and satellite pools.
    #[arg(long)]
    areas: bool,
    /// Show everything that is recorded, also what the publishers have not released.
    #[arg(long)]
    unreleased: bool,
    /// Ask one node for what it has, without a majority confirming that it is the newest.
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    network: Network,
}

/// Results in JSON; `sde` is exact as a fraction and to four decimals as text.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot {
    election: String,
    rehearsal: bool,
    tree_size: u64,
    root: String,
    units_total: u64,
    units_reported: u64,
    units_held: u64,
    units_verified: u64,
    units_disputed: u64,
    units_released: u64,
    percent_reporting: String,
    percent_verified: String,
    unreleased: bool,
    confirmed_by_majority: bool,
    leader_heard_ms_ago: u64,
    node: String,
    statewide: Vec<Row>,
    recomputed: Vec<Row>,
    verified: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    national: Vec<National>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    districts: Vec<Area>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counties: Vec<Area>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pools: Vec<Area>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    units: Vec<UnitRow>,
}

/// One group's national delegates.
#[derive(Debug, Serialize)]
struct National {
    group: String,
    delegates: u64,
    districts: BTreeMap<String, u64>,
    at_large: u64,
    leaders: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) group: String,
    name: String,
    pub(crate) first_alignment: u64,
    pub(crate) final_alignment: u64,
    pub(crate) delegates: u64,
    pub(crate) sde: String,
    sde_exact: String,
}

#[derive(Debug, Serialize)]
struct Area {
    id: String,
    name: String,
    units_total: u64,
    units_reported: u64,
    units_verified: u64,
    groups: Vec<Row>,
    recomputed: Vec<Row>,
    verified: Vec<Row>,
}

#[derive(Debug, Serialize)]
pub(crate) struct UnitRow {
    pub(crate) unit: String,
    pub(crate) name: String,
    pub(crate) standing: String,
    pub(crate) leaf_index: u64,
    pub(crate) seq: u64,
    pub(crate) rivals: u64,
    pub(crate) attendees: u64,
    pub(crate) elects: u64,
    pub(crate) findings: Vec<String>,
    pub(crate) marks: Vec<String>,
    pub(crate) released: bool,
    pub(crate) groups: Vec<Row>,
    pub(crate) recomputed: Vec<Row>,
    pub(crate) undecided: u64,
}

impl Results {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.show(output))
    }

    async fn show(self, output: Output) -> Outcome {
        let connections = self.network.connect()?;
        let request = v1::GetResultsRequest {
            units: self.units,
            local: self.local,
            unreleased: self.unreleased,
        };
        let answer = connections
            .any(|channel| async move {
                v1::results_client::ResultsClient::new(channel)
                    .max_decoding_message_size(LARGEST)
                    .get_results(request)
                    .await
            })
            .await
            .map_err(|error| trust::no_answer("fetch the results", &error))?;
        let snapshot = Snapshot::from(answer);
        output.result("tally.results/v1", &snapshot, || snapshot.words(self.areas))?;
        Ok(Exit::Done)
    }
}

/// The largest answer read: every unit of the largest contest with all its groups.
pub(crate) const LARGEST: usize = 256 * 1024 * 1024;

impl From<v1::ResultsSnapshot> for Snapshot {
    fn from(wire: v1::ResultsSnapshot) -> Snapshot {
        let areas = |areas: Vec<v1::AreaResult>| areas.into_iter().map(Area::from).collect();
        let national = |row: v1::NationalResult| National {
            group: row.group,
            delegates: row.delegates,
            districts: row.districts,
            at_large: row.at_large,
            leaders: row.leaders,
        };
        Snapshot {
            election: wire.election,
            rehearsal: wire.rehearsal,
            tree_size: wire.tree_size,
            root: merkle::Hash::from_slice(&wire.root)
                .map_or_else(String::new, |root| root.to_hex()),
            units_total: wire.units_total,
            units_reported: wire.units_reported,
            units_held: wire.units_held,
            units_verified: wire.units_verified,
            units_disputed: wire.units_disputed,
            units_released: wire.units_released,
            percent_reporting: percent(wire.units_reported, wire.units_total),
            percent_verified: percent(wire.units_verified, wire.units_total),
            unreleased: wire.unreleased,
            confirmed_by_majority: wire.linearizable,
            leader_heard_ms_ago: wire.leader_heard_ms_ago,
            node: wire.node,
            statewide: rows(wire.statewide),
            recomputed: rows(wire.recomputed),
            verified: rows(wire.verified),
            national: wire.national.into_iter().map(national).collect(),
            districts: areas(wire.districts),
            counties: areas(wire.counties),
            pools: areas(wire.pools),
            units: wire.units.into_iter().map(UnitRow::from).collect(),
        }
    }
}

fn rows(wire: Vec<v1::GroupResult>) -> Vec<Row> {
    wire.into_iter().map(Row::from).collect()
}

/// A share in percent with two decimals, rounded down so that 100 means all.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let scaled = u128::from(part).saturating_mul(10_000);
    let hundredths = scaled.checked_div(u128::from(whole)).unwrap_or(0);
    let (units, rest) = (hundredths / 100, hundredths % 100);
    format!("{units}.{rest:02}")
}

impl From<v1::AreaResult> for Area {
    fn from(wire: v1::AreaResult) -> Area {
        Area {
            id: wire.id,
            name: wire.name,
            units_total: wire.units_total,
            units_reported: wire.units_reported,
            units_verified: wire.units_verified,
            groups: rows(wire.groups),
            recomputed: rows(wire.recomputed),
            verified: rows(wire.verified),
        }
    }
}

impl From<v1::UnitResult> for UnitRow {
    fn from(wire: v1::UnitResult) -> UnitRow {
        UnitRow {
            unit: wire.unit,
            name: wire.name,
            standing: wire.standing,
            leaf_index: wire.leaf_index,
            seq: wire.seq,
            rivals: wire.rivals,
            attendees: wire.attendees,
            elects: wire.elects,
            findings: wire.findings,
            marks: wire.marks,
            released: wire.released,
            groups: rows(wire.groups),
            recomputed: rows(wire.recomputed),
            undecided: wire.undecided,
        }
    }
}

impl Area {
    fn words(&self) -> String {
        let Area {
            id,
            name,
            units_total,
            units_reported,
            units_verified,
            groups,
            recomputed,
            verified,
        } = self;
        format!(
            "{name} ({id}), {units_reported} of {units_total} units reported, {units_verified} verified\n{}",
            text_of(&table(groups, recomputed, verified))
        )
    }
}

impl Row {
    /// Whether anybody stood for the group, or it was given a delegate.
    pub(crate) const fn stands(&self) -> bool {
        self.first_alignment > 0 || self.final_alignment > 0 || self.delegates > 0
    }

    /// `biden 12/15/2`: first, final, delegates.
    pub(crate) fn short(&self) -> String {
        format!(
            "{} {}/{}/{}",
            self.group, self.first_alignment, self.final_alignment, self.delegates
        )
    }
}

impl UnitRow {
    /// What the rules give a group that has a row.
    pub(crate) fn recomputed_delegates(&self, row: &Row) -> Option<u64> {
        let found = self
            .recomputed
            .iter()
            .find(|other| other.group == row.group);
        found.map(|row| row.delegates)
    }
}

impl From<v1::GroupResult> for Row {
    fn from(wire: v1::GroupResult) -> Row {
        Row {
            group: wire.group,
            name: wire.name,
            first_alignment: wire.first_alignment,
            final_alignment: wire.final_alignment,
            delegates: wire.delegates,
            sde: wire.sde,
            sde_exact: wire.sde_exact,
        }
    }
}

impl Snapshot {
    pub(crate) fn words(&self, areas: bool) -> String {
        let mut parts = vec![format!(
            "{}\n{}",
            self.heading(),
            text_of(&table(&self.statewide, &self.recomputed, &self.verified))
        )];
        if let Some(national) = self.national_words() {
            parts.push(national);
        }
        if areas {
            let all = self.districts.iter().chain(&self.counties);
            parts.extend(all.chain(&self.pools).map(Area::words));
        }
        if !self.units.is_empty() {
            parts.push(text_of(&self.units_table()));
        }
        parts.join("\n\n")
    }

    /// How complete, how sure and how old, before any figure.
    pub(crate) fn heading(&self) -> String {
        let rehearsal = if self.rehearsal { "REHEARSAL " } else { "" };
        let sure = if self.confirmed_by_majority {
            "confirmed by a majority".to_owned()
        } else {
            format!(
                "as node {} has it, {} ms after the leader's last word",
                self.node, self.leader_heard_ms_ago
            )
        };
        let shown = if self.unreleased {
            "everything recorded, released or not".to_owned()
        } else {
            format!("figures of the {} released", self.units_released)
        };
        format!(
            "{rehearsal}{}: {} of {} units reported ({} %), {} verified ({} %), {} held, {} disputed\n\
             {shown}; log of {} leaves, {sure}",
            self.election,
            self.units_reported,
            self.units_total,
            self.percent_reporting,
            self.units_verified,
            self.percent_verified,
            self.units_held,
            self.units_disputed,
            self.tree_size,
        )
    }

    /// Who has national delegates, most first.
    fn national_words(&self) -> Option<String> {
        let mut some: Vec<&National> = self
            .national
            .iter()
            .filter(|row| row.delegates > 0)
            .collect();
        some.sort_by(|a, b| {
            b.delegates
                .cmp(&a.delegates)
                .then_with(|| a.group.cmp(&b.group))
        });
        let list: Vec<String> = some
            .iter()
            .map(|row| format!("{} {}", row.group, row.delegates))
            .collect();
        (!list.is_empty()).then(|| {
            format!(
                "national delegates these figures lead to: {}",
                list.join(", ")
            )
        })
    }

    fn units_table(&self) -> Table {
        let mut table = plain();
        table.set_header([
            "unit", "name", "standing", "leaf", "seq", "people", "remarks",
        ]);
        for unit in &self.units {
            let rivals = (unit.rivals > 0).then(|| format!("{} rivals", unit.rivals));
            let withheld = (!unit.released).then(|| "not released".to_owned());
            let marks = unit.marks.iter().chain(&unit.findings).cloned();
            let remarks: Vec<String> = rivals.into_iter().chain(withheld).chain(marks).collect();
            table.add_row([
                unit.unit.clone(),
                unit.name.clone(),
                unit.standing.clone(),
                unit.leaf_index.to_string(),
                unit.seq.to_string(),
                unit.attendees.to_string(),
                remarks.join(" "),
            ]);
        }
        table
    }
}

/// The three data sets, and the third on its three bases: as reported, by the rules, verified only.
fn table(reported: &[Row], recomputed: &[Row], verified: &[Row]) -> Table {
    let mut table = plain();
    table.set_header([
        "group",
        "first alignment",
        "final alignment",
        "state delegate equivalents",
        "by the rules",
        "verified only",
    ]);
    let sde = |rows: &[Row], group: &str| {
        let row = rows.iter().find(|row| row.group == group);
        row.map_or_else(|| "-".to_owned(), |row| row.sde.clone())
    };
    for row in reported {
        table.add_row([
            row.name.clone(),
            row.first_alignment.to_string(),
            row.final_alignment.to_string(),
            row.sde.clone(),
            sde(recomputed, &row.group),
            sde(verified, &row.group),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A table without borders and without spaces at the ends of its lines, so that it survives being
/// copied.
pub(crate) fn text_of(table: &Table) -> String {
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// An empty table of that kind.
pub(crate) fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

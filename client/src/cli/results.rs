//! `tally results`: the three data sets side by side, as the cluster has them now.

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
The three columns are three different data sets and are never added to each other. They are shown
as delivered by the chairs; held units are counted and listed.

Examples:
  tally results
  tally results --units --json | jq '.units[] | select(.standing == \"held\")'")]
pub(crate) struct Results {
    /// Also list every unit that has reported.
    #[arg(long)]
    units: bool,
    /// Also list counties and satellite pools.
    #[arg(long)]
    areas: bool,
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
    confirmed_by_majority: bool,
    leader_heard_ms_ago: u64,
    node: String,
    statewide: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counties: Vec<Area>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pools: Vec<Area>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    units: Vec<UnitRow>,
}

#[derive(Debug, Serialize)]
struct Row {
    group: String,
    name: String,
    first_alignment: u64,
    final_alignment: u64,
    delegates: u64,
    sde: String,
    sde_exact: String,
}

#[derive(Debug, Serialize)]
struct Area {
    id: String,
    name: String,
    units_total: u64,
    units_reported: u64,
    groups: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct UnitRow {
    unit: String,
    name: String,
    standing: String,
    leaf_index: u64,
    seq: u64,
    rivals: u64,
    attendees: u64,
    findings: Vec<String>,
    groups: Vec<Row>,
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
        let area = |area: v1::AreaResult| Area {
            id: area.id,
            name: area.name,
            units_total: area.units_total,
            units_reported: area.units_reported,
            groups: area.groups.into_iter().map(Row::from).collect(),
        };
        let unit = |unit: v1::UnitResult| UnitRow {
            unit: unit.unit,
            name: unit.name,
            standing: unit.standing,
            leaf_index: unit.leaf_index,
            seq: unit.seq,
            rivals: unit.rivals,
            attendees: unit.attendees,
            findings: unit.findings,
            groups: unit.groups.into_iter().map(Row::from).collect(),
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
            confirmed_by_majority: wire.linearizable,
            leader_heard_ms_ago: wire.leader_heard_ms_ago,
            node: wire.node,
            statewide: wire.statewide.into_iter().map(Row::from).collect(),
            counties: wire.counties.into_iter().map(area).collect(),
            pools: wire.pools.into_iter().map(area).collect(),
            units: wire.units.into_iter().map(unit).collect(),
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
            groups,
        } = self;
        format!(
            "{name} ({id}), {units_reported} of {units_total} units\n{}",
            text_of(&table(groups))
        )
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
            text_of(&table(&self.statewide))
        )];
        if areas {
            parts.extend(self.counties.iter().chain(&self.pools).map(Area::words));
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
        format!(
            "{rehearsal}{}: {} of {} units reported, {} held; log of {} leaves, {sure}",
            self.election, self.units_reported, self.units_total, self.units_held, self.tree_size,
        )
    }

    fn units_table(&self) -> Table {
        let mut table = plain();
        table.set_header([
            "unit", "name", "standing", "leaf", "seq", "people", "remarks",
        ]);
        for unit in &self.units {
            let rivals = (unit.rivals > 0).then(|| format!("{} rivals", unit.rivals));
            let remarks: Vec<String> = rivals.into_iter().chain(unit.findings.clone()).collect();
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

fn table(rows: &[Row]) -> Table {
    let mut table = plain();
    table.set_header([
        "group",
        "first alignment",
        "final alignment",
        "state delegate equivalents",
    ]);
    for row in rows {
        table.add_row([
            row.name.clone(),
            row.first_alignment.to_string(),
            row.final_alignment.to_string(),
            row.sde.clone(),
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

//! `tally outlook`: what can still change, and whether it is enough.

use clap::Args;
use comfy_table::Table;
use proto::v1;
use serde::Serialize;

use super::args::Network;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::Output;
use super::results::{plain, text_of};
use super::{on_network, trust};

/// Show what can still change: the open questions beside the margin of each contest total.
#[derive(Debug, Args)]
#[command(after_help = "\
Open are units that are held, disputed or silent, and games of chance that nobody recorded. Each
counts with the most it can move the distance between the leader and another group. A total is
decided when all of them together cannot turn it round.

Examples:
  tally outlook
  tally outlook --units 10
  tally outlook --json | jq -c '.contests[] | [.id, .leader, .decided, .rivals[0].margin]'")]
pub(crate) struct Outlook {
    /// List at most this many units for each total, largest effect first.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    units: u32,
    /// Ask one node for what it has, without a majority confirming that it is the newest.
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    network: Network,
}

#[derive(Debug, Serialize)]
struct Shown {
    tree_size: u64,
    confirmed_by_majority: bool,
    contests: Vec<Contest>,
}

#[derive(Debug, Serialize)]
struct Contest {
    id: String,
    name: String,
    leader: String,
    decided: bool,
    rivals: Vec<Rival>,
    units_open: u64,
    units: Vec<OpenUnit>,
}

#[derive(Debug, Serialize)]
struct Rival {
    group: String,
    margin: String,
    margin_exact: String,
    open: String,
    open_held: String,
    open_disputed: String,
    open_silent: String,
    open_coins: String,
    decided: bool,
}

#[derive(Debug, Serialize)]
struct OpenUnit {
    unit: String,
    name: String,
    question: String,
    effect: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pool: String,
}

impl Outlook {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.show(output))
    }

    async fn show(self, output: Output) -> Outcome {
        let connections = self.network.connect()?;
        let request = v1::GetOutlookRequest {
            local: self.local,
            units: self.units,
        };
        let answer = connections
            .any(|channel| async move {
                v1::results_client::ResultsClient::new(channel)
                    .get_outlook(request)
                    .await
            })
            .await
            .map_err(|error| trust::no_answer("fetch the outlook", &error))?;
        let shown = Shown::from(answer);
        output.result("tally.outlook/v1", &shown, || shown.words())?;
        Ok(Exit::Done)
    }
}

impl From<v1::Outlook> for Shown {
    fn from(wire: v1::Outlook) -> Shown {
        Shown {
            tree_size: wire.tree_size,
            confirmed_by_majority: wire.linearizable,
            contests: wire.contests.into_iter().map(Contest::from).collect(),
        }
    }
}

impl From<v1::ContestOutlook> for Contest {
    fn from(wire: v1::ContestOutlook) -> Contest {
        let rival = |rival: v1::RivalOutlook| Rival {
            group: rival.group,
            margin: rival.margin,
            margin_exact: rival.margin_exact,
            open: rival.open,
            open_held: rival.open_held,
            open_disputed: rival.open_disputed,
            open_silent: rival.open_silent,
            open_coins: rival.open_coins,
            decided: rival.decided,
        };
        let unit = |unit: v1::OpenUnit| OpenUnit {
            unit: unit.unit,
            name: unit.name,
            question: unit.question,
            effect: unit.effect,
            pool: unit.pool,
        };
        Contest {
            id: wire.id,
            name: wire.name,
            leader: wire.leader,
            decided: wire.decided,
            rivals: wire.rivals.into_iter().map(rival).collect(),
            units_open: wire.units_open,
            units: wire.units.into_iter().map(unit).collect(),
        }
    }
}

impl Shown {
    fn words(&self) -> String {
        if self.contests.is_empty() {
            return "nothing to compare yet: no unit has reported".to_owned();
        }
        let parts: Vec<String> = self.contests.iter().map(Contest::words).collect();
        parts.join("\n\n")
    }
}

impl Contest {
    fn words(&self) -> String {
        let Contest { name, leader, .. } = self;
        let verdict = if self.decided {
            "decided: no answer to the open questions changes who is ahead"
        } else {
            "not decidable yet"
        };
        let mut lines = vec![format!("{name}: {leader} leads; {verdict}")];
        // The nearest group always, the others as far as they can still overtake.
        let nearest = self.rivals.iter().take(1);
        let others = self.rivals.iter().skip(1).filter(|rival| !rival.decided);
        lines.extend(nearest.chain(others).map(Rival::words));
        if !self.decided && !self.units.is_empty() {
            lines.push(text_of(&self.table()));
            let listed = u64::try_from(self.units.len()).unwrap_or(u64::MAX);
            if self.units_open > listed {
                lines.push(format!(
                    "  and {} more",
                    self.units_open.saturating_sub(listed)
                ));
            }
        }
        lines.join("\n")
    }

    fn table(&self) -> Table {
        let mut table = plain();
        table.set_header(["  unit", "name", "question", "at most"]);
        for unit in &self.units {
            let question = if unit.pool.is_empty() {
                unit.question.clone()
            } else {
                format!("{}, with all of pool {}", unit.question, unit.pool)
            };
            table.add_row([
                format!("  {}", unit.unit),
                unit.name.clone(),
                question,
                unit.effect.clone(),
            ]);
        }
        table
    }
}

impl Rival {
    fn words(&self) -> String {
        format!(
            "  {} is {} behind; open {} (held {}, disputed {}, silent {}, coins {})",
            self.group,
            self.margin,
            self.open,
            self.open_held,
            self.open_disputed,
            self.open_silent,
            self.open_coins
        )
    }
}

//! `tally import`: the published releases again, as signed notes, in memory or to a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;

use caucus::{ElectionId, Results, Rules};
use clap::Args;
use comfy_table::Table;
use futures::StreamExt as _;
use note::{Origin, UnixSeconds};
use receipt::{Bundle, ElectionKind, Leaf};
use release::{Places, Series};
use serde::Serialize;

use super::args::{Kept, Network, Patience, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::results::{plain, text_of};
use super::{on_network, send, trust};
use crate::audit;
use crate::client::Client;
use crate::election::{self, NodePlan, Plan};
use crate::random::SeededRandom;
use crate::replay::{self, Desk, Keys, Mismatch, Noted};

/// Notes under way at once while a release is sent. The generated one goes note by note.
const AT_ONCE: usize = 32;
/// What an election made for a replay in memory claims as its time: the evening of 3 February 2020.
const EVENING: u64 = 1_580_776_200;

/// Replay the published releases as signed notes, and a generated release after them.
#[derive(Debug, Args)]
#[command(after_help = "\
Each release adds units, and what then stands is held against it. The generated release after the
last has every act that can change a figure, drawn by the seed: corrections, rivals, reviews, voids,
recanvass and recount, keys, the roster, publication and the close.

Examples:
  tally import iowa2020 --offline
  tally election new --development night --releases iowa2020
  tally import iowa2020 --election night")]
pub(crate) struct Import {
    /// The folder with precincts.csv, counties.csv and snapshots/.
    folder: PathBuf,
    /// Apply the notes in memory; no cluster is needed.
    #[arg(long, required_unless_present = "election")]
    offline: bool,
    /// The folder of a development election on this roster: its keys sign, its cluster is sent to.
    #[arg(long, value_name = "NIGHT", conflicts_with = "offline")]
    election: Option<PathBuf>,
    /// What the generated release is drawn from.
    #[arg(long, value_name = "NUMBER", default_value_t = 2020)]
    seed: u64,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    kept: Kept,
}

#[derive(Debug, Serialize)]
struct Report {
    releases: Vec<ReleaseRow>,
    generated: Generated,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<Cluster>,
}

#[derive(Debug, Serialize)]
struct ReleaseRow {
    release: String,
    added: usize,
    changed: usize,
    equal_to_published: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
    #[serde(flatten)]
    now: Now,
}

#[derive(Debug, Serialize)]
struct Generated {
    acts: Vec<ActRow>,
    equal_to_recomputed: bool,
    #[serde(flatten)]
    now: Now,
}

#[derive(Debug, Serialize)]
struct ActRow {
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    outcome: &'static str,
}

/// What stands after a release.
#[derive(Debug, Serialize)]
struct Now {
    silent: u64,
    received: u64,
    verified: u64,
    held: u64,
    held_for: BTreeMap<String, u64>,
    first_alignment: BTreeMap<String, u64>,
    final_alignment: BTreeMap<String, u64>,
    sde: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Cluster {
    receipts: usize,
    equal_to_memory: bool,
}

impl Import {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let rules = Rules::iowa_2020_published();
        let unread = |error: release::ReleaseError| {
            Failure::new(Exit::Usage, "the releases cannot be read").because(&error)
        };
        let places = Places::read(&self.folder, &rules).map_err(unread)?;
        let series = Series::read(&self.folder, &places, &rules).map_err(unread)?;
        let (keys, bundle) = self.keys(&places, &rules)?;
        let time = time_of(&bundle);
        let desk = Desk::open(&keys, &bundle, self.seed, time).map_err(|error| ended(&error))?;
        let played = self.play(output, desk, &series, &places, &rules);
        let (mut report, desk) = played.map_err(|error| ended(&error))?;
        if let Some(night) = &self.election {
            let sent = on_network(self.send(output, night, &desk, report.added()))?;
            report.cluster = Some(sent);
        }
        output.result("tally.import/v1", &report, || report.words())?;
        Ok(if report.all_equal() {
            Exit::Done
        } else {
            Exit::Invalid
        })
    }

    /// The keys and the files of the election: from its folder, or made here.
    fn keys(&self, places: &Places, rules: &Rules) -> Outcome<(Keys, Bundle)> {
        let Some(night) = &self.election else {
            let made = election::make(
                plan(places, rules)?,
                &mut SeededRandom::new(self.seed),
                UnixSeconds::new(EVENING),
            );
            let made = made.map_err(|error| {
                Failure::new(Exit::Usage, "no election can be made of this").because(&error)
            })?;
            let bundle = made.bundle.clone();
            return Ok((Keys::from(made), bundle));
        };
        let opened = trust::open_folder(&Trust {
            bundle: Some(night.join("bundle")),
            fingerprint: None,
        })?;
        let keys = Keys::read(night, &opened.election, &places.roster).map_err(|error| {
            Failure::new(Exit::Usage, "the election's keys cannot be read")
                .because(&error)
                .now("make it with `tally election new --development NIGHT --releases DIR`")
        })?;
        Ok((keys, opened.bundle))
    }

    fn play<'a>(
        &self,
        output: Output,
        mut desk: Desk<'a>,
        series: &Series,
        places: &Places,
        rules: &Rules,
    ) -> Result<(Report, Desk<'a>), replay::Error> {
        let mut releases = Vec::new();
        for step in &series.steps {
            let differences = replay::release(&mut desk, rules, &places.roster, step)?;
            output.say(&format!(
                "{}: {} units",
                step.snapshot.name,
                step.added.len()
            ));
            releases.push(ReleaseRow {
                release: step.snapshot.name.clone(),
                added: step.added.len(),
                changed: step.changed.len(),
                equal_to_published: differences.is_empty(),
                differences: differences.iter().map(Mismatch::to_string).collect(),
                now: Now::of(&desk)?,
            });
        }
        let before = desk.notes().len();
        replay::seventh(&mut desk, &places.roster, self.seed)?;
        let acts = desk.notes().iter().skip(before).map(ActRow::of).collect();
        let generated = Generated {
            acts,
            equal_to_recomputed: desk.results()? == desk.recomputed()?,
            now: Now::of(&desk)?,
        };
        let report = Report {
            releases,
            generated,
            cluster: None,
        };
        Ok((report, desk))
    }

    /// Sends what was applied in memory, and compares what the cluster's leaves lead to.
    async fn send(
        &self,
        output: Output,
        night: &std::path::Path,
        desk: &Desk<'_>,
        concurrent: usize,
    ) -> Outcome<Cluster> {
        let outbox = self.kept.open()?;
        let trusted = Trust {
            bundle: Some(night.join("bundle")),
            fingerprint: None,
        };
        let opened = trust::open_folder(&trusted)?;
        let connections = self.network.connect()?;
        let client = Client::new(connections.clone(), opened.election);
        let (reports, acts) = desk
            .notes()
            .split_at_checked(concurrent)
            .unwrap_or_else(|| (desk.notes(), &[]));
        let one = |noted: &Noted| {
            let (outbox, client, note) = (&outbox, &client, noted.note.clone());
            let what = noted.what;
            let patience = self.patience;
            async move {
                let name = send::keep(outbox, &note)?;
                let sent = send::deliver(outbox, client, &name, &note, patience).await?;
                if sent.state == "receipted" {
                    Ok(())
                } else {
                    Err(Failure::new(sent.exit, format!("{what} has no receipt")).why(sent.words))
                }
            }
        };
        output.say(&format!("sending {} notes", desk.notes().len()));
        let mut under_way =
            futures::stream::iter(reports.iter().map(one)).buffer_unordered(AT_ONCE);
        while let Some(sent) = under_way.next().await {
            sent?;
        }
        for noted in acts {
            one(noted).await?;
        }
        let entries = audit::fetch_log(&connections, 0).await.map_err(|trouble| {
            Failure::new(Exit::NoAnswer, "the log was not fetched").why(trouble.to_string())
        })?;
        let state = audit::recompute(&opened.bundle, &entries).map_err(|error| {
            Failure::new(Exit::Invalid, "the cluster's log does not hold").because(&error)
        })?;
        let there = ledger::View::new(&state).results(caucus::Basis::Reported);
        let here = desk.results().map_err(|error| ended(&error))?;
        Ok(Cluster {
            receipts: desk.notes().len(),
            equal_to_memory: there.is_ok_and(|there| there == here),
        })
    }
}

/// The plan of an election on the releases' roster that is never written down.
fn plan(places: &Places, rules: &Rules) -> Outcome<Plan> {
    let wrong = || Failure::new(Exit::Failed, "no election can be planned");
    Ok(Plan {
        election: ElectionId::parse("import").map_err(|_| wrong())?,
        origin: Origin::parse_election("tally.example/import").map_err(|_| wrong())?,
        kind: ElectionKind::Rehearsal,
        roster: places.roster.clone(),
        rules: rules.clone(),
        nodes: NodePlan::on_loopback(3, 7100).ok_or_else(wrong)?,
        opens: UnixSeconds::new(EVENING),
        closes: UnixSeconds::new(EVENING.saturating_add(6 * 60 * 60)),
        vouchers_per_unit: 1,
        witnesses: Vec::new(),
    })
}

/// What every note claims as its time, so that a second import signs the same notes.
fn time_of(bundle: &Bundle) -> UnixSeconds {
    let first = bundle.manifests.first();
    first
        .and_then(|manifest| Leaf::parse(&manifest.note).ok())
        .and_then(|leaf| leaf.header().map(|header| header.time))
        .unwrap_or(UnixSeconds::new(EVENING))
}

fn ended(error: &replay::Error) -> Failure {
    Failure::new(Exit::Failed, "the replay did not come to its end").because(error)
}

impl ActRow {
    fn of(noted: &Noted) -> ActRow {
        ActRow {
            what: noted.what,
            unit: noted.unit.as_ref().map(ToString::to_string),
            outcome: noted.outcome.name(),
        }
    }
}

impl Now {
    fn of(desk: &Desk<'_>) -> Result<Now, replay::Error> {
        let standings = desk.standings()?;
        let rows = desk.results()?.map(|results: Results| results.statewide);
        let rows = rows.unwrap_or_default();
        let by = |count: fn(&caucus::ResultRow) -> u64| {
            rows.iter()
                .map(|row| (row.group.to_string(), count(row)))
                .collect()
        };
        Ok(Now {
            silent: standings.silent,
            received: standings.received,
            verified: standings.verified,
            held: standings.held,
            held_for: standings.held_for,
            first_alignment: by(|row| row.first.get()),
            final_alignment: by(|row| row.last.get()),
            sde: rows
                .iter()
                .map(|row| (row.group.to_string(), row.sde.decimal(4)))
                .collect(),
        })
    }

    /// The three data sets, each under its own heading.
    fn table(&self) -> Table {
        let mut table = plain();
        table.set_header([
            "group",
            "first alignment",
            "final alignment",
            "state delegate equivalents",
        ]);
        for (group, sde) in &self.sde {
            let people = |counts: &BTreeMap<String, u64>| {
                counts.get(group).copied().unwrap_or_default().to_string()
            };
            table.add_row([
                group.clone(),
                people(&self.first_alignment),
                people(&self.final_alignment),
                sde.clone(),
            ]);
        }
        table
    }

    fn row(&self, name: &str, added: usize, equal: bool, table: &mut Table) {
        table.add_row([
            name.to_owned(),
            added.to_string(),
            self.silent.to_string(),
            self.received.to_string(),
            self.verified.to_string(),
            self.held.to_string(),
            if equal { "equal" } else { "DIFFERENT" }.to_owned(),
        ]);
    }
}

impl Report {
    /// How many notes are of the published releases.
    fn added(&self) -> usize {
        self.releases.iter().map(|release| release.added).sum()
    }

    fn all_equal(&self) -> bool {
        self.releases
            .iter()
            .all(|release| release.equal_to_published)
            && self.generated.equal_to_recomputed
            && self
                .cluster
                .as_ref()
                .is_none_or(|cluster| cluster.equal_to_memory)
    }

    fn words(&self) -> String {
        let generated = &self.generated;
        let acts = generated.acts.iter().map(|act| {
            let unit = act.unit.as_deref().unwrap_or("the contest");
            format!("  {:<30} {:<18} {unit}", act.what, act.outcome)
        });
        let held = generated.now.held_for.iter();
        let held = held.map(|(code, units)| format!("  {code:<30} {units}"));
        let mut parts = vec![
            text_of(&self.releases_table()),
            format!(
                "the generated release\n{}",
                acts.collect::<Vec<_>>().join("\n")
            ),
            format!(
                "held at the end for\n{}",
                held.collect::<Vec<_>>().join("\n")
            ),
            text_of(&generated.now.table()),
        ];
        let differences = self
            .releases
            .iter()
            .flat_map(|release| &release.differences);
        let differences: Vec<&str> = differences.map(String::as_str).collect();
        if !differences.is_empty() {
            parts.push(format!("different\n  {}", differences.join("\n  ")));
        }
        if let Some(cluster) = &self.cluster {
            let compared = if cluster.equal_to_memory {
                "leads to the same totals"
            } else {
                "leads to OTHER totals"
            };
            parts.push(format!(
                "{} notes have their receipts; the cluster's log {compared}",
                cluster.receipts
            ));
        }
        parts.join("\n\n")
    }

    fn releases_table(&self) -> Table {
        let mut table = plain();
        table.set_header([
            "release", "added", "silent", "received", "verified", "held", "totals",
        ]);
        for release in &self.releases {
            let equal = release.equal_to_published;
            let added = release.added;
            release.now.row(&release.release, added, equal, &mut table);
        }
        let equal = self.generated.equal_to_recomputed;
        self.generated.now.row("generated", 0, equal, &mut table);
        table
    }
}

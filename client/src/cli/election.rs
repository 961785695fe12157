//! `tally election`: making an election, for a desk or with an offline authority, and the bundle
//! everyone else needs.

mod authority;
mod ceremony;
mod plan;
mod promote;

use std::net::SocketAddr;
use std::path::PathBuf;

use caucus::{ElectionId, Roster, Rules};
use clap::{Args, Subcommand};
use note::{Origin, UnixSeconds, b64};
use receipt::leaf::Role;
use receipt::{ElectionKind, Fingerprint, Manifest, NodeId};
use release::Places;
use serde::Serialize;

use super::args::{Network, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::{files, on_network, trust};
use crate::bundle::{self, FetchError};
use crate::clock::{Clock as _, SystemClock};
use crate::election::{self, Made, NodePlan, Plan, WitnessPlan, Written, small_roster};
use crate::random::{SeededRandom, SystemRandom};

/// Make an election, fetch its bundle, show what is in it.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    New(Box<New>),
    Plan(plan::Plan),
    Chairs(ceremony::Chairs),
    Sign(authority::Sign),
    Assemble(authority::Assemble),
    Successors(ceremony::Successors),
    Next(ceremony::Next),
    Promote(promote::Promote),
    Bundle(Bundle),
    Fingerprint(ShowFingerprint),
    Show(Show),
}

/// Make an election: with all its keys for a desk, or the text that an offline authority signs.
#[derive(Debug, Args)]
#[command(after_help = "\
With --plan nothing secret is made: the plan names the files in which everything was decided, and
the unsigned manifest is written with its files, to be signed with `tally election sign`. `tally
election plan --example` prints a plan.

With --development all secret keys are made on this machine and written unencrypted, which is right
for trying things out and wrong for a night that counts. What is made, in the folder given:
  manifest.note, roster.txt, rules.txt, roll.txt, policy.*.txt, fingerprint.txt
  bundle/            what anyone needs beside a receipt to check it
  chairs/UNIT.key    the chair's key; beside it UNIT.b.key, UNIT.s.key and UNIT.vouchers
  keys/ROLE/         authority, admin, observer, operator, publisher, registrar, reviewer
  nodes/ID/          node.toml with keys and certificates: tally-node --config nodes/n1/node.toml
  tally.env          addresses, bundle, fingerprint, ca and outbox, for a shell to source

Examples:
  tally election new --development night
  tally election new --development night --nodes 5 --units 400
  tally election new --development night --roster roster.txt --rules rules.txt
  tally election new --development night --releases iowa2020
  tally election new --plan election.toml --out ceremony")]
pub(crate) struct New {
    /// The folder to write to; it must be empty or not exist yet.
    #[arg(long, value_name = "DIR", required_unless_present = "plan")]
    development: Option<PathBuf>,
    /// The plan of an election whose keys are made elsewhere and signed for by the authority.
    #[arg(
        long,
        value_name = "FILE",
        requires = "out",
        conflicts_with_all = ["development", "seed", "live", "listed", "roster", "releases", "rules", "opens", "closes"]
    )]
    plan: Option<PathBuf>,
    /// The folder for the unsigned manifest and its files; it must be empty or not exist yet.
    #[arg(long, value_name = "DIR", requires = "plan")]
    out: Option<PathBuf>,
    /// The contest's name; it stands in every note.
    #[arg(long, value_name = "NAME", default_value = "caucus-desk")]
    election: ElectionId,
    /// The log's name [default: tally.example/<election>].
    #[arg(long, value_parser = origin)]
    origin: Option<Origin>,
    /// For the night itself; without it everything says REHEARSAL.
    #[arg(long)]
    live: bool,
    /// How many nodes: 3 survive the loss of one, 5 the loss of two.
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: u16,
    /// The first node's first port; each node takes three, ten apart from the next node's.
    #[arg(long, value_name = "PORT", default_value_t = 7100)]
    base_port: u16,
    /// Addresses of one node: clients, peers, operations; once for each node, instead of --nodes.
    #[arg(long = "node", value_name = "IP:PORT,IP:PORT,IP:PORT", value_parser = addresses)]
    listed: Vec<[SocketAddr; 3]>,
    /// How many units a made-up roster has.
    #[arg(long, value_name = "NUMBER", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=9999))]
    units: u32,
    /// A roster file, instead of a made-up roster.
    #[arg(long, value_name = "FILE", conflicts_with = "units")]
    roster: Option<PathBuf>,
    /// Published releases, instead of a made-up roster: their units, with the rules' published groups.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["units", "roster"])]
    releases: Option<PathBuf>,
    /// A rule file [default: the Iowa rules of 2020 with twelve groups].
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// An outside witness that the manifest names and the nodes ask; once for each.
    #[arg(long = "witness", value_name = "ID URL VKEY", value_parser = witness)]
    witnesses: Vec<WitnessPlan>,
    /// Paper vouchers for each unit.
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    vouchers: u8,
    /// When the caucuses begin, in seconds since 1970 [default: now].
    #[arg(long, value_name = "SECONDS")]
    opens: Option<u64>,
    /// When they end, in seconds since 1970 [default: six hours later].
    #[arg(long, value_name = "SECONDS")]
    closes: Option<u64>,
    /// Make the same keys each time, from this number and --opens. Whoever knows it has every key.
    #[arg(long, value_name = "NUMBER", requires = "opens")]
    seed: Option<u64>,
}

/// Fetch the election's bundle from a node, check it against the fingerprint, and keep it.
#[derive(Debug, Args)]
#[command(after_help = "\
The bundle holds every version of the manifest and the files they name: roster, rules, roll and
policies. With it a receipt can be checked without any network.

Example:
  tally election bundle caucus-bundle --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K")]
pub(crate) struct Bundle {
    /// The folder to write to.
    folder: PathBuf,
    /// Take it from this folder instead of a node.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The election's fingerprint as published.
    #[arg(long, env = "TALLY_FINGERPRINT", value_name = "CODE", value_parser = super::args::fingerprint, hide_env_values = true)]
    fingerprint: Fingerprint,
    #[command(flatten)]
    network: Network,
}

/// Print the fingerprint of a bundle, to be compared with the published one.
#[derive(Debug, Args)]
pub(crate) struct ShowFingerprint {
    #[command(flatten)]
    trust: Trust,
}

/// Show what an election's manifest says.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Also list every unit.
    #[arg(long)]
    units: bool,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Summary {
    election: String,
    kind: String,
    fingerprint: String,
    genesis: String,
    units: usize,
    folder: String,
    nodes: Vec<String>,
    node_configs: Vec<String>,
}

#[derive(Serialize)]
struct Print {
    fingerprint: String,
    genesis: String,
}

#[derive(Serialize)]
struct Shown {
    election: String,
    kind: String,
    fingerprint: String,
    versions: Vec<VersionRow>,
    rules: String,
    groups: Vec<String>,
    units: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unit_lines: Vec<String>,
}

#[derive(Serialize)]
struct VersionRow {
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf: Option<u64>,
    origin: String,
    authority: String,
    nodes: Vec<String>,
    spares: Vec<String>,
    witnesses: Vec<String>,
    people: Vec<String>,
    receipt_quorum: usize,
    final_quorum: usize,
    opens: String,
    closes: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<String>,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::New(new) => new.run(output),
            Verb::Plan(plan) => plan.run(),
            Verb::Chairs(chairs) => chairs.run(output),
            Verb::Sign(sign) => sign.run(output),
            Verb::Assemble(assemble) => assemble.run(output),
            Verb::Successors(successors) => successors.run(output),
            Verb::Next(next) => next.run(output),
            Verb::Promote(promote) => promote.run(output),
            Verb::Bundle(bundle) => on_network(bundle.run(output)),
            Verb::Fingerprint(print) => print.run(output),
            Verb::Show(show) => show.run(output),
        }
    }
}

impl New {
    fn run(self, output: Output) -> Outcome {
        let development = match (&self.plan, &self.out, &self.development) {
            (Some(plan), Some(out), _) => return ceremony::first(output, plan, out),
            (_, _, Some(folder)) => folder,
            (_, _, None) => {
                return Err(
                    Failure::new(Exit::Usage, "where is the election to be written?")
                        .now("give --development DIR, or --plan FILE with --out DIR"),
                );
            }
        };
        let now = SystemClock::start().unix();
        let opens = self.opens.map_or(now, UnixSeconds::new);
        let plan = self.desk_plan(opens)?;
        // With a seed the whole election is a function of the command line, so its time is too.
        let made = match self.seed {
            Some(seed) => election::make(plan, &mut SeededRandom::new(seed), opens),
            None => election::make(plan, &mut SystemRandom, now),
        };
        let made = made.map_err(|error| {
            Failure::new(Exit::Usage, "no election can be made of this").because(&error)
        })?;
        let written = election::write(&made, development, now).map_err(|error| {
            Failure::new(Exit::Failed, "the election was not written")
                .because(&error)
                .now("give a folder that is empty or does not exist yet")
        })?;
        tell(output, &made, &written)
    }

    fn desk_plan(&self, opens: UnixSeconds) -> Outcome<Plan> {
        const SIX_HOURS: u64 = 6 * 60 * 60;
        let wrong = |what: &str, why: String| Failure::new(Exit::Usage, what).why(why);
        let rules = match &self.rules {
            Some(file) => Rules::parse(&files::read_text(file)?)
                .map_err(|error| wrong("the rules cannot be read", error.to_string()))?,
            None if self.releases.is_some() => Rules::iowa_2020_published(),
            None => Rules::iowa_2020(),
        };
        let roster = match (&self.releases, &self.roster) {
            (Some(folder), _) => {
                Places::read(folder, &rules)
                    .map_err(|error| {
                        Failure::new(Exit::Usage, "the releases cannot be read").because(&error)
                    })?
                    .roster
            }
            (None, Some(file)) => Roster::parse(&files::read_text(file)?)
                .map_err(|error| wrong("the roster cannot be read", error.to_string()))?,
            (None, None) => small_roster(self.units, &rules)
                .map_err(|error| wrong("no roster can be made up", error))?,
        };
        let name = self.election.as_str().to_ascii_lowercase();
        let origin = self
            .origin
            .clone()
            .map_or_else(|| origin(&format!("tally.example/{name}")), Ok)
            .map_err(|why| wrong("no log can be named after the election", why))?;
        Ok(Plan {
            election: self.election.clone(),
            origin,
            kind: if self.live {
                ElectionKind::Live
            } else {
                ElectionKind::Rehearsal
            },
            roster,
            rules,
            nodes: self.node_plans()?,
            opens,
            closes: self.closes.map_or_else(
                || UnixSeconds::new(opens.get().saturating_add(SIX_HOURS)),
                UnixSeconds::new,
            ),
            vouchers_per_unit: self.vouchers,
            witnesses: self.witnesses.clone(),
        })
    }

    fn node_plans(&self) -> Outcome<Vec<NodePlan>> {
        let unfit = || {
            Failure::new(Exit::Usage, "the nodes' ports do not fit")
                .now("give a lower --base-port, at most 65000")
        };
        if self.listed.is_empty() {
            return NodePlan::on_loopback(self.nodes, self.base_port).ok_or_else(unfit);
        }
        let plan = |(ordinal, [api, peers, operations]): (u64, &[SocketAddr; 3])| {
            let id = NodeId::parse(&format!("n{ordinal}")).ok_or_else(unfit)?;
            Ok(NodePlan {
                ordinal,
                id,
                api: *api,
                peers: *peers,
                operations: *operations,
            })
        };
        (1..).zip(&self.listed).map(plan).collect()
    }
}

fn tell(output: Output, made: &Made, written: &Written) -> Outcome {
    let folder = written.folder.display().to_string();
    let summary = Summary {
        election: made.plan.election.to_string(),
        kind: made.plan.kind.to_string(),
        fingerprint: made.fingerprint.to_string(),
        genesis: b64::encode_hash(&made.genesis),
        units: made.units.len(),
        folder: folder.clone(),
        nodes: made
            .plan
            .nodes
            .iter()
            .map(|node| node.api.to_string())
            .collect(),
        node_configs: written
            .node_configs
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
    };
    output.result("tally.election/v1", &summary, || {
        format!(
            "{} ({}), {} units, {} nodes\nfingerprint {}\n",
            summary.election,
            summary.kind,
            summary.units,
            summary.nodes.len(),
            summary.fingerprint
        )
    })?;
    output.say(&format!(
        "written to {folder}\nnext:\n  start each node:  tally-node --config {folder}/nodes/n1/node.toml\n  \
         then:             . {folder}/tally.env && tally cluster init --key {folder}/keys/admin/admin-1.key"
    ));
    Ok(Exit::Done)
}

impl Bundle {
    async fn run(self, output: Output) -> Outcome {
        let bundle = if self.from.is_some() {
            let trust = Trust {
                bundle: self.from,
                fingerprint: Some(self.fingerprint),
            };
            trust::open_folder(&trust)?.bundle
        } else {
            let connections = self.network.connect()?;
            let fetched = bundle::fetch_to_keep(&connections, self.fingerprint).await;
            fetched.map_err(|error| not_fetched(&error))?.0
        };
        bundle::write_folder(&bundle, &self.folder).map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("cannot write `{}`", self.folder.display()),
            )
            .because(&error)
        })?;
        let written = Trust {
            bundle: Some(self.folder),
            fingerprint: Some(self.fingerprint),
        };
        ShowFingerprint { trust: written }.run(output)
    }
}

fn not_fetched(error: &FetchError) -> Failure {
    match error {
        FetchError::NoAnswer(error) => trust::no_answer("fetch the bundle", error),
        FetchError::Malformed | FetchError::Untrusted(_) => {
            Failure::new(Exit::Invalid, "a node serves another election").because(error)
        }
    }
}

impl ShowFingerprint {
    fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let genesis = opened.election.genesis();
        let print = Print {
            fingerprint: Fingerprint::of(*genesis).to_string(),
            genesis: b64::encode_hash(genesis),
        };
        output.result("tally.fingerprint/v1", &print, || {
            format!("{}\n{}", print.fingerprint, print.genesis)
        })?;
        Ok(Exit::Done)
    }
}

impl Show {
    fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let election = &opened.election;
        let latest = election.latest();
        let units = latest.roster();
        let shown = Shown {
            election: election.id().to_string(),
            kind: election.kind().to_string(),
            fingerprint: Fingerprint::of(*election.genesis()).to_string(),
            versions: election
                .versions()
                .iter()
                .map(|version| VersionRow::of(version, election))
                .collect(),
            rules: latest.rules().title().to_owned(),
            groups: latest
                .rules()
                .groups()
                .iter()
                .map(|group| group.id.to_string())
                .collect(),
            units: units.unit_count(),
            unit_lines: if self.units {
                units.units().map(caucus::Unit::to_line).collect()
            } else {
                Vec::new()
            },
        };
        output.result("tally.election-shown/v1", &shown, || shown.words())?;
        Ok(Exit::Done)
    }
}

impl VersionRow {
    fn of(version: &receipt::Version, election: &receipt::Election) -> VersionRow {
        let manifest: &Manifest = version.manifest();
        let before = manifest
            .previous
            .and_then(|previous| election.version_of(&previous));
        let ids = |lines: &[receipt::NodeLine]| {
            lines
                .iter()
                .map(|node| format!("{} (ordinal {})", node.id, node.ordinal))
                .collect()
        };
        let people = |role: &Role| format!("{} {role}", manifest.keys_of(*role).count());
        VersionRow {
            version: manifest.version,
            leaf: version.leaf().map(merkle::LeafIndex::get),
            origin: manifest.origin.to_string(),
            authority: format!(
                "{} of {}",
                manifest.authority.threshold,
                manifest.authority.names.len()
            ),
            nodes: ids(&manifest.nodes),
            spares: ids(&manifest.spares),
            witnesses: manifest
                .witnesses
                .iter()
                .map(|witness| witness.id.to_string())
                .collect(),
            people: Role::ALL.iter().map(people).collect(),
            receipt_quorum: manifest.receipt_quorum(),
            final_quorum: manifest.final_quorum(),
            opens: time(manifest.opens),
            closes: time(manifest.closes),
            changes: before.map_or_else(Vec::new, |before| {
                election::differences(before.manifest(), manifest)
            }),
        }
    }
}

impl VersionRow {
    fn words(&self) -> String {
        let place = self
            .leaf
            .map_or_else(|| "not in force".to_owned(), |leaf| format!("leaf {leaf}"));
        let mut lines = vec![
            format!("\nmanifest {}, {place}", self.version),
            format!("  log        {}", self.origin),
            format!("  authority  {}", self.authority),
            format!("  nodes      {}", self.nodes.join(", ")),
            format!(
                "  receipt    {} of {} nodes cosign",
                self.receipt_quorum,
                self.nodes.len()
            ),
            format!("  people     {}", self.people.join(", ")),
            format!("  opens      {}", self.opens),
            format!("  closes     {}", self.closes),
        ];
        let changes = self.changes.iter();
        lines.extend(changes.map(|change| format!("  changes    {change}")));
        lines.join("\n")
    }
}

/// A moment as people write it, with its zone.
fn time(moment: UnixSeconds) -> String {
    i64::try_from(moment.get())
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| moment.to_string(), |time| time.to_string())
}

impl Shown {
    fn words(&self) -> String {
        let mut lines = vec![
            format!("election     {} ({})", self.election, self.kind),
            format!("fingerprint  {}", self.fingerprint),
            format!("rules        {}", self.rules),
            format!("groups       {}", self.groups.join(", ")),
            format!("units        {}", self.units),
        ];
        lines.extend(self.versions.iter().map(VersionRow::words));
        lines.extend(self.unit_lines.iter().cloned());
        lines.join("\n")
    }
}

pub(crate) fn origin(text: &str) -> Result<Origin, String> {
    Origin::parse_election(text)
        .map_err(|_| format!("`{text}` is not an origin: at most 64 of a-z 0-9 . / -"))
}

/// Reads an outside witness.
fn witness(text: &str) -> Result<WitnessPlan, String> {
    WitnessPlan::parse(text).ok_or_else(|| {
        "a witness is its id, its URL and its public key in one word each, as tally-witness prints it"
            .to_owned()
    })
}

/// Reads `clients,peers,operations`.
pub(crate) fn addresses(text: &str) -> Result<[SocketAddr; 3], String> {
    let parse = |part: &str| {
        part.parse::<SocketAddr>()
            .map_err(|error| format!("`{part}`: {error}"))
    };
    let parts = text.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
    parts
        .try_into()
        .map_err(|_| "three addresses: clients, peers, operations".to_owned())
}

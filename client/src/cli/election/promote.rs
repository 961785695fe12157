//! From a rehearsal to the night: the one path, and what has to be handed out anew.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use caucus::ElectionId;
use clap::Args;
use note::{Origin, UnixSeconds};
use receipt::leaf::Role;
use receipt::{ElectionKind, NodeId, Version};
use serde::{Deserialize, Serialize};

use super::super::args::Trust;
use super::super::exit::Exit;
use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::{files, trust};
use crate::clock::{Clock as _, SystemClock};
use crate::election::{self, NodePlan};
use crate::random::SystemRandom;

/// Make the live election from a rehearsal: the same roster, rules, people and addresses, and
/// nothing secret of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Roster and rules as they were in force at the end of the rehearsal, people by name and role, and the
nodes' addresses are taken over. Genesis, the log's name, every key and every voucher are new; if
anything would be shared, nothing is written. Afterwards everything is handed out anew, and the list
of it is printed.

Example:
  tally election promote rehearsal --election caucus-2028-ia --origin tally.example/caucus-2028-ia \\
      --opens 1864688400 --closes 1864710000 --out live")]
pub(crate) struct Promote {
    /// The rehearsal's folder, as `election new` left it.
    rehearsal: PathBuf,
    /// The folder to write to; it must be empty or not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The live contest's name.
    #[arg(long, value_name = "NAME")]
    election: ElectionId,
    /// The live log's name.
    #[arg(long, value_parser = super::origin)]
    origin: Origin,
    /// When the caucuses begin, in seconds since 1970.
    #[arg(long, value_name = "SECONDS")]
    opens: u64,
    /// When they end, in seconds since 1970.
    #[arg(long, value_name = "SECONDS")]
    closes: u64,
    /// Paper vouchers for each unit.
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    vouchers: u8,
}

#[derive(Serialize)]
struct Promoted {
    election: String,
    kind: String,
    fingerprint: String,
    rehearsal: String,
    folder: String,
    hand_out: Vec<String>,
}

/// The addresses of a node's configuration.
#[derive(Deserialize)]
struct Addresses {
    api: Listener,
    peers: Listener,
    operations: Listener,
}

#[derive(Deserialize)]
struct Listener {
    listen: SocketAddr,
}

impl Promote {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&Trust {
            bundle: Some(self.rehearsal.join("bundle")),
            fingerprint: None,
        })?;
        let rehearsal = &opened.election;
        if rehearsal.kind() == ElectionKind::Live {
            return Err(Failure::new(Exit::Usage, "this election is live already")
                .now("a night is made from a rehearsal, never from another night"));
        }
        let latest = rehearsal.latest();
        let plan = election::Plan {
            election: self.election.clone(),
            origin: self.origin.clone(),
            kind: ElectionKind::Live,
            roster: latest.roster().clone(),
            rules: latest.rules().clone(),
            nodes: nodes(&self.rehearsal, latest)?,
            opens: UnixSeconds::new(self.opens),
            closes: UnixSeconds::new(self.closes),
            vouchers_per_unit: self.vouchers,
            // A witness has seen the rehearsal's log; for the night it is named anew.
            witnesses: Vec::new(),
        };
        let names = election::names_of(latest.manifest());
        let now = SystemClock::start().unix();
        let made = election::make_for(plan, &names, &mut SystemRandom, now)
            .map_err(|error| super::ceremony::not_drafted(&error))?;
        let shared = election::carried_over(rehearsal.versions(), &made);
        if !shared.is_empty() {
            let refused = Failure::new(
                Exit::Usage,
                "the live election would share something with the rehearsal; nothing was written",
            )
            .now("give --election and --origin names of their own");
            return Err(shared.into_iter().fold(refused, Failure::why));
        }
        election::write(&made, &self.out, now).map_err(|error| {
            Failure::new(Exit::Failed, "the election was not written")
                .because(&error)
                .now("give a folder that is empty or does not exist yet")
        })?;
        let promoted = Promoted {
            election: made.plan.election.to_string(),
            kind: made.plan.kind.to_string(),
            fingerprint: made.fingerprint.to_string(),
            rehearsal: rehearsal.id().to_string(),
            folder: self.out.display().to_string(),
            hand_out: hand_out(&made),
        };
        output.result("tally.promoted/v1", &promoted, || promoted.words())?;
        Ok(Exit::Done)
    }
}

impl Promoted {
    fn words(&self) -> String {
        let mut lines = vec![
            format!(
                "{} (live), from the rehearsal {}; nothing secret of it was taken over",
                self.election, self.rehearsal
            ),
            format!("fingerprint {}", self.fingerprint),
            format!("written to {}; to be handed out anew:", self.folder),
        ];
        lines.extend(self.hand_out.iter().map(|line| format!("  {line}")));
        lines.join("\n")
    }
}

/// Everything that its holder must get again, for nothing from the rehearsal works.
fn hand_out(made: &election::Made) -> Vec<String> {
    let mut lines = vec![
        format!("the fingerprint {}, in print", made.fingerprint),
        "the bundle, and the certificate ca.crt for clients".to_owned(),
        format!(
            "{} units: the cards of chair, spare and secretary, and the vouchers; \
             collect and destroy those of the rehearsal",
            made.units.len()
        ),
    ];
    for node in &made.nodes {
        lines.push(format!(
            "node {}: node.toml, both keys, certificates; an empty data directory",
            node.id
        ));
    }
    for (role, keys) in &made.people {
        let names: Vec<&str> = keys
            .iter()
            .map(|key| key.verifier().name().as_str())
            .collect();
        let what = match role {
            Role::Authority => "keys of the authority, to offline machines",
            Role::Admin
            | Role::Observer
            | Role::Operator
            | Role::Publisher
            | Role::Registrar
            | Role::Reviewer => "keys",
        };
        lines.push(format!("{role}: {what}: {}", names.join(", ")));
    }
    lines
}

/// The rehearsal's nodes by their addresses, numbered anew from 1.
fn nodes(folder: &Path, latest: &Version) -> Outcome<Vec<NodePlan>> {
    (1..)
        .zip(&latest.manifest().nodes)
        .map(|(ordinal, node)| {
            let file = folder
                .join("nodes")
                .join(node.id.as_str())
                .join("node.toml");
            let addresses: Addresses =
                toml::from_str(&files::read_text(&file)?).map_err(|error| {
                    Failure::new(
                        Exit::Usage,
                        format!("`{}` has no addresses", file.display()),
                    )
                    .because(&error)
                })?;
            let id = format!("n{ordinal}");
            Ok(NodePlan {
                ordinal,
                id: NodeId::parse(&id)
                    .ok_or_else(|| Failure::new(Exit::Failed, "a node cannot be numbered"))?,
                api: addresses.api.listen,
                peers: addresses.peers.listen,
                operations: addresses.operations.listen,
            })
        })
        .collect()
}

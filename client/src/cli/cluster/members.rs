//! `tally cluster add`, `promote`, `remove`, `replace`, `succeed`, `transfer`, `drain`, `resume`:
//! orders to the machines, signed by an administrator.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use note::{SignerKey, b64};
use receipt::Election;
use receipt::leaf::Reason;
use serde::Serialize;

use super::super::args::{Network, Trust};
use super::super::exit::Exit;
use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::secrets::Passphrases;
use super::super::trust;
use crate::clock::{Clock as _, SystemClock};
use crate::connection::{Connections, NodeAddress};
use crate::members::replace::{Replacement, Step, Successor};
use crate::members::{Controls, Error};

/// Who gives the order, and to which cluster.
#[derive(Debug, Args)]
pub(crate) struct Office {
    /// An administrator's secret key; twice where two must sign.
    #[arg(
        long = "key",
        env = "TALLY_KEY",
        value_name = "FILE",
        required = true,
        hide_env_values = true
    )]
    keys: Vec<PathBuf>,
    /// Address of a node that `TALLY_NODES` does not have, such as a spare's.
    #[arg(long = "at", value_name = "HOST:PORT")]
    at: Vec<NodeAddress>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    passphrases: Passphrases,
}

/// An office that is open.
pub(crate) struct Open {
    pub(crate) connections: Connections,
    pub(crate) election: Arc<Election>,
    pub(crate) keys: Vec<SignerKey>,
}

impl Office {
    pub(crate) fn open(&self, output: Output) -> Outcome<Open> {
        let keys = self
            .keys
            .iter()
            .map(|file| self.passphrases.signer(output, file))
            .collect::<Outcome<Vec<_>>>()?;
        let mut network = self.network.clone();
        for address in &self.at {
            if !network.nodes.contains(address) {
                network.nodes.push(address.clone());
            }
        }
        Ok(Open {
            connections: network.connect()?,
            election: trust::open_folder(&self.trust)?.election,
            keys,
        })
    }
}

impl Open {
    pub(crate) fn controls(&self) -> Outcome<Controls<'_>> {
        let key = self.keys.first().ok_or_else(|| {
            Failure::new(Exit::Usage, "no key to sign with").now("give --key FILE")
        })?;
        Ok(Controls {
            connections: &self.connections,
            election: &self.election,
            key,
            clock: SystemClock::start(),
        })
    }
}

/// Let a node with an empty directory follow the log without a vote.
#[derive(Debug, Args)]
#[command(after_help = "\
The manifest in force names the node, as a node or as a spare, and it runs with an empty data
directory. The order is signed for that one directory, so what this prints as its token is of no
use for another: a node that loses its directory is replaced, not added again.

Example:
  tally cluster add n4 --at 10.0.0.4:7100 --key admin-1.key")]
pub(crate) struct Add {
    /// The node's id in the manifest.
    node: String,
    #[command(flatten)]
    office: Office,
}

#[derive(Serialize)]
struct Added {
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Add {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let open = self.office.open(output)?;
        let token = open.controls()?.add(&self.node).await.map_err(failure)?;
        let added = Added {
            node: self.node,
            token: token.as_deref().map(b64::encode),
        };
        output.result("tally.node-added/v1", &added, || match &added.token {
            Some(token) => format!(
                "{} follows without a vote; it was let in with this token, once\n  {token}",
                added.node
            ),
            None => format!("{} takes part already", added.node),
        })?;
        Ok(Exit::Done)
    }
}

/// Give nodes that follow a vote, all in one step.
#[derive(Debug, Args)]
#[command(after_help = "\
Each is a node line of the manifest in force and has caught up. Give two at once to grow from three
to five: an even number of voters survives no more failures than the odd one below.

Example:
  tally cluster promote n4 n5 --key admin-1.key")]
pub(crate) struct Promote {
    /// Their ids.
    #[arg(id = "ids", value_name = "NODE", required = true)]
    nodes: Vec<String>,
    #[command(flatten)]
    office: Office,
}

impl Promote {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let open = self.office.open(output)?;
        let controls = open.controls()?;
        for node in &self.nodes {
            let caught_up = controls.caught_up(node, Duration::from_mins(10)).await;
            caught_up.map_err(failure)?;
        }
        controls.promote(&self.nodes).await.map_err(failure)?;
        done(output, "promoted", &self.nodes, "now vote")
    }
}

/// Take a node out for good; the manifest in force no longer names it.
#[derive(Debug, Args)]
#[command(after_help = "\
A node that the manifest names keeps its place, because receipts count it: bring the version
without it into the log first, with `tally cluster succeed` or `replace`. A node that has left never
comes back under its ordinal. The node that leads may be taken out; another leads then.

Example:
  tally cluster remove n3 --key admin-1.key")]
pub(crate) struct Remove {
    /// Its id.
    node: String,
    #[command(flatten)]
    office: Office,
}

impl Remove {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let open = self.office.open(output)?;
        open.controls()?.remove(&self.node).await.map_err(failure)?;
        done(output, "removed", &[self.node], "has left")
    }
}

/// Put a spare into a dead node's place; two admins sign.
#[derive(Debug, Args)]
#[command(after_help = "\
The spare joins and replays the log; then the version that the authority signed for this swap before
the night is activated and becomes a leaf, and in one step the old node leaves and the spare votes.
The quorum never shrinks. If it breaks off, run it again: what is done is not done twice.

Example:
  tally cluster replace n3 --by n4 --successors night/successors --reason 'n3 burnt' \\
      --at 10.0.0.4:7100 --key admin-1.key --key admin-2.key")]
pub(crate) struct Replace {
    /// Who goes.
    node: String,
    /// The spare that comes.
    #[arg(long, value_name = "SPARE")]
    by: String,
    /// The folder with the versions that the authority has signed, one folder each.
    #[arg(long, value_name = "DIR")]
    successors: PathBuf,
    /// Why, in one line; it stands in the log for everyone to read.
    #[arg(long, value_parser = reason)]
    reason: Reason,
    #[command(flatten)]
    office: Office,
}

#[derive(Serialize)]
struct Replaced {
    out: String,
    by: String,
    manifest_version: u64,
    took_ms: u64,
}

impl Replace {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let open = self.office.open(output)?;
        let successors = Successor::read_all(&self.successors).map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!(
                    "cannot read the versions in `{}`",
                    self.successors.display()
                ),
            )
            .because(&error)
        })?;
        let replacement = Replacement {
            out: self.node.clone(),
            by: self.by.clone(),
            successors,
            reason: self.reason,
        };
        let clock = SystemClock::start();
        let mut version = 0;
        let replacing = open.controls()?;
        let replacing = replacing.replace(&replacement, &open.keys, |step| {
            if let Step::InForce(in_force) = step {
                version = in_force;
            }
            output.say(&said(step, &self.node, &self.by));
        });
        replacing.await.map_err(failure)?;
        let replaced = Replaced {
            out: self.node,
            by: self.by,
            manifest_version: version,
            took_ms: u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX),
        };
        output.result("tally.node-replaced/v1", &replaced, || {
            format!(
                "{} has taken the place of {}; manifest version {} is in force\n  next  have \
                 everybody fetch the bundle anew: `tally election bundle DIR`",
                replaced.by, replaced.out, replaced.manifest_version
            )
        })?;
        Ok(Exit::Done)
    }
}

fn said(step: Step, out: &str, by: &str) -> String {
    match step {
        Step::Joining => format!("{by} joins and is sent the log"),
        Step::CaughtUp => format!("{by} has caught up"),
        Step::InForce(version) => {
            format!("manifest version {version} is in force: receipts count {by}, not {out}")
        }
        Step::Voting => format!("{by} votes, {out} has left"),
        Step::Ready => format!("{by} is ready"),
    }
}

/// Bring a manifest version that the authority has signed into the log.
#[derive(Debug, Args)]
#[command(after_help = "\
The folder is one of the ceremony: manifest.note beside its policies and, where they are new, its
other files. A version with the line `successor` must be activated before, by two admins with
`tally activate`; every other takes effect with its leaf.

Example:
  tally cluster succeed ceremony/version-2")]
pub(crate) struct Succeed {
    /// The version's folder.
    folder: PathBuf,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Succeeded {
    manifest_version: u64,
}

impl Succeed {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let version = Successor::read(&self.folder).map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("no signed version in `{}`", self.folder.display()),
            )
            .because(&error)
            .now("give the folder that `tally election next` and `sign` have filled")
        })?;
        let connections = self.network.connect()?;
        let election = trust::open_folder(&self.trust)?.election;
        if !receipt::Leaf::Manifest(Box::new(version.manifest.clone()))
            .is_of(election.id(), election.genesis())
        {
            return Err(Failure::new(
                Exit::Usage,
                "the version is of another election",
            ));
        }
        crate::members::replace::succeed(&connections, &version, &SystemClock::start())
            .await
            .map_err(failure)?;
        let succeeded = Succeeded {
            manifest_version: version.manifest.version,
        };
        output.result("tally.version-in-force/v1", &succeeded, || {
            format!(
                "manifest version {} is in force",
                succeeded.manifest_version
            )
        })?;
        Ok(Exit::Done)
    }
}

/// Hand leadership to a node.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tally cluster transfer n2 --key admin-1.key")]
pub(crate) struct Transfer {
    /// Who shall lead.
    node: String,
    #[command(flatten)]
    office: Office,
}

impl Transfer {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let open = self.office.open(output)?;
        let controls = open.controls()?;
        controls.transfer(&self.node).await.map_err(failure)?;
        done(output, "transferred", &[self.node], "leads")
    }
}

/// Make a node ready to be stopped: another leads, submissions go elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "\
The node goes on as one of the majority until it is stopped. `tally cluster resume` takes it back;
so does a restart.

Example:
  tally cluster drain n2 --key admin-1.key && systemctl stop tally-node@n2")]
pub(crate) struct Drain {
    /// Its id.
    node: String,
    #[command(flatten)]
    office: Office,
}

impl Drain {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let open = self.office.open(output)?;
        open.controls()?.drain(&self.node).await.map_err(failure)?;
        done(output, "drained", &[self.node], "may be stopped")
    }
}

/// Let a drained node take part fully again.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tally cluster resume n2 --key admin-1.key")]
pub(crate) struct Resume {
    /// Its id.
    node: String,
    #[command(flatten)]
    office: Office,
}

impl Resume {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let open = self.office.open(output)?;
        open.controls()?.resume(&self.node).await.map_err(failure)?;
        done(output, "resumed", &[self.node], "takes part again")
    }
}

#[derive(Serialize)]
struct Done<'d> {
    did: &'d str,
    nodes: &'d [String],
}

fn done(output: Output, did: &str, nodes: &[String], words: &str) -> Outcome {
    output.result("tally.cluster-order/v1", &Done { did, nodes }, || {
        format!("{} {words}", nodes.join(", "))
    })?;
    Ok(Exit::Done)
}

/// What a person reads when the machines were not told, or did not obey.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
pub(crate) fn failure(error: Error) -> Failure {
    let (exit, now) = match &error {
        Error::Refused(refused) => (Exit::Refused, refused.advice.clone()),
        Error::NoLeader(_) | Error::NoAnswer { .. } | Error::AllSilent(_) => (
            Exit::NoAnswer,
            "see `tally cluster status`; running this again is harmless".to_owned(),
        ),
        Error::NoSuchNode(node) => (
            Exit::Usage,
            format!("give its address with --at, or in TALLY_NODES; is `{node}` a member?"),
        ),
        Error::NotInTime { .. } | Error::NotActivated { .. } => (
            Exit::Unhealthy,
            "see `tally cluster status`, mend what it names, and run this again".to_owned(),
        ),
        Error::NoSuccessor { .. } => (
            Exit::Usage,
            "give the folder with the signed versions; without one the authority must sign \
             (`tally election successors`, `sign`)"
                .to_owned(),
        ),
        Error::Empty => (
            Exit::Failed,
            "run the same version of `tally` as the nodes".to_owned(),
        ),
        Error::Sign(_) => (Exit::Usage, "shorten the addresses".to_owned()),
        Error::Command { .. } => (
            Exit::Failed,
            "nothing more was touched and the node was told to take part again; mend the command \
             and run this again"
                .to_owned(),
        ),
    };
    let failure = Failure::new(exit, "the machines are not as they were to be").because(&error);
    if now.is_empty() {
        failure
    } else {
        failure.now(now)
    }
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text)
        .ok_or_else(|| "a reason is 1 to 200 printable characters on one line".to_owned())
}

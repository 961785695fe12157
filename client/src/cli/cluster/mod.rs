//! `tally cluster`: the machines of a cluster, from the first start to the last restart.
//!
//! Starting it is here; looking at it, changing who takes part, and restarting it have a file each.

mod members;
mod restart;
mod status;

use clap::{Args, Subcommand};
use receipt::Fingerprint;
use serde::Serialize;

use super::administrator::Administrator;
use super::args::{Network, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::trust::Pinned;
use super::{on_network, trust};
use crate::clock::SystemClock;
use crate::cluster::{self, Start};

/// Start a cluster and look after its machines.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(Init),
    Status(status::Status),
    Add(members::Add),
    Promote(members::Promote),
    Remove(members::Remove),
    Replace(members::Replace),
    Succeed(members::Succeed),
    Transfer(members::Transfer),
    Drain(members::Drain),
    Resume(members::Resume),
    Restart(restart::Restart),
}

/// Give the empty nodes their election, once.
#[derive(Debug, Args)]
#[command(after_help = "\
Every node must be up: each is asked who it is, one of them gets the manifest, and the command
waits until all of them have it as leaf 0. A node takes only the manifest whose fingerprint its own
configuration pins, and begins only with the members that an administrator has signed. Running it
again does nothing.

Example:
  tally cluster init --bundle night/bundle --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K \\
      --nodes 127.0.0.1:7100,127.0.0.1:7110,127.0.0.1:7120 --ca night/ca.crt \\
      --key night/keys/admin/admin-1.key")]
pub(crate) struct Init {
    #[command(flatten)]
    administrator: Administrator,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Started {
    election: String,
    fingerprint: String,
    nodes: Vec<String>,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::Init(init) => on_network(init.init(output)),
            Verb::Status(status) => on_network(status.show(output)),
            Verb::Add(add) => on_network(add.run(output)),
            Verb::Promote(promote) => on_network(promote.run(output)),
            Verb::Remove(remove) => on_network(remove.run(output)),
            Verb::Replace(replace) => on_network(replace.run(output)),
            Verb::Succeed(succeed) => on_network(succeed.run(output)),
            Verb::Transfer(transfer) => on_network(transfer.run(output)),
            Verb::Drain(drain) => on_network(drain.run(output)),
            Verb::Resume(resume) => on_network(resume.run(output)),
            Verb::Restart(restart) => on_network(restart.run(output)),
        }
    }
}

impl Init {
    async fn init(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        if opened.pinned == Pinned::FromBundle {
            return Err(
                Failure::new(Exit::Usage, "a cluster is started against a fingerprint")
                    .why("the bundle alone does not say that it is the right one")
                    .now("give --fingerprint CODE as published, or set TALLY_FINGERPRINT"),
            );
        }
        let connections = self.network.connect()?;
        let key = self.administrator.key(output)?;
        let start = Start {
            connections: &connections,
            bundle: &opened.bundle,
            election: &opened.election,
            key: &key,
        };
        let clock = SystemClock::start();
        let starting = start.initialize(&clock);
        starting.await.map_err(|error| failure(&error))?;
        let started = Started {
            election: opened.election.id().to_string(),
            fingerprint: Fingerprint::of(*opened.election.genesis()).to_string(),
            nodes: connections.addresses().map(ToString::to_string).collect(),
        };
        output.result("tally.cluster-started/v1", &started, || {
            format!(
                "{} runs on {} nodes; fingerprint {}",
                started.election,
                started.nodes.len(),
                started.fingerprint
            )
        })?;
        Ok(Exit::Done)
    }
}

fn failure(error: &cluster::Error) -> Failure {
    use cluster::Error;
    let (exit, now) = match error {
        Error::NoAnswer { .. } => (Exit::NoAnswer, "start every node first; see its log"),
        Error::Nameless(_) | Error::OtherNodes { .. } => (
            Exit::Usage,
            "give the addresses of exactly the nodes of the manifest",
        ),
        Error::RunsWithout(_) => (
            Exit::Refused,
            "find the node's own data directory, or have the node replaced",
        ),
        Error::Refused(refused) if !refused.advice.is_empty() => {
            (Exit::Refused, refused.advice.as_str())
        }
        Error::Refused(_) => (
            Exit::Refused,
            "compare bundle, fingerprint and node configuration",
        ),
        Error::Unsigned(_) => (Exit::Usage, "give another --key"),
        Error::NotYet => (
            Exit::Unhealthy,
            "see `tally status`; running this again is harmless",
        ),
    };
    Failure::new(exit, "the cluster was not started")
        .because(error)
        .now(now)
}

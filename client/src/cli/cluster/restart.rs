//! `tally cluster restart`: a rolling restart or upgrade as one command that checks itself.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure::Outcome;
use super::super::output::Output;
use super::members::{Office, failure};
use crate::clock::{Clock as _, SystemClock};
use crate::members::restart::{self, Step};

/// Restart every voter, one after the other, the leader last.
#[derive(Debug, Args)]
#[command(after_help = "\
Each node is drained first: another leads, submissions go elsewhere. Then the command is run, and
the next node's turn comes only when a new process is ready and has caught up, and every other node
is well. If something is not well in time, nothing more is touched.

In the command {id}, {ordinal} and {address} stand for the node's id, ordinal and address.

Example:
  tally cluster restart --key admin-1.key \\
      --with 'ssh {id} systemctl restart tally-node'")]
pub(crate) struct Restart {
    /// A shell command that stops the node's process and starts it again.
    #[arg(long = "with", value_name = "COMMAND")]
    command: String,
    /// Only these nodes, separated by commas.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Seconds a node may take until it is well again.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
    #[command(flatten)]
    office: Office,
}

#[derive(Serialize)]
struct Restarted {
    nodes: Vec<RestartedNode>,
    took_ms: u64,
}

#[derive(Serialize)]
struct RestartedNode {
    node: String,
    version: String,
    took_ms: u64,
}

impl Restart {
    pub(crate) async fn run(self, output: Output) -> Outcome {
        let open = self.office.open(output)?;
        let plan = restart::Restart {
            command: self.command,
            only: self.only,
            patience: Duration::from_secs(self.patience),
        };
        let clock = SystemClock::start();
        let mut nodes = Vec::new();
        let controls = open.controls()?;
        let restarting = controls.restart(&plan, |step| {
            output.say(&said(step));
            if let Step::Well {
                node,
                after,
                version,
            } = step
            {
                nodes.push(RestartedNode {
                    node: node.clone(),
                    version: version.clone(),
                    took_ms: ms(*after),
                });
            }
        });
        restarting.await.map_err(failure)?;
        let restarted = Restarted {
            nodes,
            took_ms: ms(clock.monotonic()),
        };
        output.result("tally.cluster-restarted/v1", &restarted, || {
            let names: Vec<&str> = restarted
                .nodes
                .iter()
                .map(|one| one.node.as_str())
                .collect();
            format!("restarted and well: {}", names.join(", "))
        })?;
        Ok(Exit::Done)
    }
}

fn said(step: &Step) -> String {
    match step {
        Step::Drained(node) => format!("{node} is drained"),
        Step::Restarted(node) => format!("{node}: the command has ended; waiting until it is well"),
        Step::Well {
            node,
            after,
            version,
        } => format!("{node} is well after {} ms, version {version}", ms(*after)),
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

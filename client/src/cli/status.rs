//! `tally status`: all nodes on one screen, and whether they agree.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use proto::v1;
use serde::Serialize;

use super::args::Network;
use super::exit::Exit;
use super::failure::Outcome;
use super::on_network;
use super::output::Output;
use super::results::{plain, text_of};
use crate::answer::Trouble;
use crate::cluster::statuses;
use crate::connection::NodeAddress;

/// Show every node: who leads, how far each is, whether they agree.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 0 when every node answers, one leads, their roots agree and all cosign; with 5 when
something of that is missing; with 3 when no node answers at all.

Example:
  tally status --json | jq '.healthy, .problems'")]
pub(crate) struct Status {
    #[command(flatten)]
    network: Network,
}

#[derive(Serialize)]
struct Cluster {
    healthy: bool,
    problems: Vec<String>,
    nodes: Vec<Node>,
}

#[derive(Serialize)]
struct Node {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
    #[serde(flatten)]
    says: Option<Says>,
}

#[derive(Serialize)]
struct Says {
    node: String,
    ordinal: u64,
    election: String,
    rehearsal: bool,
    role: String,
    leader: u64,
    term: u64,
    last_log_index: u64,
    committed_index: u64,
    applied_index: u64,
    flushed_index: u64,
    tree_size: u64,
    root: String,
    leaf_digest: String,
    side_digest: String,
    checkpoint_size: u64,
    receipts_pending: u64,
    cosigning_stopped: String,
    version: String,
}

impl Status {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.show(output))
    }

    async fn show(self, output: Output) -> Outcome {
        let connections = self.network.connect()?;
        let cluster = Cluster::of(statuses(&connections).await);
        let silent = cluster.nodes.iter().all(|node| node.says.is_none());
        output.result("tally.status/v1", &cluster, || cluster.words())?;
        Ok(match (cluster.healthy, silent) {
            (true, _) => Exit::Done,
            (false, true) => Exit::NoAnswer,
            (false, false) => Exit::Unhealthy,
        })
    }
}

impl Cluster {
    fn of(answers: Vec<(NodeAddress, Result<v1::NodeStatus, Trouble>)>) -> Cluster {
        let nodes: Vec<Node> = answers
            .into_iter()
            .map(|(address, answer)| {
                let (says, trouble) = match answer {
                    Ok(status) => (Some(Says::of(status)), None),
                    Err(trouble) => (None, Some(trouble.to_string())),
                };
                Node {
                    address: address.to_string(),
                    trouble,
                    says,
                }
            })
            .collect();
        let problems = problems(&nodes);
        Cluster {
            healthy: problems.is_empty(),
            problems,
            nodes,
        }
    }

    fn words(&self) -> String {
        let mut table = plain();
        table.set_header([
            "node",
            "address",
            "role",
            "term",
            "applied",
            "flushed",
            "leaves",
            "checkpoint",
            "root",
        ]);
        for node in &self.nodes {
            match &node.says {
                Some(says) => table.add_row([
                    says.node.clone(),
                    node.address.clone(),
                    says.role.clone(),
                    says.term.to_string(),
                    says.applied_index.to_string(),
                    says.flushed_index.to_string(),
                    says.tree_size.to_string(),
                    says.checkpoint_size.to_string(),
                    says.root.chars().take(12).collect(),
                ]),
                None => table.add_row(["?", &node.address, "no answer"]),
            };
        }
        let problems = self.problems.iter().map(|problem| format!("! {problem}"));
        let healthy = "healthy: every node answers, one leads, all agree and cosign".to_owned();
        let mut lines = vec![text_of(&table)];
        lines.extend(problems.chain(self.healthy.then_some(healthy)));
        lines.join("\n")
    }
}

impl Says {
    fn of(status: v1::NodeStatus) -> Says {
        let hex = |bytes: &[u8]| {
            merkle::Hash::from_slice(bytes).map_or_else(String::new, |hash| hash.to_hex())
        };
        Says {
            root: hex(&status.root),
            leaf_digest: hex(&status.leaf_digest),
            side_digest: hex(&status.side_digest),
            node: status.node,
            ordinal: status.ordinal,
            election: status.election,
            rehearsal: status.rehearsal,
            role: status.role,
            leader: status.leader,
            term: status.term,
            last_log_index: status.last_log_index,
            committed_index: status.committed_index,
            applied_index: status.applied_index,
            flushed_index: status.flushed_index,
            tree_size: status.tree_size,
            checkpoint_size: status.checkpoint_size,
            receipts_pending: status.receipts_pending,
            cosigning_stopped: status.cosigning_stopped,
            version: status.version,
        }
    }
}

/// What keeps the cluster from being healthy, a sentence each.
fn problems(nodes: &[Node]) -> Vec<String> {
    let mut problems = Vec::new();
    for node in nodes {
        match (&node.says, &node.trouble) {
            (Some(says), _) => {
                if !says.cosigning_stopped.is_empty() {
                    problems.push(format!(
                        "{} does not cosign: {}",
                        says.node, says.cosigning_stopped
                    ));
                }
                if matches!(says.role.as_str(), "uninitialized" | "stopped") {
                    problems.push(format!("{} is {}", says.node, says.role));
                }
            }
            (None, trouble) => {
                let why = trouble.as_deref().unwrap_or("no answer");
                problems.push(format!("{} gives no answer: {why}", node.address));
            }
        }
    }
    let says = || nodes.iter().filter_map(|node| node.says.as_ref());
    let leaders: BTreeSet<u64> = says()
        .map(|says| says.leader)
        .filter(|one| *one != 0)
        .collect();
    if leaders.is_empty() && says().next().is_some() {
        problems.push("nobody leads".to_owned());
    }
    if leaders.len() > 1 {
        problems.push(format!(
            "the nodes name {} different leaders",
            leaders.len()
        ));
    }
    let mut roots: BTreeMap<u64, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for says in says() {
        roots
            .entry(says.tree_size)
            .or_default()
            .insert((&says.root, &says.leaf_digest));
    }
    for (size, roots) in roots {
        if roots.len() > 1 {
            problems.push(format!(
                "CONTRADICTION: {} different states of {size} leaves",
                roots.len()
            ));
        }
    }
    let elections: BTreeSet<&str> = says().map(|says| says.election.as_str()).collect();
    if elections.len() > 1 {
        problems.push("the addresses lead to different elections".to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(ordinal: u64, root: u8) -> v1::NodeStatus {
        v1::NodeStatus {
            node: format!("n{ordinal}"),
            ordinal,
            leader: 1,
            role: if ordinal == 1 { "leader" } else { "follower" }.to_owned(),
            tree_size: 7,
            root: vec![root; 32].into(),
            ..v1::NodeStatus::default()
        }
    }

    fn cluster(statuses: [Result<v1::NodeStatus, Trouble>; 3]) -> Cluster {
        let address = NodeAddress::parse("127.0.0.1:1").unwrap();
        Cluster::of(
            statuses
                .into_iter()
                .map(|status| (address.clone(), status))
                .collect(),
        )
    }

    #[test]
    fn three_nodes_that_agree_are_healthy() {
        let cluster = cluster([Ok(status(1, 1)), Ok(status(2, 1)), Ok(status(3, 1))]);
        assert!(cluster.healthy, "{:?}", cluster.problems);
    }

    #[test]
    fn two_roots_of_one_size_are_a_contradiction() {
        let cluster = cluster([Ok(status(1, 1)), Ok(status(2, 2)), Ok(status(3, 1))]);
        assert!(
            cluster.problems[0].starts_with("CONTRADICTION"),
            "{:?}",
            cluster.problems
        );
    }

    #[test]
    fn a_node_that_is_behind_is_no_contradiction() {
        let behind = v1::NodeStatus {
            tree_size: 3,
            ..status(3, 9)
        };
        assert!(cluster([Ok(status(1, 1)), Ok(status(2, 1)), Ok(behind)]).healthy);
    }

    #[test]
    fn a_silent_node_and_a_stopped_cosigner_are_named() {
        let stopped = v1::NodeStatus {
            cosigning_stopped: "root mismatch".to_owned(),
            ..status(2, 1)
        };
        let cluster = cluster([Ok(status(1, 1)), Ok(stopped), Err(Trouble::TimedOut)]);
        assert_eq!(cluster.problems.len(), 2, "{:?}", cluster.problems);
    }
}

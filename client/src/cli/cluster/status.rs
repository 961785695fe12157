//! `tally cluster status`: every member and every spare, as its administrator wants to see them.

use std::collections::BTreeSet;

use clap::Args;
use proto::v1;
use serde::Serialize;

use super::super::args::Network;
use super::super::exit::Exit;
use super::super::failure::Outcome;
use super::super::output::Output;
use super::super::results::{plain, text_of};
use crate::members::View;
use crate::members::view;

/// Show who takes part: votes, spares, who leads, how far each is, what is wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
Give the addresses of spares, too: one that waits for its turn with an empty directory shows as
waiting, which is no problem. `tally status` compares trees and checkpoints.

Ends with 0 when every voter is well and there is a majority to spare, with 5 when something is
wrong, with 3 when no node answers.

Example:
  tally cluster status --json | jq '.members[] | {node, role, behind, ready}'")]
pub(crate) struct Status {
    #[command(flatten)]
    network: Network,
}

#[derive(Serialize)]
struct Shown {
    well: bool,
    problems: Vec<String>,
    leader: Option<String>,
    term: u64,
    manifest_version: u64,
    membership_index: u64,
    joint: bool,
    voters: Vec<String>,
    members: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    address: String,
    node: String,
    ordinal: u64,
    line: String,
    votes: bool,
    role: String,
    term: u64,
    last_log_index: u64,
    applied_index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_ms_ago: Option<u64>,
    ready: bool,
    draining: bool,
    manifest_version: u64,
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

impl Status {
    pub(crate) async fn show(self, output: Output) -> Outcome {
        let connections = self.network.connect()?;
        let view = View::of(&connections).await;
        let silent = view.seen().next().is_none();
        let shown = Shown::of(&view);
        output.result("tally.cluster-status/v1", &shown, || shown.words())?;
        Ok(match (shown.well, silent) {
            (true, _) => Exit::Done,
            (false, true) => Exit::NoAnswer,
            (false, false) => Exit::Unhealthy,
        })
    }
}

impl Member {
    /// A node that answered; the leader knows its line and how far behind it is.
    fn of(seen: view::Seen<'_>, leader: Option<&v1::NodeStatus>) -> Member {
        let says = seen.says;
        let known = leader.and_then(|leader| view::member(leader, says.ordinal));
        let waits = says.role == "uninitialized";
        Member {
            address: seen.address.to_string(),
            node: says.node.clone(),
            ordinal: says.ordinal,
            line: known.map_or_else(String::new, |member| member.line.clone()),
            votes: known.is_some_and(|member| member.voter),
            role: if waits { "waiting" } else { &says.role }.to_owned(),
            term: says.term,
            last_log_index: says.last_log_index,
            applied_index: says.applied_index,
            matched_index: known.and_then(|member| member.matched_index),
            behind: known
                .zip(leader)
                .and_then(|(member, leader)| view::behind(leader, member)),
            answered_ms_ago: known.and_then(|member| member.answered_ms_ago),
            ready: says.ready,
            draining: says.draining,
            manifest_version: says.manifest_version,
            version: says.version.clone(),
            problems: says.problems.clone(),
        }
    }

    /// A member that no address leads to, or that is silent: known by the leader's word alone.
    fn silent(other: &v1::node_status::Member, leader: Option<&v1::NodeStatus>) -> Member {
        Member {
            address: other.api_address.clone(),
            node: other.name.clone(),
            ordinal: other.ordinal,
            line: other.line.clone(),
            votes: other.voter,
            role: "silent".to_owned(),
            term: 0,
            last_log_index: 0,
            applied_index: 0,
            matched_index: other.matched_index,
            behind: leader.and_then(|leader| view::behind(leader, other)),
            answered_ms_ago: other.answered_ms_ago,
            ready: false,
            draining: false,
            manifest_version: 0,
            version: String::new(),
            problems: vec!["gives no answer".to_owned()],
        }
    }
}

impl Shown {
    fn of(view: &View) -> Shown {
        let leader = view.leader().ok().map(|leader| leader.says);
        let mut members: Vec<Member> = view.seen().map(|seen| Member::of(seen, leader)).collect();
        members.sort_by_key(|member| member.ordinal);
        // A member that no address leads to is known by the leader's word alone.
        let found: BTreeSet<u64> = members.iter().map(|member| member.ordinal).collect();
        let others = leader.iter().flat_map(|leader| &leader.members);
        for other in others.filter(|other| !found.contains(&other.ordinal)) {
            members.push(Member::silent(other, leader));
        }
        let problems = problems(view, &members);
        let voters = members.iter().filter(|member| member.votes);
        Shown {
            well: problems.is_empty(),
            leader: leader.map(|leader| leader.node.clone()),
            term: leader.map_or(0, |leader| leader.term),
            manifest_version: leader.map_or(0, |leader| leader.manifest_version),
            membership_index: leader.map_or(0, |leader| leader.membership_index),
            joint: leader.is_some_and(|leader| leader.joint),
            voters: voters.map(|member| member.node.clone()).collect(),
            problems,
            members,
        }
    }

    fn words(&self) -> String {
        let mut table = plain();
        table.set_header([
            "node", "address", "line", "role", "term", "log", "applied", "behind", "state",
        ]);
        for member in &self.members {
            let state = match (member.draining, member.ready) {
                (true, _) => "drained",
                (false, true) => "ready",
                (false, false) if member.role == "waiting" => "to be added",
                (false, false) => "not ready",
            };
            table.add_row([
                member.node.clone(),
                member.address.clone(),
                if member.line.is_empty() {
                    "-".to_owned()
                } else {
                    member.line.clone()
                },
                if member.votes && member.role == "follower" {
                    "voter".to_owned()
                } else {
                    member.role.clone()
                },
                member.term.to_string(),
                member.last_log_index.to_string(),
                member.applied_index.to_string(),
                member
                    .behind
                    .map_or_else(|| "?".to_owned(), |behind| behind.to_string()),
                state.to_owned(),
            ]);
        }
        let mut lines = vec![text_of(&table)];
        let leader = self.leader.as_deref().unwrap_or("nobody");
        lines.push(format!(
            "{leader} leads; {} vote; manifest version {}{}",
            self.voters.join(", "),
            self.manifest_version,
            if self.joint {
                "; the membership is between two sets of voters"
            } else {
                ""
            }
        ));
        lines.extend(self.problems.iter().map(|problem| format!("! {problem}")));
        lines.join("\n")
    }
}

fn problems(view: &View, members: &[Member]) -> Vec<String> {
    let mut problems = Vec::new();
    for (address, answer) in &view.nodes {
        if let Err(trouble) = answer {
            problems.push(format!("{address}: {trouble}"));
        }
    }
    let Ok(leader) = view.leader() else {
        if view.seen().next().is_some() {
            problems.push("nobody leads".to_owned());
        }
        return problems;
    };
    if leader.says.joint {
        problems.push(
            "a change of members broke off between its two steps; run the command that made it \
             again"
                .to_owned(),
        );
    }
    for member in members.iter().filter(|member| member.votes) {
        for problem in &member.problems {
            problems.push(format!("{}: {problem}", member.node));
        }
        if member.line != "node" {
            problems.push(format!(
                "{} votes and is no node of manifest version {}; remove it",
                member.node, leader.says.manifest_version
            ));
        }
    }
    for member in members.iter().filter(|member| !member.votes) {
        if member.line == "node" {
            problems.push(format!(
                "{} is a node of manifest version {} and does not vote; promote it",
                member.node, leader.says.manifest_version
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use proto::v1::NodeStatus;

    use super::*;
    use crate::answer::Trouble;
    use crate::connection::NodeAddress;

    fn address() -> NodeAddress {
        NodeAddress::parse("127.0.0.1:1").unwrap()
    }

    fn says(ordinal: u64, role: &str) -> NodeStatus {
        let member = |ordinal: u64| v1::node_status::Member {
            ordinal,
            name: format!("n{ordinal}"),
            line: "node".to_owned(),
            voter: true,
            matched_index: Some(8),
            ..Default::default()
        };
        NodeStatus {
            node: format!("n{ordinal}"),
            ordinal,
            role: role.to_owned(),
            last_log_index: 9,
            ready: true,
            members: (1..=3).map(member).collect(),
            ..NodeStatus::default()
        }
    }

    #[test]
    fn a_waiting_spare_is_no_problem_and_a_silent_voter_is_one() {
        let spare = NodeStatus {
            members: Vec::new(),
            ready: false,
            ..says(4, "uninitialized")
        };
        let mut nodes = vec![
            (address(), Ok(says(1, "leader"))),
            (address(), Ok(says(2, "follower"))),
            (address(), Ok(says(3, "follower"))),
            (address(), Ok(spare)),
        ];
        let shown = Shown::of(&View {
            nodes: nodes.clone(),
        });
        assert!(shown.well, "{:?}", shown.problems);
        assert_eq!(shown.members[1].behind, Some(1));
        assert_eq!(shown.members[3].role, "waiting");
        nodes[2].1 = Err(Trouble::TimedOut);
        let shown = Shown::of(&View { nodes });
        assert!(!shown.well);
        let silent = shown.members.iter().find(|one| one.node == "n3").unwrap();
        assert_eq!((silent.role.as_str(), silent.votes), ("silent", true));
    }
}

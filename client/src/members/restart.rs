//! One node after the other is drained, restarted and waited for; the one that leads comes last.
//!
//! How a node is restarted is the operator's: a command with the node's id in it. Before the next
//! node is touched the one before must have a new process that is ready and near the leader, and
//! every other node must be well, so that there is never more than one node down.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::process::Command;

use super::Error;
use super::orders::Controls;
use super::view::{self, View};
use crate::clock::Clock;

/// What to restart, and how.
#[derive(Debug, Clone)]
pub struct Restart {
    /// A shell command; `{id}`, `{ordinal}` and `{address}` stand for the node's.
    pub command: String,
    /// The nodes by id; all voters where none is named.
    pub only: Vec<String>,
    /// How long a node may take until it is well again.
    pub patience: Duration,
}

/// What happened, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A node takes nothing more and does not lead.
    Drained(String),
    /// Its command has ended well.
    Restarted(String),
    /// It is well again, after so long, with this version.
    Well {
        /// Which node.
        node: String,
        /// From the drain on.
        after: Duration,
        /// Of the program.
        version: String,
    },
}

impl Controls<'_> {
    /// Restarts nodes one after the other. On an error nothing more is touched; the node concerned
    /// is told to take part again where it still runs.
    pub async fn restart(
        &self,
        restart: &Restart,
        mut told: impl FnMut(&Step),
    ) -> Result<(), Error> {
        self.well(
            restart.patience,
            "every node to be well before the first is restarted",
        )
        .await?;
        let view = self.led().await?;
        let mut left: BTreeSet<String> = if restart.only.is_empty() {
            let members = &view.leader()?.says.members;
            let voters = members.iter().filter(|member| member.voter);
            voters.map(|member| member.name.clone()).collect()
        } else {
            restart.only.iter().cloned().collect()
        };
        while !left.is_empty() {
            let view = self.led().await?;
            let leader = view.leader()?.says.node.clone();
            let next = left
                .iter()
                .find(|id| **id != leader)
                .or_else(|| left.first());
            let Some(next) = next.cloned() else { break };
            self.restart_one(&view, &next, restart, &mut told).await?;
            left.remove(&next);
        }
        Ok(())
    }

    async fn restart_one(
        &self,
        view: &View,
        id: &str,
        restart: &Restart,
        told: &mut impl FnMut(&Step),
    ) -> Result<(), Error> {
        let node = view.node(id)?;
        let (run, ordinal) = (node.says.run, node.says.ordinal);
        let begun = self.clock.monotonic();
        self.drain(id).await?;
        told(&Step::Drained(id.to_owned()));
        let command = restart
            .command
            .replace("{id}", id)
            .replace("{ordinal}", &ordinal.to_string())
            .replace("{address}", node.address.as_str());
        if let Err(error) = carry_out(id, &command).await {
            // The node may run on as it was; then it is needed.
            let _ = self.resume(id).await;
            return Err(error);
        }
        told(&Step::Restarted(id.to_owned()));
        let what = format!("`{id}` to run anew and be well, with every other node");
        let version = self
            .until(&what, restart.patience, |view| {
                let node = view.node(id).ok()?.says;
                (node.run != run && all_well(view)).then(|| node.version.clone())
            })
            .await?;
        told(&Step::Well {
            node: id.to_owned(),
            after: self.clock.monotonic().saturating_sub(begun),
            version,
        });
        Ok(())
    }

    async fn well(&self, patience: Duration, what: &str) -> Result<(), Error> {
        self.until(what, patience, |view| all_well(view).then_some(()))
            .await
    }
}

/// Whether somebody leads and every voter answers, is ready, and is near the leader.
fn all_well(view: &View) -> bool {
    let Ok(leader) = view.leader() else {
        return false;
    };
    let leader = leader.says;
    let mut voters = leader.members.iter().filter(|member| member.voter);
    !leader.joint
        && voters.all(|member| {
            let ready = view
                .node(&member.name)
                .is_ok_and(|node| node.says.ready && node.says.leader == leader.ordinal);
            ready && view::is_near(leader, member)
        })
}

async fn carry_out(node: &str, command: &str) -> Result<(), Error> {
    let failed = |how: String| Error::Command {
        node: node.to_owned(),
        command: command.to_owned(),
        how,
    };
    let mut shell = Command::new("sh");
    let run = shell.arg("-c").arg(command).status();
    let status = run
        .await
        .map_err(|error| failed(format!("did not start ({error})")))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!("ended with {status}")))
    }
}

#[cfg(test)]
mod tests {
    use proto::v1::NodeStatus;
    use proto::v1::node_status::Member;

    use super::*;
    use crate::connection::NodeAddress;

    fn status(ordinal: u64) -> NodeStatus {
        let member = |ordinal: u64| Member {
            ordinal,
            name: format!("n{ordinal}"),
            voter: true,
            matched_index: Some(10),
            answered_ms_ago: Some(1),
            ..Member::default()
        };
        NodeStatus {
            node: format!("n{ordinal}"),
            ordinal,
            role: if ordinal == 1 { "leader" } else { "follower" }.to_owned(),
            leader: 1,
            term: 1,
            last_log_index: 10,
            ready: true,
            members: (1..=3).map(member).collect(),
            ..NodeStatus::default()
        }
    }

    fn well(change: impl Fn(&mut [NodeStatus; 3])) -> bool {
        let mut nodes = [status(1), status(2), status(3)];
        change(&mut nodes);
        let address = NodeAddress::parse("h:1").unwrap();
        let nodes = nodes.into_iter().map(|one| (address.clone(), Ok(one)));
        all_well(&View {
            nodes: nodes.collect(),
        })
    }

    #[test]
    fn all_is_well_when_everybody_is() {
        assert!(well(|_| {}));
        assert!(!well(|nodes| nodes[2].ready = false));
        assert!(!well(|nodes| nodes[1].leader = 2));
        assert!(!well(|nodes| nodes[0].joint = true));
        assert!(!well(|nodes| nodes[0].role = "follower".to_owned()));
        assert!(!well(
            |nodes| nodes[0].members[2].answered_ms_ago = Some(5_000)
        ));
        assert!(!well(|nodes| nodes[2].node = "n4".to_owned()));
    }

    #[tokio::test]
    async fn a_command_that_fails_is_named() {
        carry_out("n1", "true").await.unwrap();
        let error = carry_out("n1", "exit 3").await.unwrap_err();
        assert!(error.to_string().contains("n1"), "{error}");
        assert!(error.to_string().contains("exit 3"), "{error}");
    }
}

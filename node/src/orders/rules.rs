//! What the manifest lets an administrator do with the members.
//!
//! Quorums of receipts count the manifest's node lines, so the voters of consensus may only move
//! towards them: a voter is a node line, and a node line that votes keeps its vote. Whoever stood
//! in a version and stands in a later one no more has left for good, whatever comes after.

use std::collections::BTreeSet;

use ledger::{Fault, Tables, View};
use receipt::{Manifest, NodeLine};
use replica::ReplicaStatus;

use super::Disobeyed;

/// A node that is further behind than this many entries gets no vote: until it has caught up it
/// could not help a majority.
const BEHIND: u64 = 250;

/// A node that has not answered for this many milliseconds counts as silent.
const SILENT: u64 = 1_000;

/// The manifest in force, and who has left.
#[derive(Debug)]
pub(crate) struct Lines {
    manifest: Manifest,
    left: BTreeSet<u64>,
}

impl Lines {
    /// What the log says; none before the first manifest.
    pub(crate) fn of<T: Tables>(view: &View<'_, T>) -> Result<Option<Self>, Fault> {
        let mut versions = Vec::new();
        for version in view.manifests()? {
            versions.extend(view.manifest_at(version.index.size_with())?);
        }
        Ok(Self::after(versions))
    }

    fn after(versions: Vec<Manifest>) -> Option<Self> {
        let (mut here, mut left) = (BTreeSet::new(), BTreeSet::new());
        for manifest in &versions {
            let named = ordinals(manifest);
            left.extend(here.difference(&named).copied());
            here = named;
        }
        let manifest = versions.into_iter().next_back()?;
        Some(Self { manifest, left })
    }

    /// The version in force.
    pub(crate) fn version(&self) -> u64 {
        self.manifest.version
    }

    /// What the manifest says of an ordinal.
    pub(crate) fn word(&self, ordinal: u64) -> &'static str {
        let among = |lines: &[NodeLine]| lines.iter().any(|line| line.ordinal == ordinal);
        if among(&self.manifest.nodes) {
            "node"
        } else if among(&self.manifest.spares) {
            "spare"
        } else {
            ""
        }
    }

    /// The line of a node that may join.
    pub(crate) fn joining(&self, ordinal: u64) -> Result<&NodeLine, Disobeyed> {
        self.check_stayed(ordinal)?;
        let mut lines = self.manifest.nodes.iter().chain(&self.manifest.spares);
        lines
            .find(|line| line.ordinal == ordinal)
            .ok_or_else(|| self.no_line(ordinal))
    }

    /// Whether exactly these may vote from now on.
    pub(crate) fn voters(
        &self,
        voters: &BTreeSet<u64>,
        status: &ReplicaStatus,
    ) -> Result<(), Disobeyed> {
        for voter in voters {
            self.check_stayed(*voter)?;
            if self.word(*voter) != "node" {
                return Err(Disobeyed::new(
                    "no_node_line",
                    format!(
                        "node {voter} is no node line of manifest version {}, so it cannot vote",
                        self.version()
                    ),
                    "bring the version that names it into the log first",
                ));
            }
        }
        let mut dropped = status.members.voters.difference(voters);
        if let Some(kept) = dropped.find(|voter| self.word(**voter) == "node") {
            return Err(Disobeyed::new(
                "still_counts",
                format!(
                    "node {kept} is a node line of manifest version {}: receipts count it, so it \
                     keeps its vote",
                    self.version()
                ),
                "replace it with a spare, or bring a version without it into the log first",
            ));
        }
        for voter in voters.difference(&status.members.voters) {
            caught_up(*voter, status)?;
        }
        let alive = voters.iter().filter(|voter| answers(**voter, status));
        if alive.count().saturating_mul(2) <= voters.len() {
            return Err(Disobeyed::new(
                "no_majority",
                "fewer than a majority of the new voters answer",
                "start them first",
            ));
        }
        Ok(())
    }

    /// Whether a node without a vote may be taken out.
    pub(crate) fn leaving(&self, ordinal: u64, status: &ReplicaStatus) -> Result<(), Disobeyed> {
        if status.members.voters.contains(&ordinal) {
            return Err(Disobeyed::new(
                "votes",
                format!("node {ordinal} votes"),
                "give the voters without it first",
            ));
        }
        if !self.word(ordinal).is_empty() {
            return Err(Disobeyed::new(
                "still_named",
                format!(
                    "manifest version {} names node {ordinal}, and its ordinal is never used again",
                    self.version()
                ),
                "leave it where it is; a version without it lets it go",
            ));
        }
        Ok(())
    }

    fn check_stayed(&self, ordinal: u64) -> Result<(), Disobeyed> {
        if self.left.contains(&ordinal) {
            return Err(Disobeyed::new(
                "has_left",
                format!("node {ordinal} has left; an ordinal is never used again"),
                "use a spare with an ordinal of its own",
            ));
        }
        Ok(())
    }

    fn no_line(&self, ordinal: u64) -> Disobeyed {
        Disobeyed::new(
            "no_line",
            format!(
                "manifest version {} has no line for node {ordinal}",
                self.version()
            ),
            "use one of its nodes or spares",
        )
    }
}

fn ordinals(manifest: &Manifest) -> BTreeSet<u64> {
    let lines = manifest.nodes.iter().chain(&manifest.spares);
    lines.map(|line| line.ordinal).collect()
}

/// Whether a follower is close enough behind the leader, whose status this is, to vote or lead.
pub(crate) fn caught_up(ordinal: u64, status: &ReplicaStatus) -> Result<(), Disobeyed> {
    if !status.members.nodes.contains_key(&ordinal) {
        return Err(Disobeyed::new(
            "no_member",
            format!("node {ordinal} is no member yet"),
            "add it first",
        ));
    }
    let matched = status.matched.get(&ordinal).copied().flatten();
    let last = status.last_log.unwrap_or_default();
    let near = matched.is_some_and(|matched| last.saturating_sub(matched) <= BEHIND);
    if near && answers(ordinal, status) {
        return Ok(());
    }
    Err(Disobeyed::new(
        "not_caught_up",
        format!(
            "node {ordinal} holds the log up to {}, the leader up to {last}, or it does not answer",
            matched.unwrap_or_default()
        ),
        "wait until it has caught up",
    ))
}

fn answers(ordinal: u64, status: &ReplicaStatus) -> bool {
    ordinal == status.ordinal
        || status
            .answered_ms_ago
            .get(&ordinal)
            .copied()
            .flatten()
            .is_some_and(|silent| silent <= SILENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use replica::{Members, PeerNode, Role};
    use testkit::Fixture;

    use super::*;

    /// A leader, node 1, with these members besides: how far each is, and since when it is silent.
    fn led(voters: &[u64], others: &[(u64, u64, u64)]) -> ReplicaStatus {
        let nodes = others.iter().map(|(ordinal, ..)| *ordinal).chain([1]);
        ReplicaStatus {
            ordinal: 1,
            leader: Some(1),
            role: Role::Leader,
            term: 1,
            last_log: Some(1_000),
            committed: Some(1_000),
            applied: Some(1_000),
            snapshot: None,
            purged: None,
            members: Members {
                voters: voters.iter().copied().collect(),
                nodes: nodes
                    .map(|ordinal| (ordinal, PeerNode::default()))
                    .collect(),
            },
            membership_index: Some(0),
            joint: false,
            matched: others
                .iter()
                .map(|(ordinal, matched, _)| (*ordinal, Some(*matched)))
                .collect(),
            quorum_ack_ms_ago: Some(1),
            answered_ms_ago: others
                .iter()
                .map(|(ordinal, _, silent)| (*ordinal, Some(*silent)))
                .collect::<BTreeMap<_, _>>(),
            failure: None,
        }
    }

    /// Version 1 with three nodes, and a version in which the last of them became a spare's place.
    fn swapped() -> Lines {
        let first = Fixture::small().content;
        let mut second = first.clone();
        let mut new = second.nodes.pop().unwrap();
        new.ordinal = 4;
        second.nodes.push(new);
        Lines::after(vec![first, second]).unwrap()
    }

    fn code(result: Result<(), Disobeyed>) -> &'static str {
        result.map_or_else(|why| why.code, |()| "")
    }

    #[test]
    fn voters_move_towards_the_node_lines_and_not_away() {
        let status = led(&[1, 2, 3], &[(2, 1_000, 0), (3, 0, 9_000), (4, 900, 0)]);
        let lines = swapped();
        assert_eq!(code(lines.voters(&[1, 2, 4].into(), &status)), "");
        assert_eq!(code(lines.voters(&[1, 2].into(), &status)), "");
        let kept = Lines::after(vec![Fixture::small().content]).unwrap();
        assert_eq!(code(kept.voters(&[1, 2].into(), &status)), "still_counts");
        let stranger = kept.voters(&[1, 2, 3, 4].into(), &status);
        assert_eq!(code(stranger), "no_node_line");
    }

    #[test]
    fn a_vote_is_for_who_has_caught_up_and_answers() {
        let lines = swapped();
        let voters = [1, 2, 4].into();
        let vote = |four| code(lines.voters(&voters, &led(&[1, 2, 3], &[(2, 1_000, 0), four])));
        assert_eq!(vote((4, 749, 0)), "not_caught_up");
        assert_eq!(vote((4, 1_000, 1_001)), "not_caught_up");
        assert_eq!(vote((4, 750, 1_000)), "");
        let two_silent = led(&[1, 2, 4], &[(2, 1_000, 5_000), (4, 1_000, 5_000)]);
        assert_eq!(code(lines.voters(&voters, &two_silent)), "no_majority");
    }

    #[test]
    fn who_has_left_does_not_come_back() {
        let lines = swapped();
        assert_eq!(lines.joining(3).unwrap_err().code, "has_left");
        assert_eq!(lines.joining(9).unwrap_err().code, "no_line");
        assert_eq!(lines.joining(4).unwrap().ordinal, 4);
        let first = Fixture::small().content;
        let mut without = first.clone();
        without.nodes.pop();
        let back = Lines::after(vec![first.clone(), without, first]).unwrap();
        assert_eq!(back.joining(3).unwrap_err().code, "has_left");
    }

    #[test]
    fn only_who_neither_votes_nor_is_named_is_taken_out() {
        let lines = swapped();
        let status = led(&[1, 2], &[(2, 0, 0), (3, 0, 0)]);
        assert_eq!(code(lines.leaving(2, &status)), "votes");
        assert_eq!(code(lines.leaving(4, &status)), "still_named");
        assert_eq!(code(lines.leaving(3, &status)), "");
    }
}

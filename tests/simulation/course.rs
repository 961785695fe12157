//! The safety phase of a run: its faults, one after the other, each done when its time has come and
//! there is somebody to do it to, and taken back when its time is over.

use std::collections::VecDeque;

use crate::chairs::Crowd;
use crate::cluster::Cluster;
use crate::nemesis::{self, Counts, Fault, Kind};
use crate::sim::luck::Luck;
use crate::swarm::Plan;

/// How far a run is with its faults, and what it found.
pub struct Course {
    /// The order of what is drawn on the way.
    pub luck: Luck,
    faults: VecDeque<Fault>,
    under_way: Option<Fault>,
    /// By how much the plan is late, because a fault had to wait for somebody to be done to.
    pub shift: u64,
    /// Faults that were done.
    pub counts: Counts,
    /// Faults that were felt.
    pub felt: Counts,
    /// The fault that was done last, and what could be felt of its sort before it.
    last: Option<(Kind, u64)>,
    /// The leader and its term when a follower was cut off, and until when they have to stay.
    steady: Option<(u64, u64, u64)>,
    /// What went wrong, in words.
    pub violations: Vec<String>,
}

impl Course {
    /// The beginning of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            luck: Luck::new(plan.seed * 7 + 3),
            faults: plan.faults.iter().copied().collect(),
            under_way: None,
            shift: 0,
            counts: Counts::new(),
            felt: Counts::new(),
            last: None,
            steady: None,
            violations: Vec::new(),
        }
    }

    /// Whether all faults are over.
    pub fn is_over(&self) -> bool {
        self.faults.is_empty() && self.under_way.is_none()
    }

    /// Does what is due.
    pub fn proceed(&mut self, cluster: &mut Cluster, crowd: &Crowd, now: u64) {
        if let Some(fault) = self.under_way {
            if now >= fault.until + self.shift {
                self.take_back(cluster, crowd, fault, now);
            }
        } else if let Some(fault) = self.faults.front().copied()
            && now >= fault.at + self.shift
        {
            if !crowd.seen.lock().unwrap().receipted.contains(&0) {
                // Before the election is founded there is nothing to disturb.
                self.shift = now + 1 - fault.at;
            } else if self.strike(cluster, fault.kind) {
                self.faults.pop_front();
                *self.counts.entry(fault.kind.name()).or_default() += 1;
                self.under_way = Some(fault);
                self.shift = now - fault.at;
                if fault.kind == Kind::IsolateFollower && cluster.plan.loss_millionths == 0 {
                    self.steady = leader_and_term(cluster)
                        .map(|(leader, term)| (leader, term, fault.until + self.shift + 150));
                }
            } else if now > fault.at + self.shift + 8_000 {
                self.violations
                    .push(format!("nobody to do `{}` to", fault.kind.name()));
            }
        }
        if let Some((leader, term, until)) = self.steady {
            if leader_and_term(cluster) != Some((leader, term)) {
                self.violations.push(format!(
                    "node {leader} led in term {term}, a follower was cut off or came back, and now {:?}",
                    leader_and_term(cluster)
                ));
            }
            if now >= until {
                self.steady = None;
            }
        }
    }

    /// Does a fault, if there is somebody to do it to.
    fn strike(&mut self, cluster: &mut Cluster, kind: Kind) -> bool {
        let before = nemesis::trace(cluster, kind);
        // One fault at a time: whoever came back after damaged snapshots had until now to need one.
        cluster.damage_snapshots(false);
        let done = nemesis::strike(cluster, kind, &mut self.luck);
        if done {
            self.feel(cluster);
            self.last = Some((kind, before));
        }
        done
    }

    /// Counts the last fault if there is a trace of it.
    pub fn feel(&mut self, cluster: &Cluster) {
        let Some((kind, before)) = self.last.take() else {
            return;
        };
        let felt = nemesis::trace(cluster, kind) > before;
        *self.felt.entry(kind.name()).or_default() += u64::from(felt);
    }

    fn take_back(&mut self, cluster: &mut Cluster, crowd: &Crowd, fault: Fault, now: u64) {
        if fault.kind == Kind::Bridge {
            let since = (now - (fault.until - fault.at)) * 1_000;
            let seen = crowd.seen.lock().unwrap();
            let served = |op: &tests::history::Op| op.invoked > since && op.returned.is_some();
            if !seen.ops.iter().any(served) {
                let lasted = fault.until - fault.at;
                self.violations.push(format!(
                    "two halves that share a node served nobody for {lasted} ms"
                ));
            }
        }
        nemesis::relieve(cluster, &mut self.luck);
        self.under_way = None;
    }

    /// A node ends by itself for one reason only: its disk failed.
    pub fn watch_ended(&mut self, cluster: &mut Cluster, healed: bool) {
        for node in cluster.up() {
            let ended = cluster.place(node).ended.lock().unwrap().clone();
            let Some(reason) = ended else { continue };
            if !reason.contains("the disk failed") {
                self.violations
                    .push(format!("node {node} has ended by itself: {reason}"));
            }
            if healed || self.under_way.is_none() {
                cluster.crash(node);
                cluster.restart(node);
            }
        }
    }
}

fn leader_and_term(cluster: &Cluster) -> Option<(u64, u64)> {
    let leader = cluster.leader()?;
    let term = cluster.place(leader).replica()?.status().term;
    Some((leader, term))
}

//! The hosts of a run, and what can be done to them from outside.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use replica::ReplicaStatus;

use crate::host;
use crate::nemesis::leads;
use crate::place::{Lines, Place};
use crate::sim::disk::SimDisk;
use crate::sim::luck::Luck;
use crate::sim::net::host as host_name;
use crate::stage::Stage;
use crate::swarm::Plan;

/// A cluster under simulation.
pub struct Cluster {
    /// The simulation.
    pub sim: turmoil::Sim<'static>,
    /// The nodes' hosts.
    pub places: Vec<Place>,
    /// What is planned.
    pub plan: Plan,
    /// Nodes without power.
    pub down: BTreeSet<u64>,
    /// Nodes whose disk was taken away.
    pub wiped: BTreeSet<u64>,
}

impl Cluster {
    /// All nodes, powered on with the first step.
    pub fn new(plan: &Plan, stage: &Arc<Stage>, lines: &Lines) -> Self {
        let mut builder = turmoil::Builder::new();
        builder
            .rng_seed(plan.seed)
            .simulation_duration(Duration::from_mins(3))
            .tick_duration(Duration::from_micros(500))
            .min_message_latency(Duration::from_micros(100))
            .max_message_latency(plan.latency)
            .tcp_capacity(4_096);
        let loss = plan.loss_millionths as f64 / 1e6;
        builder.fail_rate(loss).repair_rate(0.02);
        let mut cluster = Self {
            sim: builder.build(),
            places: Vec::new(),
            plan: plan.clone(),
            down: BTreeSet::new(),
            wiped: BTreeSet::new(),
        };
        for ordinal in 1..=plan.nodes {
            let disk = SimDisk::new(plan.seed * 10 + ordinal, plan.fsync_micros.clone());
            let place = Place::new(ordinal, disk, Arc::clone(lines));
            cluster.places.push(place.clone());
            let (config, stage) = (plan.config.clone(), Arc::clone(stage));
            cluster.sim.host(host_name(ordinal), move || {
                host::run(place.clone(), Arc::clone(&stage), config.clone())
            });
        }
        stage.set(cluster.places.clone());
        cluster
    }

    /// A node's host.
    pub fn place(&self, node: u64) -> &Place {
        let found = self.places.iter().find(|place| place.ordinal == node);
        found.expect("a node of the plan")
    }

    /// A node's disk.
    pub fn disk(&self, node: u64) -> &SimDisk {
        &self.place(node).disk
    }

    /// Nodes that have power and a disk.
    pub fn up(&self) -> Vec<u64> {
        let nodes = self.places.iter().map(|place| place.ordinal);
        nodes
            .filter(|node| !self.down.contains(node) && !self.wiped.contains(node))
            .collect()
    }

    /// The node that leads; of two that think so, the one in the later term.
    pub fn leader(&self) -> Option<u64> {
        let up = self.up().into_iter().filter(|node| leads(self, *node));
        let term = |node: &u64| {
            let replica = self.place(*node).replica();
            replica.map_or(0, |replica| replica.status().term)
        };
        up.max_by_key(term)
    }

    /// A node that is up and does not lead.
    pub fn follower(&self, luck: &mut Luck) -> Option<u64> {
        self.leader()?;
        let up = self.up();
        pick(up.into_iter().filter(|node| !leads(self, *node)), luck)
    }

    /// A node that is up.
    pub fn anyone(&self, luck: &mut Luck) -> Option<u64> {
        pick(self.up().into_iter(), luck)
    }

    /// Two nodes that are up, one of them the leader where there is one.
    pub fn pair(&self, luck: &mut Luck) -> Option<(u64, u64)> {
        let one = self.leader().or_else(|| self.anyone(luck))?;
        let other = pick(self.up().into_iter().filter(|node| *node != one), luck)?;
        Some(if luck.below(2) == 0 {
            (one, other)
        } else {
            (other, one)
        })
    }

    /// All nodes in an order of luck.
    pub fn shuffled(&self, luck: &mut Luck) -> Vec<u64> {
        let mut left: Vec<u64> = (1..=self.plan.nodes).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            order.push(left.remove(luck.below(left.len() as u64) as usize));
        }
        order
    }

    /// The power goes at a node.
    pub fn crash(&mut self, node: u64) {
        self.sim.crash(host_name(node));
        let place = self.place(node);
        place.running.lock().unwrap().take();
        place.ended.lock().unwrap().take();
        place.disk.lose_power();
        self.down.insert(node);
    }

    /// A node whose log has dropped its beginning, while every other one has its state.
    pub fn forgetful(&self, luck: &mut Luck) -> Option<u64> {
        let up = self.up();
        let missing = |place: &&Place| place.disk.lacks_state() || place.replica().is_none();
        let lacking = self.places.iter().filter(missing).count();
        let purged = |node: &u64| self.disk(*node).has_purged();
        (lacking == self.wiped.len()).then(|| pick(up.into_iter().filter(purged), luck))?
    }

    /// A node loses power and its state; its log stays.
    pub fn lose_state(&mut self, node: u64) {
        self.crash(node);
        self.disk(node).lose_state();
    }

    /// It comes back.
    pub fn restart(&mut self, node: u64) {
        if self.down.remove(&node) {
            self.sim.bounce(host_name(node));
        }
    }

    /// A node loses power and disk, and comes back.
    pub fn wipe(&mut self, node: u64) {
        self.crash(node);
        self.disk(node).wipe();
        let memory = &self.place(node).memory;
        memory.0.remove();
        memory.1.remove();
        self.wiped.insert(node);
        self.restart(node);
    }

    /// Cuts a node off from all others.
    pub fn isolate(&mut self, node: u64) {
        for other in 1..=self.plan.nodes {
            if other != node {
                self.sim.partition(host_name(node), host_name(other));
            }
        }
    }

    /// Snapshots are damaged from now on, or no longer.
    pub fn damage_snapshots(&self, damaged: bool) {
        for place in &self.places {
            place.damaging.store(u64::from(damaged), Ordering::Relaxed);
        }
    }

    /// A node that has ended by itself: its supervisor will start it again.
    pub fn bury(&mut self) {
        for node in self.up() {
            if self.place(node).ended.lock().unwrap().is_some() {
                self.crash(node);
            }
        }
    }

    /// Everything is well again: power, links, disks, clocks.
    pub fn heal(&mut self, luck: &mut Luck) {
        self.bury();
        for one in self.shuffled(luck) {
            for other in self.shuffled(luck) {
                if one != other {
                    self.sim.release(host_name(one), host_name(other));
                    self.sim.repair(host_name(one), host_name(other));
                    self.sim.repair_oneway(host_name(one), host_name(other));
                }
            }
            self.restart(one);
            self.disk(one).slow(1);
            self.place(one).skew.store(0, Ordering::Relaxed);
        }
    }

    /// How each node that is up is doing.
    pub fn statuses(&self) -> Vec<ReplicaStatus> {
        let up = self.up().into_iter();
        up.filter_map(|node| self.place(node).replica())
            .map(|replica| replica.status())
            .collect()
    }

    /// Whether all nodes that have a disk are up, led by one, and have applied up to `mark`.
    pub fn reached(&self, mark: Option<u64>) -> bool {
        let statuses = self.statuses();
        let leader = statuses.first().and_then(|first| first.leader);
        statuses.len() as u64 + self.wiped.len() as u64 == self.plan.nodes
            && leader.is_some()
            && statuses
                .iter()
                .all(|status| status.leader == leader && status.applied >= mark)
    }

    /// Whether all nodes that have a disk are up, led by one, and have applied the same log whole.
    pub fn agrees(&self) -> bool {
        let statuses = self.statuses();
        let first = statuses.first();
        statuses.len() as u64 + self.wiped.len() as u64 == self.plan.nodes
            && first.is_some_and(|first| first.leader.is_some())
            && statuses.iter().all(|status| {
                Some(status.leader) == first.map(|first| first.leader)
                    && Some(status.applied) == first.map(|first| first.applied)
                    && status.applied == status.last_log
            })
    }
}

fn pick(nodes: impl Iterator<Item = u64>, luck: &mut Luck) -> Option<u64> {
    let nodes: Vec<u64> = nodes.collect();
    nodes.get(luck.below(nodes.len() as u64) as usize).copied()
}

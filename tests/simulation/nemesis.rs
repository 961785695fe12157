//! The faults, and how each is done to a cluster and taken back.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use replica::Role;

use crate::cluster::Cluster;
use crate::place::{Order, Place};
use crate::sim::luck::Luck;
use crate::sim::net::host;

/// A sort of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Power fails at the leader.
    CrashLeader,
    /// Power fails at another node.
    CrashFollower,
    /// Power fails everywhere at once.
    CrashAll,
    /// A node loses power and comes back at once.
    Bounce,
    /// The leader is cut off from all others.
    IsolateLeader,
    /// Another node is.
    IsolateFollower,
    /// One pair of nodes cannot talk.
    Partition,
    /// One node does not hear another.
    OneWay,
    /// Five nodes that hear each other only through one of them: in two halves, or the leader
    /// alone on its side and a node of the other side cut off.
    Bridge,
    /// Nodes are cut off one by one, and come back in another order.
    Swizzle,
    /// Messages between two nodes wait, and then all come.
    Hold,
    /// One node's fsyncs take very long.
    SlowDisk,
    /// One node's fsync fails; the node ends and comes back.
    DiskError,
    /// A node comes back with an empty disk and its old name.
    Wipe,
    /// The leader hands leadership over.
    HandOver,
    /// Every node makes a snapshot now, and forgets what it covers.
    Snapshot,
    /// A node's clock is set wrong.
    ClockStep,
    /// Snapshots are damaged on their way while a node that needs one comes back.
    DamagedSnapshot,
    /// A node loses power and its state, and its log no longer goes back to the first entry.
    StateLost,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::CrashLeader,
        Self::CrashFollower,
        Self::CrashAll,
        Self::Bounce,
        Self::IsolateLeader,
        Self::IsolateFollower,
        Self::Partition,
        Self::OneWay,
        Self::Bridge,
        Self::Swizzle,
        Self::Hold,
        Self::SlowDisk,
        Self::DiskError,
        Self::Wipe,
        Self::HandOver,
        Self::Snapshot,
        Self::ClockStep,
        Self::DamagedSnapshot,
        Self::StateLost,
    ];

    /// What figures call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrashLeader => "crash_leader",
            Self::CrashFollower => "crash_follower",
            Self::CrashAll => "crash_all",
            Self::Bounce => "bounce",
            Self::IsolateLeader => "isolate_leader",
            Self::IsolateFollower => "isolate_follower",
            Self::Partition => "partition",
            Self::OneWay => "one_way",
            Self::Bridge => "bridge",
            Self::Swizzle => "swizzle",
            Self::Hold => "hold",
            Self::SlowDisk => "slow_disk",
            Self::DiskError => "disk_error",
            Self::Wipe => "wipe",
            Self::HandOver => "hand_over",
            Self::Snapshot => "snapshot",
            Self::ClockStep => "clock_step",
            Self::DamagedSnapshot => "damaged_snapshot",
            Self::StateLost => "state_lost",
        }
    }

    /// For how long it may last, in milliseconds: from, and up to.
    pub const fn lasts(self) -> (u64, u64) {
        match self {
            Self::Bounce => (5, 20),
            Self::Bridge => (2_500, 3_000),
            Self::IsolateFollower => (400, 1_400),
            Self::DamagedSnapshot => (1_000, 1_800),
            Self::CrashLeader
            | Self::CrashFollower
            | Self::CrashAll
            | Self::IsolateLeader
            | Self::Partition
            | Self::OneWay
            | Self::Swizzle
            | Self::Hold
            | Self::SlowDisk
            | Self::DiskError
            | Self::Wipe
            | Self::HandOver
            | Self::Snapshot
            | Self::ClockStep
            | Self::StateLost => (200, 1_100),
        }
    }
}

/// One fault of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its sort.
    pub kind: Kind,
    /// When it comes, in milliseconds.
    pub at: u64,
    /// When it is taken back.
    pub until: u64,
}

/// Times at which a run did what, by sort.
pub type Counts = BTreeMap<&'static str, u64>;

/// Does a fault; false when there is nobody to do it to yet.
pub fn strike(cluster: &mut Cluster, kind: Kind, luck: &mut Luck) -> bool {
    match kind {
        Kind::CrashLeader => on(cluster.leader(), |node| cluster.crash(node)),
        Kind::CrashFollower => on(cluster.follower(luck), |node| cluster.crash(node)),
        Kind::CrashAll => {
            for node in cluster.up() {
                cluster.crash(node);
            }
            true
        }
        Kind::Bounce => {
            let node = cluster.anyone(luck);
            on(node, |node| {
                cluster.crash(node);
                cluster.restart(node);
            })
        }
        Kind::IsolateLeader => on(cluster.leader(), |node| cluster.isolate(node)),
        Kind::IsolateFollower | Kind::DamagedSnapshot => on(cluster.follower(luck), |node| {
            if kind == Kind::DamagedSnapshot {
                cluster.damage_snapshots(true);
            }
            cluster.isolate(node);
        }),
        Kind::Partition => on(cluster.pair(luck), |(one, other)| {
            cluster.sim.partition(host(one), host(other));
        }),
        Kind::OneWay => on(cluster.pair(luck), |(one, other)| {
            cluster.sim.partition_oneway(host(one), host(other));
        }),
        Kind::Bridge => on(cluster.leader(), |leader| bridge(cluster, leader, luck)),
        Kind::Swizzle => {
            let order = cluster.shuffled(luck);
            let few = 1 + luck.below(cluster.plan.nodes);
            for node in order.into_iter().take(few as usize) {
                cluster.isolate(node);
            }
            true
        }
        Kind::Hold => on(cluster.pair(luck), |(one, other)| {
            cluster.sim.hold(host(one), host(other));
        }),
        Kind::SlowDisk => on(cluster.anyone(luck), |node| cluster.disk(node).slow(30)),
        Kind::DiskError => on(cluster.anyone(luck), |node| cluster.disk(node).fail()),
        Kind::Wipe => on(cluster.follower(luck), |node| cluster.wipe(node)),
        Kind::HandOver => on(cluster.leader(), |node| {
            cluster.place(node).order(Order::HandOver);
        }),
        Kind::Snapshot => {
            for node in cluster.up() {
                cluster.place(node).order(Order::Snapshot);
            }
            true
        }
        Kind::ClockStep => on(cluster.anyone(luck), |node| {
            let step = [-3_600, -5, 45, 7_200, 31_536_000][luck_of(node)];
            let skew = &cluster.place(node).skew;
            skew.store(step, Relaxed);
        }),
        Kind::StateLost => on(cluster.forgetful(luck), |node| cluster.lose_state(node)),
    }
}

/// The first of the others stands between the leader and the rest.
fn bridge(cluster: &mut Cluster, leader: u64, luck: &mut Luck) {
    let mut others = cluster.shuffled(luck);
    others.retain(|node| *node != leader);
    let rest = others.split_off(1);
    let beside = rest[0];
    for other in &rest[1..] {
        cluster.sim.partition(host(leader), host(*other));
    }
    if luck.below(2) == 0 {
        // Neither side has a majority without the one between, and the leader has none with it.
        cluster.isolate(beside);
    } else {
        for other in &rest[1..] {
            cluster.sim.partition(host(beside), host(*other));
        }
    }
}

fn luck_of(node: u64) -> usize {
    (node % 5) as usize
}

fn on<T>(target: Option<T>, act: impl FnOnce(T)) -> bool {
    target.map(act).is_some()
}

/// What is counted of that sort of fault's consequences, so far in the run.
pub fn trace(cluster: &Cluster, kind: Kind) -> u64 {
    let sum = |of: fn(&Place) -> u64| cluster.places.iter().map(of).sum::<u64>();
    let events = |name: &str| {
        let lines = cluster.places[0].lines.lock().unwrap();
        lines.iter().filter(|line| line.3.name() == name).count() as u64
    };
    match kind {
        Kind::CrashLeader | Kind::CrashFollower | Kind::CrashAll | Kind::Bounce => {
            sum(|place| place.starts.load(Relaxed))
        }
        Kind::IsolateLeader
        | Kind::IsolateFollower
        | Kind::Partition
        | Kind::OneWay
        | Kind::Bridge
        | Kind::Swizzle
        | Kind::Hold => sum(|place| place.broken.load(Relaxed)),
        Kind::SlowDisk => sum(|place| place.disk.slow_fsyncs()),
        Kind::DiskError => sum(|place| place.disk.failures()),
        Kind::Wipe => sum(|place| place.turned_away.load(Relaxed)),
        Kind::HandOver => events("leads"),
        Kind::Snapshot => events("snapshot"),
        Kind::ClockStep => sum(|place| place.skewed.load(Relaxed)),
        Kind::DamagedSnapshot => sum(|place| place.damaged.load(Relaxed)),
        Kind::StateLost => sum(|place| place.fetched.load(Relaxed)),
    }
}

/// Takes back whatever there is: cuts, crashes, slow disks, wrong clocks.
pub fn relieve(cluster: &mut Cluster, luck: &mut Luck) {
    cluster.heal(luck);
}

/// Whether a node leads.
pub fn leads(cluster: &Cluster, node: u64) -> bool {
    let replica = cluster.place(node).replica();
    replica.is_some_and(|replica| replica.status().role == Role::Leader)
}

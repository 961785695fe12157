//! The faults, and how each is done to a cluster and taken back.

use std::collections::BTreeMap;

use replica::Role;

use crate::cluster::Cluster;
use crate::place::Order;
use crate::sim::disk::Luck;
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
    /// Five nodes in two halves that share one.
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
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 18] = [
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
        }
    }

    /// For how long it may last, in milliseconds: from, and up to.
    pub const fn lasts(self) -> (u64, u64) {
        match self {
            Self::Bounce => (5, 20),
            Self::Bridge => (2_500, 3_000),
            Self::IsolateFollower | Self::DamagedSnapshot => (400, 1_400),
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
            | Self::ClockStep => (200, 1_100),
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
        Kind::Bridge => {
            for left in [1, 2] {
                for right in [4, 5] {
                    cluster.sim.partition(host(left), host(right));
                }
            }
            true
        }
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
            skew.store(step, std::sync::atomic::Ordering::Relaxed);
        }),
    }
}

fn luck_of(node: u64) -> usize {
    (node % 5) as usize
}

fn on<T>(target: Option<T>, act: impl FnOnce(T)) -> bool {
    target.map(act).is_some()
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

//! Three replicas on simulated disks and a simulated network, through crashes and partitions.
//!
//! A run is a function of its seed: latencies, fsyncs, elections, what a crash leaves on a disk,
//! and what is done to the cluster when. `TALLY_SIMULATION_SEED=n` runs one seed alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test"
)]

mod sim;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ledger::{Memory, View};
use merkle::LeafIndex;
use replica::seams::State as _;
use replica::{
    Error, Former, PeerNode, Replica, ReplicaConfig, Role, Workplace, codec, fetch_missing_state,
};

use sim::disk::{SimDisk, SimState};
use sim::election;
use sim::luck::Luck;
use sim::net::{self, Answer, SimTransport, host};

const NODES: std::ops::RangeInclusive<u64> = 1..=3;

/// What one node's host has; the disk outlives the host's crashes.
#[derive(Clone)]
struct Place {
    ordinal: u64,
    disk: SimDisk,
    /// The replica that runs on it now, for the test to look at.
    running: Arc<Mutex<Option<Replica<SimState>>>>,
    /// How often it has started.
    starts: Arc<Mutex<u64>>,
    /// Rung when it is to hand leadership over.
    hand_over: Arc<tokio::sync::Notify>,
}

/// How a run goes, drawn from its seed.
struct Plan {
    seed: u64,
    config: ReplicaConfig,
    fsync_micros: std::ops::Range<u64>,
    latency: Duration,
    /// What is done to the cluster, and when, in milliseconds.
    faults: Vec<(u64, Fault)>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    CrashLeader,
    CrashFollower,
    /// Power fails on all nodes at once.
    CrashAll,
    RestartAll,
    CutLeaderOff,
    CutFollowerOff,
    HealAll,
    HandOver,
}

fn plan(seed: u64) -> Plan {
    let mut luck = Luck::new(seed ^ 0x0074_616c_6c79);
    let mut config = ReplicaConfig::new(0, seed);
    config.workplace = Workplace::InPlace;
    config.apply_entries = [1, 4, 128][luck.below(3) as usize];
    config.snapshot_every = [15, 60, 5_000][luck.below(3) as usize];
    config.keep_entries = config.snapshot_every;
    config.snapshot_behind = config.snapshot_every + 10;
    config.proposal_deadline = Duration::from_secs(1);
    let fsync_micros = [50..200, 400..1_500, 3_000..9_000][luck.below(3) as usize].clone();
    let latency = Duration::from_micros([300, 1_000, 4_000][luck.below(3) as usize]);
    let mut faults = Vec::new();
    let mut at = 900;
    for _ in 0..5 {
        let (fault, relief) = [
            (Fault::CrashLeader, Fault::RestartAll),
            (Fault::CrashFollower, Fault::RestartAll),
            (Fault::CrashAll, Fault::RestartAll),
            (Fault::CutLeaderOff, Fault::HealAll),
            (Fault::CutFollowerOff, Fault::HealAll),
            (Fault::HandOver, Fault::HealAll),
        ][luck.below(6) as usize];
        faults.push((at, fault));
        at += 200 + luck.below(900);
        faults.push((at, relief));
        at += 300 + luck.below(500);
    }
    // Whatever the seed, each run loses a leader once.
    faults.push((at, Fault::CrashLeader));
    faults.push((at + 700, Fault::RestartAll));
    Plan {
        seed,
        config,
        fsync_micros,
        latency,
        faults,
    }
}

/// What a run came to.
#[derive(Debug, PartialEq)]
struct History {
    /// Which leaf each report became, and the virtual time its answer came at, in microseconds.
    acknowledged: Vec<(usize, u64, u64)>,
    /// The longest time between two answers, in milliseconds.
    longest_gap_ms: u64,
    leaders: Vec<u64>,
    /// Snapshots installed, on all nodes.
    installed: u64,
    state: Memory,
}

fn members() -> BTreeMap<u64, PeerNode> {
    let node = |ordinal| PeerNode {
        name: host(ordinal),
        peer_address: format!("{}:7000", host(ordinal)),
        api_address: format!("{}:443", host(ordinal)),
        incarnation: String::new(),
    };
    NODES.map(|ordinal| (ordinal, node(ordinal))).collect()
}

async fn run_node(place: Place, config: ReplicaConfig) -> Result<(), Box<dyn std::error::Error>> {
    let start = {
        let mut starts = place.starts.lock().unwrap();
        *starts += 1;
        *starts
    };
    let mut config = config;
    config.ordinal = place.ordinal;
    config.seed = config
        .seed
        .wrapping_mul(1_000)
        .wrapping_add(place.ordinal * 100 + start);
    let log = Arc::new(place.disk.log());
    let state = Arc::new(place.disk.state());
    let transport = Arc::new(SimTransport {
        from: place.ordinal,
    });
    while let Err(error) = fetch_missing_state(&config, &*log, &state, &*transport).await {
        if !matches!(error, Error::Unavailable { .. }) {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let replica = Replica::start(config, log, state, transport).await?;
    if start == 1 && place.ordinal == 1 {
        replica.initialize(members()).await?;
    }
    *place.running.lock().unwrap() = Some(replica.clone());
    let leaving = replica.clone();
    let asked = Arc::clone(&place.hand_over);
    tokio::spawn(async move {
        loop {
            asked.notified().await;
            // Whether it works in time is not the point here: nothing may be lost by it.
            let _ = leaving.transfer_leadership().await;
        }
    });
    net::serve(replica).await?;
    Ok(())
}

/// Sends every command until it is acknowledged, four at a time, as impatient clients do.
async fn run_client(
    commands: Vec<Bytes>,
    told: Arc<Mutex<Vec<(usize, u64, u64)>>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut commands = commands.into_iter().enumerate();
    // The election has to exist before anything can be reported.
    let (first, founding) = commands.next().unwrap();
    send(first, founding, &told).await;
    let commands = Arc::new(Mutex::new(commands));
    let senders = (0..4).map(|_| {
        let (commands, told) = (Arc::clone(&commands), Arc::clone(&told));
        async move {
            loop {
                let next = commands.lock().unwrap().next();
                let Some((number, command)) = next else {
                    return;
                };
                send(number, command, &told).await;
                tokio::time::sleep(Duration::from_millis(260)).await;
            }
        }
    });
    futures::future::join_all(senders).await;
    Ok(())
}

async fn send(number: usize, command: Bytes, told: &Mutex<Vec<(usize, u64, u64)>>) {
    let mut to = 1 + (number as u64) % 3;
    loop {
        let answer = net::propose(to, command.clone(), Duration::from_millis(400)).await;
        match answer {
            Answer::Leaf(index) => {
                let at = turmoil::elapsed().as_micros() as u64;
                told.lock().unwrap().push((number, index, at));
                return;
            }
            Answer::Elsewhere(Some(leader)) => to = leader,
            Answer::Elsewhere(None) | Answer::Unknown => {
                to = 1 + to % 3;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

struct Cluster<'a> {
    sim: turmoil::Sim<'a>,
    places: Vec<Place>,
    down: Vec<u64>,
}

impl Cluster<'_> {
    fn role(place: &Place) -> Option<Role> {
        let running = place.running.lock().unwrap();
        running.as_ref().map(|replica| replica.status().role)
    }

    fn find(&self, leads: bool) -> Option<Place> {
        let up = |place: &&Place| !self.down.contains(&place.ordinal);
        let mut places = self.places.iter().filter(up);
        places
            .find(|place| (Self::role(place) == Some(Role::Leader)) == leads)
            .cloned()
    }

    fn crash(&mut self, place: &Place) {
        self.sim.crash(host(place.ordinal));
        place.running.lock().unwrap().take();
        place.disk.lose_power();
        self.down.push(place.ordinal);
    }

    fn isolate(&mut self, ordinal: u64) {
        for other in NODES.filter(|other| *other != ordinal) {
            self.sim.partition(host(ordinal), host(other));
        }
    }

    fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::CrashLeader | Fault::CrashFollower => {
                let leads = matches!(fault, Fault::CrashLeader);
                if let Some(place) = self.find(leads) {
                    self.crash(&place);
                }
            }
            Fault::CrashAll => {
                for place in self.places.clone() {
                    if !self.down.contains(&place.ordinal) {
                        self.crash(&place);
                    }
                }
            }
            Fault::RestartAll => {
                for ordinal in std::mem::take(&mut self.down) {
                    self.sim.bounce(host(ordinal));
                }
            }
            Fault::CutLeaderOff | Fault::CutFollowerOff => {
                let leads = matches!(fault, Fault::CutLeaderOff);
                if let Some(place) = self.find(leads) {
                    self.isolate(place.ordinal);
                }
            }
            Fault::HealAll => {
                for ordinal in NODES {
                    for other in NODES.filter(|other| *other != ordinal) {
                        self.sim.repair(host(ordinal), host(other));
                    }
                }
            }
            Fault::HandOver => {
                if let Some(place) = self.find(true) {
                    place.hand_over.notify_one();
                }
            }
        }
    }

    /// The cosign gate: what a node calls durable is on its own disk.
    fn check_gate(&self, made_at: &mut BTreeMap<u64, u64>) {
        for place in &self.places {
            let running = place.running.lock().unwrap();
            let Some(replica) = running.as_ref() else {
                continue;
            };
            let applied = *replica.applied_watch().borrow();
            if let Some(index) = applied.log_index {
                made_at.entry(applied.tree_size).or_insert(index);
            }
            let released = replica.flushed_tree_size().get();
            // The first index at which any node was seen with that size or more bounds the entry
            // that made it from above only when steps are single entries.
            if let Some(index) = made_at.get(&released)
                && released > 0
            {
                let durable = place.disk.durable_index();
                let synced = place.disk.synced_size();
                assert!(
                    durable >= Some(*index) || synced >= released,
                    "node {} would cosign size {released} (entry {index}) with {durable:?} on disk",
                    place.ordinal
                );
            }
        }
    }
}

/// The three nodes of a plan, not yet started.
fn cluster(plan: &Plan) -> Cluster<'static> {
    let mut builder = turmoil::Builder::new();
    builder
        .rng_seed(plan.seed)
        .simulation_duration(Duration::from_mins(2))
        .tick_duration(Duration::from_micros(500))
        .min_message_latency(Duration::from_micros(100))
        .max_message_latency(plan.latency);
    let mut cluster = Cluster {
        sim: builder.build(),
        places: Vec::new(),
        down: Vec::new(),
    };
    for ordinal in NODES {
        let place = Place {
            ordinal,
            disk: SimDisk::new(plan.seed * 10 + ordinal, plan.fsync_micros.clone()),
            running: Arc::default(),
            starts: Arc::default(),
            hand_over: Arc::default(),
        };
        cluster.places.push(place.clone());
        let config = plan.config.clone();
        cluster.sim.host(host(ordinal), move || {
            run_node(place.clone(), config.clone())
        });
    }
    cluster
}

fn simulate(seed: u64) -> History {
    let plan = plan(seed);
    let commands = election::commands();
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut cluster = cluster(&plan);
    cluster
        .sim
        .client("chairs", run_client(commands.clone(), Arc::clone(&told)));
    let mut faults = plan.faults.into_iter().peekable();
    let mut leaders = Vec::new();
    let mut made_at = BTreeMap::new();
    let mut done = false;
    loop {
        let now = cluster.sim.elapsed().as_millis() as u64;
        if let Some((_, fault)) = faults.next_if(|(at, _)| *at <= now) {
            cluster.fault(fault);
        }
        done |= cluster.sim.step().unwrap();
        if let Some(place) = cluster.find(true)
            && leaders.last() != Some(&place.ordinal)
        {
            leaders.push(place.ordinal);
        }
        if plan.config.apply_entries == 1 {
            cluster.check_gate(&mut made_at);
        }
        if done && faults.peek().is_none() && agreed(&cluster) {
            break;
        }
        assert!(
            now < 110_000,
            "seed {seed}: the cluster did not come to rest"
        );
    }
    let state = cluster.places[0].running.lock().unwrap().clone().unwrap();
    let state = state.state().rows();
    let installed = cluster
        .places
        .iter()
        .map(|place| place.disk.installed())
        .sum();
    let mut acknowledged = told.lock().unwrap().clone();
    acknowledged.sort_unstable();
    check(seed, &cluster, &commands, &acknowledged);
    History {
        longest_gap_ms: longest_gap(&acknowledged),
        acknowledged,
        leaders,
        installed,
        state,
    }
}

/// Whether all nodes are up, at one position, with nothing more to come.
fn agreed(cluster: &Cluster<'_>) -> bool {
    let statuses: Vec<_> = cluster
        .places
        .iter()
        .filter_map(|place| place.running.lock().unwrap().as_ref().map(Replica::status))
        .collect();
    let first = statuses.first();
    statuses.len() == 3
        && first.is_some_and(|first| first.applied == first.last_log)
        && statuses.iter().all(|status| {
            Some(status.applied) == first.map(|first| first.applied)
                && Some(status.leader) == first.map(|first| first.leader)
                && status.leader.is_some()
        })
}

fn check(seed: u64, cluster: &Cluster<'_>, commands: &[Bytes], acknowledged: &[(usize, u64, u64)]) {
    assert_eq!(acknowledged.len(), commands.len(), "seed {seed}");
    let states: Vec<_> = cluster
        .places
        .iter()
        .map(|place| place.running.lock().unwrap().clone().unwrap())
        .collect();
    let first = states[0].state().rows();
    for replica in &states {
        assert_eq!(replica.state().rows(), first, "seed {seed}: states differ");
        let applied = replica.state().applied().unwrap();
        assert_eq!(applied, states[0].state().applied().unwrap(), "seed {seed}");
        election::check(&**replica.state());
    }
    let view = View::new(&first);
    let mut leaves = std::collections::BTreeSet::new();
    for (number, index, _) in acknowledged {
        let leaf = view.leaf(LeafIndex::new(*index)).unwrap();
        let sent = election::note(&commands[*number]);
        assert_eq!(leaf, Some(sent), "seed {seed}: report {number} is lost");
        assert!(leaves.insert(*index), "seed {seed}: leaf {index} twice");
    }
    assert_eq!(view.tree_size().unwrap().get(), commands.len() as u64);
}

fn longest_gap(acknowledged: &[(usize, u64, u64)]) -> u64 {
    let mut times: Vec<u64> = acknowledged.iter().map(|(_, _, at)| *at).collect();
    times.sort_unstable();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or_default() / 1_000
}

/// No acknowledged report is lost or recorded twice, and all states are equal, whatever the seed.
#[test]
fn no_seed_loses_an_acknowledged_report() {
    let seeds: Vec<u64> = match std::env::var("TALLY_SIMULATION_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=10).collect(),
    };
    let all = seeds.len() > 1;
    let mut installed = 0;
    for seed in seeds {
        let history = simulate(seed);
        installed += history.installed;
        println!(
            "seed {seed}: {} reports, leaders {:?}, {} snapshots installed, longest gap {} ms",
            history.acknowledged.len(),
            history.leaders,
            history.installed,
            history.longest_gap_ms
        );
        assert!(history.leaders.len() > 1, "seed {seed} lost no leader");
    }
    assert!(!all || installed > 0, "no seed installed a snapshot");
}

/// A node that says it leads takes what it is offered, from the first moment on: whoever waited for
/// a leader and was sent away would not know whom to ask next.
#[test]
fn a_new_leader_takes_what_it_is_offered_at_once() {
    for seed in 1..=10 {
        let mut cluster = cluster(&plan(seed));
        let places = cluster.places.clone();
        cluster.sim.client("impatient", async move {
            let leader = a_leader(&places, |_| true).await;
            leader
                .propose(codec::decode(election::commands()[0].clone())?)
                .await?;
            Ok(())
        });
        while !cluster.sim.step().unwrap() {}
    }
}

/// So with a change of its members, which an administrator would have to order again.
#[test]
fn a_new_leader_changes_its_members_when_it_is_told_to() {
    for seed in 1..=10 {
        let mut cluster = cluster(&plan(seed));
        let places = cluster.places.clone();
        cluster.sim.client("impatient", async move {
            let first = a_leader(&places, |_| true).await;
            first
                .propose(codec::decode(election::commands()[0].clone())?)
                .await?;
            let former = first.status().ordinal;
            first.transfer_leadership().await?;
            let leader = a_leader(&places, |ordinal| ordinal != former).await;
            let status = leader.status();
            let expected = status.membership_index.unwrap_or_default();
            let voters = [status.ordinal, former].into();
            leader
                .change_voters(expected, voters, Former::Follows)
                .await?;
            Ok(())
        });
        while !cluster.sim.step().unwrap() {}
    }
}

/// A node whose state is gone gets it from another member where its own log has dropped the
/// beginning, and waits for one where nobody is there.
#[test]
fn a_state_that_is_gone_comes_back_from_another_member() {
    for (seed, alone) in [(1, false), (2, true), (3, false), (4, true)] {
        let mut plan = plan(seed);
        plan.config.snapshot_every = 15;
        plan.config.keep_entries = 15;
        plan.config.snapshot_behind = 25;
        let commands = election::commands();
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut cluster = cluster(&plan);
        let client = run_client(commands.clone(), Arc::clone(&told));
        cluster.sim.client("chairs", client);
        while !cluster.sim.step().unwrap() || !agreed(&cluster) {}
        let unlucky = cluster.places[(seed % 3) as usize].clone();
        if alone {
            cluster.fault(Fault::CrashAll);
        } else {
            cluster.crash(&unlucky);
        }
        unlucky.disk.lose_state();
        assert!(unlucky.disk.lacks_state(), "seed {seed}: its log is whole");
        let installed = unlucky.disk.installed();
        cluster.sim.bounce(host(unlucky.ordinal));
        for _ in 0..1_000 {
            cluster.sim.step().unwrap();
        }
        assert_eq!(unlucky.running.lock().unwrap().is_none(), alone);
        cluster.down.retain(|node| *node != unlucky.ordinal);
        cluster.fault(Fault::RestartAll);
        while !agreed(&cluster) {
            cluster.sim.step().unwrap();
        }
        assert!(unlucky.disk.installed() > installed, "seed {seed}");
        let mut acknowledged = told.lock().unwrap().clone();
        acknowledged.sort_unstable();
        check(seed, &cluster, &commands, &acknowledged);
    }
}

/// The replica that leads, as soon as one of these does.
async fn a_leader(places: &[Place], among: impl Fn(u64) -> bool) -> Replica<SimState> {
    loop {
        let running = places
            .iter()
            .map(|place| place.running.lock().unwrap().clone());
        let mut leads = running.flatten().filter(|replica| {
            let status = replica.status();
            status.leader == Some(status.ordinal) && among(status.ordinal)
        });
        if let Some(leader) = leads.next() {
            return leader;
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}

/// The same seed gives the same answers at the same virtual times, and the same state.
#[test]
fn a_seed_repeats_its_run() {
    assert_eq!(simulate(4), simulate(4));
}

//! The promise of a receipt taken at its word: right after it was believed, the disks of all nodes
//! outside its signers are destroyed and the signers lose their power with everything unflushed.
//! Whichever k of them are chosen, a cluster started from their disks alone has the entry.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger::View;
use merkle::{LeafIndex, TreeSize};
use replica::seams::State as _;
use replica::{Replica, Role};

use crate::promises::{Promise, Remains};
use crate::sim::disk::{SimDisk, SimState};
use crate::sim::net::{self, SimTransport, host};
use crate::stage::Stage;
use crate::swarm::Plan;

/// How long the survivors may take to elect one of them, in virtual time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries every choice of a majority among the signers; how many there were.
pub fn survive(plan: &Plan, stage: &Arc<Stage>, remains: &Remains) -> Result<u64, String> {
    let majority = (plan.nodes / 2 + 1) as usize;
    let mut choices = 0;
    for chosen in subsets(&remains.disks, majority) {
        choices += 1;
        start_from(plan, stage, &remains.promise, &chosen, choices)?;
    }
    if choices == 0 {
        return Err("a receipt with fewer signers than a majority".to_owned());
    }
    Ok(choices)
}

fn subsets(disks: &[(u64, SimDisk)], many: usize) -> Vec<Vec<(u64, SimDisk)>> {
    let all = 0_u32..1 << disks.len();
    let of_size = all.filter(|bits| bits.count_ones() as usize == many);
    of_size
        .map(|bits| {
            let chosen = disks.iter().enumerate();
            let chosen = chosen.filter(|(place, _)| bits & (1 << place) != 0);
            chosen.map(|(_, disk)| disk.clone()).collect()
        })
        .collect()
}

type Running = Arc<Mutex<Vec<Replica<SimState>>>>;

fn start_from(
    plan: &Plan,
    stage: &Arc<Stage>,
    promise: &Promise,
    chosen: &[(u64, SimDisk)],
    choice: u64,
) -> Result<(), String> {
    let mut builder = turmoil::Builder::new();
    builder
        .rng_seed(plan.seed * 100 + choice)
        .simulation_duration(PATIENCE)
        .tick_duration(Duration::from_millis(1))
        .tcp_capacity(4_096);
    let mut sim = builder.build();
    let running = Running::default();
    for (ordinal, disk) in chosen {
        let (ordinal, disk) = (*ordinal, disk.bare());
        let (config, running) = (plan.config.clone(), Arc::clone(&running));
        sim.host(host(ordinal), move || {
            node(ordinal, disk.clone(), config.clone(), Arc::clone(&running))
        });
    }
    // Whom the survivors still know as members have names, and nobody is there.
    for ordinal in stage.ordinals() {
        if !chosen.iter().any(|(known, _)| *known == ordinal) {
            sim.host(host(ordinal), || async {
                std::future::pending::<()>().await;
                Ok(())
            });
        }
    }
    let who: Vec<u64> = chosen.iter().map(|(ordinal, _)| *ordinal).collect();
    while sim.elapsed() + Duration::from_millis(5) < PATIENCE {
        sim.step()
            .map_err(|error| format!("nodes {who:?}: {error}"))?;
        let running = running.lock().unwrap();
        let leader = running.iter().find(|replica| {
            let status = replica.status();
            status.role == Role::Leader && status.applied == status.last_log
        });
        if let Some(leader) = leader {
            return has(leader.state(), stage, promise)
                .map_err(|why| format!("nodes {who:?}: {why}"));
        }
    }
    Err(format!("nodes {who:?} elect nobody"))
}

async fn node(
    ordinal: u64,
    disk: SimDisk,
    config: replica::ReplicaConfig,
    running: Running,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = config;
    config.ordinal = ordinal;
    config.seed = config.seed.wrapping_add(ordinal);
    config.observer = Arc::new(());
    let log = Arc::new(disk.log());
    let state = Arc::new(disk.state());
    let transport = Arc::new(SimTransport { from: ordinal });
    let replica = Replica::start(config, log, state, transport).await?;
    running.lock().unwrap().push(replica.clone());
    net::serve(replica).await?;
    Ok(())
}

fn has(state: &SimState, stage: &Stage, promise: &Promise) -> Result<(), String> {
    let _ = state.applied();
    let view = View::new(state);
    let leaf = view.leaf(LeafIndex::new(promise.leaf)).unwrap();
    if leaf.as_deref() != Some(stage.notes[promise.number].bytes()) {
        return Err(format!("leaf {} is not what was promised", promise.leaf));
    }
    let root = view.root_at(TreeSize::new(promise.size)).unwrap();
    if root != Some(promise.root) {
        return Err(format!("the root over {} leaves is another", promise.size));
    }
    Ok(())
}

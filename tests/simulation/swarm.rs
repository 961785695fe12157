//! How a run goes, drawn from its seed: another cluster, another load and other faults each time.
//! A swarm of runs that each leave something out finds more than many that have everything.

use std::ops::Range;
use std::time::Duration;

use replica::{ReplicaConfig, Workplace};

use crate::nemesis::{Fault, Kind};
use crate::sim::luck::Luck;

/// A run's settings.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed it was drawn from.
    pub seed: u64,
    /// Nodes.
    pub nodes: u64,
    /// Units of the election.
    pub units: u64,
    /// Every node's settings.
    pub config: ReplicaConfig,
    /// How long an fsync takes, in microseconds.
    pub fsync_micros: Range<u64>,
    /// The longest way of a message.
    pub latency: Duration,
    /// How likely a message is lost with its connection, in a million.
    pub loss_millionths: u64,
    /// Chairs.
    pub chairs: u64,
    /// Pause between two notes of one chair, in milliseconds.
    pub pause_ms: u64,
    /// Laptops that lose power during a delivery, in a thousand.
    pub laptop_cuts: u64,
    /// Which faults this run has.
    pub kinds: Vec<Kind>,
    /// The faults with their times in milliseconds and how long each lasts.
    pub faults: Vec<Fault>,
    /// When everything is healed, in milliseconds.
    pub heal_at: u64,
}

/// Units of every run's election, and about the notes that are written of them.
const UNITS: u64 = 48;
const NOTES: u64 = 82;

/// When the first fault may come: an election and the founding take their time.
const FIRST_FAULT_MS: u64 = 1_200;

/// Draws a run.
pub fn plan(seed: u64) -> Plan {
    let mut luck = Luck::new(seed ^ 0x0074_616c_6c79);
    // One sort of fault goes round with the seeds, so that none is left out of many.
    let first = Kind::ALL[(seed % Kind::ALL.len() as u64) as usize];
    let mut nodes = [3, 3, 5][luck.below(3) as usize];
    if first == Kind::Bridge {
        nodes = 5;
    }
    let mut config = ReplicaConfig::new(0, seed);
    config.workplace = Workplace::InPlace;
    let (heartbeat, min, max) = [
        (40, 120, 160),
        (40, 120, 160),
        (30, 100, 150),
        (60, 200, 300),
    ][luck.below(4) as usize];
    config.heartbeat = Duration::from_millis(heartbeat);
    config.election_min = Duration::from_millis(min);
    config.election_max = Duration::from_millis(max);
    config.quorum_loss_probe = config.election_max * 3;
    config.apply_entries = [1, 4, 128][luck.below(3) as usize];
    config.append_entries = [1, 64, 1_024][luck.below(3) as usize];
    config.snapshot_every = [15, 60, 5_000][luck.below(3) as usize];
    config.proposal_deadline = Duration::from_secs(1);
    // What a cut swallows of a connection is never sent again here, as the real network would.
    config.snapshot_deadline = Duration::from_millis(700);
    let fsync_micros = [50..200, 400..1_500, 3_000..9_000][luck.below(3) as usize].clone();
    let latency = Duration::from_micros([300, 1_000, 4_000][luck.below(3) as usize]);
    let mut kinds = vec![first];
    while kinds.len() < 3 {
        let kind = Kind::ALL[luck.below(Kind::ALL.len() as u64) as usize];
        if !kinds.contains(&kind) && (kind != Kind::Bridge || nodes == 5) {
            kinds.push(kind);
        }
    }
    if kinds.contains(&Kind::DamagedSnapshot) || kinds.contains(&Kind::StateLost) {
        // Whoever is cut off for a second needs one, and so does whoever has lost its state.
        config.snapshot_every = 5;
    }
    config.keep_entries = config.snapshot_every;
    config.snapshot_behind = config.snapshot_every + [3, 10][luck.below(2) as usize];
    let mut faults = Vec::new();
    let mut at = FIRST_FAULT_MS;
    for round in 0..6 {
        // Each kind once, then any; a disk is taken away once, for the node does not come back.
        let kind = *kinds.get(round).unwrap_or_else(|| {
            let any = &kinds[luck.below(kinds.len() as u64) as usize];
            if *any == Kind::Wipe {
                &Kind::Bounce
            } else {
                any
            }
        });
        let (short, long) = kind.lasts();
        let lasts = short + luck.below(long - short);
        faults.push(Fault {
            kind,
            at,
            until: at + lasts,
        });
        at += lasts + 250 + luck.below(500);
    }
    if kinds.contains(&Kind::Wipe) {
        // Whoever is wiped last does not stand in the way of the other faults.
        faults.sort_by_key(|fault| fault.kind == Kind::Wipe);
        retime(&mut faults, &mut luck, &mut at);
    }
    let chairs = 3 + luck.below(4);
    Plan {
        seed,
        nodes,
        units: UNITS,
        config,
        fsync_micros,
        latency,
        loss_millionths: [0, 0, 20, 100][luck.below(4) as usize],
        chairs,
        // Chairs report as long as there are faults.
        pause_ms: (at * chairs / NOTES).saturating_sub(60).max(40),
        laptop_cuts: [0, 60][luck.below(2) as usize],
        kinds,
        faults,
        heal_at: at,
    }
}

fn retime(faults: &mut [Fault], luck: &mut Luck, end: &mut u64) {
    let mut at = FIRST_FAULT_MS;
    for fault in faults {
        let lasts = fault.until - fault.at;
        fault.at = at;
        fault.until = at + lasts;
        at += lasts + 250 + luck.below(500);
    }
    *end = at;
}

//! One run: the safety phase with its faults, then everything is healed and has to come to rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use merkle::sha256;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_local;

use crate::chairs::{self, Crowd, Seen};
use crate::cluster::Cluster;
use crate::course::Course;
use crate::disaster;
use crate::invariants::{self, Invariant, Rest};
use crate::nemesis::{self, Counts};
use crate::panics::Panics;
use crate::place::Lines;
use crate::promises::Promises;
use crate::sim::luck::Luck;
use crate::stage::Stage;
use crate::swarm::{Plan, plan};

/// After the last fault is healed, all is well within this time, in virtual milliseconds.
pub const CONVERGENCE_MS: u64 = 2_000;

/// A run that is not over by then will not be.
const LONGEST_MS: u64 = 90_000;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// A hash of everything that happened, with its times.
    pub history: String,
    /// Its virtual length.
    pub virtual_ms: u64,
    /// Notes that were recorded.
    pub submissions: u64,
    /// Receipts that were verified.
    pub receipts: u64,
    /// Operations in the history.
    pub operations: u64,
    /// Times an invariant was evaluated.
    pub evaluations: u64,
    /// Faults that were done, by kind.
    pub faults: BTreeMap<String, u64>,
    /// What they led to.
    pub effects: BTreeMap<String, u64>,
    /// Of those, the ones that were felt, by kind: calls broke, an fsync failed, somebody started.
    pub felt: BTreeMap<String, u64>,
    /// From healing until every node had applied what was acknowledged after it, in virtual
    /// milliseconds.
    pub converged_ms: u64,
    /// What went wrong, in words.
    pub violations: Vec<String>,
}

/// Runs one seed.
pub fn run(seed: u64) -> Report {
    let panics = Panics::watch();
    let plan = plan(seed);
    let stage = Arc::new(Stage::new(plan.nodes, plan.units));
    let lines = Lines::default();
    let mut cluster = Cluster::new(&plan, &stage, &lines);
    let crowd = crowd(&plan, &stage, &cluster);
    let chairs_done = open_doors(&mut cluster, &crowd);
    let mut invariants = invariants::all();
    let mut course = Course::new(&plan);
    let mut healed: Option<Healed> = None;
    let mut step = 0_u64;
    loop {
        let now = cluster.sim.elapsed().as_millis() as u64;
        if healed.is_none() {
            course.proceed(&mut cluster, &crowd, now);
            if course.is_over() && now >= plan.heal_at + course.shift {
                cluster.damage_snapshots(false);
                cluster.sim.set_fail_rate(0.0);
                nemesis::relieve(&mut cluster, &mut course.luck);
                healed = Some(Healed::new(now));
            }
        }
        if let Err(error) = cluster.sim.step() {
            course.violations.push(format!("a host failed: {error}"));
            break;
        }
        step += 1;
        course.watch_ended(&mut cluster, healed.is_some());
        course.violations.extend(panics.take());
        if step.is_multiple_of(20) {
            watch(&mut invariants, &cluster, &mut course.violations);
        }
        if let Some(healed) = &mut healed
            && step.is_multiple_of(2)
        {
            healed.look(&cluster, &crowd);
            if healed.converged.is_none() && now > healed.at + CONVERGENCE_MS {
                course.violations.push(format!(
                    "I10 {CONVERGENCE_MS} ms after everything was healed: {:?}",
                    cluster.statuses()
                ));
                break;
            }
            let done = *chairs_done.lock().unwrap() == plan.chairs;
            if done && healed.converged.is_some() && cluster.agrees() {
                break;
            }
        }
        if now > LONGEST_MS {
            course
                .violations
                .push("the run does not come to rest".to_owned());
            break;
        }
        if !course.violations.is_empty() {
            break;
        }
    }
    crowd.seen.lock().unwrap().over = true;
    course.feel(&cluster);
    let converged = healed.and_then(|healed| healed.converged);
    conclude(Ending {
        plan: &plan,
        stage: &stage,
        cluster: &cluster,
        crowd: &crowd,
        lines: &lines,
        converged: converged.unwrap_or_default(),
        invariants,
        course,
    })
}

fn crowd(plan: &Plan, stage: &Arc<Stage>, cluster: &Cluster) -> Crowd {
    let promises = Promises {
        keep_after: 1_000_000 + Luck::new(plan.seed + 5).below(plan.heal_at) * 1_000,
        ..Promises::default()
    };
    Crowd {
        stage: Arc::clone(stage),
        seen: Arc::default(),
        promises: Arc::new(Mutex::new(promises)),
        places: cluster.places.clone(),
        seed: plan.seed,
        laptop_cuts: plan.laptop_cuts,
        pause_ms: plan.pause_ms,
    }
}

/// The clients go to work; how many chairs are done. They share a host, for each host costs the
/// simulation something at every tick, and no fault is done to clients' hosts.
fn open_doors(cluster: &mut Cluster, crowd: &Crowd) -> Arc<Mutex<u64>> {
    let done = Arc::new(Mutex::new(0));
    let (of, crowd, counted) = (cluster.plan.chairs, crowd.clone(), Arc::clone(&done));
    cluster.sim.client("town", async move {
        let mut all = Vec::new();
        for number in 0..of {
            let (crowd, done) = (crowd.clone(), Arc::clone(&counted));
            all.push(spawn_local(async move {
                chairs::chair(crowd, number, of).await?;
                *done.lock().unwrap() += 1;
                Ok::<_, Box<dyn std::error::Error>>(())
            }));
        }
        all.push(spawn_local(chairs::repeater(crowd.clone())));
        for number in 0..2 {
            all.push(spawn_local(chairs::reader(crowd.clone(), number)));
        }
        for client in all {
            client.await??;
        }
        Ok(())
    });
    done
}

/// The liveness phase: everything is healed, and has to come to rest.
struct Healed {
    /// When, in milliseconds.
    at: u64,
    /// The last entry applied anywhere when the first operation that began after it was answered.
    mark: Option<u64>,
    /// How long it took until all nodes were there, under one leader.
    converged: Option<u64>,
}

impl Healed {
    const fn new(at: u64) -> Self {
        Self {
            at,
            mark: None,
            converged: None,
        }
    }

    fn look(&mut self, cluster: &Cluster, crowd: &Crowd) {
        if self.converged.is_some() {
            return;
        }
        if self.mark.is_none() && served_since(crowd, self.at) {
            let applied = cluster.statuses().into_iter();
            self.mark = applied.filter_map(|status| status.applied).max();
        }
        if self.mark.is_some() && cluster.reached(self.mark) {
            let now = cluster.sim.elapsed().as_millis() as u64;
            self.converged = Some(now - self.at);
        }
    }
}

fn served_since(crowd: &Crowd, since_ms: u64) -> bool {
    let seen = crowd.seen.lock().unwrap();
    let mut ops = seen.ops.iter().rev();
    ops.any(|op| op.invoked >= since_ms * 1_000 && op.returned.is_some())
}

fn watch(invariants: &mut [Box<dyn Invariant>], cluster: &Cluster, violations: &mut Vec<String>) {
    for invariant in invariants {
        if let Err(why) = invariant.watch(cluster) {
            violations.push(format!("{}: {why}", invariant.name()));
        }
    }
}

/// What is left when the loop has ended.
struct Ending<'a> {
    plan: &'a Plan,
    stage: &'a Arc<Stage>,
    cluster: &'a Cluster,
    crowd: &'a Crowd,
    lines: &'a Lines,
    converged: u64,
    invariants: Vec<Box<dyn Invariant>>,
    course: Course,
}

fn conclude(ending: Ending<'_>) -> Report {
    let Ending {
        plan,
        stage,
        cluster,
        crowd,
        lines,
        converged,
        mut invariants,
        course,
    } = ending;
    let seen = crowd.seen.lock().unwrap();
    let mut promises = crowd.promises.lock().unwrap();
    let lines = lines.lock().unwrap();
    let mut violations = course.violations;
    let at_rest = violations.is_empty();
    let rest = Rest {
        stage,
        cluster,
        seen: &seen,
        promises: &promises,
        lines: &lines,
        at_rest,
    };
    let mut evaluations = 0;
    for invariant in &mut invariants {
        if let Err(why) = invariant.rest(&rest) {
            violations.push(format!("{}: {why}", invariant.name()));
        }
        evaluations += invariant.evaluations();
    }
    let effects = effects(cluster, &seen, &promises, &lines);
    if at_rest {
        for kind in &plan.kinds {
            if !course.counts.contains_key(kind.name()) {
                violations.push(format!("`{}` was planned and never done", kind.name()));
            }
        }
    }
    let mut text = format!("{:?}", seen.ops);
    for (at, node, incarnation, event) in lines.iter() {
        text.push_str(&event.line(*at, *node, *incarnation));
    }
    let mut effects: BTreeMap<String, u64> = effects;
    if violations.is_empty()
        && let Some(remains) = promises.remains.take()
    {
        match disaster::survive(plan, stage, &remains) {
            Ok(choices) => {
                effects.insert("disasters_survived".to_owned(), choices);
            }
            Err(why) => violations.push(format!("after a disaster: {why}")),
        }
    }
    Report {
        seed: plan.seed,
        history: sha256(text.as_bytes()).to_hex(),
        virtual_ms: cluster.sim.elapsed().as_millis() as u64,
        submissions: seen.receipted.len() as u64,
        receipts: promises.all.len() as u64,
        operations: seen.ops.len() as u64,
        evaluations,
        faults: named(&course.counts),
        felt: named(&course.felt),
        effects,
        converged_ms: converged,
        violations,
    }
}

fn named(counts: &Counts) -> BTreeMap<String, u64> {
    let counts = counts.iter();
    counts
        .map(|(name, many)| ((*name).to_owned(), *many))
        .collect()
}

fn effects(
    cluster: &Cluster,
    seen: &Seen,
    promises: &Promises,
    lines: &[crate::place::Line],
) -> BTreeMap<String, u64> {
    use std::sync::atomic::Ordering::Relaxed;
    let sum = |of: fn(&crate::place::Place) -> u64| cluster.places.iter().map(of).sum::<u64>();
    let events = |name: &str| lines.iter().filter(|line| line.3.name() == name).count() as u64;
    [
        ("leaders", events("leads")),
        ("snapshots_made", events("snapshot")),
        ("snapshots_installed", events("installed")),
        ("truncations", events("truncated")),
        ("cosignatures", events("cosigned")),
        ("starts", sum(|place| place.starts.load(Relaxed))),
        ("writes_lost_in_power_cuts", sum(|place| place.disk.lost())),
        ("fsyncs_failed", sum(|place| place.disk.failures())),
        ("turned_away", sum(|place| place.turned_away.load(Relaxed))),
        (
            "snapshots_fetched",
            sum(|place| place.fetched.load(Relaxed)),
        ),
        ("frames_damaged", sum(|place| place.damaged.load(Relaxed))),
        ("calls_broken", sum(|place| place.broken.load(Relaxed))),
        ("slow_fsyncs", sum(|place| place.disk.slow_fsyncs())),
        (
            "asked_with_wrong_clock",
            sum(|place| place.skewed.load(Relaxed)),
        ),
        ("laptops_cut", seen.laptops),
        ("repeats", seen.repeats),
        ("disks_looked_at", promises.looked),
    ]
    .into_iter()
    .map(|(name, many)| (name.to_owned(), many))
    .collect()
}

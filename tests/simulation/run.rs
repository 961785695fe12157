//! One run: the safety phase with its faults, then everything is healed and has to come to rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use merkle::sha256;
use serde::{Deserialize, Serialize};

use crate::chairs::{self, Crowd, Seen};
use crate::cluster::Cluster;
use crate::disaster;
use crate::invariants::{self, Invariant, Rest};
use crate::nemesis::{self, Counts, Fault, Kind};
use crate::place::Lines;
use crate::promises::Promises;
use crate::sim::disk::Luck;
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
    /// The time from healing to rest.
    pub converged_ms: u64,
    /// What went wrong, in words.
    pub violations: Vec<String>,
}

/// What the loop keeps in mind.
struct Course {
    luck: Luck,
    faults: std::collections::VecDeque<Fault>,
    under_way: Option<Fault>,
    /// By how much the plan is late, because a fault had to wait for somebody to be done to.
    shift: u64,
    counts: Counts,
    /// The leader and its term when a follower was cut off, and until when they have to stay.
    steady: Option<(u64, u64, u64)>,
    violations: Vec<String>,
}

/// Runs one seed.
pub fn run(seed: u64) -> Report {
    let plan = plan(seed);
    let stage = Arc::new(Stage::new(plan.nodes, plan.units));
    let lines = Lines::default();
    let mut cluster = Cluster::new(&plan, &stage, &lines);
    let crowd = crowd(&plan, &stage, &cluster);
    let chairs_done = open_doors(&mut cluster, &crowd);
    let mut invariants = invariants::all();
    let mut course = Course {
        luck: Luck::new(seed * 7 + 3),
        faults: plan.faults.iter().copied().collect(),
        under_way: None,
        shift: 0,
        counts: Counts::new(),
        steady: None,
        violations: Vec::new(),
    };
    let mut healed = None;
    let mut converged = None;
    let mut step = 0_u64;
    loop {
        let now = cluster.sim.elapsed().as_millis() as u64;
        if healed.is_none() {
            course.proceed(&mut cluster, &crowd, now);
            if course.is_over() && now >= plan.heal_at + course.shift {
                cluster.damage_snapshots(false);
                cluster.sim.set_fail_rate(0.0);
                nemesis::relieve(&mut cluster, &mut course.luck);
                healed = Some(now);
            }
        }
        if let Err(error) = cluster.sim.step() {
            course.violations.push(format!("a host failed: {error}"));
            break;
        }
        step += 1;
        course.watch_ended(&mut cluster, healed.is_some());
        if step.is_multiple_of(20) {
            watch(&mut invariants, &cluster, &mut course.violations);
        }
        if let Some(healed) = healed {
            if converged.is_none() && cluster.agrees() && served_since(&crowd, healed) {
                converged = Some(now - healed);
            }
            if converged.is_none() && now > healed + CONVERGENCE_MS {
                course.violations.push(format!(
                    "{CONVERGENCE_MS} ms after everything was healed: {:?}",
                    cluster.statuses()
                ));
                break;
            }
            if *chairs_done.lock().unwrap() == plan.chairs && cluster.agrees() {
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

/// The clients go to work; how many chairs are done.
fn open_doors(cluster: &mut Cluster, crowd: &Crowd) -> Arc<Mutex<u64>> {
    let done = Arc::new(Mutex::new(0));
    let of = cluster.plan.chairs;
    for number in 0..of {
        let (crowd, done) = (crowd.clone(), Arc::clone(&done));
        cluster.sim.client(format!("chair{number}"), async move {
            chairs::chair(crowd, number, of).await?;
            *done.lock().unwrap() += 1;
            Ok(())
        });
    }
    cluster
        .sim
        .client("repeater", chairs::repeater(crowd.clone()));
    for number in 0..2 {
        let crowd = crowd.clone();
        cluster
            .sim
            .client(format!("reader{number}"), chairs::reader(crowd, number));
    }
    done
}

impl Course {
    fn is_over(&self) -> bool {
        self.faults.is_empty() && self.under_way.is_none()
    }

    /// Does what is due.
    fn proceed(&mut self, cluster: &mut Cluster, crowd: &Crowd, now: u64) {
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
            } else if nemesis::strike(cluster, fault.kind, &mut self.luck) {
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
        cluster.damage_snapshots(fault.kind == Kind::DamagedSnapshot);
        nemesis::relieve(cluster, &mut self.luck);
        self.under_way = None;
    }

    /// A node ends by itself for one reason only: its disk failed.
    fn watch_ended(&mut self, cluster: &mut Cluster, healed: bool) {
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
        faults: course
            .counts
            .iter()
            .map(|(name, many)| ((*name).to_owned(), *many))
            .collect(),
        effects,
        converged_ms: converged,
        violations,
    }
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
        ("frames_damaged", sum(|place| place.damaged.load(Relaxed))),
        ("laptops_cut", seen.laptops),
        ("repeats", seen.repeats),
        ("disks_looked_at", promises.looked),
    ]
    .into_iter()
    .map(|(name, many)| (name.to_owned(), many))
    .collect()
}

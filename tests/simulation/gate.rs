//! Many seeds, each in a process of its own, so that one that panics or hangs takes nobody along and
//! nothing but its seed decides what it does (`entropy.c`); two at a time. What they did is added up
//! and printed, the last line as JSON.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::nemesis::Kind;
use crate::run::Report;

/// What stands before a report on standard output.
pub const MARK: &str = "REPORT ";

/// A seed that takes longer than this, in real time, hangs.
const PATIENCE: Duration = Duration::from_mins(3);

/// Processes at a time.
const AT_ONCE: usize = 2;

/// All runs of a gate.
#[derive(Debug, Default, Serialize)]
pub struct Total {
    /// What this line is.
    pub name: &'static str,
    /// Runs.
    pub seeds: u64,
    /// The first seed of the fresh ones.
    pub first_seed: u64,
    /// Virtual hours.
    pub virtual_hours: f64,
    /// Notes recorded.
    pub submissions: u64,
    /// Receipts verified.
    pub receipts: u64,
    /// Operations in histories.
    pub operations: u64,
    /// Evaluations of invariants.
    pub evaluations: u64,
    /// Faults done, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Those that were felt.
    pub felt: BTreeMap<String, u64>,
    /// What they led to.
    pub effects: BTreeMap<String, u64>,
    /// From healing to convergence, in virtual milliseconds: half of the runs, 99 of 100, all.
    pub converged_ms: [u64; 3],
    #[serde(skip)]
    converged: Vec<u64>,
    /// Seeds that failed.
    pub failed: Vec<u64>,
    /// Real seconds.
    pub seconds: u64,
}

/// How a seed's process ended.
#[derive(Debug)]
pub struct Ended {
    /// The seed.
    pub seed: u64,
    /// Its report, unless it broke off.
    pub report: Option<Report>,
    /// What went wrong, in words.
    pub wrong: Option<String>,
}

struct Running {
    seed: u64,
    child: Child,
    since: Instant,
}

/// A process whose name this is in its environment is one seed's, and runs it.
pub const CHILD: &str = "TALLY_SIMULATION_CHILD";

/// The library that takes chance from a process, compiled into `folder`.
fn entropy(folder: &Path) -> PathBuf {
    let library = folder.join("entropy.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("simulation/entropy.c"))
        .status()
        .expect("the C compiler that RocksDB was built with");
    assert!(compiled.success(), "entropy.c");
    library
}

/// Starts this very program for one seed.
fn start(seed: u64, mutant: Option<&str>, entropy: &Path) -> Running {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    if let Some(mutant) = mutant {
        command.env("TALLY_MUTANT", mutant);
    }
    let child = command
        .args(["--exact", "one_seed", "--nocapture"])
        .env("TALLY_SIMULATION_SEED", seed.to_string())
        .env(CHILD, "1")
        .env("LD_PRELOAD", entropy)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Running {
        seed,
        child,
        since: Instant::now(),
    }
}

impl Running {
    /// How it ended, once it has.
    fn ended(&mut self) -> Option<Ended> {
        let seed = self.seed;
        let over = match self.child.try_wait().unwrap() {
            Some(status) => status,
            None if self.since.elapsed() > PATIENCE => {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                return Some(Ended {
                    seed,
                    report: None,
                    wrong: Some("it hangs".to_owned()),
                });
            }
            None => return None,
        };
        let (mut out, mut err) = (String::new(), String::new());
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        let report = out.lines().find_map(|line| {
            let (_, report) = line.split_once(MARK)?;
            serde_json::from_str::<Report>(report).ok()
        });
        let violations = report.as_ref().map(|report| report.violations.clone());
        let wrong = match violations {
            Some(none) if none.is_empty() && over.success() => None,
            Some(some) if !some.is_empty() => Some(some.join("; ")),
            _ => Some(panic_in(&err)),
        };
        Some(Ended {
            seed,
            report,
            wrong,
        })
    }
}

/// The line of a panic and the one after it.
fn panic_in(err: &str) -> String {
    let mut lines = err.lines().skip_while(|line| !line.contains("panicked at"));
    let first = lines.next().unwrap_or("it ended without a report");
    format!("{first} {}", lines.next().unwrap_or_default())
}

/// Runs seeds until they are through or `enough` says so; in the order in which they end.
pub fn run(
    seeds: impl Iterator<Item = u64>,
    mutant: Option<&str>,
    mut enough: impl FnMut(&Ended) -> bool,
) {
    let folder = tempfile::tempdir().unwrap();
    let entropy = entropy(folder.path());
    let mut seeds = seeds.fuse();
    let mut running: Vec<Running> = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(seed) = seeds.next()
        {
            running.push(start(seed, mutant, &entropy));
        }
        if running.is_empty() {
            return;
        }
        let mut at = 0;
        while at < running.len() {
            if let Some(ended) = running[at].ended() {
                running.remove(at);
                if enough(&ended) {
                    for mut other in running {
                        // It may have ended by itself in the meantime.
                        let _ = other.child.kill();
                        let _ = other.child.wait();
                    }
                    return;
                }
            } else {
                at += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Total {
    /// Adds a run.
    pub fn add(&mut self, ended: &Ended) {
        self.seeds += 1;
        if ended.wrong.is_some() {
            self.failed.push(ended.seed);
        }
        let Some(report) = &ended.report else { return };
        self.virtual_hours += report.virtual_ms as f64 / 3_600_000.0;
        self.submissions += report.submissions;
        self.receipts += report.receipts;
        self.operations += report.operations;
        self.evaluations += report.evaluations;
        if ended.wrong.is_none() {
            self.converged.push(report.converged_ms);
        }
        for (from, to) in [
            (&report.faults, &mut self.faults),
            (&report.felt, &mut self.felt),
            (&report.effects, &mut self.effects),
        ] {
            for (name, many) in from {
                *to.entry(name.clone()).or_default() += many;
            }
        }
    }
}

/// Seeds that failed once, by name.
fn known() -> Vec<u64> {
    let lines = include_str!("seeds.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let number = line.split_whitespace().next().unwrap();
            number
                .parse()
                .expect("a line of seeds.txt begins with a seed")
        })
        .collect()
}

/// Where the fresh seeds begin: as asked for, or each day somewhere else.
fn first_fresh() -> u64 {
    std::env::var("TALLY_SIMULATION_FIRST")
        .map_or_else(|_| today() * 100_000, |first| first.parse().unwrap())
}

/// Days since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "which seeds are fresh today; printed, and repeatable by it"
)]
pub fn today() -> u64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs() / 86_400
}

/// All that the gate runs.
pub fn gate() -> Total {
    let many: u64 = match (
        std::env::var("TALLY_SIMULATION_SEEDS"),
        std::env::var("TALLY_NIGHTLY"),
    ) {
        (Ok(many), _) => many.parse().unwrap(),
        (Err(_), Ok(_)) => 3_000,
        (Err(_), Err(_)) => 100,
    };
    let first = first_fresh();
    let mut total = Total {
        name: "simulation",
        first_seed: first,
        ..Total::default()
    };
    println!("{many} fresh seeds from {first}");
    let since = Instant::now();
    let seeds = known().into_iter().chain(first..first + many);
    run(seeds, None, |ended| {
        if let Some(wrong) = &ended.wrong {
            println!("seed {}: {wrong}", ended.seed);
        }
        total.add(ended);
        false
    });
    total.seconds = since.elapsed().as_secs();
    total.converged.sort_unstable();
    let last = total.converged.len().saturating_sub(1);
    total.converged_ms = [50, 99, 100].map(|percent| {
        let at = last * percent / 100;
        total.converged.get(at).copied().unwrap_or_default()
    });
    total
}

impl Total {
    /// Faults and effects that never happened in all these runs: then nothing was shown of them.
    pub fn never(&self) -> Vec<String> {
        let kinds = Kind::ALL.iter().map(|kind| kind.name().to_owned());
        let felt = kinds.filter(|name| self.felt.get(name).copied().unwrap_or_default() == 0);
        let effects = self.effects.iter().filter(|(_, many)| **many == 0);
        felt.chain(effects.map(|(name, _)| name.clone())).collect()
    }

    /// What people read.
    pub fn print(&self) {
        println!(
            "{} seeds, {:.2} virtual hours, {} notes, {} receipts, {} operations, {} checks",
            self.seeds,
            self.virtual_hours,
            self.submissions,
            self.receipts,
            self.operations,
            self.evaluations
        );
        for (name, many) in &self.faults {
            let felt = self.felt.get(name).copied().unwrap_or_default();
            println!("  {name}: done {many}, felt {felt}");
        }
        for (name, many) in &self.effects {
            println!("  {name}: {many}");
        }
        let [half, most, all] = self.converged_ms;
        println!("  healed to converged: half within {half} ms, 99 of 100 {most} ms, all {all} ms");
    }
}

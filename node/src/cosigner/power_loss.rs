//! A key never signs against itself, whatever step of a write a crash or a power cut hits.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;

/// How a sequence of questions goes about the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    WriteFirst,
    /// The negative control: the signature is made while the write has not reached the disk.
    SignFirst,
}

/// The step of a replacement after which the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    TempWritten,
    Renamed,
    FolderSynced,
}

/// One name in a folder: what a reader sees, and what a power cut leaves.
struct Disk {
    seen: Option<String>,
    durable: Option<String>,
    dies_after: Option<Step>,
    order: Order,
}

#[derive(Clone)]
struct SimulatedFile(Rc<RefCell<Disk>>);

impl SimulatedFile {
    fn new(order: Order) -> Self {
        Self(Rc::new(RefCell::new(Disk {
            seen: None,
            durable: None,
            dies_after: None,
            order,
        })))
    }

    /// The power goes; a rename that was not synced has reached the disk or not.
    fn power_cut(&self, rename_kept: bool) {
        let mut disk = self.0.borrow_mut();
        if rename_kept {
            disk.durable = disk.seen.clone();
        } else {
            disk.seen = disk.durable.clone();
        }
    }
}

fn died() -> store::Error {
    store::Error::Stopped {
        reason: "the process died".to_owned(),
    }
}

impl Sealed for SimulatedFile {
    fn read_sealed(&self) -> Result<Option<String>, store::Error> {
        let mut disk = self.0.borrow_mut();
        if disk.order == Order::WriteFirst {
            disk.durable = disk.seen.clone();
        }
        Ok(disk.seen.clone())
    }

    fn replace_sealed(&self, text: &str) -> Result<(), store::Error> {
        let mut disk = self.0.borrow_mut();
        let dies_after = disk.dies_after.take();
        if dies_after == Some(Step::TempWritten) {
            return Err(died());
        }
        disk.seen = Some(text.to_owned());
        if disk.order == Order::SignFirst && disk.durable.is_some() {
            return Ok(());
        }
        if dies_after == Some(Step::Renamed) {
            return Err(died());
        }
        disk.durable = disk.seen.clone();
        match dies_after {
            Some(_) => Err(died()),
            None => Ok(()),
        }
    }
}

/// Numbers from a seed, so that a failing sequence can be run again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn start(state: &SimulatedFile, fresh: bool) -> Option<Cosigner<SimulatedFile>> {
    let origin = Origin::parse("tally.example/desk").unwrap();
    let key = CosignerKey::from_seed(origin.cosigner("n1").unwrap(), [3; 32]);
    let stop = SimulatedFile::new(Order::WriteFirst);
    Cosigner::open(key, origin, (state.clone(), stop), fresh).ok()
}

/// Runs one sequence; says whether two signatures that left contradict each other.
fn contradicts_itself(seed: u64, order: Order) -> bool {
    let mut dice = Dice(seed);
    let state = SimulatedFile::new(order);
    let mut node = start(&state, true).unwrap();
    let mut left: Option<(TreeSize, Hash)> = None;
    for _ in 0..30 {
        let (size, branch) = (TreeSize::new(1 + dice.below(8)), dice.below(2));
        state.0.borrow_mut().dies_after = match dice.below(6) {
            0 => Some(Step::TempWritten),
            1 => Some(Step::Renamed),
            2 => Some(Step::FolderSynced),
            _ => None,
        };
        // The node's own tree follows the branch asked for: only the memory stands in the way.
        let root = |size: TreeSize| {
            let branch = if size.get() < 4 { 0 } else { branch };
            merkle::sha256(&[size.get().to_be_bytes(), branch.to_be_bytes()].concat())
        };
        let asked = Asked {
            size,
            root: root(size),
        };
        let now = UnixSeconds::new(1_000);
        let own = |size| Ok(Some(root(size)));
        let answer = node.consider(
            asked,
            size.max(TreeSize::new(8)),
            own,
            clocks(now, vec![now]),
            |_| {},
        );
        let mut sent = Vec::new();
        let crashed = match answer {
            Ok(Answer::Signed(_)) => {
                sent.push((asked.size, asked.root));
                false
            }
            Ok(_) => false,
            Err(_) => true,
        };
        state.0.borrow_mut().dies_after = None;
        if crashed || dice.below(4) == 0 {
            if dice.below(2) == 0 {
                state.power_cut(dice.below(2) == 0);
            }
            node = start(&state, false).unwrap();
        }
        // Gossip signs the last tree head again.
        if let Some((checkpoint, _)) = node.last_signed() {
            sent.push((checkpoint.size, checkpoint.root));
        }
        for new in sent {
            if left.is_some_and(|old| new.0 < old.0 || (new.0 == old.0 && new.1 != old.1)) {
                return true;
            }
            left = Some(new);
        }
    }
    false
}

#[test]
fn no_crash_makes_a_key_sign_against_itself() {
    for seed in 1..=2_000 {
        assert!(
            !contradicts_itself(seed, Order::WriteFirst),
            "sequence of seed {seed}"
        );
    }
}

#[test]
fn a_signature_before_the_write_is_seen_to_contradict_itself() {
    assert!((1..=2_000).any(|seed| contradicts_itself(seed, Order::SignFirst)));
}

//! The outbox under power cuts: a simulated disk on which everything not synced may be lost.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::disk::Directory;
use crate::random::{Random, SeededRandom};

/// A disk that loses power before its n-th call. What a crash leaves is drawn from a seed:
/// unsynced bytes are kept, torn or gone, unsynced names are kept or gone.
#[derive(Debug, Default)]
struct CrashingDisk {
    /// By inode: bytes, and whether they are synced.
    inodes: RefCell<Vec<(Vec<u8>, bool)>>,
    /// Names as the running system sees them, and as they are on the platter.
    names: RefCell<BTreeMap<String, usize>>,
    durable: RefCell<BTreeMap<String, usize>>,
    calls_left: Cell<Option<u32>>,
}

impl CrashingDisk {
    fn step(&self) -> io::Result<()> {
        match self.calls_left.get() {
            Some(0) => Err(io::Error::other("power is off")),
            Some(left) => {
                self.calls_left.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The disk as found after the power comes back.
    fn after_power_cut(&self, random: &mut SeededRandom) -> CrashingDisk {
        let mut coin = || {
            let mut byte = [0];
            random.fill(&mut byte);
            byte[0]
        };
        let names = self.names.borrow();
        let durable = self.durable.borrow();
        let mut found = durable.clone();
        // Each change of a name since the last sync may have reached the platter on its own.
        let all: BTreeSet<String> = names.keys().chain(durable.keys()).cloned().collect();
        for name in all {
            if names.get(&name) != durable.get(&name) && coin() % 2 == 0 {
                match names.get(&name) {
                    Some(inode) => found.insert(name, *inode),
                    None => found.remove(&name),
                };
            }
        }
        let before = self.inodes.borrow();
        let inodes = before.iter().map(|(bytes, synced)| {
            if *synced {
                return (bytes.clone(), true);
            }
            let kept = usize::from(coin()) * (bytes.len() + 1) / 256;
            (bytes[..kept].to_vec(), true)
        });
        CrashingDisk {
            inodes: RefCell::new(inodes.collect()),
            names: RefCell::new(found.clone()),
            durable: RefCell::new(found),
            calls_left: Cell::new(None),
        }
    }
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk for CrashingDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.step()?;
        Ok(self.names.borrow().keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.step()?;
        let inode = *self.names.borrow().get(name).ok_or_else(missing)?;
        Ok(self.inodes.borrow()[inode].0.clone())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        let mut inodes = self.inodes.borrow_mut();
        if self.names.borrow().contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        self.names
            .borrow_mut()
            .insert(name.to_owned(), inodes.len());
        inodes.push((bytes.to_vec(), false));
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.step()?;
        let inode = *self.names.borrow().get(name).ok_or_else(missing)?;
        self.inodes.borrow_mut()[inode].1 = true;
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step()?;
        let mut names = self.names.borrow_mut();
        let inode = names.remove(from).ok_or_else(missing)?;
        names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.step()?;
        self.names
            .borrow_mut()
            .remove(name)
            .map(|_| ())
            .ok_or_else(missing)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.step()?;
        *self.durable.borrow_mut() = self.names.borrow().clone();
        Ok(())
    }
}

fn name(number: u8) -> EntryName {
    EntryName::new(
        &format!("P-{number}"),
        &SubmissionId::from_bytes([number; 16]),
    )
}

fn note(number: u8) -> Vec<u8> {
    format!("the note of precinct {number}, long enough to be torn\n").into_bytes()
}

fn refused() -> Refused {
    Refused {
        code: "wrong_role".to_owned(),
        message: "not a chair's key".to_owned(),
        advice: "use your own".to_owned(),
        leaf_index: None,
    }
}

/// One thing done to the outbox.
#[derive(Debug, Clone, Copy)]
enum Step {
    Keep(u8),
    Record(u8),
    Refuse(u8),
    Receipt(u8),
}

fn run(outbox: &Outbox<CrashingDisk>, step: Step) -> Result<(), Error> {
    match step {
        Step::Keep(number) => outbox.keep(&name(number), &note(number)),
        Step::Record(number) => outbox.mark_recorded(
            &name(number),
            &Recorded {
                leaf_index: u64::from(number),
                effect: Effect::Recorded,
            },
        ),
        Step::Refuse(number) => outbox.mark_refused(&name(number), &refused()),
        Step::Receipt(number) => outbox.keep_receipt(&name(number), &note(number)),
    }
}

/// Runs steps until the power goes before call number `crash_at`, brings the power back and
/// compares: what was answered is there byte for byte, what was never asked is not.
fn check(steps: &[Step], crash_at: u32, seed: u64) {
    let disk = CrashingDisk::default();
    disk.calls_left.set(Some(crash_at));
    let outbox = Outbox::new(disk);
    let mut kept = BTreeSet::new();
    let mut receipted = BTreeSet::new();
    let mut asked = BTreeSet::new();
    for step in steps {
        if let Step::Keep(number) = step {
            asked.insert(*number);
        }
        match (run(&outbox, *step), step) {
            (Ok(()), Step::Keep(number)) => {
                kept.insert(*number);
            }
            (Ok(()), Step::Receipt(number)) => {
                receipted.insert(*number);
            }
            (Ok(()), Step::Record(_) | Step::Refuse(_)) | (Err(Error::NoSuchEntry(_)), _) => {}
            (Err(Error::Disk { .. }), _) => break,
            (Err(error), _) => panic!("{error}"),
        }
    }
    let mut random = SeededRandom::new(seed);
    let found = Outbox::new(outbox.disk.after_power_cut(&mut random));
    let entries = found.list().unwrap();
    let numbers: BTreeSet<u8> = entries.iter().map(number_of).collect();
    assert!(kept.is_subset(&numbers), "kept {kept:?}, found {numbers:?}");
    assert!(
        numbers.is_subset(&asked),
        "asked {asked:?}, found {numbers:?}"
    );
    for entry in &entries {
        let number = number_of(entry);
        assert_eq!(entry.note, note(number), "a note is whole or not there");
        if receipted.contains(&number) {
            assert!(
                matches!(entry.state, State::Receipted { .. }),
                "{:?}",
                entry.state
            );
        }
        if let State::Receipted { receipt, .. } = &entry.state {
            assert_eq!(receipt, &note(number), "a receipt is whole or not there");
        }
    }
    // The next run can go on where this one stopped.
    for number in asked {
        found.keep(&name(number), &note(number)).unwrap();
    }
}

fn number_of(entry: &Entry) -> u8 {
    (0..8).find(|number| name(*number) == entry.name).unwrap()
}

#[test]
fn a_power_cut_before_any_call_of_one_visit_loses_nothing_that_was_answered() {
    let visit = [
        Step::Keep(1),
        Step::Record(1),
        Step::Keep(2),
        Step::Receipt(1),
        Step::Refuse(2),
    ];
    for crash_at in 0..40 {
        for seed in 0..40 {
            check(&visit, crash_at, seed);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    (0..6_u8, 0..8_u8).prop_map(|(kind, number)| match kind {
        0..=2 => Step::Keep(number),
        3 => Step::Record(number),
        4 => Step::Refuse(number),
        _ => Step::Receipt(number),
    })
}

proptest! {
    /// An outbox never loses a note: any steps, a power cut anywhere, any remains.
    #[test]
    fn an_outbox_never_loses_a_note(
        steps in proptest::collection::vec(step(), 1..24),
        crash_at in 0..140_u32,
        seed in any::<u64>(),
    ) {
        check(&steps, crash_at, seed);
    }
}

/// The states a kill can leave on a real file system, one by one.
#[test]
fn remains_of_an_unfinished_write_are_not_entries_and_do_not_stand_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::new(Directory::open(folder.path()).unwrap());
    std::fs::write(
        folder.path().join(format!("{}.note.unfinished", name(1))),
        b"the no",
    )
    .unwrap();
    assert!(outbox.list().unwrap().is_empty());
    outbox.keep(&name(1), &note(1)).unwrap();
    outbox.keep(&name(1), &note(1)).unwrap();
    std::fs::write(
        folder
            .path()
            .join(format!("{}.receipt.unfinished", name(1))),
        b"c2sp",
    )
    .unwrap();
    std::fs::write(
        folder.path().join(format!("{}.recorded", name(1))),
        b"{\"leaf_in",
    )
    .unwrap();
    let entries = outbox.list().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].note.clone(), &entries[0].state),
        (note(1), &State::Waiting)
    );
    outbox.keep_receipt(&name(1), b"proof").unwrap();
    assert_eq!(outbox.find("P-1").unwrap()[0].state.word(), "receipted");
}

#[test]
fn a_name_holds_one_note_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::new(Directory::open(folder.path()).unwrap());
    outbox.keep(&name(1), &note(1)).unwrap();
    assert!(matches!(
        outbox.keep(&name(1), &note(2)),
        Err(Error::NameTaken(_))
    ));
    assert_eq!(outbox.list().unwrap()[0].note, note(1));
}

#[test]
fn what_a_node_said_is_remembered_and_a_receipt_counts_most() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::new(Directory::open(folder.path()).unwrap());
    outbox.keep(&name(3), &note(3)).unwrap();
    let state = || outbox.list().unwrap()[0].state.word();
    assert_eq!(state(), "waiting");
    outbox.mark_refused(&name(3), &refused()).unwrap();
    assert_eq!(state(), "refused");
    let recorded = Recorded {
        leaf_index: 9,
        effect: Effect::Rival,
    };
    outbox.mark_recorded(&name(3), &recorded).unwrap();
    assert_eq!(state(), "recorded");
    outbox.keep_receipt(&name(3), b"proof").unwrap();
    assert_eq!(state(), "receipted");
    assert!(matches!(
        outbox.keep_receipt(&name(4), b"proof"),
        Err(Error::NoSuchEntry(_))
    ));
}

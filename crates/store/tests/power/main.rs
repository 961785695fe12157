//! The power goes at any moment of a real process's life: its writes are written down as they happen, disks
//! are made as a power cut could have left them, and the log is opened on each. What was acknowledged before
//! that moment is there.
//!
//! ```text
//! disk     what a power cut may leave: names and contents, durable or not
//! journal  what the process did, from the shim in journal.c
//! ```
//! A disk keeps what was fsynced. Of the rest it keeps nothing (`Drop`), the first half in order (`Prefix`), or
//! all with the last write torn at a sector (`Torn`). Directories that were made are taken for durable.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where something fails"
)]

mod disk;
mod journal;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;
use store::{BootId, DataDir, Entry, Error, Identity, Incarnation, LogDb, LogOptions};

use disk::{Disk, Left};
use journal::{Journal, Record};

const FOLDER: &str = "STORE_POWER_TEST_FOLDER";

/// Groups that the process appends, of one to four entries.
const GROUPS: u64 = 40;

fn open(folder: &Path, boot: &str) -> Result<(LogDb, DataDir), Error> {
    let directory = DataDir::lock(folder)?;
    let identity = Identity {
        genesis: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        origin: "tally.example/caucus".to_owned(),
        ordinal: 1,
        incarnation: Incarnation::from_bytes([1; 16]),
    };
    if directory.identity()?.is_none() {
        directory.adopt(&identity)?;
    }
    let options = LogOptions {
        boot: BootId::parse(boot)?,
        observer: Arc::new(()),
    };
    Ok((LogDb::open(&directory, &identity, options)?, directory))
}

fn entry(index: u64) -> Entry {
    Entry {
        index,
        term: index / 50,
        payload: Bytes::from(index.to_be_bytes().repeat(120)),
    }
}

/// Not a test by itself: in a child process it appends group after group, says what is durable, opens the log
/// a second time in between as after a restart, and ends. Without the variable it has nothing to do.
#[test]
fn child_that_writes() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut next = 0;
    for _life in 0..2 {
        let (log, _directory) = open(Path::new(&folder), "before").expect("open");
        for group in 0..GROUPS / 2 {
            let entries: Vec<Entry> = (next..next + 1 + group % 4).map(entry).collect();
            next += 1 + group % 4;
            let (done, wait) = channel();
            log.append(
                entries,
                Box::new(move |result| {
                    result.expect("append");
                    done.send(()).expect("the child waits");
                }),
            );
            wait.recv().expect("an answer");
            std::io::stdout()
                .write_all(format!("acked {next}\n").as_bytes())
                .expect("stdout");
        }
        log.close().expect("close");
    }
}

/// A child's journal, and where its data directory was.
fn record() -> (Journal, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("folder");
    let shim = folder.path().join("journal.so");
    let compiled = Command::new("cc")
        .args([
            "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-pthread", "-o",
        ])
        .arg(&shim)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/journal.c"))
        .status()
        .expect("cc");
    assert!(compiled.success());
    let data = folder.path().join("data");
    let file = folder.path().join("journal");
    let ended = Command::new(std::env::current_exe().expect("own path"))
        .args(["--exact", "child_that_writes", "--nocapture"])
        .env(FOLDER, &data)
        .env("LD_PRELOAD", &shim)
        .env("TALLY_JOURNAL", &file)
        .env("TALLY_JOURNAL_ROOT", &data)
        .stdout(Stdio::null())
        .status()
        .expect("start");
    assert!(ended.success());
    let journal = Journal::parse(&std::fs::read(file).expect("journal"));
    (journal, data, folder)
}

/// What is wrong with the log on this image, if anything: it must open, and hold the first `acked` entries.
fn flaw(image: &Path, acked: u64) -> Option<String> {
    let (log, _directory) = match open(image, "after") {
        Ok(opened) => opened,
        Err(error) => return (acked > 0).then(|| format!("refused: {error}")),
    };
    let kept = match log.read(0..u64::MAX, usize::MAX) {
        Ok(kept) => kept,
        Err(error) => return Some(format!("unreadable: {error}")),
    };
    let held = u64::try_from(kept.len()).expect("a number");
    let right = kept
        .iter()
        .zip(0..)
        .all(|(found, index)| *found == entry(index));
    if held < acked {
        return Some(format!(
            "{acked} entries were acknowledged, {held} are there"
        ));
    }
    (!right).then(|| "an entry is another".to_owned())
}

/// The number of entries that a record says to be durable.
fn acknowledged(record: &Record) -> Option<u64> {
    let Record::Said(text) = record else {
        return None;
    };
    let numbers = text.lines().filter_map(|line| line.split("acked ").nth(1));
    numbers.filter_map(|number| number.parse().ok()).max()
}

/// Opens the log on the disks that `journal` leaves, at moments spread over it and at every moment right
/// after an acknowledgement; answers how many there were and what was wrong.
fn check(journal: &Journal, data: &Path, moments: usize) -> (usize, Vec<String>) {
    let scratch = tempfile::tempdir().expect("folder");
    let every = (journal.records.len() / moments).max(1);
    let (mut disk, mut acked, mut images) = (Disk::default(), 0, 0);
    let mut flaws = Vec::new();
    for (number, record) in journal.records.iter().enumerate() {
        disk.apply(record);
        let said = acknowledged(record);
        acked = acked.max(said.unwrap_or(0));
        if said.is_none() && number % every != 0 {
            continue;
        }
        let modes: &[Left] = if said.is_some() {
            &[Left::Drop]
        } else {
            &[Left::Drop, Left::Prefix, Left::Torn]
        };
        for left in modes {
            let image = scratch.path().join(format!("{number}-{left:?}"));
            disk.write(*left, data, &image).expect("write an image");
            images += 1;
            if let Some(flaw) = flaw(&image, acked) {
                flaws.push(format!("after record {number}, {left:?}: {flaw}"));
            }
            std::fs::remove_dir_all(&image).expect("remove an image");
        }
    }
    (images, flaws)
}

#[test]
fn nothing_acknowledged_is_missing_after_a_power_cut_at_any_moment() {
    let (journal, data, _folder) = record();
    let said = journal
        .records
        .iter()
        .filter(|record| acknowledged(record).is_some())
        .count();
    assert_eq!(said, usize::try_from(GROUPS).expect("small"));
    let (images, flaws) = check(&journal, &data, 80);
    assert!(flaws.is_empty(), "{flaws:#?}");
    println!(
        "figures {{\"scenario\":\"power cut\",\"records\":{},\"acknowledgements\":{said},\"images\":{images}}}",
        journal.records.len()
    );
}

/// The control: on a disk that takes every fsync and does nothing, entries are missing, and `check` says so.
#[test]
fn a_disk_that_lies_about_fsync_is_found_out() {
    let (mut journal, data, _folder) = record();
    journal
        .records
        .retain(|record| !matches!(record, Record::Synced(path) if path.extension().is_some_and(|ending| ending == "log")));
    let (_, flaws) = check(&journal, &data, 8);
    assert!(!flaws.is_empty(), "the check sees nothing");
}

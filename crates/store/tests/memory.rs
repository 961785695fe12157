//! What both databases take of a node's memory after a night: the node as a whole must stay under 200 MiB.
//! Alone in its process, because it asks the kernel what the process has.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use store::{Batch, BootId, DataDir, Entry, Identity, Incarnation, LogDb, LogOptions, StateStore};

const TABLES: [&str; 18] = [
    "t01", "t02", "t03", "t04", "t05", "t06", "t07", "t08", "t09", "t10", "t11", "t12", "t13",
    "t14", "t15", "t16", "t17", "t18",
];
/// Five nights' reports.
const REPORTS: u64 = 9_000;
const MOST_KIB: u64 = 72 << 10;

#[test]
fn a_night_takes_less_than_72_mib_for_both_databases() {
    let folder = tempfile::tempdir().unwrap();
    let directory = DataDir::lock(folder.path()).unwrap();
    let before = resident_kib();
    let identity = Identity {
        genesis: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        origin: "tally.example/caucus".to_owned(),
        ordinal: 1,
        incarnation: Incarnation::from_bytes([1; 16]),
    };
    let options = LogOptions {
        boot: BootId::current().unwrap(),
        observer: Arc::new(()),
    };
    let log = LogDb::open(&directory, &identity, options).unwrap();
    let state = StateStore::open(&directory, &TABLES).unwrap().current();
    for index in 0..REPORTS {
        let payload = Bytes::from(index.to_be_bytes().repeat(150));
        let entry = Entry {
            index,
            term: 1,
            payload: payload.clone(),
        };
        log.append(vec![entry], Box::new(|result| result.unwrap()));
        let mut batch = Batch::new();
        for table in TABLES {
            batch.put(table, index.to_be_bytes(), payload.slice(..60));
        }
        batch.put("t01", index.to_be_bytes(), payload.as_ref());
        state.write(&batch).unwrap();
    }
    log.close().unwrap();
    let taken = resident_kib().saturating_sub(before);
    assert!(
        taken < MOST_KIB,
        "{taken} KiB resident; log {:?}, state {:?}",
        log.stats(),
        state.stats()
    );
}

/// The process's resident memory in KiB, from `/proc/self/status`.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or(u64::MAX)
}

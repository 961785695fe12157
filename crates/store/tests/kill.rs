//! A real process killed with SIGKILL in the middle of its writes: what it had acknowledged is there.

#![expect(clippy::expect_used, reason = "a test ends where something fails")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use store::{BootId, DataDir, Entry, Identity, Incarnation, LogDb, LogOptions, Recovery};

const FOLDER: &str = "STORE_KILL_TEST_FOLDER";

fn open(folder: &Path) -> (LogDb, DataDir) {
    let directory = DataDir::lock(folder).expect("lock");
    let identity = Identity {
        genesis: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        origin: "tally.example/caucus".to_owned(),
        ordinal: 1,
        incarnation: Incarnation::from_bytes([1; 16]),
    };
    if directory.identity().expect("identity").is_none() {
        directory.adopt(&identity).expect("adopt");
    }
    let options = LogOptions {
        boot: BootId::current().expect("boot id"),
        observer: Arc::new(()),
    };
    (
        LogDb::open(&directory, &identity, options).expect("open"),
        directory,
    )
}

fn entry(index: u64) -> Entry {
    let payload = index.to_be_bytes().repeat(50);
    Entry {
        index,
        term: index / 100,
        payload: Bytes::from(payload),
    }
}

/// Not a test by itself: in a child process it appends until it is killed, and says on its standard
/// output what is durable. Without the variable it has nothing to do.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let (log, _directory) = open(Path::new(&folder));
    let start = log.flushed_end();
    for index in start.. {
        log.append(
            vec![entry(index)],
            Box::new(move |result| {
                result.expect("append");
                // One write of one line, so that the parent never reads half a number.
                std::io::stdout()
                    .write_all(format!("acked {index}\n").as_bytes())
                    .expect("stdout");
            }),
        );
    }
}

#[test]
fn nothing_acknowledged_is_missing_after_sigkill() {
    let folder = tempfile::tempdir().expect("folder");
    let mut acknowledged = None;
    for lines in [50, 300, 1] {
        let mut child = start(folder.path());
        let output = child.stdout.take().expect("output");
        let mut numbers = BufReader::new(output)
            .lines()
            .filter_map(|line| line.ok()?.split("acked ").nth(1)?.parse::<u64>().ok());
        for _ in 0..lines {
            acknowledged = acknowledged.max(numbers.next());
        }
        child.kill().expect("kill");
        child.wait().expect("wait");
        // What it still managed to say before it died counts as well.
        acknowledged = acknowledged.max(numbers.max());

        let (log, _directory) = open(folder.path());
        assert_eq!(log.recovery(), Recovery::Clean);
        let kept = log.read(0..u64::MAX, usize::MAX).expect("read");
        let last = kept.last().map(|entry| entry.index);
        assert!(
            last >= acknowledged,
            "acknowledged up to {acknowledged:?}, found up to {last:?}"
        );
        assert!(
            kept.iter()
                .zip(0..)
                .all(|(found, index)| *found == entry(index))
        );
    }
}

fn start(folder: &Path) -> Child {
    let program = std::env::current_exe().expect("own path");
    Command::new(program)
        .args([
            "--exact",
            "child_that_writes_until_it_is_killed",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("start")
}

//! The log against its promises: order, one fsync for many, and what is believed after a crash.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use tempfile::TempDir;

use super::*;
use crate::files;
use crate::identity::Incarnation;
use crate::mark::Mark;

/// A data directory that outlives the logs opened on it.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Everything as `kill -9` leaves it: what was handed to the kernel is there, the process is not.
    fn after_a_kill(&self) -> Self {
        let copy = Self::new();
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }

    fn open(&self) -> Result<Log, Error> {
        self.open_as(1, "boot-1")
    }

    /// The same after the machine has started anew.
    fn open_after_power_cut(&self) -> Result<Log, Error> {
        self.open_as(1, "boot-2")
    }

    fn open_as(&self, ordinal: u64, boot: &str) -> Result<Log, Error> {
        let directory = DataDir::lock(self.folder.path()).unwrap();
        let log = LogDb::open(&directory, &identity(ordinal), options(boot, Arc::new(())))?;
        Ok(Log {
            log,
            _directory: directory,
        })
    }

    fn open_with(&self, commit: Commit, observer: Arc<dyn LogObserver>) -> Log {
        let directory = DataDir::lock(self.folder.path()).unwrap();
        let options = options("boot-1", observer);
        let log = LogDb::open_with(&directory, &identity(1), options, commit).unwrap();
        Log {
            log,
            _directory: directory,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mark(&self) -> Mark {
        Mark::load(&crate::DurableFile::new(self.path("log.mark")))
            .unwrap()
            .unwrap()
    }

    /// The write-ahead log that the newest entries are in.
    fn wal(&self) -> PathBuf {
        self.all("log").next_back().unwrap()
    }

    fn all(&self, ending: &str) -> impl DoubleEndedIterator<Item = PathBuf> {
        let all = files::list(&self.path("log")).unwrap();
        all.into_iter()
            .filter(move |path| path.extension().is_some_and(|found| found == ending))
    }
}

/// An open log with its directory, which is unlocked after the log is closed.
struct Log {
    log: LogDb,
    _directory: DataDir,
}

impl std::ops::Deref for Log {
    type Target = LogDb;

    fn deref(&self) -> &LogDb {
        &self.log
    }
}

impl Log {
    fn append_and_wait(&self, entries: Vec<Entry>) {
        wait(|done| self.append(entries, done)).unwrap();
    }

    fn indexes(&self) -> Vec<u64> {
        self.read(0..u64::MAX, usize::MAX)
            .unwrap()
            .iter()
            .map(|entry| entry.index)
            .collect()
    }
}

fn identity(ordinal: u64) -> Identity {
    Identity {
        genesis: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        origin: "tally.example/caucus".to_owned(),
        ordinal,
        incarnation: Incarnation::from_bytes([1; 16]),
    }
}

fn options(boot: &str, observer: Arc<dyn LogObserver>) -> LogOptions {
    LogOptions {
        boot: BootId::parse(boot).unwrap(),
        observer,
    }
}

fn entry(index: u64, term: u64, bytes: usize) -> Entry {
    let payload: Vec<u8> = (0..bytes)
        .map(|place| u8::try_from((place + bytes) % 251).unwrap())
        .collect();
    Entry {
        index,
        term,
        payload: payload.into(),
    }
}

fn entries(range: Range<u64>, term: u64) -> Vec<Entry> {
    range.map(|index| entry(index, term, 200)).collect()
}

fn wait(call: impl FnOnce(Done)) -> Result<(), Error> {
    let (sender, receiver) = mpsc::channel();
    call(Box::new(move |result| sender.send(result).unwrap()));
    receiver.recv().unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    for path in files::list(from).unwrap() {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn flip_bit(path: &Path, place: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[place] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn length(path: &Path) -> usize {
    fs::read(path).unwrap().len()
}

fn refusal(opened: Result<Log, Error>) -> String {
    match opened {
        Err(error @ Error::Damaged { .. }) => error.to_string(),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(log) => panic!("opened with {:?}", log.bounds()),
    }
}

/// Remembers what it is told.
#[derive(Default)]
struct Listener {
    groups: Mutex<Vec<Group>>,
    flushed: Mutex<Vec<u64>>,
    stopped: Mutex<Vec<String>>,
}

impl LogObserver for Listener {
    fn group_written(&self, group: &Group) {
        self.groups.lock().unwrap().push(*group);
    }

    fn flushed(&self, end: u64) {
        self.flushed.lock().unwrap().push(end);
    }

    fn stopped(&self, reason: &str) {
        self.stopped.lock().unwrap().push(reason.to_owned());
    }
}

/// A disk that writes a group when it is let, and says when it has one to write.
fn gated() -> (Commit, Receiver<()>, Sender<()>) {
    let (arrived, arrivals) = mpsc::channel();
    let (gate, permits) = mpsc::channel();
    let commit = Commit::with(move |disk, batch, sync| {
        arrived.send(())?;
        permits.recv()?;
        Ok(disk.write(batch, sync)?)
    });
    (commit, arrivals, gate)
}

#[test]
fn what_queues_up_during_one_fsync_shares_the_next_and_completes_in_order() {
    let desk = Desk::new();
    let (commit, arrivals, gate) = gated();
    let listener = Arc::new(Listener::default());
    let log = desk.open_with(commit, Arc::clone(&listener) as Arc<dyn LogObserver>);
    let (sender, completed) = mpsc::channel();
    let done = |name: &'static str| -> Done {
        let sender = sender.clone();
        Box::new(move |result| {
            result.unwrap();
            sender.send(name).unwrap();
        })
    };

    log.append(entries(0..1, 1), done("a"));
    arrivals.recv().unwrap();
    log.append(entries(1..3, 1), done("b"));
    log.save_meta("vote", Bytes::from_static(b"2"), done("vote"));
    log.append(entries(3..4, 2), done("c"));
    log.truncate_after(Some(2), done("cut"));
    log.append(entries(3..6, 2), done("d"));

    assert_eq!(log.indexes(), [0, 1, 2, 3, 4, 5], "readable at once");
    assert_eq!(log.meta("vote").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(log.flushed_end(), 0, "and nothing is durable yet");
    assert_eq!(completed.try_recv(), Err(mpsc::TryRecvError::Empty));

    gate.send(()).unwrap();
    arrivals.recv().unwrap();
    assert_eq!(completed.recv().unwrap(), "a");
    assert_eq!(log.flushed_end(), 1);
    gate.send(()).unwrap();
    let order: Vec<_> = (0..5).map(|_| completed.recv().unwrap()).collect();
    assert_eq!(order, ["b", "vote", "c", "cut", "d"]);
    assert_eq!(log.flushed_end(), 6);
    drop(gate);
    log.close().unwrap();
    let sizes: Vec<_> = listener
        .groups
        .lock()
        .unwrap()
        .iter()
        .map(|group| (group.operations, group.entries))
        .collect();
    assert_eq!(sizes, [(1, 1), (5, 6)]);
    assert_eq!(*listener.flushed.lock().unwrap(), [1, 6]);
}

#[test]
fn a_note_is_written_without_an_fsync_of_its_own() {
    let desk = Desk::new();
    let listener = Arc::new(Listener::default());
    let log = desk.open_with(
        Commit::to_disk(),
        Arc::clone(&listener) as Arc<dyn LogObserver>,
    );
    log.note_meta("committed", Bytes::from_static(b"7"));
    log.close().unwrap();
    drop(log);
    let synced: Vec<_> = listener
        .groups
        .lock()
        .unwrap()
        .iter()
        .map(|group| group.synced)
        .collect();
    assert_eq!(synced, [false]);
    let log = desk.open().unwrap();
    assert_eq!(log.meta("committed").unwrap().as_deref(), Some(&b"7"[..]));
}

#[test]
fn after_one_failed_write_everything_fails_and_nothing_is_written_again() {
    let desk = Desk::new();
    let (arrived, arrivals) = mpsc::channel();
    let (gate, permits) = mpsc::channel::<()>();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let commit = Commit::with(move |disk, batch, sync| {
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            return Ok(disk.write(batch, sync)?);
        }
        arrived.send(())?;
        permits.recv()?;
        Err("no space left on device".into())
    });
    let listener = Arc::new(Listener::default());
    let log = desk.open_with(commit, Arc::clone(&listener) as Arc<dyn LogObserver>);
    log.append_and_wait(entries(0..3, 1));

    let (sender, completed) = mpsc::channel();
    let done = |name: &'static str| -> Done {
        let sender = sender.clone();
        Box::new(move |result| sender.send((name, result.unwrap_err())).unwrap())
    };
    log.append(entries(3..4, 1), done("failing"));
    arrivals.recv().unwrap();
    log.append(entries(4..5, 1), done("queued"));
    log.save_meta("vote", Bytes::new(), done("queued too"));
    gate.send(()).unwrap();

    let (name, error) = completed.recv().unwrap();
    assert_eq!(name, "failing");
    assert!(matches!(error, Error::Disk { .. }), "{error}");
    for expected in ["queued", "queued too"] {
        let (name, error) = completed.recv().unwrap();
        assert_eq!(name, expected);
        assert!(
            error.to_string().contains("no space left on device"),
            "{error}"
        );
    }
    let later = wait(|done| log.append(entries(3..4, 1), done)).unwrap_err();
    assert!(matches!(later, Error::Stopped { .. }));
    assert!(
        log.read(0..3, usize::MAX).is_err(),
        "memory may hold what the disk does not"
    );
    assert_eq!(log.flushed_end(), 3);
    assert_eq!(listener.stopped.lock().unwrap().len(), 1);
    assert!(log.stopped().is_some());
    assert!(log.close().is_err());
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

#[test]
fn a_closed_log_takes_nothing_more() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.close().unwrap();
    let error = wait(|done| log.append(entries(0..1, 1), done)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the log writer has stopped: it was closed"
    );
}

#[test]
fn a_gap_or_a_falling_term_is_refused_and_the_log_goes_on() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..3, 2));
    for wrong in [entries(4..5, 2), entries(2..3, 2), entries(3..4, 1)] {
        let error = wait(|done| log.append(wrong, done)).unwrap_err();
        assert!(matches!(error, Error::Misuse { .. }), "{error}");
    }
    log.append_and_wait(entries(3..4, 2));
    assert_eq!(log.indexes(), [0, 1, 2, 3]);
}

#[test]
fn everything_acknowledged_is_there_after_a_kill() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..20, 1));
    wait(|done| log.save_meta("vote", Bytes::from_static(b"three"), done)).unwrap();
    wait(|done| log.truncate_after(Some(14), done)).unwrap();
    log.append_and_wait(entries(15..18, 3));
    let upto = Position { index: 4, term: 1 };
    wait(|done| log.purge_to(upto, Bytes::from_static(b"label"), done)).unwrap();
    log.append_and_wait(entries(18..19, 4));

    let again = desk.after_a_kill().open_and_keep();
    assert_eq!(again.log.recovery(), Recovery::Clean);
    let label = Bytes::from_static(b"label");
    let bounds = again.log.bounds().unwrap();
    assert_eq!(
        bounds.purged,
        Some(Purged {
            position: upto,
            label
        })
    );
    assert_eq!(bounds.last, Some(Position { index: 18, term: 4 }));
    assert_eq!(again.log.flushed_end(), 19);
    assert_eq!(
        again.log.meta("vote").unwrap().as_deref(),
        Some(&b"three"[..])
    );
    let mut expected = entries(5..15, 1);
    expected.extend(entries(15..18, 3));
    expected.extend(entries(18..19, 4));
    assert_eq!(again.log.read(0..100, usize::MAX).unwrap(), expected);
    assert_eq!(again.log.read(3..7, usize::MAX).unwrap(), entries(5..7, 1));
    assert_eq!(
        again.log.read(6..100, 450).unwrap(),
        entries(6..8, 1),
        "200 bytes each"
    );
}

/// A log together with the copy it lives in.
struct Kept {
    log: Log,
    _desk: Desk,
}

impl Desk {
    fn open_and_keep(self) -> Kept {
        Kept {
            log: self.open().unwrap(),
            _desk: self,
        }
    }
}

#[test]
fn a_purge_beyond_the_end_stands_for_the_whole_log() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..5, 1));
    let upto = Position { index: 99, term: 7 };
    wait(|done| log.purge_to(upto, Bytes::new(), done)).unwrap();
    assert_eq!(log.flushed_end(), 100);
    drop(log);
    let log = desk.open().unwrap();
    assert_eq!(log.bounds().unwrap().last, Some(upto));
    assert_eq!(log.indexes(), [0_u64; 0]);
    log.append_and_wait(entries(100..102, 7));
    drop(log);
    assert_eq!(desk.open().unwrap().indexes(), [100, 101]);
}

#[test]
fn a_deleted_write_ahead_log_is_noticed() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..10, 1));
    drop(log);
    fs::remove_file(desk.wal()).unwrap();
    let sentence = refusal(desk.open());
    assert!(sentence.contains("must not vote"), "{sentence}");
}

#[test]
fn an_older_copy_of_the_log_beside_a_newer_mark_is_refused() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..5, 1));
    drop(log);
    let backup = desk.after_a_kill();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(5..10, 1));
    drop(log);
    fs::copy(desk.path("log.mark"), backup.path("log.mark")).unwrap();
    let sentence = refusal(backup.open());
    assert!(
        sentence.contains("ends at entry 4, but had durably reached entry 9"),
        "{sentence}"
    );
}

#[test]
fn a_forgotten_vote_is_noticed_though_no_entry_is_missing() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..5, 1));
    drop(log);
    let backup = desk.after_a_kill();
    let log = desk.open().unwrap();
    wait(|done| log.save_meta("vote", Bytes::from_static(b"4"), done)).unwrap();
    drop(log);
    fs::copy(desk.path("log.mark"), backup.path("log.mark")).unwrap();
    let sentence = refusal(backup.open());
    assert!(sentence.contains("but had durably made"), "{sentence}");
}

#[test]
fn a_log_of_other_entries_than_the_mark_vouches_for_is_refused() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..5, 2));
    drop(log);
    let file = crate::DurableFile::new(desk.path("log.mark"));
    let mark = Mark {
        position: Some(Position { index: 3, term: 1 }),
        ..desk.mark()
    };
    mark.save(&file).unwrap();
    let sentence = refusal(desk.open());
    assert!(
        sentence.contains("entry 3 has term 2, but was durable with term 1"),
        "{sentence}"
    );
}

#[test]
fn a_flipped_bit_in_the_middle_is_refused_whatever_happened_to_the_machine() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    for index in 0..100 {
        log.append_and_wait(entries(index..index + 1, 1));
    }
    let flipped = desk.after_a_kill();
    flip_bit(&flipped.wal(), length(&flipped.wal()) / 2);
    let flipped_too = flipped.after_a_kill();
    assert!(refusal(flipped.open()).contains("keep this directory"));
    assert!(refusal(flipped_too.open_after_power_cut()).contains("keep this directory"));
}

#[test]
fn a_flipped_bit_in_a_table_file_is_refused() {
    let desk = Desk::new();
    desk.open().unwrap().append_and_wait(entries(0..100, 1));
    // Opening writes what the write-ahead log held into a table file.
    drop(desk.open().unwrap());
    let table = desk.all("sst").max_by_key(|path| length(path)).unwrap();
    flip_bit(&table, length(&table) / 2);
    assert!(refusal(desk.open()).contains("keep this directory"));
}

/// A log whose last write, of entry 10 and 5,000 bytes, lost a sector; the mark is from before it.
fn with_a_torn_tail() -> Desk {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..10, 1));
    log.close().unwrap();
    drop(log);
    let log = desk.open().unwrap();
    let mark = fs::read(desk.path("log.mark")).unwrap();
    log.append_and_wait(vec![entry(10, 1, 5_000)]);
    let torn = desk.after_a_kill();
    fs::write(torn.path("log.mark"), mark).unwrap();
    let wal = torn.wal();
    let mut bytes = fs::read(&wal).unwrap();
    let sector = (bytes.len() - 3_000) / 512 * 512;
    bytes[sector..sector + 512].fill(0);
    fs::write(&wal, bytes).unwrap();
    torn
}

#[test]
fn a_torn_tail_without_a_power_cut_is_damage() {
    assert!(refusal(with_a_torn_tail().open()).contains("keep this directory"));
}

#[test]
fn a_tail_torn_by_a_power_cut_is_cut_off_and_remembered_until_a_leader_has_filled_it() {
    let desk = with_a_torn_tail();
    let log = desk.open_after_power_cut().unwrap();
    assert_eq!(log.recovery(), Recovery::TornTail);
    assert_eq!(log.indexes(), (0..10).collect::<Vec<_>>());
    drop(log);
    let log = desk.open_after_power_cut().unwrap();
    assert_eq!(
        log.recovery(),
        Recovery::TornTail,
        "a restart does not make it forget"
    );
    log.append_and_wait(entries(10..12, 2));
    wait(|done| log.caught_up(done)).unwrap();
    drop(log);
    let log = desk.open_after_power_cut().unwrap();
    assert_eq!(log.recovery(), Recovery::Clean);
    assert_eq!(log.indexes(), (0..12).collect::<Vec<_>>());
}

#[test]
fn a_torn_tail_that_the_mark_had_reached_is_refused() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..10, 1));
    log.append_and_wait(vec![entry(10, 1, 5_000)]);
    drop(log);
    let wal = desk.wal();
    flip_bit(&wal, length(&wal) - 2_000);
    assert!(refusal(desk.open_after_power_cut()).contains("had durably reached entry 10"));
}

#[test]
fn a_file_cut_inside_the_last_write_opens_without_it_if_it_was_never_marked() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..10, 1));
    drop(log);
    let log = desk.open().unwrap();
    let mark = fs::read(desk.path("log.mark")).unwrap();
    log.append_and_wait(entries(10..11, 1));
    let cut = desk.after_a_kill();
    fs::write(cut.path("log.mark"), mark).unwrap();
    let wal = fs::File::options().write(true).open(cut.wal()).unwrap();
    wal.set_len(wal.metadata().unwrap().len() - 50).unwrap();
    assert_eq!(cut.open().unwrap().indexes(), (0..10).collect::<Vec<_>>());
}

#[test]
fn the_mark_is_lowered_before_anything_is_cut_off() {
    let desk = Desk::new();
    desk.open().unwrap().append_and_wait(entries(0..10, 1));
    assert_eq!(desk.mark().position, Some(Position { index: 9, term: 1 }));

    // The machine dies between the two: the mark is lower, and the log still has everything.
    let never = Commit::with(|_, _, _| Err("power".into()));
    let log = desk.open_with(never, Arc::new(()));
    assert_eq!(log.flushed_end(), 10);
    assert!(wait(|done| log.truncate_after(Some(4), done)).is_err());
    assert_eq!(desk.mark().position, Some(Position { index: 4, term: 1 }));
    drop(log);
    let log = desk.open().unwrap();
    assert_eq!(log.indexes(), (0..10).collect::<Vec<_>>());

    // It does not: the log is shorter than the mark once was, and opens.
    wait(|done| log.truncate_after(Some(4), done)).unwrap();
    let again = desk.after_a_kill().open_and_keep();
    assert_eq!(again.log.indexes(), (0..5).collect::<Vec<_>>());
}

#[test]
fn cutting_off_everything_lowers_the_mark_to_nothing() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..10, 1));
    drop(log);
    let log = desk.open().unwrap();
    wait(|done| log.truncate_after(None, done)).unwrap();
    assert_eq!(desk.mark().position, None);
    assert_eq!(
        log.bounds().unwrap(),
        Bounds {
            purged: None,
            last: None
        }
    );
    log.append_and_wait(entries(0..2, 3));
    drop(log);
    assert_eq!(desk.open().unwrap().indexes(), [0, 1]);
}

#[test]
fn a_log_folder_of_another_node_is_refused_with_both_names() {
    let (one, two) = (Desk::new(), Desk::new());
    one.open_as(1, "boot-1")
        .unwrap()
        .append_and_wait(entries(0..3, 1));
    two.open_as(2, "boot-1")
        .unwrap()
        .append_and_wait(entries(0..3, 1));
    let error = two.open_as(1, "boot-1").err().unwrap();
    assert!(matches!(error, Error::ForeignDirectory { .. }), "{error}");

    files::remove_tree(&two.path("log")).unwrap();
    fs::create_dir(two.path("log")).unwrap();
    copy_folder(&one.path("log"), &two.path("log"));
    let sentence = two.open_as(2, "boot-1").err().unwrap().to_string();
    assert!(sentence.contains("belongs to node 1 of"), "{sentence}");
    assert!(sentence.contains("but this is node 2 of"), "{sentence}");
}

#[test]
fn a_log_without_its_mark_and_a_mark_without_its_log_are_refused() {
    let desk = Desk::new();
    desk.open().unwrap().append_and_wait(entries(0..3, 1));
    let (unmarked, missing) = (desk.after_a_kill(), desk.after_a_kill());
    fs::remove_file(unmarked.path("log.mark")).unwrap();
    assert!(refusal(unmarked.open()).contains("is missing"));
    files::remove_tree(&missing.path("log")).unwrap();
    assert!(refusal(missing.open()).contains("is missing, but"));
}

#[test]
fn a_database_made_just_before_a_crash_that_left_no_mark_is_taken_as_new() {
    let desk = Desk::new();
    drop(desk.open().unwrap());
    fs::remove_file(desk.path("log.mark")).unwrap();
    assert_eq!(
        desk.open().unwrap().bounds().unwrap(),
        Bounds {
            purged: None,
            last: None
        }
    );
}

mod like_a_plain_list {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Append(u64),
        Truncate(u64),
        Purge(u64),
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..6_u64).prop_map(Step::Append),
            2 => (0..20_u64).prop_map(Step::Truncate),
            1 => (0..24_u64).prop_map(Step::Purge),
            1 => Just(Step::Reopen),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// The log holds what a list of entries would hold after the same steps, closed or killed in between.
        #[test]
        fn the_log_holds_what_a_list_would(steps in prop::collection::vec(step(), 1..14)) {
            let mut desk = Desk::new();
            let mut log = Some(desk.open().unwrap());
            let (mut first, mut list): (u64, Vec<Entry>) = (0, Vec::new());
            let mut term = 1;
            for step in steps {
                let open = log.as_ref().unwrap();
                let end = first + u64::try_from(list.len()).unwrap();
                term += 1;
                match step {
                    Step::Append(count) => {
                        let new = entries(end..end + count, term);
                        list.extend(new.clone());
                        open.append(new, Box::new(|result| result.unwrap()));
                    }
                    Step::Truncate(after) => {
                        list.retain(|entry| entry.index <= after);
                        open.truncate_after(Some(after), Box::new(|result| result.unwrap()));
                    }
                    Step::Purge(index) => {
                        let known = list.iter().find(|entry| entry.index == index);
                        let upto = Position { index, term: known.map_or(term, |entry| entry.term) };
                        open.purge_to(upto, Bytes::new(), Box::new(|result| result.unwrap()));
                        list.retain(|entry| entry.index > index);
                        first = first.max(index + 1);
                    }
                    Step::Reopen => {
                        wait(|done| open.save_meta("vote", Bytes::new(), done)).unwrap();
                        let copy = desk.after_a_kill();
                        drop(log.take());
                        desk = copy;
                        log = Some(desk.open().unwrap());
                    }
                }
                let open = log.as_ref().unwrap();
                prop_assert_eq!(open.read(0..u64::MAX, usize::MAX).unwrap(), list.clone());
                let last = list.last().map(Entry::position);
                if !list.is_empty() {
                    prop_assert_eq!(open.bounds().unwrap().last, last);
                }
            }
            drop(log.take());
            let log = desk.open().unwrap();
            prop_assert_eq!(log.read(0..u64::MAX, usize::MAX).unwrap(), list);
        }
    }
}

//! Order, one fsync for many, what readers see, and the end after an error.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

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
    let log = desk.open_with(commit, Arc::clone(&listener));
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
fn recent_entries_are_read_without_the_disk_and_older_ones_are_not() {
    let desk = Desk::new();
    desk.open().unwrap().append_and_wait(entries(0..5, 1));
    let log = desk.open().unwrap();
    log.append_and_wait(entries(5..7, 1));
    assert_eq!(
        log.read_recent(4..7, usize::MAX).unwrap(),
        Some(entries(4..7, 1))
    );
    assert_eq!(log.read_recent(3..7, usize::MAX).unwrap(), None);
    assert_eq!(log.read_recent(7..9, usize::MAX).unwrap(), Some(Vec::new()));
}

#[test]
fn a_note_is_written_without_an_fsync_of_its_own() {
    let desk = Desk::new();
    let listener = Arc::new(Listener::default());
    let log = desk.open_with(Commit::to_disk(), Arc::clone(&listener));
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
    let log = desk.open_with(commit, Arc::clone(&listener));
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
fn a_completion_that_panics_ends_the_log_rather_than_leaving_callers_waiting() {
    let desk = Desk::new();
    let (commit, arrivals, gate) = gated();
    let listener = Arc::new(Listener::default());
    let log = desk.open_with(commit, Arc::clone(&listener));
    log.append(
        entries(0..1, 1),
        Box::new(|_| panic!("a defect of the caller")),
    );
    arrivals.recv().unwrap();
    let (sender, completed) = mpsc::channel();
    log.append(
        entries(1..2, 1),
        Box::new(move |result| sender.send(result.is_err()).unwrap()),
    );
    gate.send(()).unwrap();
    assert!(completed.recv().unwrap());
    assert_eq!(log.stopped().as_deref(), Some("its thread panicked"));
    assert!(log.close().is_err());
}

#[test]
fn a_log_may_be_dropped_by_its_own_last_completion() {
    let desk = Desk::new();
    let directory = DataDir::lock(desk.folder.path()).unwrap();
    let open = || LogDb::open(&directory, &identity(1), options("boot-1", Arc::new(())));
    let log = Arc::new(open().unwrap());
    let last = Arc::clone(&log);
    let (sender, dropped) = mpsc::channel();
    let (handed_over, wait_for_it) = mpsc::channel();
    let done = Box::new(move |_| {
        wait_for_it.recv().unwrap();
        drop(last);
        sender.send(()).unwrap();
    });
    log.append(entries(0..1, 1), done);
    drop(log);
    handed_over.send(()).unwrap();
    dropped.recv().unwrap();
    // The writer's thread closes the database behind its last completion, and a process that ended
    // meanwhile would abort. Whoever can open it again knows that it is closed.
    let again = (0..1_000).find_map(|_| {
        thread::sleep(Duration::from_millis(5));
        open().ok()
    });
    assert!(again.is_some(), "the database was never closed");
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
fn a_purge_gives_files_back_but_never_the_one_with_the_next_entry() {
    let desk = Desk::new();
    let log = desk.open().unwrap();
    log.append_and_wait(entries(0..100, 1));
    log.disk.compact();
    let upto = Position { index: 98, term: 1 };
    wait(|done| log.purge_to(upto, Bytes::new(), done)).unwrap();
    drop(log);
    assert_eq!(desk.open().unwrap().indexes(), [99]);
    let log = desk.open().unwrap();
    log.disk.compact();
    wait(|done| log.purge_to(Position { index: 99, term: 1 }, Bytes::new(), done)).unwrap();
    assert_eq!(log.indexes(), [0_u64; 0]);
}

//! What is believed of a disk after a crash, and what is refused.

use super::*;

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

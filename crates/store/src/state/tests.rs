//! The state against its promises: whole batches, and one state at any point of an installation.

use std::ops::ControlFlow;

use tempfile::TempDir;

use super::*;
use crate::DurableFile;

const TABLES: &[&str] = &["leaf", "unit"];

fn open(folder: &TempDir) -> Result<StateStore, Error> {
    StateStore::open(&DataDir::lock(folder.path()).unwrap(), TABLES)
}

fn opened(folder: &TempDir) -> StateStore {
    open(folder).unwrap()
}

fn put(state: &StateDb, key: &str, value: &str) {
    let mut batch = Batch::new();
    batch.put("unit", key, value);
    state.write(&batch).unwrap();
}

fn get(state: &StateDb, key: &str) -> Option<String> {
    state
        .get("unit", key.as_bytes())
        .unwrap()
        .map(|value| String::from_utf8(value).unwrap())
}

fn keys(scan: impl FnOnce(&mut Visit<'_>)) -> Vec<String> {
    let mut found = Vec::new();
    scan(&mut |key, _| {
        found.push(String::from_utf8(key.to_vec()).unwrap());
        ControlFlow::Continue(())
    });
    found
}

/// A checkpoint of another node's state, in which `P-1` is `theirs`.
fn snapshot_from_elsewhere(into: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let theirs = opened(&folder);
    put(&theirs.current(), "P-1", "theirs");
    let checkpoint = folder.path().join("checkpoint");
    for file in theirs.checkpoint(&checkpoint).unwrap() {
        assert_eq!(
            fs::copy(checkpoint.join(&file.name), into.join(&file.name)).unwrap(),
            file.bytes
        );
    }
}

fn names(folder: &TempDir) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files::list(&folder.path().join("state"))
        .unwrap()
        .into_iter()
        .map(name)
        .collect()
}

#[test]
fn a_batch_changes_all_its_tables_and_the_last_change_of_a_key_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder);
    let state = store.current();
    let mut batch = Batch::new();
    batch.put("leaf", [1], "first");
    batch.put("unit", "P-1", "draft");
    batch.put("unit", "P-1", "head 1");
    batch.put("unit", "P-2", "gone");
    batch.delete("unit", "P-2");
    assert_eq!(batch.len(), 5);
    state.write(&batch).unwrap();
    assert_eq!(
        state.get("leaf", &[1]).unwrap().as_deref(),
        Some(&b"first"[..])
    );
    assert_eq!(get(&state, "P-1").as_deref(), Some("head 1"));
    assert_eq!(get(&state, "P-2"), None);
}

#[test]
fn a_batch_with_an_unknown_table_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = opened(&folder).current();
    let mut batch = Batch::new();
    batch.put("unit", "P-1", "head 1");
    batch.put("units", "P-1", "head 1");
    assert!(matches!(state.write(&batch), Err(Error::Misuse { .. })));
    assert_eq!(get(&state, "P-1"), None);
}

#[test]
fn a_scan_keeps_to_its_prefix_in_order_and_can_begin_inside() {
    let folder = tempfile::tempdir().unwrap();
    let state = opened(&folder).current();
    for key in ["P-2", "Q-1", "P-1", "O-9", "P-3"] {
        put(&state, key, "");
    }
    assert_eq!(
        keys(|visit| state.scan("unit", b"P-", visit).unwrap()),
        ["P-1", "P-2", "P-3"]
    );
    assert_eq!(
        keys(|visit| state.scan_from("unit", b"P-", b"P-2", visit).unwrap()),
        ["P-2", "P-3"]
    );
    assert_eq!(
        keys(|visit| state.scan("unit", b"", visit).unwrap()).len(),
        5
    );
    let mut seen = 0;
    let mut stop = |_: &[u8], _: &[u8]| {
        seen += 1;
        ControlFlow::Break(())
    };
    state.scan("unit", b"", &mut stop).unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn a_snapshot_does_not_see_later_batches() {
    let folder = tempfile::tempdir().unwrap();
    let state = opened(&folder).current();
    put(&state, "P-1", "old");
    let snapshot = state.snapshot();
    put(&state, "P-1", "new");
    put(&state, "P-2", "new");
    assert_eq!(
        snapshot.get("unit", b"P-1").unwrap().as_deref(),
        Some(&b"old"[..])
    );
    assert_eq!(
        keys(|visit| snapshot.scan("unit", b"P-", visit).unwrap()),
        ["P-1"]
    );
    assert_eq!(get(&state, "P-1").as_deref(), Some("new"));
}

#[test]
fn batches_survive_a_restart_synced_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder);
    put(&store.current(), "P-1", "synced");
    store.current().sync_wal().unwrap();
    put(&store.current(), "P-2", "not");
    drop(store);
    let state = opened(&folder).current();
    assert_eq!(get(&state, "P-1").as_deref(), Some("synced"));
    assert_eq!(get(&state, "P-2").as_deref(), Some("not"));
}

#[test]
fn an_installed_snapshot_takes_the_place_of_the_state_and_old_readers_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder);
    put(&store.current(), "P-1", "ours");
    let reader = store.current();
    let incoming = store.receive().unwrap();
    snapshot_from_elsewhere(&incoming);
    let installed = store.install(&incoming).unwrap();
    assert_eq!(get(&installed, "P-1").as_deref(), Some("theirs"));
    assert_eq!(get(&store.current(), "P-1").as_deref(), Some("theirs"));
    assert_eq!(get(&reader, "P-1").as_deref(), Some("ours"));
    assert_eq!(names(&folder), ["00000001", "00000002"]);
    drop(reader);
    assert_eq!(
        names(&folder),
        ["00000002"],
        "the old files go with the last reader"
    );
    drop((store, installed));
    assert_eq!(
        get(&opened(&folder).current(), "P-1").as_deref(),
        Some("theirs")
    );
}

#[test]
fn a_checkpoint_is_looked_into_without_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder);
    let incoming = store.receive().unwrap();
    snapshot_from_elsewhere(&incoming);
    let contents = |folder: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
        files::list(folder).unwrap().into_iter().map(read).collect()
    };
    let before = contents(&incoming);
    assert_eq!(
        get(&store.inspect(&incoming).unwrap(), "P-1").as_deref(),
        Some("theirs")
    );
    assert!(contents(&incoming) == before);
    assert_eq!(get(&store.current(), "P-1"), None);
}

#[test]
fn a_snapshot_that_does_not_open_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder);
    put(&store.current(), "P-1", "ours");
    let incoming = store.receive().unwrap();
    snapshot_from_elsewhere(&incoming);
    fs::write(incoming.join("CURRENT"), "MANIFEST-999999\n").unwrap();
    assert!(store.install(&incoming).is_err());
    assert_eq!(get(&store.current(), "P-1").as_deref(), Some("ours"));
    drop(store);
    assert_eq!(
        get(&opened(&folder).current(), "P-1").as_deref(),
        Some("ours")
    );
    assert_eq!(names(&folder), ["00000001"]);
}

/// Each point of an installation at which the machine can die, as the disk then stands.
#[test]
fn a_crash_during_an_installation_leaves_the_old_state_or_the_new_one() {
    type Damage = fn(&Path);
    let half_received: Damage = |root| {
        fs::create_dir(root.join("state/incoming.tmp")).unwrap();
        fs::write(root.join("state/incoming.tmp/000009.sst"), "half").unwrap();
    };
    let renamed: Damage = |root| {
        fs::create_dir(root.join("state/00000002")).unwrap();
        snapshot_from_elsewhere(&root.join("state/00000002"));
    };
    let pointer_half_written: Damage = |root| {
        fs::create_dir(root.join("state/00000002")).unwrap();
        snapshot_from_elsewhere(&root.join("state/00000002"));
        fs::write(root.join("CURRENT_STATE.tmp"), "tally/current-st").unwrap();
    };
    let pointed: Damage = |root| {
        fs::create_dir(root.join("state/00000002")).unwrap();
        snapshot_from_elsewhere(&root.join("state/00000002"));
        write_pointer(&DurableFile::new(root.join("CURRENT_STATE")), 2).unwrap();
    };
    for (point, damage, expected, left) in [
        ("half received", half_received, "ours", "00000001"),
        ("renamed", renamed, "ours", "00000001"),
        (
            "pointer half written",
            pointer_half_written,
            "ours",
            "00000001",
        ),
        ("pointed at", pointed, "theirs", "00000002"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        put(&opened(&folder).current(), "P-1", "ours");
        damage(folder.path());
        let store = opened(&folder);
        assert_eq!(
            get(&store.current(), "P-1").as_deref(),
            Some(expected),
            "{point}"
        );
        assert_eq!(names(&folder), [left], "{point}");
        // And the next installation works.
        let incoming = store.receive().unwrap();
        snapshot_from_elsewhere(&incoming);
        assert_eq!(
            get(&store.install(&incoming).unwrap(), "P-1").as_deref(),
            Some("theirs"),
            "{point}"
        );
    }
}

#[test]
fn a_crash_while_the_first_state_is_made_is_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    drop(opened(&folder));
    fs::remove_file(folder.path().join("CURRENT_STATE")).unwrap();
    put(&opened(&folder).current(), "P-1", "ours");
    // With rows in it, a state without its pointer is no beginning.
    fs::remove_file(folder.path().join("CURRENT_STATE")).unwrap();
    assert!(matches!(open(&folder), Err(Error::Damaged { .. })));
}

#[test]
fn a_pointer_to_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(opened(&folder));
    files::remove_tree(&folder.path().join("state")).unwrap();
    let sentence = open(&folder).unwrap_err().to_string();
    assert!(sentence.contains("is missing, but"), "{sentence}");
}

#[test]
fn tables_of_another_version_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(opened(&folder));
    let directory = DataDir::lock(folder.path()).unwrap();
    let sentence = StateStore::open(&directory, &["leaf"])
        .unwrap_err()
        .to_string();
    assert!(
        sentence.contains("has a table `unit` unknown here"),
        "{sentence}"
    );
    // One table more is a newer version's beginning.
    StateStore::open(&directory, &["leaf", "unit", "voucher"]).unwrap();
}

#[test]
fn a_missing_table_file_is_damage_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    put(&opened(&folder).current(), "P-1", "ours");
    drop(opened(&folder));
    let files = files::list(&folder.path().join("state/00000001")).unwrap();
    let table = files
        .iter()
        .find(|path| path.extension().is_some_and(|ending| ending == "sst"));
    fs::remove_file(table.unwrap()).unwrap();
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
}

/// Every file of a state's folder, with a byte in its middle changed.
fn spoil(folder: &TempDir, ending: &str) -> usize {
    let mut spoilt = 0;
    for path in files::list(&folder.path().join("state/00000001")).unwrap() {
        if path.extension().is_some_and(|found| found == ending) {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 3;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
            spoilt += 1;
        }
    }
    spoilt
}

/// A state whose rows are in table files, as after a start on a write-ahead log.
fn in_tables() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder);
    for n in 0..2_000 {
        put(
            &store.current(),
            &format!("P-{n}"),
            &format!("head {}", n * n),
        );
    }
    drop(store);
    drop(opened(&folder));
    folder
}

#[test]
fn a_flipped_bit_in_a_row_is_found_when_the_state_is_opened() {
    let folder = in_tables();
    assert!(spoil(&folder, "sst") > 0);
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[test]
fn a_state_set_aside_is_kept_as_it_was_and_an_empty_one_takes_its_place() {
    let folder = in_tables();
    spoil(&folder, "sst");
    open(&folder).unwrap_err();
    let directory = DataDir::lock(folder.path()).unwrap();
    let before = files::list(&folder.path().join("state/00000001")).unwrap();
    let aside = directory.set_state_aside().unwrap();
    let after = files::list(&aside.join("state/00000001")).unwrap();
    assert_eq!(before.len(), after.len());
    assert!(aside.join("CURRENT_STATE").is_file());
    assert_eq!(directory.states_set_aside().unwrap(), 1);
    let store = StateStore::open(&directory, TABLES).unwrap();
    assert!(store.current().is_empty().unwrap());
}

#[test]
fn a_state_whose_pointer_alone_was_set_aside_before_a_crash_is_set_aside_whole() {
    let folder = in_tables();
    fs::remove_file(folder.path().join("CURRENT_STATE")).unwrap();
    open(&folder).unwrap_err();
    let directory = DataDir::lock(folder.path()).unwrap();
    directory.set_state_aside().unwrap();
    let store = StateStore::open(&directory, TABLES).unwrap();
    assert!(store.current().is_empty().unwrap());
}

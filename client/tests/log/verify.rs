//! A folder judged from itself alone.

use std::path::{Path, PathBuf};

use client::log::folder::{CHECKPOINT, Folder};
use client::log::packed;
use client::log::verify::{Verified, VerifyError, verify};
use ledger::{Command, Memory, UnixMillis, View, apply};
use merkle::LeafIndex;
use receipt::Leaf;
use receipt::leaf::{Close, Reason, Role};
use testkit::{Fixture, Person};

use crate::made::{Writer, fixture, leaves, publish};

fn judge(path: &Path, fixture: &Fixture) -> Result<Verified, VerifyError> {
    let folder = Folder::at(path);
    let (bundle, election) = packed::open(&folder, Some(fixture.fingerprint()))?;
    verify(&folder, &bundle, &election)
}

/// The state after these leaves, by a replay that holds them all, and its own leaves: also those
/// that it derived.
fn state(fixture: &Fixture, entries: &[Vec<u8>]) -> (Memory, Vec<Vec<u8>>) {
    let mut state = Memory::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = UnixMillis::default();
        let command = match index {
            0 => Command::manifest(at, entry.clone(), fixture.files.clone()),
            _ => Command::note(at, entry.clone()),
        };
        let (outcome, changes) = apply(&state, &command).unwrap();
        assert!(outcome.leaf().is_some(), "{outcome:?}");
        state.absorb(changes);
    }
    let view = View::new(&state);
    let size = view.tree_size().unwrap().get();
    let leaf = |index| view.leaf(LeafIndex::new(index)).unwrap().unwrap();
    let all = (0..size).map(leaf).collect();
    (state, all)
}

fn entries(fixture: &Fixture, count: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    leaves(fixture, count, |entry| entries.push(entry.to_vec()));
    entries
}

fn write(fixture: &Fixture, entries: &[Vec<u8>], path: &Path) {
    let mut writer = Writer::into(path);
    for entry in entries {
        writer.push(entry);
    }
    writer.finish(fixture);
}

/// The end of the night by two publishers, after which the totals are derived.
fn close(fixture: &Fixture) -> Vec<u8> {
    let close = Close {
        header: fixture.header("close"),
        reason: Reason::parse("every unit has reported").unwrap(),
    };
    let publishers = [1, 2].map(|number| Person::Of(Role::Publisher, number));
    fixture
        .sign(&Leaf::Close(close), &publishers)
        .bytes()
        .to_vec()
}

/// 20 units with 35 sheets each, and the totals that follow the end: read leaf by leaf from files
/// it is what a replay in memory leads to.
#[test]
fn a_night_in_files_is_the_night_in_memory() {
    let fixture = fixture(20);
    let mut given = entries(&fixture, 700);
    given.push(close(&fixture));
    let (memory, all) = state(&fixture, &given);
    assert!(all.len() > given.len(), "no totals were derived");
    let folder = tempfile::tempdir().unwrap();
    write(&fixture, &all, folder.path());
    let verified = judge(folder.path(), &fixture).unwrap();
    let view = View::new(&memory);
    assert_eq!(verified.root, view.root().unwrap());
    assert_eq!(verified.reported, view.counts().unwrap().reported);
    assert_eq!(verified.held, view.counts().unwrap().held);
    let results = view.results(caucus::Basis::Reported).unwrap().unwrap();
    assert_eq!(verified.statewide, results.statewide);
    assert!(!verified.statewide.is_empty());
}

/// Nodes that cosigned other totals than follow are refuted by the leaves.
#[test]
fn totals_that_do_not_follow_are_refused() {
    let fixture = fixture(20);
    let mut given = entries(&fixture, 21);
    given.push(close(&fixture));
    let (_, mut all) = state(&fixture, &given);
    let last = all.last_mut().unwrap();
    let text = String::from_utf8(last.clone()).unwrap();
    let at = text.rfind(|c: char| c.is_ascii_digit()).unwrap();
    last[at] = if last[at] == b'1' { b'2' } else { b'1' };
    let folder = tempfile::tempdir().unwrap();
    write(&fixture, &all, folder.path());
    let error = judge(folder.path(), &fixture).unwrap_err();
    assert!(matches!(error, VerifyError::Rules { .. }), "{error:?}");
}

/// Adds one to a digit of the first number among a report's votes.
fn change_a_figure(report: &mut [u8]) {
    let text = String::from_utf8(report.to_vec()).unwrap();
    let (before, votes) = text.split_once("\nvotes ").unwrap();
    let mut numbers = votes.match_indices(' ').map(|(space, _)| space + 1);
    let is_low = |at: &usize| matches!(votes.as_bytes()[*at], b'1'..=b'8');
    let digit = numbers.find(is_low).unwrap();
    report[before.len() + "\nvotes ".len() + digit] += 1;
}

/// Changes a few bits of its signature, which stays one line of base64.
fn change_the_signature(report: &mut [u8]) {
    let place = report.len() - 20;
    report[place] = if report[place] == b'A' { b'B' } else { b'A' };
}

/// A majority that cosigned a figure which the chair did not sign, or a signature that is not the
/// chair's, is refuted by the leaf, and the file with it is named.
#[test]
fn a_leaf_that_nobody_signed_is_refused_although_it_was_cosigned() {
    let fixture = fixture(20);
    for change in [change_a_figure, change_the_signature] {
        let mut all = entries(&fixture, 300);
        change(&mut all[280]);
        let folder = tempfile::tempdir().unwrap();
        write(&fixture, &all, folder.path());
        let error = judge(folder.path(), &fixture).unwrap_err();
        let VerifyError::Rules { file, source } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(file, "tile/entries/001.p/44");
        let said = source.to_string();
        let expected = format!("leaf 280: {}", caucus::Refusal::BadSignature);
        assert_eq!(said, expected);
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every file that anything follows from: a byte changed, and gone altogether. 700 leaves have three
/// files of leaves, three tiles of leaf hashes and one above them.
#[test]
fn a_byte_changed_in_any_file_is_refused_and_the_file_named() {
    let fixture = fixture(20);
    let folder = tempfile::tempdir().unwrap();
    publish(&fixture, 700, folder.path());
    judge(folder.path(), &fixture).unwrap();
    let mut kinds = 0;
    for path in files(folder.path()) {
        let name = path
            .strip_prefix(folder.path())
            .unwrap()
            .display()
            .to_string();
        if name == "README.txt" || name == "index.html" {
            continue;
        }
        kinds += 1;
        let bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        for at in [0, last / 3, last / 2, last] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&path, changed).unwrap();
            let error = judge(folder.path(), &fixture).expect_err(&name).to_string();
            assert!(
                error.contains(&format!("`{name}`")),
                "{name} at {at}: {error}"
            );
        }
        if !name.starts_with("bundle/") {
            std::fs::remove_file(&path).unwrap();
            let error = judge(folder.path(), &fixture).expect_err(&name).to_string();
            let named = error.contains(&format!("`{name}`")) || name == CHECKPOINT;
            assert!(named, "{name} gone: {error}");
        }
        std::fs::write(&path, bytes).unwrap();
    }
    // The checkpoint, 3 + 3 + 1 files of the log, 7 of the bundle.
    assert_eq!(kinds, 15, "{:?}", files(folder.path()));
    judge(folder.path(), &fixture).unwrap();
}

/// No byte of a checkpoint is beside the point when just enough nodes cosigned it.
#[test]
fn no_byte_of_the_checkpoint_can_change() {
    let fixture = fixture(20);
    let folder = tempfile::tempdir().unwrap();
    publish(&fixture, 40, folder.path());
    let path = folder.path().join(CHECKPOINT);
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        assert!(judge(folder.path(), &fixture).is_err(), "byte {at}");
    }
}

#[test]
fn another_election_is_refused_by_its_fingerprint() {
    let fixture = fixture(20);
    let folder = tempfile::tempdir().unwrap();
    publish(&fixture, 40, folder.path());
    let error = judge(folder.path(), &Fixture::small()).unwrap_err();
    assert!(matches!(error, VerifyError::Bundle(_)), "{error:?}");
}

//! Archives made over the wire: whole, continued, cut short, and never overwritten.

use std::path::Path;

use client::log::archive::{Archive, ArchiveError, Followed};
use client::log::folder::{CHECKPOINT, Folder};
use client::log::{packed, verify};
use merkle::TreeSize;
use receipt::Election;
use testkit::Fixture;

use crate::made::{Writer, election, fixture, leaves, publish};
use crate::serve::{Served, serve};

fn open(path: &Path) -> Archive {
    Archive::open(Folder::at(path)).unwrap()
}

async fn follow(path: &Path, served: &Served, election: &Election) -> Archive {
    let mut archive = open(path);
    archive.follow(&served.source(), election).await.unwrap();
    let bundle = served.source().bundle().await.unwrap();
    archive.write_bundle(&bundle, election).unwrap();
    archive
}

fn holds(path: &Path, fixture: &Fixture) -> verify::Verified {
    let folder = Folder::at(path);
    let (bundle, election) = packed::open(&folder, Some(fixture.fingerprint())).unwrap();
    verify::verify(&folder, &bundle, &election).unwrap()
}

/// Every path below a folder, with the bytes of the file.
fn contents(path: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(root: &Path, path: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(path, path, &mut found);
    found.sort();
    found
}

#[tokio::test]
async fn an_archive_over_the_wire_is_file_for_file_what_is_served_and_outlives_the_server() {
    let fixture = fixture(20);
    let origin = tempfile::tempdir().unwrap();
    publish(&fixture, 300, origin.path());
    let copy = tempfile::tempdir().unwrap();
    let served = serve(origin.path()).await;
    follow(copy.path(), &served, &election(&fixture)).await;
    drop(served);
    assert_eq!(contents(copy.path()), contents(origin.path()));
    let verified = holds(copy.path(), &fixture);
    assert_eq!(verified.size, TreeSize::new(300));
    assert_eq!(verified.level, verify::Level::Receipt);
}

/// 300 leaves end in a file of 44, 700 in one of 188: the smaller edge is gone afterwards.
#[tokio::test]
async fn an_archive_that_grew_is_the_one_that_was_made_at_once() {
    let fixture = fixture(20);
    let election = election(&fixture);
    let copy = tempfile::tempdir().unwrap();
    let mut last = tempfile::tempdir().unwrap();
    for count in [300, 700, 700] {
        last = tempfile::tempdir().unwrap();
        publish(&fixture, count, last.path());
        let served = serve(last.path()).await;
        follow(copy.path(), &served, &election).await;
    }
    assert_eq!(contents(copy.path()), contents(last.path()));
    holds(copy.path(), &fixture);
}

/// What an archive that was cut short left is used where it is right and fetched anew where not.
#[tokio::test]
async fn an_archive_that_was_cut_short_goes_on() {
    let fixture = fixture(20);
    let election = election(&fixture);
    let origin = tempfile::tempdir().unwrap();
    publish(&fixture, 700, origin.path());
    let served = serve(origin.path()).await;
    let first = "tile/entries/000";
    let right = std::fs::read(origin.path().join(first)).unwrap();
    let mut wrong = right.clone();
    wrong[500] ^= 1;
    for left in [right, wrong] {
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(copy.path().join("tile/entries")).unwrap();
        std::fs::write(copy.path().join(first), left).unwrap();
        follow(copy.path(), &served, &election).await;
        assert_eq!(contents(copy.path()), contents(origin.path()));
    }
}

/// A node that is behind changes nothing.
#[tokio::test]
async fn a_source_that_is_behind_shows_the_same_log() {
    let fixture = fixture(20);
    let election = election(&fixture);
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    publish(&fixture, 100, old.path());
    publish(&fixture, 300, new.path());
    let mut archive = open(new.path());
    let before = contents(new.path());
    let behind = serve(old.path()).await;
    let followed = archive.follow(&behind.source(), &election).await.unwrap();
    assert!(
        matches!(followed, Followed::Same { size } if size == TreeSize::new(100)),
        "{followed:?}"
    );
    assert_eq!(contents(new.path()), before);
}

/// The log with one early leaf left out, longer than ours: signed as well as ours is, and refused.
#[tokio::test]
async fn another_log_is_never_written_over_the_one_in_the_folder() {
    let fixture = fixture(20);
    let election = election(&fixture);
    let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    publish(&fixture, 100, ours.path());
    for count in [301, 101, 61] {
        let mut writer = Writer::into(other.path());
        let mut index = 0;
        leaves(&fixture, count, |entry| {
            if index != 30 {
                writer.push(entry);
            }
            index += 1;
        });
        writer.finish(&fixture);
        let served = serve(other.path()).await;
        let checkpoint = std::fs::read(ours.path().join(CHECKPOINT)).unwrap();
        let error = open(ours.path())
            .follow(&served.source(), &election)
            .await
            .unwrap_err();
        let ArchiveError::Forked(fork) = error else {
            panic!("{error}")
        };
        assert_eq!(fork.ours.to_bytes(), checkpoint);
        assert_eq!(fork.theirs.checkpoint().size, TreeSize::new(count - 1));
        assert_eq!(
            std::fs::read(ours.path().join(CHECKPOINT)).unwrap(),
            checkpoint
        );
        holds(ours.path(), &fixture);
    }
}

/// A checkpoint that one node alone cosigned is nothing to archive.
#[tokio::test]
async fn a_checkpoint_without_a_majority_is_not_followed() {
    let fixture = fixture(20);
    let election = election(&fixture);
    let origin = tempfile::tempdir().unwrap();
    let signed = publish(&fixture, 100, origin.path());
    let stated = signed.checkpoint();
    let lonely = fixture.checkpoint(stated.size, stated.root, &[1]);
    std::fs::write(origin.path().join(CHECKPOINT), lonely.to_bytes()).unwrap();
    let served = serve(origin.path()).await;
    let copy = tempfile::tempdir().unwrap();
    let error = open(copy.path())
        .follow(&served.source(), &election)
        .await
        .unwrap_err();
    assert!(matches!(error, ArchiveError::Checkpoint(_)), "{error}");
    assert!(contents(copy.path()).is_empty());
}

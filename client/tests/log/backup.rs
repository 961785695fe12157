//! A backup is what was saved, byte for byte, or it is refused by the name of its damaged part.

use std::path::{Path, PathBuf};

use client::backup::{Damage, Facts, Inventory, Keep, ReadError, WriteError, read, write};
use client::log::folder::Folder;
use client::log::packed;
use client::log::verify::{judge, verify};
use merkle::TreeSize;
use note::UnixSeconds;
use testkit::Fixture;

use crate::made::{election, fixture, publish};

/// A log of this many leaves and a backup of it, in one folder.
fn saved(fixture: &Fixture, leaves: u64) -> (tempfile::TempDir, PathBuf, Inventory) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    publish(fixture, leaves, &log);
    let file = folder.path().join("night.tar");
    let inventory = save(fixture, &log, &file).unwrap();
    (folder, file, inventory)
}

fn save(fixture: &Fixture, log: &Path, file: &Path) -> Result<Inventory, WriteError> {
    let signed = Folder::at(log).checkpoint().unwrap().unwrap();
    let election = election(fixture);
    let endorsed = judge(&signed, &election).unwrap();
    let facts = Facts {
        election: &election,
        checkpoint: signed.checkpoint(),
        endorsed: &endorsed,
        taken: UnixSeconds::new(1_800_000_000),
    };
    write(log, file, &facts)
}

/// The damaged part and its damage.
fn refused(file: &Path) -> (String, Damage) {
    match read(file, Keep::Nothing).unwrap_err() {
        ReadError::Damaged { part, damage } => (part, damage),
        error @ ReadError::Disk(_) => panic!("{error}"),
    }
}

#[test]
fn what_was_saved_is_there_again_and_the_log_in_it_holds() {
    let fixture = fixture(20);
    let (folder, file, inventory) = saved(&fixture, 300);
    let out = folder.path().join("out");
    let read = read(&file, Keep::Durably(&out)).unwrap();
    assert_eq!(read, inventory);
    assert_eq!(read.size, TreeSize::new(300));
    for item in &inventory.files {
        assert_eq!(
            std::fs::read(out.join(&item.path)).unwrap(),
            std::fs::read(folder.path().join("log").join(&item.path)).unwrap(),
            "{}",
            item.path
        );
    }
    let copy = Folder::at(&out);
    let (bundle, election) = packed::open(&copy, Some(fixture.fingerprint())).unwrap();
    let verified = verify(&copy, &bundle, &election).unwrap();
    assert_eq!(verified.root, inventory.root);
}

/// The file is a tar like any other: a program that we did not write unpacks it.
#[test]
fn another_program_unpacks_it() {
    let fixture = fixture(8);
    let (folder, file, inventory) = saved(&fixture, 9);
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let tar = std::process::Command::new("tar")
        .arg("-xf")
        .arg(&file)
        .arg("-C")
        .arg(&out)
        .status()
        .unwrap();
    assert!(tar.success());
    let text = std::fs::read_to_string(out.join("inventory")).unwrap();
    assert_eq!(Inventory::parse(&text), Some(inventory));
    let leaves = Folder::at(&out).leaves().unwrap();
    assert_eq!(leaves.len(), 9);
}

/// Every byte of the first blocks, and a sample of the rest; of each byte another bit.
#[test]
fn a_flipped_bit_anywhere_is_refused_by_name() {
    let fixture = fixture(8);
    let (folder, file, inventory) = saved(&fixture, 300);
    let whole = std::fs::read(&file).unwrap();
    let bad = folder.path().join("bad.tar");
    let names: Vec<String> = std::iter::once("inventory".to_owned())
        .chain(inventory.files.iter().map(|item| item.path.clone()))
        .chain(std::iter::once("end".to_owned()))
        .map(|name| format!("`{name}`"))
        .collect();
    let sample = (0..1536)
        .chain((1536..whole.len()).step_by(397))
        .chain(whole.len() - 1024..whole.len());
    let mut named = std::collections::BTreeSet::new();
    let mut flips = 0;
    for byte in sample {
        let mut flipped = whole.clone();
        flipped[byte] ^= 1 << (byte % 8);
        std::fs::write(&bad, &flipped).unwrap();
        let (part, _) = refused(&bad);
        assert!(names.contains(&part), "byte {byte}: {part}");
        named.insert(part);
        flips += 1;
    }
    assert!(
        named.len() > 4,
        "the sample met too few parts of the file: {named:?}"
    );
    println!(
        "{{\"backup_bytes\":{},\"flips\":{flips},\"parts_hit\":{}}}",
        whole.len(),
        named.len()
    );
}

#[test]
fn a_cut_anywhere_is_refused_and_so_is_a_tail() {
    let fixture = fixture(8);
    let (folder, file, _) = saved(&fixture, 12);
    let whole = std::fs::read(&file).unwrap();
    let bad = folder.path().join("bad.tar");
    for length in (0..whole.len()).step_by(211).chain([whole.len() - 1]) {
        std::fs::write(&bad, &whole[..length]).unwrap();
        let (part, damage) = refused(&bad);
        assert_eq!(damage, Damage::Cut, "{length} bytes: {part}");
    }
    let mut longer = whole;
    longer.push(0);
    std::fs::write(&bad, longer).unwrap();
    assert_eq!(refused(&bad), ("`end`".to_owned(), Damage::Longer));
}

/// Damage is told apart: the sentence for a header is not that for contents.
#[test]
fn the_damage_is_said_as_what_it_is() {
    let fixture = fixture(8);
    let (folder, file, inventory) = saved(&fixture, 12);
    let whole = std::fs::read(&file).unwrap();
    let bad = folder.path().join("bad.tar");
    let inventory_blocks = inventory.text().len().div_ceil(512) + 1;
    let first = inventory_blocks * 512;
    let name = format!("`{}`", inventory.files[0].path);
    let behind = first + 512 + usize::try_from(inventory.files[0].bytes).unwrap();
    for (byte, damage) in [
        (first + 300, Damage::Header),
        (first + 512, Damage::Contents),
        (behind, Damage::Padding),
    ] {
        let mut flipped = whole.clone();
        flipped[byte] ^= 1;
        std::fs::write(&bad, &flipped).unwrap();
        assert_eq!(refused(&bad), (name.clone(), damage));
    }
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let fixture = fixture(8);
    let (folder, file, _) = saved(&fixture, 9);
    let before = std::fs::read(&file).unwrap();
    let again = save(&fixture, &folder.path().join("log"), &file);
    assert!(matches!(again, Err(WriteError::Exists(_))), "{again:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

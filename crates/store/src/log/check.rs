//! What is checked before a log is believed: its mark, its owner, and every entry in it.
//!
//! RocksDB decides how to read a damaged write-ahead log by a mode, and no mode alone is right: the
//! lenient ones drop acknowledged entries without a word, the strict ones refuse the half-written
//! group that any power cut may leave. So:
//!
//! 1. Open strictly. That passes: scan, compare with the mark, run.
//! 2. It does not, in the same boot as the last mark's: the page cache had everything, so nothing can
//!    be half-written, and the disk has altered something: refuse.
//! 3. Another boot, and whole writes behind the damage ([`WalReader`]): the disk again: refuse.
//! 4. Nothing behind the damage: a power cut tore the last write. Cut there, scan, compare with the
//!    mark, and run as [`Recovery::TornTail`].

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;

use super::cache::Contents;
use super::disk::Disk;
use super::wal::WalReader;
use super::{Entry, Position, Purged, Recovery};
use crate::directory::{DataDir, make_directory};
use crate::error::{self, Error, REPLACE_NODE};
use crate::files;
use crate::identity::{Identity, owner};
use crate::mark::{BootId, Mark};
use crate::options::Tail;

/// A log that may be believed.
pub(super) struct Opened {
    pub(super) disk: Disk,
    pub(super) contents: Contents,
    pub(super) metas: BTreeMap<String, Bytes>,
    pub(super) mark: Mark,
}

pub(super) fn open(
    directory: &DataDir,
    identity: &Identity,
    boot: BootId,
) -> Result<Opened, Error> {
    let file = directory.mark_file();
    let path = directory.log_path();
    let found = Mark::load(&file)?;
    if let Some(mark) = &found {
        check_mark_is_ours(mark, identity, file.path())?;
        if files::list(&path)?.is_empty() {
            return Err(Error::damaged(
                format!(
                    "log `{}` is missing, but `{}` says there was one",
                    path.display(),
                    file.path().display()
                ),
                REPLACE_NODE,
            ));
        }
    }
    make_directory(&path)?;
    let (disk, recovery) = open_database(directory, found.as_ref(), &boot)?;
    check_owner(&disk, identity, found.is_some())?;
    let (contents, metas) = read_all(&disk, found.as_ref())?;
    check_against_mark(&disk, &contents, &metas, found.as_ref(), file.path())?;

    let mut mark = Mark::new(identity, boot);
    mark.position = last_position(&contents);
    mark.sequence = disk.sequence();
    mark.recovery = match found {
        Some(Mark {
            recovery: Recovery::TornTail,
            ..
        }) => Recovery::TornTail,
        Some(_) | None => recovery,
    };
    // Opening has replayed the write-ahead log into table files and synced them, so all of this is
    // durable and the mark may say so.
    mark.save(&file)?;
    Ok(Opened {
        disk,
        contents,
        metas,
        mark,
    })
}

fn check_mark_is_ours(mark: &Mark, identity: &Identity, path: &Path) -> Result<(), Error> {
    if mark.is_of(identity) {
        return Ok(());
    }
    let life = |incarnation| format!(", life {incarnation}");
    Err(Error::ForeignDirectory {
        path: path.to_owned(),
        found: owner(mark.ordinal, &identity.origin, &mark.genesis) + &life(mark.incarnation),
        expected: identity.owner() + &life(identity.incarnation),
    })
}

/// Steps 1 to 4 at the head of this file.
fn open_database(
    directory: &DataDir,
    mark: Option<&Mark>,
    boot: &BootId,
) -> Result<(Disk, Recovery), Error> {
    let path = directory.log_path();
    let memory = directory.memory();
    let refusal = match Disk::open(&path, memory, mark.is_none(), Tail::Strict) {
        Ok(disk) => return Ok((disk, Recovery::Clean)),
        Err(refusal) => refusal,
    };
    let refused = |error| Error::database("open", &path, REPLACE_NODE, error);
    let Some(mark) = mark.filter(|_| error::is_damage(&refusal)) else {
        return Err(refused(refusal));
    };
    if mark.boot == *boot || is_damaged_inside(&path)? {
        return Err(refused(refusal));
    }
    let disk = Disk::open(&path, memory, false, Tail::CutAtDamage).map_err(refused)?;
    Ok((disk, Recovery::TornTail))
}

/// Whether the write-ahead logs go on behind their first bad byte.
fn is_damaged_inside(path: &Path) -> Result<bool, Error> {
    let mut reader = WalReader::default();
    // Names are numbers of six digits or more, so the shorter is the older.
    let mut logs = files::list(path)?;
    logs.retain(|file| file.extension().is_some_and(|ending| ending == "log"));
    logs.sort_by_key(|file| (file.as_os_str().len(), file.clone()));
    for file in logs {
        let bytes = fs::read(&file).map_err(|error| Error::file("read", &file, error))?;
        if reader.goes_on_behind_damage(&bytes) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The database carries its owner too, so that a log folder copied from a neighbour is found.
fn check_owner(disk: &Disk, identity: &Identity, was_marked: bool) -> Result<(), Error> {
    let text = identity.to_text()?;
    match disk.owner()? {
        Some(found) if found == text.as_bytes() => Ok(()),
        Some(found) => {
            let found = String::from_utf8(found)
                .ok()
                .and_then(|text| Identity::parse(&text));
            Err(Error::ForeignDirectory {
                path: disk.path().to_owned(),
                found: found.map_or_else(|| "an unknown owner".to_owned(), |found| found.owner()),
                expected: identity.owner(),
            })
        }
        None if was_marked => Err(disk.damaged("it does not say whose it is")),
        None => disk.put_owner(&text),
    }
}

/// Reads every entry and every small value, holding them against the rules of a log.
fn read_all(
    disk: &Disk,
    mark: Option<&Mark>,
) -> Result<(Contents, BTreeMap<String, Bytes>), Error> {
    let purged = disk.purged()?;
    let mut flaw = None;
    let mut previous = purged.as_ref().map(|purged| purged.position);
    let mut last: Option<Entry> = None;
    disk.visit(0..u64::MAX, |entry| {
        flaw = flaw_of(&entry, previous, mark);
        previous = Some(entry.position());
        last = Some(entry);
        flaw.is_none()
    })?;
    match flaw {
        Some(flaw) => Err(disk.damaged(&flaw)),
        None => Ok((Contents { purged, last }, disk.metas()?)),
    }
}

/// What is wrong with an entry behind `previous`, if anything.
fn flaw_of(entry: &Entry, previous: Option<Position>, mark: Option<&Mark>) -> Option<String> {
    let Entry { index, term, .. } = *entry;
    let expected = previous.map_or(0, |previous| previous.index.saturating_add(1));
    if index != expected {
        return Some(format!("entry {index} stands where {expected} should"));
    }
    let before = previous.map_or(0, |previous| previous.term);
    if term < before {
        return Some(format!("entry {index} has term {term} after term {before}"));
    }
    match mark.and_then(|mark| mark.position) {
        Some(marked) if marked.index == index && marked.term != term => Some(format!(
            "entry {index} has term {term}, but was durable with term {}",
            marked.term
        )),
        Some(_) | None => None,
    }
}

/// Whether the log is at least as long as it is known to have been.
fn check_against_mark(
    disk: &Disk,
    contents: &Contents,
    metas: &BTreeMap<String, Bytes>,
    mark: Option<&Mark>,
    path: &Path,
) -> Result<(), Error> {
    let Some(mark) = mark else {
        // A crash between making the database and its first mark leaves it empty.
        if last_position(contents).is_none() && metas.is_empty() {
            return Ok(());
        }
        return Err(disk.damaged(&format!("its mark `{}` is missing", path.display())));
    };
    let end = last_position(contents).map(|position| position.index);
    let marked = mark.position.map(|position| position.index);
    if end < marked {
        let end = end.map_or_else(
            || "is empty".to_owned(),
            |end| format!("ends at entry {end}"),
        );
        let marked = marked.unwrap_or_default();
        return Err(disk.damaged(&format!("it {end}, but had durably reached entry {marked}")));
    }
    if disk.sequence() < mark.sequence {
        let (now, then) = (disk.sequence(), mark.sequence);
        return Err(disk.damaged(&format!(
            "it has {now} changes, but had durably made {then}"
        )));
    }
    Ok(())
}

fn last_position(contents: &Contents) -> Option<Position> {
    let purged = contents
        .purged
        .as_ref()
        .map(|Purged { position, .. }| *position);
    contents.last.as_ref().map(Entry::position).or(purged)
}

//! The files of a log read, held against the tree and examined, on as many threads as there are.
//!
//! What a leaf says, its hashes and its signatures ask nothing of the state, so files are examined in
//! any order, and handed on in theirs. The thread that applies the rules takes the next file as soon
//! as it is there, and examines one itself while it is not: no core waits for the other. A few files
//! are on the way at a time and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ledger::{Examined, KnownKeys};
use merkle::EntryBundle;
use receipt::Election;

use super::folder::{FileError, Folder};
use super::hashes::Hashes;
use super::verify::VerifyError;

/// Files that are examined, or waiting to be applied, for each thread: a file of the next size is
/// at hand when one is done.
const AHEAD: usize = 4;

/// A file's leaves.
type Leaves = Vec<Examined>;

/// A log's files on their way to the rules.
#[derive(Debug)]
pub(super) struct Examining<'f> {
    folder: &'f Folder,
    tree: &'f Hashes,
    keys: &'f KnownKeys,
    files: Vec<EntryBundle>,
    /// How many files may be ahead of the rules.
    ahead: usize,
    progress: Mutex<Progress>,
    moved: Condvar,
}

/// How far the threads are, in places of files.
#[derive(Debug, Default)]
struct Progress {
    claimed: usize,
    taken: usize,
    done: BTreeMap<usize, Result<Leaves, FileError>>,
    end: Option<End>,
}

/// Why no more files are examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nobody asks for more.
    Asked,
    /// A thread ended before it had done its file.
    Lost,
}

/// What the thread that applies the rules does next.
enum Turn {
    Apply(Result<Leaves, FileError>),
    Examine(usize),
    Over,
    Lost,
}

impl<'f> Examining<'f> {
    /// All files of the tree, for so many threads.
    pub(super) fn new(
        folder: &'f Folder,
        tree: &'f Hashes,
        keys: &'f KnownKeys,
        threads: NonZero<usize>,
    ) -> Self {
        Self {
            folder,
            tree,
            keys,
            files: EntryBundle::all_of(tree.size()).into_iter().collect(),
            ahead: threads.get().saturating_mul(AHEAD),
            progress: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    /// Examines files until there are no more, or nobody asks for more.
    pub(super) fn work(&self) {
        loop {
            let mut progress = self.progress();
            let place = loop {
                if progress.end.is_some() || progress.claimed >= self.files.len() {
                    return;
                }
                if let Some(place) = self.claim(&mut progress) {
                    break place;
                }
                progress = self.wait(progress);
            };
            drop(progress);
            self.examine(place);
        }
    }

    /// The leaves of the next file; none after the last.
    pub(super) fn next(&self) -> Option<Result<Leaves, VerifyError>> {
        loop {
            match self.turn() {
                Turn::Apply(leaves) => return Some(leaves.map_err(VerifyError::from)),
                Turn::Examine(place) => self.examine(place),
                Turn::Over => return None,
                Turn::Lost => return Some(Err(VerifyError::Stopped)),
            }
        }
    }

    /// Until this is dropped more are asked for. No thread waits on when the one that applies the
    /// rules has ended, however it did.
    pub(super) const fn asking(&self) -> Asking<'_, 'f> {
        Asking(self)
    }

    fn turn(&self) -> Turn {
        let mut progress = self.progress();
        loop {
            let place = progress.taken;
            if place >= self.files.len() {
                return Turn::Over;
            }
            if let Some(leaves) = progress.done.remove(&place) {
                progress.taken = place.saturating_add(1);
                self.moved.notify_all();
                return Turn::Apply(leaves);
            }
            if progress.end == Some(End::Lost) {
                return Turn::Lost;
            }
            if let Some(place) = self.claim(&mut progress) {
                return Turn::Examine(place);
            }
            progress = self.wait(progress);
        }
    }

    /// The next file that nobody has claimed, unless enough are on their way.
    fn claim(&self, progress: &mut Progress) -> Option<usize> {
        let place = progress.claimed;
        let on_their_way = place.saturating_sub(progress.taken);
        let is_claimed = place < self.files.len() && on_their_way < self.ahead;
        is_claimed.then(|| {
            progress.claimed = place.saturating_add(1);
            place
        })
    }

    fn examine(&self, place: usize) {
        let claim = Claim(self);
        if let Some(file) = self.files.get(place) {
            let leaves = self.leaves(file);
            self.progress().done.insert(place, leaves);
        }
        drop(claim);
        self.moved.notify_all();
    }

    fn leaves(&self, file: &EntryBundle) -> Result<Leaves, FileError> {
        let bytes = self.folder.read(&file.path())?;
        let entries = file
            .decode(&bytes)
            .ok_or_else(|| FileError::not_entries(file))?;
        let mut leaves = Vec::with_capacity(entries.len());
        for (index, entry) in file.leaves().zip(entries) {
            let leaf = Examined::of(entry, self.keys);
            if self.tree.leaf(index) != Some(*leaf.leaf_hash().as_hash()) {
                let what = format!("leaf {index} is not the one that the checkpoint covers");
                return Err(FileError::wrong(file.path(), what));
            }
            leaves.push(leaf);
        }
        Ok(leaves)
    }

    /// No thread leaves the progress half written, so that of one that ended is as good.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'p>(&self, progress: MutexGuard<'p, Progress>) -> MutexGuard<'p, Progress> {
        let woken = self.moved.wait(progress);
        woken.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files are asked for.
#[derive(Debug)]
pub(super) struct Asking<'e, 'f>(&'e Examining<'f>);

impl Drop for Asking<'_, '_> {
    fn drop(&mut self) {
        self.0.progress().end.get_or_insert(End::Asked);
        self.0.moved.notify_all();
    }
}

/// A file in a thread's hands: whoever waits for it is told should the thread fall over.
struct Claim<'e, 'f>(&'e Examining<'f>);

impl Drop for Claim<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.progress().end = Some(End::Lost);
            self.0.moved.notify_all();
        }
    }
}

/// The keys of every version, people's and the roll's, examined on all threads.
pub(super) fn keys_of(election: &Election, threads: NonZero<usize>) -> Arc<KnownKeys> {
    let mut people = Vec::new();
    let mut texts = BTreeSet::new();
    for version in election.versions() {
        let keys = version.manifest().keys.iter();
        people.extend(keys.map(|person| person.key.to_string()));
        texts.extend(version.roll().keys().map(|(_, _, vkey)| vkey));
    }
    texts.extend(people.iter().map(String::as_str));
    let texts: Vec<_> = texts.into_iter().collect();
    let share = texts.len().div_ceil(threads.get()).max(1);
    let mut known = KnownKeys::none();
    std::thread::scope(|scope| {
        let shares = texts.chunks(share);
        let shares: Vec<_> = shares
            .map(|texts| scope.spawn(move || KnownKeys::examined(texts)))
            .collect();
        for share in shares {
            // A thread that fell over has examined nothing: its keys are left to the rules.
            known.join(share.join().unwrap_or_default());
        }
    });
    Arc::new(known)
}

//! All snapshots of a folder in their order: what each adds, and whether it changes what stood.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use caucus::{Finding, Rules, UnitId, changed_after_publication};

use crate::error::ReleaseError;
use crate::places::Places;
use crate::published::Published;
use crate::snapshot::Snapshot;

/// Snapshots in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// One step a snapshot; the first adds all its units.
    pub steps: Vec<Step>,
}

/// A snapshot beside the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Units that it shows for the first time.
    pub added: Vec<UnitId>,
    /// Units that the one before showed and this one does not.
    pub gone: Vec<UnitId>,
    /// Units in both with cells that differ: figures that were published and then replaced.
    pub changed: BTreeMap<UnitId, Finding>,
}

impl Series {
    /// Reads all numbered snapshots of `<dir>/snapshots`.
    pub fn read(dir: &Path, places: &Places, rules: &Rules) -> Result<Self, ReleaseError> {
        let files = numbered(&dir.join("snapshots"))?;
        Self::read_files(&files, places, rules)
    }

    /// Reads these snapshots, in this order.
    pub fn read_files(
        files: &[PathBuf],
        places: &Places,
        rules: &Rules,
    ) -> Result<Self, ReleaseError> {
        let read = |file: &PathBuf| Snapshot::read(file, places, rules);
        let snapshots = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of(snapshots))
    }

    /// The series of these snapshots, in this order.
    pub fn of(snapshots: Vec<Snapshot>) -> Self {
        let mut steps: Vec<Step> = Vec::with_capacity(snapshots.len());
        for snapshot in snapshots {
            let none = BTreeMap::new();
            let before = steps.last().map_or(&none, |step| &step.snapshot.units);
            let step = Step::between(before, snapshot);
            steps.push(step);
        }
        Self { steps }
    }

    /// Every unit with a cell that was changed after it had been published, oldest first; none in
    /// 2020 before the review of 9 February.
    pub fn changed(&self) -> impl Iterator<Item = (&UnitId, &Finding)> {
        self.steps.iter().flat_map(|step| &step.changed)
    }
}

impl Step {
    fn between(before: &BTreeMap<UnitId, Published>, snapshot: Snapshot) -> Self {
        let now = &snapshot.units;
        let absent = |units: &BTreeMap<UnitId, Published>, id: &&UnitId| !units.contains_key(*id);
        let added = now
            .keys()
            .filter(|id| absent(before, id))
            .cloned()
            .collect();
        let gone = before
            .keys()
            .filter(|id| absent(now, id))
            .cloned()
            .collect();
        let changed = now.iter().filter_map(|(unit, here)| {
            let there = before.get(unit)?;
            let finding = changed_after_publication(&there.cells, &here.cells)?;
            Some((unit.clone(), finding))
        });
        let changed = changed.collect();
        Self {
            snapshot,
            added,
            gone,
            changed,
        }
    }
}

/// The snapshots of a folder in their order: files whose names begin with a digit and end in `.csv`.
pub fn numbered(folder: &Path) -> Result<Vec<PathBuf>, ReleaseError> {
    let unreadable = |source| ReleaseError::Unreadable {
        path: folder.display().to_string(),
        source,
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let digit = |name: &std::ffi::OsStr| {
            let name = name.to_string_lossy();
            name.starts_with(|first: char| first.is_ascii_digit())
        };
        let csv = path.extension().is_some_and(|ending| ending == "csv");
        if csv && path.file_name().is_some_and(digit) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let folder = folder.display().to_string();
        return Err(ReleaseError::NoSnapshot { folder });
    }
    Ok(files)
}

//! `tally backup`: the log and its bundle in one file, from a cluster that goes on meanwhile; and
//! what can be done with such a file when there is no cluster.

mod restore;
mod save;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use receipt::{ElectionKind, Fingerprint};
use serde::Serialize;

use super::args::Trust;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::log::place::Passing;
use super::log::verify::{Judged, Shown, judge};
use super::on_network;
use super::output::Output;
use crate::backup::{Inventory, Keep, ReadError, read};

/// Save the log in one file, look into one, prove it, and go on from it.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Save(save::Save),
    Inspect(Inspect),
    Verify(Verify),
    Restore(restore::Restore),
}

/// Say what is in a backup, after every byte of it was held against its hash.
#[derive(Debug, Args)]
#[command(after_help = "\
Signatures and rules are not looked at: `tally backup verify` does that.

Example:
  tally backup inspect night.tar")]
pub(crate) struct Inspect {
    /// The file.
    file: PathBuf,
}

/// Prove a backup: every hash, the checkpoint's quorum, every signature, every rule, every total.
#[derive(Debug, Args)]
#[command(after_help = "\
It needs no cluster and no network. Give the fingerprint as it was published before the night:
without it the bundle in the backup is believed as it is.

Ends with 0 if everything follows, 10 if it does not.

Example:
  tally backup verify night.tar --fingerprint 4J50-4ZPS-9M2X-7Q0W-1K")]
pub(crate) struct Verify {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    trust: Trust,
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::Save(save) => on_network(save.run(output)),
            Verb::Inspect(inspect) => inspect.run(output),
            Verb::Verify(verify) => verify.run(output),
            Verb::Restore(restore) => restore.run(output),
        }
    }
}

/// What is in a backup, for people and programs.
#[derive(Debug, Serialize)]
struct Inside {
    file: String,
    election: String,
    kind: String,
    fingerprint: String,
    origin: String,
    manifest: u64,
    taken: u64,
    leaves: u64,
    root: String,
    level: &'static str,
    files: usize,
    bytes: u64,
}

impl Inside {
    fn of(file: &Path, inventory: &Inventory) -> Inside {
        Inside {
            file: file.display().to_string(),
            election: inventory.election.to_string(),
            kind: inventory.kind.to_string(),
            fingerprint: Fingerprint::of(inventory.genesis).code().to_string(),
            origin: inventory.origin.to_string(),
            manifest: inventory.manifest,
            taken: inventory.taken.get(),
            leaves: inventory.size.get(),
            root: inventory.root.to_hex(),
            level: inventory.level.word(),
            files: inventory.files.len(),
            bytes: inventory.bytes(),
        }
    }

    fn words(&self) -> String {
        let rehearsal = if self.kind == ElectionKind::Rehearsal.to_string() {
            "REHEARSAL: "
        } else {
            ""
        };
        let taken = i64::try_from(self.taken)
            .ok()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let taken = taken.map_or_else(|| self.taken.to_string(), |taken| taken.to_string());
        format!(
            "{rehearsal}backup of {}, log `{}`, fingerprint {}\n\
             taken {taken}, {} leaves, root {}\n\
             checkpoint of {} level, as of manifest {}\n\
             {} files, {} bytes",
            self.election,
            self.origin,
            self.fingerprint,
            self.leaves,
            self.root,
            self.level,
            self.manifest,
            self.files,
            self.bytes,
        )
    }
}

impl Inspect {
    fn run(self, output: Output) -> Outcome {
        let inventory = open(&self.file, Keep::Nothing)?;
        let inside = Inside::of(&self.file, &inventory);
        output.result("tally.backup-inspected/v1", &inside, || {
            format!("{}\nevery file has the hash that was saved", inside.words())
        })?;
        Ok(Exit::Done)
    }
}

#[derive(Serialize)]
struct Proven {
    backup: Inside,
    #[serde(flatten)]
    log: Shown,
}

impl Verify {
    fn run(self, output: Output) -> Outcome {
        let passing = Passing::new();
        let inventory = open(&self.file, Keep::Passing(passing.path()))?;
        let judged = prove(&self.file, &inventory, passing.path(), &self.trust)?;
        let proven = Proven {
            backup: Inside::of(&self.file, &inventory),
            log: judged.shown(&self.trust),
        };
        output.result("tally.backup-verified/v1", &proven, || {
            format!("{}\n{}", proven.backup.words(), proven.log.words())
        })?;
        Ok(Exit::Done)
    }
}

/// Reads a backup whole; what is damaged in it is named.
fn open(file: &Path, keep: Keep<'_>) -> Outcome<Inventory> {
    read(file, keep).map_err(|error| match &error {
        ReadError::Disk(_) => {
            Failure::new(Exit::Usage, format!("cannot read `{}`", file.display())).because(&error)
        }
        ReadError::Damaged { .. } => Failure::new(
            Exit::Invalid,
            format!("`{}` is not what was saved", file.display()),
        )
        .because(&error)
        .now("use another copy of the backup; the parts that it does not name may still be read with `tar`"),
    })
}

/// Judges what was unpacked, and holds the inventory's words against it.
fn prove(file: &Path, inventory: &Inventory, folder: &Path, trust: &Trust) -> Outcome<Judged> {
    if let Some(pin) = trust.fingerprint
        && !pin.matches(&inventory.genesis)
    {
        return Err(Failure::new(
            Exit::Invalid,
            format!("`{}` is of another election", file.display()),
        )
        .why(format!(
            "its fingerprint is {}, the one given is {}",
            Fingerprint::of(inventory.genesis).code(),
            pin.code()
        ))
        .now(
            "take the backup of this election; a rehearsal has another fingerprint than the night",
        ));
    }
    let judged = judge(folder, trust)?;
    let (verified, election) = (&judged.verified, &judged.election);
    let origin = election
        .versions()
        .iter()
        .map(receipt::Version::manifest)
        .find(|manifest| manifest.version == verified.manifest)
        .map(|manifest| &manifest.origin);
    let same = inventory.genesis == *election.genesis()
        && inventory.election == *election.id()
        && inventory.kind == election.kind()
        && Some(&inventory.origin) == origin
        && inventory.manifest == verified.manifest
        && inventory.size == verified.size
        && inventory.root == verified.root
        && inventory.level == verified.level;
    if !same {
        return Err(Failure::new(
            Exit::Invalid,
            format!("the inventory of `{}` does not hold", file.display()),
        )
        .why("the log in it is another than the inventory says")
        .now("somebody has changed the inventory; use another copy of the backup"));
    }
    Ok(judged)
}

//! A laptop with the programs that people use: `tally`, an outbox, the election's bundle, the nodes' addresses.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use client::sheet::Sheet;
use serde_json::Value;
use tests::cluster::beside_this_program;
use tests::stage::Stage;

/// A laptop: its outbox, the election's bundle, the nodes' addresses.
pub(crate) struct Laptop<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) outbox: PathBuf,
}

impl Laptop<'_> {
    /// Runs `tally` with these words.
    pub(crate) fn tally(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs `tally` with `--json`, with something on its standard input.
    pub(crate) fn typed(&self, words: &[&str], typed: &str) -> Output {
        let mut command = self.command(&[words, &["--json"]].concat());
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = pipes.stderr(Stdio::piped()).spawn().unwrap();
        let mut input = running.stdin.take().unwrap();
        input.write_all(typed.as_bytes()).unwrap();
        drop(input);
        running.wait_with_output().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let made = &self.stage.cluster.made;
        let nodes: Vec<String> = made
            .plan
            .nodes
            .iter()
            .map(|node| node.api.to_string())
            .collect();
        let mut command = Command::new(beside_this_program("tally").unwrap());
        command
            .args(words)
            .env("TALLY_NODES", nodes.join(","))
            .env("TALLY_BUNDLE", &self.stage.cluster.written.bundle)
            .env("TALLY_FINGERPRINT", made.fingerprint.to_string())
            .env("TALLY_CA", &self.stage.cluster.written.authority)
            .env("TALLY_OUTBOX", &self.outbox);
        command
    }

    /// Runs `tally` with `--json`, expects an exit code, and reads the answer.
    pub(crate) fn json(&self, words: &[&str], code: i32) -> Value {
        let words = [words, &["--json"]].concat();
        let output = self.tally(&words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "tally {words:?}: {said}");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("tally {words:?}: {error}: {:?} {said}", output.stdout))
    }
}

/// The sheet of unit number `n` as a file, and the file of its chair's key.
pub(crate) fn sheet(stage: &Stage, n: usize, folder: &Path) -> (PathBuf, PathBuf) {
    let (unit, worksheet) = stage.unit(n).unwrap();
    let path = folder.join(format!("{unit}.json"));
    let sheet = serde_json::to_string(&Sheet::of(&unit, &worksheet)).unwrap();
    std::fs::write(&path, sheet).unwrap();
    let key = stage
        .cluster
        .written
        .folder
        .join("chairs")
        .join(format!("{unit}.key"));
    (path, key)
}

/// The keys of the people of a role, in the order of their names.
pub(crate) fn keys(stage: &Stage, role: &str) -> Vec<String> {
    let folder = stage.cluster.written.folder.join("keys").join(role);
    let mut keys: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "key"))
        .map(|path| path.display().to_string())
        .collect();
    keys.sort();
    keys
}

/// The unit's row of the results, as the state has it.
pub(crate) fn row(laptop: &Laptop<'_>, unit: &str) -> Value {
    let results = laptop.json(&["results", "--units", "--unreleased"], 0);
    let mut units = results["units"].as_array().unwrap().iter();
    units.find(|row| row["unit"] == unit).unwrap().clone()
}

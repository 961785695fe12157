//! A laptop with the programs that people use: `tally`, an outbox, the election's bundle, the nodes' addresses.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
        let made = &self.stage.cluster.made;
        let nodes: Vec<String> = made
            .plan
            .nodes
            .iter()
            .map(|node| node.api.to_string())
            .collect();
        Command::new(beside_this_program("tally").unwrap())
            .args(words)
            .env("TALLY_NODES", nodes.join(","))
            .env("TALLY_BUNDLE", &self.stage.cluster.written.bundle)
            .env("TALLY_FINGERPRINT", made.fingerprint.to_string())
            .env("TALLY_CA", &self.stage.cluster.written.authority)
            .env("TALLY_OUTBOX", &self.outbox)
            .output()
            .unwrap()
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

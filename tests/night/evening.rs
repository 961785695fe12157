//! An evening from the chair to the press, with the programs that people use: `tally` on a chair's laptop, three
//! `tally-node` processes, and nothing else.

use std::path::Path;

use caucus::People;
use client::sheet::Sheet;
use tests::stage::Stage;

use crate::laptop::{Laptop, sheet};

/// Nothing runs: the report is not sent, and safe.
fn not_sent_and_safe(laptop: &Laptop<'_>, submit: &[&str]) {
    let output = laptop.tally(submit);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("Not sent yet. It is safe here"), "{said}");
    let listed = laptop.json(&["outbox", "list"], 0);
    assert_eq!(listed["entries"].as_array().unwrap().len(), 1, "{listed}");
}

/// The receipt in the outbox verifies offline; with one letter changed it does not.
fn the_receipt_holds(laptop: &Laptop<'_>, folder: &Path) {
    let receipt = std::fs::read_dir(&laptop.outbox)
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|file| file.extension().is_some_and(|e| e == "receipt"))
        .unwrap();
    let checked = laptop.json(&["receipt", "verify", receipt.to_str().unwrap()], 0);
    assert_eq!(checked["receipts"][0]["verdict"], "recorded", "{checked}");
    let mut bytes = std::fs::read(&receipt).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    let forged = folder.join("forged.receipt");
    std::fs::write(&forged, bytes).unwrap();
    laptop.json(&["receipt", "verify", forged.to_str().unwrap()], 10);
}

/// The same figures correct nothing; others take the head's place.
fn a_correction(laptop: &Laptop<'_>, path: &str, key: &str) {
    let correct = ["correct", path, "--key", key, "--yes"];
    let same = laptop.json(&correct, 0);
    assert_eq!(same["effect"], "unchanged", "{same}");
    let (unit, mut worksheet) = laptop.stage.unit(0).unwrap();
    worksheet.attendees = People::new(worksheet.attendees.get() + 1).unwrap();
    let sheet = serde_json::to_string(&Sheet::of(&unit, &worksheet)).unwrap();
    std::fs::write(path, sheet).unwrap();
    let corrected = laptop.json(&correct, 0);
    assert_eq!(corrected["effect"], "corrected", "{corrected}");
    let results = laptop.json(&["results", "--units"], 0);
    assert_eq!(results["units_reported"], 1, "{results}");
}

/// A chair whose nodes are all down keeps her report; when they are up, it gets its receipt; the
/// receipt verifies offline; results and status show it; a correction moves the head; one node
/// down is no reason to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evening() {
    let stage = Stage::prepare(5, 3).unwrap();
    let folder = stage.folder().to_path_buf();
    let outbox = folder.join("laptop");
    let (path, key) = sheet(&stage, 0, &folder);
    let (path, key) = (path.to_str().unwrap(), key.to_str().unwrap());
    let laptop = Laptop {
        stage: &stage,
        outbox: outbox.clone(),
    };
    not_sent_and_safe(
        &laptop,
        &["submit", path, "--key", key, "--yes", "--wait", "2"],
    );

    for ordinal in stage.cluster.ordinals() {
        stage.cluster.start_node(ordinal).unwrap();
    }
    let laptop = Laptop {
        stage: &stage,
        outbox: outbox.clone(),
    };
    let admin = stage.cluster.administrators_file();
    laptop.json(&["cluster", "init", "--key", admin.to_str().unwrap()], 0);
    let sent = laptop.json(&["outbox", "send"], 0);
    assert_eq!(sent["sent"][0]["state"], "receipted", "{sent}");
    the_receipt_holds(&laptop, &folder);
    let results = laptop.json(&["results", "--units"], 0);
    assert_eq!(results["units_reported"], 1, "{results}");
    let status = laptop.json(&["status"], 0);
    assert_eq!(status["nodes"].as_array().unwrap().len(), 3, "{status}");
    a_correction(&laptop, path, key);

    let leader = stage.cluster.leader().await.unwrap();
    stage.cluster.kill(leader).await.unwrap();
    let (path, key) = sheet(&stage, 1, &folder);
    let laptop = Laptop {
        stage: &stage,
        outbox,
    };
    let (path, key) = (path.to_str().unwrap(), key.to_str().unwrap());
    let sent = laptop.json(&["submit", path, "--key", key, "--yes"], 0);
    assert_eq!(sent["effect"], "recorded", "{sent}");
    laptop.json(&["status"], 5);
}

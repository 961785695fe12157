//! The night at headquarters: a sheet that contradicts itself is held, looked at and settled, a campaign disputes
//! it, the publishers open the doors, and the press takes its files. Every step is a `tally` command on a real
//! cluster.

use std::path::{Path, PathBuf};

use caucus::People;
use client::sheet::Sheet;
use serde_json::Value;
use tests::stage::Stage;

use crate::laptop::{Laptop, keys, row, sheet};

/// A chair's report by number; the attendance may be written wrong.
fn report(laptop: &Laptop<'_>, n: usize, folder: &Path, fewer_signed_in: bool) -> String {
    let (path, key) = sheet(laptop.stage, n, folder);
    let (unit, mut worksheet) = laptop.stage.unit(n).unwrap();
    if fewer_signed_in {
        let fewer = worksheet.first.total().get().saturating_sub(1);
        worksheet.attendees = People::new(fewer).unwrap();
        let sheet = serde_json::to_string(&Sheet::of(&unit, &worksheet)).unwrap();
        std::fs::write(&path, sheet).unwrap();
    }
    let (path, key) = (path.to_str().unwrap(), key.to_str().unwrap());
    laptop.json(&["submit", path, "--key", key, "--yes"], 0);
    unit.to_string()
}

fn strings<'v>(value: &'v Value, list: &str) -> Vec<&'v str> {
    let all = value[list].as_array().unwrap().iter();
    all.map(|one| one.as_str().unwrap()).collect()
}

/// The held sheet is settled by a reviewer, and a dispute stands beside it until it is answered.
fn the_desk(laptop: &Laptop<'_>, held: &str) {
    let reviewers = keys(laptop.stage, "reviewer");
    let observer = &keys(laptop.stage, "observer")[0];
    let traced = laptop.json(&["trace", held], 0);
    assert_eq!(traced["receipt"]["state"], "verified", "{traced}");
    assert_eq!(traced["unit"]["standing"], "held", "{traced}");
    let open = strings(&traced["unit"], "findings");
    assert!(open.contains(&"E_first_gt_attendance"), "{open:?}");
    assert!(!traced["worked"].as_array().unwrap().is_empty(), "{traced}");

    let mut review = vec![
        "review",
        held,
        "--reason",
        "the sheet was miscounted",
        "--yes",
    ];
    review.extend(["--key", &reviewers[0], "--accept"]);
    // A code that is not open settles nothing, and is refused by name.
    let wrong = [review.clone(), vec!["E_column_swap"]].concat();
    assert_eq!(laptop.json(&wrong, 4)["refusal"]["code"], "not_open");
    review.extend(&open);
    laptop.json(&review, 0);
    assert_eq!(row(laptop, held)["standing"], "verified");

    let dispute = [
        "dispute",
        held,
        "--cell",
        "attendees 7",
        "--reason",
        "we counted seven",
    ];
    let dispute = [&dispute[..], &["--key", observer, "--yes"]].concat();
    let disputed = laptop.json(&dispute, 0);
    assert_eq!(row(laptop, held)["marks"][0], "disputed");
    let leaf = disputed["leaf_index"].as_u64().unwrap().to_string();
    let answer = [
        "answer",
        &leaf,
        "--upheld",
        "no",
        "--reason",
        "the photo says otherwise",
    ];
    let answer = [&answer[..], &["--key", &reviewers[1], "--yes"]].concat();
    laptop.json(&answer, 0);
    assert!(strings(&row(laptop, held), "marks").is_empty());
}

/// Nothing is shown before two publishers say so; the files say what the pages say.
fn the_press(laptop: &Laptop<'_>, folder: &Path) {
    let publishers = keys(laptop.stage, "publisher");
    let before = laptop.json(&["results", "--units"], 0);
    assert_eq!(before["units_released"], 0, "{before}");
    assert_eq!(before["statewide"][0]["first_alignment"], 0, "{before}");
    assert!(before["units"][0]["groups"].as_array().unwrap().is_empty());

    // The two publishers sit at two machines.
    let half = folder.join("publish.note");
    let half = half.to_str().unwrap();
    let first = [
        "publish",
        "--all",
        "--reason",
        "all is open",
        "--yes",
        "--key",
    ];
    let first = [&first[..], &[&publishers[0], "--sign-only", half]].concat();
    laptop.json(&first, 0);
    laptop.json(&["sign", half, "--key", &publishers[1], "--yes"], 0);
    let after = laptop.json(&["results", "--units"], 0);
    assert_eq!(after["units_released"], after["units_reported"], "{after}");

    for format in ["csv", "csv-wide", "json", "nist"] {
        let file: PathBuf = folder.join(format);
        let file = file.to_str().unwrap();
        laptop.json(&["export", "--format", format, "--out", file], 0);
        assert!(!std::fs::read(file).unwrap().is_empty());
    }
    let nist = folder.join("nist");
    let nist = nist.to_str().unwrap();
    assert_eq!(laptop.json(&["check-export", nist], 0)["holds"], true);
    validate_nist(&std::fs::read(nist).unwrap());

    let feed = laptop.tally(&["feed", "--cursor", "0"]);
    let pages = String::from_utf8(feed.stdout).unwrap();
    let page: Value = serde_json::from_str(pages.lines().next().unwrap()).unwrap();
    assert_eq!(page["schema"], "precinct-tally/feed/v1", "{page}");
    assert!(!page["rows"].as_array().unwrap().is_empty(), "{page}");
}

/// The official schema, where the shared data is.
fn validate_nist(file: &[u8]) {
    let folder = match testkit::shared_data("nist-schema") {
        Ok(folder) => folder,
        Err(absent) => return absent.skip(),
    };
    let schema = std::fs::read(folder.join("NIST_V2_election_results_reporting.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let validator = jsonschema::draft4::new(&schema).unwrap();
    let file: Value = serde_json::from_slice(file).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&file)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// What is open shows beside the margin: here the units that are still silent.
fn the_outlook(laptop: &Laptop<'_>) {
    let outlook = laptop.json(&["outlook"], 0);
    let state = &outlook["contests"][0];
    assert_eq!(state["id"], "state", "{outlook}");
    assert_eq!(state["units_open"], 2, "{outlook}");
    let nearest = &state["rivals"][0];
    assert_ne!(nearest["open_silent"], "0.0000", "{outlook}");
    assert_eq!(nearest["open_silent"], nearest["open"], "{outlook}");
}

/// A recount that is adopted stands as a column of its own and as the unit's figures.
fn the_recount(laptop: &Laptop<'_>, folder: &Path, unit: &str) {
    let reviewers = keys(laptop.stage, "reviewer");
    let path = folder.join(format!("{unit}.json"));
    let path = path.to_str().unwrap();
    let recount = [
        "recount",
        path,
        "--adopt",
        "--reason",
        "cards counted again",
        "--yes",
    ];
    let keys = ["--key", &reviewers[0], "--key", &reviewers[1]];
    laptop.json(&[&recount[..], &keys[..]].concat(), 0);
    let traced = laptop.json(&["trace", unit], 0);
    assert_eq!(traced["origin"], "adopted", "{traced}");
    assert_eq!(traced["counted_again"][0]["kind"], "recount", "{traced}");
    assert!(strings(&traced["unit"], "marks").contains(&"recounted"));
}

/// The whole night at headquarters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_at_headquarters() {
    let stage = Stage::open(6).await.unwrap();
    let folder = stage.folder().to_path_buf();
    let laptop = Laptop {
        stage: &stage,
        outbox: folder.join("headquarters"),
    };
    let held = report(&laptop, 0, &folder, true);
    for n in 1..4 {
        report(&laptop, n, &folder, false);
    }
    the_desk(&laptop, &held);
    the_press(&laptop, &folder);
    the_outlook(&laptop);
    let (unit, _) = stage.unit(1).unwrap();
    the_recount(&laptop, &folder, unit.as_str());
    let verified = laptop.json(&["log", "verify"], 0);
    assert_eq!(verified["holds"], true, "{verified}");
}

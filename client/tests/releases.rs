//! The published releases of February 2020 through the program: `tally audit` and `tally import`.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use testkit::shared_data;

/// The folder of the releases, or nothing with the reason printed.
fn folder() -> Option<PathBuf> {
    match shared_data("iowa2020") {
        Ok(folder) => Some(folder),
        Err(absent) => {
            absent.skip();
            None
        }
    }
}

/// One line of JSON from the program, which must end well.
fn tally(arguments: &[&str], path: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_tally"))
        .arg("--json")
        .args(arguments)
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches('\n').count(), 1, "one line");
    serde_json::from_str(&said).unwrap()
}

#[test]
fn the_last_release_is_audited_to_the_published_counts() {
    let Some(folder) = folder() else { return };
    let release = folder.join("snapshots/06_2020-02-08_100pct.csv");
    let said = tally(&["audit", "--release"], &release);
    for (code, units) in [
        ("E_empty_row", 4),
        ("E_final_gt_first", 83),
        ("E_viable_lost_votes", 30),
        ("E_allocation", 111),
        ("E_sat_allocation", 5),
        ("E_duplicate_row", 6),
        ("W_duplicate_half", 14),
        ("E_sat_attendance_vs_sde", 6),
        ("E_pool_total_differs", 2),
        ("E_sde_not_multiple", 0),
        ("E_rival_differs", 0),
        ("I_changed_after_publication", 0),
        ("I_game_of_chance", 143),
    ] {
        assert_eq!(said["findings"][code], json!(units), "{code}");
    }
    assert_eq!(said["any_error"], 222);
    assert_eq!(
        said["reproduction"]["clean"],
        json!({"reproduced": 1364, "of": 1421, "percent": "95.99"})
    );
    assert_eq!(
        said["reproduction"]["all"],
        json!({"reproduced": 1546, "of": 1676, "percent": "92.24"})
    );
    assert_eq!(
        said["sde_exact"],
        json!({"precincts": {"exact": 1677, "of": 1677}, "satellites": {"exact": 83, "of": 83}})
    );
    assert_eq!(
        said["national_delegates"],
        json!({"buttigieg": 14, "sanders": 12, "warren": 8, "biden": 6, "klobuchar": 1})
    );
    let totals = &said["totals"];
    assert_eq!(totals["first_alignment"]["buttigieg"], 37_557);
    assert_eq!(totals["final_alignment"]["sanders"], 45_826);
    assert_eq!(totals["sde"]["buttigieg"], "564.0117");
    assert_eq!(totals["sums"]["first_alignment"], 176_436);
    assert_eq!(totals["sums"]["final_alignment"], 172_521);
}

#[test]
fn the_first_release_is_audited_with_what_it_shows() {
    let Some(folder) = folder() else { return };
    let release = folder.join("snapshots/01_2020-02-05_071pct.csv");
    let said = tally(&["audit", "--release"], &release);
    assert_eq!(
        (&said["units"], &said["units_of"]),
        (&json!(1250), &json!(1765))
    );
    // One precinct more has its double in a later release.
    assert_eq!(said["any_error"], 39);
    assert_eq!(
        said["reproduction"]["clean"],
        json!({"reproduced": 1150, "of": 1154, "percent": "99.65"})
    );
    assert_eq!(
        said["sde_exact"]["precincts"],
        json!({"exact": 1250, "of": 1250})
    );
    assert!(said["not_seen"]["I_changed_after_publication"].is_string());
}

/// Six releases in memory, each equal to what was published, and the generated one equal to its leaves.
#[test]
fn a_replay_in_memory_equals_every_release_and_its_own_leaves() {
    let Some(folder) = folder() else { return };
    let said = tally(&["import", "--offline"], &folder);
    let releases = said["releases"].as_array().unwrap();
    let added: Vec<u64> = releases
        .iter()
        .map(|release| release["added"].as_u64().unwrap())
        .collect();
    assert_eq!(added, [1250, 70, 200, 104, 87, 54]);
    for release in releases {
        assert_eq!(release["equal_to_published"], json!(true), "{release}");
        assert_eq!(release["changed"], 0);
    }
    let generated = &said["generated"];
    assert_eq!(generated["equal_to_recomputed"], json!(true));
    let outcomes: Vec<&str> = generated["acts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|act| act["outcome"].as_str().unwrap())
        .collect();
    for outcome in [
        "recorded",
        "corrected",
        "rival",
        "already_recorded",
        "applied",
    ] {
        assert!(outcomes.contains(&outcome), "nothing was {outcome}");
    }
    for code in ["E_rival_differs", "E_asked", "E_held_by_review"] {
        assert!(generated["held_for"][code].is_u64(), "{code}: {generated}");
    }
}

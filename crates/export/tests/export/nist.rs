//! The standard's file: against the official schema, and against our own checker, which has to find
//! what the schema lets pass.

use std::fs;

use caucus::Standing;
use export::{Format, Problem, ProblemKind, Publication, check_nist, checked};
use serde_json::{Value, json};
use testkit::{Night, Scale, shared_data};

use crate::common::{Stage, mixed, publication, whole};

/// The official schema, or nothing with the reason printed.
fn schema() -> Option<jsonschema::Validator> {
    match shared_data("nist-schema") {
        Ok(folder) => {
            let path = folder.join("NIST_V2_election_results_reporting.json");
            let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            let validator = jsonschema::options()
                .with_draft(jsonschema::Draft::Draft4)
                .should_validate_formats(true)
                .build(&schema);
            Some(validator.unwrap())
        }
        Err(absent) => {
            absent.skip();
            None
        }
    }
}

fn valid(schema: &jsonschema::Validator, publication: &Publication) {
    let bytes = checked(Format::Nist, publication).unwrap();
    let file: Value = serde_json::from_slice(&bytes).unwrap();
    let errors = schema.iter_errors(&file).take(3);
    let errors: Vec<String> = errors
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn a_whole_generated_night_is_valid_by_the_official_schema() {
    let Some(schema) = schema() else { return };
    let night = Night::generate(2030, &Scale::iowa_2020());
    valid(&schema, &mixed(&night));
    valid(&schema, &whole(&Night::small(100)));
    valid(&schema, &publication(&Night::small(4), |_| Stage::Silent));
}

#[test]
fn the_real_night_of_2020_is_valid_by_the_official_schema() {
    let Some(schema) = schema() else { return };
    match shared_data("iowa2020") {
        Ok(folder) => {
            let night = Night::from_release(&folder).unwrap();
            valid(
                &schema,
                &publication(&night, |_| Stage::Released(Standing::Received)),
            );
        }
        Err(absent) => absent.skip(),
    }
}

/// A small file of ours, as values that a test may change.
fn file() -> Value {
    let night = Night::small(12);
    let publication = publication(&night, |position| match position {
        0 => Stage::Silent,
        1 => Stage::Released(Standing::Held),
        _ => Stage::Released(Standing::Verified),
    });
    serde_json::from_slice(&checked(Format::Nist, &publication).unwrap()).unwrap()
}

fn problems(file: &Value) -> Vec<Problem> {
    check_nist(&serde_json::to_vec(file).unwrap())
}

fn has(file: &Value, kind: ProblemKind) {
    let problems = problems(file);
    assert!(
        problems.iter().any(|problem| problem.kind == kind),
        "{kind}: {problems:?}"
    );
}

/// The cell of a selection in a file, by their positions.
fn cell(file: &mut Value, selection: usize, cell: usize) -> &mut Value {
    &mut file["Election"][0]["Contest"][0]["ContestSelection"][selection]["VoteCounts"][cell]
}

#[test]
fn a_sound_file_has_no_problem() {
    assert_eq!(problems(&file()), []);
}

/// Each of these is accepted by the official schema (a date, unless it is told to look at formats).
#[test]
fn what_the_official_schema_lets_pass_is_found() {
    type Mutation = fn(&mut Value);
    let mutations: [(ProblemKind, Mutation); 8] = [
        (ProblemKind::Dangling, |file| {
            cell(file, 0, 0)["GpUnitId"] = json!("gp-nowhere");
        }),
        (ProblemKind::DoubleId, |file| {
            let id = file["GpUnit"][1]["@id"].clone();
            file["GpUnit"][2]["@id"] = id;
        }),
        (ProblemKind::DoubleCell, |file| {
            let again = cell(file, 0, 0).clone();
            let cells = &mut file["Election"][0]["Contest"][0]["ContestSelection"][0]["VoteCounts"];
            cells.as_array_mut().unwrap().push(again);
        }),
        (ProblemKind::OtherMissing, |file| {
            cell(file, 0, 0)
                .as_object_mut()
                .unwrap()
                .remove("OtherType");
        }),
        (ProblemKind::Negative, |file| {
            cell(file, 0, 0)["Count"] = json!(-3);
        }),
        (ProblemKind::BadDate, |file| {
            file["Election"][0]["StartDate"] = json!("03/02/2030");
        }),
        (ProblemKind::BadDate, |file| {
            file["GeneratedDate"] = json!("2030-02-04T03:15:00.250Z");
        }),
        (ProblemKind::Unreadable, |file| {
            file.as_object_mut().unwrap().remove("VendorApplicationId");
        }),
    ];
    for (kind, mutation) in mutations {
        let mut file = file();
        mutation(&mut file);
        has(&file, kind);
    }
}

#[test]
fn what_contradicts_itself_is_found() {
    type Mutation = fn(&mut Value);
    let mutations: [(ProblemKind, Mutation); 16] = [
        (ProblemKind::BadId, |file| {
            file["GpUnit"][1]["@id"] = json!("19111-947310");
        }),
        (ProblemKind::WrongClass, |file| {
            cell(file, 0, 0)["GpUnitId"] = json!("cand-biden");
        }),
        (ProblemKind::OtherUnasked, |file| {
            cell(file, 0, 0)["Type"] = json!("total");
        }),
        (ProblemKind::Fraction, |file| {
            cell(file, 0, 0)["Count"] = json!(1.5);
        }),
        (ProblemKind::BadNumber, |file| {
            cell(file, 0, 3)["Count"] = json!(0.413_35);
        }),
        (ProblemKind::BadNumber, |file| {
            cell(file, 0, 0)["Count"] = json!("24");
        }),
        (ProblemKind::Sum, |file| {
            cell(file, 0, 0)["Count"] = json!(7);
        }),
        (ProblemKind::MissingCell, |file| {
            let cells = &mut file["Election"][0]["Contest"][0]["ContestSelection"][0]["VoteCounts"];
            cells.as_array_mut().unwrap().pop();
        }),
        (ProblemKind::SubUnits, |file| {
            file["GpUnit"][0]["SubUnitsReported"] = json!(12);
        }),
        (ProblemKind::SubUnits, |file| {
            file["Election"][0]["Contest"][0]["TotalSubUnits"] = json!(11);
        }),
        (ProblemKind::Status, |file| {
            file["Status"] = json!("unofficial-complete");
        }),
        (ProblemKind::TestFlag, |file| file["IsTest"] = json!(false)),
        (ProblemKind::TestFlag, |file| {
            file.as_object_mut().unwrap().remove("TestType");
        }),
        (ProblemKind::BadTree, |file| {
            file["GpUnit"][0]["ComposingGpUnitIds"] = json!(["gp-state"]);
        }),
        (ProblemKind::Sum, |file| {
            let ballots = file["Election"][0]["BallotCounts"].as_array_mut().unwrap();
            ballots.pop();
        }),
        (ProblemKind::StrayCell, |file| {
            let units = file["GpUnit"].as_array_mut().unwrap();
            let unit = units
                .iter_mut()
                .find(|unit| unit["CountStatus"][0]["Status"] == "completed");
            unit.unwrap()["CountStatus"][0]["Status"] = json!("not-processed");
        }),
    ];
    for (kind, mutation) in mutations {
        let mut file = file();
        mutation(&mut file);
        has(&file, kind);
    }
}

#[test]
fn a_name_that_stands_twice_in_an_object_is_found() {
    let text = serde_json::to_string(&file()).unwrap();
    let text = text.replacen("\"Count\":", "\"Count\":3,\"Count\":", 1);
    let problems = check_nist(text.as_bytes());
    assert!(
        problems
            .iter()
            .any(|problem| problem.kind == ProblemKind::DoubleName),
        "{problems:?}"
    );
    assert_eq!(
        check_nist(b"{").first().unwrap().kind,
        ProblemKind::Unreadable
    );
}

/// A parent's equivalents may differ by half a ten-thousandth for each child and one more, not by more.
#[test]
fn rounding_is_allowed_for_and_nothing_else_is() {
    let allowed = |file: &mut Value, by: i64| {
        let cell = cell(file, 0, 3);
        assert_eq!(cell["GpUnitId"], "gp-state");
        assert_eq!(cell["OtherType"], "state-delegate-equivalents");
        let digits = cell["Count"].to_string();
        let (whole, part) = digits.split_once('.').unwrap();
        let count: i64 = format!("{whole}{part:0<4}").parse().unwrap();
        let count = count + by;
        let digits = format!("{}.{:04}", count / 10_000, count % 10_000);
        cell["Count"] = serde_json::from_str(&digits).unwrap();
        !problems(file)
            .iter()
            .any(|problem| problem.kind == ProblemKind::Sum)
    };
    assert!(allowed(&mut file(), 1));
    assert!(!allowed(&mut file(), 10));
}

/// The example that stands beside the schema counts a unit as reported whose counts are in process,
/// and writes the attendance of one unit among the ballots and not that of the other and of the county.
#[test]
fn the_example_beside_the_schema_is_sound_but_for_five_counts() {
    match shared_data("nist-schema") {
        Ok(folder) => {
            let bytes = fs::read(folder.join("example-caucus-report.json")).unwrap();
            let found = check_nist(&bytes)
                .into_iter()
                .map(|problem| (problem.kind, problem.place));
            let expected = [
                (ProblemKind::SubUnits, "gp-county-test"),
                (ProblemKind::SubUnits, "gp-state-ia"),
                (ProblemKind::SubUnits, "contest-pres-pref"),
                (ProblemKind::MissingCell, "BallotCounts at gp-county-test"),
                (ProblemKind::Sum, "gp-ia-test-p2"),
            ];
            assert!(found.eq(expected.map(|(kind, place)| (kind, place.to_owned()))));
        }
        Err(absent) => absent.skip(),
    }
}

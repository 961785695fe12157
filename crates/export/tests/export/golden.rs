//! The bytes of a very small night, in full: what a reader of the formats relies on.

use std::fs;
use std::path::Path;

use caucus::{Delegates, RawRow, RawWorksheet, Roster, Rules, Standing};
use export::{Format, checked};
use testkit::{Night, Report};

use crate::common::{Stage, publication};

const RULES: &str = "\
precinct-tally/rules/v1
title Small caucuses
viability 1 whole-room
viability 2 1/4
viability 3 1/6
viability 4 15/100
rounding up
half up
satellite 1 4
pool OOS 1 - Out of state
group alder Ann Alder
group uncommitted Uncommitted
";

const ROSTER: &str = "\
precinct-tally/roster/v1
county 19001 30 4 3 Adair
unit p-1 precinct 19001 4 First, Ward
unit p-2 precinct 19001 3 Second
unit p-3 precinct 19001 2 Third
unit s-1 satellite OOS Tucson
";

/// Three rooms of 24, 10 and 7 people; nothing of `p-2` is shown, and `p-3` is silent.
fn night() -> Night {
    let rules = Rules::parse(RULES).unwrap();
    let roster = Roster::parse(ROSTER).unwrap();
    let sheets = [
        ("p-1", [14, 10], [15, 9], [3, 1]),
        ("p-2", [6, 4], [6, 4], [2, 1]),
        ("s-1", [7, 0], [7, 0], [4, 0]),
    ];
    let reports = sheets
        .into_iter()
        .zip(0..)
        .map(|((id, first, last, delegates), arrival_ms)| {
            let unit = roster.units().find(|unit| unit.id.as_str() == id).unwrap();
            let rows = ["alder", "uncommitted"]
                .into_iter()
                .enumerate()
                .map(|(at, group)| {
                    let row = RawRow {
                        first: Some(first[at]),
                        last: Some(last[at]),
                        delegates: Some(delegates[at]),
                    };
                    (group.to_owned(), row)
                });
            let raw = RawWorksheet {
                unit: id.to_owned(),
                attendees: Some(first[0] + first[1]),
                groups: rows.collect(),
                ties: Vec::new(),
            };
            Report {
                unit: unit.id.clone(),
                worksheet: raw.check(unit, &rules).unwrap(),
                arrival_ms,
                slip: None,
            }
        });
    Night {
        reports: reports.collect(),
        rules,
        roster,
        published: std::collections::BTreeMap::new(),
    }
}

/// One object a line, so that a difference is seen; the bytes are compared as they are.
fn lines(text: &str) -> String {
    text.replace("},{", "},\n{")
}

/// `TALLY_GOLDEN=write` writes them anew, for a change that is meant.
#[test]
fn the_formats_are_what_they_were() {
    let mut publication = publication(&night(), |position| match position {
        1 => Stage::Withheld(Standing::Held),
        _ => Stage::Released(Standing::Verified),
    });
    publication.national.insert(
        caucus::Basis::Reported,
        vec![export::NationalRow {
            part: "at-large".to_owned(),
            group: publication.rules.groups()[0].id.clone(),
            delegates: Delegates::new(1).unwrap(),
        }],
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (format, name) in [
        (Format::CsvTidy, "tidy.csv"),
        (Format::CsvWide, "wide.csv"),
        (Format::Json, "results.json"),
        (Format::Nist, "nist.json"),
    ] {
        let text = lines(&String::from_utf8(checked(format, &publication).unwrap()).unwrap());
        let path = folder.join(name);
        if std::env::var("TALLY_GOLDEN").is_ok_and(|word| word == "write") {
            fs::write(&path, &text).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert!(golden == text, "{} is another file now", path.display());
    }
}

//! One sheet a file, with the award and the findings the rules give for it.
//!
//! ```text
//! # what the sheet shows, with the sum
//! precinct <delegates>            or: satellite
//! attendees <n>
//! <group> <first> <final> <delegates>                     groups that are not listed have zeros
//! tie <kind> <group>,<group> <settled for> <coin|straws>
//! = settled <group> <delegates> …     = tie <kind> <group>,<group> <prizes>
//! = nobody <threshold>                = one-delegate <group>,<group>         = nothing
//! = findings <code> …                                     in the order they are found
//! > <a sentence>                                          the award as it is worked out aloud
//! ```
//!
//! A file that has sentences has all of them; one that has none leaves them out.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use caucus::{
    Award, Chance, GroupId, RawRow, RawTie, RawWorksheet, Rules, Threshold, TieKind, Unit, award,
    findings, worked,
};

/// Reads a file's sheet and gives back the file's text with the answers the rules give now.
fn answered(text: &str, rules: &Rules) -> String {
    let mut unit = None;
    let mut raw = RawWorksheet {
        unit: "P-1".to_owned(),
        ..RawWorksheet::default()
    };
    let number = |text: &str| Some(text.parse::<i64>().expect("a number"));
    let mut kept = String::new();
    for line in text.lines().filter(|line| !line.starts_with(['=', '>'])) {
        writeln!(kept, "{line}").unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["#", ..] => {}
            ["precinct", n] => unit = Some(format!("unit P-1 precinct C {n} One")),
            ["satellite"] => unit = Some("unit P-1 satellite CD1 One".to_owned()),
            ["attendees", n] => raw.attendees = number(n),
            ["tie", kind, groups, settled_for, by] => raw.ties.push(RawTie {
                kind: TieKind::parse(kind).expect("a kind"),
                groups: groups.split(',').map(str::to_owned).collect(),
                settled_for: (*settled_for).to_owned(),
                by: Chance::parse(by).expect("coin or straws"),
            }),
            [group, first, last, delegates] => {
                let row = RawRow {
                    first: number(first),
                    last: number(last),
                    delegates: number(delegates),
                };
                raw.groups.insert((*group).to_owned(), row);
            }
            _ => panic!("`{line}` is not a line of a sheet"),
        }
    }
    for group in rules.groups() {
        let zero = RawRow {
            first: Some(0),
            last: Some(0),
            delegates: Some(0),
        };
        raw.groups.entry(group.id.to_string()).or_insert(zero);
    }
    let unit = Unit::parse_line(&unit.expect("precinct or satellite")).unwrap();
    let sheet = raw.check(&unit, rules).unwrap();
    writeln!(kept, "= {}", shown(&award(rules, &unit, &sheet))).unwrap();
    let codes = findings(&unit, rules, &sheet);
    let mut line = "= findings".to_owned();
    for finding in codes {
        write!(line, " {}", finding.code).unwrap();
    }
    writeln!(kept, "{line}").unwrap();
    if text.contains("\n> ") {
        for sentence in worked(rules, &unit, &sheet) {
            writeln!(kept, "> {sentence}").unwrap();
        }
    }
    kept
}

fn shown(award: &Award) -> String {
    let list = |groups: &[GroupId]| {
        let names: Vec<&str> = groups.iter().map(GroupId::as_str).collect();
        names.join(",")
    };
    match award {
        Award::Settled { by, .. } => {
            let mut line = "settled".to_owned();
            for (group, count) in by {
                write!(line, " {group} {count}").unwrap();
            }
            line
        }
        Award::TieToBreak(tie) => {
            format!("tie {} {} {}", tie.kind, list(&tie.groups), tie.prizes)
        }
        Award::OneDelegate { largest } => format!("one-delegate {}", list(largest)),
        Award::NobodyViable { threshold } => match threshold {
            Threshold::AtLeast { people, .. } => format!("nobody {people}"),
            Threshold::WholeRoom => panic!("nobody can fail a threshold that is not there"),
        },
        Award::Nothing => "nothing".to_owned(),
    }
}

#[test]
fn every_sheet_gets_the_award_and_the_findings_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/precincts");
    let rules = Rules::iowa_2020();
    let mut sheets = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        sheets.insert(path.clone(), std::fs::read_to_string(path).unwrap());
    }
    let aloud = sheets.values().filter(|text| text.contains("\n> "));
    assert!(
        sheets.len() >= 35 && aloud.count() >= 12,
        "the sheets are not there"
    );
    let mut wrong = String::new();
    for (path, text) in &sheets {
        let answer = answered(text, &rules);
        if answer != *text {
            let name = path.file_name().unwrap().display();
            writeln!(wrong, "--- {name}\n{text}--- the rules say\n{answer}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

//! Each format of sound publications.

use caucus::Standing;
use export::{Difference, Format, Mode, Publication, Published, checked};
use testkit::Night;

use crate::common::{Stage, mixed, publication, whole};

#[test]
fn every_format_says_what_was_published_and_always_in_the_same_bytes() {
    for units in [1, 5, 80] {
        let night = Night::small(units);
        for publication in [
            mixed(&night),
            whole(&night),
            publication(&night, |_| Stage::Silent),
        ] {
            for format in Format::ALL {
                let bytes = checked(format, &publication).unwrap();
                assert_eq!(checked(format, &publication).unwrap(), bytes, "{format}");
            }
        }
    }
}

/// Rows of the tidy table of one unit, as `set` and `figure`.
fn tidy_rows(publication: &Publication, unit: &str) -> Vec<(String, String)> {
    let bytes = checked(Format::CsvTidy, publication).unwrap();
    let mut table = csv::Reader::from_reader(bytes.as_slice());
    let records = table.records().map(Result::unwrap);
    records
        .filter(|record| &record[4] == unit)
        .map(|record| (record[19].to_owned(), record[20].to_owned()))
        .collect()
}

#[test]
fn a_withheld_unit_carries_no_figure_and_says_so() {
    let publication = mixed(&Night::small(40));
    let withheld = publication
        .units
        .iter()
        .find(|row| row.report.published() == Published::Withheld)
        .unwrap();
    let none = (String::new(), String::new());
    assert_eq!(tidy_rows(&publication, withheld.unit.as_str()), [none]);
    let json = checked(Format::Json, &publication).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let rows = json["units"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["unit"] == withheld.unit.as_str())
        .unwrap();
    assert_eq!(
        (&row["published"], &row["figures"]),
        (&"withheld".into(), &().into())
    );
    let nist = String::from_utf8(checked(Format::Nist, &publication).unwrap()).unwrap();
    let cell = format!("\"GpUnitId\":\"gp-unit-{}\"", withheld.unit);
    assert!(!nist.contains(&cell));
    assert!(nist.contains("\"OtherType\":\"withheld\",\"Status\":\"in-process\""));
}

#[test]
fn a_zero_is_written_and_silence_is_not_a_zero() {
    let publication = mixed(&Night::small(40));
    for row in &publication.units {
        let rows = tidy_rows(&publication, row.unit.as_str());
        match row.report.published() {
            Published::Silent | Published::Withheld => assert_eq!(rows.len(), 1),
            // Attendance, undecided, and six figures of each group, most of them 0.
            Published::Released => {
                assert_eq!(rows.len(), 2 + 6 * publication.rules.groups().len());
                assert!(rows.iter().all(|(_, figure)| !figure.is_empty()));
            }
        }
    }
    let nothing = self::publication(&Night::small(5), |_| Stage::Silent);
    let nist = String::from_utf8(checked(Format::Nist, &nothing).unwrap()).unwrap();
    assert!(!nist.contains("ElectionResults.VoteCounts"));
}

#[test]
fn a_rehearsal_is_never_taken_for_the_night() {
    let mut publication = whole(&Night::small(3));
    for format in Format::ALL {
        let text = String::from_utf8(checked(format, &publication).unwrap()).unwrap();
        assert!(text.contains("rehearsal"), "{format}");
    }
    publication.mode = Mode::Live;
    for format in Format::ALL {
        let text = String::from_utf8(checked(format, &publication).unwrap()).unwrap();
        assert!(!text.to_lowercase().contains("rehearsal"), "{format}");
    }
}

/// Release of the file is refused when the results are not those of the units shown.
#[test]
fn a_publication_that_contradicts_itself_is_not_written() {
    let night = Night::small(30);
    let sound = publication(&night, |_| Stage::Released(Standing::Received));
    let withheld = publication(&night, |position| match position {
        4 => Stage::Withheld(Standing::Received),
        _ => Stage::Released(Standing::Received),
    });
    let mut leaking = withheld;
    leaking.results.clone_from(&sound.results);
    let mut missing = sound.clone();
    missing.units.remove(3);
    let mut silent = sound.clone();
    silent.units[2].standing = Standing::Silent;
    for (what, broken) in [
        ("leaking", leaking),
        ("missing", missing),
        ("silent", silent),
    ] {
        for format in Format::ALL {
            let fault = checked(format, &broken).unwrap_err();
            assert!(
                matches!(fault.what, Difference::Broken(_)),
                "{what}: {fault}"
            );
        }
    }
}

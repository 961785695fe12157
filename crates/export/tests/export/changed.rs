//! Files that say something else than was published, however slightly: each is refused.

use caucus::{FinalAlignment, FirstAlignment, GroupId, Worksheet};
use export::{Difference, Format, Publication, checked, reimport};
use proptest::prelude::*;
use testkit::Night;

use crate::common::{mixed, whole};

/// The night with every sheet changed.
fn changed(night: &Night, change: impl Fn(&mut Worksheet)) -> Night {
    let mut night = night.clone();
    for report in &mut night.reports {
        change(&mut report.worksheet);
    }
    night
}

/// Files of another publication, sound in themselves, are refused for this one.
fn refused(meant: &Publication, written: &Publication) {
    for format in Format::ALL {
        let bytes = checked(format, written).unwrap();
        let fault = reimport(format, meant, &bytes).unwrap_err();
        assert_eq!(fault.format, format);
        assert!(matches!(fault.what, Difference::Differs { .. }), "{fault}");
    }
}

#[test]
fn two_candidates_columns_that_changed_places_are_refused() {
    let night = Night::small(30);
    let [biden, warren] = ["biden", "warren"].map(|id| GroupId::parse(id).unwrap());
    let other = |group: &GroupId| match group {
        group if *group == biden => warren.clone(),
        group if *group == warren => biden.clone(),
        group => group.clone(),
    };
    let swapped = changed(&night, |sheet| {
        sheet.first = sheet
            .first
            .iter()
            .map(|(group, count)| (other(group), count))
            .collect();
        sheet.last = sheet
            .last
            .iter()
            .map(|(group, count)| (other(group), count))
            .collect();
        sheet.reported = sheet
            .reported
            .iter()
            .map(|(group, count)| (other(group), count))
            .collect();
    });
    refused(&whole(&night), &whole(&swapped));
}

#[test]
fn a_set_under_another_set_s_heading_is_refused() {
    let night = Night::small(30);
    let shifted = changed(&night, |sheet| {
        let last = sheet
            .last
            .iter()
            .map(|(group, count)| (group.clone(), count));
        let last: FirstAlignment = last.collect();
        let first = sheet
            .first
            .iter()
            .map(|(group, count)| (group.clone(), count));
        sheet.last = first.collect::<FinalAlignment>();
        sheet.first = last;
    });
    refused(&whole(&night), &whole(&shifted));
}

#[test]
fn names_that_changed_places_are_refused() {
    let publication = whole(&Night::small(10));
    for (format, one, two) in [
        (
            Format::Nist,
            "\"CandidateIds\":[\"cand-biden\"]",
            "\"CandidateIds\":[\"cand-warren\"]",
        ),
        (Format::Nist, "Joe Biden", "Elizabeth Warren"),
        (Format::Json, "Joe Biden", "Elizabeth Warren"),
        (Format::CsvWide, "biden first", "warren first"),
        (Format::CsvWide, ",marks,", ",findings,"),
        (
            Format::CsvTidy,
            ",reported,biden,first,",
            ",reported,warren,first,",
        ),
    ] {
        let text = String::from_utf8(checked(format, &publication).unwrap()).unwrap();
        assert!(text.contains(one) && text.contains(two), "{format} {one}");
        let swapped = text
            .replace(one, "\u{0}")
            .replace(two, one)
            .replace('\u{0}', two);
        assert!(
            reimport(format, &publication, swapped.as_bytes()).is_err(),
            "{format} {one}"
        );
    }
}

#[test]
fn a_file_without_a_unit_is_refused_and_the_unit_is_named() {
    let publication = whole(&Night::small(20));
    let unit = publication.units[7].unit.as_str();
    for format in [Format::CsvTidy, Format::CsvWide] {
        let text = String::from_utf8(checked(format, &publication).unwrap()).unwrap();
        let of = format!(",{unit},");
        let without: String = text
            .split_inclusive('\n')
            .filter(|line| !line.contains(&of))
            .collect();
        let fault = reimport(format, &publication, without.as_bytes()).unwrap_err();
        assert_eq!(fault.place, format!("unit {unit}"));
        assert!(matches!(fault.what, Difference::Missing { .. }), "{fault}");
    }
    let text = String::from_utf8(checked(Format::Json, &publication).unwrap()).unwrap();
    let rows = text.split("{\"unit\":\"");
    let of = format!("{unit}\"");
    let without: Vec<&str> = rows.filter(|row| !row.starts_with(&of)).collect();
    let without = without.join("{\"unit\":\"");
    let fault = reimport(Format::Json, &publication, without.as_bytes()).unwrap_err();
    assert_eq!(fault.place, format!("unit {unit}"));
    let text = String::from_utf8(checked(Format::Nist, &publication).unwrap()).unwrap();
    let without = text.replace(&format!("gp-unit-{unit}\""), "gp-unit-gone\"");
    let fault = reimport(Format::Nist, &publication, without.as_bytes()).unwrap_err();
    assert_eq!(fault.place, "unit gone");
}

#[test]
fn a_line_that_stands_twice_is_refused() {
    let publication = whole(&Night::small(8));
    for format in [Format::CsvTidy, Format::CsvWide] {
        let text = String::from_utf8(checked(format, &publication).unwrap()).unwrap();
        let last = text.lines().last().unwrap();
        let fault = reimport(format, &publication, format!("{text}{last}\n").as_bytes());
        assert_eq!(fault.unwrap_err().what, Difference::Twice);
    }
}

/// Positions of the digits that state something: all of them, except in NIST, where rounds, votes
/// allowed, notes and other people's identifiers stand besides the counts.
fn digits(format: Format, text: &[u8]) -> Vec<usize> {
    let all = (0..text.len()).filter(|position| text[*position].is_ascii_digit());
    match format {
        Format::CsvTidy | Format::CsvWide | Format::Json => all.collect(),
        Format::Nist => {
            let counted = |position: usize| {
                let before = &text[..position];
                let start = before
                    .iter()
                    .rposition(|byte| !(byte.is_ascii_digit() || *byte == b'.'));
                let before = &before[..=start.unwrap_or(0)];
                let fields: [&[u8]; 3] = [
                    b"\"Count\":",
                    b"\"BallotsCast\":",
                    b"\"VotersParticipated\":",
                ];
                fields.iter().any(|field| before.ends_with(field))
            };
            all.filter(|position| counted(*position)).collect()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_digit_of_a_file_changes_unnoticed(
        number in 0..4_usize, which in any::<proptest::sample::Index>(), by in 1..10_u8,
    ) {
        let publication = mixed(&Night::small(9));
        let format = Format::ALL[number];
        let mut bytes = checked(format, &publication).unwrap();
        let position = *which.get(&digits(format, &bytes));
        bytes[position] = b'0' + (bytes[position] - b'0' + by) % 10;
        prop_assert!(reimport(format, &publication, &bytes).is_err());
    }
}

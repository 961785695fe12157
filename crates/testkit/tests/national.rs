//! National delegates of the release of 8 February 2020, as the party announced them (R11).

use caucus::{Basis, OpenSeats, Results, Standing, national};
use testkit::{Night, shared_data};

#[test]
fn the_national_delegates_are_those_that_were_announced() {
    let folder = match shared_data("iowa2020") {
        Ok(folder) => folder,
        Err(absent) => return absent.skip(),
    };
    let night = Night::from_release(&folder).unwrap();
    let sheets = night.reports.iter();
    let sheets = sheets.map(|report| (night.unit(report), &report.worksheet, Standing::Received));
    let results = Results::of(Basis::Reported, &night.rules, &night.roster, sheets).unwrap();
    let delegates = national(&night.rules, &results).unwrap();
    let announced = [
        ("buttigieg", 14),
        ("sanders", 12),
        ("warren", 8),
        ("biden", 6),
        ("klobuchar", 1),
    ];
    for group in night.rules.groups() {
        let expected = announced.iter().find(|(id, _)| *id == group.id.as_str());
        let seats = delegates.of(&group.id).get();
        assert_eq!(
            seats,
            expected.map_or(0, |(_, seats)| *seats),
            "{}",
            group.id
        );
    }
    let seats: Vec<u64> = delegates.allocations().map(|one| one.seats.get()).collect();
    assert_eq!(seats, [7, 7, 8, 5, 9, 5]);
    assert!(
        delegates
            .allocations()
            .all(|one| one.open == OpenSeats::None)
    );
}

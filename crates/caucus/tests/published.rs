//! The checks of published figures, each seen to find and seen to keep still.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use caucus::{
    County, FindingCode, GroupId, People, PublishedFigure, PublishedRow, PublishedSite, RoundedSde,
    Rules, changed_after_publication, published_county, published_empty, published_pool,
    published_precinct, published_site,
};

fn people(count: u64) -> People {
    People::new(count).unwrap()
}

fn row(cells: &[(&str, u64, u64, &str)]) -> PublishedRow {
    let cell = |(group, first, last, sde): &(&str, u64, u64, &str)| {
        let figure = PublishedFigure {
            first: people(*first),
            last: people(*last),
            sde: RoundedSde::parse(sde).unwrap(),
        };
        (GroupId::parse(group).unwrap(), figure)
    };
    cells.iter().map(cell).collect()
}

#[test]
fn a_published_decimal_is_read_exactly_and_written_with_four_places() {
    for (text, ten_thousandths, shown) in [
        ("0", 0, "0.0000"),
        ("0.24", 2400, "0.2400"),
        ("12.0693", 120_693, "12.0693"),
        ("2152.8894", 21_528_894, "2152.8894"),
    ] {
        let sde = RoundedSde::parse(text).unwrap();
        assert_eq!(sde.ten_thousandths(), ten_thousandths);
        assert_eq!(sde.to_string(), shown);
    }
    for bad in [
        "", ".5", "1.", "1.23456", "-1", "01", "1e-5", "1.2.3", "0.+1",
    ] {
        assert_eq!(RoundedSde::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn a_row_of_nothing_is_named() {
    let nobody = row(&[("biden", 0, 0, "0"), ("sanders", 0, 0, "0")]);
    assert_eq!(
        published_empty(&nobody).unwrap().for_headquarters(),
        "E_empty_row: published as reported, and every figure is 0"
    );
    assert_eq!(published_empty(&row(&[("biden", 1, 0, "0")])), None);
}

/// 4/51 is 0.0784: one and three delegates are 0.0784 and 0.2353, and 0.1 is none.
#[test]
fn a_precinct_s_worth_is_a_whole_number_of_delegates() {
    let county = County::parse_line("county 19001 51 4 3 Adair").unwrap();
    let sound = row(&[("biden", 9, 9, "0.0784"), ("sanders", 9, 9, "0.2353")]);
    let given = published_precinct(&county, &sound).unwrap();
    let counts: Vec<u64> = given.iter().map(|(_, count)| count.get()).collect();
    assert_eq!(counts, [1, 3]);
    let odd = row(&[("biden", 9, 9, "0.0784"), ("sanders", 9, 9, "0.1")]);
    let finding = published_precinct(&county, &odd).unwrap_err();
    assert_eq!(
        finding.for_headquarters(),
        "E_sde_not_multiple [sanders]: sanders 0.1000; one delegate is worth 4/51"
    );
    let worthless = County::parse_line("county 19001 51 0 3 Adair").unwrap();
    assert!(published_precinct(&worthless, &sound).is_err());
}

/// A site of 16 in a pool of 1,187 worth 4 elects four, each worth 4*16/(1187*4) = 0.0135.
#[test]
fn a_site_s_worth_follows_from_its_head_count_and_its_pool_s() {
    let rules = Rules::iowa_2020();
    let pool = rules.pools().last().unwrap();
    let site = |cells: &[(&str, u64, u64, &str)]| {
        published_site(&rules, pool, people(1187), &[people(1100)], &row(cells))
    };
    let counted = site(&[("biden", 12, 12, "0.0404"), ("sanders", 4, 4, "0.0135")]);
    let counts: Vec<u64> = counted
        .given()
        .unwrap()
        .iter()
        .map(|(_, n)| n.get())
        .collect();
    assert_eq!((counts, counted.finding()), (vec![3, 1], None));
    // As of 1,100 in the pool: 4*16/(1100*4) = 0.0145.
    let stale = site(&[("biden", 12, 12, "0.0436"), ("sanders", 4, 4, "0.0145")]);
    assert!(matches!(stale, PublishedSite::Stale { .. }), "{stale:?}");
    assert_eq!(
        stale.finding().unwrap().for_headquarters(),
        "E_stale_pool_share: as of 1100 people in the pool, there are 1187"
    );
    // As of 18 people: 4*18/(1187*4) = 0.0152.
    let other = site(&[("biden", 12, 12, "0.0455"), ("sanders", 4, 4, "0.0152")]);
    assert_eq!(
        other.finding().unwrap().for_headquarters(),
        "E_sat_attendance_vs_sde: worth as of 18 people, first 16"
    );
    let none = site(&[("biden", 12, 12, "0.0001"), ("sanders", 4, 4, "9.0000")]);
    let finding = none.finding().unwrap();
    assert_eq!(
        (none.given(), finding.code),
        (None, FindingCode::SdeNotMultiple)
    );
}

#[test]
fn a_county_s_row_is_the_sum_of_its_precincts() {
    let precincts = [
        row(&[("biden", 5, 6, "0.0784"), ("sanders", 7, 0, "0")]),
        row(&[("biden", 1, 1, "0.1569")]),
    ];
    let county = |first, last, sde| {
        let row = row(&[("biden", first, last, sde), ("sanders", 7, 0, "0")]);
        published_county(&row, &precincts)
    };
    assert_eq!(county(6, 7, "0.2353"), None);
    assert_eq!(county(6, 7, "0.2354"), None, "rounded three times");
    assert_eq!(
        county(7, 7, "0.2355").unwrap().for_headquarters(),
        "E_county_row_differs [biden]: biden first: published 7, precincts 6; \
         biden sde: published 0.2355, precincts 0.2353"
    );
    let missing = published_county(&row(&[("biden", 6, 7, "0.2353")]), &precincts).unwrap();
    assert!(
        missing
            .figures
            .contains("sanders first: published 0, precincts 7")
    );
}

#[test]
fn a_pool_s_sites_add_up_to_what_it_is_worth() {
    let rules = Rules::iowa_2020();
    let pool = rules.pools().last().unwrap();
    let sites = |sde| {
        [
            row(&[("biden", 9, 9, "2.0001")]),
            row(&[("warren", 9, 9, sde)]),
        ]
    };
    assert_eq!(published_pool(pool, &sites("1.9999")), None);
    assert_eq!(
        published_pool(pool, &sites("2.0000")),
        None,
        "rounded twice"
    );
    assert_eq!(
        published_pool(pool, &sites("2.0419"))
            .unwrap()
            .for_headquarters(),
        "E_pool_total_differs: the sites of OOS add up to 4.0420, the pool is worth 4"
    );
    assert_eq!(published_pool(pool, &[row(&[("biden", 0, 0, "0")])]), None);
}

#[test]
fn a_figure_that_changes_between_releases_is_named() {
    let earlier = row(&[("biden", 5, 6, "0.0784"), ("sanders", 7, 0, "0")]);
    assert_eq!(changed_after_publication(&earlier, &earlier), None);
    let later = row(&[("biden", 5, 8, "0.0784"), ("sanders", 7, 0, "0.1")]);
    assert_eq!(
        changed_after_publication(&earlier, &later)
            .unwrap()
            .for_headquarters(),
        "I_changed_after_publication [biden, sanders]: biden final: 6, now 8; \
         sanders sde: 0.0000, now 0.1000"
    );
}

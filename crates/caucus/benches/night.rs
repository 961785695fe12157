//! How long the totals of a night take from its sheets: all of them anew, one report more, and what
//! can still change, at the size of 2020 and at 200,000 units.
//!
//! Timed are sums and results on all three bases, not the parsing of leaves: see ledger's bench.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a bench fails by panicking"
)]

use std::hint::black_box;

use caucus::{
    Award, Basis, County, Delegates, Dispute, People, Results, Roster, Rules, Scale, Sign,
    Standing, Totals, Unit, UnitState, Worksheet, award, outlook,
};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

const SIZES: [u64; 2] = [1_765, 200_000];

/// A made-up night: 99 counties in four districts, one unit in twenty a satellite, every fifth unit
/// held and every seventh verified.
struct Night {
    rules: Rules,
    roster: Roster,
    sheets: Vec<(Unit, Worksheet, Standing)>,
}

impl Night {
    fn of(size: u64) -> Self {
        let rules = Rules::iowa_2020_published();
        let counties: Vec<County> = (0..99_u64)
            .map(|id| {
                let convention = 40 + (id * 7919) % 1_400;
                let state = 2 + (id * 31) % 90;
                let line = format!("county C{id:02} {convention} {state} {} C{id}", 1 + id % 4);
                County::parse_line(&line).unwrap()
            })
            .collect();
        let mut state = 7_u64;
        let mut below = move |limit: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % limit
        };
        let sheets: Vec<(Unit, Worksheet, Standing)> = (0..size)
            .map(|id| {
                let line = match id % 20 {
                    0 => format!("unit U{id:06} satellite CD{} U{id}", 1 + below(4)),
                    _ => format!(
                        "unit U{id:06} precinct C{:02} {} U{id}",
                        below(99),
                        1 + below(12)
                    ),
                };
                let unit = Unit::parse_line(&line).unwrap();
                let standing = match id {
                    held if held % 5 == 0 => Standing::Held,
                    verified if verified % 7 == 0 => Standing::Verified,
                    _ => Standing::Received,
                };
                let sizes: Vec<u64> = rules.groups().iter().map(|_| below(40)).collect();
                let groups = || rules.groups().iter().map(|group| group.id.clone());
                let people = || groups().zip(sizes.iter().map(|size| People::of_sum(*size)));
                let mut sheet = Worksheet {
                    attendees: People::of_sum(sizes.iter().sum()),
                    first: people().collect(),
                    last: people().collect(),
                    reported: groups().map(|group| (group, Delegates::ZERO)).collect(),
                    ties: Vec::new(),
                };
                if let Award::Settled { by, .. } = award(&rules, &unit, &sheet) {
                    let given = groups().map(|group| {
                        let count = by.get(&group).copied().unwrap_or_default();
                        (group, count)
                    });
                    sheet.reported = given.collect();
                }
                (unit, sheet, standing)
            })
            .collect();
        let roster = Roster::new(counties, sheets.iter().map(|(unit, ..)| unit.clone())).unwrap();
        Self {
            rules,
            roster,
            sheets,
        }
    }

    fn sheets(&self) -> impl Iterator<Item = (&Unit, &Worksheet, Standing)> {
        self.sheets
            .iter()
            .map(|(unit, sheet, standing)| (unit, sheet, *standing))
    }

    fn results(&self, basis: Basis) -> Results {
        Results::of(basis, &self.rules, &self.roster, self.sheets()).unwrap()
    }
}

/// Everything from the sheets: three bases, all areas, all rows.
fn recompute(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recompute");
    group.sample_size(10);
    for size in SIZES {
        let night = Night::of(size);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| Basis::ALL.map(|basis| black_box(night.results(basis))));
        });
    }
    group.finish();
}

/// One verified report more: county, district and state on three bases.
fn increment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("increment");
    for size in SIZES {
        let night = Night::of(size);
        let scale = Scale::of(night.roster.counties());
        let totals = Basis::ALL
            .map(|basis| Totals::of(basis, &night.rules, &night.roster, night.sheets()).unwrap());
        let (unit, sheet, _) = &night.sheets[1];
        let county = night.roster.counties().next().unwrap();
        let district = county.district.clone().unwrap();
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            let mut rows: Vec<_> = totals
                .iter()
                .map(|totals| {
                    let county = totals.counties[&county.id].clone();
                    (
                        county,
                        totals.districts[&district].clone(),
                        totals.precincts.clone(),
                    )
                })
                .collect();
            bencher.iter(|| {
                let ratio = scale.ratio(county).unwrap();
                for (basis, (county, district, state)) in Basis::ALL.iter().zip(&mut rows) {
                    let sheet = basis
                        .sheet(&night.rules, unit, sheet, Standing::Verified)
                        .unwrap();
                    county.change(&sheet, &night.rules, Sign::Add).unwrap();
                    district
                        .change(&sheet, &ratio, &night.rules, Sign::Add)
                        .unwrap();
                    state
                        .change(&sheet, &ratio, &night.rules, Sign::Add)
                        .unwrap();
                }
            });
        });
    }
    group.finish();
}

/// Every contest against every rival, with the questions of the nearest.
fn can_still_change(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("outlook");
    group.sample_size(10);
    for size in SIZES {
        let night = Night::of(size);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(
                || {
                    let states = night.sheets().map(|(unit, sheet, standing)| UnitState {
                        unit,
                        worksheet: Some(sheet),
                        standing,
                        dispute: Dispute::Settled,
                    });
                    states.collect::<Vec<_>>()
                },
                |states| outlook(&night.rules, &night.roster, states).unwrap(),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, recompute, increment, can_still_change);
criterion_main!(benches);

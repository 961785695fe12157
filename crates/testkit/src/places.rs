//! Counties, precincts and satellites of a generated night, and how many people come to each.
//!
//! The delegates of precincts are spread as they were in 2020 (121 with one, a median of 6, one with
//! 36); counties are few large and many small; a delegate's worth spans 0.03 to 0.44. All names are
//! made up.

use std::collections::BTreeMap;

use caucus::{County, CountyId, Delegates, DistrictId, Kind, People, PoolId, Roster, Unit, UnitId};

use crate::night::Scale;
use crate::random::Random;

/// The places of a night.
pub(crate) struct Places {
    pub(crate) roster: Roster,
    /// Attendance by unit.
    pub(crate) sizes: BTreeMap<UnitId, People>,
}

/// How many of 1,678 precincts elect how many delegates.
const DELEGATES: [(u64, u64); 26] = [
    (1, 121),
    (2, 138),
    (3, 142),
    (4, 165),
    (5, 160),
    (6, 164),
    (7, 155),
    (8, 129),
    (9, 121),
    (10, 103),
    (11, 67),
    (12, 53),
    (13, 46),
    (14, 30),
    (15, 18),
    (16, 16),
    (17, 14),
    (18, 11),
    (19, 6),
    (20, 6),
    (21, 1),
    (22, 7),
    (23, 1),
    (24, 2),
    (30, 1),
    (36, 1),
];

/// Satellites by pool, of 87.
const POOLS: [(&str, u64); 5] = [
    ("CD1", 12),
    ("CD2", 17),
    ("CD3", 20),
    ("CD4", 11),
    ("OOS", 27),
];

const BEGINNINGS: [&str; 11] = [
    "Ash", "Birch", "Cedar", "Elm", "Hazel", "Linden", "Maple", "Oak", "Pine", "Rowan", "Willow",
];
const ENDINGS: [&str; 9] = [
    "brook", "dale", "field", "ford", "grove", "hill", "mont", "view", "wood",
];

/// People for one state delegate equivalent: 176,436 came for 2,152.9 in 2020.
const PEOPLE_PER_SDE: u64 = 82;

pub(crate) fn generate(seed: u64, scale: &Scale) -> Places {
    let mut random = Random::fork(seed, "places");
    let mut counties = Vec::new();
    let mut units = Vec::new();
    let mut sizes = BTreeMap::new();
    let mut elects = delegates(&mut random, scale.precincts);
    for (index, precincts) in county_sizes(scale).into_iter().enumerate() {
        let elects: Vec<u64> = elects.drain(..precincts.min(elects.len())).collect();
        let county = county(&mut random, index, scale.counties, elects.iter().sum());
        for (number, elect) in (1_u64..).zip(elects) {
            let unit = Unit {
                id: UnitId::parse(&format!("{}-{number:03}", county.id)).expect("a short token"),
                kind: Kind::Precinct {
                    county: county.id.clone(),
                    delegates: count(elect),
                },
                name: format!("{} {number}", county.name),
            };
            let expected = elect * county.state.get() * PEOPLE_PER_SDE / county.convention.get();
            let attendees = (expected * random.between(600, 1400) / 1000).max(1);
            sizes.insert(unit.id.clone(), people(attendees));
            units.push(unit);
        }
        counties.push(county);
    }
    for (number, pool) in (1_u64..).zip(pools(scale.satellites)) {
        let unit = Unit {
            id: UnitId::parse(&format!("sat-{number:03}")).expect("a short token"),
            kind: Kind::Satellite {
                pool: PoolId::parse(pool).expect("a pool of the rules"),
            },
            name: format!("Satellite {number}"),
        };
        sizes.insert(unit.id.clone(), people(satellite_size(&mut random)));
        units.push(unit);
    }
    let roster = Roster::new(counties, units).expect("every precinct's county was made");
    Places { roster, sizes }
}

fn count(number: u64) -> Delegates {
    Delegates::new(number).expect("a small number")
}

fn people(number: u64) -> People {
    People::new(number).expect("a small number")
}

/// Delegates of that many precincts, spread as in 2020, in an order of chance.
fn delegates(random: &mut Random, precincts: u64) -> Vec<u64> {
    let mut all: Vec<u64> = DELEGATES
        .iter()
        .flat_map(|(elect, precincts)| (0..*precincts).map(|_| *elect))
        .collect();
    random.shuffle(&mut all);
    let wanted = usize::try_from(precincts).expect("a night fits into memory");
    all.into_iter().cycle().take(wanted).collect()
}

/// Precincts by county: two each, as long as there are enough, and the rest by weights that fall
/// like 1/k, so that the largest has about one in eleven.
fn county_sizes(scale: &Scale) -> Vec<usize> {
    let counties = scale.counties.max(1);
    let base = (scale.precincts / counties).min(2);
    let rest = scale.precincts - base * counties;
    let weights: Vec<u64> = (0..counties).map(|k| 1_000_000 / (k + 3)).collect();
    let sum: u64 = weights.iter().sum();
    let mut given = 0;
    let mut before = 0;
    let sizes = weights.iter().map(|weight| {
        before += weight;
        let here = rest * before / sum - given;
        given += here;
        usize::try_from(base + here).expect("a night fits into memory")
    });
    sizes.collect()
}

fn county(random: &mut Random, index: usize, counties: u64, convention: u64) -> County {
    let number = u64::try_from(index).unwrap_or_default();
    let name = BEGINNINGS
        .iter()
        .flat_map(|first| ENDINGS.iter().map(move |last| (first, last)));
    let name = name
        .cycle()
        .nth(index)
        .map(|(first, last)| format!("{first}{last}"));
    // Thousandths of a state delegate for one delegate. The second and the last county are the
    // ends of 2020's span; the others lean to the lower half.
    let ratio = match number {
        1 => 439,
        _ if number + 1 == counties => 30,
        _ => random.between(40, 420).min(random.between(60, 430)),
    };
    let state = (convention * ratio / 1000).max(1);
    County {
        id: CountyId::parse(&format!("c{:02}", number + 1)).expect("a short token"),
        convention: count(convention.max(1)),
        state: count(state),
        district: DistrictId::parse(&(1 + number % 4).to_string()).ok(),
        name: name.unwrap_or_default(),
    }
}

/// The pools of that many satellites, in the proportions of 2020.
fn pools(satellites: u64) -> Vec<&'static str> {
    let all = POOLS.iter().map(|(_, sites)| sites).sum::<u64>();
    let mut before = 0;
    let mut given = 0;
    let mut pools = Vec::new();
    for (pool, sites) in POOLS {
        before += sites;
        let here = satellites * before / all - given;
        given += here;
        pools.extend((0..here).map(|_| pool));
    }
    pools
}

/// One in twenty-two opens and nobody comes; most are small, a few are large.
fn satellite_size(random: &mut Random) -> u64 {
    match random.below(22) {
        0 => 0,
        1..15 => random.between(1, 60),
        15..20 => random.between(20, 110),
        _ => random.between(90, 260),
    }
}

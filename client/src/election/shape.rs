//! A small contest for a desk: enough counties, precincts and satellites to see every rule at work.

use caucus::{County, CountyId, Delegates, Kind, PoolId, Roster, Rules, Unit, UnitId};

/// Convention and state delegates of the three counties, after three of Iowa's: a small, a
/// middling and a large one.
const COUNTIES: [(&str, &str, u64, u64); 3] = [
    ("C01", "Adair", 50, 4),
    ("C02", "Story", 250, 81),
    ("C03", "Polk", 700, 350),
];

/// Delegates of the precincts in turn. The first elects one, where the whole room is one group.
const DELEGATES: [u64; 6] = [1, 2, 3, 5, 7, 9];

/// A roster of `units` units, at least one: every eighth is a satellite if the rules have a pool,
/// the others are precincts spread over three counties. The same number gives the same roster.
pub fn small_roster(units: u32, rules: &Rules) -> Result<Roster, String> {
    let delegates = |number| Delegates::new(number).ok_or("a count beyond 2^53");
    let counties = COUNTIES.into_iter().map(|(id, name, convention, state)| {
        Ok(County {
            id: CountyId::parse(id).map_err(|error| error.to_string())?,
            convention: delegates(convention)?,
            state: delegates(state)?,
            district: None,
            name: name.to_owned(),
        })
    });
    let pool = rules.pools().last().map(|pool| pool.id.clone());
    let unit = |number: u32| match &pool {
        Some(pool) if number.is_multiple_of(8) => satellite(number, pool.clone()),
        Some(_) | None => precinct(number),
    };
    Roster::new(
        counties.collect::<Result<Vec<_>, String>>()?,
        (1..=units).map(unit).collect::<Result<Vec<_>, String>>()?,
    )
}

fn satellite(number: u32, pool: PoolId) -> Result<Unit, String> {
    Ok(Unit {
        id: id(&format!("S-{number:04}"))?,
        kind: Kind::Satellite { pool },
        name: format!("Satellite {number}"),
    })
}

fn precinct(number: u32) -> Result<Unit, String> {
    let place = usize::try_from(number).map_err(|error| error.to_string())?;
    let (county, name, ..) = COUNTIES
        .into_iter()
        .cycle()
        .nth(place)
        .ok_or("there are three counties")?;
    let delegates = DELEGATES
        .into_iter()
        .cycle()
        .nth(place)
        .and_then(Delegates::new);
    Ok(Unit {
        id: id(&format!("P-{number:04}"))?,
        kind: Kind::Precinct {
            county: CountyId::parse(county).map_err(|error| error.to_string())?,
            delegates: delegates.ok_or("there are six sizes")?,
        },
        name: format!("{name} {number}"),
    })
}

fn id(text: &str) -> Result<UnitId, String> {
    UnitId::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_roster_is_sound_under_the_rules_and_the_same_each_time() {
        let rules = Rules::iowa_2020();
        let roster = small_roster(24, &rules).unwrap();
        assert_eq!(roster.unit_count(), 24);
        assert!(roster.unknown_pool(&rules).is_none());
        let satellites = roster
            .units()
            .filter(|unit| matches!(unit.kind, Kind::Satellite { .. }))
            .count();
        assert_eq!(satellites, 3);
        assert_eq!(small_roster(24, &rules).unwrap(), roster);
    }
}

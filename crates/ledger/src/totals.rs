//! The sums of heads by county and by satellite pool: integers only, moved with every head, equal
//! at any time to the sums over all heads.
//!
//! ```text
//! CountyTotal   number units, list of groups
//! PoolTotal     number units, number attendees, list of groups, list of weights
//! group         text id, number first, number final, number delegates
//! weight        text group, number delegates of the site, 16 bytes sum (big-endian)
//! ```
//! A county or pool without a head has no row.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use caucus::{
    CountyId, CountyTotal, Delegates, GroupId, GroupTotal, Kind, People, PoolId, PoolTotal,
    Refusal, Rules, Totals, TotalsError, Unit, Worksheet,
};

use crate::codec::{Reader, What, Writer};
use crate::draft::Draft;
use crate::intake::Stop;
use crate::rows;
use crate::tables::{Fault, Table, Tables};

/// Takes a unit's sheet out of its sum and puts another in.
pub(crate) fn replace<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &Unit,
    rules: &Rules,
    before: Option<&Worksheet>,
    after: Option<&Worksheet>,
) -> Result<(), Stop> {
    let (table, key) = row_of(unit);
    let mut totals = Totals::default();
    if let Some(bytes) = draft.read(table, &key)? {
        decode_into(&mut totals, unit, &bytes).map_err(|what| Fault::Corrupt { table, what })?;
    }
    if let Some(before) = before {
        totals
            .remove(unit, before, rules)
            .map_err(|error| stop(table, error))?;
    }
    if let Some(after) = after {
        totals
            .add(unit, after, rules)
            .map_err(|error| stop(table, error))?;
    }
    match encode_of(&totals, unit) {
        Some(row) => draft.put(table, key, row),
        None => draft.delete(table, key),
    }
    Ok(())
}

/// All sums, as their rows have them.
pub(crate) fn read<T: Tables>(tables: &T) -> Result<Totals, Fault> {
    let counties = rows::rows_under(tables, Table::CountyTotal, &[], |key, value| {
        let id = rows::decode_text(key)?;
        let id = CountyId::parse(id).map_err(|_| "a county's id that is none")?;
        Ok((id, decode_county(value)?))
    })?;
    let pools = rows::rows_under(tables, Table::PoolTotal, &[], |key, value| {
        let id = rows::decode_text(key)?;
        let id = PoolId::parse(id).map_err(|_| "a pool's id that is none")?;
        Ok((id, decode_pool(value)?))
    })?;
    Ok(Totals {
        counties: counties.into_iter().collect(),
        pools: pools.into_iter().collect(),
    })
}

fn row_of(unit: &Unit) -> (Table, Vec<u8>) {
    match &unit.kind {
        Kind::Precinct { county, .. } => (Table::CountyTotal, county.as_str().as_bytes().to_vec()),
        Kind::Satellite { pool } => (Table::PoolTotal, pool.as_str().as_bytes().to_vec()),
    }
}

/// Two thousand sheets that each state the largest number there is add up to more than 64 bits.
/// The one that no longer fits is refused: wrapping round would publish a small number instead.
pub(crate) fn stop(table: Table, error: TotalsError) -> Stop {
    match error {
        TotalsError::TooLarge => Refusal::Malformed {
            line: 1,
            what: "its figures and those recorded add up to more than 64 bits".into(),
        }
        .into(),
        TotalsError::NotCounted => Fault::Corrupt {
            table,
            what: "a head is missing from its sum",
        }
        .into(),
    }
}

fn decode_into(totals: &mut Totals, unit: &Unit, bytes: &[u8]) -> Result<(), What> {
    match &unit.kind {
        Kind::Precinct { county, .. } => {
            totals
                .counties
                .insert(county.clone(), decode_county(bytes)?);
        }
        Kind::Satellite { pool } => {
            totals.pools.insert(pool.clone(), decode_pool(bytes)?);
        }
    }
    Ok(())
}

fn encode_of(totals: &Totals, unit: &Unit) -> Option<Vec<u8>> {
    match &unit.kind {
        Kind::Precinct { county, .. } => totals.counties.get(county).map(encode_county),
        Kind::Satellite { pool } => totals.pools.get(pool).map(encode_pool),
    }
}

fn encode_county(total: &CountyTotal) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.number(total.units);
    write_groups(&mut writer, &total.groups);
    writer.finish()
}

fn decode_county(bytes: &[u8]) -> Result<CountyTotal, What> {
    Reader::whole(bytes, |reader| {
        Ok(CountyTotal {
            units: reader.number()?,
            groups: read_groups(reader)?,
        })
    })
}

fn encode_pool(total: &PoolTotal) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.number(total.units).number(total.attendees.get());
    write_groups(&mut writer, &total.groups);
    writer.list(total.weighted.iter(), |writer, ((group, elect), sum)| {
        writer.text(group.as_str()).number(elect.get()).wide(*sum);
    });
    writer.finish()
}

fn decode_pool(bytes: &[u8]) -> Result<PoolTotal, What> {
    Reader::whole(bytes, |reader| {
        let units = reader.number()?;
        let attendees = read_people(reader)?;
        let groups = read_groups(reader)?;
        let weighted = reader.list(|reader| {
            let group = read_group(reader)?;
            Ok(((group, read_delegates(reader)?), reader.wide()?))
        })?;
        Ok(PoolTotal {
            units,
            attendees,
            groups,
            weighted: weighted.into_iter().collect(),
        })
    })
}

fn write_groups(writer: &mut Writer, groups: &BTreeMap<GroupId, GroupTotal>) {
    writer.list(groups.iter(), |writer, (group, total)| {
        writer
            .text(group.as_str())
            .number(total.first.get())
            .number(total.last.get())
            .number(total.delegates.get());
    });
}

fn read_groups(reader: &mut Reader<'_>) -> Result<BTreeMap<GroupId, GroupTotal>, What> {
    let groups = reader.list(|reader| {
        let group = read_group(reader)?;
        let first = read_people(reader)?;
        let last = read_people(reader)?;
        Ok((
            group,
            GroupTotal {
                first,
                last,
                delegates: read_delegates(reader)?,
            },
        ))
    })?;
    Ok(groups.into_iter().collect())
}

fn read_group(reader: &mut Reader<'_>) -> Result<GroupId, What> {
    GroupId::parse(reader.text()?).map_err(|_| "a group's id that is none")
}

fn read_people(reader: &mut Reader<'_>) -> Result<People, What> {
    reader.number().map(People::of_sum)
}

fn read_delegates(reader: &mut Reader<'_>) -> Result<Delegates, What> {
    reader.number().map(Delegates::of_sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::{Changes, Row};
    use crate::memory::Memory;
    use alloc::vec;
    use caucus::{FinalAlignment, FirstAlignment, Reported};

    fn group() -> GroupId {
        GroupId::parse("warren").unwrap()
    }

    fn sheet(people: u64) -> Worksheet {
        let people = People::new(people).unwrap();
        Worksheet {
            attendees: people,
            first: FirstAlignment::new([(group(), people)].into()),
            last: FinalAlignment::new([(group(), people)].into()),
            reported: Reported::new([(group(), Delegates::ZERO)].into()),
            ties: Vec::new(),
        }
    }

    #[test]
    fn a_sum_of_any_64_bits_reads_back() {
        for number in [0, 1, caucus::MAX_WRITTEN, caucus::MAX_WRITTEN + 1, u64::MAX] {
            let total = GroupTotal {
                first: People::of_sum(number),
                last: People::ZERO,
                delegates: Delegates::ZERO,
            };
            let county = CountyTotal {
                units: 1,
                groups: [(group(), total)].into(),
            };
            assert_eq!(decode_county(&encode_county(&county)), Ok(county.clone()));
            assert_eq!(county.groups[&group()].first.get(), number);
        }
    }

    /// A county whose sum is nearly full: the sheet that no longer fits is refused, and the sums
    /// stay what they were.
    #[test]
    fn a_sheet_that_would_wrap_a_sum_is_refused() {
        let unit = Unit::parse_line("unit P-1 precinct C1 4 One").unwrap();
        let rules = Rules::iowa_2020();
        let total = GroupTotal {
            first: People::of_sum(u64::MAX - 10),
            last: People::of_sum(u64::MAX - 10),
            delegates: Delegates::ZERO,
        };
        let county = CountyTotal {
            units: 1,
            groups: [(group(), total)].into(),
        };
        let mut state = Memory::new();
        let row = Row {
            table: Table::CountyTotal,
            key: b"C1".to_vec(),
            value: Some(encode_county(&county)),
        };
        state.absorb(Changes { rows: vec![row] });
        let mut draft = Draft::new(&state);
        let refused = replace(&mut draft, &unit, &rules, None, Some(&sheet(11)));
        assert!(
            matches!(refused, Err(Stop::Refused(Refusal::Malformed { .. }))),
            "{refused:?}"
        );
        assert!(draft.into_changes().is_empty());
        let mut draft = Draft::new(&state);
        assert!(replace(&mut draft, &unit, &rules, None, Some(&sheet(10))).is_ok());
    }

    #[test]
    fn taking_the_last_sheet_away_leaves_no_row() {
        let unit = Unit::parse_line("unit S-1 satellite CD1 One").unwrap();
        let rules = Rules::iowa_2020();
        let state = Memory::new();
        let mut draft = Draft::new(&state);
        replace(&mut draft, &unit, &rules, None, Some(&sheet(25))).unwrap();
        assert_eq!(read(&draft).unwrap().units(), 1);
        replace(&mut draft, &unit, &rules, Some(&sheet(25)), None).unwrap();
        assert_eq!(read(&draft).unwrap(), Totals::default());
        let missing = replace(&mut draft, &unit, &rules, Some(&sheet(25)), None);
        assert!(
            matches!(missing, Err(Stop::Fault(Fault::Corrupt { .. }))),
            "{missing:?}"
        );
    }
}

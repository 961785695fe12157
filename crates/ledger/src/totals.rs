//! The sums of heads by county, satellite pool, district and for the whole contest, on each
//! [`Basis`]: integers only, moved with every head and every standing, equal at any time to the sums
//! over all heads.
//!
//! ```text
//! key               small basis (0 reported, 1 recomputed, 2 verified), id; of the contest no id
//! CountyTotal       number units, list of groups
//! PoolTotal         number units, number attendees, list of groups, list of weights
//! PrecinctsTotal    number units, list of: group, bytes worth over the scale (see `Scaled`)
//! group             number first, number final, number delegates
//! weight            number delegates of the site, number units, list of 16 bytes sum (big-endian)
//! AreaHeld          key small (0 county, 1 pool), id; number of units held
//! ```
//! Lists are in the order of the groups of the rules. An area without a head, or without a held
//! unit, has no row. What the rows mean is written in `caucus`, at the types of these names.

mod row;

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use caucus::{
    Basis, BasisSheet, County, CountyId, CountyTotal, DistrictId, Kind, PoolId, PoolTotal,
    PrecinctsTotal, Ratio, Refusal, Results, Rules, Sign, Standing, Totals, TotalsError, Unit,
    Worksheet,
};

use crate::codec::{What, Writer};
use crate::draft::Draft;
use crate::intake::Stop;
use crate::rows;
use crate::tables::{Fault, Table, Tables};
use crate::view::HeldUnits;
use row::{
    decode_county, decode_pool, decode_precincts, encode_county, encode_pool, encode_precincts,
};

/// A head as it counts: its unit, its figures, and where the unit stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) unit: &'a Unit,
    pub(crate) worksheet: &'a Worksheet,
    pub(crate) standing: Standing,
}

impl<'a> Counted<'a> {
    fn on(self, basis: Basis, rules: &Rules) -> Option<(&'a Unit, BasisSheet<'a>)> {
        let sheet = basis.sheet(rules, self.unit, self.worksheet, self.standing)?;
        Some((self.unit, sheet))
    }

    fn held_in(self) -> Option<Vec<u8>> {
        match self.standing {
            Standing::Held => Some(held_key(self.unit)),
            Standing::Silent | Standing::Received | Standing::Verified => None,
        }
    }
}

/// Moves every sum from what counted for a unit to what counts for it now. This is the only way in
/// which a sum changes; nothing is written where nothing differs.
pub(crate) fn move_unit<T: Tables>(
    draft: &mut Draft<'_, T>,
    rules: &Rules,
    before: Option<Counted<'_>>,
    after: Option<Counted<'_>>,
) -> Result<(), Stop> {
    let mut moved = Moved::new(rules);
    for basis in Basis::ALL {
        let before = before.and_then(|counted| counted.on(basis, rules));
        let after = after.and_then(|counted| counted.on(basis, rules));
        if before == after {
            continue;
        }
        if let Some((unit, sheet)) = before {
            moved.change(draft, basis, unit, &sheet, Sign::Remove)?;
        }
        if let Some((unit, sheet)) = after {
            moved.change(draft, basis, unit, &sheet, Sign::Add)?;
        }
    }
    moved.write(draft);
    move_held(
        draft,
        before.and_then(Counted::held_in),
        after.and_then(Counted::held_in),
    )?;
    Ok(())
}

fn move_held<T: Tables>(
    draft: &mut Draft<'_, T>,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
) -> Result<(), Fault> {
    if before == after {
        return Ok(());
    }
    if let Some(key) = before {
        count_held(draft, key, |held| held.checked_sub(1))?;
    }
    if let Some(key) = after {
        count_held(draft, key, |held| held.checked_add(1))?;
    }
    Ok(())
}

fn count_held<T: Tables>(
    draft: &mut Draft<'_, T>,
    key: Vec<u8>,
    by_one: impl FnOnce(u64) -> Option<u64>,
) -> Result<(), Fault> {
    let held = rows::row(draft, Table::AreaHeld, &key, rows::decode_number)?.unwrap_or(0);
    match by_one(held) {
        Some(0) => draft.delete(Table::AreaHeld, key),
        Some(held) => draft.put(Table::AreaHeld, key, rows::number_key(held)),
        None => return Err(corrupt(Table::AreaHeld, "counts below nothing")),
    }
    Ok(())
}

/// The tables of sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Area {
    County,
    Pool,
    Precincts,
}

impl Area {
    const fn table(self) -> Table {
        match self {
            Self::County => Table::CountyTotal,
            Self::Pool => Table::PoolTotal,
            Self::Precincts => Table::PrecinctsTotal,
        }
    }
}

/// One of their rows.
#[derive(Debug)]
enum Sum {
    County(CountyTotal),
    Pool(PoolTotal),
    Precincts(PrecinctsTotal),
}

/// What the sums need to know of a precinct's county.
#[derive(Debug)]
struct Ground {
    ratio: Ratio,
    district: Option<DistrictId>,
}

/// The rows that one unit's move changes, each read once and written once.
#[derive(Debug)]
struct Moved<'m> {
    rules: &'m Rules,
    grounds: BTreeMap<CountyId, Ground>,
    sums: BTreeMap<(Area, Vec<u8>), Sum>,
}

impl<'m> Moved<'m> {
    const fn new(rules: &'m Rules) -> Self {
        Self {
            rules,
            grounds: BTreeMap::new(),
            sums: BTreeMap::new(),
        }
    }

    fn change<T: Tables>(
        &mut self,
        draft: &Draft<'_, T>,
        basis: Basis,
        unit: &Unit,
        sheet: &BasisSheet<'_>,
        sign: Sign,
    ) -> Result<(), Stop> {
        let rules = self.rules;
        match &unit.kind {
            Kind::Satellite { pool } => {
                let key = sum_key(basis, pool.as_str());
                self.change_row(draft, Area::Pool, key, |sum| match sum {
                    Sum::Pool(total) => total.change(sheet, rules, sign),
                    Sum::County(_) | Sum::Precincts(_) => Err(TotalsError::NotCounted),
                })
            }
            Kind::Precinct { county, .. } => {
                let key = sum_key(basis, county.as_str());
                self.change_row(draft, Area::County, key, |sum| match sum {
                    Sum::County(total) => total.change(sheet, rules, sign),
                    Sum::Pool(_) | Sum::Precincts(_) => Err(TotalsError::NotCounted),
                })?;
                let ground = match self.grounds.remove(county) {
                    Some(ground) => ground,
                    None => ground(draft, county)?,
                };
                let district = ground.district.as_ref().map(DistrictId::as_str);
                for id in district.into_iter().chain([""]) {
                    let key = sum_key(basis, id);
                    self.change_row(draft, Area::Precincts, key, |sum| match sum {
                        Sum::Precincts(total) => total.change(sheet, &ground.ratio, rules, sign),
                        Sum::County(_) | Sum::Pool(_) => Err(TotalsError::NotCounted),
                    })?;
                }
                self.grounds.insert(county.clone(), ground);
                Ok(())
            }
        }
    }

    fn change_row<T: Tables>(
        &mut self,
        draft: &Draft<'_, T>,
        area: Area,
        key: Vec<u8>,
        change: impl FnOnce(&mut Sum) -> Result<(), TotalsError>,
    ) -> Result<(), Stop> {
        let place = (area, key);
        let mut sum = match self.sums.remove(&place) {
            Some(sum) => sum,
            None => Sum::read(draft, area, &place.1)?,
        };
        change(&mut sum).map_err(|error| stop(area.table(), error))?;
        self.sums.insert(place, sum);
        Ok(())
    }

    fn write<T: Tables>(self, draft: &mut Draft<'_, T>) {
        for ((area, key), sum) in self.sums {
            match sum.encode() {
                Some(row) => draft.put(area.table(), key, row),
                None => draft.delete(area.table(), key),
            }
        }
    }
}

impl Sum {
    fn read<T: Tables>(tables: &T, area: Area, key: &[u8]) -> Result<Self, Fault> {
        let table = area.table();
        Ok(match area {
            Area::County => {
                Self::County(rows::row(tables, table, key, decode_county)?.unwrap_or_default())
            }
            Area::Pool => {
                Self::Pool(rows::row(tables, table, key, decode_pool)?.unwrap_or_default())
            }
            Area::Precincts => {
                let row = rows::row(tables, table, key, decode_precincts)?;
                Self::Precincts(row.unwrap_or_default())
            }
        })
    }

    /// The row's bytes; none where nothing is counted.
    fn encode(&self) -> Option<Vec<u8>> {
        match self {
            Self::County(total) => (total.units > 0).then(|| encode_county(total)),
            Self::Pool(total) => (total.units > 0).then(|| encode_pool(total)),
            Self::Precincts(total) => (total.units > 0).then(|| encode_precincts(total)),
        }
    }
}

fn ground<T: Tables>(tables: &T, county: &CountyId) -> Result<Ground, Fault> {
    let key = county.as_str().as_bytes();
    let county = rows::row(tables, Table::County, key, |line| {
        County::parse_line(rows::decode_text(line)?).map_err(|_| "a county's line")
    })?
    .ok_or(corrupt(Table::County, "a precinct's county is missing"))?;
    let ratio = rows::scale(tables)?
        .and_then(|scale| scale.ratio(&county))
        .ok_or(corrupt(Table::Meta, "a county is not of the scale"))?;
    Ok(Ground {
        ratio,
        district: county.district,
    })
}

const fn corrupt(table: Table, what: What) -> Fault {
    Fault::Corrupt { table, what }
}

/// All sums on one basis, as their rows have them.
pub(crate) fn read<T: Tables>(tables: &T, basis: Basis) -> Result<Totals, Fault> {
    let prefix = [number_of(basis)];
    let counties = rows::rows_under(tables, Table::CountyTotal, &prefix, |key, value| {
        let id = CountyId::parse(rows::decode_text(key)?).map_err(|_| "a county's id")?;
        Ok((id, decode_county(value)?))
    })?;
    let pools = rows::rows_under(tables, Table::PoolTotal, &prefix, |key, value| {
        let id = PoolId::parse(rows::decode_text(key)?).map_err(|_| "a pool's id")?;
        Ok((id, decode_pool(value)?))
    })?;
    let mut totals = Totals {
        counties: counties.into_iter().collect(),
        pools: pools.into_iter().collect(),
        ..Totals::default()
    };
    for (id, total) in rows::rows_under(tables, Table::PrecinctsTotal, &prefix, |key, value| {
        Ok((
            rows::decode_text(key)?.to_string(),
            decode_precincts(value)?,
        ))
    })? {
        if id.is_empty() {
            totals.precincts = total;
        } else {
            let id = DistrictId::parse(&id)
                .map_err(|_| corrupt(Table::PrecinctsTotal, "a district's id"))?;
            totals.districts.insert(id, total);
        }
    }
    Ok(totals)
}

/// What the sums on one basis are worth; none before the first manifest.
pub(crate) fn results<T: Tables>(tables: &T, basis: Basis) -> Result<Option<Results>, Stop> {
    let (Some(scale), Some(rules)) = (rows::scale(tables)?, rows::rules(tables)?) else {
        return Ok(None);
    };
    let counties = rows::counties(tables)?;
    let mut totals = read(tables, basis)?;
    share_attendance(tables, &mut totals)?;
    let results = totals.results(basis, &counties, &rules, &scale);
    results
        .map(Some)
        .map_err(|error| stop(Table::CountyTotal, error))
}

/// Gives each pool of some of the heads the attendance of all of its heads: a site is worth its share
/// of the whole pool (R9), also where only verified or released sites are added up.
pub(crate) fn share_attendance<T: Tables>(tables: &T, totals: &mut Totals) -> Result<(), Fault> {
    for (id, pool) in &mut totals.pools {
        let key = sum_key(Basis::Reported, id.as_str());
        if let Some(whole) = rows::row(tables, Table::PoolTotal, &key, decode_pool)? {
            pool.attendees = whole.attendees;
        }
    }
    Ok(())
}

/// How many units of a county have a head.
pub(crate) fn reported_of<T: Tables>(tables: &T, county: &CountyId) -> Result<u64, Fault> {
    let key = sum_key(Basis::Reported, county.as_str());
    let total = rows::row(tables, Table::CountyTotal, &key, decode_county)?;
    Ok(total.map_or(0, |total| total.units))
}

/// How many units are held, by county and by pool; those without any are left out.
pub(crate) fn held<T: Tables>(tables: &T) -> Result<HeldUnits, Fault> {
    let counties = rows::rows_under(tables, Table::AreaHeld, &[HELD_COUNTY], |key, value| {
        let id = CountyId::parse(rows::decode_text(key)?).map_err(|_| "a county's id")?;
        Ok((id, rows::decode_number(value)?))
    })?;
    let pools = rows::rows_under(tables, Table::AreaHeld, &[HELD_POOL], |key, value| {
        let id = PoolId::parse(rows::decode_text(key)?).map_err(|_| "a pool's id")?;
        Ok((id, rows::decode_number(value)?))
    })?;
    Ok(HeldUnits {
        counties: counties.into_iter().collect(),
        pools: pools.into_iter().collect(),
    })
}

const HELD_COUNTY: u8 = 0;
const HELD_POOL: u8 = 1;

fn held_key(unit: &Unit) -> Vec<u8> {
    let (area, id) = match &unit.kind {
        Kind::Precinct { county, .. } => (HELD_COUNTY, county.as_str()),
        Kind::Satellite { pool } => (HELD_POOL, pool.as_str()),
    };
    let mut key = Writer::new();
    key.small(area).fixed(id.as_bytes());
    key.finish()
}

const fn number_of(basis: Basis) -> u8 {
    match basis {
        Basis::Reported => 0,
        Basis::Recomputed => 1,
        Basis::Verified => 2,
    }
}

fn sum_key(basis: Basis, id: &str) -> Vec<u8> {
    let mut key = Writer::new();
    key.small(number_of(basis)).fixed(id.as_bytes());
    key.finish()
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
        TotalsError::NotCounted => corrupt(table, "a head is missing from its sum").into(),
        TotalsError::UnknownCounty => corrupt(table, "a precinct's county is missing").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::{Changes, Row};
    use crate::memory::Memory;
    use alloc::vec;
    use caucus::{
        Delegates, FinalAlignment, FinalTotal, FirstAlignment, FirstTotal, GroupId, GroupTotal,
        People, Reported, Scale,
    };

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

    fn received<'a>(unit: &'a Unit, worksheet: &'a Worksheet) -> Counted<'a> {
        Counted {
            unit,
            worksheet,
            standing: Standing::Received,
        }
    }

    #[test]
    fn a_sum_of_any_64_bits_reads_back() {
        for number in [0, 1, caucus::MAX_WRITTEN, caucus::MAX_WRITTEN + 1, u64::MAX] {
            let total = GroupTotal {
                first: FirstTotal::of_sum(People::of_sum(number)),
                last: FinalTotal::default(),
                delegates: Delegates::ZERO,
            };
            let county = CountyTotal {
                units: 1,
                groups: vec![total],
            };
            assert_eq!(decode_county(&encode_county(&county)), Ok(county.clone()));
            assert_eq!(county.groups[0].first.get(), number);
        }
    }

    /// A county whose sum is nearly full: the sheet that no longer fits is refused, and the sums
    /// stay what they were.
    #[test]
    fn a_sheet_that_would_wrap_a_sum_is_refused() {
        let unit = Unit::parse_line("unit P-1 precinct C1 4 One").unwrap();
        let rules = Rules::iowa_2020();
        let nearly = People::of_sum(u64::MAX - 10);
        let place = rules
            .groups()
            .iter()
            .position(|one| one.id == group())
            .unwrap();
        let mut county = CountyTotal {
            units: 1,
            groups: vec![GroupTotal::default(); rules.groups().len()],
        };
        county.groups[place].first = FirstTotal::of_sum(nearly);
        let mut state = Memory::new();
        let line = County::parse_line("county C1 51 4 3 Adair").unwrap();
        let scale = Scale::of([&line]).to_bytes();
        let rows = [
            (Table::Meta, rows::META_SCALE.to_vec(), scale),
            (Table::County, b"C1".to_vec(), line.to_line().into_bytes()),
            (Table::CountyTotal, b"\0C1".to_vec(), encode_county(&county)),
        ];
        let rows = rows.map(|(table, key, value)| Row {
            table,
            key,
            value: Some(value),
        });
        state.absorb(Changes { rows: rows.into() });
        let mut draft = Draft::new(&state);
        let refused = move_unit(&mut draft, &rules, None, Some(received(&unit, &sheet(11))));
        assert!(
            matches!(refused, Err(Stop::Refused(Refusal::Malformed { .. }))),
            "{refused:?}"
        );
        assert!(draft.into_changes().is_empty());
        let mut draft = Draft::new(&state);
        assert!(move_unit(&mut draft, &rules, None, Some(received(&unit, &sheet(10)))).is_ok());
    }

    #[test]
    fn taking_the_last_sheet_away_leaves_no_row() {
        let unit = Unit::parse_line("unit S-1 satellite CD1 One").unwrap();
        let rules = Rules::iowa_2020();
        let state = Memory::new();
        let mut draft = Draft::new(&state);
        let sheet = sheet(25);
        let counted = Some(received(&unit, &sheet));
        move_unit(&mut draft, &rules, None, counted).unwrap();
        for basis in Basis::ALL {
            let units = read(&draft, basis).unwrap().units();
            assert_eq!(units, u64::from(basis != Basis::Verified), "{basis}");
        }
        let verified = counted.map(|counted| Counted {
            standing: Standing::Verified,
            ..counted
        });
        move_unit(&mut draft, &rules, counted, verified).unwrap();
        assert_eq!(read(&draft, Basis::Verified).unwrap().units(), 1);
        move_unit(&mut draft, &rules, verified, None).unwrap();
        for basis in Basis::ALL {
            assert_eq!(read(&draft, basis).unwrap(), Totals::default());
        }
        let missing = move_unit(&mut draft, &rules, counted, None);
        assert!(
            matches!(missing, Err(Stop::Fault(Fault::Corrupt { .. }))),
            "{missing:?}"
        );
    }
}

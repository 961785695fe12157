//! Sums of sheets by county and by satellite pool, and what they are worth (R9 to R11).
//!
//! A sum is kept as integers only; state delegate equivalents are derived when read. Adding a sheet
//! and taking it away again leaves nothing behind, and the order of sheets does not matter: two
//! totals of the same sheets are equal value by value. A row that is all zeros is not kept.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::count::{Delegates, People};
use crate::delegates::delegates_to_elect;
use crate::id::{CountyId, GroupId, PoolId};
use crate::roster::{Kind, Roster, Unit};
use crate::rules::Rules;
use crate::sde::Sde;
use crate::worksheet::Worksheet;

/// Why a sheet cannot be added or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TotalsError {
    /// A sum is beyond 64 bits: at least two thousand sheets that each write the largest number.
    #[error("a total is beyond 64 bits")]
    TooLarge,
    /// The sheet to take away was never added.
    #[error("a sheet is taken away that was not counted")]
    NotCounted,
}

/// The sums of one group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupTotal {
    /// First alignment.
    pub first: People,
    /// Final alignment.
    pub last: People,
    /// Delegates as reported.
    pub delegates: Delegates,
}

/// The sums of one county's precincts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountyTotal {
    /// Precincts counted.
    pub units: u64,
    /// Sums by group; a group without any has no row.
    pub groups: BTreeMap<GroupId, GroupTotal>,
}

/// The sums of one pool's satellites.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolTotal {
    /// Sites counted.
    pub units: u64,
    /// Attendance of all sites counted.
    pub attendees: People,
    /// Sums by group; a group without any has no row.
    pub groups: BTreeMap<GroupId, GroupTotal>,
    /// What R9 needs besides: by group and by the site's delegates to elect, the sum over the sites
    /// of attendance times the group's delegates.
    pub weighted: BTreeMap<(GroupId, Delegates), u128>,
}

/// All sums of one contest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// By county; a county without a counted precinct has no row.
    pub counties: BTreeMap<CountyId, CountyTotal>,
    /// By pool; a pool without a counted site has no row.
    pub pools: BTreeMap<PoolId, PoolTotal>,
}

/// One group's published row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRow {
    /// The group.
    pub group: GroupId,
    /// First alignment.
    pub first: People,
    /// Final alignment.
    pub last: People,
    /// Delegates as reported: to the county convention, or of a satellite.
    pub delegates: Delegates,
    /// State delegate equivalents.
    pub sde: Sde,
}

/// All published rows, every group of the rules in each list, ascending by group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The whole contest.
    pub statewide: Vec<ResultRow>,
    /// By county, only those with a counted precinct.
    pub counties: BTreeMap<CountyId, Vec<ResultRow>>,
    /// By pool, only those with a counted site.
    pub pools: BTreeMap<PoolId, Vec<ResultRow>>,
}

/// Whether a sheet is added or taken away.
#[derive(Clone, Copy)]
enum Sign {
    Add,
    Remove,
}

impl Sign {
    fn people(self, total: People, count: People) -> Result<People, TotalsError> {
        match self {
            Self::Add => total.checked_add(count).ok_or(TotalsError::TooLarge),
            Self::Remove => total.checked_sub(count).ok_or(TotalsError::NotCounted),
        }
    }

    fn delegates(self, total: Delegates, count: Delegates) -> Result<Delegates, TotalsError> {
        match self {
            Self::Add => total.checked_add(count).ok_or(TotalsError::TooLarge),
            Self::Remove => total.checked_sub(count).ok_or(TotalsError::NotCounted),
        }
    }

    fn weight(self, total: u128, weight: u128) -> Result<u128, TotalsError> {
        match self {
            Self::Add => total.checked_add(weight).ok_or(TotalsError::TooLarge),
            Self::Remove => total.checked_sub(weight).ok_or(TotalsError::NotCounted),
        }
    }

    fn units(self, total: u64) -> Result<u64, TotalsError> {
        match self {
            Self::Add => total.checked_add(1).ok_or(TotalsError::TooLarge),
            Self::Remove => total.checked_sub(1).ok_or(TotalsError::NotCounted),
        }
    }
}

fn change_groups(
    totals: &mut BTreeMap<GroupId, GroupTotal>,
    worksheet: &Worksheet,
    sign: Sign,
) -> Result<(), TotalsError> {
    let listed = worksheet.first.groups();
    let listed = listed.chain(worksheet.last.groups());
    let listed: alloc::collections::BTreeSet<&GroupId> =
        listed.chain(worksheet.reported.groups()).collect();
    for group in listed {
        let old = totals.get(group).copied().unwrap_or_default();
        let new = GroupTotal {
            first: sign.people(old.first, worksheet.first.get(group))?,
            last: sign.people(old.last, worksheet.last.get(group))?,
            delegates: sign.delegates(old.delegates, worksheet.reported.get(group))?,
        };
        if new == GroupTotal::default() {
            totals.remove(group);
        } else {
            totals.insert(group.clone(), new);
        }
    }
    Ok(())
}

impl CountyTotal {
    /// Adds a precinct's sheet. On an error the total is no longer of use.
    pub fn add(&mut self, worksheet: &Worksheet) -> Result<(), TotalsError> {
        self.change(worksheet, Sign::Add)
    }

    /// Takes a precinct's sheet away. On an error the total is no longer of use.
    pub fn remove(&mut self, worksheet: &Worksheet) -> Result<(), TotalsError> {
        self.change(worksheet, Sign::Remove)
    }

    fn change(&mut self, worksheet: &Worksheet, sign: Sign) -> Result<(), TotalsError> {
        self.units = sign.units(self.units)?;
        change_groups(&mut self.groups, worksheet, sign)
    }

    fn rows(&self, rules: &Rules, worth: impl Fn(Delegates) -> Sde) -> Vec<ResultRow> {
        rows(rules, &self.groups, |_, delegates| worth(delegates))
    }
}

impl PoolTotal {
    /// Adds a site's sheet. On an error the total is no longer of use.
    pub fn add(&mut self, worksheet: &Worksheet, rules: &Rules) -> Result<(), TotalsError> {
        self.change(worksheet, rules, Sign::Add)
    }

    /// Takes a site's sheet away. On an error the total is no longer of use.
    pub fn remove(&mut self, worksheet: &Worksheet, rules: &Rules) -> Result<(), TotalsError> {
        self.change(worksheet, rules, Sign::Remove)
    }

    fn change(
        &mut self,
        worksheet: &Worksheet,
        rules: &Rules,
        sign: Sign,
    ) -> Result<(), TotalsError> {
        self.units = sign.units(self.units)?;
        self.attendees = sign.people(self.attendees, worksheet.attendees)?;
        let elect = rules.satellite_delegates(worksheet.attendees);
        for (group, delegates) in worksheet.reported.iter() {
            let weight = u128::from(worksheet.attendees.get())
                .checked_mul(u128::from(delegates.get()))
                .ok_or(TotalsError::TooLarge)?;
            let key = (group.clone(), elect);
            let old = self.weighted.get(&key).copied().unwrap_or(0);
            match sign.weight(old, weight)? {
                0 => self.weighted.remove(&key),
                new => self.weighted.insert(key, new),
            };
        }
        change_groups(&mut self.groups, worksheet, sign)
    }

    /// What a group's delegates of all sites are worth (R9).
    fn worth(&self, worth: Delegates, group: &GroupId) -> Sde {
        let weights = self.weighted.iter();
        weights
            .filter(|((of, _), _)| of == group)
            .map(|((_, elect), weight)| Sde::pool(worth, *weight, self.attendees, *elect))
            .sum()
    }
}

impl Totals {
    /// Adds a unit's sheet to its county or pool. On an error the totals are no longer of use.
    pub fn add(
        &mut self,
        unit: &Unit,
        worksheet: &Worksheet,
        rules: &Rules,
    ) -> Result<(), TotalsError> {
        match &unit.kind {
            Kind::Precinct { county, .. } => self
                .counties
                .entry(county.clone())
                .or_default()
                .add(worksheet),
            Kind::Satellite { pool } => self
                .pools
                .entry(pool.clone())
                .or_default()
                .add(worksheet, rules),
        }
    }

    /// Takes a unit's sheet away. On an error the totals are no longer of use.
    pub fn remove(
        &mut self,
        unit: &Unit,
        worksheet: &Worksheet,
        rules: &Rules,
    ) -> Result<(), TotalsError> {
        match &unit.kind {
            Kind::Precinct { county, .. } => {
                let total = self
                    .counties
                    .get_mut(county)
                    .ok_or(TotalsError::NotCounted)?;
                total.remove(worksheet)?;
                if total.units == 0 {
                    self.counties.remove(county);
                }
            }
            Kind::Satellite { pool } => {
                let total = self.pools.get_mut(pool).ok_or(TotalsError::NotCounted)?;
                total.remove(worksheet, rules)?;
                if total.units == 0 {
                    self.pools.remove(pool);
                }
            }
        }
        Ok(())
    }

    /// Units counted.
    pub fn units(&self) -> u64 {
        let counties = self.counties.values().map(|county| county.units);
        let pools = self.pools.values().map(|pool| pool.units);
        counties.chain(pools).fold(0, u64::saturating_add)
    }

    /// The published rows. A county that the roster lacks, or a pool that the rules lack, is worth
    /// nothing. The only error is [`TotalsError::TooLarge`].
    pub fn results(&self, roster: &Roster, rules: &Rules) -> Result<Results, TotalsError> {
        let counties: BTreeMap<_, _> = self
            .counties
            .iter()
            .map(|(id, total)| {
                let worth = |delegates| county_worth(roster, id, delegates);
                (id.clone(), total.rows(rules, worth))
            })
            .collect();
        let pools: BTreeMap<_, _> = self
            .pools
            .iter()
            .map(|(id, total)| {
                let pool = rules.pool(id).map_or(Delegates::ZERO, |pool| pool.worth);
                let worth = |group: &GroupId, _| total.worth(pool, group);
                (id.clone(), rows(rules, &total.groups, worth))
            })
            .collect();
        let mut statewide = rows(rules, &BTreeMap::new(), |_, _| Sde::zero());
        for list in counties.values().chain(pools.values()) {
            for (sum, row) in statewide.iter_mut().zip(list) {
                sum.add(row)?;
            }
        }
        Ok(Results {
            statewide,
            counties,
            pools,
        })
    }
}

impl ResultRow {
    fn add(&mut self, other: &Self) -> Result<(), TotalsError> {
        self.first = Sign::Add.people(self.first, other.first)?;
        self.last = Sign::Add.people(self.last, other.last)?;
        self.delegates = Sign::Add.delegates(self.delegates, other.delegates)?;
        self.sde = self.sde.plus(&other.sde);
        Ok(())
    }
}

fn rows(
    rules: &Rules,
    totals: &BTreeMap<GroupId, GroupTotal>,
    worth: impl Fn(&GroupId, Delegates) -> Sde,
) -> Vec<ResultRow> {
    let row = |group: &GroupId| {
        let total = totals.get(group).copied().unwrap_or_default();
        ResultRow {
            group: group.clone(),
            first: total.first,
            last: total.last,
            delegates: total.delegates,
            sde: worth(group, total.delegates),
        }
    };
    rules.groups().iter().map(|group| row(&group.id)).collect()
}

fn county_worth(roster: &Roster, id: &CountyId, delegates: Delegates) -> Sde {
    roster.county(id).map_or_else(Sde::zero, |county| {
        Sde::precinct(delegates, county.state, county.convention)
    })
}

/// What a unit's reported delegates are worth, by group of the sheet. A satellite's depend on the
/// attendance of its whole pool, so one more site changes them all (R9).
pub fn unit_sdes(
    unit: &Unit,
    worksheet: &Worksheet,
    totals: &Totals,
    roster: &Roster,
    rules: &Rules,
) -> BTreeMap<GroupId, Sde> {
    let worth = |delegates| match &unit.kind {
        Kind::Precinct { county, .. } => county_worth(roster, county, delegates),
        Kind::Satellite { pool: id } => {
            let pool = rules.pool(id).map_or(Delegates::ZERO, |pool| pool.worth);
            let attendance = totals
                .pools
                .get(id)
                .map_or(People::ZERO, |pool| pool.attendees);
            let elect = delegates_to_elect(rules, unit, worksheet.attendees);
            Sde::satellite(pool, worksheet.attendees, attendance, delegates, elect)
        }
    };
    worksheet
        .reported
        .iter()
        .map(|(group, delegates)| (group.clone(), worth(delegates)))
        .collect()
}

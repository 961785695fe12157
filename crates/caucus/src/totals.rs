//! Sums of sheets by unit's area: county, satellite pool, district and the whole contest (R9 to R11).
//!
//! A sum is kept as integers only; state delegate equivalents are derived when read. A county keeps
//! delegates, a pool what R9 needs, and a district and the contest the worth of their precincts over
//! the [`Scale`] of all counties; pools are added to these when read, because one more site changes
//! the worth of all. Adding a sheet and taking it away again leaves nothing behind, and the order of
//! sheets does not matter: two totals of the same sheets are equal value by value.
//!
//! Not here: what the sums are worth, see `results.rs`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::basis::{Basis, BasisSheet};
use crate::count::{Delegates, People};
use crate::id::{CountyId, DistrictId, PoolId};
use crate::roster::{County, Kind, Roster, Unit};
use crate::rules::Rules;
use crate::scale::{Ratio, Scale, Scaled};
use crate::standing::Standing;
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
    /// The unit's county is not one of the roster's, or not of the scale.
    #[error("a precinct's county is not known")]
    UnknownCounty,
}

macro_rules! people_totals {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(People);

        impl $name {
            /// The sum, as whoever kept it reads it back.
            pub const fn of_sum(sum: People) -> Self {
                Self(sum)
            }

            /// How many people.
            pub const fn people(self) -> People {
                self.0
            }

            /// The number.
            pub const fn get(self) -> u64 {
                self.0.get()
            }

            /// The sum of two, unless it is beyond 64 bits.
            pub(crate) fn plus(self, other: Self) -> Result<Self, TotalsError> {
                Sign::Add.people(self.0, other.0).map(Self)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

people_totals! {
    /// People of the first alignment, added up: the first of the three data sets.
    FirstTotal;
    /// People of the final alignment, added up: the second of the three data sets.
    FinalTotal;
}

/// The sums of one group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupTotal {
    /// First alignment.
    pub first: FirstTotal,
    /// Final alignment.
    pub last: FinalTotal,
    /// Delegates on the basis of the totals.
    pub delegates: Delegates,
}

/// The sums of one county's precincts. Not kept without a precinct.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountyTotal {
    /// Precincts counted.
    pub units: u64,
    /// Sums by group, in the order of the rules.
    pub groups: Vec<GroupTotal>,
}

/// The sums of one pool's satellites. Not kept without a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolTotal {
    /// Sites counted.
    pub units: u64,
    /// Attendance of all sites counted; before it is worth anything, that of the whole pool.
    pub attendees: People,
    /// Sums by group, in the order of the rules.
    pub groups: Vec<GroupTotal>,
    /// What R9 needs besides, by the delegates that a site elects.
    pub weights: BTreeMap<Delegates, PoolWeight>,
}

/// The sites of a pool that elect the same number of delegates. Not kept without a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolWeight {
    /// Sites counted.
    pub units: u64,
    /// By group, in the order of the rules: the sum over the sites of attendance times delegates.
    pub groups: Vec<u128>,
}

/// The sums of all precincts of a district, or of the contest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrecinctsTotal {
    /// Precincts counted.
    pub units: u64,
    /// Sums by group, in the order of the rules, with their worth over the scale.
    pub groups: Vec<(GroupTotal, Scaled)>,
}

/// All sums of one contest on one basis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// By county; a county without a counted precinct has no row.
    pub counties: BTreeMap<CountyId, CountyTotal>,
    /// By pool; a pool without a counted site has no row.
    pub pools: BTreeMap<PoolId, PoolTotal>,
    /// By district: its precincts, without the pools that count for it. Counties that count for no
    /// district stand in the contest alone.
    pub districts: BTreeMap<DistrictId, PrecinctsTotal>,
    /// All precincts of the contest.
    pub precincts: PrecinctsTotal,
}

/// Whether a sheet is added or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It is added.
    Add,
    /// It was added, and is taken away.
    Remove,
}

impl Sign {
    fn people(self, total: People, count: People) -> Result<People, TotalsError> {
        match self {
            Self::Add => total.checked_add(count).ok_or(TotalsError::TooLarge),
            Self::Remove => total.checked_sub(count).ok_or(TotalsError::NotCounted),
        }
    }

    pub(crate) fn delegates(
        self,
        total: Delegates,
        count: Delegates,
    ) -> Result<Delegates, TotalsError> {
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

    fn scaled(self, total: &mut Scaled, worth: &Scaled) -> Result<(), TotalsError> {
        match self {
            Self::Add => *total = total.plus(worth),
            Self::Remove => *total = total.minus(worth).ok_or(TotalsError::NotCounted)?,
        }
        Ok(())
    }
}

impl GroupTotal {
    fn change(&mut self, cells: &Self, sign: Sign) -> Result<(), TotalsError> {
        self.first = FirstTotal(sign.people(self.first.0, cells.first.0)?);
        self.last = FinalTotal(sign.people(self.last.0, cells.last.0)?);
        self.delegates = sign.delegates(self.delegates, cells.delegates)?;
        Ok(())
    }
}

impl CountyTotal {
    /// Adds a precinct's sheet or takes it away. On an error the total is no longer of use.
    pub fn change(
        &mut self,
        sheet: &BasisSheet<'_>,
        rules: &Rules,
        sign: Sign,
    ) -> Result<(), TotalsError> {
        self.units = sign.units(self.units)?;
        self.groups
            .resize(rules.groups().len(), GroupTotal::default());
        for (total, cells) in self.groups.iter_mut().zip(sheet.cells()) {
            total.change(cells, sign)?;
        }
        Ok(())
    }
}

impl PrecinctsTotal {
    /// Adds a precinct's sheet or takes it away; a delegate of its county is worth `ratio`. On an
    /// error the total is no longer of use.
    pub fn change(
        &mut self,
        sheet: &BasisSheet<'_>,
        ratio: &Ratio,
        rules: &Rules,
        sign: Sign,
    ) -> Result<(), TotalsError> {
        self.units = sign.units(self.units)?;
        self.groups
            .resize_with(rules.groups().len(), Default::default);
        for ((total, worth), cells) in self.groups.iter_mut().zip(sheet.cells()) {
            total.change(cells, sign)?;
            if cells.delegates > Delegates::ZERO {
                sign.scaled(worth, &ratio.times(cells.delegates))?;
            }
        }
        // Without a precinct nothing is left, not even rows of zeros.
        if self.units == 0 {
            self.groups.clear();
        }
        Ok(())
    }

    /// Adds a whole county, whose delegates are worth `ratio` each.
    fn add_county(&mut self, county: &CountyTotal, ratio: &Ratio) -> Result<(), TotalsError> {
        let units = self.units.checked_add(county.units);
        self.units = units.ok_or(TotalsError::TooLarge)?;
        if self.groups.len() < county.groups.len() {
            self.groups
                .resize_with(county.groups.len(), Default::default);
        }
        for ((total, worth), of_county) in self.groups.iter_mut().zip(&county.groups) {
            total.change(of_county, Sign::Add)?;
            Sign::Add.scaled(worth, &ratio.times(of_county.delegates))?;
        }
        Ok(())
    }
}

impl PoolTotal {
    /// Adds a site's sheet or takes it away. On an error the total is no longer of use.
    pub fn change(
        &mut self,
        sheet: &BasisSheet<'_>,
        rules: &Rules,
        sign: Sign,
    ) -> Result<(), TotalsError> {
        let groups = rules.groups().len();
        self.units = sign.units(self.units)?;
        self.attendees = sign.people(self.attendees, sheet.attendees())?;
        self.groups.resize(groups, GroupTotal::default());
        let elect = rules.satellite_delegates(sheet.attendees());
        let weight = self.weights.entry(elect).or_default();
        weight.units = sign.units(weight.units)?;
        weight.groups.resize(groups, 0);
        let totals = self.groups.iter_mut().zip(&mut weight.groups);
        for ((total, weight), cells) in totals.zip(sheet.cells()) {
            total.change(cells, sign)?;
            let attended = u128::from(sheet.attendees().get());
            let product = attended.checked_mul(u128::from(cells.delegates.get()));
            *weight = sign.weight(*weight, product.ok_or(TotalsError::TooLarge)?)?;
        }
        if weight.units == 0 {
            self.weights.remove(&elect);
        }
        Ok(())
    }
}

impl Totals {
    /// The sums of these sheets on one basis. Sheets of units that do not count there are passed over,
    /// but a pool's attendance is that of all its sheets: a site is worth its share of the whole pool
    /// (R9), also where only verified sites are added up.
    pub fn of<'s>(
        basis: Basis,
        rules: &Rules,
        roster: &Roster,
        sheets: impl IntoIterator<Item = (&'s Unit, &'s Worksheet, Standing)>,
    ) -> Result<Self, TotalsError> {
        let (mut counties, mut pools) = (BTreeMap::new(), BTreeMap::new());
        let mut attendance: BTreeMap<&PoolId, People> = BTreeMap::new();
        for (unit, worksheet, standing) in sheets {
            let counted = basis.sheet(rules, unit, worksheet, standing);
            match &unit.kind {
                Kind::Precinct { county, .. } => {
                    if let Some(sheet) = counted {
                        let total: &mut CountyTotal = counties.entry(county.clone()).or_default();
                        total.change(&sheet, rules, Sign::Add)?;
                    }
                }
                Kind::Satellite { pool } => {
                    let sum = attendance.entry(pool).or_default();
                    *sum = Sign::Add.people(*sum, worksheet.attendees)?;
                    if let Some(sheet) = counted {
                        let total: &mut PoolTotal = pools.entry(pool.clone()).or_default();
                        total.change(&sheet, rules, Sign::Add)?;
                    }
                }
            }
        }
        for (id, total) in &mut pools {
            total.attendees = attendance.get(id).copied().unwrap_or(total.attendees);
        }
        Self::of_areas(counties, pools, roster, &Scale::of(roster.counties()))
    }

    /// The totals of these counties and pools: districts and contest follow from the counties.
    pub fn of_areas(
        counties: BTreeMap<CountyId, CountyTotal>,
        pools: BTreeMap<PoolId, PoolTotal>,
        roster: &Roster,
        scale: &Scale,
    ) -> Result<Self, TotalsError> {
        let mut totals = Self {
            counties,
            pools,
            ..Self::default()
        };
        for (id, total) in &totals.counties {
            let county = roster.county(id).ok_or(TotalsError::UnknownCounty)?;
            let ratio = scale.ratio(county).ok_or(TotalsError::UnknownCounty)?;
            if let Some(district) = &county.district {
                let sums = totals.districts.entry(district.clone()).or_default();
                sums.add_county(total, &ratio)?;
            }
            totals.precincts.add_county(total, &ratio)?;
        }
        Ok(totals)
    }

    /// Adds a unit's sheet to all its sums. On an error the totals are no longer of use.
    pub fn add(
        &mut self,
        unit: &Unit,
        sheet: &BasisSheet<'_>,
        rules: &Rules,
        roster: &Roster,
        scale: &Scale,
    ) -> Result<(), TotalsError> {
        match &unit.kind {
            Kind::Precinct { county, .. } => {
                let county = roster.county(county).ok_or(TotalsError::UnknownCounty)?;
                self.change_precinct(county, sheet, rules, scale, Sign::Add)
            }
            Kind::Satellite { pool } => {
                let total = self.pools.entry(pool.clone()).or_default();
                total.change(sheet, rules, Sign::Add)
            }
        }
    }

    /// Takes a unit's sheet away. On an error the totals are no longer of use.
    pub fn remove(
        &mut self,
        unit: &Unit,
        sheet: &BasisSheet<'_>,
        rules: &Rules,
        roster: &Roster,
        scale: &Scale,
    ) -> Result<(), TotalsError> {
        match &unit.kind {
            Kind::Precinct { county, .. } => {
                let county = roster.county(county).ok_or(TotalsError::UnknownCounty)?;
                self.change_precinct(county, sheet, rules, scale, Sign::Remove)?;
                self.counties.retain(|_, total| total.units > 0);
                self.districts.retain(|_, total| total.units > 0);
            }
            Kind::Satellite { pool } => {
                let total = self.pools.get_mut(pool).ok_or(TotalsError::NotCounted)?;
                total.change(sheet, rules, Sign::Remove)?;
                self.pools.retain(|_, total| total.units > 0);
            }
        }
        Ok(())
    }

    fn change_precinct(
        &mut self,
        county: &County,
        sheet: &BasisSheet<'_>,
        rules: &Rules,
        scale: &Scale,
        sign: Sign,
    ) -> Result<(), TotalsError> {
        let ratio = scale.ratio(county).ok_or(TotalsError::UnknownCounty)?;
        let total = self.counties.entry(county.id.clone()).or_default();
        total.change(sheet, rules, sign)?;
        if let Some(district) = &county.district {
            let total = self.districts.entry(district.clone()).or_default();
            total.change(sheet, &ratio, rules, sign)?;
        }
        self.precincts.change(sheet, &ratio, rules, sign)
    }

    /// Units counted.
    pub fn units(&self) -> u64 {
        let pools = self.pools.values().map(|pool| pool.units);
        pools.fold(self.precincts.units, u64::saturating_add)
    }
}

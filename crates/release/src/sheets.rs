//! The sheets behind a snapshot: what chairs must have reported for these figures to be published.

use std::collections::BTreeMap;

use caucus::{
    County, Delegates, Finding, Kind, People, Pool, PoolId, PublishedSite, Reported, Roster, Rules,
    Unit, UnitId, Worksheet, published_precinct, published_site,
};

use crate::pools;
use crate::published::Published;
use crate::snapshot::Snapshot;
use crate::worth::Worth;

/// A snapshot's sheets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheets {
    /// By unit, every unit that the snapshot shows.
    pub units: BTreeMap<UnitId, Worksheet>,
    /// The attendance that each pool's published figures were divided by.
    pub pools: BTreeMap<PoolId, People>,
    /// What is wrong with a unit's published equivalents.
    pub findings: BTreeMap<UnitId, Finding>,
}

impl Sheets {
    /// The sheets of a snapshot that was read with this roster and these rules.
    pub fn infer(rules: &Rules, roster: &Roster, snapshot: &Snapshot) -> Self {
        let mut sheets = Self {
            units: BTreeMap::new(),
            pools: pools::attendance(rules, roster, snapshot),
            findings: BTreeMap::new(),
        };
        for (id, published) in &snapshot.units {
            if let Some(unit) = roster.unit(id) {
                sheets.add(rules, roster, unit, published);
            }
        }
        sheets
    }

    fn add(&mut self, rules: &Rules, roster: &Roster, unit: &Unit, published: &Published) {
        let behind = match &unit.kind {
            Kind::Precinct { county, .. } => roster
                .county(county)
                .map(|county| precinct(county, published)),
            Kind::Satellite { pool } => rules.pool(pool).map(|pool| {
                let all = self.pools.get(&pool.id).copied().unwrap_or_default();
                site(rules, pool, all, published)
            }),
        };
        // A roster has its precincts' counties, and places are read with the rules' pools.
        let Some(behind) = behind else { return };
        if let Some(finding) = behind.finding {
            self.findings.insert(unit.id.clone(), finding);
        }
        let sheet = worksheet(published, behind.attendees, behind.given);
        self.units.insert(unit.id.clone(), sheet);
    }
}

/// What stands behind a unit's published figures.
struct Behind {
    attendees: People,
    given: Reported,
    finding: Option<Finding>,
}

fn precinct(county: &County, published: &Published) -> Behind {
    let attendees = published.counted();
    match published_precinct(county, &published.cells) {
        Ok(given) => Behind {
            attendees,
            given,
            finding: None,
        },
        Err(finding) => {
            let worth = Worth::new([county.state.get(), 1], [county.convention.get(), 1]);
            Behind {
                attendees,
                given: nearest(worth, published),
                finding: Some(finding),
            }
        }
    }
}

fn site(rules: &Rules, pool: &Pool, all: People, published: &Published) -> Behind {
    let site = published_site(rules, pool, all, &[], &published.cells);
    let finding = site.finding();
    let counted = published.counted();
    let (attendees, given) = match site {
        PublishedSite::AsCounted { given } | PublishedSite::Stale { given, .. } => (counted, given),
        PublishedSite::OtherAttendance {
            given, attendees, ..
        } => (attendees, given),
        PublishedSite::NotMultiple => {
            let elect = rules.satellite_delegates(counted).get();
            let above = [pool.worth.get(), counted.get()];
            let worth = Worth::new(above, [all.get(), elect]);
            (counted, nearest(worth, published))
        }
    };
    Behind {
        // What a file says of its own stands.
        attendees: published.attendees.unwrap_or(attendees),
        given,
        finding,
    }
}

/// The nearest whole delegates, where no whole number is worth what was published.
fn nearest(worth: Option<Worth>, published: &Published) -> Reported {
    let count = |sde| worth.and_then(|worth| worth.nearest(sde));
    let cells = published.cells.iter();
    cells
        .map(|(group, cell)| (group.clone(), count(cell.sde).unwrap_or(Delegates::ZERO)))
        .collect()
}

fn worksheet(published: &Published, attendees: People, reported: Reported) -> Worksheet {
    let cells = || published.cells.iter();
    Worksheet {
        attendees,
        first: cells()
            .map(|(group, cell)| (group.clone(), cell.first))
            .collect(),
        last: cells()
            .map(|(group, cell)| (group.clone(), cell.last))
            .collect(),
        reported,
        ties: Vec::new(),
    }
}

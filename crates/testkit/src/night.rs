//! A night: who reports, what they report, and when it arrives.

use std::collections::BTreeMap;
use std::path::Path;

use caucus::{Roster, Rules, Unit, UnitId, Worksheet};
use release::{Places, Published, ReleaseError, Sheets, Snapshot, arrivals, numbered};

use crate::places;
use crate::random::Random;
use crate::rooms;
use crate::slips::{self, Slip};

/// All reports of one night, with the files fixed before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Night {
    /// The rules.
    pub rules: Rules,
    /// Counties and units.
    pub roster: Roster,
    /// One report a unit, in the order of arrival.
    pub reports: Vec<Report>,
    /// What was published, by unit; nothing for a generated night.
    pub published: BTreeMap<UnitId, Published>,
}

/// One unit's sheet and when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The unit.
    pub unit: UnitId,
    /// The chair's sheet.
    pub worksheet: Worksheet,
    /// Milliseconds from the first moment a report can arrive.
    pub arrival_ms: u64,
    /// The contradiction that was put into the sheet on purpose, if one was.
    pub slip: Option<Slip>,
}

/// How large a generated night is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Precincts.
    pub precincts: u64,
    /// Counties: at least one, at most 99, at most one a precinct.
    pub counties: u64,
    /// Satellites.
    pub satellites: u64,
    /// How many sheets in a thousand contradict the rules. In 2020 it was 126 of a thousand.
    pub slips_per_mille: u64,
}

impl Scale {
    /// The size of 2020: 1,678 precincts in 99 counties and 87 satellites.
    pub const fn iowa_2020() -> Self {
        Self {
            precincts: 1678,
            counties: 99,
            satellites: 87,
            slips_per_mille: 126,
        }
    }

    /// This many units in the proportions of 2020, at least one of them a precinct.
    pub fn units(units: u64) -> Self {
        let whole = Self::iowa_2020();
        let satellites = (units * whole.satellites).div_ceil(whole.precincts + whole.satellites);
        let satellites = satellites.min(units.saturating_sub(1));
        let precincts = units.max(1) - satellites;
        let counties = (precincts * whole.counties).div_ceil(whole.precincts);
        Self {
            precincts,
            counties: counties.clamp(1, whole.counties),
            satellites,
            ..whole
        }
    }

    /// The same size with this share of contradictions.
    #[must_use]
    pub const fn with_slips_per_mille(self, slips_per_mille: u64) -> Self {
        Self {
            slips_per_mille,
            ..self
        }
    }
}

impl Night {
    /// A generated night. The same seed and scale make the same night, to the last count.
    pub fn generate(seed: u64, scale: &Scale) -> Self {
        let rules = Rules::iowa_2020();
        let places = places::generate(seed, scale);
        let mut alignments = Random::fork(seed, "alignments");
        let mut slipping = Random::fork(seed, "slips");
        let mut arriving = Random::fork(seed, "arrivals");
        let mut reports: Vec<Report> = places
            .sizes
            .iter()
            .map(|(id, attendees)| {
                let unit = places.roster.unit(id).expect("a size is of a unit");
                let mut worksheet = rooms::fill(&mut alignments, &rules, unit, *attendees);
                let slip = if slipping.chance(scale.slips_per_mille) {
                    slips::slip(&mut slipping, &rules, unit, &mut worksheet)
                } else {
                    None
                };
                Report {
                    unit: id.clone(),
                    worksheet,
                    arrival_ms: arrival(&mut arriving),
                    slip,
                }
            })
            .collect();
        reports.sort_by_key(|report| report.arrival_ms);
        Self {
            rules,
            roster: places.roster,
            reports,
            published: BTreeMap::new(),
        }
    }

    /// A night of `units` units, always the same for the same number.
    pub fn small(units: u64) -> Self {
        Self::generate(2020, &Scale::units(units))
    }

    /// The night of the published releases: `dir` holds `precincts.csv`, `counties.csv` and
    /// `snapshots/`, of which the last in the order of names is read.
    pub fn from_release(dir: &Path) -> Result<Self, ReleaseError> {
        let rules = Rules::iowa_2020_published();
        let places = Places::read(dir, &rules)?;
        let files = numbered(&dir.join("snapshots"))?;
        let last = files.last().expect("`numbered` refuses an empty folder");
        let snapshot = Snapshot::read(last, &places, &rules)?;
        let mut sheets = Sheets::infer(&rules, &places.roster, &snapshot).units;
        let report = |arrival: release::Arrival| Report {
            worksheet: sheets
                .remove(&arrival.unit)
                .expect("every unit of a snapshot has a sheet"),
            unit: arrival.unit,
            arrival_ms: arrival.ms,
            slip: None,
        };
        Ok(Self {
            reports: arrivals(&snapshot).into_iter().map(report).collect(),
            rules,
            roster: places.roster,
            published: snapshot.units,
        })
    }

    /// The unit of a report.
    pub fn unit(&self, report: &Report) -> &Unit {
        self.roster
            .unit(&report.unit)
            .expect("every report is of a unit of the roster")
    }
}

/// Most reports come within the first hour, around its middle; the rest trickle in over three more.
fn arrival(random: &mut Random) -> u64 {
    const MINUTE: u64 = 60_000;
    match random.below(100) {
        0..80 => (0..3).map(|_| random.below(20 * MINUTE)).sum(),
        80..95 => 60 * MINUTE + random.below(60 * MINUTE),
        _ => 120 * MINUTE + random.below(120 * MINUTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caucus::{FindingCode, Kind, Severity, findings, permitted};

    #[test]
    fn a_seed_repeats_everything_and_another_does_not() {
        let scale = Scale::units(60);
        let night = Night::generate(7, &scale);
        assert_eq!(night, Night::generate(7, &scale));
        assert_ne!(night, Night::generate(8, &scale));
    }

    #[test]
    fn a_night_of_2020_s_size_has_its_shape() {
        let night = Night::generate(1, &Scale::iowa_2020());
        assert_eq!(night.reports.len(), 1765);
        assert_eq!(night.roster.unit_count(), 1765);
        assert_eq!(night.roster.counties().count(), 99);
        assert!(night.roster.unknown_pool(&night.rules).is_none());
        let mut elects: Vec<u64> = night
            .roster
            .units()
            .filter_map(|unit| match &unit.kind {
                Kind::Precinct { delegates, .. } => Some(delegates.get()),
                Kind::Satellite { .. } => None,
            })
            .collect();
        elects.sort_unstable();
        assert_eq!(
            (elects.len(), elects[839], elects[0], elects[1677]),
            (1678, 6, 1, 36)
        );
        assert_eq!(elects.iter().filter(|count| **count == 1).count(), 121);
        let mut pools: BTreeMap<String, u64> = BTreeMap::new();
        for unit in night.roster.units() {
            if let Kind::Satellite { pool } = &unit.kind {
                *pools.entry(pool.to_string()).or_default() += 1;
            }
        }
        let pools: Vec<u64> = pools.into_values().collect();
        assert_eq!(pools, [12, 17, 20, 11, 27]);
        // Ratios times ten thousand; 2020 spanned 300 to 4,395.
        let ratios = night
            .roster
            .counties()
            .map(|county| 10_000 * county.state.get() / county.convention.get());
        let (low, high) = ratios.fold((u64::MAX, 0), |(low, high), ratio| {
            (low.min(ratio), high.max(ratio))
        });
        assert!(
            (200..600).contains(&low) && (3900..=4500).contains(&high),
            "{low} {high}"
        );
        let people: u64 = night
            .reports
            .iter()
            .map(|report| report.worksheet.attendees.get())
            .sum();
        assert!((120_000..240_000).contains(&people), "{people}");
        let first_hour = night
            .reports
            .iter()
            .filter(|report| report.arrival_ms < 3_600_000);
        assert!(first_hour.count() > 1300);
    }

    #[test]
    fn without_a_slip_a_sheet_obeys_the_rules_and_with_one_it_does_not() {
        let night = Night::generate(3, &Scale::units(600).with_slips_per_mille(300));
        let mut slips = 0;
        for report in &night.reports {
            let unit = night.unit(report);
            let sheet = &report.worksheet;
            assert!(sheet.lists_groups_of(&night.rules));
            let errors: Vec<FindingCode> = findings(unit, &night.rules, sheet)
                .into_iter()
                .filter(|finding| finding.severity() == Severity::Error)
                .map(|finding| finding.code)
                .collect();
            if report.slip.is_some() {
                slips += 1;
                assert!(!errors.is_empty(), "{report:?}");
            } else {
                assert!(errors.is_empty(), "{errors:?}: {report:?}");
                assert!(permitted(&night.rules, unit, sheet, &sheet.reported));
            }
        }
        assert!((120..=240).contains(&slips), "{slips}");
    }

    #[test]
    fn a_small_night_has_as_many_units_as_asked() {
        for units in [1, 2, 5, 20, 100] {
            let night = Night::small(units);
            assert_eq!(u64::try_from(night.reports.len()), Ok(units));
            assert_eq!(
                Roster::parse(&night.roster.to_string()).unwrap(),
                night.roster
            );
        }
    }
}

//! What can still change: how much is open beside the margin of every contest, and whether that
//! could still overturn it.
//!
//! A question is open where a unit is held, disputed or silent, and where a game of chance was due
//! that the sheet does not record. Its size between a leader and a rival is what the worst answer
//! takes from the margin:
//!
//! ```text
//! precinct   its whole award goes to the rival: n(leader) - n(rival) + max(D, Σn) delegates
//! chance     what the leader can lose by it and the rival gain: at most one delegate each
//! pool       an open site's attendance is unknown, so the whole pool may move: its worth in the
//!            rival's hands, counted once for the pool and shown with each open site
//! ```
//! The bounds hold for any answer that awards no more than the unit elects, or than its sheet awards
//! too many already; a unit that has reported, is not held and not disputed is taken for answered.
//! So *decided* is a statement about these questions and not about what nobody has asked yet.
//!
//! The cost grows with units times groups: whole numbers for each unit, fractions for each county.

mod open;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::basis::Basis;
use crate::count::Delegates;
use crate::delegates::delegates_to_elect;
use crate::id::{CountyId, DistrictId, GroupId, PoolId, UnitId};
use crate::results::{ResultRow, Results};
use crate::roster::{County, Kind, Roster, Unit};
use crate::rules::Rules;
use crate::scale::{Ratio, Scale, Scaled};
use crate::sde::Sde;
use crate::standing::Standing;
use crate::totals::{Totals, TotalsError};
use crate::worksheet::Worksheet;
use open::{OpenPool, OpenUnit, most_of};

/// A unit of the roster as it stands.
#[derive(Debug, Clone, Copy)]
pub struct UnitState<'a> {
    /// The unit.
    pub unit: &'a Unit,
    /// The figures that count for it; none if it is silent.
    pub worksheet: Option<&'a Worksheet>,
    /// Where it stands.
    pub standing: Standing,
    /// Whether a dispute of its figures waits for an answer.
    pub dispute: Dispute,
}

/// Whether a dispute waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispute {
    /// None, or all are answered.
    Settled,
    /// At least one.
    Open,
}

/// Why a unit's part of a total may still change. A unit with several reasons has the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenKind {
    /// It is held for a person to look at.
    Held,
    /// An observer disputes its figures.
    Disputed,
    /// It has not reported.
    Silent,
    /// A game of chance was due and is not recorded.
    Chance,
}

/// What a total is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contest {
    /// Everything.
    Statewide,
    /// A district's precincts and pools.
    District(DistrictId),
}

/// Whether the open questions can still overturn a margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// However they are answered, the leader stays ahead.
    Decided,
    /// Some answer takes the lead, or makes it a tie; equal totals are never decided.
    NotDecidableYet,
}

/// How much is open, by reason, in state delegate equivalents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenSizes {
    /// Units held, and pools with such a site.
    pub held: Sde,
    /// Units disputed.
    pub disputed: Sde,
    /// Units that have not reported.
    pub silent: Sde,
    /// Games of chance that are not recorded.
    pub chance: Sde,
}

/// A group behind the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// The group.
    pub group: GroupId,
    /// How far it is behind.
    pub margin: Sde,
    /// How much of that the open questions can take, at most.
    pub open: OpenSizes,
    /// Whether they can overturn it.
    pub decision: Decision,
}

/// An open question and how much of the margin to the nearest rival it can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuestion {
    /// The unit.
    pub unit: UnitId,
    /// Why it is open.
    pub kind: OpenKind,
    /// Its size. Sites with `pool` have the pool's, which all of them share.
    pub effect: Sde,
    /// The pool that moves as a whole with this site.
    pub pool: Option<PoolId>,
}

/// The outlook of one contest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// Which.
    pub contest: Contest,
    /// The group with the most equivalents; of equal ones the first.
    pub leader: GroupId,
    /// All other groups, the smallest margin first.
    pub rivals: Vec<Rival>,
    /// Decided if it is against every rival.
    pub decision: Decision,
    /// The open questions, the largest first, sized against the rival that is nearest to overtaking.
    pub questions: Vec<OpenQuestion>,
}

/// What can still change of the reported results: the whole contest first, then its districts.
/// `units` are all units of the roster, each once.
pub fn outlook<'a>(
    rules: &Rules,
    roster: &Roster,
    units: impl IntoIterator<Item = UnitState<'a>>,
) -> Result<Vec<Outlook>, TotalsError> {
    let units: Vec<UnitState<'a>> = units.into_iter().collect();
    let sheets = units.iter().filter_map(|state| {
        let worksheet = state.worksheet?;
        Some((state.unit, worksheet, state.standing))
    });
    let scale = Scale::of(roster.counties());
    let totals = Totals::of(Basis::Reported, rules, roster, sheets)?;
    let results = totals.results(Basis::Reported, roster.counties(), rules, &scale)?;
    let night = Night::new(rules, roster, &scale, &totals, &results, &units);
    let districts = night.districts();
    let mut contests = alloc::vec![Contest::Statewide];
    contests.extend(districts.into_iter().cloned().map(Contest::District));
    Ok(contests
        .into_iter()
        .filter_map(|contest| night.outlook(contest))
        .collect())
}

impl OpenSizes {
    /// All of it.
    pub fn total(&self) -> Sde {
        let parts = [&self.held, &self.disputed, &self.silent, &self.chance];
        parts.into_iter().cloned().sum()
    }

    fn add(&mut self, kind: OpenKind, size: &Sde) {
        let part = match kind {
            OpenKind::Held => &mut self.held,
            OpenKind::Disputed => &mut self.disputed,
            OpenKind::Silent => &mut self.silent,
            OpenKind::Chance => &mut self.chance,
        };
        *part = part.plus(size);
    }
}

/// Everything that the contests share.
struct Night<'a> {
    rules: &'a Rules,
    scale: &'a Scale,
    totals: &'a Totals,
    results: &'a Results,
    counties: BTreeMap<&'a CountyId, (&'a County, Option<Ratio>, Vec<OpenUnit<'a>>)>,
    pools: Vec<OpenPool<'a>>,
}

impl<'a> Night<'a> {
    fn new(
        rules: &'a Rules,
        roster: &'a Roster,
        scale: &'a Scale,
        totals: &'a Totals,
        results: &'a Results,
        units: &[UnitState<'a>],
    ) -> Self {
        let counties = roster.counties();
        let mut counties: BTreeMap<_, _> = counties
            .map(|county| (&county.id, (county, scale.ratio(county), Vec::new())))
            .collect();
        let pools = rules.pools().iter();
        let mut pools: Vec<OpenPool<'a>> = pools
            .map(|pool| OpenPool {
                pool,
                rows: results.pools.get(&pool.id).map(Vec::as_slice),
                most: Sde::whole(pool.worth),
                units: Vec::new(),
            })
            .collect();
        for state in units {
            match &state.unit.kind {
                Kind::Precinct { county, .. } => {
                    if let (Some((_, _, open)), Some(unit)) =
                        (counties.get_mut(county), OpenUnit::of(rules, state))
                    {
                        open.push(unit);
                    }
                }
                Kind::Satellite { pool: id } => {
                    let Some(pool) = pools.iter_mut().find(|pool| pool.pool.id == *id) else {
                        continue;
                    };
                    pool.most = pool.most.clone().max(most_of(rules, pool.pool, state));
                    pool.units.extend(OpenUnit::of(rules, state));
                }
            }
        }
        Self {
            rules,
            scale,
            totals,
            results,
            counties,
            pools,
        }
    }

    fn districts(&self) -> alloc::collections::BTreeSet<&DistrictId> {
        let counties = self.counties.values();
        let counties = counties.filter_map(|(county, ..)| county.district.as_ref());
        let pools = self.pools.iter();
        counties
            .chain(pools.filter_map(|pool| pool.pool.district.as_ref()))
            .collect()
    }

    fn outlook(&self, contest: Contest) -> Option<Outlook> {
        let rows: Vec<Sde> = match &contest {
            Contest::Statewide => worth(&self.results.statewide),
            Contest::District(id) => match self.results.districts.get(id) {
                Some(rows) => worth(rows),
                None => self.rules.groups().iter().map(|_| Sde::zero()).collect(),
            },
        };
        let (leader, most) = rows
            .iter()
            .enumerate()
            .rev()
            .max_by(|(_, one), (_, other)| one.cmp(other))?;
        let mut rivals: Vec<(usize, Rival)> = Vec::new();
        for (place, (group, sde)) in self.rules.groups().iter().zip(&rows).enumerate() {
            if place == leader {
                continue;
            }
            let margin = most.minus(sde).unwrap_or_default();
            let open = self.sizes(&contest, leader, place);
            let decision = if margin > open.total() {
                Decision::Decided
            } else {
                Decision::NotDecidableYet
            };
            let group = group.id.clone();
            rivals.push((
                place,
                Rival {
                    group,
                    margin,
                    open,
                    decision,
                },
            ));
        }
        let nearest = rivals.iter().min_by(|(_, one), (_, other)| {
            let after = |one: &Rival, other: &Rival| one.margin.plus(&other.open.total());
            after(one, other).cmp(&after(other, one))
        });
        let questions = nearest.map(|(place, _)| self.questions(&contest, leader, *place));
        rivals.sort_by(|(_, one), (_, other)| one.margin.cmp(&other.margin));
        let open = |(_, rival): &(usize, Rival)| rival.decision == Decision::NotDecidableYet;
        Some(Outlook {
            leader: self.rules.groups().get(leader)?.id.clone(),
            decision: if rivals.iter().any(open) {
                Decision::NotDecidableYet
            } else {
                Decision::Decided
            },
            rivals: rivals.into_iter().map(|(_, rival)| rival).collect(),
            questions: questions.unwrap_or_default(),
            contest,
        })
    }

    /// How much the open questions of a contest can take from the margin between two groups.
    fn sizes(&self, contest: &Contest, leader: usize, rival: usize) -> OpenSizes {
        let mut precincts: [Scaled; 4] = Default::default();
        for (county, ratio, units) in self.counties.values() {
            let Some(ratio) = ratio
                .as_ref()
                .filter(|_| contest.has(county.district.as_ref()))
            else {
                continue;
            };
            let mut delegates = [0_u64; 4];
            for unit in units {
                let [held, disputed, silent, chance] = &mut delegates;
                let sum = match unit.kind {
                    OpenKind::Held => held,
                    OpenKind::Disputed => disputed,
                    OpenKind::Silent => silent,
                    OpenKind::Chance => chance,
                };
                *sum = sum.saturating_add(unit.swing(leader, rival));
            }
            for (sum, delegates) in precincts.iter_mut().zip(delegates) {
                if delegates > 0 {
                    *sum = sum.plus(&ratio.times(Delegates::of_sum(delegates)));
                }
            }
        }
        let mut sizes = OpenSizes::default();
        for (kind, sum) in OpenKind::ALL.into_iter().zip(&precincts) {
            if !sum.is_zero() {
                sizes.add(kind, &self.scale.sde(sum));
            }
        }
        for pool in self.pools_of(contest) {
            match pool.moves_whole() {
                Some(kind) => sizes.add(kind, &pool.swing(leader, rival)),
                None => {
                    for unit in &pool.units {
                        sizes.add(unit.kind, &self.site_swing(pool, unit, leader, rival));
                    }
                }
            }
        }
        sizes
    }

    fn pools_of(&self, contest: &Contest) -> impl Iterator<Item = &OpenPool<'a>> {
        let pools = self.pools.iter();
        pools.filter(|pool| contest.has(pool.pool.district.as_ref()))
    }

    /// The same question by question, the largest first.
    fn questions(&self, contest: &Contest, leader: usize, rival: usize) -> Vec<OpenQuestion> {
        let mut questions = Vec::new();
        let mut ask = |unit: &OpenUnit<'_>, effect: Sde, pool: Option<&PoolId>| {
            if effect > Sde::zero() {
                questions.push(OpenQuestion {
                    unit: unit.unit.id.clone(),
                    kind: unit.kind,
                    effect,
                    pool: pool.cloned(),
                });
            }
        };
        for (county, _, units) in self.counties.values() {
            if contest.has(county.district.as_ref()) {
                for unit in units {
                    let delegates = Delegates::of_sum(unit.swing(leader, rival));
                    let effect = Sde::precinct(delegates, county.state, county.convention);
                    ask(unit, effect, None);
                }
            }
        }
        for pool in self.pools_of(contest) {
            let whole = pool.moves_whole().map(|_| pool.swing(leader, rival));
            for unit in &pool.units {
                match &whole {
                    // The attendance behind a game of chance is known: it is not what moves the pool.
                    Some(_) if unit.kind == OpenKind::Chance => {}
                    Some(whole) => ask(unit, whole.clone(), Some(&pool.pool.id)),
                    None => ask(unit, self.site_swing(pool, unit, leader, rival), None),
                }
            }
        }
        questions.sort_by(|one, other| {
            let by_size = other.effect.cmp(&one.effect);
            by_size.then_with(|| one.unit.cmp(&other.unit))
        });
        questions
    }

    /// What chance can move at a site whose pool's attendance is known.
    fn site_swing(
        &self,
        pool: &OpenPool<'_>,
        unit: &OpenUnit<'_>,
        leader: usize,
        rival: usize,
    ) -> Sde {
        let total = self.totals.pools.get(&pool.pool.id);
        let (Some(worksheet), Some(total)) = (unit.worksheet, total) else {
            return Sde::zero();
        };
        Sde::satellite(
            pool.pool.worth,
            worksheet.attendees,
            total.attendees,
            Delegates::of_sum(unit.swing(leader, rival)),
            delegates_to_elect(self.rules, unit.unit, worksheet.attendees),
        )
    }
}

impl OpenKind {
    /// All four, the first reason first.
    pub const ALL: [Self; 4] = [Self::Held, Self::Disputed, Self::Silent, Self::Chance];

    /// The word used in tables and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Disputed => "disputed",
            Self::Silent => "silent",
            Self::Chance => "chance",
        }
    }
}

impl Contest {
    fn has(&self, district: Option<&DistrictId>) -> bool {
        match self {
            Self::Statewide => true,
            Self::District(id) => district == Some(id),
        }
    }
}

fn worth(rows: &[ResultRow]) -> Vec<Sde> {
    rows.iter().map(|row| row.sde.clone()).collect()
}

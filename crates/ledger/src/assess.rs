//! Where a unit stands: what its head, the records beside it, the keys behind them and the other
//! units say taken together.
//!
//! The standing is a function of what is recorded, not of how it came about: it is computed anew
//! whenever one of these changes. One thing is kept on purpose: a rival that once differed from a
//! head holds the unit until a review, even if the head is then corrected to agree with it.
//!
//! Each reason for being held has a code and the last leaf that raised it. A review settles a code
//! for one head, as far as it was raised before the review.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use caucus::{FindingCode, Rules, Severity, Standing, Unit, UnitId, Worksheet};
use merkle::LeafIndex;
use receipt::Leaf;

use crate::draft::Draft;
use crate::hands;
use crate::history::{Deed, UnitState};
use crate::intake::Stop;
use crate::prints::{self, Hashed};
use crate::rows::{self, HeadRow, SheetRow, Signer};
use crate::tables::{Fault, Table, Tables};
use crate::totals::{self, Counted};
use crate::view::{Counts, RivalStanding};

/// Writes a unit's sheet with its reasons for being held and its witnesses computed anew, and
/// moves everything that follows from it: counts, sums, prints, and the units that have the same
/// counts. A sum changes here and nowhere else. `figures` are the head's, where the caller has
/// them at hand.
pub(crate) fn settle<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &Unit,
    rules: &Rules,
    sheet: SheetRow,
    figures: Option<&Worksheet>,
) -> Result<(), Stop> {
    settle_as(draft, unit, unit, rules, sheet, figures)
}

/// As [`settle`], for a unit that was another until now: a merge changes its delegates.
pub(crate) fn settle_as<T: Tables>(
    draft: &mut Draft<'_, T>,
    was: &Unit,
    unit: &Unit,
    rules: &Rules,
    sheet: SheetRow,
    figures: Option<&Worksheet>,
) -> Result<(), Stop> {
    let before = rows::sheet(draft, &unit.id)?;
    let (same_head, old_figures) = old_figures(draft, &before, &sheet)?;
    let stored;
    let figures = match (&sheet.head, figures) {
        (None, _) => None,
        (Some(_), Some(figures)) => Some(figures),
        (Some(head), None) => {
            stored = rows::worksheet_of(draft, head.figures)?;
            Some(&stored)
        }
    };
    let hashed = figures.map(Hashed::of);
    let old_hashed = if same_head {
        hashed
    } else {
        old_figures.as_ref().map(Hashed::of)
    };
    if !same_head {
        let head = sheet.head.as_ref().map(|row| row.head.index);
        prints::replace(draft, &unit.id, old_hashed, hashed.zip(head));
    }

    let after = judged(draft, unit, rules, sheet, figures.zip(hashed))?;
    let states = (state(&before), state(&after));
    draft.put(
        Table::UnitSheet,
        unit.id.as_str().as_bytes().to_vec(),
        after.encode(),
    );
    draft.moved(&unit.id, states.0, states.1);
    move_counts(draft, states.0.standing, states.1.standing)?;
    let old_figures = if same_head {
        figures
    } else {
        old_figures.as_ref()
    };
    totals::move_unit(
        draft,
        rules,
        counted(was, old_figures, states.0),
        counted(unit, figures, states.1),
    )?;
    if !same_head {
        settle_partners(draft, &unit.id, rules, old_hashed)?;
        settle_partners(draft, &unit.id, rules, hashed)?;
    }
    Ok(())
}

/// What counts of a unit that is there, if it has figures.
fn counted<'c>(
    unit: &'c Unit,
    worksheet: Option<&'c Worksheet>,
    state: UnitState,
) -> Option<Counted<'c>> {
    worksheet.map(|worksheet| Counted {
        unit,
        worksheet,
        standing: state.standing,
    })
}

/// Whether the head stays, and the old head's figures if it does not.
fn old_figures<T: Tables>(
    tables: &T,
    before: &SheetRow,
    after: &SheetRow,
) -> Result<(bool, Option<Worksheet>), Fault> {
    match &before.head {
        _ if before.head() == after.head() => Ok((true, None)),
        None => Ok((false, None)),
        Some(head) => Ok((false, Some(rows::worksheet_of(tables, head.figures)?))),
    }
}

/// The units that have this print besides the one whose head has changed. Most of them are held
/// already and stay so: they are passed over.
fn settle_partners<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &UnitId,
    rules: &Rules,
    hashed: Option<Hashed>,
) -> Result<(), Stop> {
    let print = hashed.and_then(|hashed| hashed.both);
    for (partner, _) in prints::partners(draft, unit, print)? {
        let sheet = rows::sheet(draft, &partner)?;
        let others = prints::partners(draft, &partner, print)?;
        let is_open = sheet.held_for.contains(&FindingCode::DuplicateRow);
        let as_it_was = is_open != others.is_empty();
        if as_it_was && sheet.settled_by(FindingCode::DuplicateRow).is_none() {
            continue;
        }
        if let Some(unit) = rows::unit(draft, &partner)? {
            draft.did(&partner, Deed::Compared);
            // Its head stays, so this goes no further.
            settle(draft, &unit, rules, sheet, None)?;
        }
    }
    Ok(())
}

/// The sheet with everything that follows from it and from what stands beside it.
fn judged<T: Tables>(
    draft: &mut Draft<'_, T>,
    unit: &Unit,
    rules: &Rules,
    mut sheet: SheetRow,
    figures: Option<(&Worksheet, Hashed)>,
) -> Result<SheetRow, Fault> {
    sheet.held_for = Vec::new();
    sheet.witnesses = Vec::new();
    sheet.accepted = None;
    let (Some(head), Some((worksheet, hashed))) = (&sheet.head, figures) else {
        return Ok(sheet);
    };
    let mut beside = Beside {
        unit,
        head,
        worksheet,
        raised: Raised::default(),
        witnesses: Vec::new(),
    };
    let at = head.head.index;
    for finding in caucus::findings(unit, rules, worksheet) {
        if finding.severity() == Severity::Error {
            beside.raised.raise(finding.code, at);
        }
    }
    for (_, partner) in prints::partners(draft, &unit.id, hashed.both)? {
        beside
            .raised
            .raise(FindingCode::DuplicateRow, at.max(partner));
    }
    if let Some(by) = hands::doubted_by(draft, hands::keys(&head.signers))? {
        beside.raised.raise(FindingCode::KeyDoubted, by);
    }
    if let Some(by) = sheet.asked {
        beside.raised.raise(FindingCode::Asked, by);
    }
    if let Some(by) = sheet.kept {
        beside.raised.raise(FindingCode::HeldByReview, by);
    }
    beside.compare_rivals(draft)?;
    beside.compare_attests(draft)?;
    let Beside {
        mut raised,
        mut witnesses,
        ..
    } = beside;
    witnesses.sort_unstable();
    sheet.witnesses = witnesses;

    let mut settled = BTreeMap::new();
    for (code, by) in &sheet.settled {
        // What a stolen key has settled is not settled, and somebody has to look at it.
        match hands::doubted_by(draft, &hands::signers_of_leaf(draft, *by)?)? {
            Some(doubted) => raised.raise(FindingCode::KeyDoubted, doubted),
            None => {
                settled.insert(*code, *by);
            }
        }
    }
    sheet.accepted = settled.values().copied().max();
    sheet.held_for = raised.open(&settled);
    Ok(sheet)
}

/// Where a unit with this sheet stands.
pub(crate) fn standing(sheet: &SheetRow) -> Standing {
    if sheet.head.is_none() {
        Standing::Silent
    } else if !sheet.held_for.is_empty() {
        Standing::Held
    } else if sheet.witnesses.is_empty() && sheet.accepted.is_none() {
        Standing::Received
    } else {
        Standing::Verified
    }
}

/// Where a unit with this sheet is.
pub(crate) fn state(sheet: &SheetRow) -> UnitState {
    UnitState {
        head: sheet.head(),
        standing: standing(sheet),
    }
}

/// Reasons for being held, each with the last leaf that raised it.
#[derive(Debug, Default)]
struct Raised(BTreeMap<FindingCode, LeafIndex>);

impl Raised {
    fn raise(&mut self, code: FindingCode, by: LeafIndex) {
        let last = self.0.entry(code).or_insert(by);
        *last = by.max(*last);
    }

    /// Those that no review has settled since they were raised, ascending.
    fn open(&self, settled: &BTreeMap<FindingCode, LeafIndex>) -> Vec<FindingCode> {
        self.0
            .iter()
            .filter(|(code, raised)| settled.get(code).is_none_or(|review| review < raised))
            .map(|(code, _)| *code)
            .collect()
    }
}

/// A head and what is being found out about it.
#[derive(Debug)]
struct Beside<'s> {
    unit: &'s Unit,
    head: &'s HeadRow,
    worksheet: &'s Worksheet,
    raised: Raised,
    witnesses: Vec<LeafIndex>,
}

impl Beside<'_> {
    fn compare_rivals<T: Tables>(&mut self, draft: &mut Draft<'_, T>) -> Result<(), Fault> {
        for (index, mut rival) in rows::rivals(draft, &self.unit.id)? {
            if rival.standing == RivalStanding::Agrees
                && !hands::same_cells(&rows::worksheet_of(draft, index)?, self.worksheet)
            {
                rival.standing = RivalStanding::Differs;
                let key = rows::unit_number_key(&self.unit.id, index);
                draft.put(Table::Rival, key, rival.encode());
            }
            match rival.standing {
                RivalStanding::Agrees => self.add_witness(draft, index, &rival.signers)?,
                RivalStanding::Differs => self.raised.raise(FindingCode::RivalDiffers, index),
                RivalStanding::Superseded | RivalStanding::Voided | RivalStanding::Stray => {}
            }
        }
        Ok(())
    }

    fn compare_attests<T: Tables>(&mut self, draft: &Draft<'_, T>) -> Result<(), Fault> {
        for (signer, index) in rows::attests(draft, &self.unit.id)? {
            let Leaf::Attest(attest) = rows::parsed_leaf(draft, index)? else {
                return Err(Fault::Corrupt {
                    table: Table::Attest,
                    what: "a row names a leaf that is no attestation",
                });
            };
            let figures = &attest.figures;
            if hands::differs_from(figures, self.worksheet) {
                self.raised.raise(FindingCode::AttestDiffers, index);
            } else if hands::states_enough(figures, self.unit) {
                self.add_witness(draft, index, &[signer])?;
            }
        }
        Ok(())
    }

    /// Another hand's record agrees. A stolen key's word counts for nothing, and somebody has to
    /// look at what it did.
    fn add_witness<T: Tables>(
        &mut self,
        draft: &Draft<'_, T>,
        index: LeafIndex,
        signers: &[Signer],
    ) -> Result<(), Fault> {
        if let Some(by) = hands::doubted_by(draft, hands::keys(signers))? {
            self.raised.raise(FindingCode::KeyDoubted, by);
        } else if hands::are_others(&self.head.signers, signers) {
            self.witnesses.push(index);
        }
        Ok(())
    }
}

fn move_counts<T: Tables>(
    draft: &mut Draft<'_, T>,
    before: Standing,
    after: Standing,
) -> Result<(), Fault> {
    if before == after {
        return Ok(());
    }
    let counts = rows::counts(draft)?;
    put_counts(
        draft,
        counts.without(before).and_then(|counts| counts.with(after)),
    )
}

/// Counts a unit that got its first open dispute, or lost its last.
pub(crate) fn count_disputed<T: Tables>(
    draft: &mut Draft<'_, T>,
    by_one: impl Fn(u64) -> Option<u64>,
) -> Result<(), Fault> {
    let counts = rows::counts(draft)?;
    let disputed = by_one(counts.disputed);
    put_counts(
        draft,
        disputed.map(|disputed| Counts { disputed, ..counts }),
    )
}

fn put_counts<T: Tables>(draft: &mut Draft<'_, T>, counts: Option<Counts>) -> Result<(), Fault> {
    let counts = counts.ok_or(Fault::Corrupt {
        table: Table::Meta,
        what: "counts below nothing",
    })?;
    draft.put(Table::Meta, rows::META_COUNTS.to_vec(), counts.encode());
    Ok(())
}

impl Counts {
    /// The counts with one more unit standing so.
    pub(crate) fn with(self, standing: Standing) -> Option<Self> {
        self.moved(standing, |count| count.checked_add(1))
    }

    fn without(self, standing: Standing) -> Option<Self> {
        self.moved(standing, |count| count.checked_sub(1))
    }

    fn moved(self, standing: Standing, by_one: impl Fn(u64) -> Option<u64>) -> Option<Self> {
        let mut counts = self;
        match standing {
            Standing::Silent => return Some(counts),
            Standing::Received => {}
            Standing::Verified => counts.verified = by_one(counts.verified)?,
            Standing::Held => counts.held = by_one(counts.held)?,
        }
        counts.reported = by_one(counts.reported)?;
        Some(counts)
    }
}

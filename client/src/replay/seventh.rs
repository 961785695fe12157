//! A seventh release that never was: everything that can change a figure after it was reported.
//!
//! The units are drawn by a seed, the acts are always the same, each on units of its own. Together
//! they are every row of the table of leaves that can move a number, and every contradiction that the
//! published releases cannot show: the same unit by two channels with different figures, by two with
//! the same, a report under a wrong unit, one sent twice, one that came late.

use std::vec::IntoIter;

use caucus::{CountyId, FindingCode, Kind, Roster, Slot, UnitId};
use merkle::{LeafHash, sha256};
use note::SignerKey;
use receipt::Leaf;
use receipt::leaf::{
    Answered, Attest, Channel, ClaimedCell, Close, Column, CountAgain, Decision, Dispute, Earlier,
    Enrol, FindingName, Gate, KeyReference, Place, Reason, Review, Revoke, Role, Scope, Submission,
    Void,
};

use super::sheets::{attested, figures, one_more, photo};
use super::{Desk, Error, amendments};

/// The acts under way and the units that none of them has touched yet.
#[derive(Debug)]
pub(super) struct Night<'d, 'k> {
    pub(super) desk: &'d mut Desk<'k>,
    pub(super) roster: &'d Roster,
    precincts: IntoIter<UnitId>,
    satellites: IntoIter<UnitId>,
}

/// Records the generated release at a desk where the units of `roster` have reported.
pub fn seventh(desk: &mut Desk<'_>, roster: &Roster, seed: u64) -> Result<(), Error> {
    let drawn = |satellite: bool| {
        let mut units: Vec<UnitId> = roster
            .units()
            .filter(|unit| matches!(unit.kind, Kind::Satellite { .. }) == satellite)
            .map(|unit| unit.id.clone())
            .collect();
        units.sort_by_cached_key(|unit| sha256(format!("{seed} {unit}").as_bytes()));
        units.into_iter()
    };
    let mut night = Night {
        roster,
        precincts: drawn(false),
        satellites: drawn(true),
        desk,
    };
    night.corrections()?;
    night.second_records()?;
    night.reviews()?;
    night.wrong_units()?;
    night.counts_again()?;
    night.keys()?;
    amendments::all(&mut night)?;
    night.gates_and_the_end()
}

impl Night<'_, '_> {
    /// A chair corrects a precinct, another a satellite, which moves its whole pool.
    fn corrections(&mut self) -> Result<(), Error> {
        for unit in [self.precinct()?, self.satellite()?] {
            self.correct("a correction", &unit)?;
        }
        Ok(())
    }

    /// The same unit by a second channel: the same figures, and others.
    fn second_records(&mut self) -> Result<(), Error> {
        let unit = self.precinct()?;
        self.by_telephone("the same by telephone", &unit, Change::None)?;
        let unit = self.precinct()?;
        self.by_telephone("other figures by telephone", &unit, Change::OneMore)?;

        let unit = self.precinct()?;
        let operator = self.desk.keys.one(Role::Operator)?;
        self.attest("a photograph keyed again", &unit, operator, Change::None)?;
        let unit = self.precinct()?;
        let secretary = &self.desk.keys.unit(&unit)?.s;
        self.attest("the secretary's record", &unit, secretary, Change::None)?;
        // Somebody else's record differs, and headquarters finds the chair right.
        let unit = self.precinct()?;
        self.attest("another photograph", &unit, operator, Change::OneMore)?;
        self.accept(&unit, FindingCode::AttestDiffers)
    }

    /// A reviewer takes another record, asks, holds.
    fn reviews(&mut self) -> Result<(), Error> {
        let unit = self.precinct()?;
        let rival = self.keyed_from_paper("other figures from paper", &unit)?;
        self.review("a rival taken", &unit, Decision::Take(rival), Vec::new())?;
        let unit = self.precinct()?;
        self.review("a question", &unit, Decision::Ask, Vec::new())?;
        let unit = self.precinct()?;
        self.review("held by a reviewer", &unit, Decision::Hold, Vec::new())
    }

    /// A report under a wrong unit is voided and the right one comes; one is sent twice.
    fn wrong_units(&mut self) -> Result<(), Error> {
        let (unit, other) = (self.precinct()?, self.precinct()?);
        let right = self.sheet(&unit)?;
        let wrong = self.sheet(&other)?;
        let key = &self.desk.keys.unit(&unit)?.a;
        self.submit("another unit's figures", &unit, &[key], wrong)?;
        self.void("reported under a wrong unit", &unit)?;
        self.submit("the right figures", &unit, &[key], right)?;
        let sent = self.desk.notes().last().cloned();
        if let Some(sent) = sent {
            self.desk
                .record_again("the same note again", sent.unit, sent.note)?;
        }
        Ok(())
    }

    /// Disputes, with and without effect, and what the party counts again.
    fn counts_again(&mut self) -> Result<(), Error> {
        let unit = self.precinct()?;
        self.dispute("a dispute left open", &unit)?;
        let unit = self.precinct()?;
        let dispute = self.dispute("a dispute", &unit)?;
        self.answer(dispute, Answered::No)?;

        let unit = self.precinct()?;
        let dispute = self.dispute("a dispute", &unit)?;
        self.answer(dispute, Answered::Yes)?;
        self.count_again("a recanvass adopted", &unit, Answered::Yes, Leaf::Recanvass)?;
        let unit = self.precinct()?;
        self.count_again("a recanvass noted", &unit, Answered::No, Leaf::Recanvass)?;
        let unit = self.precinct()?;
        self.count_again("a recount adopted", &unit, Answered::Yes, Leaf::Recount)
    }

    /// A sealed spare is used and the chair's key is enrolled again; another key was stolen.
    fn keys(&mut self) -> Result<(), Error> {
        let unit = self.precinct()?;
        let keys = self.desk.keys.unit(&unit)?;
        let sheet = one_more(&self.sheet(&unit)?);
        let head = self.head(&unit)?;
        self.submit_as(
            "the spare key's report",
            &unit,
            &[&keys.b],
            sheet,
            Some(head),
        )?;
        self.enrol(&unit, &keys.a)?;

        let unit = self.precinct()?;
        let stolen = self.desk.keys.unit(&unit)?.a.verifier();
        let key = KeyReference {
            name: stolen.name().clone(),
            id: stolen.id(),
        };
        let registrars = self.desk.keys.two(Role::Registrar)?;
        self.desk.record("a stolen key", &registrars, |header| {
            Leaf::Revoke(Revoke {
                header,
                key,
                earlier: Earlier::Doubt,
                reason: reason("the telephone with the key was stolen"),
            })
        })?;
        self.accept(&unit, FindingCode::KeyDoubted)
    }

    /// Results are shown, one county's are held back, a published unit is corrected, and a unit that
    /// had fallen silent reports after the end.
    fn gates_and_the_end(&mut self) -> Result<(), Error> {
        let late = self.precinct()?;
        let sheet = self.sheet(&late)?;
        self.void("reported by a stranger", &late)?;
        self.gate("results shown", Scope::All, Leaf::Publish)?;
        let published = self.precinct()?;
        self.correct("a correction after publication", &published)?;
        if let Some(county) = self.county_of(&published) {
            self.gate("a county held back", Scope::County(county), Leaf::Hold)?;
        }
        let publishers = self.desk.keys.two(Role::Publisher)?;
        self.desk.record("the close", &publishers, |header| {
            Leaf::Close(Close {
                header,
                reason: reason("all sites have reported but one"),
            })
        })?;
        let key = &self.desk.keys.unit(&late)?.a;
        self.submit("a late report", &late, &[key], sheet)
    }
}

/// What a second record says.
#[derive(Debug, Clone, Copy)]
enum Change {
    None,
    OneMore,
}

impl Night<'_, '_> {
    pub(super) fn precinct(&mut self) -> Result<UnitId, Error> {
        self.next(|night| night.precincts.next())
    }

    fn satellite(&mut self) -> Result<UnitId, Error> {
        self.next(|night| night.satellites.next())
    }

    /// The next unit that anybody came to.
    fn next(&mut self, draw: impl Fn(&mut Self) -> Option<UnitId>) -> Result<UnitId, Error> {
        loop {
            let unit = draw(self).ok_or(Error::TooSmall)?;
            let sheet = self.desk.sheet(&unit)?;
            if sheet.is_some_and(|sheet| sheet.last.total().get() > 20) {
                return Ok(unit);
            }
        }
    }

    pub(super) fn county_of(&self, unit: &UnitId) -> Option<CountyId> {
        match &self.roster.unit(unit)?.kind {
            Kind::Precinct { county, .. } => Some(county.clone()),
            Kind::Satellite { .. } => None,
        }
    }

    pub(super) fn sheet(&self, unit: &UnitId) -> Result<caucus::Worksheet, Error> {
        self.desk.sheet(unit)?.ok_or(Error::TooSmall)
    }

    fn head(&self, unit: &UnitId) -> Result<(LeafHash, u64), Error> {
        self.desk.head(unit)?.ok_or(Error::TooSmall)
    }

    fn changed(&self, unit: &UnitId, change: Change) -> Result<caucus::Worksheet, Error> {
        let sheet = self.sheet(unit)?;
        Ok(match change {
            Change::None => sheet,
            Change::OneMore => one_more(&sheet),
        })
    }

    fn correct(&mut self, what: &'static str, unit: &UnitId) -> Result<(), Error> {
        let sheet = one_more(&self.sheet(unit)?);
        let key = &self.desk.keys.unit(unit)?.a;
        self.submit(what, unit, &[key], sheet)
    }

    /// A submission that continues the head, or is the first.
    pub(super) fn submit(
        &mut self,
        what: &'static str,
        unit: &UnitId,
        signers: &[&SignerKey],
        sheet: caucus::Worksheet,
    ) -> Result<(), Error> {
        let head = self.desk.head(unit)?;
        self.submit_as(what, unit, signers, sheet, head)
    }

    fn submit_as(
        &mut self,
        what: &'static str,
        unit: &UnitId,
        signers: &[&SignerKey],
        sheet: caucus::Worksheet,
        head: Option<(LeafHash, u64)>,
    ) -> Result<(), Error> {
        self.desk.record(what, signers, |header| {
            Leaf::from(Submission {
                header,
                unit: unit.clone(),
                seq: head.map_or(1, |(_, seq)| seq.saturating_add(1)),
                supersedes: head.map(|(hash, _)| hash),
                channel: None,
                voucher: None,
                figures: figures(sheet),
            })
        })?;
        Ok(())
    }

    /// Two operators take a report down and check the unit's voucher.
    fn by_telephone(
        &mut self,
        what: &'static str,
        unit: &UnitId,
        change: Change,
    ) -> Result<(), Error> {
        let sheet = self.changed(unit, change)?;
        let voucher = self.desk.keys.unit(unit)?.vouchers.first().cloned();
        let operators = self.desk.keys.two(Role::Operator)?;
        self.desk.record(what, &operators, |header| {
            Leaf::from(Submission {
                header,
                unit: unit.clone(),
                seq: 1,
                supersedes: None,
                channel: Some(Channel::Phone),
                voucher,
                figures: figures(sheet),
            })
        })?;
        Ok(())
    }

    /// Two operators key other figures from the paper sheet.
    fn keyed_from_paper(&mut self, what: &'static str, unit: &UnitId) -> Result<LeafHash, Error> {
        let sheet = self.changed(unit, Change::OneMore)?;
        let operators = self.desk.keys.two(Role::Operator)?;
        let outcome = self.desk.record(what, &operators, |header| {
            let mut figures = figures(sheet);
            figures.evidence.extend(photo(unit));
            Leaf::from(Submission {
                header,
                unit: unit.clone(),
                seq: 1,
                supersedes: None,
                channel: Some(Channel::Paper),
                voucher: None,
                figures,
            })
        })?;
        outcome.leaf().map(|leaf| leaf.hash).ok_or(Error::TooSmall)
    }

    fn attest(
        &mut self,
        what: &'static str,
        unit: &UnitId,
        key: &SignerKey,
        change: Change,
    ) -> Result<(), Error> {
        let figures = attested(&self.changed(unit, change)?);
        self.desk.record(what, &[key], |header| {
            Leaf::Attest(Box::new(Attest {
                header,
                unit: unit.clone(),
                channel: Channel::Photo,
                figures,
            }))
        })?;
        Ok(())
    }

    fn accept(&mut self, unit: &UnitId, code: FindingCode) -> Result<(), Error> {
        let named = FindingName::parse(code.as_str()).into_iter().collect();
        self.review("accepted by a reviewer", unit, Decision::Accept, named)
    }

    fn review(
        &mut self,
        what: &'static str,
        unit: &UnitId,
        decision: Decision,
        findings: Vec<FindingName>,
    ) -> Result<(), Error> {
        let (of, _) = self.head(unit)?;
        let reviewer = self.desk.keys.one(Role::Reviewer)?;
        self.desk.record(what, &[reviewer], |header| {
            Leaf::Review(Review {
                header,
                unit: unit.clone(),
                of,
                decision,
                findings,
                reason: reason("compared with the photograph of the sheet"),
            })
        })?;
        Ok(())
    }

    pub(super) fn void(&mut self, what: &'static str, unit: &UnitId) -> Result<(), Error> {
        let (of, _) = self.head(unit)?;
        let registrars = self.desk.keys.two(Role::Registrar)?;
        self.desk.record(what, &registrars, |header| {
            Leaf::Void(Void {
                header,
                unit: unit.clone(),
                of,
                reason: reason("the sheet shows another unit"),
            })
        })?;
        Ok(())
    }

    fn dispute(&mut self, what: &'static str, unit: &UnitId) -> Result<LeafHash, Error> {
        let (of, _) = self.head(unit)?;
        let claimed = self.sheet(unit)?.attendees.get().saturating_add(1);
        let observer = self.desk.keys.one(Role::Observer)?;
        let outcome = self.desk.record(what, &[observer], |header| {
            Leaf::Dispute(Dispute {
                header,
                unit: unit.clone(),
                of,
                cells: vec![ClaimedCell {
                    column: Column::Attendees,
                    group: None,
                    claimed,
                }],
                reason: reason("our captain counted one more"),
            })
        })?;
        outcome.leaf().map(|leaf| leaf.hash).ok_or(Error::TooSmall)
    }

    fn answer(&mut self, to: LeafHash, upheld: Answered) -> Result<(), Error> {
        let reviewer = self.desk.keys.one(Role::Reviewer)?;
        self.desk.record("an answer", &[reviewer], |header| {
            Leaf::Answer(receipt::leaf::Answer {
                header,
                to,
                upheld,
                reason: reason("compared with the sign-in list"),
            })
        })?;
        Ok(())
    }

    fn count_again(
        &mut self,
        what: &'static str,
        unit: &UnitId,
        adopt: Answered,
        leaf: impl Fn(Box<CountAgain>) -> Leaf,
    ) -> Result<(), Error> {
        let sheet = self.changed(unit, Change::OneMore)?;
        let reviewers = self.desk.keys.two(Role::Reviewer)?;
        self.desk.record(what, &reviewers, |header| {
            leaf(Box::new(CountAgain {
                header,
                unit: unit.clone(),
                figures: figures(sheet),
                adopt,
                reason: reason("counted again"),
            }))
        })?;
        Ok(())
    }

    pub(super) fn enrol(&mut self, unit: &UnitId, key: &SignerKey) -> Result<(), Error> {
        let registrars = self.desk.keys.two(Role::Registrar)?;
        self.desk.record("a key enrolled", &registrars, |header| {
            Leaf::Enrol(Enrol {
                header,
                place: Place::Slot {
                    unit: unit.clone(),
                    slot: Slot::A,
                },
                key: key.verifier().clone(),
                replaces: None,
                reason: reason("the chair called back and was known"),
            })
        })?;
        Ok(())
    }

    fn gate(
        &mut self,
        what: &'static str,
        scope: Scope,
        leaf: impl Fn(Gate) -> Leaf,
    ) -> Result<(), Error> {
        let publishers = self.desk.keys.two(Role::Publisher)?;
        self.desk.record(what, &publishers, |header| {
            leaf(Gate {
                header,
                scope,
                reason: reason("decided by the two on duty"),
            })
        })?;
        Ok(())
    }
}

/// The words of an act.
#[expect(
    clippy::expect_used,
    reason = "every reason here is a short line of printable characters"
)]
pub(super) fn reason(words: &str) -> Reason {
    Reason::parse(words).expect("a reason of this file is one")
}

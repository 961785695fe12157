//! The generated release's changes to the roster: a site opens, a group withdraws, two precincts meet
//! as one, a site closes.

use caucus::{Delegates, Kind, Unit, UnitId};
use note::{KeyName, SignerKey};
use receipt::Leaf;
use receipt::leaf::{Amendment, Role, RosterChange};

use super::Error;
use super::seventh::{Night, reason};

/// Every kind of amendment once.
pub(super) fn all(night: &mut Night<'_, '_>) -> Result<(), Error> {
    added(night)?;
    withdrawn(night)?;
    merged(night)?;
    closed(night)
}

/// A satellite opens, its chair gets a key, and it reports.
fn added(night: &mut Night<'_, '_>) -> Result<(), Error> {
    let pool = night.roster.units().find_map(|unit| match &unit.kind {
        Kind::Satellite { pool } => Some((pool.clone(), unit.id.clone())),
        Kind::Precinct { .. } => None,
    });
    let (Some((pool, model)), Ok(id)) = (pool, UnitId::parse("sat-added")) else {
        return Err(Error::TooSmall);
    };
    amend(
        night,
        "a site added",
        Amendment::Add(Unit {
            id: id.clone(),
            kind: Kind::Satellite { pool },
            name: "A site added on the night".to_owned(),
        }),
    )?;
    let name = KeyName::parse(&format!("{}/{id}/a", night.desk.keys.election));
    let key = SignerKey::from_seed(
        name.map_err(|_| Error::TooSmall)?,
        *b"the key of a site added at night",
    );
    night.enrol(&id, &key)?;
    let sheet = night.sheet(&model)?;
    night.submit("the added site's report", &id, &[&key], sheet)
}

/// A group withdraws: a precinct's cells of it are flagged from then on.
fn withdrawn(night: &mut Night<'_, '_>) -> Result<(), Error> {
    let unit = night.precinct()?;
    let sheet = night.sheet(&unit)?;
    let smallest = sheet.first.iter().filter(|(_, size)| size.get() > 0);
    let group = smallest
        .min_by_key(|(_, size)| *size)
        .map(|(group, _)| group);
    let group = group.cloned().ok_or(Error::TooSmall)?;
    amend(night, "a group withdrawn", Amendment::Withdraw(group))
}

/// Two precincts of one county meet as one.
fn merged(night: &mut Night<'_, '_>) -> Result<(), Error> {
    let from = night.precinct()?;
    let county = night.county_of(&from);
    let into = loop {
        let into = night.precinct()?;
        if night.county_of(&into) == county {
            break into;
        }
    };
    let elects = |unit: &UnitId| match night.roster.unit(unit).map(|unit| &unit.kind) {
        Some(Kind::Precinct { delegates, .. }) => *delegates,
        Some(Kind::Satellite { .. }) | None => Delegates::ZERO,
    };
    let delegates = elects(&from).checked_add(elects(&into));
    let delegates = delegates.ok_or(Error::TooSmall)?;
    night.void("met with another precinct", &from)?;
    let merge = Amendment::Merge {
        from,
        into,
        delegates,
    };
    amend(night, "two precincts merged", merge)
}

/// A site that was never held.
fn closed(night: &mut Night<'_, '_>) -> Result<(), Error> {
    let unit = night.precinct()?;
    night.void("nobody met there", &unit)?;
    amend(night, "a site closed", Amendment::Close(unit))
}

fn amend(night: &mut Night<'_, '_>, what: &'static str, amendment: Amendment) -> Result<(), Error> {
    let registrars = night.desk.keys.two(Role::Registrar)?;
    night.desk.record(what, &registrars, |header| {
        Leaf::Roster(RosterChange {
            header,
            amendment,
            reason: reason("decided on the night"),
        })
    })?;
    Ok(())
}

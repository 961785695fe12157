//! The keys of a development election.

use std::collections::BTreeMap;
use std::path::Path;

use caucus::{ElectionId, Roster, UnitId};
use merkle::Hash;
use note::SignerKey;
use receipt::leaf::Role;
use receipt::{Election, VoucherCode};

use super::Error;
use crate::election::{Made, UnitKeys};

/// Every secret key of an election that somebody at a desk holds alone.
#[derive(Debug)]
pub struct Keys {
    /// The contest's name.
    pub election: ElectionId,
    /// Hash of its first manifest.
    pub genesis: Hash,
    people: BTreeMap<Role, Vec<SignerKey>>,
    units: BTreeMap<UnitId, UnitKeys>,
}

impl From<Made> for Keys {
    fn from(made: Made) -> Keys {
        Keys {
            election: made.plan.election,
            genesis: made.genesis,
            people: made.people,
            units: made.units,
        }
    }
}

impl Keys {
    /// Reads the keys of a roster's units and of headquarters from the folder that
    /// `election new --development` wrote.
    pub fn read(folder: &Path, election: &Election, roster: &Roster) -> Result<Keys, Error> {
        let mut people = BTreeMap::new();
        for role in Role::ALL {
            people.insert(
                *role,
                people_of(&folder.join("keys").join(role.to_string()))?,
            );
        }
        let chairs = folder.join("chairs");
        let mut units = BTreeMap::new();
        for unit in roster.units() {
            let key = |ending: &str| signer(&chairs.join(format!("{}{ending}", unit.id)));
            let keys = UnitKeys {
                a: key(".key")?,
                b: key(".b.key")?,
                s: key(".s.key")?,
                vouchers: vouchers(&chairs.join(format!("{}.vouchers", unit.id)))?,
            };
            units.insert(unit.id.clone(), keys);
        }
        Ok(Keys {
            election: election.id().clone(),
            genesis: *election.genesis(),
            people,
            units,
        })
    }

    /// The first two people of a role, who sign together.
    pub fn two(&self, role: Role) -> Result<[&SignerKey; 2], Error> {
        match self.people.get(&role).map(Vec::as_slice) {
            Some([first, second, ..]) => Ok([first, second]),
            Some(_) | None => Err(Error::TooFew(role)),
        }
    }

    /// The first of a role.
    pub fn one(&self, role: Role) -> Result<&SignerKey, Error> {
        let keys = self.people.get(&role);
        keys.and_then(|keys| keys.first())
            .ok_or(Error::TooFew(role))
    }

    /// A unit's keys.
    pub fn unit(&self, unit: &UnitId) -> Result<&UnitKeys, Error> {
        let keys = self.units.get(unit);
        keys.ok_or_else(|| Error::NoUnit(unit.clone()))
    }
}

/// The keys of a folder, by name.
fn people_of(folder: &Path) -> Result<Vec<SignerKey>, Error> {
    let wrong = |error: std::io::Error| wrong(folder, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        files.push(entry.map_err(wrong)?.path());
    }
    files.retain(|file| file.extension().is_some_and(|ending| ending == "key"));
    files.sort();
    files.iter().map(|file| signer(file)).collect()
}

fn signer(file: &Path) -> Result<SignerKey, Error> {
    let text = std::fs::read_to_string(file).map_err(|error| wrong(file, &error))?;
    SignerKey::from_secret_text(text.trim_end()).map_err(|error| wrong(file, &error))
}

fn vouchers(file: &Path) -> Result<Vec<VoucherCode>, Error> {
    let text = std::fs::read_to_string(file).map_err(|error| wrong(file, &error))?;
    let parse = |line| VoucherCode::parse(line).map_err(|error| wrong(file, &error));
    text.lines().map(parse).collect()
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::Key {
        path: path.display().to_string(),
        why: why.to_string(),
    }
}

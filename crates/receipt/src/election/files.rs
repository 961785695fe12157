//! The files that manifests name, by hash, parsed and held against the manifest.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use caucus::{Roll, Roster, Rules};
use merkle::{Hash, sha256};

use super::chain::Link;
use super::{Bundle, BundleError, Version};
use crate::manifest::Manifest;
use crate::policy::Policy;

/// Files by hash, and what was parsed of them: versions mostly share theirs.
pub(super) struct Files<'b> {
    bytes: &'b BTreeMap<Hash, Vec<u8>>,
    rolls: BTreeMap<Hash, Arc<Roll>>,
    rosters: BTreeMap<Hash, Arc<Roster>>,
    rules: BTreeMap<Hash, Arc<Rules>>,
}

impl<'b> Files<'b> {
    pub(super) fn of(bundle: &'b Bundle) -> Result<Self, BundleError> {
        if bundle
            .files
            .iter()
            .any(|(hash, bytes)| sha256(bytes) != *hash)
        {
            return Err(BundleError::WrongHash);
        }
        Ok(Self {
            bytes: &bundle.files,
            rolls: BTreeMap::new(),
            rosters: BTreeMap::new(),
            rules: BTreeMap::new(),
        })
    }

    pub(super) fn open(&mut self, link: Link) -> Result<Version, BundleError> {
        let Link {
            manifest,
            hash,
            leaf,
            ..
        } = link;
        let (receipt_policy, final_policy) = self.policies(&manifest)?;
        let rules = self.rules(&manifest)?;
        let roster = self.roster(&manifest, &rules)?;
        let roll = self.roll(&manifest, &roster)?;
        Ok(Version {
            manifest,
            hash,
            leaf,
            receipt_policy,
            final_policy,
            roll,
            roster,
            rules,
        })
    }

    fn text(&self, place: &Place<'_>, hash: &Hash) -> Result<&'b str, BundleError> {
        let bytes = self.bytes.get(hash).ok_or_else(|| place.missing())?;
        core::str::from_utf8(bytes).map_err(|_| place.bad("it is not text"))
    }

    /// The policy files must say what follows from the manifest, for the manifest's node lines are
    /// what everyone counts.
    fn policies(&self, manifest: &Manifest) -> Result<(Policy, Option<Policy>), BundleError> {
        let place = Place {
            manifest,
            what: "receipt policy",
        };
        let file = Policy::parse(self.text(&place, &manifest.receipt_policy)?);
        let derived = Policy::receipt_for(manifest);
        if file
            .map_err(|error| place.bad(error.to_string()))?
            .to_string()
            != derived.to_string()
        {
            return Err(place.bad("it is not the majority of the node lines"));
        }
        let place = Place {
            manifest,
            what: "final policy",
        };
        let text = self.text(&place, &manifest.final_policy)?;
        let strong = Policy::final_for(manifest);
        let same = match &strong {
            Some(strong) => {
                let file = Policy::parse(text).map_err(|error| place.bad(error.to_string()))?;
                file.to_string() == strong.to_string()
            }
            None => text == Policy::final_file(manifest),
        };
        if !same {
            return Err(place.bad("it is not the strong quorum and an outside witness"));
        }
        Ok((derived, strong))
    }

    fn rules(&mut self, manifest: &Manifest) -> Result<Arc<Rules>, BundleError> {
        if let Some(rules) = self.rules.get(&manifest.rules) {
            return Ok(Arc::clone(rules));
        }
        let place = Place {
            manifest,
            what: "rule",
        };
        let rules = Rules::parse(self.text(&place, &manifest.rules)?)
            .map(Arc::new)
            .map_err(|error| place.bad(error.to_string()))?;
        self.rules.insert(manifest.rules, Arc::clone(&rules));
        Ok(rules)
    }

    fn roster(&mut self, manifest: &Manifest, rules: &Rules) -> Result<Arc<Roster>, BundleError> {
        let place = Place {
            manifest,
            what: "roster",
        };
        let roster = match self.rosters.get(&manifest.roster.hash) {
            Some(roster) => Arc::clone(roster),
            None => Roster::parse(self.text(&place, &manifest.roster.hash)?)
                .map(Arc::new)
                .map_err(|error| place.bad(error.to_string()))?,
        };
        place.counted(manifest.roster.count, roster.unit_count(), "units")?;
        if let Some(unit) = roster.unknown_pool(rules) {
            return Err(place.bad(format!("the pool of `{}` is not in the rules", unit.id)));
        }
        self.rosters
            .insert(manifest.roster.hash, Arc::clone(&roster));
        Ok(roster)
    }

    fn roll(&mut self, manifest: &Manifest, roster: &Roster) -> Result<Arc<Roll>, BundleError> {
        let place = Place {
            manifest,
            what: "roll",
        };
        let roll = match self.rolls.get(&manifest.roll.hash) {
            Some(roll) => Arc::clone(roll),
            None => Roll::parse(self.text(&place, &manifest.roll.hash)?)
                .map(Arc::new)
                .map_err(|error| place.bad(error.to_string()))?,
        };
        place.counted(manifest.roll.count, roll.line_count(), "lines")?;
        chairs(manifest, &roll, roster).map_err(|why| place.bad(why))?;
        self.rolls.insert(manifest.roll.hash, Arc::clone(&roll));
        Ok(roll)
    }
}

/// Chairs' keys are named for their unit and slot, belong to units of the roster, and no key
/// stands twice. Whether a key is sound is examined when it is used: there may be hundreds of
/// thousands.
fn chairs(manifest: &Manifest, roll: &Roll, roster: &Roster) -> Result<(), String> {
    let public = |vkey: &str| vkey.splitn(3, '+').nth(2).map(ToString::to_string);
    let mut keys: BTreeSet<Option<String>> = manifest
        .keys
        .iter()
        .map(|person| public(&person.key.to_string()))
        .collect();
    for (unit, slot, vkey) in roll.keys() {
        let name = format!("{}/{unit}/{slot}", manifest.header.election);
        if vkey.split('+').next() != Some(name.as_str()) {
            return Err(format!(
                "the key of `{unit}`, slot {slot}, must be named `{name}`"
            ));
        }
        if !keys.insert(public(vkey)) {
            return Err(format!("the key of `{unit}`, slot {slot}, stands twice"));
        }
    }
    let named = roll
        .keys()
        .map(|(unit, _, _)| unit)
        .chain(roll.vouchers().map(|(unit, _)| unit));
    match named.into_iter().find(|unit| roster.unit(unit).is_none()) {
        Some(unit) => Err(format!("there is no unit `{unit}` in the roster")),
        None => Ok(()),
    }
}

/// Which file of which version, for complaints.
struct Place<'m> {
    manifest: &'m Manifest,
    what: &'static str,
}

impl Place<'_> {
    fn missing(&self) -> BundleError {
        BundleError::MissingFile {
            version: self.manifest.version,
            what: self.what,
        }
    }

    fn bad(&self, why: impl Into<String>) -> BundleError {
        BundleError::BadFile {
            version: self.manifest.version,
            what: self.what,
            why: why.into(),
        }
    }

    fn counted(&self, stated: u64, is: usize, of: &str) -> Result<(), BundleError> {
        if u64::try_from(is) == Ok(stated) {
            return Ok(());
        }
        Err(self.bad(format!("it has {is} {of}, the manifest says {stated}")))
    }
}

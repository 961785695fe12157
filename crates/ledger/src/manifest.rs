//! The manifest: the first one makes the election, a later one changes who takes part in it.
//!
//! Of a later version only what differs from the version before takes effect, and what leaves have
//! changed since stays changed: a revoked key does not come back because a manifest still lists
//! it. Rules and roster stay those of version 1 for the whole night, so that every sheet has the
//! same rows; sites are added or merged by `roster` acts.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use caucus::{Refusal, Roll, Roster, Rules, Scale, Slot, UnitId};
use merkle::Hash;
use note::{Algorithm, VerifierKey, b64};
use receipt::leaf::{Activate, Place};
use receipt::{Effect, Manifest, NodeLine, PersonKey, Policy};

use crate::draft::Draft;
use crate::intake::{Authentic, Stop};
use crate::keys;
use crate::outcome::Outcome;
use crate::rows::{self, KeyRef, LeafIndexRow, ManifestRow, Tenure, VoucherRow};
use crate::tables::{Fault, Table, Tables};

/// Puts a manifest version in force. `sent` are the files that came with it.
pub(crate) fn put_in_force<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    manifest: &Manifest,
    sent: &[Vec<u8>],
) -> Result<Outcome, Stop> {
    let before = rows::manifest_in_force(draft)?;
    if let Some(before) = &before {
        follows(draft, before, manifest, &authentic.text_hash)?;
    }
    let files = Files::gather(draft, manifest, sent)?;
    let roll = sound_roll(draft, manifest, &files)?;

    let leaf = draft.append_note(authentic)?;
    let old_keys = match &before {
        None => {
            begin(draft, authentic, manifest, &files);
            Vec::new()
        }
        Some(before) => listed_keys(draft, before)?,
    };
    change_keys(draft, &old_keys, &keys_of(manifest, &roll)?)?;
    change_vouchers(draft, before.as_ref(), &roll)?;
    if keys::are_few(keys::registrars(draft)?) {
        return Err(Refusal::FewRegistrars.into());
    }
    for (hash, bytes) in files.named {
        draft.put(Table::File, hash.as_bytes().to_vec(), bytes);
    }
    draft.put(
        Table::Meta,
        rows::META_VERSION.to_vec(),
        rows::number_key(manifest.version),
    );
    let row = ManifestRow {
        index: leaf.index,
        text_hash: authentic.text_hash,
    };
    draft.put(
        Table::Manifest,
        rows::number_key(manifest.version),
        row.encode(),
    );
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Lets a successor version, signed before the night, be appended.
pub(crate) fn activate<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    activate: &Activate,
) -> Result<Outcome, Stop> {
    let leaf = draft.append_note(authentic)?;
    let key = activate.manifest.as_bytes().to_vec();
    draft.put(Table::Activated, key, LeafIndexRow(leaf.index).encode());
    draft.seal_leaf(leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

fn bad(what: impl Into<String>) -> Stop {
    Refusal::BadManifest { what: what.into() }.into()
}

/// Whether a version may come after the one in force.
fn follows<T: Tables>(
    draft: &Draft<'_, T>,
    before: &Manifest,
    manifest: &Manifest,
    text: &Hash,
) -> Result<(), Stop> {
    if before.version.checked_add(1) != Some(manifest.version) {
        return Err(bad(format!("version {} is in force", before.version)));
    }
    let in_force = rows::manifest(draft, before.version)?.map(|row| row.text_hash);
    if manifest.previous != in_force {
        return Err(bad("`previous` is not the version in force"));
    }
    if manifest.rules != before.rules || manifest.roster != before.roster {
        return Err(bad("rules and roster stay those of version 1"));
    }
    if manifest.kind != before.kind {
        return Err(bad("a rehearsal stays a rehearsal, the night the night"));
    }
    let tree = rows::frontier(draft)?;
    match &manifest.recovered {
        Some(recovered) if recovered.size != tree.size() || recovered.root != tree.root() => {
            return Err(bad("the recovered log is not the one before this leaf"));
        }
        Some(recovered) if recovered.origin != before.origin => {
            return Err(bad("the recovered origin is not the one in force"));
        }
        None if manifest.origin != before.origin => {
            return Err(bad("only a recovered log has a new origin"));
        }
        Some(_) | None => {}
    }
    keeps_node_names(draft, manifest)?;
    if manifest.effect == Effect::OnceActivated && !rows::is_activated(draft, text)? {
        return Err(Refusal::NotActivated.into());
    }
    Ok(())
}

/// Ordinals and ids of one log are never used again for other keys, and a recovered log's nodes
/// have new keys.
fn keeps_node_names<T: Tables>(draft: &Draft<'_, T>, manifest: &Manifest) -> Result<(), Stop> {
    for (_, row) in rows::manifests(draft)? {
        let earlier = rows::manifest_at_leaf(draft, row.index)?;
        for old in earlier.nodes.iter().chain(&earlier.spares) {
            let clashes = |new: &NodeLine| {
                if earlier.origin == manifest.origin {
                    (new.ordinal == old.ordinal || new.id == old.id) && new != old
                } else {
                    new.log.public_bytes() == old.log.public_bytes()
                        || new.cosigner.public_bytes() == old.cosigner.public_bytes()
                }
            };
            if manifest.nodes.iter().chain(&manifest.spares).any(clashes) {
                return Err(bad(format!(
                    "ordinal {}, id `{}` or its keys were another node's in version {}",
                    old.ordinal, old.id, earlier.version
                )));
            }
        }
    }
    Ok(())
}

/// The files that a manifest binds, each found and parsed once.
#[derive(Debug)]
struct Files {
    /// By hash: what the manifest names.
    named: BTreeMap<Hash, Vec<u8>>,
    roster: Roster,
    roll: Roll,
}

impl Files {
    /// Finds each file among those sent and those stored, and reads it.
    fn gather<T: Tables>(
        draft: &Draft<'_, T>,
        manifest: &Manifest,
        sent: &[Vec<u8>],
    ) -> Result<Self, Stop> {
        let sent: BTreeMap<Hash, &Vec<u8>> = sent
            .iter()
            .map(|file| (merkle::sha256(file), file))
            .collect();
        let mut named = BTreeMap::new();
        for hash in [
            manifest.rules,
            manifest.roster.hash,
            manifest.roll.hash,
            manifest.receipt_policy,
            manifest.final_policy,
        ] {
            let file = match sent.get(&hash) {
                Some(file) => (*file).clone(),
                None => rows::file(draft, &hash)?.ok_or(Refusal::MissingFile)?,
            };
            named.insert(hash, file);
        }
        let text = |hash: &Hash| {
            let bytes = named.get(hash).map(Vec::as_slice).unwrap_or_default();
            core::str::from_utf8(bytes).unwrap_or_default()
        };
        let rules = Rules::parse(text(&manifest.rules))
            .map_err(|error| bad(format!("the rules: {error}")))?;
        let roster = Roster::parse(text(&manifest.roster.hash))
            .map_err(|error| bad(format!("the roster: {error}")))?;
        let roll = Roll::parse(text(&manifest.roll.hash))
            .map_err(|error| bad(format!("the roll: {error}")))?;
        if !says(
            text(&manifest.receipt_policy),
            &Policy::receipt_for(manifest),
        ) {
            return Err(bad("the receipt policy is not a majority of its nodes"));
        }
        let final_text = text(&manifest.final_policy);
        let strong = match Policy::final_for(manifest) {
            Some(policy) => says(final_text, &policy),
            None => final_text == Policy::final_file(manifest),
        };
        if !strong {
            return Err(bad(
                "the final policy is not the strong quorum and an outside witness",
            ));
        }
        if let Some(unit) = roster.unknown_pool(&rules) {
            return Err(bad(format!(
                "the rules have no pool for unit `{}`",
                unit.id
            )));
        }
        count_is("roster", manifest.roster.count, roster.unit_count())?;
        count_is("roll", manifest.roll.count, roll.line_count())?;
        Ok(Self {
            named,
            roster,
            roll,
        })
    }
}

/// Whether a policy file says what follows from the manifest, whatever its comments.
fn says(file: &str, derived: &Policy) -> bool {
    Policy::parse(file).is_ok_and(|policy| policy.to_string() == derived.to_string())
}

fn count_is(file: &str, stated: u64, found: usize) -> Result<(), Stop> {
    if u64::try_from(found) == Ok(stated) {
        Ok(())
    } else {
        Err(bad(format!("the {file} has {found} entries, not {stated}")))
    }
}

/// The roll with its keys and hashes read.
#[derive(Debug)]
struct SoundRoll {
    keys: Vec<(UnitId, Slot, VerifierKey)>,
    vouchers: BTreeSet<(UnitId, Hash)>,
}

/// Reads the roll's keys: every one is examined here, once, before it can sign anything.
fn sound_roll<T: Tables>(
    tables: &T,
    manifest: &Manifest,
    files: &Files,
) -> Result<SoundRoll, Stop> {
    let known = |unit: &UnitId| {
        if files.roster.unit(unit).is_some() {
            Ok(())
        } else {
            Err(bad(format!(
                "the roll names `{unit}`, which the roster does not"
            )))
        }
    };
    let mut keys = Vec::new();
    for (unit, slot, vkey) in files.roll.keys() {
        known(unit)?;
        let name = format!("{}/{unit}/{slot}", manifest.header.election);
        let key = tables
            .sound_key(vkey)
            .map_err(|error| bad(format!("the key of `{unit}` {slot}: {error}")))?;
        if key.algorithm() != Algorithm::Ed25519 || key.name().as_str() != name {
            return Err(bad(format!(
                "the key of `{unit}` {slot} is no signing key named `{name}`"
            )));
        }
        keys.push((unit.clone(), slot, key));
    }
    let mut vouchers = BTreeSet::new();
    for (unit, hash) in files.roll.vouchers() {
        known(unit)?;
        let hash = b64::decode_hash(hash)
            .ok_or_else(|| bad(format!("a voucher of `{unit}` is no hash")))?;
        vouchers.insert((unit.clone(), hash));
    }
    Ok(SoundRoll { keys, vouchers })
}

/// What version 1 makes: the election and its units.
fn begin<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
    manifest: &Manifest,
    files: &Files,
) {
    let election = manifest.header.election.as_str().as_bytes().to_vec();
    draft.put(Table::Meta, rows::META_ELECTION.to_vec(), election);
    let genesis = authentic.text_hash.as_bytes().to_vec();
    draft.put(Table::Meta, rows::META_GENESIS.to_vec(), genesis);
    draft.put(
        Table::Meta,
        rows::META_RULES.to_vec(),
        manifest.rules.as_bytes().to_vec(),
    );
    // Roster acts of the night change units and their delegates, never a county's numbers.
    let scale = Scale::of(files.roster.counties());
    draft.put(Table::Meta, rows::META_SCALE.to_vec(), scale.to_bytes());
    for county in files.roster.counties() {
        let key = county.id.as_str().as_bytes().to_vec();
        draft.put(Table::County, key, county.to_line().into_bytes());
    }
    let mut units = BTreeMap::new();
    for unit in files.roster.units() {
        let key = unit.id.as_str().as_bytes().to_vec();
        draft.put(Table::Unit, key, unit.to_line().into_bytes());
        let count = units
            .entry(rows::area_units_key(&unit.kind))
            .or_insert(0_u64);
        *count = count.saturating_add(1);
    }
    for (area, count) in units {
        draft.put(Table::AreaUnits, area, rows::number_key(count));
    }
}

/// A key and the place that a manifest and its roll give it.
type Listed = (VerifierKey, Place);

fn keys_of(manifest: &Manifest, roll: &SoundRoll) -> Result<Vec<Listed>, Stop> {
    let people = manifest
        .keys
        .iter()
        .map(|PersonKey { role, key }| (key.clone(), Place::Role(*role)));
    let chairs = roll.keys.iter().map(|(unit, slot, key)| {
        (
            key.clone(),
            Place::Slot {
                unit: unit.clone(),
                slot: *slot,
            },
        )
    });
    let listed: Vec<Listed> = people.chain(chairs).collect();
    let mut seen = BTreeSet::new();
    for (key, _) in &listed {
        if !seen.insert(*key.public_bytes()) {
            return Err(bad(format!("the key of `{}` stands twice", key.name())));
        }
    }
    Ok(listed)
}

/// What the version in force and its roll list.
fn listed_keys<T: Tables>(draft: &Draft<'_, T>, manifest: &Manifest) -> Result<Vec<Listed>, Fault> {
    let people = manifest
        .keys
        .iter()
        .map(|PersonKey { role, key }| (key.clone(), Place::Role(*role)));
    let mut listed: Vec<Listed> = people.collect();
    for (unit, slot, vkey) in stored_roll(draft, manifest)?.keys() {
        let key = VerifierKey::parse_enrolled(vkey).map_err(|_| Fault::Corrupt {
            table: Table::File,
            what: "a key of the roll",
        })?;
        listed.push((
            key,
            Place::Slot {
                unit: unit.clone(),
                slot,
            },
        ));
    }
    Ok(listed)
}

fn stored_roll<T: Tables>(draft: &Draft<'_, T>, manifest: &Manifest) -> Result<Roll, Fault> {
    let corrupt = |what| Fault::Corrupt {
        table: Table::File,
        what,
    };
    let bytes =
        rows::file(draft, &manifest.roll.hash)?.ok_or_else(|| corrupt("the roll is missing"))?;
    let text = core::str::from_utf8(&bytes).map_err(|_| corrupt("the roll is not text"))?;
    Roll::parse(text).map_err(|_| corrupt("the roll does not parse"))
}

/// Ends what is no longer listed and grants what is newly listed; what is listed in both versions
/// stays as leaves have left it.
fn change_keys<T: Tables>(
    draft: &mut Draft<'_, T>,
    old: &[Listed],
    new: &[Listed],
) -> Result<(), Stop> {
    let were: BTreeSet<&Listed> = old.iter().collect();
    let are: BTreeSet<&Listed> = new.iter().collect();
    for (key, place) in were.difference(&are) {
        keys::end(draft, &KeyRef::of(key), place)?;
    }
    let names = names_of_keys(draft)?;
    for (key, place) in are.difference(&were) {
        let name = KeyRef::of(key);
        let vkey = key.to_string();
        let others = keys::public_part(&vkey).and_then(|public| names.get(public));
        if let Some(other) = others.into_iter().flatten().find(|other| **other != name) {
            let other = &other.name;
            return Err(bad(format!(
                "the key of `{}` is known as that of `{other}`",
                name.name
            )));
        }
        keys::grant(draft, key, place.clone())?;
    }
    Ok(())
}

/// By public key, the names under which it may sign or was revoked: under another it would be a
/// second signer, or come back.
fn names_of_keys<T: Tables>(tables: &T) -> Result<BTreeMap<String, Vec<KeyRef>>, Fault> {
    let mut names: BTreeMap<String, Vec<KeyRef>> = BTreeMap::new();
    for (name, row) in rows::keys(tables)? {
        let ended =
            row.revoked.is_none() && row.grants.iter().all(|grant| grant.tenure == Tenure::Ended);
        if let Some(public) = keys::public_part(&row.vkey).filter(|_| !ended) {
            names.entry(public.to_string()).or_default().push(name);
        }
    }
    Ok(names)
}

/// The same for vouchers: new ones can be used, and unused ones that are gone no longer can.
fn change_vouchers<T: Tables>(
    draft: &mut Draft<'_, T>,
    before: Option<&Manifest>,
    roll: &SoundRoll,
) -> Result<(), Stop> {
    let mut were = BTreeSet::new();
    if let Some(before) = before {
        for (unit, hash) in stored_roll(draft, before)?.vouchers() {
            if let Some(hash) = b64::decode_hash(hash) {
                were.insert((unit.clone(), hash));
            }
        }
    }
    for (unit, hash) in were.difference(&roll.vouchers) {
        if rows::voucher(draft, unit, hash)? == Some(VoucherRow::Unused) {
            draft.delete(Table::Voucher, rows::unit_hash_key(unit, hash));
        }
    }
    for (unit, hash) in roll.vouchers.difference(&were) {
        // One that was used, left out by a version and listed again, stays used.
        if rows::voucher(draft, unit, hash)?.is_none() {
            let key = rows::unit_hash_key(unit, hash);
            draft.put(Table::Voucher, key, VoucherRow::Unused.encode());
        }
    }
    Ok(())
}

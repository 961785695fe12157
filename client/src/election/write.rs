//! The folder of an election, as `tally election new --development` leaves it.
//!
//! ```text
//! manifest.note  roster.txt  rules.txt  roll.txt  policy.receipt.txt  policy.final.txt
//! fingerprint.txt        what verifiers and nodes pin: the short code, and the whole hash below it
//! bundle/                manifest and files: what `tally receipt verify` needs beside a receipt
//! ca.crt  ca.key         the authority for certificates; clients pin ca.crt
//! keys/<role>/<name>.key people: authority, admin, observer, operator, publisher, registrar, reviewer
//! chairs/<unit>.key      the chair's key; beside it <unit>.b.key, <unit>.s.key, <unit>.vouchers
//! nodes/<id>/            node.toml, log.key, cosigner.key, api.crt, api.key, peer.crt, peer.key, ca.crt
//! tally.env              addresses, bundle, fingerprint, ca and outbox for a shell to source
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use caucus::{ElectionId, UnitId};
use merkle::Hash;
use note::{SignerKey, UnixSeconds, b64};
use receipt::Fingerprint;

use super::draft::Draft;
use super::make::{Files, Made, NodeKeys, UnitKeys};
use super::plan::{NodePlan, WitnessPlan};
use crate::bundle;
use crate::certificate::{self, Authority, NodeName};
use crate::disk::write_secret;

/// What was written, for whoever goes on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The folder.
    pub folder: PathBuf,
    /// One configuration a node, in the order of the plan.
    pub node_configs: Vec<PathBuf>,
    /// The certificate that clients pin.
    pub authority: PathBuf,
    /// The bundle's folder.
    pub bundle: PathBuf,
}

/// Why the folder is not complete.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder holds something already; keys are not overwritten.
    #[error("`{}` is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// A file could not be written.
    #[error("write `{}`", .path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("make the certificates")]
    Certificate(#[from] certificate::Error),
}

/// Writes the whole folder; it must be empty or not exist yet.
pub fn write(made: &Made, folder: &Path, now: UnixSeconds) -> Result<Written, WriteError> {
    make_empty(folder)?;
    write_files(&made.files, &made.genesis, folder)?;
    put(&folder.join("manifest.note"), made.manifest.bytes())?;
    let bundle = folder.join("bundle");
    bundle::write_folder(&made.bundle, &bundle).map_err(disk(&bundle))?;
    write_people(made, folder)?;
    write_chairs(&made.units, folder)?;
    let node_configs = write_nodes(made, folder, now)?;
    put(
        &folder.join("tally.env"),
        environment(made, folder).as_bytes(),
    )?;
    Ok(Written {
        folder: folder.to_owned(),
        node_configs,
        authority: folder.join("ca.crt"),
        bundle,
    })
}

/// Writes an unsigned manifest with its files; the folder must be empty or not exist yet.
pub fn write_draft(draft: &Draft, folder: &Path) -> Result<(), WriteError> {
    make_empty(folder)?;
    write_files(&draft.files, &draft.content.genesis(), folder)?;
    put(
        &folder.join("manifest.txt"),
        draft.content.text().as_bytes(),
    )
}

fn make_empty(folder: &Path) -> Result<(), WriteError> {
    make_folder(folder)?;
    let mut entries = std::fs::read_dir(folder).map_err(disk(folder))?;
    match entries.next() {
        Some(_) => Err(WriteError::NotEmpty(folder.to_owned())),
        None => Ok(()),
    }
}

/// The files that a manifest names, and what verifiers pin.
fn write_files(files: &Files, genesis: &Hash, folder: &Path) -> Result<(), WriteError> {
    let fingerprint = Fingerprint::of(*genesis);
    let pinned = format!("{fingerprint}\n{}\n", b64::encode_hash(genesis));
    for (name, text) in [
        ("roster.txt", &files.roster),
        ("rules.txt", &files.rules),
        ("roll.txt", &files.roll),
        ("policy.receipt.txt", &files.receipt_policy),
        ("policy.final.txt", &files.final_policy),
        ("fingerprint.txt", &pinned),
    ] {
        put(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

fn write_people(made: &Made, folder: &Path) -> Result<(), WriteError> {
    for (role, keys) in &made.people {
        let folder = folder.join("keys").join(role.to_string());
        make_folder(&folder)?;
        for key in keys {
            let name = key.verifier().name().as_str();
            let last = name.rsplit('/').next().unwrap_or(name);
            put_key(&folder.join(format!("{last}.key")), key)?;
        }
    }
    Ok(())
}

/// Writes the keys and vouchers of units into the folder `chairs`.
pub fn write_chairs(units: &BTreeMap<UnitId, UnitKeys>, folder: &Path) -> Result<(), WriteError> {
    let folder = folder.join("chairs");
    make_folder(&folder)?;
    for (unit, keys) in units {
        let UnitKeys { a, b, s, vouchers } = keys;
        put_key(&folder.join(format!("{unit}.key")), a)?;
        put_key(&folder.join(format!("{unit}.b.key")), b)?;
        put_key(&folder.join(format!("{unit}.s.key")), s)?;
        let codes = vouchers.iter().fold(String::new(), |mut text, voucher| {
            let _ = writeln!(text, "{voucher}");
            text
        });
        put_secret(&folder.join(format!("{unit}.vouchers")), &codes)?;
    }
    Ok(())
}

fn write_nodes(made: &Made, folder: &Path, now: UnixSeconds) -> Result<Vec<PathBuf>, WriteError> {
    let authority = Authority::new(&made.plan.election, now)?;
    put(
        &folder.join("ca.crt"),
        authority.pair().certificate.as_bytes(),
    )?;
    put_secret(&folder.join("ca.key"), &authority.pair().key)?;
    let pairs = made.plan.nodes.iter().zip(&made.nodes);
    pairs
        .map(|(plan, keys)| {
            let folder = folder.join("nodes").join(plan.id.as_str());
            let desk = Desk {
                election: &made.plan.election,
                genesis: &made.genesis,
                authority: &authority,
                witnesses: &made.plan.witnesses,
            };
            write_node(&folder, &desk, plan, keys, now)
        })
        .collect()
}

/// What all nodes of a desk share.
#[derive(Debug)]
pub struct Desk<'d> {
    /// The contest's name.
    pub election: &'d ElectionId,
    /// The hash of the first manifest, which nodes pin.
    pub genesis: &'d Hash,
    /// Signs their certificates.
    pub authority: &'d Authority,
    /// The outside witnesses that they ask.
    pub witnesses: &'d [WitnessPlan],
}

/// Writes one node's folder: keys, certificates, configuration. Gives back the configuration.
pub fn write_node(
    folder: &Path,
    desk: &Desk<'_>,
    plan: &NodePlan,
    keys: &NodeKeys,
    now: UnixSeconds,
) -> Result<PathBuf, WriteError> {
    let name = NodeName {
        election: desk.election,
        id: plan.id.as_str(),
        ordinal: plan.ordinal,
    };
    make_folder(folder)?;
    put_secret(
        &folder.join("log.key"),
        &format!("{}\n", keys.log.to_secret_text()),
    )?;
    put_secret(
        &folder.join("cosigner.key"),
        &format!("{}\n", keys.cosigner.to_secret_text()),
    )?;
    let api = desk
        .authority
        .api(&name, &[plan.api.ip().to_string()], now)?;
    let peer = desk.authority.peer(&name, now)?;
    for (kind, pair) in [("api", api), ("peer", peer)] {
        put(
            &folder.join(format!("{kind}.crt")),
            pair.certificate.as_bytes(),
        )?;
        put_secret(&folder.join(format!("{kind}.key")), &pair.key)?;
    }
    put(
        &folder.join("ca.crt"),
        desk.authority.pair().certificate.as_bytes(),
    )?;
    let config = folder.join("node.toml");
    put(
        &config,
        node_config(plan, desk.genesis, desk.witnesses).as_bytes(),
    )?;
    Ok(config)
}

/// The configuration of one node whose keys and certificates lie beside it.
pub fn node_config(plan: &NodePlan, genesis: &Hash, witnesses: &[WitnessPlan]) -> String {
    let NodePlan {
        id,
        api,
        peers,
        operations,
        ..
    } = plan;
    let fingerprint = b64::encode_hash(genesis);
    let mut asked = String::new();
    for WitnessPlan { line, url } in witnesses {
        // Writing to a string cannot fail.
        let _ = write!(
            asked,
            "\n[[witnesses]]\nid = \"{}\"\nurl = \"{url}\"\n",
            line.id
        );
    }
    format!(
        r#"# One node of the cluster. Paths are relative to this file.
id = "{id}"
data_dir = "data"

[keys]
log = "log.key"
cosigner = "cosigner.key"

[election]
fingerprint = "{fingerprint}"

[api]
listen = "{api}"
advertise = "{api}"
certificate = "api.crt"
key = "api.key"

[peers]
listen = "{peers}"
advertise = "{peers}"
certificate = "peer.crt"
key = "peer.key"
ca = "ca.crt"

[operations]
listen = "{operations}"
{asked}"#
    )
}

/// What a shell needs to talk to this cluster.
fn environment(made: &Made, folder: &Path) -> String {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let path = |name: &str| quoted(&folder.join(name).display().to_string());
    let nodes: Vec<String> = made
        .plan
        .nodes
        .iter()
        .map(|node| node.api.to_string())
        .collect();
    format!(
        "export TALLY_NODES={}\nexport TALLY_BUNDLE={}\nexport TALLY_FINGERPRINT={}\n\
         export TALLY_CA={}\nexport TALLY_OUTBOX={}\n",
        quoted(&nodes.join(",")),
        path("bundle"),
        quoted(&made.fingerprint.to_string()),
        path("ca.crt"),
        path("outbox"),
    )
}

/// A word that a POSIX shell takes as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn make_folder(folder: &Path) -> Result<(), WriteError> {
    std::fs::create_dir_all(folder).map_err(disk(folder))
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    std::fs::write(path, bytes).map_err(disk(path))
}

fn put_key(path: &Path, key: &SignerKey) -> Result<(), WriteError> {
    put_secret(path, &format!("{}\n", key.to_secret_text()))
}

fn put_secret(path: &Path, text: &str) -> Result<(), WriteError> {
    write_secret(path, text).map_err(disk(path))
}

fn disk(path: &Path) -> impl Fn(io::Error) -> WriteError {
    move |source| WriteError::Disk {
        path: path.to_owned(),
        source,
    }
}

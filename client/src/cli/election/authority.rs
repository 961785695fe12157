//! The authority at work: one signature at a time, on machines that need no network, and the
//! signatures put together where they come back to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use merkle::Hash;
use note::{Limits, SignatureLine, SignedNote, SignerKey, VerifierKey, b64};
use receipt::leaf::Role;
use receipt::{Bundle, BundledManifest, Election, ElectionKind, Fingerprint, Leaf, Manifest};
use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure::{Failure, Outcome};
use super::super::files;
use super::super::output::Output;
use super::super::secrets::Passphrases;
use super::ceremony::not_drafted;
use super::time;
use crate::bundle;
use crate::election;

/// Read what a manifest says and add one signature of the authority.
#[derive(Debug, Args)]
#[command(after_help = "\
Needs no network. The files that the manifest names lie beside it and are held against it; a version
behind the first is held against the one before it, in --bundle, and what it changes is said. Each
signature is written to a file of its own, so several people may sign copies at the same time;
`tally election assemble` joins them.

Examples:
  tally election sign ceremony/manifest.txt --key A1.key
  tally election sign version-2/manifest.txt --bundle caucus-bundle --key A2.key
  tally election sign ceremony/successors/*/manifest.txt --bundle ceremony --key A1.key")]
pub(crate) struct Sign {
    /// The unsigned text, or a note that others have signed; several are signed one after the other.
    #[arg(required = true, value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// The secret key of the authority.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to write the signed note [default: beside the text, named for the key].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder with the versions before and their files, for versions behind the first.
    #[arg(long, value_name = "DIR")]
    bundle: Vec<PathBuf>,
    /// Sign without being asked.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    passphrases: Passphrases,
}

/// Join signatures that were made apart; with enough of them, write the bundle.
#[derive(Debug, Args)]
#[command(after_help = "\
With as many signatures as the authority's threshold a version is opened as every verifier opens it,
and goes into the bundle of --out-bundle. Fewer are joined and counted. Successors go into the same
bundle, so that they lie ready where `tally cluster` looks for them.

Examples:
  tally election assemble ceremony/manifest.A1.note ceremony/manifest.A2.note \\
      --out ceremony/manifest.note --out-bundle ceremony/bundle
  tally election assemble ceremony/successors/*/manifest.A?.note --bundle ceremony/bundle \\
      --out-bundle ceremony/bundle")]
pub(crate) struct Assemble {
    /// Notes, each with at least one signature; those of one text are joined.
    #[arg(required = true, value_name = "NOTE")]
    notes: Vec<PathBuf>,
    /// The file for the joined note, which must not exist [default: manifest.note beside the first].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder with the versions before and their files, for versions behind the first.
    #[arg(long, value_name = "DIR")]
    bundle: Vec<PathBuf>,
    /// The folder for the bundle, once the signatures are enough.
    #[arg(long, value_name = "DIR")]
    out_bundle: Option<PathBuf>,
}

/// A manifest as it was read: signed, partly, or not at all.
pub(super) struct Read {
    pub(super) text: String,
    signatures: Vec<SignatureLine>,
}

#[derive(Serialize)]
struct Signed {
    version: u64,
    says: Vec<String>,
    text_hash: String,
    note: String,
    signers: Vec<String>,
    needed: u64,
}

#[derive(Serialize)]
struct Assembled {
    version: u64,
    text_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    note: String,
    signers: Vec<String>,
    missing: u64,
}

/// Everything that signs one text.
struct Group {
    folder: PathBuf,
    manifest: Manifest,
    read: Read,
}

impl Sign {
    pub(crate) fn run(self, output: Output) -> Outcome {
        if self.out.is_some() && self.manifests.len() > 1 {
            return Err(Failure::new(Exit::Usage, "--out names one file")
                .now("without it each signature is written beside its text"));
        }
        let around = Around::read(&self.manifests, &self.bundle)?;
        let key = self.passphrases.signer(output, &self.key)?;
        for file in &self.manifests {
            self.sign(output, file, &around, &key)?;
        }
        Ok(Exit::Done)
    }

    fn sign(&self, output: Output, file: &Path, around: &Around, key: &SignerKey) -> Outcome<()> {
        let read = read_manifest(file)?;
        let manifest = manifest_of(&read.text, file)?;
        let before = around.before(&manifest)?;
        let by = before.as_ref().unwrap_or(&manifest);
        around.check_files(&manifest)?;
        check_signed(by, &read)?;
        check_key(by, key.verifier(), &read)?;
        let says = says(&manifest, before.as_ref(), &read.text);
        output.say(&says.join("\n"));
        if !self.yes && !output.ask("Sign this?")? {
            return Err(Failure::new(Exit::Interrupted, "this was not signed")
                .now("repeat it with --yes to do it without being asked"));
        }
        let mut signatures = read.signatures;
        signatures.push(key.sign(&read.text));
        let note = assemble(&read.text, signatures)?;
        let last = key.verifier().name().as_str().rsplit('/').next();
        let out = self.out.clone().unwrap_or_else(|| {
            folder_of(file).join(format!("manifest.{}.note", last.unwrap_or("signed")))
        });
        files::write_new(&out, note.bytes())?;
        let signed = Signed {
            version: manifest.version,
            says,
            text_hash: b64::encode_hash(&note.text_hash()),
            note: out.display().to_string(),
            signers: names(&note),
            needed: by.authority.threshold,
        };
        output.result("tally.manifest-signed/v1", &signed, || {
            format!(
                "signed by {}; {} must sign\n  note  {}",
                signed.signers.join(" and "),
                signed.needed,
                signed.note
            )
        })
    }
}

impl Assemble {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let groups = self.groups()?;
        if self.out.is_some() && groups.len() > 1 {
            return Err(Failure::new(
                Exit::Invalid,
                "these notes sign different texts, and --out names one file",
            )
            .now(
                "if one text was meant, the signers had different files: begin again with one; \
                 without --out each text's note is written beside it",
            ));
        }
        let mut around = Around::read(&self.notes, &self.bundle)?;
        let mut complete = false;
        for group in groups {
            complete |= self.join(output, group, &mut around)?;
        }
        if let Some(folder) = self.out_bundle.as_ref().filter(|_| complete) {
            let whole = around.into_bundle()?;
            bundle::write_folder(&whole, folder).map_err(|error| {
                Failure::new(Exit::Failed, format!("cannot write `{}`", folder.display()))
                    .because(&error)
            })?;
            output.say(&format!("the bundle is in {}", folder.display()));
        }
        Ok(Exit::Done)
    }

    /// The notes by the text they sign, a version behind the one that it follows.
    fn groups(&self) -> Outcome<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        for file in &self.notes {
            let read = read_manifest(file)?;
            let manifest = manifest_of(&read.text, file)?;
            match groups.iter_mut().find(|group| group.read.text == read.text) {
                Some(group) => {
                    for line in read.signatures {
                        let signatures = &mut group.read.signatures;
                        if !signatures
                            .iter()
                            .any(|old| old.name == line.name && old.id == line.id)
                        {
                            signatures.push(line);
                        }
                    }
                }
                None => groups.push(Group {
                    folder: folder_of(file).to_owned(),
                    manifest,
                    read,
                }),
            }
        }
        groups.sort_by_key(|group| group.manifest.version);
        Ok(groups)
    }

    /// Joins one text's signatures and writes them; says whether they are enough.
    fn join(&self, output: Output, group: Group, around: &mut Around) -> Outcome<bool> {
        let Group {
            folder,
            manifest,
            read,
        } = group;
        let before = around.before(&manifest)?;
        let by = before.as_ref().unwrap_or(&manifest);
        check_signed(by, &read)?;
        let note = assemble(&read.text, read.signatures)?;
        let have = u64::try_from(note.signatures().len()).unwrap_or(u64::MAX);
        let missing = by.authority.threshold.saturating_sub(have);
        if missing == 0 {
            around.add(&note)?;
        }
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| folder.join("manifest.note"));
        files::write_new(&out, note.bytes())?;
        let hash = note.text_hash();
        let assembled = Assembled {
            version: manifest.version,
            text_hash: b64::encode_hash(&hash),
            fingerprint: (manifest.version == 1).then(|| Fingerprint::of(hash).to_string()),
            note: out.display().to_string(),
            signers: names(&note),
            missing,
        };
        output.result("tally.manifest-assembled/v1", &assembled, || {
            assembled.words()
        })?;
        Ok(missing == 0)
    }
}

impl Assembled {
    fn words(&self) -> String {
        let state = match self.missing {
            0 => "complete".to_owned(),
            1 => "one more of the authority must sign".to_owned(),
            missing => format!("{missing} more of the authority must sign"),
        };
        let mut lines = vec![
            format!(
                "manifest {}, signed by {}: {state}",
                self.version,
                self.signers.join(" and ")
            ),
            format!("  note         {}", self.note),
        ];
        lines.extend(
            self.fingerprint
                .iter()
                .map(|code| format!("  fingerprint  {code}")),
        );
        lines.join("\n")
    }
}

/// What lies around a manifest: its files, and the versions before it.
struct Around {
    bundle: Bundle,
}

impl Around {
    /// What lies in the folders of these manifests, and the versions in these bundles.
    fn read(manifests: &[PathBuf], bundles: &[PathBuf]) -> Outcome<Around> {
        let mut all = Bundle::default();
        let beside: BTreeSet<&Path> = manifests.iter().map(|file| folder_of(file)).collect();
        let bundles = bundles.iter().map(PathBuf::as_path);
        for (folder, is_bundle) in beside
            .into_iter()
            .map(|folder| (folder, false))
            .chain(bundles.map(|folder| (folder, true)))
        {
            let read = bundle::read_folder(folder).map_err(|error| {
                Failure::new(Exit::Usage, format!("cannot read `{}`", folder.display()))
                    .because(&error)
            })?;
            all.files.extend(read.files);
            if is_bundle {
                all.manifests.extend(read.manifests);
            }
        }
        Ok(Around { bundle: all })
    }

    /// The version before this one, found by the hash that this one names.
    fn before(&self, manifest: &Manifest) -> Outcome<Option<Manifest>> {
        let Some(previous) = manifest.previous else {
            return Ok(None);
        };
        self.bundle
            .manifests
            .iter()
            .filter(|bundled| bundled.note.text_hash() == previous)
            .find_map(|bundled| Leaf::parse(&bundled.note).ok()?.manifest().cloned())
            .or_else(|| self.unsigned(&previous))
            .map(Some)
            .ok_or_else(|| {
                Failure::new(
                    Exit::CannotVerify,
                    format!(
                        "the version before manifest {} is not at hand",
                        manifest.version
                    ),
                )
                .now("give the folder that it lies in with --bundle DIR")
            })
    }

    /// A version whose signatures are still being collected: its text lies there as a file.
    fn unsigned(&self, hash: &Hash) -> Option<Manifest> {
        let text = std::str::from_utf8(self.bundle.files.get(hash)?).ok()?;
        Leaf::parse_text(text).ok()?.manifest().cloned()
    }

    fn check_files(&self, manifest: &Manifest) -> Outcome<()> {
        election::check_files(manifest, &self.bundle.files).map_err(|error| {
            not_drafted(&error).now("the manifest and its files are carried together, unchanged")
        })
    }

    /// Puts a version among those that are there, in place of any half-signed copy of it.
    fn add(&mut self, note: &SignedNote) -> Outcome<()> {
        let hash = note.text_hash();
        self.bundle
            .manifests
            .retain(|bundled| bundled.note.text_hash() != hash);
        self.bundle.manifests.push(BundledManifest {
            note: note.clone(),
            leaf: None,
            receipt: None,
        });
        self.open()
    }

    /// Opens what is there as every verifier opens it.
    fn open(&self) -> Outcome<()> {
        let first = self.bundle.manifests.iter().find(|bundled| {
            matches!(Leaf::parse(&bundled.note), Ok(Leaf::Manifest(manifest)) if manifest.version == 1)
        });
        let genesis = first
            .map(|bundled| bundled.note.text_hash())
            .ok_or_else(|| {
                Failure::new(Exit::CannotVerify, "version 1 is not at hand")
                    .now("give the folder of the bundle with --bundle DIR")
            })?;
        Election::open(&self.bundle, Fingerprint::of(genesis))
            .map(|_| ())
            .map_err(|error| {
                Failure::new(Exit::Invalid, "the signed manifest does not hold").because(&error)
            })
    }

    /// The bundle for everyone else.
    fn into_bundle(mut self) -> Outcome<Bundle> {
        self.open()?;
        // Texts of versions and other things that lay in the folders are no part of a bundle.
        let named: Vec<Hash> = self
            .bundle
            .manifests
            .iter()
            .filter_map(|bundled| Leaf::parse(&bundled.note).ok()?.manifest().cloned())
            .flat_map(|manifest| {
                [
                    manifest.receipt_policy,
                    manifest.final_policy,
                    manifest.roll.hash,
                    manifest.roster.hash,
                    manifest.rules,
                ]
            })
            .collect();
        self.bundle.files.retain(|hash, _| named.contains(hash));
        Ok(self.bundle)
    }
}

/// Reads a manifest's text, or a note of it with the signatures so far.
pub(super) fn read_manifest(file: &Path) -> Outcome<Read> {
    let bytes = files::read(file)?;
    if let Ok(note) = SignedNote::parse_within(&bytes, Limits::MANIFEST) {
        return Ok(Read {
            text: note.text().to_owned(),
            signatures: note.signatures().to_vec(),
        });
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Usage, format!("`{}` is no manifest", file.display())))?;
    manifest_of(&text, file)?;
    Ok(Read {
        text,
        signatures: Vec::new(),
    })
}

/// The manifest that a text is, by the rules that every node applies.
fn manifest_of(text: &str, file: &Path) -> Outcome<Manifest> {
    let no = || {
        Failure::new(
            Exit::Invalid,
            format!("`{}` is no sound manifest", file.display()),
        )
        .now("nothing was signed; have the text written again by `election new` or `next`")
    };
    let leaf = Leaf::parse_text(text).map_err(|error| no().because(&error))?;
    leaf.manifest()
        .cloned()
        .ok_or_else(|| no().why(format!("it is an act of kind {}", leaf.kind())))
}

/// The signatures that are there must be the authority's, and hold.
fn check_signed(by: &Manifest, read: &Read) -> Outcome<()> {
    for line in &read.signatures {
        let key = by.keys_of(Role::Authority).find(|key| key.claims(line));
        if !key.is_some_and(|key| key.verifies(&read.text, line)) {
            return Err(Failure::new(
                Exit::Invalid,
                format!(
                    "the signature by `{}` is not one of the authority",
                    line.name
                ),
            )
            .now("the text was changed after it was signed, or a stranger signed; begin again"));
        }
    }
    Ok(())
}

fn check_key(by: &Manifest, key: &VerifierKey, read: &Read) -> Outcome<()> {
    let known = by
        .keys_of(Role::Authority)
        .any(|authority| authority.to_string() == key.to_string());
    if !known {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{}` is no key of the authority", key.name()),
        )
        .why(format!("the authority is {}", spelled(by))));
    }
    if read.signatures.iter().any(|line| key.claims(line)) {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{}` has signed it already", key.name()),
        )
        .now("another of the authority signs now"));
    }
    Ok(())
}

fn spelled(manifest: &Manifest) -> String {
    let names: Vec<&str> = manifest
        .authority
        .names
        .iter()
        .map(note::KeyName::as_str)
        .collect();
    names.join(", ")
}

/// What a manifest says, for whoever signs it.
fn says(manifest: &Manifest, before: Option<&Manifest>, text: &str) -> Vec<String> {
    let hash = merkle::sha256(text.as_bytes());
    let mut lines = Vec::new();
    if manifest.kind == ElectionKind::Rehearsal {
        lines.push("REHEARSAL".to_owned());
    }
    lines.push(format!(
        "manifest {} of {} ({})",
        manifest.version, manifest.header.election, manifest.kind
    ));
    if let Some(before) = before {
        lines.push(format!("what it changes of version {}:", before.version));
        let changes = election::differences(before, manifest);
        lines.extend(changes.iter().map(|change| format!("  {change}")));
    } else {
        let node = |node: &receipt::NodeLine| node.id.to_string();
        let list =
            |lines: &[receipt::NodeLine]| lines.iter().map(node).collect::<Vec<_>>().join(", ");
        lines.push(format!("  log        {}", manifest.origin));
        lines.push(format!(
            "  authority  {} of {}",
            manifest.authority.threshold,
            spelled(manifest)
        ));
        lines.push(format!("  nodes      {}", list(&manifest.nodes)));
        lines.push(format!("  spares     {}", list(&manifest.spares)));
        let witnesses: Vec<String> = manifest
            .witnesses
            .iter()
            .map(|w| w.id.to_string())
            .collect();
        lines.push(format!("  witnesses  {}", witnesses.join(", ")));
        for role in Role::ALL.iter().filter(|role| **role != Role::Authority) {
            let keys: Vec<&str> = manifest
                .keys_of(*role)
                .map(|key| key.name().as_str())
                .collect();
            lines.push(format!("  {:<10} {}", role.as_str(), keys.join(", ")));
        }
        lines.push(format!("  opens      {}", time(manifest.opens)));
        lines.push(format!("  closes     {}", time(manifest.closes)));
    }
    lines.push(format!("  units      {}", manifest.roster.count));
    lines.push(format!("  roll       {} lines", manifest.roll.count));
    lines.push(format!("  text       {}", b64::encode_hash(&hash)));
    if manifest.version == 1 {
        lines.push(format!("  fingerprint {}", Fingerprint::of(hash)));
    }
    lines
}

fn assemble(text: &str, signatures: Vec<SignatureLine>) -> Outcome<SignedNote> {
    SignedNote::assemble(text, signatures).map_err(|error| {
        Failure::new(Exit::Invalid, "the manifest does not fit into a note").because(&error)
    })
}

fn names(note: &SignedNote) -> Vec<String> {
    note.signatures()
        .iter()
        .map(|line| line.name.to_string())
        .collect()
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}

//! `tally election sign`: what a manifest says, and one signature of the authority.

use std::path::{Path, PathBuf};

use clap::Args;
use note::{SignerKey, VerifierKey, b64};
use receipt::leaf::Role;
use receipt::{ElectionKind, Fingerprint, Manifest};
use serde::Serialize;

use super::around::Around;
use super::{Read, check_signed, folder_of, joined, manifest_of, names, read_manifest};
use crate::cli::election::time;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::files;
use crate::cli::output::Output;
use crate::cli::secrets::Passphrases;
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

#[derive(Serialize)]
struct Signed {
    version: u64,
    says: Vec<String>,
    text_hash: String,
    note: String,
    signers: Vec<String>,
    needed: u64,
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
        let note = joined(&read.text, signatures)?;
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

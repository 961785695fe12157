//! `tally election assemble`: signatures that were made apart, joined; and the bundle, once they are
//! enough.

use std::path::PathBuf;

use clap::Args;
use note::b64;
use receipt::{Fingerprint, Manifest};
use serde::Serialize;

use super::around::Around;
use super::{Read, check_signed, folder_of, joined, manifest_of, names, read_manifest};
use crate::bundle;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::files;
use crate::cli::output::Output;

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
        let note = joined(&read.text, read.signatures)?;
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

//! Before the night: the unsigned text of a version, the chairs' keys, and the versions that wait
//! for a node to be lost. What is written here is carried to the authority's offline machines.

use std::path::{Path, PathBuf};

use caucus::{ElectionId, Roster};
use clap::Args;
use merkle::Hash;
use note::b64;
use receipt::{Fingerprint, Leaf, Manifest};
use serde::Serialize;

use super::super::args::Trust;
use super::super::exit::Exit;
use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::{files, trust};
use super::plan;
use crate::clock::{Clock as _, SystemClock};
use crate::election::{self, Before, Draft, WriteError};
use crate::random::{Random as _, SystemRandom};

/// Write the next version's unsigned text from an edited plan.
#[derive(Debug, Args)]
#[command(after_help = "\
Edit the plan and the files it names, then write version n + 1. Only what differs from the text of
the version before takes effect; what acts of the night have changed persists. It is said here, and
again to everyone who signs.

Example:
  tally election next --plan election.toml --bundle caucus-bundle --out version-2")]
pub(crate) struct Next {
    /// The edited plan.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The folder to write to; it must be empty or not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    trust: Trust,
}

/// Make the keys and vouchers of every unit, and the roll of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Do this on the offline machine that prints the cards: DIR/chairs holds every chair's secrets, and
DIR/roll.txt their public halves for the plan. `tally key cards` prints them; delete the folder when
the envelopes are sealed.

Example:
  tally election chairs --election caucus-2028-ia --roster roster.txt --out sealed")]
pub(crate) struct Chairs {
    /// The contest's name.
    #[arg(long, value_name = "NAME")]
    election: ElectionId,
    /// The units.
    #[arg(long, value_name = "FILE")]
    roster: PathBuf,
    /// Paper vouchers for each unit.
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    vouchers: u8,
    /// The folder to write to; it must not hold chairs yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Write the versions that wait for a node to be lost, to be signed beforehand.
#[derive(Debug, Args)]
#[command(after_help = "\
One version for each node and each spare that may replace it, and behind each of them every further
replacement. The authority signs them before the night like the manifest itself; none takes effect
before two admins activate it. They are written to DIR/successors, each with its two policies.

Example:
  tally election successors ceremony
  tally election sign ceremony/successors/2-n1-by-n4/manifest.txt --bundle ceremony --key A1.key")]
pub(crate) struct Successors {
    /// The folder of the version that they follow, as `election new` or `next` wrote it.
    folder: PathBuf,
    /// How many replacements in a row are prepared.
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    deep: u8,
}

/// What was written.
#[derive(Serialize)]
struct Drafted {
    election: String,
    kind: String,
    version: u64,
    text_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    authority: String,
    folder: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
}

#[derive(Serialize)]
struct Prepared {
    folder: String,
    versions: Vec<String>,
}

#[derive(Serialize)]
struct ChairsMade {
    election: String,
    units: usize,
    folder: String,
    roll: String,
}

/// Version 1, from a plan.
pub(super) fn first(output: Output, file: &Path, out: &Path) -> Outcome {
    let parts = plan::read(file)?;
    let now = SystemClock::start().unix();
    let draft = election::draft(&parts, None, SystemRandom.id(), now)
        .map_err(|error| not_drafted(&error))?;
    write(output, &draft, out, Vec::new())
}

impl Next {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let before = opened.election.latest();
        let parts = plan::read(&self.plan)?;
        let before = Before {
            manifest: before.manifest(),
            hash: *before.hash(),
        };
        let now = SystemClock::start().unix();
        let draft = election::draft(&parts, Some(before), SystemRandom.id(), now)
            .map_err(|error| not_drafted(&error))?;
        let differences = election::differences(before.manifest, &draft.content);
        if differences.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "this plan changes nothing of the version in force",
            )
            .now("edit the plan or the files that it names first"));
        }
        write(output, &draft, &self.out, differences)
    }
}

impl Chairs {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let roster = Roster::parse(&files::read_text(&self.roster)?).map_err(|error| {
            Failure::new(Exit::Usage, "the roster cannot be read").because(&error)
        })?;
        let (chairs, roll_file) = (self.out.join("chairs"), self.out.join("roll.txt"));
        if chairs.exists() || roll_file.exists() {
            return Err(Failure::new(
                Exit::Usage,
                format!("`{}` holds chairs' keys already", self.out.display()),
            )
            .now("give another folder; keys are never overwritten"));
        }
        let units = election::make_units(&self.election, &roster, self.vouchers, &mut SystemRandom)
            .map_err(|error| not_drafted(&error))?;
        let roll = election::make_roll(&units).map_err(|error| not_drafted(&error))?;
        election::write_chairs(&units, &self.out).map_err(|error| not_written(&error))?;
        files::write_new(&roll_file, roll.to_string().as_bytes())?;
        let made = ChairsMade {
            election: self.election.to_string(),
            units: units.len(),
            folder: chairs.display().to_string(),
            roll: roll_file.display().to_string(),
        };
        output.result("tally.chairs/v1", &made, || {
            format!(
                "{} units of {}\n  secrets  {}\n  roll     {}",
                made.units, made.election, made.folder, made.roll
            )
        })?;
        Ok(Exit::Done)
    }
}

impl Successors {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let (manifest, hash) = read_version(&self.folder)?;
        if manifest.spares.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "this version names no spare, so nothing can replace a node",
            )
            .now(
                "add `spare` lines to the plan's machines, made with `tally node keygen --spare`",
            ));
        }
        let before = Before {
            manifest: &manifest,
            hash,
        };
        let now = SystemClock::start().unix();
        let all = election::successors(before, self.deep, &mut SystemRandom, now)
            .map_err(|error| not_drafted(&error))?;
        let folder = self.folder.join("successors");
        let mut prepared = Prepared {
            folder: folder.display().to_string(),
            versions: Vec::new(),
        };
        for successor in &all {
            let place = folder.join(successor.name());
            files::make_folder(&place)?;
            for (name, text) in [
                ("policy.receipt.txt", &successor.receipt_policy),
                ("policy.final.txt", &successor.final_policy),
                ("manifest.txt", &successor.content.text()),
            ] {
                files::write_new(&place.join(name), text.as_bytes())?;
            }
            prepared.versions.push(successor.name());
        }
        output.result("tally.successors/v1", &prepared, || {
            prepared.versions.join("\n")
        })?;
        output.say(&format!(
            "{} versions written to {}; each is signed with `tally election sign`",
            prepared.versions.len(),
            prepared.folder
        ));
        Ok(Exit::Done)
    }
}

/// The version in a folder of the ceremony: signed if it is there signed, else its text.
pub(super) fn read_version(folder: &Path) -> Outcome<(Manifest, Hash)> {
    let (signed, text) = (folder.join("manifest.note"), folder.join("manifest.txt"));
    let text = if signed.exists() {
        super::authority::read_manifest(&signed)?.text
    } else {
        super::authority::read_manifest(&text)?.text
    };
    match Leaf::parse_text(&text) {
        Ok(Leaf::Manifest(manifest)) => Ok((*manifest, merkle::sha256(text.as_bytes()))),
        Ok(_) | Err(_) => Err(Failure::new(
            Exit::Usage,
            format!("there is no manifest in `{}`", folder.display()),
        )),
    }
}

fn write(output: Output, draft: &Draft, out: &Path, differences: Vec<String>) -> Outcome {
    election::write_draft(draft, out).map_err(|error| not_written(&error))?;
    let content = &draft.content;
    let hash = merkle::sha256(content.text().as_bytes());
    let drafted = Drafted {
        election: content.header.election.to_string(),
        kind: content.kind.to_string(),
        version: content.version,
        text_hash: b64::encode_hash(&hash),
        fingerprint: (content.version == 1).then(|| Fingerprint::of(hash).to_string()),
        authority: format!(
            "{} of {}",
            content.authority.threshold,
            content.authority.names.len()
        ),
        folder: out.display().to_string(),
        differences,
    };
    output.result("tally.drafted/v1", &drafted, || drafted.words())?;
    output.say(&format!(
        "written to {folder}; not signed yet\nnext, on the machine of each of the authority:\n  \
         tally election sign {folder}/manifest.txt --key A1.key",
        folder = drafted.folder
    ));
    Ok(Exit::Done)
}

impl Drafted {
    fn words(&self) -> String {
        let mut lines = vec![
            format!(
                "{} ({}), manifest {}",
                self.election, self.kind, self.version
            ),
            format!("authority    {} sign", self.authority),
            format!("text         {}", self.text_hash),
        ];
        lines.extend(
            self.fingerprint
                .iter()
                .map(|code| format!("fingerprint  {code}")),
        );
        lines.extend(
            self.differences
                .iter()
                .map(|line| format!("changes      {line}")),
        );
        lines.join("\n")
    }
}

pub(super) fn not_drafted(error: &election::Error) -> Failure {
    Failure::new(Exit::Usage, "no manifest can be made of this").because(error)
}

fn not_written(error: &WriteError) -> Failure {
    Failure::new(Exit::Failed, "it was not written")
        .because(error)
        .now("give a folder that is empty or does not exist yet")
}

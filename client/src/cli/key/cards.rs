//! Sealed cards: a chair's key on paper, and back from paper into a key file. What the cards say is
//! in `paper.rs`.

use std::path::{Path, PathBuf};

use caucus::{Slot, UnitId};
use clap::{Args, ValueEnum};
use keyfile::SecretKey;
use note::{KeyId, KeyName, SignerKey, VerifierKey};
use print::Paper;
use receipt::Election;
use serde::Serialize;

use super::super::args::Trust;
use super::super::exit::Exit;
use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::secrets::{self, Passphrases};
use super::super::{files, trust};
use super::{paper, typed};

/// Print the cards of chairs, spares and secretaries, and the vouchers, for the envelopes.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads DIR/UNIT.key, DIR/UNIT.b.key, DIR/UNIT.s.key and DIR/UNIT.vouchers and writes one PDF: for each
unit a page for the chair's card, one for the sealed spare, one for the secretary's, and one for the
vouchers. Each card has a code to scan and the same secret to type. Print it on a machine without a
network, seal the envelopes, then delete the PDF and the folder.

Example:
  tally key cards sealed/chairs --bundle caucus-bundle --out cards.pdf --paper letter")]
pub(crate) struct Cards {
    /// The folder of the chairs' keys.
    folder: PathBuf,
    /// The PDF to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The size of the sheets.
    #[arg(long, value_enum, default_value_t = Sheets::Letter)]
    paper: Sheets,
    /// Only this unit; may be given several times.
    #[arg(long, value_name = "UNIT")]
    unit: Vec<UnitId>,
    #[command(flatten)]
    trust: Trust,
}

/// Sizes of sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Sheets {
    /// 210 by 297 mm.
    A4,
    /// 8.5 by 11 inches.
    Letter,
}

impl From<Sheets> for Paper {
    fn from(sheets: Sheets) -> Paper {
        match sheets {
            Sheets::A4 => Paper::A4,
            Sheets::Letter => Paper::Letter,
        }
    }
}

/// Write a key file from a card: typed, or as its code was scanned.
#[derive(Debug, Args)]
#[command(after_help = "\
At a terminal the 13 groups are asked for one after the other. Lower case is accepted, O is 0, I and L
are 1; a group that was misread is named and asked for again. Elsewhere the groups, or the text that a
scanner read, are taken from standard input.

Examples:
  tally key from-card --name caucus-2028-ia/P-0001/a --key-id 0123abcd --out P-0001.key
  zbarimg -q --raw card.jpg | tally key from-card --out P-0001.key")]
pub(crate) struct FromCard {
    /// The key's name, as the card says it; a scanned code has it already.
    #[arg(long, value_name = "NAME", value_parser = key_name)]
    name: Option<KeyName>,
    /// The key's id, as the card says it; a scanned code has it already.
    #[arg(long, value_name = "ID", value_parser = key_id)]
    key_id: Option<KeyId>,
    /// Where to write the secret; the file must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Show what is typed.
    #[arg(long)]
    show: bool,
    /// Encrypt the secret under a passphrase.
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    passphrases: Passphrases,
}

#[derive(Serialize)]
struct Printed {
    election: String,
    kind: String,
    cards: usize,
    file: String,
}

impl Cards {
    pub(super) fn run(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let election = &opened.election;
        let latest = election.latest();
        let mut cards = Vec::new();
        for unit in latest.roster().units() {
            if !self.unit.is_empty() && !self.unit.contains(&unit.id) {
                continue;
            }
            let place = format!("{} ({})", unit.name, unit.id);
            for (slot, file) in [
                (Slot::A, format!("{}.key", unit.id)),
                (Slot::B, format!("{}.b.key", unit.id)),
                (Slot::S, format!("{}.s.key", unit.id)),
            ] {
                let path = self.folder.join(file);
                let key = Passphrases::default().signer(output, &path)?;
                check(election, &unit.id, slot, key.verifier(), &path)?;
                cards.push(paper::card(election, &place, slot, &key));
            }
            cards.push(paper::vouchers(election, &self.folder, &unit.id, &place)?);
        }
        let pdf = print::cards(self.paper.into(), &cards)
            .map_err(|error| Failure::new(Exit::Failed, "no cards were drawn").because(&error))?;
        files::write_private(&self.out, &pdf)?;
        let printed = Printed {
            election: election.id().to_string(),
            kind: election.kind().to_string(),
            cards: cards.len(),
            file: self.out.display().to_string(),
        };
        output.result("tally.cards/v1", &printed, || {
            format!(
                "{}{} sheets of {} in {}",
                paper::banner_words(election),
                printed.cards,
                printed.election,
                printed.file
            )
        })?;
        Ok(Exit::Done)
    }
}

/// The card must be the one that the roll knows: a wrong one would be found out on the night.
fn check(
    election: &Election,
    unit: &UnitId,
    slot: Slot,
    key: &VerifierKey,
    path: &Path,
) -> Outcome<()> {
    let known = election.latest().chair_key(unit, slot);
    if known.is_some_and(|known| known.to_string() == key.to_string()) {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        format!("`{}` is not the key that the roll names", path.display()),
    )
    .why(format!(
        "unit {unit}, slot {slot}: the key is {}",
        key.name()
    ))
    .now("give the bundle and the folder of one election"))
}

impl FromCard {
    pub(super) fn run(self, output: Output) -> Outcome {
        let key = self.key(output)?;
        if let Some(expected) = self.key_id.filter(|id| *id != key.verifier().id()) {
            return Err(Failure::new(Exit::Usage, "this is not the card's key")
                .why(format!(
                    "what was typed has the key id {}, the card {expected}",
                    key.verifier().id()
                ))
                .now("compare the name and every group with the card"));
        }
        let key = SecretKey::Signer(key);
        let text = if self.encrypt {
            self.passphrases.seal(output, &key)?
        } else {
            key.to_plain()
        };
        secrets::write_new(&self.out, &text)?;
        let shown = super::Shown::of(key.verifier());
        output.result("tally.key/v1", &shown, || {
            format!(
                "name      {}\nkey id    {}\nverifier  {}",
                shown.name, shown.id, shown.verifier
            )
        })?;
        Ok(Exit::Done)
    }

    fn key(&self, output: Output) -> Outcome<SignerKey> {
        let seed = match typed::read(output, self.show)? {
            typed::Taken::Scanned(key) => return Ok(*key),
            typed::Taken::Typed(seed) => seed,
        };
        let name = self.name.clone().ok_or_else(|| {
            Failure::new(Exit::Usage, "whose key is it?")
                .now("give --name NAME and --key-id ID as the card says them")
        })?;
        if self.key_id.is_none() {
            output
                .say("without --key-id nothing tells that this is the card's key; compare the id");
        }
        Ok(SignerKey::from_seed(name, seed))
    }
}

fn key_name(text: &str) -> Result<KeyName, String> {
    KeyName::parse(text).map_err(|error| error.to_string())
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "a key id is 8 of 0-9 and a-f".to_owned())
}

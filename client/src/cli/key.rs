//! `tally key`: a person's key, made where it will be used, and its way onto paper and back.

mod cards;
mod holder;
mod paper;
mod replace;
mod typed;

use std::path::PathBuf;

use caucus::{ElectionId, Slot, UnitId};
use clap::{Args, Subcommand};
use keyfile::SecretKey;
use note::{KeyName, SignerKey, VerifierKey};
use serde::Serialize;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::secrets::{self, Passphrases};
use crate::random::{Random as _, SystemRandom};

pub(crate) use typed::signer as from_card;

/// Make a key, or show the public half of one.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A key is one line of text in a file that only its owner may read, or encrypted under a passphrase.
The public half goes to the registrars, who enrol it; the secret half never leaves the machine.")]
pub(crate) enum Verb {
    New(New),
    Show(Show),
    Encrypt(Encrypt),
    Cards(cards::Cards),
    FromCard(cards::FromCard),
    Replace(Box<replace::Replace>),
}

/// Make a new secret key and print its public half.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tally key new --election caucus-2028 --unit P-0001 --slot a --out P-0001.key
  tally key new --election caucus-2028 --person operator-7 --out operator-7.key --encrypt

With --encrypt the file holds the public half in the clear and the secret as encrypted PKCS#8 (scrypt
and AES-256). The passphrase is asked for twice, or read from a file; never from the command line.")]
pub(crate) struct New {
    /// The contest's name.
    #[arg(long, value_name = "NAME")]
    election: ElectionId,
    /// The unit it reports for.
    #[arg(long, requires = "slot", conflicts_with = "person")]
    unit: Option<UnitId>,
    /// Whose hand: a chair, b sealed spare, s secretary.
    #[arg(long, value_parser = slot)]
    slot: Option<Slot>,
    /// The name at headquarters, for a key of a role.
    #[arg(long, required_unless_present = "unit", value_name = "NAME")]
    person: Option<String>,
    /// Where to write the secret; the file must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Encrypt the secret under a passphrase.
    #[arg(long)]
    encrypt: bool,
    #[command(flatten)]
    passphrases: Passphrases,
}

/// Put a plain key file under a passphrase, in its place.
#[derive(Debug, Args)]
pub(crate) struct Encrypt {
    /// A plain secret key file.
    file: PathBuf,
    #[command(flatten)]
    passphrases: Passphrases,
}

/// Show who a key belongs to, without showing the secret.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A secret key file.
    file: PathBuf,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    id: String,
    verifier: String,
}

impl Shown {
    fn of(key: &VerifierKey) -> Shown {
        Shown {
            name: key.name().to_string(),
            id: key.id().to_string(),
            verifier: key.to_string(),
        }
    }
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::New(new) => new.run(output),
            Verb::Show(show) => show.run(output),
            Verb::Encrypt(encrypt) => encrypt.run(output),
            Verb::Cards(cards) => cards.run(output),
            Verb::FromCard(card) => card.run(output),
            Verb::Replace(replace) => replace.run(output),
        }
    }
}

impl New {
    fn run(self, output: Output) -> Outcome {
        let name = match (&self.unit, self.slot, &self.person) {
            (Some(unit), Some(slot), _) => format!("{}/{unit}/{slot}", self.election),
            (_, _, Some(person)) => format!("{}/hq/{person}", self.election),
            (_, _, None) => {
                return Err(Failure::new(Exit::Usage, "whose key is it?")
                    .now("give --unit and --slot, or --person"));
            }
        };
        let name = KeyName::parse(&name).map_err(|_| {
            Failure::new(Exit::Usage, format!("`{name}` cannot be the name of a key"))
                .now("names have no spaces, no `+` and at most 128 characters")
        })?;
        if self.out.exists() {
            return Err(
                Failure::new(Exit::Usage, format!("`{}` exists", self.out.display()))
                    .now("choose another file; keys are never overwritten"),
            );
        }
        let key = SecretKey::Signer(SignerKey::from_seed(name, SystemRandom.seed()));
        let text = if self.encrypt {
            self.passphrases.seal(output, &key)?
        } else {
            key.to_plain()
        };
        secrets::write_new(&self.out, &text)?;
        output.say(&format!(
            "the secret is in {}; keep it to yourself",
            self.out.display()
        ));
        let shown = Shown::of(key.verifier());
        output.result("tally.key/v1", &shown, || shown.verifier.clone())?;
        Ok(Exit::Done)
    }
}

impl Show {
    fn run(self, output: Output) -> Outcome {
        let file = secrets::read(&self.file)?;
        let verifier = file.verifier().clone();
        let shown = Shown::of(&verifier);
        output.result("tally.key/v1", &shown, || {
            format!(
                "name      {}\nkey id    {}\nverifier  {}",
                shown.name, shown.id, shown.verifier
            )
        })?;
        Ok(Exit::Done)
    }
}

impl Encrypt {
    fn run(self, output: Output) -> Outcome {
        let file = secrets::read(&self.file)?;
        if file.is_sealed() {
            return Err(Failure::new(
                Exit::Usage,
                format!("`{}` is encrypted already", self.file.display()),
            ));
        }
        let key = file
            .open(None)
            .map_err(|error| secrets::failure(&self.file, &error))?;
        let text = self.passphrases.seal(output, &key)?;
        keyfile::write_over(&self.file, &text)
            .map_err(|error| secrets::failure(&self.file, &error))?;
        output.say("what the file held before may still be read from the bare disk or a copy");
        let shown = Shown::of(key.verifier());
        output.result("tally.key/v1", &shown, || shown.verifier.clone())?;
        Ok(Exit::Done)
    }
}

/// Reads a slot's letter.
pub(crate) fn slot(text: &str) -> Result<Slot, String> {
    Slot::parse(text).ok_or_else(|| "a slot is a, b or s".to_owned())
}

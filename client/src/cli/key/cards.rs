//! Sealed cards: a chair's key on paper, and back from paper into a key file.

use std::path::{Path, PathBuf};

use caucus::{Slot, UnitId};
use clap::{Args, ValueEnum};
use keyfile::{KeyFile, SecretKey};
use note::{KeyId, KeyName, SignerKey, VerifierKey};
use print::{Card, Paper};
use receipt::{Election, ElectionKind};
use serde::Serialize;

use super::super::args::Trust;
use super::super::exit::Exit;
use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::secrets::{self, Passphrases};
use super::super::{files, trust};

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
enum Sheets {
    /// 210 by 297 mm.
    A4,
    /// 8.5 by 11 inches.
    Letter,
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
                cards.push(card(election, &place, slot, &key));
            }
            cards.push(vouchers(election, &self.folder, &unit.id, &place)?);
        }
        let paper = match self.paper {
            Sheets::A4 => Paper::A4,
            Sheets::Letter => Paper::Letter,
        };
        let pdf = print::cards(paper, &cards)
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
                banner_words(election),
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

fn banner_words(election: &Election) -> &'static str {
    match election.kind() {
        ElectionKind::Rehearsal => "REHEARSAL: ",
        ElectionKind::Live => "",
    }
}

fn banner(election: &Election) -> String {
    match election.kind() {
        ElectionKind::Rehearsal => "REHEARSAL / ENSAYO".to_owned(),
        ElectionKind::Live => String::new(),
    }
}

/// The card of one key.
pub(in super::super) fn card(
    election: &Election,
    place: &str,
    slot: Slot,
    key: &SignerKey,
) -> Card {
    let (title, advice) = match slot {
        Slot::A => (
            "Chair's key card (a)",
            [
                "This card signs your precinct's report: scan the code, or type the 13 groups where \
                 the program asks for the card. Show it to nobody and photograph it never. If it is \
                 lost or was seen, call headquarters at once and open the second envelope.",
                "Esta tarjeta firma el informe de su precinto: escanee el código o escriba los 13 \
                 grupos donde el programa pida la tarjeta. No la muestre ni la fotografíe. Si se \
                 pierde o alguien la vio, llame de inmediato a la sede y abra el segundo sobre.",
            ],
        ),
        Slot::B => (
            "Sealed spare (b)",
            [
                "Open this envelope only if the chair's own card is lost or does not work. It works \
                 at once, and from its first report on the chair's own card counts no longer. Tell \
                 headquarters that it was opened.",
                "Abra este sobre solo si la tarjeta del presidente se perdió o no funciona. Funciona \
                 de inmediato, y desde su primer informe la otra tarjeta ya no cuenta. Avise a la \
                 sede que se abrió.",
            ],
        ),
        Slot::S => (
            "Secretary's key card (s)",
            [
                "This card confirms what the secretary read from the sheet, without looking at the \
                 chair's report. Scan the code, or type the 13 groups where the program asks for the \
                 card. Show it to nobody, the chair included.",
                "Esta tarjeta confirma lo que el secretario leyó en la hoja, sin mirar el informe del \
                 presidente. Escanee el código o escriba los 13 grupos donde el programa pida la \
                 tarjeta. No la muestre a nadie, tampoco al presidente.",
            ],
        ),
    };
    Card {
        banner: banner(election),
        title: title.to_owned(),
        facts: vec![
            ("unit / precinto".to_owned(), place.to_owned()),
            ("election / elección".to_owned(), election.id().to_string()),
            ("key / clave".to_owned(), key.verifier().name().to_string()),
            ("key id".to_owned(), key.verifier().id().to_string()),
        ],
        scan: Some(key.to_secret_text()),
        groups: keyfile::typed(&key.seed()),
        advice: advice.map(str::to_owned).to_vec(),
    }
}

fn vouchers(election: &Election, folder: &Path, unit: &UnitId, place: &str) -> Outcome<Card> {
    let text = files::read_text(&folder.join(format!("{unit}.vouchers")))?;
    Ok(Card {
        banner: banner(election),
        title: "Vouchers for reports by telephone".to_owned(),
        facts: vec![
            ("unit / precinto".to_owned(), place.to_owned()),
            ("election / elección".to_owned(), election.id().to_string()),
        ],
        scan: None,
        groups: text.lines().map(str::to_owned).collect(),
        advice: vec![
            "Each code is good for one report by telephone. Read one out only after you called \
             headquarters yourself, and strike it out. Then have the code of the report read back."
                .to_owned(),
            "Cada código sirve para un solo informe por teléfono. Léalo solo después de haber \
             llamado usted a la sede, y táchelo. Luego pida que le lean el código del informe."
                .to_owned(),
        ],
    })
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
        let text = if output.can_ask() {
            ask(self.show)?
        } else {
            files::read_text(Path::new("-"))?
        };
        let text = text.trim();
        if let Ok(scanned) = KeyFile::parse(text) {
            return scanned
                .open(None)
                .and_then(SecretKey::into_signer)
                .map_err(|error| secrets::failure(Path::new("the scanned code"), &error));
        }
        let seed = keyfile::read_typed(text)
            .map_err(|error| Failure::new(Exit::Usage, "the card was not read").because(&error))?;
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

/// Asks for each group until it is one: a misread one is asked for again at once.
fn ask(show: bool) -> Outcome<String> {
    let failed = |error: dialoguer::Error| {
        Failure::new(Exit::Interrupted, "no answer to the question").because(&error)
    };
    let mut groups = Vec::new();
    for number in 1..=keyfile::GROUPS {
        let prompt = format!("group {number} of {}", keyfile::GROUPS);
        let fits = move |typed: &String| keyfile::check_group(number, typed);
        let typed = if show {
            dialoguer::Input::new()
                .with_prompt(prompt)
                .validate_with(fits)
                .interact_text()
        } else {
            dialoguer::Password::new()
                .with_prompt(prompt)
                .validate_with(fits)
                .interact()
        };
        groups.push(typed.map_err(failed)?);
    }
    Ok(groups.join(" "))
}

fn key_name(text: &str) -> Result<KeyName, String> {
    KeyName::parse(text).map_err(|error| error.to_string())
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "a key id is 8 of 0-9 and a-f".to_owned())
}

//! `tally key replace`: a lost or stolen key is replaced on the night, from the new key to the leaf
//! that lets it in, in one command. It signs and sends as every act of two hands does.

mod told;

use std::path::{Path, PathBuf};

use caucus::{ElectionId, Slot, UnitId};
use clap::Args;
use keyfile::SecretKey;
use note::{KeyName, SignedNote, SignerKey, VerifierKey};
use receipt::leaf::{Earlier, Enrol, KeyReference, Place, Reason, Revoke, Role};
use receipt::{Election, Leaf};

use super::cards::Sheets;
use super::{holder, paper};
use crate::cli::acts::{Act, Office, Why};
use crate::cli::enrol::{self, read_verifier};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::cli::secrets::{self, Passphrases};
use crate::cli::{files, on_network, send};
use crate::random::{Random as _, SystemRandom};
use told::Replaced;

/// Replace a key that was lost or stolen: another key for the same place, signed by two registrars.
#[derive(Debug, Args)]
#[command(after_help = "\
Makes the new key, lets it in for the old one (`enrol` with `replaces`), and with --stolen revokes the
old one as well: what it signed is in doubt then, and its units are held until somebody has looked.
Who holds the place now is read from the log. A unit's vouchers belong to the unit and stay good.

With two --key both sign here and it is sent. With one, the notes are written beside the new key for
the second registrar, who runs `tally sign` on them; until then the old key counts.

The holder may make the key instead, with `tally key new`, and hand over the public half: --verifier.

Examples:
  tally key replace --unit P-0001 --out P-0001.new.key --reason 'card lost, seen in person' \\
      --key registrar-1.key --key registrar-2.key
  tally key replace --unit P-0001 --stolen --out new.key --print-card card.pdf \\
      --reason 'car broken into' --key registrar-1.key     # then on the other machine:
  tally sign new.note new.revoke.note --key registrar-2.key
  tally key replace --role operator --person operator-2 --out operator-2.new.key \\
      --reason 'laptop left in a taxi' --key registrar-1.key --key registrar-2.key")]
pub(crate) struct Replace {
    /// The unit whose key it was.
    #[arg(long, conflicts_with = "role")]
    unit: Option<UnitId>,
    /// Whose hand: a chair, b sealed spare, s secretary.
    #[arg(long, value_parser = super::slot, default_value = "a", conflicts_with = "role")]
    slot: Slot,
    /// The role whose key it was: admin, observer, operator, publisher, registrar or reviewer.
    #[arg(long, value_parser = enrol::role, required_unless_present = "unit", requires = "person")]
    role: Option<Role>,
    /// The name at headquarters of whoever held it.
    #[arg(long, value_name = "NAME", requires = "role")]
    person: Option<String>,
    /// It was stolen, not merely lost: revoke it, and doubt what it signed.
    #[arg(long)]
    stolen: bool,
    /// The public half of the old key, where more than one could be meant.
    #[arg(long, value_name = "FILE")]
    replaces: Option<PathBuf>,
    /// The public half of the new key, which its holder made.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    verifier: Option<PathBuf>,
    #[command(flatten)]
    made: Made,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

/// Where a key that is made here goes.
#[derive(Debug, Args)]
struct Made {
    /// Where to write the new secret; the file must not exist.
    #[arg(long, value_name = "FILE", required_unless_present = "verifier")]
    out: Option<PathBuf>,
    /// Also print the new key's card into this PDF.
    #[arg(long, value_name = "FILE", requires = "out")]
    print_card: Option<PathBuf>,
    /// The size of the card's sheet.
    #[arg(long, value_enum, default_value_t = Sheets::Letter)]
    paper: Sheets,
    /// Encrypt the new secret under a passphrase, typed twice or read from --new-passphrase-file.
    #[arg(long, requires = "out")]
    encrypt: bool,
    /// A file with the passphrase for the new key.
    #[arg(long, value_name = "FILE", requires = "encrypt")]
    new_passphrase_file: Option<PathBuf>,
}

/// The key that comes in.
enum NewKey {
    /// Made here, and written when the registrar has said yes.
    Here(Box<SignerKey>),
    /// Made by its holder.
    Elsewhere(Box<VerifierKey>),
}

/// What is signed: the new key's way in, and the stolen one's way out.
struct Leaves {
    enrol: Leaf,
    revoke: Option<Leaf>,
}

impl Replace {
    pub(crate) fn run(mut self: Box<Self>, output: Output) -> Outcome {
        let place = self.place()?;
        // Where a second hand is missing, the notes go beside the new key.
        let stem = self.made.out.as_ref().or(self.verifier.as_ref());
        let notes = match (&self.act.going.sign_only, stem) {
            (Some(file), _) => file.clone(),
            (None, Some(stem)) => stem.with_extension("note"),
            (None, None) => return Err(Failure::new(Exit::Usage, "no place for the new key")),
        };
        let hands = self.act.keys.len().saturating_add(self.act.cards.len());
        if hands == 1 && !self.act.going.dry_run {
            self.act.going.sign_only = Some(notes);
        }
        let written = [
            &self.made.out,
            &self.made.print_card,
            &self.act.going.sign_only,
        ];
        let there = written.into_iter().flatten().find(|file| file.exists());
        if let Some(file) = there {
            return Err(
                Failure::new(Exit::Usage, format!("`{}` exists", file.display()))
                    .now("choose another file; keys and notes are never overwritten"),
            );
        }
        on_network(self.replace(output, place))
    }

    /// The place that gets another key.
    fn place(&self) -> Outcome<Place> {
        match (&self.unit, self.role) {
            (Some(unit), _) => Ok(Place::Slot {
                unit: unit.clone(),
                slot: self.slot,
            }),
            (None, Some(role)) => Ok(Place::Role(role)),
            (None, None) => Err(Failure::new(Exit::Usage, "whose key is replaced?")
                .now("give --unit, or --role and --person")),
        }
    }

    async fn replace(self, output: Output, place: Place) -> Outcome {
        let Replace {
            person,
            stolen,
            replaces,
            verifier,
            made,
            why,
            act,
            ..
        } = self;
        let mut office = act.open(output).await?;
        let name = key_name(office.election.id(), &place, person.as_deref())?;
        let old = match replaces {
            Some(file) => Some(holder::named(&read_verifier(&file)?)),
            None => holder_now(&office, &place, &name).await?,
        };
        let key = match &verifier {
            Some(file) => NewKey::Elsewhere(Box::new(named_rightly(read_verifier(file)?, &name)?)),
            None => NewKey::Here(Box::new(SignerKey::from_seed(name, SystemRandom.seed()))),
        };
        let leaves = leaves(&mut office, &place, &key, old.as_ref(), stolen, &why.reason)?;
        let hands = office.hands(&leaves.enrol, &[])?;
        for leaf in leaves.all() {
            office.say(leaf);
        }
        if office.going.dry_run {
            for leaf in leaves.all() {
                office.sign_and_send(leaf, Vec::new(), &hands).await?;
            }
            return Ok(Exit::Done);
        }
        office.confirm("Make the new key and sign this?")?;

        let mut told = Replaced::of(&place, key.verifier(), old.as_ref(), &leaves);
        let mut notes = vec![office.sign(&leaves.enrol, Vec::new())?];
        if let Some(revoke) = &leaves.revoke {
            // The old key counts no longer when this comes in: a registrar who replaces her own
            // signs with the new one.
            if let (NewKey::Here(new), Some(old)) = (&key, &old) {
                office.put_in_place_of(old, new);
            }
            notes.push(office.sign(revoke, Vec::new())?);
        }
        if let NewKey::Here(key) = key {
            made.keep(&office, &place, *key, &mut told)?;
        }
        match office.going.sign_only.clone() {
            Some(file) => {
                told.notes = write(&file, &notes)?;
                told.signers = hands.names();
            }
            None => carry(&office, &notes, &mut told).await?,
        }
        told.tell(output)
    }
}

impl Made {
    /// Writes the key, and its card. The key is on disk before the first hand lets it in: no leaf
    /// names a key that is gone.
    fn keep(
        self,
        office: &Office,
        place: &Place,
        key: SignerKey,
        told: &mut Replaced,
    ) -> Outcome<()> {
        let Some(out) = self.out else {
            return Ok(());
        };
        let pdf = card(&office.election, place, &key, self.paper)?;
        let secret = SecretKey::Signer(key);
        let passphrases = Passphrases {
            files: self.new_passphrase_file.into_iter().collect(),
        };
        let text = if self.encrypt {
            passphrases.seal(office.output, &secret)?
        } else {
            secret.to_plain()
        };
        secrets::write_new(&out, &text)?;
        told.key_file = Some(out.display().to_string());
        if let Some(file) = self.print_card {
            files::write_private(&file, &pdf)?;
            told.card = Some(file.display().to_string());
        }
        Ok(())
    }
}

impl NewKey {
    fn verifier(&self) -> &VerifierKey {
        match self {
            NewKey::Here(key) => key.verifier(),
            NewKey::Elsewhere(key) => key,
        }
    }
}

impl Leaves {
    fn all(&self) -> impl Iterator<Item = &Leaf> {
        std::iter::once(&self.enrol).chain(&self.revoke)
    }
}

/// Keeps both notes before the first is sent, so that nothing is lost if this machine stops, and
/// sends one after the other. A stolen key has to stop even if the new one is not let in.
async fn carry(office: &Office, notes: &[SignedNote], told: &mut Replaced) -> Outcome<()> {
    for note in notes {
        send::keep(&office.outbox, note)?;
    }
    for note in notes {
        told.sent.push(office.send(note).await?);
    }
    Ok(())
}

/// Writes the notes for the second registrar: `new.note`, and `new.revoke.note` beside it.
fn write(file: &Path, notes: &[SignedNote]) -> Outcome<Vec<String>> {
    let second = file.with_extension("revoke.note");
    let mut written = Vec::new();
    for (note, path) in notes.iter().zip([file, &second]) {
        files::write_new(path, note.bytes())?;
        written.push(path.display().to_string());
    }
    Ok(written)
}

fn leaves(
    office: &mut Office,
    place: &Place,
    key: &NewKey,
    old: Option<&KeyReference>,
    stolen: bool,
    reason: &Reason,
) -> Outcome<Leaves> {
    let enrol = Leaf::Enrol(Enrol {
        header: office.header(),
        place: place.clone(),
        key: key.verifier().clone(),
        replaces: old.cloned(),
        reason: reason.clone(),
    });
    if !stolen {
        return Ok(Leaves {
            enrol,
            revoke: None,
        });
    }
    let old = old.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "no key holds this place, so none can be revoked",
        )
        .now("give the public half of the stolen key with --replaces FILE")
    })?;
    let revoke = Leaf::Revoke(Revoke {
        header: office.header(),
        key: old.clone(),
        earlier: Earlier::Doubt,
        reason: reason.clone(),
    });
    Ok(Leaves {
        enrol,
        revoke: Some(revoke),
    })
}

/// The key that is replaced: the one of that name that holds the place.
async fn holder_now(
    office: &Office,
    place: &Place,
    name: &KeyName,
) -> Outcome<Option<KeyReference>> {
    let leaves = holder::leaves(office.output, office.connections.as_ref()).await;
    let all = holder::holders(&office.election, &leaves, place);
    let of_name = |holder: &&KeyReference| holder.name == *name;
    let named: Vec<&KeyReference> = all.iter().filter(of_name).collect();
    match (named.as_slice(), place) {
        ([one], _) => Ok(Some((*one).clone())),
        ([], Place::Slot { .. }) => {
            office.output.say("no key holds this place now");
            Ok(None)
        }
        ([], Place::Role(role)) => {
            let names: Vec<&str> = all.iter().map(|holder| holder.name.as_str()).collect();
            Err(
                Failure::new(Exit::Usage, format!("`{name}` is no key of role {role}"))
                    .why(format!("the role's keys are {}", names.join(", ")))
                    .now("give the person's name as it stands there; `tally enrol` adds a person"),
            )
        }
        (_, _) => {
            let keys: Vec<String> = named.iter().map(ToString::to_string).collect();
            Err(
                Failure::new(Exit::Usage, "more than one key holds this place")
                    .why(keys.join(", "))
                    .now("give the public half of the lost one with --replaces FILE"),
            )
        }
    }
}

/// The name of the place's keys: a person at headquarters may be given with the whole name.
fn key_name(election: &ElectionId, place: &Place, person: Option<&str>) -> Outcome<KeyName> {
    let name = match (place, person) {
        (Place::Slot { unit, slot }, _) => format!("{election}/{unit}/{slot}"),
        (Place::Role(_), Some(whole)) if whole.starts_with(&format!("{election}/")) => {
            whole.to_owned()
        }
        (Place::Role(_), Some(person)) => format!("{election}/hq/{person}"),
        (Place::Role(_), None) => {
            return Err(Failure::new(Exit::Usage, "whose key is replaced?").now("give --person"));
        }
    };
    KeyName::parse(&name).map_err(|_| {
        Failure::new(Exit::Usage, format!("`{name}` cannot be the name of a key"))
            .now("names have no spaces, no `+` and at most 128 characters")
    })
}

/// A key that was made elsewhere has to have the name of its place, by which it will be asked for.
fn named_rightly(key: VerifierKey, name: &KeyName) -> Outcome<VerifierKey> {
    if key.name() == name {
        return Ok(key);
    }
    Err(Failure::new(
        Exit::Usage,
        format!("the new key is named {}, not {name}", key.name()),
    )
    .now("have it made again with the same --unit and --slot, or --person"))
}

fn card(election: &Election, place: &Place, key: &SignerKey, sheets: Sheets) -> Outcome<Vec<u8>> {
    let card = match place {
        Place::Slot { unit, slot } => {
            let known = election.latest().roster().unit(unit);
            let words = known.map_or_else(
                || unit.to_string(),
                |known| format!("{} ({unit})", known.name),
            );
            paper::card(election, &words, *slot, key)
        }
        Place::Role(role) => paper::role_card(election, *role, key),
    };
    print::cards(sheets.into(), &[card])
        .map_err(|error| Failure::new(Exit::Failed, "the card was not drawn").because(&error))
}

//! `tally sign`: the second hand of an act that was signed elsewhere first.

use std::path::{Path, PathBuf};

use clap::Args;
use note::SignedNote;
use receipt::Leaf;

use super::acts::{Act, Going, Office};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::{files, on_network, send};

/// Read what a note says, add a signature to it, and send it.
#[derive(Debug, Args)]
#[command(after_help = "\
The first person signs with --sign-only FILE and hands the file over, on a stick or by any other
way: nothing in it is secret, and nothing in it can be changed without the signature breaking. The
second reads here what it says, signs and sends it. Without --key a note that has all its signatures
is sent as it is.

Examples:
  tally publish --all --reason 'first results' --key publisher-1.key --sign-only all.note
  tally sign all.note --key publisher-2.key
  tally sign new.note new.revoke.note --key registrar-2.key
  tally sign all.note --dry-run                       # only says what it says")]
pub(crate) struct Sign {
    /// The notes, as --sign-only or `tally key replace` wrote them; signed one after the other.
    #[arg(required = true, value_name = "NOTE")]
    notes: Vec<PathBuf>,
    /// The secret key that signs; may be given several times.
    #[arg(
        long = "key",
        env = "TALLY_KEY",
        value_name = "FILE",
        hide_env_values = true
    )]
    keys: Vec<PathBuf>,
    /// Sign straight from this key's card, which is asked for at the prompt.
    #[arg(long = "card", value_name = "NAME")]
    cards: Vec<String>,
    #[command(flatten)]
    going: Going,
}

impl Sign {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.sign(output))
    }

    async fn sign(self, output: Output) -> Outcome {
        if self.notes.len() > 1 && self.going.sign_only.is_some() {
            return Err(
                Failure::new(Exit::Usage, "--sign-only names one file for several notes")
                    .now("sign each note with a command of its own"),
            );
        }
        let notes = self.notes.iter().map(|file| read(file));
        let notes = notes.collect::<Outcome<Vec<_>>>()?;
        let act = Act {
            keys: self.keys,
            cards: self.cards,
            going: self.going,
        };
        let office = act.open(output).await?;
        let mut exit = Exit::Done;
        for (note, leaf) in &notes {
            // One that is refused keeps no other from going on: a stolen key has to stop.
            let ended = add_hand(&office, note, leaf).await?;
            exit = if exit == Exit::Done { ended } else { exit };
        }
        Ok(exit)
    }
}

fn read(file: &Path) -> Outcome<(SignedNote, Leaf)> {
    let no_note = || {
        Failure::new(
            Exit::Usage,
            format!("`{}` is not a signed note", file.display()),
        )
        .now("the file is written by --sign-only; have it copied again, byte for byte")
    };
    let note = SignedNote::parse(&files::read(file)?).map_err(|error| no_note().because(&error))?;
    let leaf = Leaf::parse(&note).map_err(|error| no_note().because(&error))?;
    Ok((note, leaf))
}

async fn add_hand(office: &Office, note: &SignedNote, leaf: &Leaf) -> Outcome {
    if !leaf.is_of(office.election.id(), office.election.genesis()) {
        return Err(
            Failure::new(Exit::Usage, "this note is of another election")
                .now("check the bundle or the fingerprint; a rehearsal's note counts only there"),
        );
    }
    let before = note.signatures().to_vec();
    let names: Vec<&str> = before.iter().map(|line| line.name.as_str()).collect();
    let signed = format!("signed so far by {}", names.join(" and "));
    office.output.say(&signed);
    if office.keys.is_empty() && office.going.sign_only.is_none() && !office.going.dry_run {
        // The bytes as they are: nothing is added, so nothing is put together anew.
        office.hands(leaf, &before)?;
        office.say(leaf);
        office.confirm("Send it as it is?")?;
        let sent = office.send(note).await?;
        return send::tell(office.output, &sent);
    }
    office.settle("Sign and send it?", leaf, before).await
}

//! `tally sign`: the second hand of an act that was signed elsewhere first.

use std::path::PathBuf;

use clap::Args;
use note::SignedNote;
use receipt::Leaf;

use super::acts::{Act, Going};
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
  tally sign all.note --dry-run                       # only says what it says")]
pub(crate) struct Sign {
    /// The note, as --sign-only wrote it.
    note: PathBuf,
    /// The secret key that signs; may be given several times.
    #[arg(
        long = "key",
        env = "TALLY_KEY",
        value_name = "FILE",
        hide_env_values = true
    )]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    going: Going,
}

impl Sign {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.sign(output))
    }

    async fn sign(self, output: Output) -> Outcome {
        let no_note = || {
            Failure::new(
                Exit::Usage,
                format!("`{}` is not a signed note", self.note.display()),
            )
            .now("the file is written by --sign-only; have it copied again, byte for byte")
        };
        let note = SignedNote::parse(&files::read(&self.note)?)
            .map_err(|error| no_note().because(&error))?;
        let leaf = Leaf::parse(&note).map_err(|error| no_note().because(&error))?;
        let act = Act {
            keys: self.keys,
            going: self.going,
        };
        let office = act.open(output).await?;
        if !leaf.is_of(office.election.id(), office.election.genesis()) {
            return Err(
                Failure::new(Exit::Usage, "this note is of another election").now(
                    "check the bundle or the fingerprint; a rehearsal's note counts only there",
                ),
            );
        }
        let before = note.signatures().to_vec();
        let names: Vec<&str> = before.iter().map(|line| line.name.as_str()).collect();
        output.say(&format!("signed so far by {}", names.join(" and ")));
        if office.keys.is_empty() && office.going.sign_only.is_none() && !office.going.dry_run {
            // The bytes as they are: nothing is added, so nothing is put together anew.
            office.hands(&leaf, &before)?;
            office.say(&leaf);
            office.confirm("Send it as it is?")?;
            let sent = office.send(&note).await?;
            return send::tell(output, &sent);
        }
        office.settle("Sign and send it?", &leaf, before).await
    }
}

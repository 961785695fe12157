//! `tally enrol`: another key for a slot or a role.

use std::path::PathBuf;

use caucus::{Slot, UnitId};
use clap::Args;
use note::VerifierKey;
use receipt::Leaf;
use receipt::leaf::{Enrol as EnrolLeaf, KeyReference, Place, Role};

use super::acts::{Act, Why};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::{files, on_network};

/// Give a unit's slot or a role another key; two registrars sign.
#[derive(Debug, Args)]
#[command(after_help = "\
The key is active from the next leaf on. The holder makes it with `tally key new` and hands over
the public half that it prints.

Example:
  tally enrol --unit P-0001 --slot a --verifier new.pub --reason 'phone lost, seen in person' \\
      --key registrar-1.key --key registrar-2.key")]
pub(crate) struct Enrol {
    /// The unit whose slot gets the key.
    #[arg(long, requires = "slot", conflicts_with = "role")]
    unit: Option<UnitId>,
    /// Whose hand: a chair, b sealed spare, s secretary.
    #[arg(long, value_parser = super::key::slot)]
    slot: Option<Slot>,
    /// The role that gets the key: admin, observer, operator, publisher, registrar or reviewer.
    #[arg(long, required_unless_present = "unit", value_parser = role)]
    role: Option<Role>,
    /// A file with the public half, as `tally key new` prints it.
    #[arg(long, value_name = "FILE")]
    verifier: PathBuf,
    /// The public half of the key it replaces.
    #[arg(long, value_name = "FILE")]
    replaces: Option<PathBuf>,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    act: Act,
}

impl Enrol {
    pub(crate) fn run(self, output: Output) -> Outcome {
        let place = match (self.unit, self.slot, self.role) {
            (Some(unit), Some(slot), _) => Place::Slot { unit, slot },
            (_, _, Some(role)) => Place::Role(role),
            (_, _, None) => {
                return Err(Failure::new(Exit::Usage, "where does the key belong?")
                    .now("give --unit and --slot, or --role"));
            }
        };
        let key = read_verifier(&self.verifier)?;
        let replaces = self.replaces.map(|file| read_verifier(&file)).transpose()?;
        let replaces = replaces.map(|key| KeyReference {
            name: key.name().clone(),
            id: key.id(),
        });
        let question = format!("Enrol {} (key id {})?", key.name(), key.id());
        let reason = self.why.reason;
        on_network(self.act.carry(output, &question, |header| {
            Leaf::Enrol(EnrolLeaf {
                header,
                place,
                key,
                replaces,
                reason,
            })
        }))
    }
}

/// Reads a role that can be enrolled.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    Role::parse(text)
        .filter(|role| *role != Role::Authority)
        .ok_or_else(|| {
            "a role is admin, observer, operator, publisher, registrar or reviewer".to_owned()
        })
}

/// Reads the public half of a key.
pub(crate) fn read_verifier(file: &std::path::Path) -> Outcome<VerifierKey> {
    VerifierKey::parse(files::read_text(file)?.trim()).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("`{}` is not a public key", file.display()),
        )
        .because(&error)
        .now("`tally key show FILE` prints the public half of a secret key")
    })
}

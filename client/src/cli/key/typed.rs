//! A key read from its card: typed group by group, or as a scanner reads the code. Asked for at the
//! terminal or taken from standard input, never from the command line.

use std::path::Path;

use keyfile::{KeyFile, SecretKey};
use note::{KeyId, KeyName, SignerKey};
use receipt::Election;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::cli::{files, hands, secrets};

/// What was read from a card.
pub(super) enum Taken {
    /// The code was scanned: it says whose key it is.
    Scanned(Box<SignerKey>),
    /// The groups were typed: they are the seed and nothing else.
    Typed([u8; 32]),
}

/// Reads a card at the terminal, or from standard input where nobody can be asked.
pub(super) fn read(output: Output, show: bool) -> Outcome<Taken> {
    let text = if output.can_ask() {
        ask(show)?
    } else {
        files::read_text(Path::new("-"))?
    };
    let text = text.trim();
    if is_scanned(text) {
        return KeyFile::parse(text)
            .and_then(|scanned| scanned.open(None))
            .and_then(SecretKey::into_signer)
            .map(|key| Taken::Scanned(Box::new(key)))
            .map_err(|error| secrets::failure(Path::new("the scanned code"), &error));
    }
    keyfile::read_typed(text)
        .map(Taken::Typed)
        .map_err(|error| Failure::new(Exit::Usage, "the card was not read").because(&error))
}

/// The key of a card, held against what the roll and the manifest say about the name on it.
pub(crate) fn signer(output: Output, election: &Election, named: &str) -> Outcome<SignerKey> {
    let name = full_name(election, named)?;
    output.say(&format!("the card of {name}:"));
    let key = match read(output, false)? {
        Taken::Scanned(key) if *key.verifier().name() == name => return Ok(*key),
        Taken::Scanned(key) => {
            return Err(Failure::new(
                Exit::Usage,
                format!("this is the card of {}", key.verifier().name()),
            )
            .now(format!("take the card of {name}, or name the other one")));
        }
        Taken::Typed(seed) => SignerKey::from_seed(name, seed),
    };
    let name = key.verifier().name();
    let listed = hands::known(election, name.as_str());
    if listed.is_some_and(|(listed, _)| listed == *key.verifier()) {
        return Ok(key);
    }
    // A key that was enrolled on the night stands in no bundle: the card itself says which it is.
    if !output.can_ask() {
        return Err(
            Failure::new(Exit::Usage, format!("this is not the listed key of {name}"))
                .why(format!("what was typed has the key id {}", key.verifier().id()))
                .now(
                    "compare the name and every group with the card; of a card that was made on the \
                     night, scan the code, or use `tally key from-card` with --key-id",
                ),
        );
    }
    let printed = ask_id()?;
    if printed == key.verifier().id() {
        return Ok(key);
    }
    Err(Failure::new(Exit::Usage, "this is not the card's key")
        .why(format!(
            "what was typed has the key id {}, the card {printed}",
            key.verifier().id()
        ))
        .now("compare the name and every group with the card"))
}

/// The name of a key from what people say: the whole of it, `P-0001/b`, `hq/operator-1`, or a unit
/// alone for its chair.
fn full_name(election: &Election, named: &str) -> Outcome<KeyName> {
    let whole = format!("{}/", election.id());
    let name = match (named.starts_with(&whole), named.contains('/')) {
        (true, _) => named.to_owned(),
        (false, true) => format!("{whole}{named}"),
        (false, false) => format!("{whole}{named}/a"),
    };
    KeyName::parse(&name).map_err(|error| {
        Failure::new(Exit::Usage, format!("`{named}` is not the name of a card"))
            .because(&error)
            .now("give the name as the card says it, or the unit alone for the chair's card")
    })
}

fn is_scanned(text: &str) -> bool {
    text.starts_with("PRIVATE+KEY+")
}

/// Asks for each group until it is one: a misread one is asked for again at once. A scanner types
/// the whole code where the first group is asked for.
fn ask(show: bool) -> Outcome<String> {
    let mut groups = Vec::new();
    for number in 1..=keyfile::GROUPS {
        let prompt = format!("group {number} of {}", keyfile::GROUPS);
        let fits = move |typed: &String| {
            if number == 1 && is_scanned(typed) {
                return Ok(());
            }
            keyfile::check_group(number, typed)
        };
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
        let typed = typed.map_err(|error| stopped(&error))?;
        if is_scanned(&typed) {
            return Ok(typed);
        }
        groups.push(typed);
    }
    Ok(groups.join(" "))
}

fn ask_id() -> Outcome<KeyId> {
    let text = dialoguer::Input::<String>::new()
        .with_prompt("this key is not in the bundle; the key id on the card")
        .validate_with(|text: &String| {
            KeyId::parse(text.trim())
                .map(|_| ())
                .ok_or("a key id is 8 of 0-9 and a-f")
        })
        .interact_text()
        .map_err(|error| stopped(&error))?;
    KeyId::parse(text.trim()).ok_or_else(|| Failure::new(Exit::Usage, "this is no key id"))
}

fn stopped(error: &dialoguer::Error) -> Failure {
    Failure::new(Exit::Interrupted, "no answer to the question").because(error)
}

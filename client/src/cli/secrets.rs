//! Secret keys named on the command line, plain or encrypted, and where a passphrase comes from: a
//! file, the service manager, or a person at the terminal. Never an argument, never a variable.

use std::path::{Path, PathBuf};

use clap::Args;
use keyfile::{KeyFile, Passphrase, Salting, SecretKey};
use note::SignerKey;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use crate::random::{Random as _, SystemRandom};

/// How encrypted keys are opened.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Encrypted keys")]
pub(crate) struct Passphrases {
    /// A file with the passphrase of an encrypted key, one line; once for each passphrase. Without
    /// it the credential `tally-passphrase` of the service manager, or a question at the terminal.
    #[arg(long = "passphrase-file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

impl Passphrases {
    /// The secret key in a file of either form.
    pub(crate) fn open(&self, output: Output, path: &Path) -> Outcome<SecretKey> {
        let file = read(path)?;
        if !file.is_sealed() {
            return file.open(None).map_err(|error| failure(path, &error));
        }
        let mut sources = self.files.clone();
        if sources.is_empty() {
            sources.extend(keyfile::credential_file());
        }
        if sources.is_empty() {
            return ask_and_open(output, path, file);
        }
        let mut last = None;
        for source in sources {
            let passphrase =
                Passphrase::read(&source).map_err(|error| no_passphrase(&source, &error))?;
            match read(path)?.open(Some(&passphrase)) {
                Ok(key) => return Ok(key),
                Err(error @ keyfile::Error::WrongPassphrase { .. }) => last = Some(error),
                Err(error) => return Err(failure(path, &error)),
            }
        }
        Err(last.map_or_else(|| needed(path, &file), |error| failure(path, &error)))
    }

    /// A person's key.
    pub(crate) fn signer(&self, output: Output, path: &Path) -> Outcome<SignerKey> {
        self.open(output, path)?
            .into_signer()
            .map_err(|error| failure(path, &error))
    }

    /// The text of a key file under a new passphrase.
    pub(crate) fn seal(&self, output: Output, key: &SecretKey) -> Outcome<String> {
        let passphrase = self.new_passphrase(output)?;
        seal(key, &passphrase)
    }

    /// A passphrase for keys that are made now: from a file, or typed twice.
    pub(crate) fn new_passphrase(&self, output: Output) -> Outcome<Passphrase> {
        match self.files.as_slice() {
            [file] => Passphrase::read(file).map_err(|error| no_passphrase(file, &error)),
            [] if output.can_ask() => {
                let typed = dialoguer::Password::new()
                    .with_prompt("passphrase")
                    .with_confirmation("once more", "the two differ")
                    .interact()
                    .map_err(|error| no_answer(&error))?;
                Passphrase::parse(&typed).map_err(|error| {
                    Failure::new(Exit::Usage, "this passphrase cannot be used").because(&error)
                })
            }
            [] => Err(Failure::new(Exit::Usage, "no passphrase to encrypt with")
                .now("give --passphrase-file FILE, or do it at a terminal")),
            [..] => Err(Failure::new(Exit::Usage, "one key has one passphrase")
                .now("give --passphrase-file once")),
        }
    }
}

/// The text of a key file under a passphrase, with fresh salt.
pub(crate) fn seal(key: &SecretKey, passphrase: &Passphrase) -> Outcome<String> {
    let salting = Salting {
        salt: SystemRandom.id(),
        iv: SystemRandom.id(),
    };
    key.to_sealed(passphrase, &salting)
        .map_err(|error| Failure::new(Exit::Failed, "cannot encrypt the key").because(&error))
}

/// Reads a key file without opening it.
pub(crate) fn read(path: &Path) -> Outcome<KeyFile> {
    keyfile::read(path).map_err(|error| failure(path, &error))
}

/// Writes a secret that did not exist, durably and for its owner alone.
pub(crate) fn write_new(path: &Path, text: &str) -> Outcome<()> {
    keyfile::write_new(path, text).map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot write `{}`", path.display())).because(&error)
    })
}

fn ask_and_open(output: Output, path: &Path, file: KeyFile) -> Outcome<SecretKey> {
    if !output.can_ask() {
        return Err(needed(path, &file));
    }
    let typed = dialoguer::Password::new()
        .with_prompt(format!("passphrase of {}", file.verifier().name()))
        .interact()
        .map_err(|error| no_answer(&error))?;
    let passphrase = Passphrase::parse(&typed).map_err(|error| failure(path, &error))?;
    file.open(Some(&passphrase))
        .map_err(|error| failure(path, &error))
}

fn needed(path: &Path, file: &KeyFile) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("the key in `{}` is encrypted", path.display()),
    )
    .why(format!("it is the key of {}", file.verifier().name()))
    .now("give --passphrase-file FILE, or do it at a terminal")
}

/// Why a key file cannot be used.
pub(crate) fn failure(path: &Path, error: &keyfile::Error) -> Failure {
    let shown = path.display();
    match error {
        keyfile::Error::Read { source, .. } => {
            Failure::new(Exit::Usage, format!("cannot read `{shown}`")).because(source)
        }
        keyfile::Error::Write { source, .. } => {
            Failure::new(Exit::Failed, format!("cannot write `{shown}`")).because(source)
        }
        keyfile::Error::WrongPassphrase { .. } | keyfile::Error::NeedsPassphrase { .. } => {
            Failure::new(Exit::Usage, format!("the key in `{shown}` was not opened"))
                .because(error)
                .now("check which key the passphrase is of; `tally key show FILE` names the key")
        }
        keyfile::Error::Plain(_)
        | keyfile::Error::NotPublic(_)
        | keyfile::Error::Damaged(_)
        | keyfile::Error::OtherKey { .. }
        | keyfile::Error::OtherKind { .. }
        | keyfile::Error::BadPassphrase => {
            Failure::new(Exit::Usage, format!("`{shown}` is not a secret key"))
                .because(error)
                .now("a key is one line that begins with PRIVATE+KEY+, or encrypted by `tally key`")
        }
    }
}

fn no_passphrase(path: &Path, error: &keyfile::Error) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("there is no passphrase in `{}`", path.display()),
    )
    .because(error)
}

fn no_answer(error: &dialoguer::Error) -> Failure {
    Failure::new(Exit::Interrupted, "no answer to the question").because(error)
}

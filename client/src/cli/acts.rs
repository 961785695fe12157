//! Acts that people at headquarters sign: what every verb that signs shares, from the flags to the
//! answer.
//!
//! Nobody signs blind: what a note says is said in plain words before it is signed. Acts of two
//! hands are signed with two `--key` at one machine, or with `--sign-only` at the first and
//! `tally sign` at the second.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use note::{SignatureLine, SignedNote, SignerKey};
use receipt::leaf::{KeyReference, Reason};
use receipt::{Election, Header, Leaf};
use serde::Serialize;

use super::args::{Kept, Network, Patience, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::hands::{self, Hands};
use super::output::Output;
use super::secrets::Passphrases;
use super::send::{self, Sent};
use super::{files, key, trust, words};
use crate::chair;
use crate::client::Client;
use crate::clock::{Clock as _, SystemClock};
use crate::connection::Connections;
use crate::disk::Directory;
use crate::outbox::Outbox;
use crate::random::SystemRandom;

/// Who signs, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct Act {
    /// A signer's secret key; give it once for each signer.
    #[arg(
        long = "key",
        env = "TALLY_KEY",
        value_name = "FILE",
        required_unless_present = "cards",
        hide_env_values = true
    )]
    pub(crate) keys: Vec<PathBuf>,
    /// Sign straight from this key's card, which is asked for at the prompt: the name that it says,
    /// or the unit alone for its chair.
    #[arg(long = "card", value_name = "NAME")]
    pub(crate) cards: Vec<String>,
    #[command(flatten)]
    pub(crate) going: Going,
}

/// How far an act goes, and where to.
#[derive(Debug, Args)]
pub(crate) struct Going {
    /// Say what would be signed; sign nothing and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Sign into this new file and send nothing: the second person adds a hand with `tally sign`.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) sign_only: Option<PathBuf>,
    /// Do it without asking.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) trust: Trust,
    #[command(flatten)]
    pub(crate) kept: Kept,
    #[command(flatten)]
    pub(crate) passphrases: Passphrases,
}

/// Why an act is done.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why, in one line; it stands in the log for everyone to read.
    #[arg(long, value_parser = reason)]
    pub(crate) reason: Reason,
}

/// A desk at headquarters: the keys at it, the election, the outbox, and the cluster if there is
/// one.
pub(crate) struct Office {
    pub(crate) output: Output,
    pub(crate) going: Going,
    pub(crate) keys: Vec<SignerKey>,
    pub(crate) election: Arc<Election>,
    pub(crate) connections: Option<Connections>,
    pub(crate) outbox: Outbox<Directory>,
    random: SystemRandom,
    clock: SystemClock,
}

/// How far an act came.
pub(crate) enum Carried {
    /// It was kept and, if there is a cluster, sent.
    Sent(Box<Sent>),
    /// It was only shown or only signed, as asked; that has been said.
    Ended(Exit),
}

/// What a dry run says.
#[derive(Serialize)]
struct Planned {
    act: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    says: Vec<String>,
    signers: Vec<String>,
    signers_needed: usize,
    text: String,
}

/// What `--sign-only` says.
#[derive(Serialize)]
struct Signed {
    act: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    note: String,
    signers: Vec<String>,
    signers_needed: usize,
}

impl Act {
    /// Reads the keys and opens the election.
    pub(crate) async fn open(self, output: Output) -> Outcome<Office> {
        let keys = self
            .keys
            .iter()
            .map(|file| self.going.passphrases.signer(output, file))
            .collect::<Outcome<Vec<_>>>()?;
        let mut office = self.going.open(output, keys).await?;
        if self.cards.len() > 1 && !output.can_ask() {
            return Err(Failure::new(Exit::Usage, "standard input is one card")
                .now("do it at a terminal, which asks for each card"));
        }
        for card in &self.cards {
            let key = key::from_card(output, &office.election, card)?;
            office.keys.push(key);
        }
        Ok(office)
    }

    /// Asks, signs, keeps and sends the act that `leaf` makes of a header: the whole of a verb that
    /// needs nothing else.
    pub(crate) async fn carry(
        self,
        output: Output,
        question: &str,
        leaf: impl FnOnce(Header) -> Leaf,
    ) -> Outcome {
        self.open(output).await?.carry(question, leaf).await
    }
}

impl Going {
    /// Opens the election for these keys.
    pub(crate) async fn open(self, output: Output, keys: Vec<SignerKey>) -> Outcome<Office> {
        let outbox = self.kept.open()?;
        let (opened, connections) =
            trust::open_for_sending(output, &self.trust, &self.network, outbox.disk().path())
                .await?;
        if opened.election.kind() == receipt::ElectionKind::Rehearsal {
            output.say("REHEARSAL: nothing sent here counts");
        }
        Ok(Office {
            output,
            going: self,
            keys,
            election: opened.election,
            connections,
            outbox,
            random: SystemRandom,
            clock: SystemClock::start(),
        })
    }
}

impl Office {
    /// The header of a new note.
    pub(crate) fn header(&mut self) -> Header {
        chair::header(&self.election, &mut self.random, self.clock.unix())
    }

    /// Says, asks, signs and sends the act that `leaf` makes of a new header, and tells what became
    /// of it.
    pub(crate) async fn carry(
        mut self,
        question: &str,
        leaf: impl FnOnce(Header) -> Leaf,
    ) -> Outcome {
        let leaf = leaf(self.header());
        self.settle(question, &leaf, Vec::new()).await
    }

    /// The same for a leaf that others may have signed before.
    pub(crate) async fn settle(
        &self,
        question: &str,
        leaf: &Leaf,
        before: Vec<SignatureLine>,
    ) -> Outcome {
        let hands = self.hands(leaf, &before)?;
        self.say(leaf);
        self.confirm(question)?;
        match self.sign_and_send(leaf, before, &hands).await? {
            Carried::Sent(sent) => send::tell(self.output, &sent),
            Carried::Ended(exit) => Ok(exit),
        }
    }

    /// Who signs this leaf, checked as far as the bundle tells.
    pub(crate) fn hands(&self, leaf: &Leaf, before: &[SignatureLine]) -> Outcome<Hands> {
        let ends_here = self.going.sign_only.is_some() || self.going.dry_run;
        hands::check(&self.election, leaf, before, &self.keys, ends_here)
    }

    /// Says in plain words what a leaf says. In a dry run that is the answer, not talk.
    pub(crate) fn say(&self, leaf: &Leaf) {
        if !self.going.dry_run {
            self.aloud()
                .say(&words::says(leaf, &self.election).join("\n"));
        }
    }

    /// Where that is said which somebody is asked about: not even `--quiet` hides it from a person.
    pub(crate) fn aloud(&self) -> Output {
        let asks = !self.going.yes && self.output.can_ask();
        Output {
            quiet: self.output.quiet && !asks,
            ..self.output
        }
    }

    /// Goes on only with a yes: by flag, or from a person.
    pub(crate) fn confirm(&self, question: &str) -> Outcome<()> {
        if self.going.yes || self.going.dry_run || self.output.ask(question)? {
            return Ok(());
        }
        Err(
            Failure::new(Exit::Interrupted, "nothing was signed and nothing was sent")
                .now("repeat it with --yes to do it without being asked"),
        )
    }

    /// Signs a leaf and takes it as far as was asked for.
    pub(crate) async fn sign_and_send(
        &self,
        leaf: &Leaf,
        before: Vec<SignatureLine>,
        hands: &Hands,
    ) -> Outcome<Carried> {
        if self.going.dry_run {
            return self.plan(leaf, hands).map(Carried::Ended);
        }
        let note = self.sign(leaf, before)?;
        match &self.going.sign_only {
            Some(file) => self.write(file, leaf, &note, hands).map(Carried::Ended),
            None => self.send(&note).await.map(Box::new).map(Carried::Sent),
        }
    }

    /// The note of a leaf, with the hands of those before and of the keys here.
    pub(crate) fn sign(&self, leaf: &Leaf, before: Vec<SignatureLine>) -> Outcome<SignedNote> {
        let text = leaf.text();
        let mut signatures = before;
        signatures.extend(self.keys.iter().map(|key| key.sign(&text)));
        let note = SignedNote::assemble(&text, signatures).map_err(|error| {
            Failure::new(Exit::Usage, "this act cannot be written as a note").because(&error)
        })?;
        // Whatever the node would call malformed is better said here, where it can be mended.
        Leaf::parse(&note).map_err(|error| {
            Failure::new(Exit::Usage, "this act cannot be written as a note").because(&error)
        })?;
        Ok(note)
    }

    /// Signs with `new` from here on where it signed with `old`.
    pub(crate) fn put_in_place_of(&mut self, old: &KeyReference, new: &SignerKey) {
        let is_old = |key: &SignerKey| {
            let key = key.verifier();
            *key.name() == old.name && key.id() == old.id
        };
        for hand in self.keys.iter_mut().filter(|key| is_old(key)) {
            *hand = SignerKey::from_seed(new.verifier().name().clone(), new.seed());
        }
    }

    /// Keeps a note and carries it to the cluster.
    pub(crate) async fn send(&self, note: &SignedNote) -> Outcome<Sent> {
        let name = send::keep(&self.outbox, note)?;
        let Some(connections) = &self.connections else {
            return Ok(send::about(&self.outbox, &name, note));
        };
        self.output.say(&format!("kept as {name}; sending"));
        let client = Client::new(connections.clone(), Arc::clone(&self.election));
        let mut sent =
            send::deliver(&self.outbox, &client, &name, note, self.going.patience).await?;
        let too_few = sent.refusal.as_ref().map(|refusal| refusal.code.as_str());
        if too_few == Some("too_few_signers") {
            sent.words = format!(
                "{}\n  a second person adds a hand to this very note with\n  \
                 `tally sign {} --key FILE`",
                sent.words, sent.note
            );
        }
        Ok(sent)
    }

    fn plan(&self, leaf: &Leaf, hands: &Hands) -> Outcome<Exit> {
        let planned = Planned {
            act: leaf.kind().to_string(),
            unit: leaf.unit().map(ToString::to_string),
            says: words::says(leaf, &self.election),
            signers: hands.names(),
            signers_needed: hands.needed,
            text: leaf.text(),
        };
        self.output.result("tally.planned/v1", &planned, || {
            format!(
                "{}\nwould be signed by {}{}; nothing was signed and nothing was sent",
                planned.says.join("\n"),
                hands.in_words(),
                hands.missing_in_words(),
            )
        })?;
        Ok(Exit::Done)
    }

    fn write(&self, file: &Path, leaf: &Leaf, note: &SignedNote, hands: &Hands) -> Outcome<Exit> {
        files::write_new(file, note.bytes())?;
        let signed = Signed {
            act: leaf.kind().to_string(),
            unit: leaf.unit().map(ToString::to_string),
            note: file.display().to_string(),
            signers: hands.names(),
            signers_needed: hands.needed,
        };
        self.output.result("tally.signed/v1", &signed, || {
            format!(
                "signed by {}{}; nothing was sent\n  note  {}\n  next  `tally sign {} --key FILE` \
                 where the next signer is",
                hands.in_words(),
                hands.missing_in_words(),
                signed.note,
                signed.note,
            )
        })?;
        Ok(Exit::Done)
    }
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text)
        .ok_or_else(|| "a reason is 1 to 200 printable characters on one line".to_owned())
}

//! Acts that several people sign together: what `enrol`, `revoke` and `close` share.

use std::path::PathBuf;

use clap::Args;
use note::SignerKey;
use receipt::leaf::Reason;
use receipt::{Header, Leaf};

use super::args::{Kept, Network, Patience, Trust};
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::{files, send, trust};
use crate::chair;
use crate::client::Client;
use crate::clock::{Clock as _, SystemClock};
use crate::random::SystemRandom;

/// Who signs, why, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct Act {
    /// A signer's secret key; give it once for each signer.
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// Why, in one line; it stands in the log for everyone to read.
    #[arg(long, value_parser = reason)]
    pub(crate) reason: Reason,
    /// Do it without asking.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    kept: Kept,
}

impl Act {
    /// Asks, signs, keeps and sends the act that `leaf` makes of a header.
    pub(crate) async fn carry(
        self,
        output: Output,
        question: &str,
        leaf: impl FnOnce(Header) -> Leaf,
    ) -> Outcome {
        let keys = self
            .keys
            .iter()
            .map(|file| files::read_key(file))
            .collect::<Outcome<Vec<_>>>()?;
        let outbox = self.kept.open()?;
        let (opened, connections) =
            trust::open_for_sending(output, &self.trust, &self.network, outbox.disk().path())
                .await?;
        if !self.yes && !output.ask(question)? {
            return Err(Failure::new(Exit::Interrupted, "nothing was sent")
                .now("repeat it with --yes to do it without being asked"));
        }
        let now = SystemClock::start().unix();
        let header = chair::header(&opened.election, &mut SystemRandom, now);
        let signers: Vec<&SignerKey> = keys.iter().collect();
        let note = chair::sign(&leaf(header), &signers).map_err(|error| {
            Failure::new(Exit::Usage, "this act cannot be written as a note").because(&error)
        })?;
        let name = send::keep(&outbox, &note)?;
        let sent = match connections {
            Some(connections) => {
                let client = Client::new(connections, opened.election);
                send::deliver(&outbox, &client, &name, &note, self.patience).await?
            }
            None => send::about(&outbox, &name, &note),
        };
        send::tell(output, &sent)
    }
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text)
        .ok_or_else(|| "a reason is 1 to 200 printable characters on one line".to_owned())
}

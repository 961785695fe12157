//! `tally receipt upgrade` and `fetch`: receipts from the cluster, believed only after they were
//! verified here.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use merkle::LeafIndex;
use note::b64;
use proto::v1;
use receipt::{Election, Receipt, ReceiptLevel, ShortCode, UnverifiedReceipt};
use serde::Serialize;

use crate::cli::args::{Network, Trust};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::Output;
use crate::cli::{files, on_network, trust};
use crate::connection::Connections;

use super::missing::Missing;

/// Replace receipts by their final form, as soon as the cluster has it.
#[derive(Debug, Args)]
#[command(after_help = "\
A receipt says that a majority of the nodes holds the report. In its final form the strong quorum
and an outside witness have signed as well, so that no leader alone can have made a second history.
The file is replaced only by a receipt of the same report at the same place that holds. Where the
level is not reached yet, the nodes and witnesses that have not signed are named.

Ends with 0 if all are final, 11 if one is not yet.

Example:
  tally receipt upgrade outbox/*.receipt")]
pub(crate) struct Upgrade {
    /// Receipt files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

/// Fetch the receipt of a leaf by its code, hash or number.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tally receipt fetch G2HP-YXPC-V819-BHS9-FA --out P-0001.receipt
  tally receipt fetch 412 --level final --out 412.receipt")]
pub(crate) struct Fetch {
    /// The code as people read it, the leaf's hash, or its number in the log.
    name: String,
    /// How much it shall prove.
    #[arg(long, value_enum, default_value_t = Level::Receipt)]
    level: Level,
    /// Where to write it; a new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

/// How much a receipt proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// A majority of the nodes holds it.
    Receipt,
    /// The strong quorum and an outside witness, too.
    Final,
}

#[derive(Serialize)]
struct Upgraded {
    r#final: Vec<String>,
    waiting: Vec<Waiting>,
}

#[derive(Serialize)]
struct Waiting {
    file: String,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Missing>,
}

/// Why a receipt is not final.
enum NotFinal {
    /// Hands are missing.
    Waits(Missing),
    /// It cannot be, or a node misbehaved.
    Because(String),
}

#[derive(Serialize)]
struct Fetched {
    receipt: String,
    leaf_index: u64,
    code: String,
    level: String,
}

impl Upgrade {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.upgrade(output))
    }

    async fn upgrade(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let connections = self.network.connect()?;
        let mut upgraded = Upgraded {
            r#final: Vec::new(),
            waiting: Vec::new(),
        };
        for file in &self.files {
            let name = file.display().to_string();
            let held = super::holding(file, &super::whole(file)?, &opened.election);
            let (_, held) = held.map_err(|failure| {
                failure.now("`tally receipt verify FILE` names every check; nothing was replaced")
            })?;
            match better(&connections, &opened.election, &held).await? {
                Ok(None) => upgraded.r#final.push(name),
                Ok(Some(receipt)) => {
                    replace(file, &receipt.to_bytes())?;
                    upgraded.r#final.push(name);
                }
                Err(NotFinal::Waits(missing)) => upgraded.waiting.push(Waiting {
                    file: name,
                    sentence: missing.words(),
                    missing: Some(missing),
                }),
                Err(NotFinal::Because(sentence)) => upgraded.waiting.push(Waiting {
                    file: name,
                    sentence,
                    missing: None,
                }),
            }
        }
        let exit = if upgraded.waiting.is_empty() {
            Exit::Done
        } else {
            Exit::CannotVerify
        };
        output.result("tally.receipts-upgraded/v1", &upgraded, || upgraded.words())?;
        Ok(exit)
    }
}

impl Upgraded {
    fn words(&self) -> String {
        let done = self.r#final.iter().map(|file| format!("final: {file}"));
        let waiting = self
            .waiting
            .iter()
            .map(|one| format!("not yet: {}: {}", one.file, one.sentence));
        done.chain(waiting).collect::<Vec<_>>().join("\n")
    }
}

impl Fetch {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.fetch(output))
    }

    async fn fetch(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let connections = self.network.connect()?;
        let leaf = named(&self.name)?;
        let level = match self.level {
            Level::Receipt => v1::Level::Receipt,
            Level::Final => v1::Level::Final,
        };
        let election = &opened.election;
        if self.level == Level::Final && election.latest().final_policy().is_none() {
            return Err(Failure::new(Exit::CannotVerify, NO_WITNESS).now("ask for --level receipt"));
        }
        let unverified = match ask(&connections, leaf.clone(), level).await? {
            Answer::Receipt(unverified) => unverified,
            Answer::Pending(leaf) => {
                let level = self.level.into();
                let missing = Missing::ask(&connections, election, leaf, level, None).await;
                return Err(not_yet(level, &missing));
            }
            Answer::Unknown => {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("no node knows a leaf `{}`", self.name),
                )
                .now("have the code read again, group by group"));
            }
        };
        let receipt = verified(&unverified, &opened.election).map_err(|why| {
            Failure::new(Exit::Invalid, "a node sent a receipt that does not hold").why(why)
        })?;
        if !is_of(&leaf, &receipt) {
            return Err(Failure::new(
                Exit::Invalid,
                "a node sent the receipt of another leaf",
            ));
        }
        if self.level == Level::Final && receipt.level() != ReceiptLevel::Final {
            return Err(Failure::new(
                Exit::Invalid,
                "a node sent a receipt that is not final",
            ));
        }
        files::write_new(&self.out, &receipt.to_bytes())?;
        let fetched = Fetched {
            receipt: self.out.display().to_string(),
            leaf_index: receipt.index().get(),
            code: receipt.code().to_string(),
            level: receipt.level().to_string(),
        };
        output.result("tally.receipt-fetched/v1", &fetched, || {
            format!("{}\nwrote {}", receipt_words(&receipt), fetched.receipt)
        })?;
        Ok(Exit::Done)
    }
}

fn not_yet(level: ReceiptLevel, missing: &Missing) -> Failure {
    let now = match level {
        ReceiptLevel::Receipt => "the leaf is recorded; ask again in a moment",
        ReceiptLevel::Final => {
            "the leaf is recorded; ask again once they have signed, or for --level receipt"
        }
    };
    Failure::new(
        Exit::CannotVerify,
        format!("there is no receipt of level {level} yet"),
    )
    .why(missing.words())
    .now(now)
}

impl From<Level> for ReceiptLevel {
    fn from(level: Level) -> ReceiptLevel {
        match level {
            Level::Receipt => ReceiptLevel::Receipt,
            Level::Final => ReceiptLevel::Final,
        }
    }
}

fn receipt_words(receipt: &Receipt) -> String {
    format!(
        "the {} with the code {} is leaf {}, level {}",
        receipt.leaf().kind(),
        receipt.code(),
        receipt.index(),
        receipt.level()
    )
}

/// What is said where no receipt can ever be final.
const NO_WITNESS: &str = "the manifest names no outside witness, so no receipt can be final";

/// The final form of a receipt; none where it is final already; else what is missing.
async fn better(
    connections: &Connections,
    election: &Election,
    held: &Receipt,
) -> Outcome<Result<Option<Receipt>, NotFinal>> {
    let because = |sentence: &str| Ok(Err(NotFinal::Because(sentence.to_owned())));
    if held.level() == ReceiptLevel::Final {
        return Ok(Ok(None));
    }
    if election.latest().final_policy().is_none() {
        return because(NO_WITNESS);
    }
    let hash = held.leaf_hash().as_bytes().to_vec().into();
    let leaf = v1::get_receipt_request::Leaf::LeafHash(hash);
    let unverified = match ask(connections, leaf, v1::Level::Final).await? {
        Answer::Receipt(unverified) => unverified,
        // A node that was asked may be behind: the receipt at hand proves that the leaf is there.
        Answer::Pending(_) | Answer::Unknown => {
            let (leaf, level) = (held.index(), ReceiptLevel::Final);
            let missing = Missing::ask(connections, election, leaf, level, Some(held)).await;
            return Ok(Err(NotFinal::Waits(missing)));
        }
    };
    match verified(&unverified, election) {
        Err(why) => because(&format!("a node sent a receipt that does not hold: {why}")),
        Ok(found) if found.entry() != held.entry() || found.index() != held.index() => {
            because("a node sent the receipt of another leaf")
        }
        Ok(found) if found.level() == ReceiptLevel::Final => Ok(Ok(Some(found))),
        Ok(_) => because("a node sent a receipt that is not final"),
    }
}

fn verified(unverified: &UnverifiedReceipt, election: &Election) -> Result<Receipt, String> {
    let verification = unverified.verify(election);
    let held = verification.receipt().cloned();
    held.ok_or_else(|| verification.summary())
}

enum Answer {
    Receipt(UnverifiedReceipt),
    Pending(LeafIndex),
    Unknown,
}

async fn ask(
    connections: &Connections,
    leaf: v1::get_receipt_request::Leaf,
    level: v1::Level,
) -> Outcome<Answer> {
    let answer = connections.receipt(leaf, level).await;
    Ok(
        match answer.map_err(|error| trust::no_answer("fetch the receipt", &error))? {
            v1::get_receipt_response::Result::Receipt(bytes) => {
                Answer::Receipt(UnverifiedReceipt::parse(&bytes).map_err(|error| {
                    Failure::new(Exit::Invalid, "a node sent something that is no receipt")
                        .because(&error)
                })?)
            }
            v1::get_receipt_response::Result::Pending(pending) => {
                Answer::Pending(LeafIndex::new(pending.leaf_index))
            }
            v1::get_receipt_response::Result::Unknown(_) => Answer::Unknown,
        },
    )
}

/// A leaf as it was named.
fn named(text: &str) -> Outcome<v1::get_receipt_request::Leaf> {
    use v1::get_receipt_request::Leaf;
    if let Some(index) = caucus::parse_number(text) {
        return Ok(Leaf::LeafIndex(index));
    }
    let hash = b64::decode_hash(text).or_else(|| merkle::Hash::from_hex(text));
    if let Some(hash) = hash {
        return Ok(Leaf::LeafHash(hash.as_bytes().to_vec().into()));
    }
    ShortCode::parse(text)
        .map(|code| Leaf::Code(code.to_string()))
        .map_err(|error| {
            Failure::new(
                Exit::Usage,
                "a leaf is named by its code, its hash or its number",
            )
            .because(&error)
        })
}

fn is_of(leaf: &v1::get_receipt_request::Leaf, receipt: &Receipt) -> bool {
    use v1::get_receipt_request::Leaf;
    match leaf {
        Leaf::LeafIndex(index) => *index == receipt.index().get(),
        Leaf::LeafHash(hash) => **hash == *receipt.leaf_hash().as_bytes(),
        Leaf::Code(code) => *code == receipt.code().to_string(),
        Leaf::TextHash(_) => false,
    }
}

/// Puts new bytes in place of a file: whole, or not at all.
fn replace(file: &Path, bytes: &[u8]) -> Outcome<()> {
    let write = || -> std::io::Result<()> {
        let beside = file.with_extension("receipt.new");
        let mut new = std::fs::File::create(&beside)?;
        std::io::Write::write_all(&mut new, bytes)?;
        new.sync_all()?;
        std::fs::rename(&beside, file)?;
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        std::fs::File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    };
    write().map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot write `{}`", file.display()))
            .because(&error)
            .now("the old receipt is still there and still holds")
    })
}

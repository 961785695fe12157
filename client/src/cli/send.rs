//! Keeping a note, sending it, and saying what became of it: the end of every verb that signs.

use note::SignedNote;
use receipt::Leaf;
use serde::Serialize;

use super::args::Patience;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::Output;
use crate::answer::{Effect, Head, Refused};
use crate::client::Client;
use crate::connection::NodeAddress;
use crate::disk::Directory;
use crate::outbox::{EntryName, Error as OutboxError, Outbox, Recorded};
use crate::retry::{Delivery, NotYet, Receipted};

/// What `submit`, `correct`, `outbox send` and the acts of headquarters say in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Sent {
    /// Name of the outbox entry.
    pub(crate) entry: String,
    /// `submission`, `enrol`, …
    pub(crate) act: String,
    /// The unit, for acts that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    /// `receipted`, `recorded`, `refused` or `waiting`.
    pub(crate) state: &'static str,
    /// What recording did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effect: Option<Effect>,
    /// The leaf's place in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leaf_index: Option<u64>,
    /// The leaf's hash, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leaf_hash: Option<String>,
    /// The code to write on the paper sheet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The receipt file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipt: Option<String>,
    /// The note file.
    pub(crate) note: String,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<Refused>,
    /// What the rules say about the sheet, for `submit` and `correct`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<FindingRow>,
    /// How often it was handed to a node.
    pub(crate) attempts: u32,
    /// How the command ends on account of it.
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// What the cluster says stands for the unit now.
    #[serde(skip)]
    pub(crate) head: Option<Head>,
    /// The sentences for a person.
    #[serde(skip)]
    pub(crate) words: String,
}

/// One thing the rules say about a sheet.
#[derive(Debug, Serialize)]
pub(crate) struct FindingRow {
    code: &'static str,
    sentence: String,
}

impl FindingRow {
    pub(crate) fn of(finding: &caucus::Finding) -> FindingRow {
        FindingRow {
            code: finding.code.as_str(),
            sentence: finding.for_chair(),
        }
    }
}

/// The entry a note is kept as.
pub(crate) fn entry_name(note: &SignedNote) -> Outcome<EntryName> {
    let leaf = Leaf::parse(note).map_err(|error| {
        Failure::new(Exit::Usage, "this is not a note of an election").because(&error)
    })?;
    let subject = leaf
        .unit()
        .map_or_else(|| leaf.kind().to_string(), ToString::to_string);
    let id = leaf.header().map(|header| header.id);
    id.map(|id| EntryName::new(&subject, &id))
        .ok_or_else(|| Failure::new(Exit::Usage, "totals are signed by nobody"))
}

/// How often one text may be signed anew here: more hands than any act asks for.
const MOST_SIGNED_ANEW: u32 = 32;

/// Keeps a note on disk. Only after this may it be sent. A text that is kept already and was signed
/// by other hands since is kept beside it.
pub(crate) fn keep(outbox: &Outbox<Directory>, note: &SignedNote) -> Outcome<EntryName> {
    let first = entry_name(note)?;
    let mut name = first.clone();
    let mut times: u32 = 1;
    loop {
        match outbox.keep(&name, note.bytes()) {
            Ok(()) => return Ok(name),
            Err(OutboxError::NameTaken(_))
                if times < MOST_SIGNED_ANEW && is_text_of(outbox, &name, note) =>
            {
                times = times.saturating_add(1);
                name = first.signed_anew(times);
            }
            Err(error) => {
                return Err(Failure::new(
                    Exit::Failed,
                    "the note could not be kept, so it was not sent",
                )
                .because(&error)
                .now("make room or give another folder with --outbox DIR, and try again"));
            }
        }
    }
}

/// Whether the entry holds the same text, whoever signed it.
fn is_text_of(outbox: &Outbox<Directory>, name: &EntryName, note: &SignedNote) -> bool {
    let entries = outbox.find(name.as_str()).unwrap_or_default();
    entries
        .iter()
        .filter(|entry| entry.name == *name)
        .filter_map(|entry| SignedNote::parse(&entry.note).ok())
        .any(|kept| kept.text() == note.text())
}

/// Sends a kept note and writes down beside it what came of it.
pub(crate) async fn deliver(
    outbox: &Outbox<Directory>,
    client: &Client,
    name: &EntryName,
    note: &SignedNote,
    patience: Patience,
) -> Outcome<Sent> {
    let client = client.clone().with_schedule(patience.schedule());
    let sent = about(outbox, name, note);
    match client.submit_signed(note).await {
        Delivery::Receipted(receipted) => receipted_sent(sent, outbox, name, &receipted),
        Delivery::Refused {
            refusal,
            head,
            node,
        } => {
            outbox
                .mark_refused(name, &refusal)
                .map_err(|error| disk(&error))?;
            Ok(refused_sent(
                sent,
                refusal,
                head,
                client.connections().address(node),
            ))
        }
        Delivery::NotYet(known) => {
            if let Some((effect, leaf)) = known.recorded {
                let recorded = Recorded {
                    leaf_index: leaf.index.get(),
                    effect,
                };
                outbox
                    .mark_recorded(name, &recorded)
                    .map_err(|error| disk(&error))?;
            }
            Ok(not_yet_sent(sent, &known, &client))
        }
    }
}

/// What a note is before anything has come of it.
pub(crate) fn about(outbox: &Outbox<Directory>, name: &EntryName, note: &SignedNote) -> Sent {
    let leaf = Leaf::parse(note).ok();
    let folder = outbox.disk().path();
    Sent {
        entry: name.to_string(),
        act: leaf
            .as_ref()
            .map_or_else(String::new, |leaf| leaf.kind().to_string()),
        unit: leaf
            .as_ref()
            .and_then(|leaf| leaf.unit().map(ToString::to_string)),
        state: "waiting",
        effect: None,
        leaf_index: None,
        leaf_hash: None,
        code: None,
        receipt: None,
        note: folder.join(format!("{name}.note")).display().to_string(),
        refusal: None,
        findings: Vec::new(),
        attempts: 0,
        exit: Exit::NoAnswer,
        head: None,
        words: format!(
            "Not sent yet. It is safe here: {}\nSend it with `tally outbox send`.",
            folder.join(format!("{name}.note")).display()
        ),
    }
}

fn receipted_sent(
    mut sent: Sent,
    outbox: &Outbox<Directory>,
    name: &EntryName,
    receipted: &Receipted<receipt::Receipt>,
) -> Outcome<Sent> {
    // The receipt has been verified; the note is done once it lies beside it.
    outbox
        .keep_receipt(name, &receipted.bytes)
        .map_err(|error| disk(&error))?;
    let path = outbox
        .disk()
        .path()
        .join(format!("{name}.receipt"))
        .display()
        .to_string();
    let proof = &receipted.receipt;
    let (exit, verdict) = match (receipted.effect, sent.unit.is_some()) {
        (Effect::Recorded, true) => (Exit::Done, "Received."),
        (Effect::Recorded, false) => (Exit::Done, "Recorded."),
        (Effect::Corrected, _) => (
            Exit::Done,
            "Received: it stands in place of the report before.",
        ),
        (Effect::AlreadyRecorded, _) => (Exit::Done, "Received before: this is the same note."),
        (Effect::Superseded, _) => (
            Exit::Done,
            "Received late: a correction of it stands already.",
        ),
        (Effect::Rival, _) => (
            Exit::Conflict,
            "Received, but another report stands for this unit. Headquarters will look at both.",
        ),
        (Effect::Stray, _) => (
            Exit::Conflict,
            "Received, but this unit was closed or meets with another: it counts nowhere. Call headquarters.",
        ),
    };
    let paper = if sent.act == "submission" {
        "   write it on the paper sheet"
    } else {
        ""
    };
    let nodes: Vec<&str> = proof
        .signers()
        .iter()
        .map(|signer| signer.id.as_str())
        .collect();
    sent.words = format!(
        "{verdict}\n  leaf     {}\n  code     {}{paper}\n  cosigned by {}\n  receipt  {path}",
        proof.index(),
        proof.code(),
        nodes.join(", "),
    );
    sent.state = "receipted";
    sent.effect = Some(receipted.effect);
    sent.leaf_index = Some(proof.index().get());
    sent.leaf_hash = Some(proof.leaf_hash().to_hex());
    sent.code = Some(proof.code().to_string());
    sent.receipt = Some(path);
    sent.attempts = receipted.attempts;
    sent.head = receipted.head;
    sent.exit = exit;
    Ok(sent)
}

fn refused_sent(
    mut sent: Sent,
    refusal: Refused,
    head: Option<Head>,
    node: Option<&NodeAddress>,
) -> Sent {
    sent.words = format!(
        "Refused ({}): {}\n  now: {}\n  said by {}; the note stays in the outbox",
        refusal.code,
        refusal.message,
        refusal.advice,
        node.map_or("a node", NodeAddress::as_str),
    );
    sent.state = "refused";
    sent.leaf_index = refusal.leaf_index;
    sent.refusal = Some(refusal);
    sent.head = head;
    sent.exit = Exit::Refused;
    sent
}

fn not_yet_sent(mut sent: Sent, known: &NotYet, client: &Client) -> Sent {
    let mut lines = vec![match &known.recorded {
        Some((effect, leaf)) => {
            sent.state = "recorded";
            sent.effect = Some(*effect);
            sent.leaf_index = Some(leaf.index.get());
            sent.leaf_hash = Some(leaf.hash.to_hex());
            format!(
                "Recorded as leaf {}, not yet receipted: too few nodes have confirmed it.\n\
                 It is safe here: {}",
                leaf.index, sent.note
            )
        }
        None => format!("Not sent yet. It is safe here: {}", sent.note),
    }];
    for (node, trouble) in &known.troubles {
        let address = client
            .connections()
            .address(*node)
            .map_or("a node", NodeAddress::as_str);
        lines.push(format!("  {address}: {trouble}"));
    }
    lines.push("Try again with `tally outbox send`; sending twice is harmless.".to_owned());
    sent.words = lines.join("\n");
    sent.attempts = known.attempts;
    sent.exit = Exit::NoAnswer;
    sent
}

/// Prints what became of a note.
pub(crate) fn tell(output: Output, sent: &Sent) -> Outcome {
    output.result("tally.sent/v1", sent, || sent.words.clone())?;
    Ok(sent.exit)
}

/// The outbox failed after sending: the note itself is safe, its answer is not written down.
pub(crate) fn disk(error: &crate::outbox::Error) -> Failure {
    Failure::new(Exit::Failed, "the answer could not be kept beside the note")
        .because(error)
        .now("the note itself is in the outbox; `tally outbox send` asks for the answer again")
}

//! The authority at work: one signature at a time, on machines that need no network, and the
//! signatures put together where they come back to. What both acts share is here: a manifest read
//! with the signatures so far, and held against its authority.

mod around;
mod assemble;
mod sign;

use std::path::Path;

use note::{Limits, SignatureLine, SignedNote};
use receipt::leaf::Role;
use receipt::{Leaf, Manifest};

use super::super::exit::Exit;
use super::super::failure::{Failure, Outcome};
use super::super::files;

pub(crate) use assemble::Assemble;
pub(crate) use sign::Sign;

/// A manifest as it was read: signed, partly, or not at all.
pub(super) struct Read {
    pub(super) text: String,
    signatures: Vec<SignatureLine>,
}

/// Reads a manifest's text, or a note of it with the signatures so far.
pub(super) fn read_manifest(file: &Path) -> Outcome<Read> {
    let bytes = files::read(file)?;
    if let Ok(note) = SignedNote::parse_within(&bytes, Limits::MANIFEST) {
        return Ok(Read {
            text: note.text().to_owned(),
            signatures: note.signatures().to_vec(),
        });
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Usage, format!("`{}` is no manifest", file.display())))?;
    manifest_of(&text, file)?;
    Ok(Read {
        text,
        signatures: Vec::new(),
    })
}

/// The manifest that a text is, by the rules that every node applies.
fn manifest_of(text: &str, file: &Path) -> Outcome<Manifest> {
    let no = || {
        Failure::new(
            Exit::Invalid,
            format!("`{}` is no sound manifest", file.display()),
        )
        .now("nothing was signed; have the text written again by `election new` or `next`")
    };
    let leaf = Leaf::parse_text(text).map_err(|error| no().because(&error))?;
    leaf.manifest()
        .cloned()
        .ok_or_else(|| no().why(format!("it is an act of kind {}", leaf.kind())))
}

/// The signatures that are there must be the authority's, and hold.
fn check_signed(by: &Manifest, read: &Read) -> Outcome<()> {
    for line in &read.signatures {
        let key = by.keys_of(Role::Authority).find(|key| key.claims(line));
        if !key.is_some_and(|key| key.verifies(&read.text, line)) {
            return Err(Failure::new(
                Exit::Invalid,
                format!(
                    "the signature by `{}` is not one of the authority",
                    line.name
                ),
            )
            .now("the text was changed after it was signed, or a stranger signed; begin again"));
        }
    }
    Ok(())
}

/// A text with its signatures, as one note.
fn joined(text: &str, signatures: Vec<SignatureLine>) -> Outcome<SignedNote> {
    SignedNote::assemble(text, signatures).map_err(|error| {
        Failure::new(Exit::Invalid, "the manifest does not fit into a note").because(&error)
    })
}

fn names(note: &SignedNote) -> Vec<String> {
    note.signatures()
        .iter()
        .map(|line| line.name.to_string())
        .collect()
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}

//! A leaf as people name it: its number in the log, its hash, or a receipt file.

use std::path::PathBuf;

use merkle::{Hash, LeafHash, leaf_hash};
use proto::v1;
use receipt::{Election, Leaf, UnverifiedReceipt};

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::{files, head, trust};
use crate::connection::Connections;

/// A leaf as it was named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LeafName {
    /// Its place in the log.
    Index(u64),
    /// Its hash, as notes write it or hexadecimal.
    Hash(LeafHash),
    /// A receipt for it.
    Receipt(PathBuf),
}

/// A leaf that was named, as far as it could be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) hash: LeafHash,
    /// What it says; unknown when only its hash is at hand.
    pub(crate) leaf: Option<Leaf>,
}

/// Reads a leaf's name: a number, a hash, or else a file.
pub(crate) fn leaf_name(text: &str) -> Result<LeafName, String> {
    if let Some(index) = caucus::parse_number(text) {
        return Ok(LeafName::Index(index));
    }
    if let Some(hash) = hash(text) {
        return Ok(LeafName::Hash(LeafHash::from_hash(hash)));
    }
    if text.is_empty() {
        return Err("a leaf is its number, its hash or a receipt file".to_owned());
    }
    Ok(LeafName::Receipt(PathBuf::from(text)))
}

fn hash(text: &str) -> Option<Hash> {
    note::b64::decode_hash(text).or_else(|| Hash::from_hex(text))
}

impl LeafName {
    /// Finds the leaf. A receipt is verified; what a node says is compared with the hash given.
    pub(crate) async fn find(
        &self,
        election: &Election,
        connections: Option<&Connections>,
    ) -> Outcome<Found> {
        match (self, connections) {
            (LeafName::Receipt(file), _) => from_receipt(file, election),
            (LeafName::Hash(hash), None) => Ok(Found {
                hash: *hash,
                leaf: None,
            }),
            (LeafName::Hash(hash), Some(connections)) => by_hash(hash, connections).await,
            (LeafName::Index(index), Some(connections)) => {
                let entry = head::entry(connections, *index).await?;
                Ok(Found::of(&entry))
            }
            (LeafName::Index(index), None) => Err(Failure::new(
                Exit::Usage,
                format!("leaf {index} cannot be looked at without a node"),
            )
            .now("give --nodes host:port,… or name the leaf by its hash or its receipt")),
        }
    }
}

impl Found {
    fn of(entry: &[u8]) -> Found {
        Found {
            hash: leaf_hash(entry),
            leaf: Leaf::parse_entry(entry).ok().map(|(leaf, _)| leaf),
        }
    }
}

fn from_receipt(file: &std::path::Path, election: &Election) -> Outcome<Found> {
    let unverified = UnverifiedReceipt::parse(&files::read(file)?).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!(
                "`{}` is neither a leaf's number, its hash nor a receipt",
                file.display()
            ),
        )
        .because(&error)
        .now("`tally outbox list` names the leaves of the notes kept here")
    })?;
    let verification = unverified.verify(election);
    let receipt = verification
        .receipt()
        .ok_or_else(|| super::receipt::does_not_hold(file, verification.summary()))?;
    Ok(Found::of(receipt.entry()))
}

async fn by_hash(hash: &LeafHash, connections: &Connections) -> Outcome<Found> {
    let leaf = v1::get_receipt_request::Leaf::LeafHash(hash.as_bytes().to_vec().into());
    let answer = connections.receipt(leaf, v1::Level::Receipt).await;
    let entry = match answer.map_err(|error| trust::no_answer("look for the leaf", &error))? {
        v1::get_receipt_response::Result::Receipt(bytes) => UnverifiedReceipt::parse(&bytes)
            .ok()
            .map(|receipt| receipt.entry().to_vec()),
        v1::get_receipt_response::Result::Pending(pending) => {
            Some(head::entry(connections, pending.leaf_index).await?)
        }
        v1::get_receipt_response::Result::Unknown(_) => None,
    };
    entry
        .map(|entry| Found::of(&entry))
        .filter(|found| found.hash == *hash)
        .ok_or_else(|| {
            Failure::new(Exit::Usage, "no node knows a leaf of this hash")
                .now("check the hash; a leaf may also be named by its number or its receipt")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_a_number_a_hash_or_a_file() {
        assert_eq!(leaf_name("14"), Ok(LeafName::Index(14)));
        let hash = LeafHash::from_hash(merkle::sha256(b"leaf"));
        let written = note::b64::encode_hash(hash.as_hash());
        assert_eq!(leaf_name(&written), Ok(LeafName::Hash(hash)));
        assert_eq!(leaf_name(&hash.to_hex()), Ok(LeafName::Hash(hash)));
        let file = LeafName::Receipt(PathBuf::from("box/P-1.receipt"));
        assert_eq!(leaf_name("box/P-1.receipt"), Ok(file));
        assert!(leaf_name("").is_err());
    }
}

//! The receipt that fits a QR code: everything but the entry and what the election's bundle has.
//!
//! ```text
//! text  = "PT1:" base45                          ; RFC 9285; every character is one of a QR code's
//!                                                ; alphanumeric mode
//! bytes = %x01 genesis leaf index size p p*hash s s*line
//! genesis = 8OCTET                               ; the first eight of the election's genesis
//! leaf, hash = 32OCTET                           ; the path begins with the leaf's sibling
//! index, size = 4OCTET                           ; big-endian
//! p, s  = OCTET                                  ; hashes, at most 63; lines, 1 to 32
//! line  = %x01-3F 64OCTET                        ; log signature of the node with this ordinal
//!       / %x41-7F 8OCTET 64OCTET                 ; cosignature of the node with the ordinal - 64
//!       / %x80-BF 8OCTET 64OCTET                 ; of the manifest's witness line 0 to 63
//! ```
//!
//! Key names, key ids and the origin come from the manifest, the root from the path. So nothing
//! here is believed before it was verified with a bundle, and what the report says is known only
//! where its note is at hand: the leaf hash then binds it.

use alloc::string::String;
use alloc::vec::Vec;

use merkle::{Hash, InclusionProof, LeafHash, LeafIndex, MAX_PROOF_HASHES, TreeSize, leaf_hash};
use note::{Checkpoint, SignatureLine, SignedCheckpoint, VerifierKey};

use crate::code::ShortCode;
use crate::election::{Election, Version};
use crate::manifest::MAX_ORDINAL;
use crate::proof::UnverifiedReceipt;
use crate::verify::{Claim, Verification};

const PREFIX: &str = "PT1:";
const VERSION: u8 = 1;
const GENESIS: usize = 8;

/// Bytes of a signature, and of the time before a cosignature.
const SIGNATURE: usize = 64;
const TIME: usize = 8;

/// Lines a receipt may have; as many as a signed note.
const MAX_LINES: usize = note::MAX_SIGNATURES;

/// Characters looked at: what the largest receipt of this form needs, and a little more.
const MAX_CHARACTERS: usize = 8_192;

/// A receipt in its short form: well-formed, nothing verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactReceipt {
    genesis: [u8; GENESIS],
    leaf: LeafHash,
    index: u32,
    size: u32,
    proof: InclusionProof,
    // INVARIANT: 1 to MAX_LINES.
    lines: Vec<CompactLine>,
}

/// A signature and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CompactLine {
    signer: Signer,
    body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Signer {
    /// The log key of the node with this ordinal.
    Log(u8),
    /// The cosigner key of the node with this ordinal.
    Node(u8),
    /// The witness on this line of the manifest, from 0.
    Witness(u8),
}

/// Why there is no short form, or a text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// The text does not begin with `PT1:`.
    #[error("a receipt's QR code begins with `PT1:`")]
    Prefix,
    /// Characters or bytes that the form does not have.
    #[error("the text of the QR code is cut short or was changed")]
    Malformed,
    /// It is of another election, or of another instance of it.
    #[error("the QR code is of another election than the bundle")]
    OtherElection,
    /// No version of the bundle's manifests has the keys that it refers to.
    #[error("the QR code refers to keys that this bundle does not have")]
    UnknownKeys,
    /// The report handed over is not the one that the code names.
    #[error("the note is not the report that the QR code names")]
    OtherEntry,
    /// A log of more than 2^32 leaves, or an ordinal beyond the form.
    #[error("the receipt is too large for a QR code")]
    TooLarge,
}

impl CompactReceipt {
    /// The short form of a receipt, with the keys of the manifest in force for its checkpoint.
    /// Lines of keys that this version does not count are left out.
    pub fn of(receipt: &UnverifiedReceipt, election: &Election) -> Result<Self, CompactError> {
        let checkpoint = receipt.checkpoint().checkpoint();
        let version = election
            .in_force(&checkpoint.origin, checkpoint.size)
            .ok_or(CompactError::OtherElection)?;
        let short = |number: u64| u32::try_from(number).map_err(|_| CompactError::TooLarge);
        let mut lines: Vec<CompactLine> = receipt
            .checkpoint()
            .lines()
            .iter()
            .filter_map(|line| {
                let signer = signer_of(version, line)?;
                let body = line.body.clone();
                (body.len() == signer.body_length()).then_some(CompactLine { signer, body })
            })
            .collect();
        if lines.is_empty() {
            return Err(CompactError::UnknownKeys);
        }
        lines.sort_by_key(|line| line.signer);
        Ok(Self {
            genesis: genesis_of(election),
            leaf: receipt.leaf_hash(),
            index: short(receipt.index().get())?,
            size: short(checkpoint.size.get())?,
            proof: receipt.proof().clone(),
            lines,
        })
    }

    /// The text of the QR code: characters of its alphanumeric mode only.
    pub fn to_text(&self) -> String {
        let mut bytes = Vec::from([VERSION]);
        bytes.extend_from_slice(&self.genesis);
        bytes.extend_from_slice(self.leaf.as_hash().as_bytes());
        bytes.extend_from_slice(&self.index.to_be_bytes());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.push(count(self.proof.hashes.len()));
        for hash in &self.proof.hashes {
            bytes.extend_from_slice(hash.as_bytes());
        }
        bytes.push(count(self.lines.len()));
        for line in &self.lines {
            bytes.push(line.signer.code());
            bytes.extend_from_slice(&line.body);
        }
        let mut text = String::from(PREFIX);
        text.push_str(&base45::encode(&bytes));
        text
    }

    /// Reads the text of a QR code, exactly as [`CompactReceipt::to_text`] writes it. Line ends
    /// around it, which scanners add, do no harm; a space may be part of it.
    pub fn parse(text: &str) -> Result<Self, CompactError> {
        let text = text.trim_matches(['\n', '\r', '\t']);
        let body = text.strip_prefix(PREFIX).ok_or(CompactError::Prefix)?;
        if body.len() > MAX_CHARACTERS {
            return Err(CompactError::Malformed);
        }
        let bytes = base45::decode(body).map_err(|_| CompactError::Malformed)?;
        let read = Self::read(&mut Reader(&bytes)).ok_or(CompactError::Malformed)?;
        // One content has one text.
        if read.to_text() == text {
            Ok(read)
        } else {
            Err(CompactError::Malformed)
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.byte()? != VERSION {
            return None;
        }
        let genesis = reader.array()?;
        let leaf = LeafHash::from_hash(Hash::from_bytes(reader.array()?));
        let index = u32::from_be_bytes(reader.array()?);
        let size = u32::from_be_bytes(reader.array()?);
        let hashes = usize::from(reader.byte()?);
        if hashes > MAX_PROOF_HASHES {
            return None;
        }
        let hashes = (0..hashes)
            .map(|_| reader.array().map(Hash::from_bytes))
            .collect::<Option<Vec<_>>>()?;
        let lines = usize::from(reader.byte()?);
        if lines == 0 || lines > MAX_LINES {
            return None;
        }
        let lines = (0..lines)
            .map(|_| {
                let signer = Signer::parse(reader.byte()?)?;
                let body = reader.take(signer.body_length())?.to_vec();
                Some(CompactLine { signer, body })
            })
            .collect::<Option<Vec<_>>>()?;
        let ascending = lines.is_sorted_by(|one, next| one.signer < next.signer);
        (ascending && reader.0.is_empty()).then_some(Self {
            genesis,
            leaf,
            index,
            size,
            proof: InclusionProof { hashes },
            lines,
        })
    }

    /// Checks it, with the note where that is at hand; the note must be the one that it names.
    pub fn verify(
        &self,
        election: &Election,
        entry: Option<&[u8]>,
    ) -> Result<Verification, CompactError> {
        if entry.is_some_and(|entry| leaf_hash(entry) != self.leaf) {
            return Err(CompactError::OtherEntry);
        }
        let checkpoint = self.checkpoint(election)?;
        let claim = Claim {
            entry,
            leaf: self.leaf,
            index: self.index(),
            proof: &self.proof,
            checkpoint: &checkpoint,
        };
        Ok(claim.verify(election))
    }

    /// The whole receipt, from the note that it names. Nothing is verified by this.
    pub fn expand(
        &self,
        election: &Election,
        entry: Vec<u8>,
    ) -> Result<UnverifiedReceipt, CompactError> {
        if leaf_hash(&entry) != self.leaf {
            return Err(CompactError::OtherEntry);
        }
        let checkpoint = self.checkpoint(election)?;
        Ok(UnverifiedReceipt::build(
            entry,
            self.index(),
            self.proof.clone(),
            checkpoint,
        ))
    }

    /// The hash that names the leaf.
    pub const fn leaf_hash(&self) -> LeafHash {
        self.leaf
    }

    /// The code that people read to each other.
    pub fn code(&self) -> ShortCode {
        ShortCode::of_leaf(&self.leaf)
    }

    /// Where it says the leaf stands.
    pub fn index(&self) -> LeafIndex {
        LeafIndex::new(self.index.into())
    }

    /// The signed checkpoint, rebuilt. The form leaves the origin out, so where a log was recovered
    /// under another one, the lines decide: the first origin under which one of them verifies, or
    /// else the newest under which all their keys exist.
    fn checkpoint(&self, election: &Election) -> Result<SignedCheckpoint, CompactError> {
        if self.genesis != genesis_of(election) {
            return Err(CompactError::OtherElection);
        }
        let size = TreeSize::new(self.size.into());
        let root = self
            .proof
            .root(self.index(), size, self.leaf)
            .map_err(|_| CompactError::Malformed)?;
        let mut fallback = None;
        for version in election.versions().iter().rev() {
            let origin = &version.manifest().origin;
            let Some(version) = election.in_force(origin, size) else {
                continue;
            };
            let checkpoint = Checkpoint {
                origin: origin.clone(),
                size,
                root,
            };
            let Some((signed, verified)) = self.signed(checkpoint, version) else {
                continue;
            };
            if verified {
                return Ok(signed);
            }
            fallback = fallback.or(Some(signed));
        }
        fallback.ok_or(CompactError::UnknownKeys)
    }

    /// The checkpoint with these lines, and whether one of them verifies; `None` where the version
    /// lacks a key.
    fn signed(
        &self,
        checkpoint: Checkpoint,
        version: &Version,
    ) -> Option<(SignedCheckpoint, bool)> {
        let lines = self
            .lines
            .iter()
            .map(|line| {
                let key = line.signer.key(version)?;
                let rebuilt = SignatureLine {
                    name: key.name().clone(),
                    id: key.id(),
                    body: line.body.clone(),
                };
                Some((key, rebuilt))
            })
            .collect::<Option<Vec<_>>>()?;
        let verified = lines.iter().any(|(key, line)| {
            key.verifies(&checkpoint.text(), line)
                || key.verify_cosignature(&checkpoint, line).is_some()
        });
        let mut lines = lines.into_iter().map(|(_, line)| line);
        let first = SignedCheckpoint::new(checkpoint, lines.next()?);
        Some((lines.fold(first, SignedCheckpoint::with_line), verified))
    }
}

impl Signer {
    const fn code(self) -> u8 {
        match self {
            Self::Log(ordinal) => ordinal,
            Self::Node(ordinal) => 0x40 | ordinal,
            Self::Witness(line) => 0x80 | line,
        }
    }

    const fn parse(code: u8) -> Option<Self> {
        match code {
            0x01..=0x3F => Some(Self::Log(code)),
            0x41..=0x7F => Some(Self::Node(code & 0x3F)),
            0x80..=0xBF => Some(Self::Witness(code & 0x3F)),
            0x00 | 0x40 | 0xC0..=0xFF => None,
        }
    }

    const fn body_length(self) -> usize {
        match self {
            Self::Log(_) => SIGNATURE,
            Self::Node(_) | Self::Witness(_) => TIME + SIGNATURE,
        }
    }

    fn key(self, version: &Version) -> Option<&VerifierKey> {
        let manifest = version.manifest();
        match self {
            Self::Log(ordinal) => Some(&manifest.node(ordinal.into())?.log),
            Self::Node(ordinal) => Some(&manifest.node(ordinal.into())?.cosigner),
            Self::Witness(line) => Some(&manifest.witnesses.get(usize::from(line))?.key),
        }
    }
}

/// Whose line it is, by the manifest's keys.
fn signer_of(version: &Version, line: &SignatureLine) -> Option<Signer> {
    let manifest = version.manifest();
    for node in &manifest.nodes {
        let ordinal = u8::try_from(node.ordinal)
            .ok()
            .filter(|ordinal| u64::from(*ordinal) <= MAX_ORDINAL)?;
        if node.log.claims(line) {
            return Some(Signer::Log(ordinal));
        }
        if node.cosigner.claims(line) {
            return Some(Signer::Node(ordinal));
        }
    }
    let mut witnesses = (0_u8..64).zip(&manifest.witnesses);
    witnesses
        .find(|(_, witness)| witness.key.claims(line))
        .map(|(place, _)| Signer::Witness(place))
}

fn genesis_of(election: &Election) -> [u8; GENESIS] {
    let mut genesis = [0; GENESIS];
    for (slot, byte) in genesis.iter_mut().zip(election.genesis().as_bytes()) {
        *slot = *byte;
    }
    genesis
}

/// A number that the form's own limits keep below 64.
fn count(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The bytes not read yet.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        let [byte] = self.array()?;
        Some(byte)
    }
}

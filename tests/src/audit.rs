//! What a stranger can check when the night is over, with the election's bundle, the receipts on the chairs'
//! disks and the leaves that any node hands out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, ensure};
use caucus::{Basis, ResultRow, Results};
use merkle::{Frontier, Hash, LeafHash, leaf_hash};
use proto::v1;
use receipt::{Bundle, Election, Fingerprint, Leaf, UnverifiedReceipt};

/// The receipts of a folder, after each was verified with the bundle alone.
#[derive(Debug, Default)]
pub struct Receipts {
    /// Leaf hash to leaf index, of every receipt that verified.
    pub verified: BTreeMap<LeafHash, u64>,
    /// How many files there are.
    pub files: usize,
    /// Files that did not verify, with the reason.
    pub failed: Vec<String>,
}

/// Verifies every `*.receipt` of `folder`. The election is opened anew from the bundle's folder and the
/// fingerprint, as somebody else would; no node is asked.
pub fn verify_receipts(
    folder: &Path,
    bundle: &Path,
    fingerprint: Fingerprint,
) -> anyhow::Result<Receipts> {
    let election = Election::open(&client::bundle::read_folder(bundle)?, fingerprint)?;
    let mut receipts = Receipts::default();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "receipt")
        {
            continue;
        }
        receipts.files += 1;
        let bytes = std::fs::read(&path)?;
        match verify_one(&election, &bytes) {
            Ok((hash, index)) => {
                receipts.verified.insert(hash, index);
            }
            Err(reason) => receipts
                .failed
                .push(format!("{}: {reason}", path.display())),
        }
    }
    Ok(receipts)
}

fn verify_one(election: &Election, bytes: &[u8]) -> Result<(LeafHash, u64), String> {
    let receipt = UnverifiedReceipt::parse(bytes).map_err(|error| error.to_string())?;
    let verification = receipt.verify(election);
    let receipt = verification
        .receipt()
        .ok_or_else(|| verification.summary())?;
    Ok((receipt.leaf_hash(), receipt.index().get()))
}

/// The log as one node hands it out.
#[derive(Debug)]
pub struct Log {
    /// The leaves, in order.
    pub entries: Vec<Vec<u8>>,
    /// The root over them, computed here.
    pub root: Hash,
    places: BTreeMap<LeafHash, u64>,
}

impl Log {
    /// Computes hashes and root of the leaves.
    pub fn new(entries: Vec<Vec<u8>>) -> Self {
        let mut frontier = Frontier::new();
        let mut places = BTreeMap::new();
        for (entry, index) in entries.iter().zip(0..) {
            let hash = leaf_hash(entry);
            frontier.push(hash);
            places.entry(hash).or_insert(index);
        }
        Self {
            root: frontier.root(),
            places,
            entries,
        }
    }

    /// Where the leaf with this hash is.
    pub fn index_of(&self, hash: &LeafHash) -> Option<u64> {
        self.places.get(hash).copied()
    }

    /// How many leaves say what another leaf says: the same text, or the same unit and number.
    pub fn duplicates(&self) -> anyhow::Result<usize> {
        let mut texts = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        let mut duplicates = 0;
        for entry in &self.entries {
            let parsed = Leaf::parse_entry(entry);
            let (leaf, _) = parsed.map_err(|error| anyhow::anyhow!("a leaf: {error}"))?;
            let text = merkle::sha256(leaf.text().as_bytes());
            let mut twice = false;
            if let Leaf::Submission(one) = leaf {
                twice = !numbers.insert((one.unit, one.seq));
            }
            if !texts.insert(text) || twice {
                duplicates += 1;
            }
        }
        Ok(duplicates)
    }

    /// The results that follow from the leaves and the bundle, with nothing taken from a node.
    pub fn recompute(&self, bundle: &Bundle) -> anyhow::Result<Recomputed> {
        let tables = client::audit::recompute(bundle, &self.entries)?;
        ledger::check(&tables).map_err(|broken| anyhow::anyhow!("{broken}"))?;
        let view = ledger::View::new(&tables);
        let on = |basis| view.results(basis)?.context("the log holds no manifest");
        Ok(Recomputed {
            reported: on(Basis::Reported)?,
            recomputed: on(Basis::Recomputed)?,
            verified: on(Basis::Verified)?,
            tables,
        })
    }
}

/// What follows from the leaves alone.
#[derive(Debug)]
pub struct Recomputed {
    /// As the chairs reported.
    pub reported: Results,
    /// With the delegates that the rules give.
    pub recomputed: Results,
    /// Verified units only.
    pub verified: Results,
    /// The whole state.
    pub tables: ledger::Memory,
}

/// Whether a node shows the very results that were recomputed, in every row of every area and on
/// each basis.
pub fn same_results(shown: &v1::ResultsSnapshot, computed: &Recomputed) -> anyhow::Result<bool> {
    let Recomputed {
        reported,
        recomputed,
        verified,
        ..
    } = computed;
    let mut same = same_rows(&shown.statewide, &reported.statewide)
        && same_rows(&shown.recomputed, &recomputed.statewide)
        && same_rows(&shown.verified, &verified.statewide);
    let areas = shown
        .counties
        .iter()
        .chain(&shown.pools)
        .chain(&shown.districts);
    let mut seen = 0;
    for area in areas {
        for (rows, results) in [
            (&area.groups, reported),
            (&area.recomputed, recomputed),
            (&area.verified, verified),
        ] {
            let known = areas_of(results).find(|(id, _)| *id == area.id);
            // An area in which nothing counts has no rows on either side.
            same &= known.map_or(rows.is_empty(), |(_, known)| same_rows(rows, known));
        }
        seen += usize::from(!area.groups.is_empty());
    }
    ensure!(seen > 0, "a node shows no areas");
    Ok(same && seen == areas_of(reported).count())
}

fn areas_of(results: &Results) -> impl Iterator<Item = (&str, &Vec<ResultRow>)> {
    let counties = results
        .counties
        .iter()
        .map(|(id, rows)| (id.as_str(), rows));
    let pools = results.pools.iter().map(|(id, rows)| (id.as_str(), rows));
    let districts = results.districts.iter();
    counties
        .chain(pools)
        .chain(districts.map(|(id, rows)| (id.as_str(), rows)))
}

fn same_rows(shown: &[v1::GroupResult], computed: &[ResultRow]) -> bool {
    shown.len() == computed.len()
        && shown.iter().zip(computed).all(|(shown, computed)| {
            shown.group == computed.group.as_str()
                && shown.first_alignment == computed.first.get()
                && shown.final_alignment == computed.last.get()
                && shown.delegates == computed.delegates.get()
                && shown.sde_exact == computed.sde.exact()
        })
}

//! The end of the night. Reports from here on are marked late, everything else goes on, and the
//! totals of this moment become a leaf of their own.

use alloc::string::String;
use core::fmt::Write as _;

use caucus::{Basis, ElectionId, Refusal, ResultRow, Results};
use merkle::{Hash, LeafIndex};
use receipt::Leaf;
use receipt::leaf::{DerivedTotals, Scope, TotalsRow};

use crate::draft::Draft;
use crate::intake::{Authentic, Stop};
use crate::outcome::Outcome;
use crate::rows;
use crate::tables::{Table, Tables};
use crate::totals;

/// Closes the night. A second close changes nothing but derives the totals again.
pub(crate) fn close<T: Tables>(
    draft: &mut Draft<'_, T>,
    authentic: &Authentic,
) -> Result<Outcome, Stop> {
    let leaf = draft.append_note(authentic)?;
    if rows::closed(draft)?.is_none() {
        let key = rows::META_CLOSED.to_vec();
        draft.put(Table::Meta, key, rows::number_key(leaf.index.get()));
    }
    draft.about(Scope::All);
    draft.seal_leaf(leaf.index)?;
    derive_totals(draft, leaf.index)?;
    Ok(draft.applied(authentic, leaf)?)
}

/// Appends the totals as they stand after leaf `of`. Nobody signs them: whoever has the leaves
/// before derives the same bytes.
pub(crate) fn derive_totals<T: Tables>(
    draft: &mut Draft<'_, T>,
    of: LeafIndex,
) -> Result<(), Stop> {
    let results = totals::results(draft, Basis::Reported)?.ok_or(Refusal::NoManifest)?;
    let genesis = rows::genesis(draft)?.ok_or(Refusal::NoManifest)?;
    let election = rows::election(draft)?.ok_or(Refusal::NoManifest)?;
    let election = ElectionId::parse(&election).map_err(|_| Refusal::NoManifest)?;
    let file = results_file(&election, &genesis, of, &results);
    let derived = DerivedTotals {
        election,
        genesis,
        of,
        rows: results.statewide.iter().map(totals_row).collect(),
        results: merkle::sha256(file.as_bytes()),
    };
    let text = Leaf::Totals(derived).text();
    // Of a leaf outside the grammar no receipt verifies and nothing can be shown.
    if Leaf::parse_entry(text.as_bytes()).is_err() {
        let what = "the totals are longer than a leaf may be".into();
        return Err(Refusal::Malformed { line: 1, what }.into());
    }
    let leaf = draft.append_leaf(
        text.as_bytes(),
        merkle::leaf_hash(text.as_bytes()),
        &merkle::sha256(text.as_bytes()),
    )?;
    draft.seal_leaf(leaf.index)?;
    Ok(())
}

fn totals_row(row: &ResultRow) -> TotalsRow {
    TotalsRow {
        group: row.group.clone(),
        first: row.first.people(),
        last: row.last.people(),
        delegates: row.delegates,
        sde: (&row.sde).into(),
    }
}

/// The results file whose hash a totals leaf carries: every published row, in one form.
///
/// ```text
/// precinct-tally/results/v1
/// election <election>
/// genesis <hash>
/// of <leaf index>
/// state <group> <first> <final> <delegates> <state delegate equivalents>            *
/// district <district> <group> <first> <final> <delegates> <state delegate equivalents>  *
/// county <county> <group> <first> <final> <delegates> <state delegate equivalents>  *
/// pool <pool> <group> <first> <final> <delegates> <state delegate equivalents>      *
/// ```
/// Starred lines ascend by their ids. Equivalents are fractions in lowest terms.
pub fn results_file(
    election: &ElectionId,
    genesis: &Hash,
    of: LeafIndex,
    results: &Results,
) -> String {
    let mut text = String::from("precinct-tally/results/v1\n");
    let mut line = |words: core::fmt::Arguments<'_>| {
        // Writing to a string does not fail.
        let _ = text.write_fmt(format_args!("{words}\n"));
    };
    line(format_args!("election {election}"));
    line(format_args!("genesis {}", note::b64::encode_hash(genesis)));
    line(format_args!("of {}", of.get()));
    for row in &results.statewide {
        line(format_args!("state {}", cells(row)));
    }
    for (district, rows) in &results.districts {
        for row in rows {
            line(format_args!("district {district} {}", cells(row)));
        }
    }
    for (county, rows) in &results.counties {
        for row in rows {
            line(format_args!("county {county} {}", cells(row)));
        }
    }
    for (pool, rows) in &results.pools {
        for row in rows {
            line(format_args!("pool {pool} {}", cells(row)));
        }
    }
    text
}

fn cells(row: &ResultRow) -> String {
    let ResultRow {
        group,
        first,
        last,
        delegates,
        sde,
    } = row;
    alloc::format!("{group} {first} {last} {delegates} {}", sde.exact())
}

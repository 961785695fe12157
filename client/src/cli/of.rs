//! `--of`: which head an act is about, by hand or as a node says.

use caucus::UnitId;
use clap::Args;
use merkle::LeafHash;

use super::acts::Office;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::head::{self, Standing};
use super::output::warn;
use super::reference::{LeafName, leaf_name};

/// The head an act is about.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// What stands for the unit: a leaf's number, hash or receipt; without it a node is asked.
    #[arg(long, value_name = "LEAF|RECEIPT", value_parser = leaf_name)]
    of: Option<LeafName>,
}

impl Of {
    /// The head to be named, and what it says where that was asked and shown. A head given by hand
    /// that is not what a node says stands is warned about: the act would be stale.
    pub(crate) async fn find(
        &self,
        office: &Office,
        unit: &UnitId,
    ) -> Outcome<(LeafHash, Option<Standing>)> {
        let rules = office.election.latest().rules();
        let given = match &self.of {
            Some(name) => {
                let found = name
                    .find(&office.election, office.connections.as_ref())
                    .await?;
                Some(found.hash)
            }
            None => None,
        };
        match (given, &office.connections) {
            (Some(hash), None) => Ok((hash, None)),
            (Some(hash), Some(connections)) => {
                // It was given by hand: what the node knows is shown, not needed.
                let standing = head::find(connections, unit, rules).await.ok().flatten();
                match standing {
                    Some(standing) if standing.hash == hash => {
                        office.aloud().say(&standing.words());
                        Ok((hash, Some(standing)))
                    }
                    Some(_) | None => {
                        warn(&format!("that leaf is not what stands for {unit} now"));
                        Ok((hash, None))
                    }
                }
            }
            (None, Some(connections)) => {
                let standing = head::find_some(connections, unit, rules).await?;
                office.aloud().say(&standing.words());
                Ok((standing.hash, Some(standing)))
            }
            (None, None) => Err(Failure::new(
                Exit::Usage,
                "this act names what stands for the unit, and no node was given to ask",
            )
            .now("give --nodes host:port,…, or --of with the leaf's hash or receipt")),
        }
    }
}

/// Warns about a unit that is not on the bundle's roster: mistyped, or added tonight.
pub(crate) fn check_unit(office: &Office, unit: &UnitId) {
    if office.election.latest().roster().unit(unit).is_none() {
        warn(&format!(
            "`{unit}` is not on the roster of the bundle; that is right only if it was added tonight"
        ));
    }
}

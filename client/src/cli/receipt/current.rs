//! `tally receipt current`: whether what a receipt proves is still what stands. Only the log of
//! this moment can say so; the receipt itself holds for ever.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::args::{Network, Trust};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::head::{self, Standing};
use crate::cli::output::Output;
use crate::cli::{on_network, trust};

/// Ask the cluster whether a receipt's report is still what stands for its unit.
#[derive(Debug, Args)]
#[command(after_help = "\
The receipt is checked first, offline. The answer about now is a node's word: it proves nothing, and
another node or the public log can be asked for the same.

Ends with 0 if the report stands, 6 if something else stands for the unit.

Example:
  tally receipt current P-0001.receipt")]
pub(crate) struct Current {
    /// A receipt file.
    file: PathBuf,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Serialize)]
struct Answer {
    unit: String,
    leaf_index: u64,
    stands: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_leaf_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<String>,
}

impl Current {
    pub(crate) fn run(self, output: Output) -> Outcome {
        on_network(self.current(output))
    }

    async fn current(self, output: Output) -> Outcome {
        let opened = trust::open_folder(&self.trust)?;
        let unverified = super::whole(&self.file)?;
        let (_, receipt) = super::holding(&self.file, &unverified, &opened.election)?;
        let unit = receipt.leaf().unit().ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                format!(
                    "the {} of this receipt is of no unit",
                    receipt.leaf().kind()
                ),
            )
            .now("only what is said of a unit can be replaced by something else")
        })?;
        let rules = opened.election.latest().rules();
        let connections = self.network.connect()?;
        let standing = head::find(&connections, unit, rules).await?;
        let index = receipt.index().get();
        let head = standing.as_ref();
        let stands = head.is_some_and(|head| head.hash == receipt.leaf_hash());
        let beside = |head: &Standing| {
            let mut beside = head.beside.iter();
            beside
                .find(|(leaf, _)| *leaf == index)
                .map(|(_, how)| how.clone())
        };
        let answer = Answer {
            unit: unit.to_string(),
            leaf_index: index,
            stands,
            standing: head.map(|head| head.word.clone()),
            head_leaf_index: head.map(|head| head.leaf_index),
            head_seq: head.map(|head| head.seq),
            beside: head.and_then(beside),
        };
        output.result("tally.receipt-current/v1", &answer, || answer.words())?;
        Ok(if stands { Exit::Done } else { Exit::Conflict })
    }
}

impl Answer {
    fn words(&self) -> String {
        let (unit, index) = (&self.unit, self.leaf_index);
        match (self.stands, self.head_leaf_index, self.head_seq) {
            (true, _, _) => {
                let word = self.standing.as_deref().unwrap_or("received");
                format!("STANDS: leaf {index} is what stands for {unit}; it is {word}")
            }
            (false, Some(head), Some(seq)) => {
                let beside = self.beside.as_deref().map(|how| format!(" ({how})"));
                format!(
                    "REPLACED: leaf {head}, number {seq}, stands for {unit}; leaf {index} stays recorded{}",
                    beside.unwrap_or_default()
                )
            }
            (false, _, _) => format!("NOTHING STANDS for {unit} now; leaf {index} stays recorded"),
        }
    }
}

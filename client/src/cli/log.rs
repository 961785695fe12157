//! `tally log`: the public log kept in a folder, judged without trusting a node, and watched.

pub(super) mod archive;
mod monitor;
pub(super) mod place;
pub(super) mod verify;

use std::path::Path;

use clap::Subcommand;

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::on_network;
use super::output::Output;
use crate::log::folder::Folder;

/// Keep the log, recompute the whole night from its leaves, or watch that it only grows.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Verify(verify::Verify),
    Archive(archive::Archive),
    Monitor(monitor::Monitor),
}

impl Verb {
    pub(crate) fn run(self, output: Output) -> Outcome {
        match self {
            Verb::Verify(verify) => on_network(verify.run(output)),
            Verb::Archive(archive) => on_network(archive.run(output)),
            Verb::Monitor(monitor) => on_network(monitor.run(output)),
        }
    }
}

/// The leaves of an archived log, in order, as they are: nothing of them is judged.
pub(crate) fn read_leaves(folder: &Path) -> Outcome<Vec<Vec<u8>>> {
    Folder::at(folder).leaves().map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("cannot read the log in `{}`", folder.display()),
        )
        .because(&error)
        .now("give a folder that `tally log archive` made")
    })
}

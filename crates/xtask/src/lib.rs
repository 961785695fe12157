//! The tasks behind `cargo xtask`, as functions, so that tests run the same ones.

pub mod dashboards;
pub mod tidy;

use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

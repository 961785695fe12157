//! Where the real data is: outside the project, never copied into it.

use std::path::{Path, PathBuf};

/// The folder of real data is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{folder}` is not there: set TALLY_SHARED to the folder that holds `data/{name}`")]
pub struct NoSharedData {
    folder: String,
    name: String,
}

/// The folder `data/<name>` of the shared data: under `TALLY_SHARED` where that is set, else under
/// `shared` beside the checkout.
///
/// A test that needs it prints the error and ends when it is absent, except where the variable `CI`
/// is `true`: there absence is a failure, see [`NoSharedData::skip`].
pub fn shared_data(name: &str) -> Result<PathBuf, NoSharedData> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("TALLY_SHARED").map_or(checkout, PathBuf::from);
    let folder = root.join("data").join(name);
    folder.canonicalize().map_err(|_| NoSharedData {
        folder: folder.display().to_string(),
        name: name.to_owned(),
    })
}

impl NoSharedData {
    /// Says why a test is skipped; where `CI` is `true` it fails instead.
    #[expect(
        clippy::print_stderr,
        reason = "a test that did not run says so where its reader looks"
    )]
    pub fn skip(&self) {
        let required = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!required, "{self}");
        eprintln!("skipped: {self}");
    }
}

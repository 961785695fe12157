//! Files that show a sheet, named in notes by their hashes. The files themselves stay where they
//! are.

use std::path::{Path, PathBuf};

use merkle::sha256;
use receipt::leaf::{Evidence, MAX_EVIDENCE, MediaType};

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::files;

/// Hashes files, in the order in which notes list them, each once.
pub(crate) fn of_files(paths: &[PathBuf]) -> Outcome<Vec<Evidence>> {
    let mut evidence = paths
        .iter()
        .map(|path| of_file(path))
        .collect::<Outcome<Vec<_>>>()?;
    evidence.sort_by_cached_key(|one| note::b64::encode_hash(&one.hash));
    evidence.dedup_by_key(|one| one.hash);
    if evidence.len() > MAX_EVIDENCE {
        return Err(
            Failure::new(Exit::Usage, "too many files for one sheet").now(format!(
                "a note names at most {MAX_EVIDENCE} pieces of evidence"
            )),
        );
    }
    Ok(evidence)
}

fn of_file(file: &Path) -> Outcome<Evidence> {
    let bytes = files::read(file)?;
    let extension = file
        .extension()
        .and_then(|text| text.to_str())
        .unwrap_or_default();
    let media_type = match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "heic" => "image/heic",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    };
    let media_type = MediaType::parse(media_type).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("cannot name the type of `{}`", file.display()),
        )
    })?;
    Ok(Evidence {
        hash: sha256(&bytes),
        media_type,
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    })
}

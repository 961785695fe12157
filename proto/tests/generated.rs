//! The checked-in code under `src/gen` is what the `.proto` files say.
//!
//! With `UPDATE_GEN=1` in the environment the test writes the files instead of comparing them.

use std::error::Error;
use std::fs;
use std::path::Path;

use prost::Message;

const FILES: [&str; 12] = [
    "tally/v1/refusal.proto",
    "tally/v1/submission.proto",
    "tally/v1/receipt.proto",
    "tally/v1/results.proto",
    "tally/v1/trace.proto",
    "tally/v1/export.proto",
    "tally/v1/transparency.proto",
    "tally/v1/election.proto",
    "tally/v1/status.proto",
    "tally/v1/cluster.proto",
    "tally/raft/v1/raft.proto",
    "tally/log/v1/command.proto",
];

#[test]
fn generated_code_is_what_the_proto_files_say() -> Result<(), Box<dyn Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = tempfile::tempdir()?;
    let descriptors = protox::compile(FILES, [package])?;
    let mut encoded = descriptors.clone();
    // Positions and comments would make the file four times as large; reflection needs neither.
    for file in &mut encoded.file {
        file.source_code_info = None;
    }
    fs::write(made.path().join("descriptors.bin"), encoded.encode_to_vec())?;

    let mut config = tonic_prost_build::Config::new();
    // Notes, log entries and snapshot chunks are shared, not copied.
    config.bytes(["."]);
    tonic_prost_build::configure()
        .out_dir(made.path())
        .btree_map(".")
        .compile_fds_with_config(descriptors, config)?;

    let kept = package.join("src/gen");
    let names = sorted_names(made.path())?;
    if std::env::var_os("UPDATE_GEN").is_some() {
        for name in &names {
            fs::copy(made.path().join(name), kept.join(name))?;
        }
    }
    assert_eq!(
        names,
        sorted_names(&kept)?,
        "run: UPDATE_GEN=1 cargo test -p proto"
    );
    for name in &names {
        assert!(
            fs::read(made.path().join(name))? == fs::read(kept.join(name))?,
            "`src/gen/{name}` differs from the .proto files; run: UPDATE_GEN=1 cargo test -p proto"
        );
    }
    Ok(())
}

fn sorted_names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

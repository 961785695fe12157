//! Whole conversations with the program, as files under `cmd/`.
//!
//! `TRYCMD=overwrite cargo test -p client --test conversations` writes down what it says now.

#[test]
fn the_program_says_what_the_conversations_say() {
    // Whoever runs the tests may have a cluster of their own in the environment. What steers the
    // tests themselves, the program does not read.
    let own: Vec<String> = std::env::vars()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("TALLY_"))
        .filter(|name| !["TALLY_NIGHTLY", "TALLY_SHARED"].contains(&name.as_str()))
        .collect();
    assert!(own.is_empty(), "unset {} for this test", own.join(", "));
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .case("tests/cmd/*.trycmd");
}

//! Defects on purpose, to see that the tests notice. A build without the feature `mutants` has
//! none of them; one with it has the defect that `TALLY_MUTANT` names.

/// Whether the named defect is to be had.
#[cfg(feature = "mutants")]
pub fn is(name: &str) -> bool {
    static NAMED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    NAMED
        .get_or_init(|| std::env::var("TALLY_MUTANT").ok())
        .as_deref()
        == Some(name)
}

/// No build for use has any.
#[cfg(not(feature = "mutants"))]
pub const fn is(_name: &str) -> bool {
    false
}

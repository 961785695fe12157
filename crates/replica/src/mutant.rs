//! Defects on purpose, to see that the tests notice: a process has the one that `TALLY_MUTANT`
//! names when it starts. They are compiled with debug assertions only, as tests are, and not into
//! a release build, so no program for use has any. To tie them to a feature would compile
//! everything above this crate twice.

/// Whether the named defect is to be had.
#[cfg(debug_assertions)]
pub fn is(name: &str) -> bool {
    static NAMED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    NAMED
        .get_or_init(|| std::env::var("TALLY_MUTANT").ok())
        .as_deref()
        == Some(name)
}

/// No build for use has any.
#[cfg(not(debug_assertions))]
pub const fn is(_name: &str) -> bool {
    false
}

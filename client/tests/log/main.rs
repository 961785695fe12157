//! The public log outside the cluster: archived, judged from files alone, and watched.

#![cfg_attr(
    test,
    expect(
        clippy::wildcard_enum_match_arm,
        reason = "a test looks for what it expects; whatever else comes is not it"
    )
)]

#[cfg(test)]
mod archive;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod made;
#[cfg(test)]
mod monitor;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod verify;

//! The coverage-guided form of each target: the program's own name says which.
#![no_main]

#[path = "../targets.rs"]
mod targets;

use targets::TARGETS;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for (name, target) in TARGETS {
        if *name == env!("CARGO_BIN_NAME") {
            target(bytes);
        }
    }
});

//! The names of log fields, so that one thing is called one name on every line.
//!
//! Figures and names of people are never fields. A field that is not in this list is fine for
//! DEBUG; from INFO upwards a reader may rely on these.

/// Each field with what its value means.
pub const ALL: [(&str, &str); 14] = [
    ("node", "the node's id in the manifest, `n1`"),
    ("peer", "the other node's id or ordinal"),
    ("unit", "a precinct or satellite site"),
    (
        "outcome",
        "what a submission became: `recorded`, `rival`, `refused`, …",
    ),
    ("code", "the stable name of a refusal"),
    ("term", "the Raft term"),
    (
        "leader",
        "ordinal of the node that leads, zero when none is known",
    ),
    ("log_index", "a position in the Raft log"),
    ("leaf_index", "a position in the tree"),
    ("tree_size", "leaves applied by this node"),
    ("checkpoint_size", "leaves below a checkpoint"),
    ("elapsed_seconds", "how long it took"),
    ("address", "a socket address"),
    ("error", "the chain of causes, outermost first"),
];

//! What is refused before any work is done on it.

/// Signature lines a note may have. Receipts' verifiers outside rely on it too: nodes, spares and
/// witnesses together stay below it.
pub const MAX_SIGNATURES: usize = 32;

/// How large a note may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole note, signature lines included.
    pub bytes: usize,
    /// Lines of the whole note, the blank one and signature lines included.
    pub lines: usize,
}

impl Limits {
    /// Any note that a person or a program signs on the night: the largest sheet of the largest
    /// roster fits, and one entry stays below the 16-bit length that tiles give it.
    pub const NOTE: Self = Self {
        bytes: 8_192,
        lines: 512,
    };

    /// An election's manifest, which lists every key; still below a tile entry's 65,535 bytes.
    pub const MANIFEST: Self = Self {
        bytes: 49_152,
        lines: 1_024,
    };

    /// A checkpoint: its three lines, and [`MAX_SIGNATURES`] lines of the longest names.
    pub const CHECKPOINT: Self = Self {
        bytes: 16_384,
        lines: 3 + 1 + MAX_SIGNATURES,
    };
}

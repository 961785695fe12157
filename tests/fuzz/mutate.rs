//! Inputs made of kept ones: bits and bytes changed, pieces cut, repeated, exchanged and spliced, lines
//! moved, numbers put at their edges. One seed, one sequence.

/// What breaks parsers more often than chance would: line ends, separators, edges of numbers.
const TOKENS: &[&[u8]] = &[
    b"\n",
    b"\n\n",
    b"\r\n",
    b" ",
    b"-",
    b"+",
    b"=",
    b"0",
    b"00",
    b"9007199254740991",
    b"9007199254740992",
    b"18446744073709551615",
    b"18446744073709551616",
    b"\xe2\x80\x94 ",
    b"\xff",
    b"\0",
    b"\xc0\x80",
    b"votes 1 x 1\n",
];

/// The longest input: above every limit that parsers set on notes, below what would make a run slow.
const LONGEST: usize = 70_000;

pub(crate) struct Mutator {
    state: u64,
    inputs: Vec<Vec<u8>>,
}

impl Mutator {
    pub(crate) fn new(seed: u64, inputs: Vec<Vec<u8>>) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            inputs,
        }
    }

    /// A kept input, changed in one to four places.
    pub(crate) fn next_input(&mut self) -> Vec<u8> {
        let chosen = self.below(self.inputs.len());
        let mut bytes = self.inputs[chosen].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(40)).min(bytes.len());
        match self.below(9) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = self.byte(),
            2 if !bytes.is_empty() => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let token = TOKENS[self.below(TOKENS.len())];
                bytes.splice(at..at, token.iter().copied());
            }
            5 => bytes.truncate(at),
            6 => {
                let other = self.below(self.inputs.len());
                let from = self.below(self.inputs[other].len());
                let tail = self.inputs[other][from..].to_vec();
                bytes.truncate(at);
                bytes.extend(tail);
            }
            7 => self.move_line(bytes),
            _ => bytes.insert(at, self.byte()),
        }
    }

    /// Repeats, drops or moves a line.
    fn move_line(&mut self, bytes: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        if lines.is_empty() {
            return;
        }
        let (from, to) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(3) {
            0 => lines.insert(to, lines[from].clone()),
            1 => drop(lines.remove(from)),
            _ => lines.swap(from, to),
        }
        *bytes = lines.concat();
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("below 256")
    }

    /// A number below `limit`; 0 where there is none.
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*: enough spread for choosing places, and the same on every machine.
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let drawn = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        let limit = u64::try_from(limit).expect("a length");
        usize::try_from(drawn.checked_rem(limit).unwrap_or(0)).expect("below a length")
    }
}

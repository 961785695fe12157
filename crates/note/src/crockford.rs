//! Crockford's base 32: digits and letters that people read to each other and type, without `I`, `L`,
//! `O` and `U`. What the symbols mean, and how they are checked, is for whoever writes codes.

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The symbol of the five low bits.
pub fn symbol(value: u8) -> char {
    SYMBOLS
        .get(usize::from(value & 31))
        .copied()
        .map_or('0', char::from)
}

/// The value of a symbol as people type it: lower case is accepted, `O` is 0, `I` and `L` are 1.
pub fn value(symbol: char) -> Option<u8> {
    let upper = match symbol.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let position = SYMBOLS
        .iter()
        .position(|symbol| char::from(*symbol) == upper)?;
    u8::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_reads_back_and_look_alikes_are_taken_for_what_they_look_like() {
        for number in 0..32 {
            assert_eq!(value(symbol(number)), Some(number));
            assert_eq!(value(symbol(number).to_ascii_lowercase()), Some(number));
        }
        assert_eq!(['o', 'I', 'l'].map(value), [Some(0), Some(1), Some(1)]);
        assert_eq!(['u', '-', '\u{c9}'].map(value), [None; 3]);
    }
}

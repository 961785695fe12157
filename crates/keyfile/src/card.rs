//! The seed of a key as people type it from a card: 13 groups of four symbols of Crockford's base 32
//! and a check symbol each, so that a misread group is known by its number.
//!
//! ```text
//! group = 4CROCK "-" CROCK        13 of them; 52 symbols of 5 bits: the seed's 256 bits and 4 of zero
//! ```
//!
//! With the number n of the group, from 1, and its symbols s1 to s4 as elements of GF(32)
//! (x^5 + x^2 + 1, generator g), the check symbol is g s1 + g^2 s2 + g^3 s3 + g^4 s4 + n. One wrong
//! symbol, two neighbours exchanged, or a group at another's place are always found; what else goes
//! wrong in a group passes once in 32, and then the key's id does not fit.

use note::crockford;

/// How many groups a seed has.
pub const GROUPS: usize = 13;

/// Symbols in a group, its check symbol included.
const GROUP: usize = 5;

/// Why what was typed is no seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCard {
    /// Too few or too many symbols.
    #[error(
        "a card has {GROUPS} groups of {GROUP} letters and digits; {found} letters and digits were typed"
    )]
    Length {
        /// How many there were.
        found: usize,
    },
    /// A character that no card has.
    #[error("`{character}` in group {group} does not occur on a card")]
    Symbol {
        /// The group, from 1.
        group: usize,
        /// The character.
        character: char,
    },
    /// A group whose check symbol does not fit.
    #[error("group {} was misread: its last letter does not fit; type it again", spelled(.groups))]
    Misread {
        /// The groups, from 1.
        groups: Vec<usize>,
    },
    /// The last four bits are not zero, so a group was made up.
    #[error("group {GROUPS} is no group of a card")]
    Padding,
}

fn spelled(groups: &[usize]) -> String {
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    groups.join(" and group ")
}

/// The groups of a seed, in order: a secret.
pub fn typed(seed: &[u8; 32]) -> Vec<String> {
    let mut symbols = Vec::with_capacity(52);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in seed.iter().chain(&[0]) {
        bits = (bits << 8) | u32::from(*byte);
        held = held.saturating_add(8);
        while held >= 5 {
            held = held.saturating_sub(5);
            symbols.push(u8::try_from((bits >> held) & 31).unwrap_or(0));
        }
        bits &= (1 << held) - 1;
    }
    let group = |(number, group): (u8, &[u8])| {
        let text: String = group
            .iter()
            .map(|symbol| crockford::symbol(*symbol))
            .collect();
        format!("{text}-{}", crockford::symbol(check(number, group)))
    };
    (1..)
        .zip(symbols.chunks_exact(4))
        .take(GROUPS)
        .map(group)
        .collect()
}

/// Reads the groups as people type them: lower case is accepted, `O` is 0, `I` and `L` are 1, and
/// hyphens and white space may stand anywhere.
pub fn read_typed(text: &str) -> Result<[u8; 32], BadCard> {
    let mut symbols = Vec::new();
    let typed = text
        .chars()
        .filter(|character| !character.is_whitespace() && *character != '-');
    for character in typed {
        let symbol = crockford::value(character).ok_or_else(|| BadCard::Symbol {
            group: (symbols.len() / GROUP).saturating_add(1),
            character,
        })?;
        symbols.push(symbol);
    }
    if symbols.len() != GROUPS * GROUP {
        return Err(BadCard::Length {
            found: symbols.len(),
        });
    }
    let mut groups = Vec::new();
    let (mut seed, mut bits, mut held) = (Vec::with_capacity(33), 0_u32, 0_u32);
    for (number, group) in (1_u8..).zip(symbols.chunks_exact(GROUP)) {
        let (data, last) = group.split_at(4);
        if last != [check(number, data)] {
            groups.push(usize::from(number));
        }
        for symbol in data {
            bits = (bits << 5) | u32::from(*symbol);
            held = held.saturating_add(5);
            if held >= 8 {
                held = held.saturating_sub(8);
                seed.push(u8::try_from((bits >> held) & 255).unwrap_or(0));
                bits &= (1 << held) - 1;
            }
        }
    }
    if !groups.is_empty() {
        return Err(BadCard::Misread { groups });
    }
    // Four bits are left over behind the 32 bytes.
    match <[u8; 32]>::try_from(seed.as_slice()) {
        Ok(seed) if bits == 0 => Ok(seed),
        Ok(_) | Err(_) => Err(BadCard::Padding),
    }
}

/// Checks one group on its own, so that it can be asked for again at once.
pub fn check_group(number: usize, text: &str) -> Result<(), BadCard> {
    let mut symbols = Vec::new();
    for character in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        symbols.push(crockford::value(character).ok_or(BadCard::Symbol {
            group: number,
            character,
        })?);
    }
    let place = u8::try_from(number).unwrap_or(0);
    match symbols.split_last() {
        Some((last, data)) if data.len() == 4 && *last == check(place, data) => Ok(()),
        Some(_) | None => Err(BadCard::Misread {
            groups: vec![number],
        }),
    }
}

fn check(number: u8, group: &[u8]) -> u8 {
    let mut factor = 1;
    group.iter().fold(number & 31, |sum, symbol| {
        factor = times(factor, 2);
        sum ^ times(factor, *symbol)
    })
}

/// The product in GF(32).
fn times(mut a: u8, b: u8) -> u8 {
    let mut product = 0;
    for bit in 0..5 {
        if (b >> bit) & 1 == 1 {
            product ^= a;
        }
        a <<= 1;
        if a & 32 != 0 {
            a ^= 0b10_0101;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(first: u8) -> [u8; 32] {
        let mut seed = [0; 32];
        for (place, byte) in (0_u8..).zip(&mut seed) {
            *byte = first.wrapping_add(place.wrapping_mul(73));
        }
        seed
    }

    #[test]
    fn what_is_typed_from_a_card_gives_the_seed_however_it_is_typed() {
        for first in [0, 1, 77, 255] {
            let groups = typed(&seed(first));
            assert_eq!(groups.len(), GROUPS);
            assert!(
                (1..)
                    .zip(&groups)
                    .all(|(number, group)| check_group(number, group).is_ok())
            );
            assert!(
                (2..)
                    .zip(&groups)
                    .all(|(number, group)| check_group(number, group).is_err())
            );
            let text = groups.join(" ");
            assert_eq!(read_typed(&text), Ok(seed(first)));
            let careless = text
                .to_lowercase()
                .replace('0', "o")
                .replace('1', "l")
                .replace('-', "");
            assert_eq!(read_typed(&careless), Ok(seed(first)));
        }
    }

    /// Every symbol of every group, changed into every other one.
    #[test]
    fn one_wrong_symbol_is_found_and_its_group_named() {
        let text = typed(&seed(9)).concat().replace('-', "");
        for place in 0..text.len() {
            for other in 0..32 {
                let other = u8::try_from(crockford::symbol(other)).unwrap();
                let mut wrong = text.clone().into_bytes();
                if wrong[place] == other {
                    continue;
                }
                wrong[place] = other;
                let groups = vec![place / GROUP + 1];
                let wrong = String::from_utf8(wrong).unwrap();
                assert_eq!(read_typed(&wrong), Err(BadCard::Misread { groups }));
            }
        }
    }

    #[test]
    fn exchanged_neighbours_and_exchanged_groups_are_found() {
        let text = typed(&seed(9)).concat().replace('-', "");
        for place in 0..text.len() - 1 {
            let mut wrong = text.clone().into_bytes();
            wrong.swap(place, place + 1);
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(wrong == text, read_typed(&wrong).is_ok(), "{place}");
        }
        let mut groups = typed(&seed(9));
        groups.swap(2, 7);
        let error = read_typed(&groups.join(" ")).unwrap_err();
        assert_eq!(error, BadCard::Misread { groups: vec![3, 8] });
        assert!(
            error
                .to_string()
                .starts_with("group 3 and group 8 was misread")
        );
    }

    #[test]
    fn what_is_no_card_is_refused() {
        assert_eq!(read_typed("ABCD"), Err(BadCard::Length { found: 4 }));
        let wrong = typed(&seed(9)).join(" ").replacen('-', "U", 1);
        assert_eq!(
            read_typed(&wrong),
            Err(BadCard::Symbol {
                group: 1,
                character: 'U'
            })
        );
    }
}

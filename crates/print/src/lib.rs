//! What is handed out on paper: cards with a code to scan, the same secret to type, and what to do
//! with it. Bytes in, the bytes of a PDF out; there is no file, clock or random number here, so the
//! same cards give the same bytes.
//!
//! Only the fonts that every reader has are used, so nothing is embedded; the code is drawn as
//! filled squares, so no picture is either. Texts are those of Latin-1; what it lacks prints as `?`.

mod page;
mod qr;

use pdf_writer::{Name, Pdf, Rect, Ref};

/// The size of the sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// 210 by 297 mm.
    A4,
    /// 8.5 by 11 inches.
    Letter,
}

impl Paper {
    /// Width and height in points.
    fn size(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.0, 842.0),
            Self::Letter => (612.0, 792.0),
        }
    }
}

/// One sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Card {
    /// In the largest type at the head, as `REHEARSAL`; empty for the night itself.
    pub banner: String,
    /// What it is, for example `Chair's key card`.
    pub title: String,
    /// Names and values under the title.
    pub facts: Vec<(String, String)>,
    /// What the code says to a scanner; no code without it.
    pub scan: Option<String>,
    /// What is typed, group by group, each shown with its number.
    pub groups: Vec<String>,
    /// What to do, a paragraph for each language.
    pub advice: Vec<String>,
}

/// Why cards cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text of a code is longer than the largest code holds.
    #[error("the code of card {card} would be too large to scan")]
    CodeTooLarge {
        /// Which card, from 1.
        card: usize,
    },
    /// More sheets than one file numbers.
    #[error("too many cards for one file")]
    TooMany,
}

const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const PLAIN: i32 = 3;
const BOLD: i32 = 4;
const TYPED: i32 = 5;
/// Two objects a sheet from here on: the page and what stands on it.
const FIRST_PAGE: i32 = 6;

/// The cards as one PDF, a sheet each.
pub fn cards(paper: Paper, cards: &[Card]) -> Result<Vec<u8>, Error> {
    let count = i32::try_from(cards.len()).map_err(|_| Error::TooMany)?;
    let page_ids: Vec<i32> = (0..count)
        .map(|number| number.checked_mul(2)?.checked_add(FIRST_PAGE))
        .collect::<Option<_>>()
        .ok_or(Error::TooMany)?;
    let mut pdf = Pdf::new();
    pdf.catalog(Ref::new(CATALOG)).pages(Ref::new(PAGES));
    pdf.pages(Ref::new(PAGES))
        .kids(page_ids.iter().map(|id| Ref::new(*id)))
        .count(count);
    for (id, base) in [
        (PLAIN, "Helvetica"),
        (BOLD, "Helvetica-Bold"),
        (TYPED, "Courier-Bold"),
    ] {
        pdf.type1_font(Ref::new(id))
            .base_font(Name(base.as_bytes()))
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    let (width, height) = paper.size();
    for ((number, card), id) in (1..).zip(cards).zip(page_ids) {
        let content_id = Ref::new(id.saturating_add(1));
        let mut page = pdf.page(Ref::new(id));
        page.media_box(Rect::new(0.0, 0.0, width, height))
            .parent(Ref::new(PAGES))
            .contents(content_id);
        let mut resources = page.resources();
        let mut fonts = resources.fonts();
        fonts
            .pair(page::PLAIN, Ref::new(PLAIN))
            .pair(page::BOLD, Ref::new(BOLD))
            .pair(page::TYPED, Ref::new(TYPED));
        drop(fonts);
        drop(resources);
        drop(page);
        let drawn =
            page::draw(card, paper).map_err(|qr::TooLarge| Error::CodeTooLarge { card: number })?;
        pdf.stream(content_id, &drawn);
    }
    Ok(pdf.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(scan: &str) -> Card {
        Card {
            banner: "REHEARSAL".to_owned(),
            title: "Chair's key card (a)".to_owned(),
            facts: vec![("unit".to_owned(), "Adair 1 (P-0001)".to_owned())],
            scan: Some(scan.to_owned()),
            groups: (0..13).map(|number| format!("AB{number:02}-X")).collect(),
            advice: vec![
                "Keep this card closed.".to_owned(),
                "Guárdela cerrada.".to_owned(),
            ],
        }
    }

    /// The rectangles that a reader of the PDF would fill, painted on a bitmap.
    fn painted(pdf: &[u8]) -> (usize, usize, Vec<u8>) {
        const SCALE: f32 = 3.0;
        let text = String::from_utf8_lossy(pdf);
        let (width, height) = (1785_usize, 2526_usize);
        let mut pixels = vec![255_u8; width * height];
        for line in text.lines().filter(|line| line.ends_with(" re")) {
            let numbers: Vec<f32> = line
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            let [x, y, w, h] = <[f32; 4]>::try_from(numbers).unwrap();
            let place = |value: f32| {
                (0..=u16::MAX)
                    .find(|step: &u16| f32::from(*step) >= value * SCALE)
                    .map_or(0, usize::from)
            };
            for row in place(842.0 - y - h)..place(842.0 - y) {
                for column in place(x)..place(x + w) {
                    pixels[row * width + column] = 0;
                }
            }
        }
        (width, height, pixels)
    }

    /// What is drawn on the page is read back by a decoder of others.
    #[test]
    fn the_code_on_the_page_scans_back() {
        let secret = "PRIVATE+KEY+caucus-2028-ia/P-0001/a+0123abcd+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
        let pdf = cards(Paper::A4, &[card(secret)]).unwrap();
        let (width, height, pixels) = painted(&pdf);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
            pixels[y * width + x]
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        assert_eq!(grids[0].decode().unwrap().1, secret);
    }

    #[test]
    fn every_group_stands_on_the_page_with_its_number_and_the_banner_above() {
        let pdf = cards(Paper::Letter, &[card("x"), card("y")]).unwrap();
        let text = String::from_utf8_lossy(&pdf);
        for number in 1..=13 {
            let group = format!("(AB{:02}-X) Tj", number - 1);
            assert_eq!(text.matches(&group).count(), 2, "{group}");
            let number = format!("({number}.) Tj");
            assert_eq!(text.matches(&number).count(), 2, "{number}");
        }
        assert_eq!(text.matches("(REHEARSAL) Tj").count(), 2);
        assert_eq!(text.matches("/MediaBox [0 0 612 792]").count(), 2);
    }

    /// Where each line of text begins and how wide it is at most, by the page's own numbers.
    fn lines_of(pdf: &[u8]) -> Vec<(f32, f32, String)> {
        let text = String::from_utf8_lossy(pdf).into_owned();
        let (mut size, mut x) = (0.0_f32, 0.0_f32);
        let mut lines = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                [_, number, "Tf"] => size = number.parse().unwrap(),
                [number, _, "Td"] => x = number.parse().unwrap(),
                [.., "Tj"] => {
                    let shown = line.trim_start_matches('(').trim_end_matches(") Tj");
                    lines.push((x, size, shown.to_owned()));
                }
                _ => {}
            }
        }
        lines
    }

    /// A long place, a long banner and many long groups: nothing runs off the paper or over the next column.
    /// Courier's characters are 0.6 of the type's height wide, and Helvetica's bold capitals with the spaces
    /// between them 0.63 on the average, its small letters 0.505 in this place.
    #[test]
    fn nothing_is_cut_off_at_the_edge() {
        let long = Card {
            banner: "REHEARSAL / ENSAYO".to_owned(),
            facts: vec![("unit".to_owned(), "Cedar Rapids precinct ".repeat(9))],
            scan: None,
            groups: (0..10)
                .map(|n| format!("3K7Q-9M2X-7Q0W-1KZZ-{n:02}"))
                .collect(),
            ..card("x")
        };
        for (paper, width) in [(Paper::A4, 595.0_f32), (Paper::Letter, 612.0)] {
            let lines = lines_of(&cards(paper, std::slice::from_ref(&long)).unwrap());
            let (_, size, _) = lines.iter().find(|line| line.2.contains("ENSAYO")).unwrap();
            assert!(18.0 * 0.65 * size < width - 100.0, "{size}");
            let facts = lines.iter().filter(|line| line.2.contains("Cedar"));
            assert!(facts.clone().count() > 1);
            for (_, size, text) in facts {
                let characters = f32::from(u16::try_from(text.len()).unwrap());
                assert!(characters * 0.51 * size < width - 100.0, "{text}");
            }
            let starts: Vec<f32> = lines
                .iter()
                .filter(|line| line.2.contains("3K7Q"))
                .map(|line| line.0)
                .collect();
            let (first, last) = (starts[0], starts[9]);
            assert!(
                first + 22.0 * 9.6 < last && last + 22.0 * 9.6 < width,
                "{starts:?}"
            );
        }
    }

    #[test]
    fn the_same_cards_give_the_same_bytes_and_too_long_a_code_is_refused() {
        let one = cards(Paper::A4, &[card("x")]).unwrap();
        assert_eq!(one, cards(Paper::A4, &[card("x")]).unwrap());
        assert_ne!(one, cards(Paper::A4, &[card("y")]).unwrap());
        let long = "x".repeat(3000);
        assert_eq!(
            cards(Paper::A4, &[card("x"), card(&long)]),
            Err(Error::CodeTooLarge { card: 2 })
        );
    }
}

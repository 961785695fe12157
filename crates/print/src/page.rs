//! One sheet, drawn from the top down.

use pdf_writer::{Content, Name, Str};

use crate::qr::{self, TooLarge};
use crate::{Card, Paper};

pub(crate) const PLAIN: Name<'static> = Name(b"P");
pub(crate) const BOLD: Name<'static> = Name(b"B");
pub(crate) const TYPED: Name<'static> = Name(b"T");

/// Space at every edge that printers leave white.
const MARGIN: f32 = 50.0;

/// The side of a code: 60 mm, which a telephone reads at arm's length.
const CODE: f32 = 170.0;

/// How many characters of plain type at 11 points fit into a line of the narrower paper.
const LINE: usize = 88;

/// Draws a card; the answer is the content of its page.
pub(crate) fn draw(card: &Card, paper: Paper) -> Result<Vec<u8>, TooLarge> {
    let (_, height) = paper.size();
    let mut sheet = Sheet {
        content: Content::new(),
        y: height - MARGIN,
    };
    if !card.banner.is_empty() {
        sheet.line(BOLD, 44.0, MARGIN, &card.banner);
    }
    sheet.line(BOLD, 22.0, MARGIN, &card.title);
    sheet.y -= 6.0;
    for (name, value) in &card.facts {
        sheet.line(PLAIN, 12.0, MARGIN, &format!("{name}: {value}"));
    }
    sheet.y -= 14.0;
    let top = sheet.y;
    let mut left = MARGIN;
    if let Some(scan) = &card.scan {
        sheet.code(scan)?;
        left += CODE + 30.0;
    }
    let below = sheet.y;
    sheet.y = top;
    for (number, group) in (1..).zip(&card.groups) {
        // Two columns of seven: what is read is found again at a glance.
        let (column, x) = if number > 7 {
            (8, left + 150.0)
        } else {
            (1, left)
        };
        if number == column {
            sheet.y = top;
        }
        sheet.line(TYPED, 16.0, x, &format!("{number:>2} {group}"));
    }
    sheet.y = sheet.y.min(below).min(top - CODE) - 20.0;
    for paragraph in &card.advice {
        for line in wrapped(paragraph) {
            sheet.line(PLAIN, 11.0, MARGIN, &line);
        }
        sheet.y -= 10.0;
    }
    Ok(sheet.content.finish().into_vec())
}

struct Sheet {
    content: Content,
    /// Where the next line hangs.
    y: f32,
}

impl Sheet {
    fn line(&mut self, font: Name<'_>, size: f32, x: f32, text: &str) {
        self.y -= size * 1.3;
        self.content
            .begin_text()
            .set_font(font, size)
            .next_line(x, self.y)
            .show(Str(&latin(text)))
            .end_text();
    }

    /// A code with its upper left corner at the margin, as filled squares.
    fn code(&mut self, text: &str) -> Result<(), TooLarge> {
        let (dark, side) = qr::dark(text)?;
        let square = CODE / f32::from(side);
        for (column, row) in dark {
            let x = MARGIN + f32::from(column) * square;
            let y = self.y - (f32::from(row) + 1.0) * square;
            self.content.rect(x, y, square, square);
        }
        self.content.fill_nonzero();
        self.y -= CODE;
        Ok(())
    }
}

/// The bytes of a text in the fonts' encoding, which is Latin-1 where it is printable.
fn latin(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?'))
        .collect()
}

/// A paragraph in lines, broken between words.
fn wrapped(paragraph: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

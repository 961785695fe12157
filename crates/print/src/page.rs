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

/// The type of the banner where the paper is wide enough for it.
const BANNER: f32 = 44.0;

const TITLE: f32 = 22.0;

/// Room for a group's number before it.
const NUMBER: f32 = 22.0;

/// Groups in one column: what is read is found again at a glance.
const COLUMN: usize = 7;

/// The type of what is typed, and the width of one of its characters: Courier's are all alike.
const GROUPS: f32 = 16.0;
const GROUP_CHARACTER: f32 = GROUPS * 0.6;

/// Draws a card; the answer is the content of its page.
pub(crate) fn draw(card: &Card, paper: Paper) -> Result<Vec<u8>, TooLarge> {
    let (width, height) = paper.size();
    let mut sheet = Sheet {
        content: Content::new(),
        width: width - 2.0 * MARGIN,
        y: height - MARGIN,
    };
    if !card.banner.is_empty() {
        // Cut off at the edge it would be no banner.
        let size = BANNER.min(sheet.width / type_width(&card.banner));
        sheet.line(BOLD, size, MARGIN, &card.banner);
    }
    let size = TITLE.min(sheet.width / type_width(&card.title));
    sheet.line(BOLD, size, MARGIN, &card.title);
    sheet.y -= 6.0;
    for (place, (name, value)) in card.facts.iter().enumerate() {
        // Whose envelope it is has to be seen from afar; the rest is read when it is needed.
        let (font, size) = if place == 0 {
            (BOLD, 15.0)
        } else {
            (PLAIN, 12.0)
        };
        sheet.paragraph(font, size, &format!("{name}: {value}"));
    }
    sheet.y -= 14.0;
    let top = sheet.y;
    let mut left = MARGIN;
    if let Some(scan) = &card.scan {
        sheet.code(scan)?;
        left += CODE + 30.0;
    }
    let mut lowest = sheet.y;
    for (first, column) in (0..).step_by(COLUMN).zip(card.groups.chunks(COLUMN)) {
        sheet.y = top;
        for (number, group) in (first + 1..).zip(column) {
            // The number is in another type, so that nobody reads or types it with the group.
            let typed = left + NUMBER;
            sheet.line(TYPED, GROUPS, typed, group);
            sheet.beside(PLAIN, 10.0, left, &format!("{number}."));
        }
        let longest = column.iter().map(|group| group.chars().count()).max();
        let longest = u16::try_from(longest.unwrap_or(0)).unwrap_or(u16::MAX);
        left += NUMBER + f32::from(longest) * GROUP_CHARACTER + 30.0;
        lowest = lowest.min(sheet.y);
    }
    sheet.y = lowest - 20.0;
    for paragraph in &card.advice {
        sheet.paragraph(PLAIN, 12.5, paragraph);
        sheet.y -= 10.0;
    }
    Ok(sheet.content.finish().into_vec())
}

struct Sheet {
    content: Content,
    /// How wide a line may be.
    width: f32,
    /// Where the next line hangs.
    y: f32,
}

impl Sheet {
    fn line(&mut self, font: Name<'_>, size: f32, x: f32, text: &str) {
        self.y -= size * 1.3;
        self.beside(font, size, x, text);
    }

    /// Text on the line that was written last.
    fn beside(&mut self, font: Name<'_>, size: f32, x: f32, text: &str) {
        self.content
            .begin_text()
            .set_font(font, size)
            .next_line(x, self.y)
            .show(Str(&latin(text)))
            .end_text();
    }

    /// As many lines as it takes, broken between words.
    fn paragraph(&mut self, font: Name<'_>, size: f32, text: &str) {
        for line in wrapped(text, self.width / size) {
            self.line(font, size, MARGIN, &line);
        }
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

/// A paragraph in lines of at most this width, in the height of its type.
fn wrapped(paragraph: &str, width: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split_whitespace() {
        match lines.last_mut() {
            Some(line) if type_width(line) + SPACE + type_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

const SPACE: f32 = 0.28;

/// How wide a text is at most in Helvetica, bold or not, in the height of its type. A reader of the
/// PDF has the exact widths; these are the largest of each kind of character.
fn type_width(text: &str) -> f32 {
    let widths = text.chars().map(|character| match character {
        ' ' | '.' | ',' | ':' | ';' | '/' | '|' | '!' | '\'' => SPACE,
        'i' | 'j' | 'l' | 'f' | 't' | 'r' | 'I' | '(' | ')' | '-' => 0.39,
        'm' | 'w' | 'M' | 'W' | '@' => 0.95,
        'C' | 'D' | 'G' | 'H' | 'N' | 'O' | 'Q' | 'R' | 'U' => 0.78,
        _ if character.is_uppercase() => 0.72,
        _ => 0.61,
    });
    widths.sum()
}

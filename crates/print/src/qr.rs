//! The pattern of a code, as rows of dark and light.

use qrcode::{Color, EcLevel, QrCode};

/// No code holds this much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// The squares of a code that are dark, by column and row from the upper left, and how many squares
/// a side has. Level M: up to 15 % of it may be dirty.
pub(crate) fn dark(text: &str) -> Result<(Vec<(u16, u16)>, u16), TooLarge> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLarge)?;
    let side = u16::try_from(code.width()).map_err(|_| TooLarge)?;
    let places = (0..side).flat_map(|row| (0..side).map(move |column| (column, row)));
    let colors = code.into_colors();
    let dark = places
        .zip(colors)
        .filter(|(_, color)| *color == Color::Dark)
        .map(|(place, _)| place);
    Ok((dark.collect(), side))
}

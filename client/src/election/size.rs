//! How long a report can get: known before the night, so that no chair finds out on it.

use caucus::{GroupId, MAX_TIES, Rules};
use note::KeyName;
use receipt::leaf::MAX_EVIDENCE;

/// Bytes and lines of the longest note that a unit could have to send: every count at its
/// longest, all ties between all groups, all evidence, signed by two operators with a voucher.
pub(super) fn largest_note(rules: &Rules) -> (usize, usize) {
    const NUMBER: usize = 16;
    const TOKEN: usize = caucus::TOKEN_MAX;
    const HASH: usize = 44;
    /// `— <name> <base64 of id and signature>`, twice.
    const SIGNATURES: usize = 2 * (KeyName::MAX_LEN + 4 + 96 + 1);
    /// `image/jpeg` and its like; a sheet is photographed or scanned.
    const MEDIA_TYPE: usize = 24;
    let group = |id: &GroupId| id.as_str().len();
    let groups = rules.groups().len();
    let names: usize = rules.groups().iter().map(|g| group(&g.id)).sum();
    let longest = rules
        .groups()
        .iter()
        .map(|g| group(&g.id))
        .max()
        .unwrap_or(0);
    // First line, election, genesis, id, time, unit, seq, supersedes, channel, voucher, attendees.
    let head = 28
        + (10 + TOKEN)
        + (9 + HASH)
        + 36
        + (6 + NUMBER)
        + (6 + TOKEN)
        + (5 + NUMBER)
        + (12 + HASH)
        + 14
        + 31
        + (11 + NUMBER);
    let votes = 2 * (groups * (10 + NUMBER) + names);
    let delegates = groups * (12 + NUMBER) + names;
    let tie = 20 + names + groups + longest;
    let evidence = 12 + HASH + MEDIA_TYPE + NUMBER;
    let bytes =
        head + votes + delegates + MAX_TIES * tie + MAX_EVIDENCE * evidence + 1 + SIGNATURES;
    (bytes, 11 + 3 * groups + MAX_TIES + MAX_EVIDENCE + 3)
}

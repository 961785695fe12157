//! What does not add up in a sheet, and what is still to be played for, in the chair's words. The award
//! step by step is [`caucus::worked`].

use caucus::{Finding, GroupId, Rules, Severity, TieToBreak, Unit, Worksheet};

/// What must be played for.
pub(crate) fn due(tie: &TieToBreak) -> String {
    let groups: Vec<&str> = tie.groups.iter().map(GroupId::as_str).collect();
    let about = match tie.kind {
        caucus::TieKind::Award => "given one more delegate",
        caucus::TieKind::Reduce => "to give one delegate up",
        caucus::TieKind::Merge => "to realign, as more groups are viable than there are delegates",
    };
    let prizes = match tie.prizes {
        1 => "one of them is".to_owned(),
        more => format!("{more} of them are"),
    };
    format!(
        "{} are exactly equal, and {prizes} {about}: a game of chance is due",
        groups.join(" and ")
    )
}

/// What the rules say about a sheet, one remark a line.
pub(crate) fn of(rules: &Rules, unit: &Unit, worksheet: &Worksheet) -> Vec<String> {
    let findings = caucus::findings(unit, rules, worksheet);
    findings
        .iter()
        .map(|finding| format!("  {}", finding_line(finding)))
        .collect()
}

/// One finding as the chair reads it: how grave, in words, and the code for the telephone.
pub(crate) fn finding_line(finding: &Finding) -> String {
    let weight = match finding.severity() {
        Severity::Error => "wrong",
        Severity::Warning => "odd",
        Severity::Evidence => "note",
    };
    format!(
        "{weight}: {} [{}]",
        finding.for_chair(),
        finding.code.as_str()
    )
}

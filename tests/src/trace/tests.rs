//! A trace as it should be, and one for each way of going wrong.

use super::{Line, check};

const GOOD: &str = r#"
{"at":1,"node":1,"incarnation":1,"event":"started"}
{"at":2,"node":2,"incarnation":1,"event":"started"}
{"at":3,"node":3,"incarnation":1,"event":"started"}
{"at":4,"node":1,"incarnation":1,"event":"voted","term":1,"for":1,"committed":0}
{"at":5,"node":2,"incarnation":1,"event":"voted","term":1,"for":1,"committed":0}
{"at":6,"node":1,"incarnation":1,"event":"leads","term":1}
{"at":7,"node":1,"incarnation":1,"event":"appended","index":3,"term":1}
{"at":8,"node":2,"incarnation":1,"event":"appended","index":3,"term":1}
{"at":9,"node":1,"incarnation":1,"event":"flushed","index":3,"term":1}
{"at":10,"node":2,"incarnation":1,"event":"flushed","index":3,"term":1}
{"at":11,"node":1,"incarnation":1,"event":"committed","index":3,"term":1}
{"at":12,"node":1,"incarnation":1,"event":"applied","index":3,"size":2}
{"at":13,"node":1,"incarnation":1,"event":"answered","index":3}
{"at":14,"node":1,"incarnation":1,"event":"cosigned","size":2,"root":77,"durable":2}
{"at":15,"node":1,"incarnation":1,"event":"snapshot","index":3}
{"at":16,"node":1,"incarnation":1,"event":"purged","index":2}
{"at":17,"node":2,"incarnation":2,"event":"started","last":3}
"#;

fn lines(text: &str) -> Vec<Line> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| Line::parse(line).unwrap()).collect()
}

#[test]
fn a_trace_that_keeps_the_rules_is_right() {
    let checked = check(lines(GOOD), 3).unwrap();
    assert_eq!(checked.lines, 17);
    assert!(checked.evaluations > 12);
    assert_eq!(checked.events.get("flushed"), Some(&2));
}

/// A rule, a part of the good trace, and what it is replaced by.
const WRONG: [(&str, &str, &str); 12] = [
    (
        "an answer follows a flush on a majority",
        r#""at":10,"#,
        r#""at":99,"#,
    ),
    (
        "a node comes back with what it had flushed",
        r#""event":"started","last":3"#,
        r#""event":"started","last":2"#,
    ),
    (
        "whoever leads has a majority's votes",
        r#""event":"snapshot","index":3"#,
        r#""event":"leads","term":2"#,
    ),
    (
        "a vote never falls",
        r#""event":"snapshot","index":3"#,
        r#""event":"voted","term":1,"for":0,"committed":0"#,
    ),
    (
        "a vote never falls",
        r#""event":"snapshot","index":3"#,
        r#""event":"voted","term":0,"for":3,"committed":0"#,
    ),
    (
        "applied ≤ committed",
        r#""event":"applied","index":3"#,
        r#""event":"applied","index":4"#,
    ),
    (
        "answered ≤ applied",
        r#""event":"answered","index":3"#,
        r#""event":"answered","index":4"#,
    ),
    (
        "purged ≤ snapshot",
        r#""event":"purged","index":2"#,
        r#""event":"purged","index":9"#,
    ),
    (
        "what is committed is not dropped",
        r#""event":"purged","index":2"#,
        r#""event":"truncated","index":2"#,
    ),
    (
        "a node signs what its own disk holds",
        r#""durable":2"#,
        r#""durable":1"#,
    ),
    (
        "one root for a size",
        r#""event":"snapshot","index":3"#,
        r#""event":"cosigned","size":2,"root":78,"durable":2"#,
    ),
    (
        "a node signs no smaller tree",
        r#""event":"snapshot","index":3"#,
        r#""event":"cosigned","size":1,"root":5,"durable":2"#,
    ),
];

#[test]
fn each_rule_is_broken_by_a_trace_that_breaks_it() {
    for (rule, part, instead) in WRONG {
        let text = GOOD.replacen(part, instead, 1);
        assert_ne!(text, GOOD, "{rule}");
        let broken = check(lines(&text), 3).unwrap_err();
        assert_eq!(broken.rule, rule, "{broken}");
    }
}

#[test]
fn what_is_no_line_is_not_read() {
    for text in ["", "{}", r#"{"at":1,"node":1,"incarnation":1}"#] {
        assert!(Line::parse(text).is_err(), "{text}");
    }
}

//! Night scripts, each a file under `nights/`: one command a line, its outcome at the end.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use caucus::Refusal;

    use super::common::script;

    /// Every script plays out as it says, with all invariants checked after every line.
    #[test]
    fn every_night_plays_out_as_written() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nights");
        let (mut played, mut wrong) = (0, Vec::new());
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            let script = std::fs::read_to_string(&path).unwrap();
            if std::panic::catch_unwind(|| script::run(&script)).is_err() {
                wrong.push(path);
            }
            played += 1;
        }
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(played >= 8, "only {played} scripts were found");
    }

    /// The codes that scripts and the tests of `refusals.rs` reach, against the whole list.
    #[test]
    fn every_refusal_is_reached() {
        let tests = include_str!("refusals.rs");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nights");
        let mut scripts = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            scripts.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
        }
        let unreached: Vec<&str> = Refusal::ALL_CODES
            .into_iter()
            .filter(|code| {
                !tests.contains(&format!("\"{code}\""))
                    && !tests.contains(&format!("Refusal::{}", camel(code)))
                    && !scripts.contains(&format!("refused {code}"))
            })
            .collect();
        assert!(unreached.is_empty(), "{unreached:?}");
    }

    fn camel(code: &str) -> String {
        code.split('_')
            .map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_uppercase() + rest
            })
            .collect()
    }
}

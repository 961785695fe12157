//! The two files of an archive that tell people what they are looking at. Nothing is derived from
//! them, and nothing in them is proof of anything.

use note::Checkpoint;
use receipt::{Election, ElectionKind, Fingerprint};

/// What there is to say.
#[derive(Debug)]
pub(super) struct About {
    title: String,
    lines: Vec<String>,
}

impl About {
    pub(super) fn of(election: &Election, checkpoint: &Checkpoint) -> Self {
        let rehearsal = match election.kind() {
            ElectionKind::Rehearsal => "REHEARSAL: ",
            ElectionKind::Live => "",
        };
        let fingerprint = Fingerprint::of(*election.genesis()).code();
        Self {
            title: format!("{rehearsal}the public log of {}", election.id()),
            lines: vec![
                format!("{} leaves of `{}`.", checkpoint.size, checkpoint.origin),
                "`checkpoint` is the newest tree head that enough nodes cosigned; `tile/` holds \
                 the tree and the leaves in the form of c2sp.org/tlog-tiles; `bundle/` holds the \
                 manifests with their receipts, the roster, the rules, the roll and the policies."
                    .to_owned(),
                "Nothing else is needed to check every signature, every rule and every sum again: \
                 copy this folder and run"
                    .to_owned(),
                format!("    tally log verify --from DIR --fingerprint {fingerprint}"),
                "with the fingerprint that was published before the night, not the one above: \
                 whoever changed this folder could have changed this page."
                    .to_owned(),
            ],
        }
    }

    pub(super) fn text(&self) -> String {
        format!("{}\n\n{}\n", self.title, self.lines.join("\n\n"))
    }

    /// Names and codes have no character that means something in HTML.
    pub(super) fn page(&self) -> String {
        let paragraphs: String = self
            .lines
            .iter()
            .map(|line| match line.strip_prefix("    ") {
                Some(command) => format!("<pre>{command}</pre>\n"),
                None => format!("<p>{line}</p>\n"),
            })
            .collect();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <h1>{title}</h1>\n{paragraphs}\
             <p><a href=\"checkpoint\">checkpoint</a>, <a href=\"README.txt\">README.txt</a></p>\n\
             </html>\n",
            title = self.title,
        )
    }
}

//! Reads a policy file. As lenient as the specification about white space and comments, and no
//! more lenient about anything else.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use caucus::parse_number;
use note::{Algorithm, VerifierKey};

use super::{Group, Needed, Policy, PolicyLog, PolicyWitness, Quorum};
use crate::lines::Malformed;

/// The most bytes of a policy file that are looked at.
const MAX_BYTES: usize = 65_536;

/// The most logs, witnesses or groups. The specification asks for 32 at least.
const MAX_LISTED: usize = 64;

impl Policy {
    /// Reads a policy file. The complaint names the line.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_BYTES {
            return Err(Malformed::new(1, format!("more than {MAX_BYTES} bytes")));
        }
        let mut reader = Reader::default();
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            reader.line = reader.line.saturating_add(1);
            let control = |byte: u8| byte < 0x20 && byte != b'\t' || byte == 0x7f;
            if line.bytes().any(control) {
                return Err(reader.fault("a control character"));
            }
            let items: Vec<&str> = line
                .split([' ', '\t'])
                .filter(|item| !item.is_empty())
                .collect();
            reader.line_of(&items)?;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(reader.fault("the line does not end"));
        }
        match reader.quorum {
            Some(quorum) => Ok(Self {
                logs: reader.logs,
                witnesses: reader.witnesses,
                groups: reader.groups,
                quorum,
            }),
            None => Err(reader.fault("there is no `quorum` line")),
        }
    }
}

#[derive(Default)]
struct Reader {
    line: u32,
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Quorum>,
    /// Names of witnesses and groups.
    names: BTreeSet<String>,
    /// Names that are members of a group already.
    members: BTreeSet<String>,
}

impl Reader {
    fn fault(&self, what: impl Into<String>) -> Malformed {
        Malformed::new(self.line, what)
    }

    fn line_of(&mut self, items: &[&str]) -> Result<(), Malformed> {
        match items {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, needed, members @ ..] => self.group(name, needed, members),
            ["quorum", name] => self.quorum(name),
            [..] => Err(self.fault("expected `log`, `witness`, `group` or `quorum`")),
        }
    }

    fn log(&mut self, key: &str, url: Option<&&str>) -> Result<(), Malformed> {
        let key = self.key(key, Algorithm::Ed25519)?;
        if self
            .logs
            .iter()
            .any(|log| log.key.public_bytes() == key.public_bytes())
        {
            return Err(self.fault("the log's key stands twice"));
        }
        self.room(self.logs.len())?;
        self.logs.push(PolicyLog {
            key,
            url: url.map(|url| (*url).to_string()),
        });
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&&str>) -> Result<(), Malformed> {
        let key = self.key(key, Algorithm::CosignatureV1)?;
        if self
            .witnesses
            .iter()
            .any(|it| it.key.public_bytes() == key.public_bytes())
        {
            return Err(self.fault("the witness's key stands twice"));
        }
        self.room(self.witnesses.len())?;
        let name = self.define(name)?;
        self.witnesses.push(PolicyWitness {
            name,
            key,
            url: url.map(|url| (*url).to_string()),
        });
        Ok(())
    }

    fn group(&mut self, name: &str, needed: &str, members: &[&str]) -> Result<(), Malformed> {
        if members.is_empty() {
            return Err(self.fault("a group has at least one member"));
        }
        for member in members {
            if !self.names.contains(*member) {
                return Err(self.fault(format!("`{member}` is not defined above")));
            }
            if !self.members.insert((*member).to_string()) {
                return Err(self.fault(format!("`{member}` is a member already")));
            }
        }
        let needed = match needed {
            "all" => Needed::All,
            "any" => Needed::Any,
            count => parse_number(count)
                .and_then(|count| usize::try_from(count).ok())
                .filter(|count| (1..=members.len()).contains(count))
                .map(Needed::Count)
                .ok_or_else(|| self.fault("a group needs `all`, `any` or 1 to all members"))?,
        };
        self.room(self.groups.len())?;
        let name = self.define(name)?;
        let members = members.iter().map(ToString::to_string).collect();
        self.groups.push(Group {
            name,
            needed,
            members,
        });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), Malformed> {
        if self.quorum.is_some() {
            return Err(self.fault("a second `quorum` line"));
        }
        self.quorum = Some(if name == "none" {
            Quorum::NoWitness
        } else if self.names.contains(name) {
            Quorum::Named(name.to_string())
        } else {
            return Err(self.fault(format!("`{name}` is not defined above")));
        });
        Ok(())
    }

    fn key(&self, text: &str, algorithm: Algorithm) -> Result<VerifierKey, Malformed> {
        let key = VerifierKey::parse(text).map_err(|error| self.fault(error.to_string()))?;
        if key.algorithm() == algorithm {
            Ok(key)
        } else {
            Err(self.fault("a key of the wrong type for its line"))
        }
    }

    fn define(&mut self, name: &str) -> Result<String, Malformed> {
        if name == "none" || !self.names.insert(name.to_string()) {
            return Err(self.fault(format!("`{name}` is taken")));
        }
        Ok(name.to_string())
    }

    fn room(&self, listed: usize) -> Result<(), Malformed> {
        if listed < MAX_LISTED {
            Ok(())
        } else {
            Err(self.fault("too many lines of one kind"))
        }
    }
}

//! Figures typed at the questions, kept as a sheet file while they are typed: a slip of a finger, a
//! no at the end or a dead battery must not cost them.
//!
//! One file a unit, in the folder `drafts` of the outbox. It goes when the report made of it is in
//! the outbox, and no earlier.

use std::path::{Path, PathBuf};

use caucus::{RawWorksheet, UnitId};

use super::exit::Exit;
use super::failure::{Failure, Outcome};
use crate::disk::{Directory, Disk as _, write_durably};
use crate::sheet::Sheet;

/// The draft of one unit.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: Directory,
    name: String,
}

impl Draft {
    /// The draft of this unit beside this outbox.
    pub(crate) fn of(outbox: &Path, unit: &UnitId) -> Outcome<Draft> {
        let folder = outbox.join("drafts");
        let folder = Directory::open(&folder).map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("cannot open the folder of drafts `{}`", folder.display()),
            )
            .because(&error)
            .now("give another outbox with --outbox DIR, or the sheet as a file")
        })?;
        Ok(Draft {
            folder,
            name: format!("{unit}.toml"),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    /// What was typed before, if anything was; a draft that cannot be read counts as none and is
    /// left where it is under another name.
    pub(crate) fn load(&self) -> Option<RawWorksheet> {
        let bytes = self.folder.read(&self.name).ok()?;
        let text = String::from_utf8(bytes).ok();
        let sheet = text.and_then(|text| Sheet::parse(&text).ok()?.to_raw().ok());
        if sheet.is_none() {
            let aside = format!("{}.unreadable", self.name);
            let _ = self.folder.rename(&self.name, &aside);
        }
        sheet
    }

    /// Keeps what has been typed so far.
    pub(crate) fn save(&self, typed: &RawWorksheet) -> Outcome<()> {
        let text = Sheet::of_raw(typed).to_toml().map_err(|error| {
            Failure::new(Exit::Failed, "cannot write the draft").because(&error)
        })?;
        write_durably(&self.folder, &self.name, text.as_bytes()).map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("cannot write the draft `{}`", self.path().display()),
            )
            .because(&error)
        })
    }

    /// The report is in the outbox: the draft has done its work.
    pub(crate) fn done(self) {
        // If it stays, it is offered once more; nothing is lost by that.
        let _ = self.folder.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_there_again_until_it_is_done() {
        let outbox = tempfile::tempdir().unwrap();
        let unit = UnitId::parse("P-1").unwrap();
        let draft = Draft::of(outbox.path(), &unit).unwrap();
        assert_eq!(draft.load(), None);
        let typed = RawWorksheet {
            unit: "P-1".to_owned(),
            attendees: Some(60),
            ..RawWorksheet::default()
        };
        draft.save(&typed).unwrap();
        assert_eq!(Draft::of(outbox.path(), &unit).unwrap().load(), Some(typed));
        draft.done();
        assert_eq!(Draft::of(outbox.path(), &unit).unwrap().load(), None);
    }

    #[test]
    fn a_draft_that_cannot_be_read_is_put_aside_and_not_lost() {
        let outbox = tempfile::tempdir().unwrap();
        let unit = UnitId::parse("P-1").unwrap();
        let draft = Draft::of(outbox.path(), &unit).unwrap();
        std::fs::write(draft.path(), "half a she").unwrap();
        assert_eq!(draft.load(), None);
        let aside = outbox.path().join("drafts/P-1.toml.unreadable");
        assert_eq!(std::fs::read_to_string(aside).unwrap(), "half a she");
    }
}

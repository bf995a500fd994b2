//! A change in the making: files as they will be. Commands edit a draft; nothing is written.

use crate::root::{Contents, Root, State};
use anyhow::{Result, bail};
use std::ffi::OsString;

/// One file that will be different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Its path in the tree.
    pub path: String,
    /// Whether a symbolic link at its end is what is changed, not what it leads to.
    pub link: bool,
    /// What was found.
    pub before: State,
    /// What it will be.
    pub after: State,
}

/// A program that is run after the files are in place, on the machine's own tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// What for.
    pub why: String,
    /// It would end calls on lines that are served no longer: it is left to `dialin line apply` while there are any.
    pub ends_calls: bool,
}

/// Has sysvinit read /etc/inittab again. It ends what it started for lines that are gone, calls too.
pub const TELL_INIT: [&str; 2] = ["telinit", "q"];

/// Who may read a file that is made new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Everybody (0644).
    All,
    /// Its owner (0600); a file that is there is narrowed to that.
    Owner,
    /// Everybody, and it is a program (0755).
    Run,
}

/// A draft.
pub struct Draft<'r> {
    root: &'r Root,
    edits: Vec<Edit>,
    /// What is run afterwards.
    pub steps: Vec<Step>,
    /// What the administrator ought to know before saying yes.
    pub notes: Vec<String>,
}

impl<'r> Draft<'r> {
    /// Nothing changed yet.
    #[must_use]
    pub fn new(root: &'r Root) -> Draft<'r> {
        Draft { root, edits: Vec::new(), steps: Vec::new(), notes: Vec::new() }
    }

    /// The tree.
    #[must_use]
    pub fn root(&self) -> &'r Root {
        self.root
    }

    fn edit(&mut self, path: &str, link: bool) -> Result<&mut Edit> {
        let place = match self.edits.iter().position(|e| e.path == path && e.link == link) {
            Some(place) => place,
            None => {
                let before = self.root.look(path, !link)?;
                self.edits.push(Edit { path: path.into(), link, before: before.clone(), after: before });
                self.edits.len() - 1
            }
        };
        Ok(&mut self.edits[place])
    }

    /// A file's bytes as they will be; `None` if there will be none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.edit(path, false)?.after.bytes().map(<[u8]>::to_vec))
    }

    /// As [`Draft::read`], with nothing for a file that is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&mut self, path: &str) -> Result<Vec<u8>> {
        Ok(self.read(path)?.unwrap_or_default())
    }

    /// Gives a file other bytes. Owner, mode and attributes stay.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn write(&mut self, path: &str, bytes: Vec<u8>, readers: Readers) -> Result<()> {
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let edit = self.edit(path, false)?;
        match &mut edit.after {
            State::File(file) => {
                file.bytes = bytes;
                if readers == Readers::Owner {
                    file.mode &= !0o077;
                }
            }
            State::Absent => {
                // What is taken away and made again keeps its owner and mode.
                let mode = match readers {
                    Readers::All => 0o644,
                    Readers::Owner => 0o600,
                    Readers::Run => 0o755,
                };
                edit.after = State::File(match &edit.before {
                    State::File(before) => Contents { bytes, ..before.clone() },
                    _ => Contents { bytes, mode, uid, gid, attributes: Vec::new() },
                });
            }
            State::Link(_) => bail!("{}: a symbolic link that leads nowhere", self.root.shown(path)),
        }
        Ok(())
    }

    /// Takes a file away.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn remove(&mut self, path: &str) -> Result<()> {
        self.edit(path, false)?.after = State::Absent;
        Ok(())
    }

    /// What stands at a path, a link not followed.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn at(&mut self, path: &str) -> Result<State> {
        Ok(self.edit(path, true)?.after.clone())
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// A file is in its place.
    pub fn link(&mut self, path: &str, target: &str) -> Result<()> {
        let shown = self.root.shown(path);
        let edit = self.edit(path, true)?;
        if matches!(edit.after, State::File(_)) {
            bail!("{shown}: is a file, where a symbolic link belongs; look at it and move it away");
        }
        edit.after = State::Link(OsString::from(target));
        Ok(())
    }

    /// Takes a symbolic link away.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn unlink(&mut self, path: &str) -> Result<()> {
        self.edit(path, true)?.after = State::Absent;
        Ok(())
    }

    /// Puts something in a path's place (undo, restore).
    ///
    /// # Errors
    /// It cannot be read.
    pub fn set(&mut self, path: &str, link: bool, state: State) -> Result<()> {
        self.edit(path, link)?.after = state;
        Ok(())
    }

    /// Says something before the question.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Runs a program afterwards.
    pub fn step(&mut self, argv: &[&str], why: impl Into<String>) {
        self.follow(argv, why.into(), false);
    }

    /// Has init read its table again, as soon as that ends no call.
    pub fn tell_init(&mut self, why: impl Into<String>) {
        self.follow(&TELL_INIT, why.into(), true);
    }

    fn follow(&mut self, argv: &[&str], why: String, ends_calls: bool) {
        let step = Step { argv: argv.iter().map(ToString::to_string).collect(), why, ends_calls };
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }

    /// The files that will be different, in the order they were first touched.
    #[must_use]
    pub fn edits(&self) -> Vec<Edit> {
        self.edits.iter().filter(|e| e.before != e.after).cloned().collect()
    }
}

//! The journal of changes, `/var/lib/ringback/journal`: each change is a directory with all files as they were
//! and as they became, so that a change that was interrupted can be finished, and any can be undone.
//!
//! It is bounded: of more than [`MOST_CHANGES`] changes, or [`MOST_BYTES`] in all, the oldest are dropped.
//!
//! `000007.new` is being written and counts for nothing; `000007.pending` is being carried out; `000007`
//! is done. Only root may read it: there are secrets in it.

use crate::draft::Edit;
use crate::root::{Contents, Root, State};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use ttyline::log::reason;

/// Where it is.
pub const DIRECTORY: &str = "/var/lib/ringback/journal";

/// So many changes are kept.
pub const MOST_CHANGES: usize = 500;
/// And so many bytes; the last change is kept whatever its size.
pub const MOST_BYTES: u64 = 32 << 20;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub id: u64,
    /// When, seconds after the epoch.
    pub time: i64,
    /// Who said so.
    pub who: String,
    /// The command.
    pub command: String,
    /// The change that this one takes back.
    pub undoes: Option<u64>,
    /// Directories that were made for it, outermost first.
    pub made: Vec<String>,
    /// The files.
    pub edits: Vec<Edit>,
}

/// The journal of a tree. Its own directory is reached through an open descriptor, so that no path of the
/// tree leads elsewhere.
pub struct Journal {
    directory: PathBuf,
    /// Keeps `directory`, which is a path of /proc, meaningful.
    _held: std::os::fd::OwnedFd,
}

impl Journal {
    /// Opens it; `None` if there is none yet.
    ///
    /// # Errors
    /// It may not be read.
    pub fn open(root: &Root) -> Result<Option<Journal>> {
        match root.directory(DIRECTORY) {
            Ok(held) => {
                use std::os::fd::AsRawFd;
                let directory = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
                Ok(Some(Journal { directory, _held: held }))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => bail!("{}: {}", root.shown(DIRECTORY), reason(&e)),
        }
    }

    /// Opens it, and makes it first if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(root: &Root) -> Result<Journal> {
        let explain = || format!("the journal {} cannot be made", root.shown(DIRECTORY));
        root.make_parents(&format!("{DIRECTORY}/x"), 0o755).with_context(explain)?;
        let journal = Journal::open(root)?.ok_or_else(|| anyhow!(explain()))?;
        use std::os::unix::fs::PermissionsExt;
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&journal.directory, private)
            .map_err(|e| anyhow!("{}: {}", explain(), reason(&e)))?;
        Ok(journal)
    }

    fn numbered(&self, ending: &str) -> Result<Vec<u64>> {
        let mut ids = Vec::new();
        let names = fs::read_dir(&self.directory).map_err(|e| anyhow!("the journal: {}", reason(&e)))?;
        for name in names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
            if let Some(id) = name.strip_suffix(ending).and_then(|digits| digits.parse().ok()) {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The numbers of all changes that are done.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn ids(&self) -> Result<Vec<u64>> {
        self.numbered("")
    }

    /// The numbers of changes that were begun and not ended.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn pending(&self) -> Result<Vec<u64>> {
        self.numbered(".pending")
    }

    /// Takes away what was never complete.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn sweep(&self) -> Result<()> {
        for id in self.numbered(".new")? {
            let _ = fs::remove_dir_all(self.path(id, ".new"));
        }
        Ok(())
    }

    fn path(&self, id: u64, ending: &str) -> PathBuf {
        self.directory.join(format!("{id:06}{ending}"))
    }

    /// Writes a change down as pending and gives it its number.
    ///
    /// # Errors
    /// The disk is full or read-only; nothing is left behind.
    pub fn begin(&self, entry: &mut Entry) -> Result<()> {
        let last = |ids: Vec<u64>| ids.last().copied().unwrap_or(0);
        entry.id = last(self.ids()?).max(last(self.pending()?)) + 1;
        let new = self.path(entry.id, ".new");
        let written = write_entry(&new, entry).and_then(|()| {
            fs::rename(&new, self.path(entry.id, ".pending"))?;
            sync(&self.directory)
        });
        written.map_err(|e| {
            let _ = fs::remove_dir_all(&new);
            anyhow!("the journal cannot be written: {}", reason(&e))
        })
    }

    /// A pending change is done.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn done(&self, id: u64) -> Result<()> {
        let renamed =
            fs::rename(self.path(id, ".pending"), self.path(id, "")).and_then(|()| sync(&self.directory));
        renamed.map_err(|e| anyhow!("the journal cannot be written: {}", reason(&e)))
    }

    /// Drops the oldest changes that are too many. What fails is tried again after the next change.
    pub fn bound(&self) {
        let Ok(ids) = self.ids() else { return };
        let (mut kept, mut bytes) = (0, 0);
        for id in ids.into_iter().rev() {
            bytes += size(&self.path(id, ""));
            if kept > 0 && (kept >= MOST_CHANGES || bytes > MOST_BYTES) {
                self.discard(id, "");
            } else {
                kept += 1;
            }
        }
    }

    /// A pending change was rolled back.
    pub fn forget(&self, id: u64) {
        self.discard(id, ".pending");
    }

    fn discard(&self, id: u64, ending: &str) {
        // By way of `.new`, so that no half of a directory counts.
        let new = self.path(id, ".new");
        if fs::rename(self.path(id, ending), &new).is_ok() {
            let _ = sync(&self.directory);
            let _ = fs::remove_dir_all(new);
        }
    }

    /// Reads a change.
    ///
    /// # Errors
    /// There is none of that number, or it is damaged.
    pub fn read(&self, id: u64, pending: bool) -> Result<Entry> {
        let path = self.path(id, if pending { ".pending" } else { "" });
        if !path.is_dir() {
            bail!("there is no change {id} in the journal; `dialin log` lists them");
        }
        read_entry(&path, id).with_context(|| format!("change {id} of the journal is damaged"))
    }
}

/// The bytes of a change.
fn size(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

fn sync(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

fn write_entry(new: &Path, entry: &Entry) -> std::io::Result<()> {
    let _ = fs::remove_dir_all(new);
    fs::DirBuilder::new().mode(0o700).create(new)?;
    let mut files = Vec::new();
    for (n, edit) in entry.edits.iter().enumerate() {
        files.push(json!({
            "path": edit.path,
            "link": edit.link,
            "before": write_state(&new.join(format!("{n}.before")), &edit.before)?,
            "after": write_state(&new.join(format!("{n}.after")), &edit.after)?,
        }));
    }
    let text = json!({
        "v": 1, "id": entry.id, "time": entry.time, "who": entry.who, "command": entry.command,
        "undoes": entry.undoes, "made": entry.made, "files": files,
    });
    write_file(&new.join("entry.json"), format!("{text:#}\n").as_bytes())?;
    sync(new)
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn write_state(path: &Path, state: &State) -> std::io::Result<Value> {
    Ok(match state {
        State::Absent => json!({ "kind": "absent" }),
        State::Link(target) => {
            write_file(path, target.as_bytes())?;
            json!({ "kind": "link" })
        }
        State::File(file) => {
            write_file(path, &file.bytes)?;
            let attributes: serde_json::Map<String, Value> = file
                .attributes
                .iter()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), json!(hex(value))))
                .collect();
            json!({ "kind": "file", "mode": format!("{:04o}", file.mode), "uid": file.uid, "gid": file.gid,
                    "attributes": attributes })
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

fn read_entry(path: &Path, id: u64) -> Result<Entry> {
    let value: Value = serde_json::from_slice(&fs::read(path.join("entry.json"))?)?;
    let word = |key: &str| value[key].as_str().unwrap_or_default().to_string();
    let mut edits = Vec::new();
    for (n, file) in value["files"].as_array().into_iter().flatten().enumerate() {
        edits.push(Edit {
            path: file["path"].as_str().context("a path")?.to_string(),
            link: file["link"].as_bool().unwrap_or(false),
            before: read_state(&path.join(format!("{n}.before")), &file["before"])?,
            after: read_state(&path.join(format!("{n}.after")), &file["after"])?,
        });
    }
    let made = value["made"].as_array().into_iter().flatten();
    Ok(Entry {
        id,
        time: value["time"].as_i64().unwrap_or(0),
        who: word("who"),
        command: word("command"),
        undoes: value["undoes"].as_u64(),
        made: made.filter_map(|dir| dir.as_str().map(str::to_string)).collect(),
        edits,
    })
}

fn read_state(path: &Path, value: &Value) -> Result<State> {
    match value["kind"].as_str() {
        Some("absent") => Ok(State::Absent),
        Some("link") => Ok(State::Link(OsString::from_vec(fs::read(path)?))),
        Some("file") => {
            let number = |key: &str| value[key].as_u64().and_then(|n| u32::try_from(n).ok());
            let mode = value["mode"].as_str().and_then(|m| u32::from_str_radix(m, 8).ok());
            let mut attributes = Vec::new();
            for (name, bytes) in value["attributes"].as_object().into_iter().flatten() {
                let bytes = bytes.as_str().and_then(unhex).context("an attribute")?;
                attributes.push((CString::new(name.as_str())?, bytes));
            }
            Ok(State::File(Contents {
                bytes: fs::read(path)?,
                mode: mode.context("a mode")?,
                uid: number("uid").context("an owner")?,
                gid: number("gid").context("a group")?,
                attributes,
            }))
        }
        _ => bail!("an unknown kind of file"),
    }
}

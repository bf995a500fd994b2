//! What a getty writes down: utmp, the pid file, what a modem tells of its last call.

use super::Getty;
use crate::{greeting, service, show};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use ttyline::log::Level;
use ttyline::sys::clock;
use ttyline::sys::utmp::{self, Entry, Kind, Noted, WTMP};

impl Getty {
    pub(super) fn utmp_login(&mut self) {
        let caller = self.session.caller();
        let host = if caller.id == "none" { caller.connect.clone() } else { caller.id.clone() };
        self.note(Kind::Login, "LOGIN", Some(&ttyline::visible::quoted_field(host)));
    }

    /// Changes our record in utmp; where init made none, one is made.
    pub(crate) fn note(&mut self, kind: Kind, user: &str, host: Option<&str>) {
        let pid = self.session.setup().pid;
        let entry = Entry { kind, line: self.service.name.device(), user, host };
        match utmp::update(Path::new(show::UTMP), Path::new(WTMP), pid, &entry) {
            Ok(Noted::Changed) => {}
            Ok(Noted::Made) => self.told.own_utmp = true,
            Err(error) => self.log.failed(Level::Noise, "utmp", &error),
        }
    }

    /// What we have made is ours to clear; init clears its own.
    pub(super) fn clear_utmp(&mut self) {
        if std::mem::take(&mut self.told.own_utmp) {
            let _ = utmp::clear(Path::new(show::UTMP), Path::new(WTMP), self.session.setup().pid);
        }
    }

    /// What the modem says of its last call goes into the file, or else into the log.
    pub(super) fn statistics(&mut self, text: &str) {
        if let Err(error) = self.add_to_statistics(text) {
            if let Some(error) = error {
                self.log.failed(Level::Error, "statistics-file", &error);
            }
            self.log.say(Level::Mesg, format!("*** {text}"));
        }
    }

    /// The line before them says when.
    pub(super) fn statistics_begin(&mut self) {
        let _ = self.add_to_statistics(&format!("--- {} ---", greeting::ctime(&clock::local_now())));
    }

    fn add_to_statistics(&self, text: &str) -> Result<(), Option<std::io::Error>> {
        let path = self.service.statistics_file.as_ref().ok_or(None)?;
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path);
        file.and_then(|mut file| writeln!(file, "{text}")).map_err(Some)
    }

    pub(super) fn write_pid(&mut self) {
        let path = service::pid_path(&self.service.name.id());
        // Removed first: a symlink or FIFO in its place is not written through.
        let _ = std::fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{}", self.session.setup().pid)) {
            self.log.failed(Level::Warn, "pid file", &error);
        }
    }

    /// Only if it is still ours: another getty on the line may have written its own.
    pub(crate) fn remove_pid(&self) {
        let path = service::pid_path(&self.service.name.id());
        if std::fs::read_to_string(&path)
            .is_ok_and(|text| text.trim() == self.session.setup().pid.to_string())
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

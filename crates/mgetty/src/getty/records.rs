//! What a getty writes down: utmp, the pid file, what a modem tells of its last call.

use super::Getty;
use crate::{service, show};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use ttyline::log::Level;
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

    pub(super) fn statistics(&mut self, text: &str) {
        self.log.say(Level::Mesg, format!("statistics: {text}"));
        let Some(path) = &self.service.statistics_file else { return };
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path);
        if let Ok(mut file) = file {
            let _ = writeln!(file, "{text}");
        }
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

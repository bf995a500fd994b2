//! What the server is doing, as JSON: for the status socket and the log.

use super::seats::State;
use super::{STATUS, Server};
use mio::Interest;
use mio::net::UnixListener;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use ttyline::log::Severity;

impl Server {
    /// Answers on a Unix socket from now on. Whoever connects gets the status and the end of the connection.
    ///
    /// # Errors
    /// A path that cannot be used.
    pub fn open_status(&mut self, path: &Path) -> io::Result<()> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        // What a killed server has left; a living one answers.
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let _ = std::fs::remove_file(path);
        let mut listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        self.poll.registry().register(&mut listener, STATUS.token(), Interest::READABLE)?;
        self.status = Some((listener, path.to_path_buf()));
        Ok(())
    }

    pub(super) fn answer_status(&mut self) {
        loop {
            let Some((listener, _)) = &self.status else { return };
            let Ok((stream, _)) = listener.accept() else { return };
            let mut text = self.status_value().to_string();
            text.push('\n');
            // A socket's buffer takes it whole for some thousand lines; a thread sees to the rest.
            let mut stream: std::os::unix::net::UnixStream = stream.into();
            let wrote = stream.write(text.as_bytes()).unwrap_or(0);
            if wrote == text.len() {
                continue;
            }
            let _ = stream.set_nonblocking(false);
            let _ = stream.set_write_timeout(Some(std::time::Duration::from_secs(5)));
            let _ = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || {
                let _ = stream.write_all(text.as_bytes().get(wrote..).unwrap_or_default());
            });
        }
    }

    pub(super) fn log_status(&mut self) {
        let text = self.status_value().to_string();
        self.journal.say(Severity::Info, text);
    }

    fn status_value(&self) -> Value {
        let lines: Vec<Value> = self.seats.iter().flatten().map(|seat| self.seat_value(seat)).collect();
        let waiting: Vec<Value> = self
            .visitors
            .iter()
            .filter(|(_, v)| v.is_waiting())
            .map(|(_, v)| json!({ "port": v.caller.port, "peer": v.caller.peer.to_string(), "name": v.caller.known_name() }))
            .collect();
        json!({ "v": 1, "tool": "mserver", "pid": std::process::id(), "reloads": self.reloads, "lines": lines, "waiting": waiting })
    }

    fn seat_value(&self, seat: &super::seats::Seat) -> Value {
        let out = seat.out_of_service.is_some_and(|until| self.now < until);
        let state = match &seat.state {
            _ if out => "out-of-service",
            State::Free if !seat.conf.device.exists() => "absent",
            State::Free => "free",
            State::InUse(_) => "in-use",
            State::Cleaning(_) => "cleaning",
            State::Resting(_) => "resting",
            State::Unplugged(_) => "unplugged",
        };
        let mut value = json!({
            "port": seat.conf.port,
            "device": seat.conf.device.display().to_string(),
            "protocol": seat.conf.wish.protocol.word(),
            "state": state,
        });
        let session = match &seat.state {
            State::InUse(n) | State::Unplugged(n) => self.sessions.get(*n),
            _ => None,
        };
        if let Some(session) = session {
            let watchers: Vec<String> = session
                .watchers
                .iter()
                .filter_map(|w| Some(self.watchers.get(*w)?.caller.peer.to_string()))
                .collect();
            value["user"] = json!({
                "peer": session.caller.peer.to_string(),
                "name": session.caller.known_name(),
                "certificate": session.caller.certificate.as_deref(),
                "language": session.language(),
                "ready": session.is_ready(),
                "seconds": self.now.saturating_duration_since(session.start).as_secs(),
                "bytes_in": session.received,
                "bytes_out": session.sent,
                "watchers": watchers,
            });
        }
        value
    }
}

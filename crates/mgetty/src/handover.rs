//! The socket on which a waiting getty hears of calls that our callback has dialled
//! (`ttyline::handover` has the protocol; this is the getty's end of it).

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::fs::DirBuilder;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use ttyline::handover::{self, Answer, Lines, Request};
use ttyline::line_name::LineName;

/// A callback program that is connected.
#[derive(Debug)]
struct Peer {
    stream: UnixStream,
    pid: i32,
    lines: Lines,
}

/// The listening socket, and whoever is connected (one at a time).
#[derive(Debug, Default)]
pub struct Handover {
    listener: Option<UnixListener>,
    path: PathBuf,
    /// A link to it under the device's own name, where the line is called otherwise (`serial/by-id/…`): callback
    /// knows its terminal only.
    link: Option<PathBuf>,
    peer: Option<Peer>,
}

impl Handover {
    /// Listens for a line, root only. Without a socket callback uses signals, so nothing here is an error.
    pub fn listen(line: &LineName) -> Handover {
        let directory = Path::new(handover::DIRECTORY);
        let path = handover::socket(directory, line);
        let listener = DirBuilder::new().recursive(true).mode(0o755).create(directory).and_then(|()| {
            // What a killed getty left behind.
            let _ = std::fs::remove_file(&path);
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let device = line.path().canonicalize().ok();
        let device =
            device.and_then(|d| LineName::new(d.to_str()?).ok()).map(|d| handover::socket(directory, &d));
        let link = device.filter(|link| listener.is_ok() && *link != path).filter(|link| {
            // In the place of another getty's that is gone; one that is there has its own.
            let _ = std::fs::read_link(link).and_then(|_| std::fs::remove_file(link));
            std::os::unix::fs::symlink(&path, link).is_ok()
        });
        Handover { listener: listener.ok(), path, link, peer: None }
    }

    /// What becomes readable when there is something to hear.
    pub fn source(&self) -> Option<BorrowedFd<'_>> {
        match &self.peer {
            Some(peer) => Some(peer.stream.as_fd()),
            None => self.listener.as_ref().map(AsFd::as_fd),
        }
    }

    /// The process that is connected.
    pub fn peer(&self) -> Option<i32> {
        self.peer.as_ref().map(|peer| peer.pid)
    }

    /// What has come, if it is a request. Whoever breaks the protocol or closes is forgotten.
    pub fn hear(&mut self) -> Option<Request> {
        if self.peer.is_none() {
            self.accept();
        }
        let peer = self.peer.as_mut()?;
        let mut buffer = [0; handover::LONGEST];
        let bytes = match peer.stream.read(&mut buffer) {
            Ok(0) => None,
            Ok(count) => buffer.get(..count),
            // Accepted just now and nothing said yet, or nothing new.
            Err(e) if e.kind() == ErrorKind::WouldBlock => Some(&buffer[..0]),
            Err(_) => None,
        };
        match bytes.map(|bytes| peer.lines.next(bytes)) {
            Some(Ok(Some(line))) => {
                let request = Request::parse(&line);
                if request.is_none() {
                    self.peer = None;
                }
                request
            }
            Some(Ok(None)) => None,
            Some(Err(_)) | None => {
                self.peer = None;
                None
            }
        }
    }

    fn accept(&mut self) {
        let Some(Ok((stream, _))) = self.listener.as_ref().map(UnixListener::accept) else { return };
        let Ok(credentials) = getsockopt(&stream, PeerCredentials) else { return };
        if credentials.uid() == 0 && stream.set_nonblocking(true).is_ok() {
            self.peer = Some(Peer { stream, pid: credentials.pid(), lines: Lines::default() });
        }
    }

    /// Answers. A refusal ends the connection.
    pub fn say(&mut self, answer: &Answer) {
        let Some(peer) = &mut self.peer else { return };
        // A few bytes always fit into an empty socket.
        let said = peer.stream.write_all(&answer.to_line());
        if said.is_err() || matches!(answer, Answer::Refused(_)) {
            self.peer = None;
        }
    }

    /// No further calls: before the login program, and at the end.
    pub fn stop(&mut self) {
        self.peer = None;
        if self.listener.take().is_some() {
            let _ = std::fs::remove_file(&self.path);
            // Only ours: the device's name may be another line's by now.
            if let Some(link) = self.link.take()
                && std::fs::read_link(&link).is_ok_and(|to| to == self.path)
            {
                let _ = std::fs::remove_file(link);
            }
        }
    }
}

//! The control socket and the scripts: who gives orders, what they wait for, their answers.

use crate::modem::Now;
use crate::orders::Condition;
use crate::switch::LineId;
use anyhow::{Context, Result, bail};
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Longest order, and most that is read ahead of being carried out.
const LONGEST: usize = 64 * 1024;
/// Most that may wait for a client that does not read.
const UNREAD: usize = 1024 * 1024;
/// Most clients at once.
const CLIENTS: usize = 256;

/// What a client has asked to wait for.
pub(super) enum Wait {
    Line(LineId, Vec<Condition>, Now),
    Heard(LineId, Vec<u8>, Now),
    /// What was typed goes out, then the line hangs up.
    HangUp(LineId, Now),
    Sleep(Now),
}

impl Wait {
    pub fn until(&self) -> Now {
        match self {
            Wait::Line(.., until) | Wait::Heard(.., until) | Wait::HangUp(_, until) | Wait::Sleep(until) => {
                *until
            }
        }
    }
}

enum Source {
    Client { stream: UnixStream, token: Token, readable: bool, blocked: bool, ended: bool },
    Script { name: String, text: Vec<u8>, at: usize, number: usize },
}

/// Who gives orders: a client of the socket, or a script.
pub(super) struct Client {
    source: Source,
    input: Vec<u8>,
    output: Vec<u8>,
    pub wait: Option<Wait>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Control {
    listener: Option<(UnixListener, PathBuf, u64)>,
    /// Somebody may stand in the listener's queue because there was no room.
    queued: bool,
    pub clients: Vec<Option<Client>>,
}

impl Control {
    pub fn listen(&mut self, path: &Path, registry: &Registry, token: Token) -> Result<()> {
        let shown = path.display();
        if let Ok(meta) = path.symlink_metadata() {
            if !meta.file_type().is_socket() {
                bail!("{shown} exists and is not a socket; it is left alone");
            }
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                bail!("{shown}: another exchange listens there");
            }
            fs::remove_file(path).with_context(|| shown.to_string())?;
        }
        if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        // 0600 from its first moment on.
        use nix::sys::stat::{Mode, umask};
        let before = umask(Mode::from_bits_truncate(0o177));
        let bound = UnixListener::bind(path);
        umask(before);
        let mut listener = bound.with_context(|| shown.to_string())?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        let inode = path.symlink_metadata()?.ino();
        self.listener = Some((listener, path.to_path_buf(), inode));
        Ok(())
    }

    /// Removes the socket.
    pub fn close(&mut self) {
        if let Some((_, path, inode)) = self.listener.take()
            && path.symlink_metadata().is_ok_and(|meta| meta.ino() == inode)
        {
            let _ = fs::remove_file(path);
        }
    }

    /// Lets in who is queued at the socket, as far as there is room. The rest stays queued: many
    /// clients may be gone already, and it only takes their turn to notice.
    pub fn accept(&mut self, registry: &Registry, first: usize) {
        let Some((listener, ..)) = &self.listener else { return };
        loop {
            let free = self.clients.iter().position(Option::is_none).unwrap_or(self.clients.len());
            self.queued = free >= CLIENTS;
            if self.queued {
                return;
            }
            let Ok((mut stream, _)) = listener.accept() else { return };
            let token = Token(first + free);
            if registry.register(&mut stream, token, Interest::READABLE).is_err() {
                continue; // dropped: the client sees the end
            }
            if free == self.clients.len() {
                self.clients.push(None);
            }
            let source = Source::Client { stream, token, readable: true, blocked: false, ended: false };
            self.clients[free] = Some(Client::new(source));
        }
    }

    /// Whether somebody is queued who could come in now.
    pub fn has_room_again(&self) -> bool {
        self.queued && self.clients.iter().filter(|place| place.is_some()).count() < CLIENTS
    }

    pub fn script(&mut self, name: &str, text: &str) {
        let source = Source::Script { name: name.into(), text: text.as_bytes().to_vec(), at: 0, number: 0 };
        self.clients.push(Some(Client::new(source)));
    }

    /// News from a client's socket.
    pub fn ready(&mut self, place: usize, is_readable: bool, gone: bool, registry: &Registry) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        if gone {
            // Nobody is left to wait or to be answered; what was ordered is still carried out.
            client.wait = None;
            client.output.clear();
        }
        if let Source::Client { readable, .. } = &mut client.source {
            *readable |= is_readable;
        }
        client.send(registry);
    }

    /// Whether somebody waits for the line's DTR, which a pty does not tell of, or for its device,
    /// of which the kernel does not.
    pub fn waits_for_dtr(&self, id: LineId) -> bool {
        self.clients.iter().flatten().any(|client| match &client.wait {
            Some(Wait::Line(line, conditions, _)) => {
                *line == id
                    && conditions.iter().any(|c| matches!(c, Condition::Dtr(_) | Condition::Device(_)))
            }
            _ => false,
        })
    }

    /// When the first wait is over.
    pub fn deadline(&self) -> Option<Now> {
        self.clients.iter().flatten().filter_map(|c| c.wait.as_ref()).map(Wait::until).min()
    }
}

impl Client {
    fn new(source: Source) -> Client {
        Client { source, input: Vec::new(), output: Vec::new(), wait: None }
    }

    /// The next order, if a whole one is there.
    pub fn order(&mut self) -> Option<String> {
        if let Source::Script { text, at, number, .. } = &mut self.source {
            let rest = text.get(*at..).filter(|rest| !rest.is_empty())?;
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            *at += (end + 1).min(rest.len());
            *number += 1;
            return Some(String::from_utf8_lossy(&rest[..end]).into_owned());
        }
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            let Source::Client { stream, readable, ended, .. } = &mut self.source else { return None };
            if !*readable || *ended || self.input.len() > LONGEST {
                *ended |= self.input.len() > LONGEST;
                return None;
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece) {
                Ok(0) => *ended = true,
                Ok(n) => self.input.extend(&piece[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => *readable = false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => *ended = true,
            }
        }
    }

    /// A script starts over; `false` for a client.
    pub fn again(&mut self) -> bool {
        match &mut self.source {
            Source::Script { at, number, .. } => {
                (*at, *number) = (0, 0);
                true
            }
            Source::Client { .. } => false,
        }
    }

    /// Answers an order. A script that fails ends.
    pub fn answer(&mut self, answer: &Result<String, String>, registry: &Registry) {
        if let Source::Script { name, text, at, number } = &mut self.source {
            if let Err(why) = answer {
                eprintln!("exchange: {name}:{number}: {why}");
                *at = text.len();
            }
            return;
        }
        let text = match answer {
            Ok(text) if text.is_empty() => "ok\n".to_string(),
            Ok(text) => format!("ok {text}\n"),
            Err(why) => format!("error {}\n", why.replace(['\r', '\n'], " ")),
        };
        self.output.extend(text.bytes());
        self.send(registry);
    }

    fn send(&mut self, registry: &Registry) {
        let Source::Client { stream, token, blocked, ended, .. } = &mut self.source else { return };
        while !self.output.is_empty() {
            match stream.write(&self.output) {
                Ok(n) => {
                    self.output.drain(..n);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock && self.output.len() < UNREAD => break,
                Err(_) => {
                    *ended = true;
                    self.output.clear();
                }
            }
        }
        let waits = !self.output.is_empty();
        if waits != *blocked {
            *blocked = waits;
            let wanted = if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let _ = registry.reregister(stream, *token, wanted);
        }
    }

    /// Whether nothing more will come from it and nothing is owed to it.
    pub fn finished(&self) -> bool {
        match &self.source {
            Source::Client { ended, .. } => *ended && self.output.is_empty(),
            Source::Script { text, at, .. } => self.wait.is_none() && *at >= text.len(),
        }
    }
}

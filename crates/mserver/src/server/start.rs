//! Ports and seats as the configuration wants them, at the start and after HUP.

use super::seats::{Seat, State};
use super::{Port, Server, Source};
use crate::tls;
use mio::Interest;
use mio::net::TcpListener;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, listen, setsockopt, socket,
    sockopt,
};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use ttyline::config::mserver::{self, Config, Remark, Shared};
use ttyline::log::Severity;

/// Connections that may wait to be accepted, for each port.
const BACKLOG: i32 = 1024;

/// A configuration with the files it names.
#[derive(Debug)]
pub struct Wanted {
    /// Its lines.
    pub config: Config,
    /// The keys of its ports.
    pub keys: tls::Ports,
}

impl Wanted {
    /// Itself, if there is a modem in it: a file that has just been emptied is not what its author means.
    ///
    /// # Errors
    /// For people.
    pub fn that_shares(self, file: &Path) -> Result<Wanted, Vec<String>> {
        if self.config.lines.is_empty() {
            return Err(vec![format!("{}: no modem is shared", file.display())]);
        }
        Ok(self)
    }
}

/// Reads the configuration file, and the certificates and keys it names.
///
/// # Errors
/// Messages for people, with file, line and column.
pub fn read_config(file: &Path) -> Result<Wanted, Vec<String>> {
    let unreadable = |e: &io::Error| vec![format!("{}: {}", file.display(), ttyline::log::reason(e))];
    let text = std::fs::read(file).map_err(|e| unreadable(&e))?;
    let services = std::fs::read_to_string("/etc/services").unwrap_or_default();
    Config::parse(&String::from_utf8_lossy(&text), &|name| mserver::service_port(&services, name))
        .and_then(|config| Ok(Wanted { keys: tls::load_all(&config)?, config }))
        .map_err(|mistakes| mistakes.iter().map(|m| shown(file, m)).collect())
}

/// `FILE:LINE:COLUMN: text`.
#[must_use]
pub fn shown(file: &Path, remark: &Remark) -> String {
    format!("{}:{remark}", file.display())
}

/// A listening socket for IPv6 and IPv4, or for IPv4 where there is no IPv6.
fn listener(port: u16) -> io::Result<TcpListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let open = |family| -> nix::Result<OwnedFd> {
        let fd = socket(family, SockType::Stream, flags, None)?;
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
        Ok(fd)
    };
    let six = || -> nix::Result<OwnedFd> {
        let fd = open(AddressFamily::Inet6)?;
        setsockopt(&fd, sockopt::Ipv6V6Only, &false)?;
        let any = std::net::SocketAddrV6::new(std::net::Ipv6Addr::UNSPECIFIED, port, 0, 0);
        bind(fd.as_raw_fd(), &SockaddrIn6::from(any))?;
        Ok(fd)
    };
    let four = || -> nix::Result<OwnedFd> {
        let fd = open(AddressFamily::Inet)?;
        bind(fd.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port))?;
        Ok(fd)
    };
    let fd = match six() {
        Err(nix::errno::Errno::EAFNOSUPPORT | nix::errno::Errno::EADDRNOTAVAIL) => four()?,
        other => other?,
    };
    listen(&fd, Backlog::new(BACKLOG)?)?;
    Ok(TcpListener::from_std(std::net::TcpListener::from(fd)))
}

/// The ports of a configuration, each once, bound before privileges are given up; and, for people, those that
/// cannot be had.
#[must_use]
pub fn bind_all(config: &Config) -> (HashMap<u16, TcpListener>, Vec<String>) {
    let (mut bound, mut missing) = (HashMap::new(), Vec::new());
    let ports: BTreeSet<u16> = config.lines.iter().map(|line| line.port).collect();
    for port in ports {
        match listener(port) {
            Ok(socket) => drop(bound.insert(port, socket)),
            Err(e) => missing.push(format!("port {port}: {}", ttyline::log::reason(&e))),
        }
    }
    (bound, missing)
}

impl Server {
    /// Begins to serve a configuration whose ports are bound.
    ///
    /// # Errors
    /// A socket that cannot be watched.
    pub fn serve(&mut self, wanted: Wanted, bound: HashMap<u16, TcpListener>) -> io::Result<()> {
        let Wanted { config, mut keys } = wanted;
        for remark in &config.warnings {
            let text = shown(&self.config, remark);
            self.journal.say(Severity::Warning, text);
        }
        let (mut bound, mut by_port) = (bound, HashMap::<u16, Vec<usize>>::new());
        for shared in config.lines {
            let port = shared.port;
            let seat = self.seat_for(shared);
            by_port.entry(port).or_default().push(seat);
        }
        for port in self.ports.iter_mut().flatten() {
            port.seats = by_port.remove(&port.number).unwrap_or_default();
            port.keys = keys.remove(&port.number);
        }
        for (number, seats) in by_port {
            if let Some(listener) = bound.remove(&number) {
                let keys = keys.remove(&number);
                self.add_port(Port { number, listener, keys, seats, waiting: VecDeque::new() })?;
            }
        }
        Ok(())
    }

    /// The seat of a line: the one it had before, if it is the same device at the same port.
    fn seat_for(&mut self, shared: Shared) -> usize {
        let conf = Rc::new(shared);
        let same = |seat: &Option<Seat>| {
            seat.as_ref()
                .is_some_and(|s| s.retired && s.conf.port == conf.port && s.conf.device == conf.device)
        };
        match self.seats.iter().position(same) {
            Some(n) => {
                if let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) {
                    (seat.conf, seat.retired) = (conf, false);
                }
                n
            }
            None => {
                let seat = Some(Seat::new(conf));
                match self.seats.iter().position(Option::is_none) {
                    Some(n) => {
                        self.seats[n] = seat;
                        n
                    }
                    None => {
                        self.seats.push(seat);
                        self.seats.len() - 1
                    }
                }
            }
        }
    }

    fn add_port(&mut self, mut port: Port) -> io::Result<()> {
        let n = self.ports.iter().position(Option::is_none).unwrap_or(self.ports.len());
        self.poll.registry().register(&mut port.listener, Source::Port(n).token(), Interest::READABLE)?;
        if n == self.ports.len() {
            self.ports.push(Some(port));
        } else {
            self.ports[n] = Some(port);
        }
        Ok(())
    }

    /// Reads the configuration anew; sessions go on, whatever it says of their lines. A wrong file
    /// changes nothing.
    pub(super) fn reload(&mut self) {
        let file = self.config.clone();
        let wanted = match read_config(&file).and_then(|wanted| wanted.that_shares(&file)) {
            Ok(wanted) => wanted,
            Err(mistakes) => {
                for mistake in mistakes {
                    self.journal.say(Severity::Error, mistake);
                }
                return self.journal.say(Severity::Error, "the configuration stays as it was");
            }
        };
        let config = &wanted.config;
        let has = |number: u16| config.lines.iter().any(|l| l.port == number);
        let mut closed = Vec::new();
        for (n, port) in self.ports.iter_mut().enumerate() {
            if port.as_ref().is_some_and(|p| !has(p.number)) {
                if let Some(mut old) = port.take() {
                    let _ = self.poll.registry().deregister(&mut old.listener);
                    closed.push(n);
                }
            }
        }
        let have: Vec<u16> = self.ports.iter().flatten().map(|p| p.number).collect();
        let mut fresh = Config { lines: config.lines.clone(), warnings: Vec::new() };
        fresh.lines.retain(|l| !have.contains(&l.port));
        let (bound, missing) = bind_all(&fresh);
        for why in missing {
            self.journal.say(Severity::Error, format!("{why}; it is tried again after the next SIGHUP"));
        }
        for seat in self.seats.iter_mut() {
            let at_rest = seat.as_ref().is_some_and(|s| matches!(s.state, State::Free));
            if let Some(seat) = seat {
                seat.retired = true;
            }
            // One that is busy is kept until it is free, or found again below.
            if at_rest
                && seat.as_ref().is_some_and(|s| {
                    !config.lines.iter().any(|l| l.port == s.conf.port && l.device == s.conf.device)
                })
            {
                *seat = None;
            }
        }
        if let Err(e) = self.serve(wanted, bound) {
            self.journal.say(Severity::Error, ttyline::log::reason(&e));
        }
        // Those who waited at a port that is closed.
        for n in closed {
            self.drop_waiting_at(n);
        }
        self.reloads += 1;
        self.journal.say(Severity::Notice, "the configuration was read again");
        self.seat_waiting();
    }
}

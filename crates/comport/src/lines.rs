//! Serves the modem lines of a pty to programs that run with comport-preload.
//!
//! The socket has an abstract name, so that the library needs no path; a client shows the pty's own
//! descriptor with its request, so that only who may open the pty may drive its lines. The library for
//! its part looks whether the socket's owner is the pty's owner.

use crate::config::Byte;
use crate::redirect::{Loop, Redirect};
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Token};
use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::time::Duration;
use ttyline::port_control::{Answer, Command, Request, socket_name};
use ttyline::sys::descriptors;
use ttyline::sys::tty::ModemLines;
use ttyline::telnet::com_port::modem_state::{CTS, DCD, DSR, RI};

/// Programs that wait for a change, or are about to ask, at most.
const MOST: usize = 64;
/// The longest break that ends by itself.
const LONGEST_BREAK: Duration = Duration::from_secs(10);

// TIOCM bits (asm-generic/termios.h).
const TIOCM_CTS: u32 = 0x20;
const TIOCM_CAR: u32 = 0x40;
const TIOCM_RNG: u32 = 0x80;
const TIOCM_DSR: u32 = 0x100;
const LINES: [(u8, u32); 4] = [(CTS, TIOCM_CTS), (DSR, TIOCM_DSR), (RI, TIOCM_RNG), (DCD, TIOCM_CAR)];

/// One port's socket and its clients.
#[derive(Debug)]
pub struct Lines {
    listener: UnixListener,
    clients: Vec<(Token, UnixStream, Option<Waiting>)>,
}

/// A client that waits for these lines to change from these counts.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    mask: u32,
    before: [u32; 4],
}

impl Lines {
    /// Listens for clients of the port with this device number.
    ///
    /// # Errors
    /// Another program has the name.
    pub fn listen(device: u64, ctx: &Loop<'_>, token: Token) -> io::Result<Lines> {
        let name = SocketAddr::from_abstract_name(socket_name(device))?;
        let mut listener = UnixListener::bind_addr(&name)?;
        mio::event::Source::register(&mut listener, ctx.registry, token, Interest::READABLE)?;
        Ok(Lines { listener, clients: Vec::new() })
    }

    /// Accepts what waits; `token` gives each a token.
    pub fn accept(&mut self, ctx: &Loop<'_>, mut token: impl FnMut() -> Token) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let token = token();
            let registered = ctx.registry.register(&mut stream, token, Interest::READABLE);
            // Anybody may connect and say nothing; who has shown the port and waits stays.
            if self.clients.len() >= MOST
                && let Some(silent) = self.clients.iter().position(|(_, _, waiting)| waiting.is_none())
            {
                self.clients.remove(silent);
            }
            if self.clients.len() < MOST && registered.is_ok() {
                self.clients.push((token, stream, None));
            }
        }
    }

    /// A client has said something, or has gone.
    pub fn event(&mut self, token: Token, redirect: &mut Redirect, ctx: &mut Loop<'_>) {
        let Some(place) = self.clients.iter().position(|(t, ..)| *t == token) else { return };
        let Some((_, stream, waiting)) = self.clients.get_mut(place) else { return };
        let request = match receive(stream, redirect.port.device()) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
            Ok(Some(request)) if waiting.is_none() => request,
            _ => {
                self.clients.swap_remove(place);
                return;
            }
        };
        if request.command == Command::Wait {
            *waiting = Some(Waiting { mask: request.argument, before: redirect.counts().lines });
            return;
        }
        let value = act(request, redirect, ctx);
        let answer = Answer { value, counts: redirect.counts().lines };
        // 20 octets always fit; a client that is gone needs none.
        let _ = stream.write(&answer.write());
        self.clients.swap_remove(place);
    }

    /// Answers those who wait for what has changed.
    pub fn changed(&mut self, redirect: &Redirect) {
        let counts = redirect.counts().lines;
        self.clients.retain_mut(|(_, stream, waiting)| {
            let Some(Waiting { mask, before }) = waiting else { return true };
            let changed = LINES.iter().zip(before.iter().zip(&counts));
            if !changed.into_iter().any(|((_, bit), (old, new))| *mask & bit != 0 && old != new) {
                return true;
            }
            let _ = stream.write(&Answer { value: bits(redirect), counts }.write());
            false
        });
    }
}

/// The lines as TIOCMGET gives them.
fn bits(redirect: &Redirect) -> u32 {
    let (state, dtr, rts) = redirect.lines();
    let inputs = LINES.iter().filter(|(line, _)| state & line != 0).fold(0, |all, (_, bit)| all | bit);
    let output = |on: bool, line: ModemLines| if on { u32::try_from(line.0).unwrap_or(0) } else { 0 };
    inputs | output(dtr, ModemLines::DTR) | output(rts, ModemLines::RTS)
}

fn act(request: Request, redirect: &mut Redirect, ctx: &mut Loop<'_>) -> u32 {
    let lines = ModemLines(i32::try_from(request.argument).unwrap_or(0));
    let (dtr, rts) = (lines.dtr(), lines.rts());
    let (_, dtr_now, rts_now) = redirect.lines();
    match request.command {
        Command::Set => redirect.drive(dtr, rts, ctx),
        Command::Raise => redirect.drive(dtr_now || dtr, rts_now || rts, ctx),
        Command::Drop => redirect.drive(dtr_now && !dtr, rts_now && !rts, ctx),
        Command::Break => redirect.break_for(request.argument != 0, None, ctx),
        Command::Pulse => {
            let length = Duration::from_millis(u64::from(request.argument)).min(LONGEST_BREAK);
            redirect.break_for(true, Some(length), ctx);
        }
        Command::SetByte => {
            let [data_bits, parity, ..] = request.argument.to_le_bytes();
            if (5..=8).contains(&data_bits) && (1..=5).contains(&parity) {
                redirect.set_byte(Byte { data_bits, parity }, ctx);
            }
        }
        Command::GetByte => {
            let byte = redirect.port.byte();
            return u32::from_le_bytes([byte.data_bits, byte.parity, 0, 0]);
        }
        Command::Get | Command::Counts | Command::Wait => {}
    }
    bits(redirect)
}

/// A request of somebody who has the pty open; `None` if it is none.
fn receive(stream: &UnixStream, device: u64) -> io::Result<Option<Request>> {
    let mut bytes = [0; Request::LENGTH + 1];
    let (count, descriptors) = descriptors::receive(stream, &mut bytes)?;
    let shown = descriptors.first().and_then(|fd| nix::sys::stat::fstat(fd).ok());
    if shown.is_none_or(|stat| stat.st_rdev != device) {
        return Ok(None);
    }
    Ok(Request::read(bytes.get(..count).unwrap_or_default()))
}

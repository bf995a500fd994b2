//! Standard input and output joined to an address: for ssh, scripts and pppd's `pty` option.

use crate::address::{Address, Language};
use crate::config::{Byte, Options};
use crate::fault::{Fault, reason};
use crate::net::{self, Net, look_up};
use mio::{Events, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use ttyline::telnet::com_port::Control;
use ttyline::telnet::com_port_client::{Client, News, Wanted};
use ttyline::telnet::frame;

/// Pieces of input that wait for the network, at most.
const PIECES: usize = 4;
const PIECE: usize = 16 * 1024;
/// Bytes that wait for the network while more is read from it, at most.
const MOST: usize = 64 * 1024;
const SOCKET: Token = Token(0);
const INPUT: Token = Token(1);

/// How the server's line is to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame(Wanted);

impl Frame {
    /// What the options say; `None` if they say nothing, and the line stays as it is.
    ///
    /// # Errors
    /// What is expected.
    pub fn of(speed: Option<&str>, flow: Option<&str>, byte: Byte) -> Result<Option<Frame>, String> {
        let speed = match speed {
            Some(text) => ttyline::speed::parse(text).ok_or("--speed: a number of bit/s is expected")?,
            None if flow.is_some() => return Err("--flow needs --speed".into()),
            None => return Ok(None),
        };
        let (flow, in_flow) = match flow.unwrap_or("none") {
            "none" => (Control::FlowNone, Control::InFlowNone),
            "rtscts" => (Control::FlowHard, Control::InFlowHard),
            "xonxoff" => (Control::FlowSoft, Control::InFlowSoft),
            _ => return Err("--flow: none, rtscts or xonxoff is expected".into()),
        };
        let frame = frame::Frame {
            speed,
            data_bits: byte.data_bits,
            parity: byte.parity,
            stop_bits: 1,
            flow: flow as u8,
            in_flow: in_flow as u8,
        };
        Ok(Some(Frame(Wanted { frame, dtr: true, rts: true })))
    }
}

/// Runs until the server ends the connection; the result is the exit code.
#[must_use]
pub fn run(program: &str, address: &Address, options: &Options, frame: Option<Frame>) -> u8 {
    let secrets = match net::secrets(address, options) {
        Ok(secrets) => secrets,
        Err(why) => {
            eprintln!("{program}: {}", ttyline::visible::terminal(why));
            return 1;
        }
    };
    let fault = match Pipe::open(address, options, secrets.as_ref()) {
        Ok(mut pipe) => pipe.run(program, frame).err().unwrap_or(Fault::Ended),
        Err(fault) => fault,
    };
    if fault != Fault::Ended {
        eprintln!("{program}: {address}: {}", ttyline::visible::terminal(fault.to_string()));
    }
    fault.code()
}

struct Pipe {
    poll: Poll,
    net: Net,
    language: Language,
    limit: Duration,
    start: Instant,
    waker: Arc<Waker>,
    /// Input that has come, and whether there is more.
    pieces: VecDeque<Vec<u8>>,
    ended: bool,
    finished: bool,
    wire: Vec<u8>,
}

fn system(error: &io::Error) -> Fault {
    Fault::Broken(reason(error))
}

impl Pipe {
    fn open(address: &Address, options: &Options, secrets: Option<&net::Secrets>) -> Result<Pipe, Fault> {
        let poll = Poll::new().map_err(|e| system(&e))?;
        let waker = Arc::new(Waker::new(poll.registry(), INPUT).map_err(|e| system(&e))?);
        let addresses = look_up(&address.host, address.port)?;
        let net = Net::open(addresses, &address.host, secrets, options, poll.registry(), SOCKET)?;
        Ok(Pipe {
            poll,
            net,
            language: address.language,
            limit: options.connect_timeout,
            start: Instant::now(),
            waker,
            pieces: VecDeque::new(),
            ended: false,
            finished: false,
            wire: Vec::new(),
        })
    }

    fn run(&mut self, program: &str, frame: Option<Frame>) -> Result<(), Fault> {
        let mut events = Events::with_capacity(16);
        while !self.net.is_up() {
            let left = self.limit.saturating_sub(self.start.elapsed());
            if left.is_zero() {
                return Err(Fault::Silent(format!("not within {} s", self.limit.as_secs_f32())));
            }
            self.wait(&mut events, Some(left))?;
            self.net.advance(self.poll.registry())?;
        }
        let mut client = match self.language {
            Language::Raw => None,
            Language::Telnet => Some(Client::open(false, self.start.elapsed(), &mut self.wire)),
            Language::ComPort => Some(Client::open(true, self.start.elapsed(), &mut self.wire)),
        };
        if let (Some(client), Some(Frame(wanted))) = (&mut client, frame) {
            client.set(wanted, self.start.elapsed(), &mut self.wire);
        }
        let input = self.read_input();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            self.send(client.as_mut(), &input)?;
            let mut news = Vec::new();
            // A server that asks and asks and reads no answers is not read from either.
            while self.wire.len() < MOST
                && let Some(count) = self.net.read(&mut buffer)?
            {
                if count == 0 {
                    return Ok(());
                }
                let heard = buffer.get_mut(..count).unwrap_or_default();
                let now = self.start.elapsed();
                let data = match &mut client {
                    Some(client) => client.receive(heard, now, &mut self.wire, &mut news),
                    None => count,
                };
                if print(buffer.get(..data).unwrap_or_default()).is_err() {
                    // Nobody reads our output any more.
                    return Ok(());
                }
                self.send(client.as_mut(), &input)?;
            }
            let now = self.start.elapsed();
            if let Some(client) = &mut client {
                client.tick(now, &mut news);
            }
            for item in news {
                match item {
                    News::Refused => eprintln!("{program}: the server does not control its port (RFC 2217)"),
                    News::Differs { item, asked, in_force } => {
                        eprintln!(
                            "{program}: {}: {asked} was asked for, {in_force} is in force",
                            item.word()
                        );
                    }
                    _ => {}
                }
            }
            let held = self.wire.len() >= MOST;
            self.send(client.as_mut(), &input)?;
            if held && self.wire.len() < MOST {
                continue;
            }
            let next = client.as_ref().and_then(Client::deadline);
            self.wait(&mut events, next.map(|at| at.saturating_sub(now) + Duration::from_millis(1)))?;
        }
    }

    fn wait(&mut self, events: &mut Events, limit: Option<Duration>) -> Result<(), Fault> {
        match self.poll.poll(events, limit) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other.map_err(|e| system(&e))?,
        }
        events.iter().filter(|event| event.token() == SOCKET).for_each(|event| self.net.event(event));
        Ok(())
    }

    /// Sends what is there and may be sent; after the end of the input, says so.
    fn send(&mut self, mut client: Option<&mut Client>, input: &Receiver<Vec<u8>>) -> Result<(), Fault> {
        loop {
            while !self.wire.is_empty() {
                match self.net.write(&self.wire)? {
                    0 => return Ok(()),
                    count => drop(self.wire.drain(..count)),
                }
            }
            if !client.as_ref().is_none_or(|client| client.may_send()) {
                return self.net.flush();
            }
            if let Ok(piece) = input.try_recv() {
                self.ended |= piece.is_empty();
                self.pieces.push_back(piece);
            }
            match (self.pieces.pop_front(), &mut client) {
                (Some(piece), Some(client)) => client.push_data(&piece, &mut self.wire),
                (Some(piece), None) => self.wire = piece,
                (None, _) => {
                    if self.ended && !self.finished {
                        self.finished = true;
                        self.net.finish();
                    }
                    return self.net.flush();
                }
            }
        }
    }

    /// Input is read beside the loop: it may be a file, which cannot be waited for. The end is an empty piece.
    fn read_input(&self) -> Receiver<Vec<u8>> {
        let (sender, receiver) = sync_channel(PIECES);
        let waker = Arc::clone(&self.waker);
        std::thread::spawn(move || read_all(&sender, &waker));
        receiver
    }
}

fn read_all(sender: &SyncSender<Vec<u8>>, waker: &Waker) {
    loop {
        let mut piece = vec![0; PIECE];
        let count = loop {
            match io::stdin().lock().read(&mut piece) {
                Ok(count) => break count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break 0,
            }
        };
        piece.truncate(count);
        if sender.send(piece).is_err() || waker.wake().is_err() || count == 0 {
            return;
        }
    }
}

fn print(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_asked_for_or_left_alone() {
        assert_eq!(Frame::of(None, None, Byte::default()), Ok(None));
        let Frame(wanted) =
            Frame::of(Some("9600"), Some("rtscts"), Byte { data_bits: 7, parity: 3 }).unwrap().unwrap();
        assert_eq!((wanted.frame.speed, wanted.frame.data_bits, wanted.frame.flow), (9600, 7, 3));
        for (speed, flow) in
            [(Some("x"), None), (Some("0"), None), (Some("1"), Some("both")), (None, Some("none"))]
        {
            assert!(Frame::of(speed, flow, Byte::default()).is_err(), "{speed:?} {flow:?}");
        }
    }
}

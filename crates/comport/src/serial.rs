//! The port of an application where there are no ptys: the other end of a pair of serial ports, such as
//! com0com makes on Windows. **Untested on Windows**; compiled and tried on Linux by the feature `serial`.
//!
//! The pair is wired as a null modem: the application's DTR and RTS are seen as DSR and CTS here, and what is
//! shown by DTR and RTS here it sees as its carrier (with DSR) and CTS. Its speed is not seen at all.
//!
//! Serial ports cannot be waited for beside sockets everywhere: each port has a thread, which looks at its
//! port a hundred times a second.

use crate::address::Language;
use crate::config::{self, Options};
use crate::fault::{Fault, reason};
use crate::journal;
use crate::net::{Net, Secrets, look_up};
use crate::port::{Input, Port};
use mio::{Events, Poll, Token};
use serialport::SerialPort;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};
use ttyline::telnet::com_port::Control;
use ttyline::telnet::com_port::modem_state::{CTS, DCD, DSR};
use ttyline::telnet::com_port_client::{Client, News, Wanted};
use ttyline::telnet::frame::Frame;

/// How long a look at the port waits for bytes.
const LOOK: Duration = Duration::from_millis(10);
/// Bytes of the application, and those of the dialogue with the server, that wait for the network, at most.
const MOST: usize = 64 * 1024;
/// What the server's line is set to, bit/s: the application's own speed is not seen.
const SPEED: u32 = 115_200;

/// One end of a pair.
pub struct PairPort {
    port: Box<dyn SerialPort>,
    options: Options,
}

impl PairPort {
    /// Opens the end by its name (`CNCB0`, `/dev/ttyS7`).
    ///
    /// # Errors
    /// There is none, or another program has it.
    pub fn open(name: &str, options: &Options) -> io::Result<PairPort> {
        let port = serialport::new(name, SPEED).timeout(LOOK).open()?;
        Ok(PairPort { port, options: options.clone() })
    }
}

impl Port for PairPort {
    const DATA_AT: usize = 0;

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Input> {
        match self.port.read(buffer) {
            Ok(count) => Ok(Input::Data(count)),
            Err(e) if e.kind() == io::ErrorKind::TimedOut => Err(io::ErrorKind::WouldBlock.into()),
            Err(e) => Err(e),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.port.write(bytes) {
            Err(e) if e.kind() == io::ErrorKind::TimedOut => Err(io::ErrorKind::WouldBlock.into()),
            other => other,
        }
    }

    fn wanted(&self) -> Wanted {
        // Where the pair shows no lines, the application counts as there.
        let byte = self.options.byte;
        let frame = Frame {
            speed: SPEED,
            data_bits: byte.data_bits,
            parity: byte.parity,
            stop_bits: 1,
            flow: Control::FlowHard as u8,
            in_flow: Control::InFlowHard as u8,
        };
        let mut lines = self.port.try_clone().ok();
        let dtr = lines.as_mut().and_then(|p| p.read_data_set_ready().ok()).unwrap_or(true);
        let rts = lines.as_mut().and_then(|p| p.read_clear_to_send().ok()).unwrap_or(true);
        Wanted { frame, dtr, rts }
    }

    fn minds_carrier(&self) -> bool {
        false
    }

    fn show(&mut self, modem_state: u8) {
        let _ = self.port.write_data_terminal_ready(modem_state & (DCD | DSR) != 0);
        let _ = self.port.write_request_to_send(modem_state & CTS != 0);
    }

    fn discard(&mut self) {
        let _ = self.port.clear(serialport::ClearBuffer::Input);
    }
}

/// Serves each port in a thread of its own; the result is the exit code.
#[must_use]
pub fn serve(ports: Vec<(config::Port, Option<Secrets>)>) -> u8 {
    let threads: Vec<_> = ports
        .into_iter()
        .map(|(def, secrets)| std::thread::spawn(move || serve_one(&def, secrets.as_ref())))
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap_or(1)).max().unwrap_or(0)
}

/// A name below /dev means nothing to other systems.
fn device(def: &config::Port) -> String {
    let name = def.link.to_string_lossy();
    let bare = name.strip_prefix("/dev/").filter(|_| !cfg!(unix));
    bare.unwrap_or(&name).to_string()
}

fn serve_one(def: &config::Port, secrets: Option<&Secrets>) -> u8 {
    let name = device(def);
    let mut port = match PairPort::open(&name, &def.options) {
        Ok(port) => port,
        Err(e) => {
            journal::say(format!("{name}: {}", reason(&e)));
            return 1;
        }
    };
    let mut pause = def.options.retry.map(|(least, _)| least);
    loop {
        let start = Instant::now();
        let fault = connection(&mut port, def, secrets).err().unwrap_or(Fault::Ended);
        port.show(0);
        journal::say(format!("{name}: {}: {fault}", def.address));
        let (Some(now), Some((least, most))) = (pause, def.options.retry) else { return fault.code() };
        let now = if start.elapsed() > most { least } else { now };
        std::thread::sleep(now);
        pause = Some((now * 2).min(most));
        port.discard();
    }
}

fn connection(port: &mut PairPort, def: &config::Port, secrets: Option<&Secrets>) -> Result<(), Fault> {
    let broken = |e: &io::Error| Fault::Broken(reason(e));
    let mut poll = Poll::new().map_err(|e| broken(&e))?;
    let (mut events, start) = (Events::with_capacity(16), Instant::now());
    let addresses = look_up(&def.address.host, def.address.port)?;
    let mut net = Net::open(addresses, &def.address.host, secrets, &def.options, poll.registry(), Token(0))?;
    while !net.is_up() {
        if start.elapsed() > def.options.connect_timeout {
            return Err(Fault::Silent(format!("not within {} s", def.options.connect_timeout.as_secs_f32())));
        }
        poll.poll(&mut events, Some(LOOK)).map_err(|e| broken(&e))?;
        events.iter().for_each(|event| net.event(event));
        net.advance(poll.registry())?;
    }
    let (mut wire, mut data, mut to_port) = (Vec::new(), Vec::new(), Vec::<u8>::new());
    let mut client = (def.address.language != Language::Raw)
        .then(|| Client::open(def.address.language == Language::ComPort, start.elapsed(), &mut wire));
    if def.address.language != Language::ComPort {
        port.show(DCD | DSR | CTS);
    }
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let now = start.elapsed();
        // The look at the port is the loop's pause, unless the network has much to say.
        if data.len() < MOST {
            match port.read(&mut buffer) {
                Ok(Input::Data(count)) => data.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(broken(&e)),
            }
        }
        let mut news = Vec::new();
        if let Some(client) = &mut client {
            client.set(port.wanted(), now, &mut wire);
            client.tick(now, &mut news);
        }
        poll.poll(&mut events, Some(Duration::ZERO)).map_err(|e| broken(&e))?;
        events.iter().for_each(|event| net.event(event));
        if to_port.is_empty()
            && wire.len() < MOST
            && let Some(count) = net.read(&mut buffer)?
        {
            if count == 0 {
                return Ok(());
            }
            let heard = buffer.get_mut(..count).unwrap_or_default();
            let kept = match &mut client {
                Some(client) => client.receive(heard, now, &mut wire, &mut news),
                None => count,
            };
            to_port.extend_from_slice(buffer.get(..kept).unwrap_or_default());
        }
        for item in news {
            match item {
                News::ModemState(state) => port.show(state),
                News::Refused => port.show(DCD | DSR | CTS),
                _ => {}
            }
        }
        if !to_port.is_empty() {
            match port.write(&to_port) {
                Ok(count) => drop(to_port.drain(..count)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(broken(&e)),
            }
        }
        send(&mut net, client.as_ref(), &mut data, &mut wire)?;
    }
}

fn send(net: &mut Net, client: Option<&Client>, data: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Fault> {
    if wire.is_empty() && client.is_none_or(Client::may_send) {
        match client {
            Some(client) => client.push_data(data, wire),
            None => wire.extend_from_slice(data),
        }
        data.clear();
    }
    while !wire.is_empty() {
        match net.write(wire)? {
            0 => break,
            count => drop(wire.drain(..count)),
        }
    }
    net.flush()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::address::Address;
    use std::net::TcpListener;

    /// A pty stands for the pair: its master is the application's end.
    #[test]
    fn bytes_pass_between_a_pair_and_a_server() {
        let pair = nix::pty::openpty(None, None).unwrap();
        let name = nix::unistd::ttyname(&pair.slave).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = Address::parse(&format!("telnet://127.0.0.1:{port}"), &|_| None).unwrap();
        let options = Options { retry: None, ..Options::default() };
        let def = config::Port { link: name, address, options };
        let serving = std::thread::spawn(move || serve(vec![(def, None)]));
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(&[255, 253, 0, 255, 251, 0]).unwrap();
        let mut application = std::fs::File::from(pair.master);
        // It has the port open, raw, when it has connected.
        application.write_all(b"AT\r\xff").unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"AT\r\xff\xff") {
            let mut byte = [0];
            peer.read_exact(&mut byte).unwrap();
            heard.extend(byte);
        }
        peer.write_all(b"\r\nOK\r\n\xff\xff").unwrap();
        let mut said = [0; 7];
        application.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"\r\nOK\r\n\xff");
        drop(peer);
        assert_eq!(serving.join().unwrap(), 0);
    }
}

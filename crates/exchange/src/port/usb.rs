//! A line behind an emulated USB adapter: the kernel's own `cdc_acm` or `ftdi_sio` makes its tty.
//!
//! `vhci_hcd` (USB/IP) takes any connected stream socket as a cable, so one end of a socket pair
//! goes to the kernel and [`usb::Device`] answers on the other. To close it is to pull the plug.
//! The kernel names the tty; [`Port::device`] finds it by the serial number. Needs root and the
//! module `vhci_hcd`.

use super::{Channel, Deed, Event, Held, ModemLines, News, Port};
use crate::usb::{Device, Identity, Kind, Told};
use anyhow::{Context, Result, bail};
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// The virtual controller.
const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";
/// A socket of the controller's that nothing is plugged into (`VDEV_ST_NULL`).
const FREE: &str = "004";

/// One adapter.
pub struct UsbPort {
    device: Device,
    cable: Option<UnixStream>,
    token: Option<Token>,
    shown: ModemLines,
    held: Held,
}

impl UsbPort {
    /// An adapter, plugged in.
    ///
    /// # Errors
    /// No `vhci_hcd` (`modprobe vhci_hcd`), no right to use it, no free socket.
    pub fn new(identity: Identity) -> Result<UsbPort> {
        let cable = attach(identity.kind)?;
        Ok(UsbPort {
            device: Device::new(identity),
            cable: Some(cable),
            token: None,
            shown: ModemLines::default(),
            held: Held::default(),
        })
    }

    fn pull(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let Some(cable) = &mut self.cable else { return Ok(()) };
            match cable.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    self.device.receive(bytes).map_err(|e| io::Error::other(e.to_string()))?;
                    self.push()?;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn push(&mut self) -> io::Result<()> {
        let Some(cable) = &mut self.cable else { return Ok(()) };
        while !self.device.output().is_empty() {
            match cable.write(self.device.output()) {
                Ok(count) => self.device.written(count),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Hands on what the device has told.
    fn tell(&mut self, happened: &mut Vec<(Channel, Event)>) {
        happened.extend(self.device.told().map(|told| {
            let event = match told {
                Told::InUse(on) => Event::InUse(on),
                Told::Lines { dtr, rts } => Event::Lines { dtr, rts },
                Told::Coding(coding) => Event::Coding(coding),
                Told::Break(on) => Event::Break(on),
                Told::Readable => Event::Readable,
                Told::Writable => Event::Writable,
            };
            (0, event)
        }));
    }

    fn powered_by_usb(&self) -> bool {
        self.device.identity().kind == Kind::Acm
    }

    fn unplug(&mut self, registry: &Registry, happened: &mut Vec<(Channel, Event)>) {
        let Some(mut cable) = self.cable.take() else { return };
        let _ = registry.deregister(&mut cable);
        drop(cable);
        self.tell(happened);
        self.device = Device::new(self.device.identity().clone());
        self.device.set_lines(self.held.over(self.shown));
        happened.push((0, Event::Plugged { on: false, power: self.powered_by_usb() }));
    }

    fn plug(&mut self, registry: &Registry, happened: &mut Vec<(Channel, Event)>) -> Result<()> {
        if self.cable.is_some() {
            return Ok(());
        }
        self.cable = Some(attach(self.device.identity().kind)?);
        if let Some(token) = self.token {
            self.register(registry, token)?;
        }
        happened.push((0, Event::Plugged { on: true, power: self.powered_by_usb() }));
        Ok(())
    }
}

/// Plugs a new cable into a free socket of the controller; our end of it.
fn attach(kind: Kind) -> Result<UnixStream> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let free = free_sockets()?;
    let mut refused = None;
    for socket in free {
        let order = format!(
            "{socket} {} {} {}",
            theirs.as_raw_fd(),
            (1 << 16) | (socket + 2), // bus and device number, for the controller's own lists
            kind.bus_speed()
        );
        match fs::write(format!("{CONTROLLER}/attach"), order) {
            Ok(()) => return Ok(UnixStream::from_std(ours)),
            Err(e) => refused = Some(e), // somebody else was quicker
        }
    }
    match refused {
        Some(e) => Err(e).context("the virtual USB controller (vhci_hcd) refuses"),
        None => bail!("the virtual USB controller (vhci_hcd) has no free socket"),
    }
}

/// The free sockets of the controller for high and full speed, by number.
fn free_sockets() -> Result<Vec<u32>> {
    let why = "no virtual USB controller; is the module vhci_hcd loaded, are you root?";
    let mut files = vec![format!("{CONTROLLER}/status")];
    files.extend((1..).map(|n| format!("{CONTROLLER}/status.{n}")).take_while(|f| Path::new(f).exists()));
    let mut free = Vec::new();
    for file in files {
        let table = fs::read_to_string(file).context(why)?;
        // hub port sta spd dev sockfd local_busid
        free.extend(table.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (hub, port, state) = (words.next()?, words.next()?, words.next()?);
            (hub == "hs" && state == FREE).then(|| port.parse::<u32>().ok()).flatten()
        }));
    }
    Ok(free)
}

/// The tty that the kernel has made for the adapter with this serial number.
fn tty_of(serial: &str) -> Option<PathBuf> {
    let ours = |tty: &Path| {
        let device = tty.join("device").canonicalize().ok()?;
        // ttyACM hangs on an interface of the USB device, ttyUSB on a port of one.
        let known = device.ancestors().take(3).find_map(|d| fs::read_to_string(d.join("serial")).ok())?;
        (known.trim_end() == serial).then_some(())
    };
    fs::read_dir("/sys/class/tty").ok()?.flatten().find_map(|entry| {
        let name = entry.file_name();
        let usb = [&b"ttyACM"[..], b"ttyUSB"].iter().any(|p| name.as_encoded_bytes().starts_with(p));
        (usb && ours(&entry.path()).is_some()).then(|| Path::new("/dev").join(name))
    })
}

impl Port for UsbPort {
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.token = Some(token);
        match &mut self.cable {
            Some(cable) => registry.register(cable, token, Interest::READABLE | Interest::WRITABLE),
            None => Ok(()),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match &mut self.cable {
            Some(cable) => registry.deregister(cable),
            None => Ok(()),
        }
    }

    fn ready(
        &mut self,
        _news: News,
        registry: &Registry,
        happened: &mut Vec<(Channel, Event)>,
    ) -> io::Result<()> {
        let result = self.pull().and_then(|()| self.push());
        self.tell(happened);
        if let Err(e) = result {
            // Detached by somebody else (`usbip detach`), or a host out of its mind: the plug is out.
            if e.kind() != io::ErrorKind::UnexpectedEof {
                eprintln!("exchange: {}: {e}; unplugged", self.device.identity().serial);
            }
            self.unplug(registry, happened);
        }
        Ok(())
    }

    fn read(&mut self, _: Channel, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.device.read(buffer);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let _ = self.push(); // a dead cable shows itself as news
        Ok(count)
    }

    fn write(&mut self, _: Channel, bytes: &[u8], _: &Registry) -> io::Result<usize> {
        if self.cable.is_none() {
            return Ok(bytes.len());
        }
        let count = self.device.write(bytes);
        let _ = self.push();
        if count == 0 && !bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }

    fn show(&mut self, _: Channel, lines: ModemLines, _: &Registry) -> io::Result<()> {
        self.shown = lines;
        self.device.set_lines(self.held.over(lines));
        let _ = self.push();
        Ok(())
    }

    fn look(&mut self, _: Channel, happened: &mut Vec<(Channel, Event)>) -> io::Result<()> {
        self.tell(happened); // what came of a write or of the lines
        Ok(())
    }

    fn flush(&mut self, _: Channel) -> io::Result<()> {
        self.device.flush();
        let _ = self.push();
        Ok(())
    }

    fn by_hand(
        &mut self,
        _: Channel,
        deed: Deed,
        registry: &Registry,
        happened: &mut Vec<(Channel, Event)>,
    ) -> io::Result<()> {
        match deed {
            Deed::Unplug => self.unplug(registry, happened),
            Deed::Plug => {
                self.plug(registry, happened).map_err(|e| io::Error::other(format!("{e:#}")))?;
            }
            Deed::Break => self.device.send_break(),
            Deed::Hold(held) => {
                self.held = held;
                self.device.set_lines(held.over(self.shown));
            }
        }
        let _ = self.push();
        self.tell(happened);
        Ok(())
    }

    fn remove_line(&mut self, _: Channel, registry: &Registry) {
        self.unplug(registry, &mut Vec::new());
    }

    fn lines(&self) -> usize {
        1
    }

    fn device(&self, _: Channel) -> String {
        let tty = self.cable.as_ref().and_then(|_| tty_of(&self.device.identity().serial));
        tty.map(|t| t.display().to_string()).unwrap_or_default()
    }
}

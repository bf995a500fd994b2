//! A line of the exchange: its modem, its computer, its place in a call.

use crate::far::Far;
use crate::faults::{Faults, OnLine};
use crate::modem::{Make, Modem, Now};
use crate::options::Setting;
use crate::pace::Credit;
use crate::port::Channel;
use crate::usb::Coding;

/// A line.
pub(super) struct Line {
    pub number: Box<str>,
    pub modem: Modem,
    /// Its place on a port; `None`: a far end.
    pub port: Option<(usize, Channel)>,
    /// The user's side when it is under orders.
    pub far: Option<Box<Far>>,
    /// Said or received, and not yet taken by the computer.
    pub pending: Vec<u8>,
    /// The computer has sent something that is not read yet.
    pub readable: bool,
    /// The last user has closed the line: DTR falls when what was sent is out.
    pub closing: Option<Now>,
    pub open: bool,
    /// Bits per second; `None`: as fast as it goes.
    pub rate: Option<u32>,
    pub credit: Credit,
    /// On the list of directions that move at a pace.
    pub pacing: bool,
    /// Ticks in a row on which it moved data.
    pub ticks: u8,
    /// The time for which its timer is set.
    pub armed: Option<Now>,
    pub name: Box<str>,
    pub withheld: bool,
    /// Bytes sent into the present call.
    pub sent: u64,
    /// Calls so far, in and out.
    pub calls: u32,
    /// When the present call began, and whether it is through.
    pub call: Option<(Now, bool)>,
    /// What only some ports carry.
    pub wire: Option<Box<Wire>>,
    pub faults: Faults,
    pub wrong: Option<Box<Wrong>>,
}

/// What a USB adapter tells of its computer beside data and DTR.
#[derive(Default)]
pub(super) struct Wire {
    pub rts: bool,
    pub coding: Option<Coding>,
    /// Breaks that have ended.
    pub breaks: u32,
    pub breaking: bool,
    pub plugged: bool,
}

/// The telephone line's faults in the present call.
pub(super) struct Wrong {
    pub on_line: OnLine,
    pub noise_at: Option<Now>,
    pub drop_at: Option<Now>,
    pub power_at: Option<Now>,
    pub seed: u32,
}

impl Line {
    pub fn new(number: &str, make: Make) -> Line {
        Line {
            number: number.into(),
            modem: Modem::new(make),
            port: None,
            far: None,
            pending: Vec::new(),
            readable: false,
            closing: None,
            open: false,
            rate: None,
            credit: Credit::default(),
            pacing: false,
            ticks: 0,
            armed: None,
            name: "".into(),
            withheld: false,
            sent: 0,
            calls: 0,
            call: None,
            wire: None,
            faults: Faults::default(),
            wrong: None,
        }
    }

    /// Takes a setting over; what concerns the switch or the port is not done here.
    pub fn set(&mut self, setting: &Setting) {
        let settings = |line: &mut Line, change: &dyn Fn(&mut crate::modem::registers::Settings)| {
            change(line.modem.settings_mut());
            change(&mut line.modem.make_mut().factory);
        };
        match setting {
            Setting::Connect(text) => self.modem.make_mut().connect = text.as_str().into(),
            Setting::Handshake(time) => self.modem.make_mut().handshake = *time,
            Setting::AnswerDelay(time) => self.modem.make_mut().auto_answer = *time,
            Setting::Profile(profile) => {
                let make = self.modem.make_mut();
                make.profile = profile;
                make.dialect = profile.dialect;
                make.guarded = profile.guarded;
            }
            Setting::CallerId(dialect) => self.modem.make_mut().dialect = *dialect,
            Setting::Guard(on) => self.modem.make_mut().guarded = *on,
            Setting::Carrier(c) => settings(self, &|s| s.carrier_always_on = *c == 0),
            Setting::Dtr(d) => settings(self, &|s| s.dtr = *d),
            Setting::Register(n, value) => settings(self, &|s| {
                s.write(*n, u32::from(*value));
            }),
            Setting::Name(name) => self.name = name.as_str().into(),
            Setting::Withheld(on) => self.withheld = *on,
            Setting::Pace(rate) => self.rate = *rate,
            Setting::Fault(fault) => self.faults.planned.push(fault.clone()),
            Setting::Hold(_) | Setting::TtyHangup(_) => {}
        }
    }

    /// When something is due on it.
    pub fn deadline(&self) -> Option<Now> {
        let wrong = self.wrong.as_deref();
        let times = wrong.map(|w| [w.noise_at, w.drop_at, w.power_at]).unwrap_or_default();
        [self.modem.deadline(), self.closing].into_iter().chain(times).flatten().min()
    }
}

//! What a line is to be set to at each step, as plain values.
//!
//! [`Settings`] is the kernel's `termios2` as numbers; each step of a call is a function from the settings
//! found to the settings wanted (spec section 12). Bits a step does not name stay as they are.

use crate::speed;

/// Input flags (asm-generic/termbits.h).
pub mod input {
    /// Breaks are ignored.
    pub const IGNBRK: u32 = 0o1;
    /// A break interrupts.
    pub const BRKINT: u32 = 0o2;
    /// Bytes with parity errors are ignored.
    pub const IGNPAR: u32 = 0o4;
    /// The eighth bit is taken off.
    pub const ISTRIP: u32 = 0o40;
    /// CR is read as LF.
    pub const ICRNL: u32 = 0o400;
    /// XON/XOFF stop our output.
    pub const IXON: u32 = 0o2000;
    /// Any byte restarts output.
    pub const IXANY: u32 = 0o4000;
    /// We stop the other side with XOFF.
    pub const IXOFF: u32 = 0o10000;
}

/// Output flags.
pub mod output {
    /// Output is processed.
    pub const OPOST: u32 = 0o1;
    /// LF is sent as CR LF.
    pub const ONLCR: u32 = 0o4;
    /// Tabs are sent as blanks (`TAB3`).
    pub const XTABS: u32 = 0o14000;
    /// All tab delay bits.
    pub const TABDLY: u32 = 0o14000;
}

/// Control flags.
pub mod control {
    /// The speed code's bits.
    pub const CBAUD: u32 = 0o10017;
    /// The speed stands beside the flags as a number.
    pub const BOTHER: u32 = 0o10000;
    /// The input speed code's bits, above [`CBAUD`]'s.
    pub const CIBAUD: u32 = CBAUD << 16;
    /// The byte size bits.
    pub const CSIZE: u32 = 0o60;
    /// Seven data bits.
    pub const CS7: u32 = 0o40;
    /// Eight data bits.
    pub const CS8: u32 = 0o60;
    /// Two stop bits.
    pub const CSTOPB: u32 = 0o100;
    /// The receiver is on.
    pub const CREAD: u32 = 0o200;
    /// Parity is sent and checked.
    pub const PARENB: u32 = 0o400;
    /// Odd parity.
    pub const PARODD: u32 = 0o1000;
    /// The last close drops DTR.
    pub const HUPCL: u32 = 0o2000;
    /// Modem lines are ignored.
    pub const CLOCAL: u32 = 0o4000;
    /// Mark/space parity.
    pub const CMSPAR: u32 = 0o10_000_000_000;
    /// RTS/CTS flow control.
    pub const CRTSCTS: u32 = 0o20_000_000_000;
}

/// Local flags.
pub mod local {
    /// Signal characters work.
    pub const ISIG: u32 = 0o1;
    /// Line editing.
    pub const ICANON: u32 = 0o2;
    /// Input is echoed.
    pub const ECHO: u32 = 0o10;
    /// Erase rubs out.
    pub const ECHOE: u32 = 0o20;
    /// Kill is followed by a newline.
    pub const ECHOK: u32 = 0o40;
    /// Whoever holds a pty's master does the line editing, and is told of new settings.
    pub const EXTPROC: u32 = 0o200_000;
}

/// Places of the control characters.
pub mod cc {
    /// ^\ quits.
    pub const VQUIT: usize = 1;
    /// Erases one byte.
    pub const VERASE: usize = 2;
    /// ^U kills the line.
    pub const VKILL: usize = 3;
    /// ^D ends input.
    pub const VEOF: usize = 4;
    /// Tenths of a second of raw reads.
    pub const VTIME: usize = 5;
    /// Least count of raw reads.
    pub const VMIN: usize = 6;
    /// ^Q.
    pub const VSTART: usize = 8;
    /// ^S.
    pub const VSTOP: usize = 9;
    /// One more end of line.
    pub const VEOL: usize = 11;
}

/// A line's settings: the kernel's `termios2`, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Settings {
    /// Input flags, [`input`].
    pub input: u32,
    /// Output flags, [`output`].
    pub output: u32,
    /// Control flags, [`control`], with the speed codes.
    pub control: u32,
    /// Local flags, [`local`].
    pub local: u32,
    /// The line discipline's number.
    pub discipline: u8,
    /// Control characters, [`cc`].
    pub chars: [u8; 19],
    /// Speed from the line, bit/s.
    pub speed_in: u32,
    /// Speed to the line, bit/s; 0 hangs up.
    pub speed_out: u32,
}

/// How a line is told to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Not at all.
    None,
    /// RTS/CTS.
    Hard,
    /// XON/XOFF both ways.
    Soft,
    /// Both kinds.
    Both,
}

/// Parity of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Parity {
    /// None.
    #[default]
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
    /// Always 1.
    Mark,
    /// Always 0.
    Space,
}

/// How bytes stand on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Seven data bits, else eight.
    pub seven: bool,
    /// Parity.
    pub parity: Parity,
}

/// What ended the caller's name, hence how lines end in the session that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// CR: it is read as LF, and LF is sent as CR LF.
    Cr,
    /// LF: nothing is mapped.
    Lf,
}

impl Settings {
    /// Both directions at `bits_per_second`; a standard speed gets its `B` code, so that programs which
    /// only know `tcgetattr` read it too.
    #[must_use]
    pub fn with_speed(mut self, bits_per_second: u32) -> Settings {
        let code = speed::code(bits_per_second).unwrap_or(control::BOTHER);
        // Input code 0 means "as output": how glibc's cfsetspeed leaves it.
        self.control = self.control & !(control::CBAUD | control::CIBAUD) | code;
        self.speed_in = bits_per_second;
        self.speed_out = bits_per_second;
        self
    }

    /// Hangs up when set: speed 0 drops DTR and RTS.
    #[must_use]
    pub fn hung_up(self) -> Settings {
        self.with_speed(0)
    }

    /// While `chat` has the line (chat specification, section 11): raw, seven bits, the rest as found.
    #[must_use]
    pub fn for_chat(mut self) -> Settings {
        self.input |= input::IGNBRK | input::ISTRIP | input::IGNPAR;
        self.output = 0;
        self.local = 0;
        self.chars[cc::VMIN] = 1;
        for unset in [cc::VTIME, cc::VERASE, cc::VKILL] {
            self.chars[unset] = 0;
        }
        self
    }

    /// For a dial-up script: raw with all eight bits; flow control, speed and control flags stay as found.
    #[must_use]
    pub fn for_dialscript(self) -> Settings {
        let flow = self.input & (input::IXON | input::IXOFF | input::IXANY);
        let mut wanted = self.raw();
        wanted.input = flow;
        wanted.control |= control::CREAD;
        wanted
    }

    /// The given flow control and no other.
    #[must_use]
    pub fn with_flow(mut self, flow: Flow) -> Settings {
        self.input &= !(input::IXON | input::IXOFF | input::IXANY);
        self.control &= !control::CRTSCTS;
        if matches!(flow, Flow::Hard | Flow::Both) {
            self.control |= control::CRTSCTS;
        }
        if matches!(flow, Flow::Soft | Flow::Both) {
            self.input |= input::IXON | input::IXOFF;
        }
        self
    }

    /// CLOCAL set (`true`: modem lines do not matter) or cleared (a lost carrier hangs up).
    #[must_use]
    pub fn ignoring_carrier(mut self, ignored: bool) -> Settings {
        self.control = if ignored { self.control | control::CLOCAL } else { self.control & !control::CLOCAL };
        self
    }

    /// Whether modem lines are ignored.
    #[must_use]
    pub fn ignores_carrier(&self) -> bool {
        self.control & control::CLOCAL != 0
    }

    /// 8 data bits, 1 stop bit, no parity.
    #[must_use]
    pub fn eight_bits(mut self) -> Settings {
        use control::{CMSPAR, CSIZE, CSTOPB, PARENB, PARODD};
        self.control = self.control & !(CSIZE | CSTOPB | PARENB | PARODD | CMSPAR) | control::CS8;
        self
    }

    /// The given data bits and parity, 1 stop bit.
    #[must_use]
    pub fn with_frame(self, frame: Frame) -> Settings {
        use control::{CMSPAR, CS7, CSIZE, PARENB, PARODD};
        let mut wanted = self.eight_bits();
        if frame.seven {
            wanted.control = wanted.control & !CSIZE | CS7;
        }
        wanted.control |= match frame.parity {
            Parity::None => 0,
            Parity::Even => PARENB,
            Parity::Odd => PARENB | PARODD,
            Parity::Mark => PARENB | PARODD | CMSPAR,
            Parity::Space => PARENB | CMSPAR,
        };
        wanted
    }

    /// No processing of any kind, reads return from one byte on. Control flags stay.
    #[must_use]
    pub fn raw(mut self) -> Settings {
        self.input = 0;
        self.output = 0;
        self.local = 0;
        self.chars[cc::VMIN] = 1;
        self.chars[cc::VTIME] = 0;
        self
    }

    /// Initialising, idle and talking to the modem: raw, 8 bits, modem lines ignored, hang-up on the last close.
    #[must_use]
    pub fn for_modem(self, bits_per_second: u32, flow: Flow) -> Settings {
        let mut wanted = self.raw().eight_bits().with_speed(bits_per_second).with_flow(flow);
        wanted.control |= control::CREAD | control::HUPCL | control::CLOCAL;
        for (place, byte) in [
            (cc::VQUIT, 0x1c),
            (cc::VKILL, 0x15),
            (cc::VEOF, 0x04),
            (cc::VEOL, 0),
            (cc::VSTART, 0x11),
            (cc::VSTOP, 0x13),
        ] {
            wanted.chars[place] = byte;
        }
        wanted
    }

    /// A hang-up of the tty drops DTR. Without echo: it would answer the modem's own.
    #[must_use]
    pub fn hanging_up(mut self) -> Settings {
        self.local &= !local::ECHO;
        self.control = self.control & !control::CLOCAL | control::HUPCL;
        self
    }

    /// Greeting the caller: cooked and echoing. No ONLCR: the greeting writes its own CR.
    #[must_use]
    pub fn for_greeting(self) -> Settings {
        let mut wanted = self.eight_bits();
        wanted.input = input::BRKINT | input::IGNPAR;
        wanted.output = output::OPOST | output::XTABS;
        wanted.local = local::ECHO | local::ECHOE | local::ECHOK | local::ISIG | local::ICANON;
        wanted.control |= control::CREAD | control::HUPCL;
        // In canonical mode these places hold EOF and EOL on some systems; Linux keeps them apart.
        wanted.chars[cc::VEOF] = 0x04;
        wanted.chars[cc::VEOL] = 0;
        wanted
    }

    /// Reading the name: raw, modem lines as before.
    #[must_use]
    pub fn for_name(self) -> Settings {
        self.raw()
    }

    /// Handed to the login program after a typed name.
    #[must_use]
    pub fn for_login(self, end: LineEnd) -> Settings {
        let mut wanted = self.for_greeting();
        if end == LineEnd::Cr {
            wanted.input |= input::ICRNL;
            wanted.output |= output::ONLCR;
        }
        wanted
    }

    /// Handed to a login program that reads the name itself (`login-env-ttyprompt-hack`): XOFF stops our output.
    #[must_use]
    pub fn for_prompting(self) -> Settings {
        let mut wanted = self.for_login(LineEnd::Cr);
        wanted.input |= input::IXON | input::IXANY;
        wanted
    }

    /// Handed to pppd after an LCP frame: raw, with the two bits the original leaves set (OPOST is off,
    /// so ONLCR does nothing; pppd sets its own).
    #[must_use]
    pub fn for_ppp(self) -> Settings {
        let mut wanted = self.raw();
        wanted.input = input::ICRNL;
        wanted.output = output::ONLCR;
        wanted
    }

    /// The byte that erases one, 0 if none.
    #[must_use]
    pub fn erase(&self) -> u8 {
        self.chars[cc::VERASE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd() -> Settings {
        Settings {
            input: u32::MAX,
            output: u32::MAX,
            control: control::CSTOPB | control::PARENB | control::CS7,
            local: u32::MAX,
            discipline: 0,
            chars: [7; 19],
            speed_in: 9600,
            speed_out: 9600,
        }
    }

    #[test]
    fn a_line_that_is_hung_up_drops_dtr_and_answers_no_echo() {
        let found = Settings { control: control::CLOCAL, ..odd() };
        let wanted = found.hanging_up();
        assert_eq!(wanted.control, control::HUPCL);
        assert_eq!(wanted.local, !local::ECHO, "and nothing else is touched");
        assert_eq!(wanted.input, found.input);
    }

    #[test]
    fn frames() {
        use control::{CMSPAR, CS7, CS8, CSIZE, CSTOPB, PARENB, PARODD};
        let bits = |seven, parity| {
            odd().with_frame(Frame { seven, parity }).control & (CSIZE | CSTOPB | PARENB | PARODD | CMSPAR)
        };
        assert_eq!(bits(false, Parity::None), CS8);
        assert_eq!(bits(true, Parity::Even), CS7 | PARENB);
        assert_eq!(bits(false, Parity::Odd), CS8 | PARENB | PARODD);
        assert_eq!(bits(true, Parity::Mark), CS7 | PARENB | PARODD | CMSPAR);
        assert_eq!(bits(true, Parity::Space), CS7 | PARENB | CMSPAR);
    }

    #[test]
    fn modem_settings_are_raw_and_eight_bits() {
        let s = odd().for_modem(38400, Flow::Hard);
        assert_eq!((s.input, s.output, s.local), (0, 0, 0));
        let wanted =
            control::CS8 | control::CREAD | control::HUPCL | control::CLOCAL | control::CRTSCTS | 0o17;
        assert_eq!(s.control, wanted);
        assert_eq!((s.chars[cc::VMIN], s.chars[cc::VTIME], s.chars[cc::VEOF]), (1, 0, 4));
        assert_eq!(s.chars[cc::VERASE], 7, "unnamed places stay");
    }

    #[test]
    fn any_speed_can_be_set_and_standard_ones_keep_their_code() {
        let s = odd().with_speed(33_600);
        assert_eq!(s.control & control::CBAUD, control::BOTHER);
        assert_eq!((s.speed_in, s.speed_out), (33_600, 33_600));
        assert_eq!(s.with_speed(57600).control & control::CBAUD, 0o10001);
        assert_eq!(s.hung_up().control & control::CBAUD, 0);
    }

    #[test]
    fn flow_control_is_exactly_what_was_asked() {
        let s = odd().with_flow(Flow::Soft);
        assert_eq!(s.control & control::CRTSCTS, 0);
        assert_eq!(s.input & (input::IXON | input::IXOFF | input::IXANY), input::IXON | input::IXOFF);
        assert_eq!(s.with_flow(Flow::None).input & (input::IXON | input::IXOFF | input::IXANY), 0);
    }

    #[test]
    fn carrier_bit_survives_greeting_and_name() {
        let s = odd().for_modem(38400, Flow::Hard).ignoring_carrier(false);
        assert!(!s.for_greeting().ignores_carrier());
        assert!(!s.for_name().ignores_carrier());
        assert!(s.ignoring_carrier(true).for_greeting().ignores_carrier());
    }

    #[test]
    fn hand_over_by_line_end() {
        let s = odd().for_modem(38400, Flow::Hard);
        assert_eq!(s.for_login(LineEnd::Cr).input, input::BRKINT | input::IGNPAR | input::ICRNL);
        assert_eq!(s.for_login(LineEnd::Cr).output & output::ONLCR, output::ONLCR);
        assert_eq!(s.for_login(LineEnd::Lf).output & output::ONLCR, 0);
        let ppp = s.for_ppp();
        assert_eq!((ppp.input, ppp.output, ppp.local), (input::ICRNL, output::ONLCR, 0));
    }
}

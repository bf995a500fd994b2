//! Exit codes of the drop-in tools, as the originals have them.

/// How mgetty ends (spec section 11). After exec the status is the login program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mgetty {
    /// SIGUSR2, dial-out over, junk on the line, end of input or time-out at login, fax done, `-V`.
    Done = 0,
    /// Initialising or answering failed; an entry of login.config was refused.
    Failed = 1,
    /// Usage, bad speed.
    Usage = 2,
    /// A signal.
    Signal = 10,
    /// A fail string while ringing, or CONNECT where nobody may log in.
    Unexpected = 20,
    /// The device cannot be opened, or the modem does not answer the check.
    Device = 30,
    /// A fault of our own.
    Internal = 33,
    /// The login program could not be run.
    Exec = 255,
}

/// How callback ends (spec section 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Callback {
    /// Connected and handed over, or gone to the background.
    Done = 0,
    /// Bad `-l`.
    Line = 1,
    /// Usage, not root, no device.
    Usage = 2,
    /// fork failed.
    Fork = 4,
    /// The getty did not take the call over.
    HandOver = 5,
    /// Dialling failed, or a signal.
    Dial = 10,
    /// The modem is silent.
    Modem = 255,
}

/// How chat ends; abort string number N (from 1) ends it with `3 + N` (chat specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Chat {
    /// The script was carried out.
    Done = 0,
    /// Usage, or a limit of the script exceeded.
    Usage = 1,
    /// A failed system call, or a signal.
    System = 2,
    /// A string expected did not come in time.
    TimeOut = 3,
}

macro_rules! as_codes {
    ($($name:ident),*) => {$(
        impl $name {
            /// The number the parent process sees.
            #[must_use]
            pub fn code(self) -> u8 {
                self as u8
            }
        }
        impl From<$name> for std::process::ExitCode {
            fn from(exit: $name) -> Self {
                std::process::ExitCode::from(exit.code())
            }
        }
        impl std::process::Termination for $name {
            fn report(self) -> std::process::ExitCode {
                self.into()
            }
        }
    )*};
}
as_codes!(Mgetty, Callback, Chat);

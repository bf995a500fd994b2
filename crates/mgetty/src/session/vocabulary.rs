//! What goes into a session and what comes out of it.

use nix::sys::signal::Signal;
use std::time::Duration;
use ttyline::log::Level;
use ttyline::settings::LineEnd;

/// What became of an attempt to lock the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It is ours.
    Ours,
    /// Another program has it.
    Busy,
    /// Lock files cannot be made here.
    Impossible,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The program has started: configuration read, log open.
    Start,
    /// Bytes from the line (only while [`Session::appetite`] asked for them).
    Bytes(&'a [u8]),
    /// There is something to read (only with [`Appetite::Notice`]).
    Readable,
    /// The line is no more: end of file, hang-up, error.
    Gone,
    /// [`Session::deadline`] is over.
    Tick,
    /// A signal came.
    Signal(Signal),
    /// Answer to [`Action::Lock`].
    Lock(Locked),
    /// Answer to [`Action::Open`].
    Opened(bool),
    /// Answer to [`Action::Open`]: the device is not there, or nothing is behind it.
    NoDevice,
    /// Answer to [`Action::AskCarrier`]; `None` where the line does not tell.
    Carrier(Option<bool>),
    /// Answer to [`Stage::Carrier`]: carrier was there, and has fallen while it was not looked at.
    CarrierLost,
    /// Answer to [`Action::Watch`]: logins of this caller have failed, the prompt comes so much later.
    Slow(Duration),
    /// Answer to [`Action::DtrLow`]: whether the line has a DTR.
    DtrIsLow(bool),
    /// Answer to [`Action::AskNologin`]: whether logins are forbidden now.
    Nologin(bool),
    /// Answer to [`Action::AskModem`]: whether DSR or CTS is on (or unknown).
    ModemIsOn(bool),
    /// Answer to [`Action::JudgeCaller`].
    Caller(Verdict),
    /// Answer to [`Action::CallBack`]: callback runs, or does not.
    CallBackRuns,
    /// Answer to [`Action::AskRings`]: how many rings are wanted, if `cid-program` says so.
    Rings(Option<u32>),
    /// Answer to [`Action::WaitForLock`]: the other program's lock is no more.
    LockGone,
    /// A callback program has locked the line and is going to dial.
    Dial,
    /// It is connected, and wants us to take the call.
    Take,
    /// Answer to [`Action::TakeOver`]: how long to wait before it is told, `None` if the line is not ours.
    TakenOver(Option<Duration>),
    /// Output could not be written for a minute.
    OutputStuck,
}

/// What is to become of a caller who rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Pick up.
    Accept,
    /// Let it ring out: he is denied.
    Refuse,
    /// Let it ring out: it is not for us, or a program was told.
    RingOut,
    /// Let it ring out, then call back.
    CallBack,
}

/// What the line's settings are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Talking to the modem, waiting.
    Modem,
    /// Modem lines count from now on.
    Carrier,
    /// Greeting the caller.
    Greeting,
    /// Reading his name.
    Name,
}

/// What the caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// His name, `/AutoPPP/`, or a FIDO name (`\xff…`).
    pub name: Vec<u8>,
    /// How it came.
    pub how: How,
}

/// How a login came about: the tty is set up for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// A name and what ended it.
    Typed(LineEnd),
    /// A frame; its octets so far, from the flag on.
    Ppp(Vec<u8>),
    /// A FIDO mailer.
    Fido,
    /// No name was read (`login-env-ttyprompt-hack`).
    Unasked,
    /// `exec-on-connect`: not even a prompt was written.
    AtOnce,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Write a message.
    Log(Level, String),
    /// Append to the last message: bytes of the modem, or how it went on.
    LogMore(Level, Vec<u8>),
    /// Close the log and open it again (logrotate).
    ReopenLog,
    /// Write to the line.
    Send(Vec<u8>),
    /// Lock the line; [`Event::Lock`] answers.
    Lock,
    /// Remove our lock.
    Unlock,
    /// Give the device its owner and mode, open it; [`Event::Opened`] answers.
    Open,
    /// Let go of the line.
    Close,
    /// Look whether carrier is on; [`Event::Carrier`] answers.
    AskCarrier,
    /// A call has begun.
    CallBegins,
    /// It has come to nothing, and why.
    CallOver(String),
    /// Lower DTR; [`Event::DtrIsLow`] answers.
    DtrLow,
    /// Raise DTR.
    DtrHigh,
    /// Set the line up.
    Set(Stage),
    /// Throw away what is in the tty's queues.
    Flush,
    /// Set the port's speed, bit/s.
    Speed(u32),
    /// Make the line our controlling tty.
    ControllingTty,
    /// Somebody is connected: the process that will stay beside his session is made now.
    Watch,
    /// Look whether DSR or CTS is on; [`Event::ModemIsOn`] answers.
    AskModem,
    /// Look whether logins are forbidden; [`Event::Nologin`] answers.
    AskNologin,
    /// Decide about the caller; [`Event::Caller`] answers.
    JudgeCaller,
    /// Have a number called, as a caller rule says; [`Event::CallBackRuns`] answers.
    CallBack,
    /// Ask `cid-program` about the caller; [`Event::Rings`] answers.
    AskRings,
    /// utmp: somebody is about to log in.
    UtmpLogin,
    /// Write the issue.
    Issue,
    /// Make the device unreadable for others.
    Private,
    /// Write the prompt, asking FIDO mailers to show themselves if true.
    Prompt(bool),
    /// Let go of the line and tell when the other program's lock is gone: [`Event::LockGone`].
    WaitForLock,
    /// Take line and lock over from the callback program; [`Event::TakenOver`] answers.
    TakeOver,
    /// Tell the callback program that the call is ours.
    Acknowledge,
    /// The statistics chat begins.
    StatisticsBegin,
    /// A line of the statistics chat.
    Statistics(String),
    /// Let the caller in. Nothing follows.
    Login(Login),
    /// End with this code. Nothing follows.
    Exit(i32),
}

/// What is to be read from the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appetite {
    /// Nothing: what comes stays in the tty's queue.
    Nothing,
    /// Only to hear that something is there.
    Notice,
    /// One byte at a time: what follows may belong to the login program.
    Byte,
    /// All there is.
    Bytes,
}

impl PartialOrd for Appetite {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (*self as u8).partial_cmp(&(*other as u8))
    }
}

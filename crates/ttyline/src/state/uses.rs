//! Uses of a line by programs that are not its getty: a dial-out through modemd or mserver, a call-back that
//! waits for its time or is being dialled.
//!
//! They stand beside the getty's own state and end with their process, so a program that is killed leaves the
//! getty's state as it was.

use super::{LineState, State, change, lives};
use crate::line_name::LineName;
use crate::lock::process;
use crate::record::Record;
use serde_json::Map;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Somebody's dial-out through a program that shares the line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DialOut {
    /// The program's process, and when it was started.
    pub process: (i32, u64),
    /// The program.
    pub peer: String,
    /// Its client: name and address.
    pub client: Option<String>,
    /// Since when.
    pub since: Option<SystemTime>,
}

/// How far a call-back is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// It waits for its time.
    #[default]
    Pending,
    /// It is being dialled.
    Dialling,
}

/// A call-back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallBack {
    /// The process that calls, and when it was started.
    pub process: (i32, u64),
    /// How far it is.
    pub step: Step,
    /// Who is called.
    pub user: Option<String>,
    /// The number.
    pub called: Option<String>,
    /// Since when.
    pub since: Option<SystemTime>,
}

/// A program that shares lines.
#[derive(Clone, Copy, Debug)]
pub struct Sharer {
    /// Its name.
    pub name: &'static str,
    /// It stays when its client leaves: then a line without a getty is idle.
    pub stays: bool,
}

/// This process.
fn me() -> (i32, u64) {
    let pid = nix::unistd::getpid().as_raw();
    (pid, process::start_ticks(pid).unwrap_or(0))
}

impl LineState {
    /// What the line is doing, all its uses considered: a use counts while the line itself does nothing.
    #[must_use]
    pub fn doing(&self) -> State {
        if !matches!(self.state, State::Starting | State::Idle | State::Ended) {
            return self.state;
        }
        match (&self.dial_out, &self.call_back) {
            (Some(_), _) => State::DialOut,
            (_, Some(_)) => State::CallBack,
            _ => self.state,
        }
    }

    /// Since when it is [`LineState::doing`] that.
    #[must_use]
    pub fn doing_since(&self) -> Option<SystemTime> {
        match self.doing() {
            doing if doing == self.state => self.since,
            State::DialOut => self.dial_out.as_ref().and_then(|dial_out| dial_out.since),
            _ => self.call_back.as_ref().and_then(|call_back| call_back.since),
        }
    }

    /// Whom it is for.
    #[must_use]
    pub fn doing_for(&self) -> Option<&str> {
        match (self.doing(), &self.call_back) {
            (State::CallBack, Some(call_back)) => call_back.user.as_deref(),
            _ => self.user.as_deref(),
        }
    }

    /// Whether nothing that is written holds any more: no process of it lives.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let uses = [self.dial_out.as_ref().map(|d| d.process), self.call_back.as_ref().map(|c| c.process)];
        self.is_stale() && !uses.into_iter().flatten().any(|(pid, started)| lives(pid, started))
    }

    /// Without the uses whose process has ended. What the dead writer of a file had it for himself stays: it
    /// is the last that was known.
    #[must_use]
    pub fn settled(mut self) -> LineState {
        let own = (self.pid, self.pid_started);
        self.dial_out.take_if(|d| d.process != own && !lives(d.process.0, d.process.1));
        self.call_back.take_if(|c| c.process != own && !lives(c.process.0, c.process.1));
        self
    }

    /// Takes over from an older state what goes on beside this one.
    pub(super) fn keep_uses_of(&mut self, old: LineState) {
        let alive = |process: (i32, u64)| lives(process.0, process.1);
        if self.dial_out.is_none() {
            self.dial_out = old.dial_out.filter(|dial_out| alive(dial_out.process));
        }
        if self.call_back.is_none() {
            self.call_back = old.call_back.filter(|call_back| alive(call_back.process));
        }
        self.tell_whom();
    }

    /// The line itself is on a call-back: whose is told by who calls.
    fn tell_whom(&mut self) {
        if let Some(call_back) = self.call_back.as_ref().filter(|_| self.state == State::CallBack) {
            (self.user, self.called) = (call_back.user.clone(), call_back.called.clone());
        }
    }
}

/// This process has the line now, for `client`. Gives the record of a call whose getty was killed in it.
///
/// # Errors
/// As [`super::write`]; also a file of another user's, which is left alone.
pub fn taken(
    directory: &Path,
    line: &LineName,
    sharer: Sharer,
    client: Option<String>,
) -> io::Result<Option<Record>> {
    let process = me();
    let since = Some(SystemTime::now());
    let dial_out = DialOut { process, peer: sharer.name.into(), client, since };
    let mut left = None;
    change(directory, line, |old| {
        let mut state = match old {
            Some(old) if !old.is_stale() && old.pid != process.0 => old,
            old => {
                left = old.as_ref().and_then(|old| old.cut_short(process.0));
                let peer = Some(sharer.name.into());
                LineState { peer, ..anew(line, State::DialOut, old) }
            }
        };
        state.dial_out = Some(dial_out);
        Some(state)
    })?;
    Ok(left)
}

/// This process has let go of the line.
///
/// # Errors
/// As [`taken`].
pub fn released(directory: &Path, line: &LineName, sharer: Sharer) -> io::Result<()> {
    let process = me();
    change(directory, line, |old| {
        let mut state = old.filter(|old| old.dial_out.as_ref().is_some_and(|d| d.process == process))?;
        state.dial_out = None;
        if state.pid == process.0 {
            // No getty is there.
            state = anew(line, if sharer.stays { State::Idle } else { State::Ended }, Some(state));
            state.program = sharer.stays.then(|| sharer.name.into());
        }
        Some(state)
    })
}

/// This process is going to call somebody back on the line, or dials.
///
/// # Errors
/// As [`super::write`].
pub fn calls_back(directory: &Path, line: &LineName, call_back: CallBack) -> io::Result<()> {
    let call_back = CallBack { process: me(), since: Some(SystemTime::now()), ..call_back };
    change(directory, line, |old| {
        let mut state = match old {
            // Also that of a session that has just ended: the next getty wants to know of it.
            Some(old) if old.pid != call_back.process.0 => old,
            old => anew(line, State::CallBack, old),
        };
        state.call_back = Some(call_back);
        state.tell_whom();
        Some(state)
    })
}

/// This process will call nobody on the line any more.
///
/// # Errors
/// As [`super::write`].
pub fn called_back(directory: &Path, line: &LineName) -> io::Result<()> {
    let process = me();
    change(directory, line, |old| {
        let mut state = old.filter(|old| old.call_back.as_ref().is_some_and(|c| c.process == process))?;
        state.call_back = None;
        if state.pid == process.0 {
            state = anew(line, State::Ended, Some(state));
        }
        Some(state)
    })
}

/// A state of this process' own; what the older one knows of the line itself is kept.
fn anew(line: &LineName, state: State, old: Option<LineState>) -> LineState {
    let mut new = LineState::new(line, state);
    if let Some(mut old) = old {
        new.other = std::mem::replace(&mut old.other, Map::new());
        new.keep_uses_of(old);
    }
    new
}

#[cfg(test)]
mod tests {
    use super::super::{read, write};
    use super::*;

    const MSERVER: Sharer = Sharer { name: "mserver", stays: true };
    const MODEMD: Sharer = Sharer { name: "modemd", stays: false };

    fn line() -> LineName {
        LineName::new("ttyS1").unwrap()
    }

    /// The state of a getty that lives: the test's parent passes for it.
    fn getty(state: State) -> LineState {
        let pid = nix::unistd::getppid().as_raw();
        let pid_started = process::start_ticks(pid).unwrap();
        LineState { pid, pid_started, ..LineState::new(&line(), state) }
    }

    fn now(directory: &Path) -> LineState {
        read(directory, &line()).unwrap().unwrap()
    }

    #[test]
    fn a_dial_out_stands_beside_the_getty_s_state_and_leaves_it_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let mut idle = getty(State::Idle);
        idle.other.insert("carrier_works".into(), true.into());
        write(dir.path(), &line(), &idle).unwrap();
        assert_eq!(taken(dir.path(), &line(), MSERVER, Some("pc (192.0.2.1)".into())).unwrap(), None);
        let used = now(dir.path());
        assert_eq!((used.state, used.doing(), used.pid), (State::Idle, State::DialOut, idle.pid));
        assert_eq!(used.describe(), "dial-out by mserver for pc (192.0.2.1)");
        // The getty notices it, and that loses nothing.
        let noticed = LineState { peer: Some("mserver -f".into()), ..getty(State::DialOut) };
        write(dir.path(), &line(), &noticed).unwrap();
        assert_eq!(now(dir.path()).describe(), "dial-out by mserver for pc (192.0.2.1)");
        write(dir.path(), &line(), &idle).unwrap();
        assert_eq!(now(dir.path()).doing(), State::DialOut);
        released(dir.path(), &line(), MSERVER).unwrap();
        let left = now(dir.path());
        assert_eq!((left.doing(), left.pid, left.dial_out), (State::Idle, idle.pid, None));
        assert_eq!(left.other, idle.other);
        // Nothing of ours is there any more.
        released(dir.path(), &line(), MSERVER).unwrap();
        assert_eq!(now(dir.path()).pid, idle.pid);
    }

    #[test]
    fn a_use_ends_with_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let dead = (1 << 22, 1);
        let mut idle = getty(State::Idle);
        idle.dial_out = Some(DialOut { process: dead, ..DialOut::default() });
        idle.call_back = Some(CallBack { process: dead, ..CallBack::default() });
        write(dir.path(), &line(), &idle).unwrap();
        assert_eq!((now(dir.path()).doing(), now(dir.path()).dial_out), (State::Idle, None));
        // Without a getty it is the last that was known.
        (idle.pid, idle.pid_started) = dead;
        write(dir.path(), &line(), &idle).unwrap();
        let left = now(dir.path());
        assert!(left.is_over());
        assert_eq!(left.doing(), State::DialOut);
    }

    #[test]
    fn a_line_without_a_getty_is_idle_or_nobody_s() {
        for (sharer, state, program) in
            [(MSERVER, State::Idle, Some("mserver".to_string())), (MODEMD, State::Ended, None)]
        {
            let dir = tempfile::tempdir().unwrap();
            taken(dir.path(), &line(), sharer, None).unwrap();
            assert_eq!(now(dir.path()).describe(), format!("dial-out by {}", sharer.name));
            released(dir.path(), &line(), sharer).unwrap();
            let left = now(dir.path());
            assert_eq!((left.doing(), left.program), (state, program));
        }
    }

    #[test]
    fn a_call_that_was_cut_short_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut killed = getty(State::Session);
        (killed.pid, killed.call) = (1 << 22, Some(Record::begin("mgetty", "ttyS1")));
        write(dir.path(), &line(), &killed).unwrap();
        let record = taken(dir.path(), &line(), MODEMD, None).unwrap().expect("the call");
        assert!(record.cause.starts_with("cut short") && record.end.is_some());
        assert_eq!(now(dir.path()).call, None);
    }

    #[test]
    fn a_call_back_waits_beside_what_the_line_does() {
        let dir = tempfile::tempdir().unwrap();
        let mut ended = getty(State::Ended);
        ended.pid = 1 << 22;
        write(dir.path(), &line(), &ended).unwrap();
        let call_back =
            CallBack { user: Some("max".into()), called: Some("123".into()), ..CallBack::default() };
        calls_back(dir.path(), &line(), call_back.clone()).unwrap();
        let pending = now(dir.path());
        assert_eq!((pending.state, pending.doing()), (State::Ended, State::CallBack));
        assert!(!pending.is_over() && pending.is_stale());
        // The next getty starts, and is called.
        write(dir.path(), &line(), &getty(State::Idle)).unwrap();
        assert_eq!(now(dir.path()).describe(), "call-back of max pending");
        assert_eq!(now(dir.path()).doing_for(), Some("max"));
        write(dir.path(), &line(), &getty(State::Ringing)).unwrap();
        assert_eq!(now(dir.path()).describe(), "ringing");
        write(dir.path(), &line(), &getty(State::CallBack)).unwrap();
        calls_back(dir.path(), &line(), CallBack { step: Step::Dialling, ..call_back }).unwrap();
        assert_eq!(now(dir.path()).describe(), "calling max back");
        write(dir.path(), &line(), &getty(State::Idle)).unwrap();
        called_back(dir.path(), &line()).unwrap();
        assert_eq!(now(dir.path()).describe(), "idle");
    }
}

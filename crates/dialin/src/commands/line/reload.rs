//! `dialin line apply`: idle lines are started anew so that changes hold; calls are left alone.
//!
//! A getty reads its files when it starts, which it does after each call anyway: a line in use needs nothing.
//! Only processes are signalled that answer for the line themselves, by number and time of start.

use crate::command::code;
use crate::draft::TELL_INIT;
use crate::services::{self, By, Init, escaped};
use crate::session::{Session, say};
use anyhow::{Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use ttyline::config::getty_command::Program;
use ttyline::line_name::LineName;
use ttyline::lock::process;
use ttyline::log::reason;
use ttyline::state::{self, State};
use ttyline::visible;

/// What a line is doing, as far as a restart is concerned.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// Its getty waits: this process.
    Idle(i32),
    /// In use; why.
    Busy(String),
    /// Nothing answers for it.
    Nobody,
}

/// Makes changes hold on these lines, or on all.
///
/// # Errors
/// This is no machine, or a program is missing.
pub fn reload(session: &Session, lines: &[String], wait: bool, now: bool) -> Result<u8> {
    if !session.root.is_host() {
        bail!("below --root nothing runs: there is nothing to apply");
    }
    let all = services::all(&session.root)?;
    let served: Vec<_> = all.iter().filter(|s| s.runs && s.untouched().is_none()).collect();
    for line in lines {
        if !served.iter().any(|s| &s.line == line) && !is_running(line) {
            bail!("{} is not served; `dialin line list` shows what is", visible::terminal(line));
        }
    }
    let systemd = Init::of(&session.root) == Some(Init::Systemd);
    if session.plans_only() {
        for s in served.iter().filter(|s| lines.is_empty() || lines.contains(&s.line)) {
            let shown = visible::terminal(&s.line);
            say(match standing(&s.line) {
                Standing::Busy(why) if now => format!("{shown}: {}; would be ended", visible::line(why)),
                Standing::Busy(why) => format!("{shown}: {}; would be left alone", visible::line(why)),
                Standing::Idle(_) | Standing::Nobody => format!("{shown}: would be started anew"),
            });
        }
        say("nothing was done (--plan)");
        return Ok(code::DONE);
    }
    if systemd {
        program(&["systemctl", "daemon-reload"])?;
    } else {
        tell_init(session, wait, now)?;
    }
    let chosen = |line: &str| lines.is_empty() || lines.iter().any(|l| l == line);
    for s in served.iter().filter(|s| chosen(&s.line)) {
        let unit = matches!(s.by, By::Unit { .. }).then(|| format!("mgetty@{}.service", escaped(&s.line)));
        one(&s.line, unit.as_deref(), "restart", wait, now)?;
    }
    // Units that run and are not enabled any more.
    if systemd {
        for line in lines.iter().filter(|l| !served.iter().any(|s| &s.line == *l)) {
            one(line, Some(&format!("mgetty@{}.service", escaped(line))), "stop", wait, now)?;
        }
    }
    Ok(code::DONE)
}

/// Has init read its table again, when that ends no call.
fn tell_init(session: &Session, wait: bool, now: bool) -> Result<()> {
    let mut told = false;
    loop {
        let calls = if now { Vec::new() } else { calls_on_gone_lines(session)? };
        if calls.is_empty() {
            return program(&TELL_INIT);
        }
        if !wait {
            say(format!("{}; init is told by `dialin line apply` after that", calls.join("; ")));
            return Ok(());
        }
        if !told {
            say(format!("{}; waiting for the end", calls.join("; ")));
            told = true;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Calls on lines that are no longer in inittab, whose gettys still run: sysvinit ends them when it reads its table.
///
/// # Errors
/// inittab or a unit cannot be read.
pub fn calls_on_gone_lines(session: &Session) -> Result<Vec<String>> {
    let all = services::all(&session.root)?;
    let served =
        |line: &str| all.iter().any(|s| s.line == line && s.runs && s.command.program == Program::Mgetty);
    let calls = state::read_all(Path::new(state::DIRECTORY)).into_iter().filter(|now| {
        // What others do with the line is not init's to end.
        let own = !is_waiting(now.state) && now.state != State::DialOut;
        own && !now.is_stale() && !now.is_shared() && !served(&now.line)
    });
    Ok(calls.map(|now| format!("{}: {}", visible::line(&now.line), visible::line(now.describe()))).collect())
}

fn is_waiting(state: State) -> bool {
    matches!(state, State::Idle | State::Starting | State::Failed | State::CarrierStuck | State::Ended)
}

fn one(line: &str, unit: Option<&str>, verb: &str, wait: bool, now: bool) -> Result<()> {
    let shown = visible::terminal(line);
    let mut told = false;
    loop {
        let busy = match standing(line) {
            Standing::Busy(why) if !now => why,
            standing => {
                match (unit, standing) {
                    (Some(unit), _) if verb == "stop" => program(&["systemctl", verb, unit])?,
                    // A start waits for the device, which may be unplugged.
                    (Some(unit), _) => program(&["systemctl", "--no-block", verb, unit])?,
                    (None, Standing::Idle(pid)) => {
                        kill(Pid::from_raw(pid), Signal::SIGTERM)
                            .map_err(|e| anyhow!("{shown}: {}", reason(&e.into())))?;
                    }
                    (None, Standing::Busy(why)) => end_call(line, &why)?,
                    // init starts one.
                    (None, Standing::Nobody) => {}
                }
                say(format!("{shown}: {}", if verb == "stop" { "stopped" } else { "started anew" }));
                return Ok(());
            }
        };
        if !wait {
            let then = if verb == "stop" {
                "it is stopped by `dialin line apply` after that"
            } else {
                "the new settings hold after that"
            };
            say(format!("{shown}: {}; {then}", visible::line(busy)));
            return Ok(());
        }
        if !told {
            say(format!("{shown}: {}; waiting for its end", visible::line(busy)));
            told = true;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Ends the call on a line that init serves: its program gets TERM, which pppd and login pass on as a hang-up.
fn end_call(line: &str, why: &str) -> Result<()> {
    let shown = visible::terminal(line);
    let now = LineName::new(line)
        .ok()
        .and_then(|name| state::read(Path::new(state::DIRECTORY), &name).ok().flatten());
    let Some(own) = now.filter(|s| !s.is_stale() && !s.is_shared() && s.state != State::DialOut) else {
        bail!("{shown}: {}; that is no call of its getty's, end that program yourself", visible::line(why))
    };
    kill(Pid::from_raw(own.pid), Signal::SIGTERM).map_err(|e| anyhow!("{shown}: {}", reason(&e.into())))?;
    for _ in 0..100 {
        if own.is_stale() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{shown}: process {} does not end; hang up the modem, or wait with --wait", own.pid)
}

/// Stops the units of lines that are served no longer, as far as no call is on them; gives those that still run.
///
/// # Errors
/// systemd does not do it.
pub fn let_go<'a>(session: &Session, lines: &'a [String]) -> Result<Vec<&'a str>> {
    let all = services::all(&session.root)?;
    let mut busy = Vec::new();
    let served =
        |line: &str| all.iter().any(|s| s.line == line && s.runs && s.command.program == Program::Mgetty);
    for line in lines.iter().filter(|line| !served(line)) {
        if let Standing::Busy(why) = standing(line) {
            let why = visible::line(why);
            let shown = visible::terminal(line);
            say(format!("{shown}: {why}; `dialin line apply {shown} --wait` stops its getty after that"));
            busy.push(line.as_str());
        } else {
            one(line, Some(&format!("mgetty@{}.service", escaped(line))), "stop", false, false)?;
        }
    }
    Ok(busy)
}

/// What the line's own state file says, else its getty's pid file.
fn standing(line: &str) -> Standing {
    let Ok(name) = LineName::new(line) else { return Standing::Nobody };
    let now = state::read(Path::new(state::DIRECTORY), &name).ok().flatten();
    let used = |s: &state::LineState| s.doing() == State::DialOut && !s.is_over();
    if let Some(now) = now.filter(|s| used(s) || !s.is_stale() && !s.is_shared()) {
        return match now.state {
            _ if used(&now) => Standing::Busy(now.describe()),
            state if is_waiting(state) => Standing::Idle(now.pid),
            _ => Standing::Busy(now.describe()),
        };
    }
    // The original's: a pid, and nothing about what it does; a lock says that it is in use.
    let lock = Path::new("/var/lock").join(format!("LCK..{}", line.replace('/', "_")));
    if lock.exists() {
        return Standing::Busy("in use".into());
    }
    let pid = std::fs::read_to_string(format!("/run/mgetty.pid.{}", name.id())).ok();
    let pid = pid.and_then(|text| text.trim().parse::<i32>().ok()).filter(|pid| *pid > 1);
    match pid.filter(|pid| is_getty(*pid, line)) {
        Some(pid) => Standing::Idle(pid),
        None => Standing::Nobody,
    }
}

fn is_running(line: &str) -> bool {
    standing(line) != Standing::Nobody
}

/// Whether a process is a getty of this line, by its own command line.
fn is_getty(pid: i32, line: &str) -> bool {
    let text = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<&[u8]> = text.split(|b| *b == 0).collect();
    let named = words.first().is_some_and(|w| w.ends_with(b"mgetty"));
    let its = words.iter().any(|w| w.strip_prefix(b"/dev/").unwrap_or(w) == line.as_bytes());
    process::find(pid).is_some() && named && its
}

/// Runs a program to its end.
///
/// # Errors
/// It is not there, or failed.
pub fn program(argv: &[&str]) -> Result<()> {
    let (name, arguments) = argv.split_first().ok_or_else(|| anyhow!("no program"))?;
    let status = Command::new(name).args(arguments).stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("`{}` ended with {status}", argv.join(" ")),
        Err(e) => bail!("`{}` cannot be started: {}", argv.join(" "), reason(&e)),
    }
}

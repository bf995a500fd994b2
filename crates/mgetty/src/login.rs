//! Lets the caller in: what login.config says, and the program that follows.

use crate::exec::{self, Call, Failed, Program};
use crate::getty::Getty;
use crate::session::{How, Login};
use crate::watcher;
use ttyline::exit::Mgetty;
use ttyline::log::Level;
use ttyline::settings::LineEnd;
use ttyline::sys::process::close_on_exec_from;
use ttyline::sys::termios::When;
use ttyline::sys::utmp::Kind;
use ttyline::visible;

/// What is run for a caller.
struct Decision {
    program: Program,
    utmp: Option<String>,
}

/// Comes back only if no program runs; gives the exit code.
pub fn login(getty: &mut Getty, login: Login) -> u8 {
    let Some(decision) = decide(getty, &login) else {
        if let Some(line) = &getty.line {
            line.hang_up();
        }
        return Mgetty::Failed.code();
    };
    start(getty, &login, &decision)
}

fn decide(_getty: &mut Getty, login: &Login) -> Option<Decision> {
    let mut args = vec![b"login".to_vec()];
    if !login.name.is_empty() {
        args.push(login.name.clone());
    }
    Some(Decision { program: Program { path: "/bin/login".into(), args, user: None }, utmp: None })
}

fn start(getty: &mut Getty, login: &Login, decision: &Decision) -> u8 {
    let Some(line) = getty.line.take() else { return Mgetty::Internal.code() };
    audit(getty, login, decision);
    if let Some(user) = &decision.utmp {
        let host = getty.session.caller().connect.clone();
        getty.note(Kind::User, user, Some(&host));
    }
    let set = line.settings().and_then(|now| {
        let wanted = match &login.how {
            How::Typed(end) => now.for_login(*end),
            How::Ppp(_) => now.for_ppp(),
            How::Fido => now.for_name(),
            How::Unasked => now.for_login(LineEnd::Cr),
        };
        line.set(&wanted, When::Now)
    });
    if let Err(error) = set {
        getty.log.failed(Level::Error, "setting the line up for login failed", &error);
    }
    getty.remove_pid();
    if let (How::Ppp(head), true) = (&login.how, is_pppd(&decision.program.path)) {
        if let Err(error) = watcher::start(&line, head.clone()) {
            getty.log.failed(Level::Warn, "no watcher, the first frame is lost", &error);
        }
    }
    if let Err(error) = line.hand_over() {
        getty.log.failed(Level::Error, "handing the line over failed", &error);
    }
    if let Some(lock) = getty.lock.take() {
        lock.leave();
    }
    // A caller who hung up in these last moments: the default effect would not be his signal's any more.
    if let Some(signal) = getty.pending_signal() {
        getty.log.say(
            Level::Audit,
            format!("failed {}, got signal {}, exiting", getty.session.setup().dev_pid(), signal as i32),
        );
        return Mgetty::Signal.code();
    }
    getty.signals.restore();
    let _ = close_on_exec_from(3);
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let prompt = (login.how == How::Unasked).then_some(getty.service.prompt.as_str());
    let call = Call {
        caller: getty.session.caller(),
        device: getty.service.name.device(),
        term: getty.service.term.as_deref(),
        tty_prompt: prompt,
    };
    match exec::replace(&decision.program, &call) {
        Failed::User(error) => {
            getty.log.failed(Level::Fatal, "cannot become the user of login.config", &error);
            Mgetty::Failed.code()
        }
        Failed::Exec(error) => {
            getty.log.failed(Level::Fatal, format!("cannot execute '{}'", decision.program.path), &error);
            Mgetty::Exec.code()
        }
    }
}

/// Programs that take their first frame over from us: the others find what has not been read.
fn is_pppd(path: &str) -> bool {
    path.rsplit('/').next() == Some("pppd")
}

fn audit(getty: &mut Getty, login: &Login, decision: &Decision) {
    let who = getty.session.who();
    let text = format!(
        "data {}, {who}, cmd='{}', user='{}'",
        getty.session.setup().dev_pid(),
        visible::quoted_field(decision.program.path.as_bytes()),
        visible::quoted_field(&login.name)
    );
    getty.log.say(Level::Audit, text);
}

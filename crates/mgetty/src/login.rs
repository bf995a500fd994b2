//! Lets the caller in: what login.config says, and the program that follows.

use crate::exec::{self, Call, Failed, Program};
use crate::getty::Getty;
use crate::greeting;
use crate::session::{How, Login};
use crate::watcher::Begun;
use ttyline::at::caller_data::CallerData;
use ttyline::config::login::{self as config, LoginConfig, LoginFile, RunAs, Utmp};
use ttyline::config::{Document, Text};
use ttyline::exit::Mgetty;
use ttyline::line::Input;
use ttyline::log::Level;
use ttyline::settings::LineEnd;
use ttyline::sys::process::close_on_exec_from;
use ttyline::sys::termios::When;
use ttyline::sys::utmp::Kind;
use ttyline::{account, visible};

/// What is run for a caller.
struct Decision {
    program: Program,
    utmp: Option<String>,
    /// The caller's name as logs may show it.
    name: String,
}

/// Comes back only if no program runs; gives the exit code.
pub fn login(getty: &mut Getty, login: Login) -> u8 {
    match decide(getty, &login) {
        Ok(decision) => start(getty, &login, &decision),
        Err(refusal) => {
            getty.call_over("login refused");
            getty.log.say(Level::Fatal, refusal);
            if let Some(line) = &getty.line {
                line.hang_up();
            }
            Mgetty::Failed.code()
        }
    }
}

/// What is run; the error is why nothing may be (fail closed: no other entry is tried then).
fn decide(getty: &mut Getty, login: &Login) -> Result<Decision, String> {
    if let (How::AtOnce, Some(program)) = (&login.how, &getty.service.exec_on_connect) {
        return at_once(program, getty.session.caller());
    }
    let path = getty.service.login_file.clone();
    let shown = path.display();
    if getty.session.carrier_stuck() && is_root(&login.name) {
        return Err("carrier is stuck on: the caller may have hung up; root may not log in".into());
    }
    let config = match config::load_file(&path) {
        LoginFile::Usable(config) => config,
        LoginFile::Missing => {
            getty.log.say(Level::Warn, format!("{shown}: not there, /bin/login is used"));
            return Ok(by_default(&login.name));
        }
        LoginFile::Rejected(why) => return Err(format!("{shown} {why}: nobody may log in")),
    };
    for problem in &config.problems {
        getty.log.say(Level::Fatal, problem.describe(&path));
    }
    let Some(entry) = config.find(&login.name, getty.session.called_back()) else {
        return Ok(by_default(&login.name));
    };
    let user = match &entry.run_as {
        RunAs::Root => None,
        RunAs::User(name) => Some(account::user(&name.as_str()).ok_or_else(|| {
            format!("{shown}:{}: no user `{}`: entry refused", entry.at, visible::field(name.as_bytes()))
        })?),
    };
    let program = entry.program.as_str().into_owned();
    if !program.starts_with('/') {
        return Err(format!(
            "{shown}:{}: `{}` is no absolute path: entry refused",
            entry.at,
            visible::field(&program)
        ));
    }
    let caller = getty.session.caller();
    let args = entry.argv(&login.name, &harmless(&caller.connect), &harmless(&caller.id));
    let mut args: Vec<Vec<u8>> = args.into_iter().map(|arg| arg.as_bytes().to_vec()).collect();
    if program.ends_with("/pppd") {
        if let Some(file) = options_of_link(getty.service.name.device()) {
            args.extend([b"file".to_vec(), file.into_bytes()]);
        }
    }
    // Once: for a name that is not in /etc/passwd this asks getent.
    let name = loggable(&login.name, &config);
    let utmp = match &entry.utmp {
        Utmp::Nothing => None,
        Utmp::Name => Some(name.clone()),
        Utmp::Text(text) => Some(text.as_str().into_owned()),
    };
    Ok(Decision { program: Program { path: program, args, user }, utmp, name })
}

/// What a modem said, as an argument.
fn harmless(text: &str) -> String {
    visible::environment(text, 200)
}

/// pppd reads the options of the tty as the kernel calls it (`options.ttyACM0`). Of a line that is known by a link, a
/// name that stays, it would never see the file; it is handed to it.
fn options_of_link(line: &str) -> Option<String> {
    let linked = line.contains('/') && std::fs::symlink_metadata(format!("/dev/{line}")).ok()?.is_symlink();
    let file = format!("/etc/ppp/options.{}", line.replace('/', "."));
    (linked && std::path::Path::new(&file).exists()).then_some(file)
}

/// The program of `exec-on-connect`: root's, its words as those of a login.config entry.
fn at_once(words: &Text, caller: &CallerData) -> Result<Decision, String> {
    let line = [b"* - - ", words.as_bytes()].concat();
    let config = LoginConfig::parse(&Document::parse(line));
    let entry = config.entries.first().filter(|entry| entry.program.as_bytes().starts_with(b"/"));
    let entry = entry.ok_or_else(|| {
        format!(
            "exec-on-connect: `{}` is no absolute path: nobody is served",
            visible::field(words.as_bytes())
        )
    })?;
    let args = entry.argv(b"", &harmless(&caller.connect), &harmless(&caller.id));
    let args = args.into_iter().map(|arg| arg.as_bytes().to_vec()).collect();
    let program = Program { path: entry.program.as_str().into_owned(), args, user: None };
    Ok(Decision { program, utmp: None, name: String::new() })
}

/// /bin/login, which asks for the rest.
fn by_default(name: &[u8]) -> Decision {
    let mut args = vec![b"login".to_vec()];
    if !name.is_empty() {
        args.extend([b"--".to_vec(), name.to_vec()]);
    }
    let shown = loggable(name, &LoginConfig::default());
    Decision { program: Program { path: "/bin/login".into(), args, user: None }, utmp: None, name: shown }
}

fn is_root(name: &[u8]) -> bool {
    std::str::from_utf8(name).ok().and_then(account::user).is_some_and(|user| user.uid == 0)
}

/// A name as logs may show it: who types a password where the name is asked for must not find it there. A
/// name that neither the system nor login.config knows is shown by its length only.
fn loggable(name: &[u8], config: &LoginConfig) -> String {
    let plain = name.strip_prefix(b"\xff").unwrap_or(name);
    let known = plain.len() < name.len()
        || config.entries.iter().any(|entry| entry.key.as_bytes() == name)
        || std::str::from_utf8(name).ok().and_then(account::user).is_some();
    match plain.len() {
        0 => String::new(),
        _ if known || name == config::AUTO_PPP => visible::quoted_field(plain),
        length => format!("?{length}"),
    }
}

fn start(getty: &mut Getty, login: &Login, decision: &Decision) -> u8 {
    let Some(line) = getty.line.take() else { return Mgetty::Internal.code() };
    audit(getty, decision);
    if let Some(user) = &decision.utmp {
        let host = visible::quoted_field(&getty.session.caller().connect);
        getty.note(Kind::User, user, Some(&host));
    }
    let frame = getty.service.frame;
    let set = line.settings().and_then(|now| {
        let wanted = match &login.how {
            How::Typed(end) => now.for_login(*end).with_frame(frame),
            How::Ppp(_) => now.for_ppp(),
            How::AtOnce => now.for_name(),
            How::Fido => now.for_login(LineEnd::Cr).with_frame(frame),
            How::Unasked => now.for_prompting().with_frame(frame),
        };
        line.set(&wanted, When::Now)
    });
    if let Err(error) = set {
        getty.log.failed(Level::Error, "setting the line up for login failed", &error);
    }
    getty.remove_pid();
    getty.handover.stop();
    let mut begun = Begun {
        user: decision.name.clone(),
        program: visible::field(&decision.program.path),
        own_utmp: getty.told.own_utmp,
        frame: Vec::new(),
    };
    if let (How::Ppp(head), true) = (&login.how, is_pppd(&decision.program.path)) {
        begun.frame = head.clone();
        // What has come already need not wait for the watcher's turn on a busy machine.
        let mut rest = [0; 256];
        if let Ok(Input::Bytes(n)) = line.read(&mut rest) {
            begun.frame.extend_from_slice(rest.get(..n).unwrap_or(&[]));
        }
    }
    if getty.carrier_has_fallen_on(&line) {
        getty.call_over("carrier lost before the login");
        let dev_pid = getty.session.setup().dev_pid();
        getty.log.say(Level::Audit, format!("failed {dev_pid}, carrier lost before the login"));
        line.hang_up();
        return Mgetty::Signal.code();
    }
    if let Err(error) = line.hand_over() {
        getty.log.failed(Level::Error, "handing the line over failed", &error);
    }
    // The lock files stay, and name the program that follows; only if it does not they go with us.
    if let Some(lock) = &mut getty.lock {
        lock.let_go_of_line();
    }
    // A caller who hung up in these last moments: the default effect would not be his signal's any more.
    if let Some(signal) = getty.pending_signal() {
        getty.call_over("caller hung up before the login");
        getty.log.say(
            Level::Audit,
            format!("failed {}, got signal {}, exiting", getty.session.setup().dev_pid(), signal as i32),
        );
        return Mgetty::Signal.code();
    }
    getty.signals.restore();
    let _ = close_on_exec_from(3);
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let prompt = (login.how == How::Unasked)
        .then(|| greeting::expand(&getty.service.prompt, &getty.facts()))
        .map(|text| String::from_utf8_lossy(&text).into_owned());
    if nix::unistd::access(decision.program.path.as_str(), nix::unistd::AccessFlags::X_OK).is_ok() {
        tell_watcher(getty, &begun);
    }
    let call = Call {
        caller: getty.session.caller(),
        device: getty.service.name.device(),
        term: getty.service.term.as_deref(),
        tty_prompt: prompt.as_deref(),
        user: &login.name,
        called_back: getty.session.called_back(),
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

/// The session's end is the watcher's to write from now on.
fn tell_watcher(getty: &mut Getty, begun: &Begun) {
    let told = match &mut getty.watcher {
        Some(watcher) => watcher.session(begun),
        None => Err(std::io::ErrorKind::NotFound.into()),
    };
    match told {
        Ok(()) => {
            getty.told.call = None;
            getty.told.own_utmp = false;
        }
        Err(error) => {
            getty.log.failed(Level::Warn, "no watcher: the end of this call is not recorded", &error);
            getty.call_over("logged in");
        }
    }
}

/// Programs that take their first frame over from us: the others find what has not been read.
fn is_pppd(path: &str) -> bool {
    path.rsplit('/').next() == Some("pppd")
}

fn audit(getty: &mut Getty, decision: &Decision) {
    let who = getty.session.who();
    let text = format!(
        "data {}, {who}, cmd='{}', user='{}'",
        getty.session.setup().dev_pid(),
        visible::quoted_field(decision.program.path.as_bytes()),
        decision.name
    );
    getty.log.say(Level::Audit, text);
}

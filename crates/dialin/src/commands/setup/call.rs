//! The test call: the planned files in a private tree, two lines of an exchange of its own, the installed
//! mgetty and pppd. Mounts, processes and networks are private too; the real line is not touched.

use super::Wanted;
use crate::command::code;
use crate::draft::Draft;
use crate::lcp::{Caller, Stage};
use crate::places;
use crate::root::State;
use crate::session::{Session, say};
use anyhow::{Context, Result, anyhow, bail};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use ttyline::config::sections;
use ttyline::log::reason;
use ttyline::number::Fixed;
use ttyline::visible;

/// How long the call may take to be answered, and PPP to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// A scratch directory that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch> {
        let base = std::env::temp_dir();
        for n in 0..100 {
            let path = base.join(format!("dialin-call-{}-{n}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Scratch(path)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => bail!("{}: {}", path.display(), reason(&e)),
            }
        }
        bail!("{}: no room for a scratch directory", base.display())
    }

    fn make(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir_all(&path).map_err(|e| anyhow!("{}: {}", path.display(), reason(&e)))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the test.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An installed program; beside dialin itself if it is nowhere else.
fn installed(names: &[&str]) -> Result<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|p| Some(p.parent()?.join(Path::new(names.first()?).file_name()?)));
    let found = names.iter().map(PathBuf::from).chain(beside).find(|p| p.is_file());
    found.ok_or_else(|| anyhow!("{} is not installed", names.first().copied().unwrap_or_default()))
}

/// Writes the planned files of a directory into the scratch tree.
fn furnish(draft: &mut Draft<'_>, from: &str, to: &Path, wants: impl Fn(&str) -> bool) -> Result<()> {
    let mut names = draft.root().names(from)?;
    for edit in draft.edits() {
        if let Some(name) = edit.path.strip_prefix(from).and_then(|p| p.strip_prefix('/')) {
            names.push(name.to_string());
        }
    }
    names.sort();
    names.dedup();
    for name in names.iter().filter(|n| !n.contains('/') && wants(n)) {
        let path = format!("{from}/{name}");
        if draft.root().directory(&path).is_ok() {
            continue;
        }
        if let Some(bytes) = draft.read(&path)? {
            let mode = match draft.edits().iter().find(|e| e.path == path).map(|e| e.after.clone()) {
                Some(State::File(file)) => file.mode,
                _ => match draft.root().look(&path, true)? {
                    State::File(file) => file.mode,
                    _ => 0o600,
                },
            };
            put(&to.join(name), &bytes, mode)?;
        }
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let failed = |e: std::io::Error| anyhow!("{}: {}", path.display(), reason(&e));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)
}

/// Plays a call; gives what there is to tell.
///
/// # Errors
/// It was not answered, or the caller not let in.
pub fn rehearse(session: &Session, draft: &mut Draft<'_>, wanted: &Wanted) -> Result<Vec<String>> {
    if !session.root.is_host() {
        return Ok(vec!["none below --root: nothing runs there".into()]);
    }
    let exchange = installed(&["/usr/bin/exchange", "/usr/local/bin/exchange"])?;
    let mgetty = installed(&["/sbin/mgetty", "/usr/sbin/mgetty", "/usr/local/sbin/mgetty"])?;
    let scratch = Scratch::new()?;
    let (ends, etc, ppp) = (scratch.make("ends")?, scratch.make("mgetty")?, scratch.make("ppp")?);
    for dir in ["run/lock", "log/mgetty", "lib", "ppp/peers"] {
        scratch.make(dir)?;
    }
    let _ = fs::set_permissions(scratch.0.join("run/lock"), fs::Permissions::from_mode(0o1777));
    // A line for each call: none has to wait for what the one before has left.
    let mut guests: Vec<(&[u8], &[u8])> = Vec::new();
    if let Some((name, secret)) = wanted.accounts.first().filter(|_| wanted.autoppp) {
        guests.push((name.as_bytes(), secret));
    }
    // Whoever is let in, a stranger is not.
    guests.push((STRANGER, b"no secret"));
    let caller = ends.join("1");
    let mut command = Command::new(&exchange);
    for number in 1..=guests.len() + 1 {
        command.arg(format!("--line={number}={}", ends.join(number.to_string()).display()));
    }
    command.args(["--cadence=300ms", "--set=handshake=50ms"]);
    let _exchange =
        Guest(quiet(&mut command).spawn().map_err(|e| anyhow!("{}: {}", exchange.display(), reason(&e)))?);
    let mut lines = Vec::new();
    for number in 2..=guests.len() + 1 {
        let end = ends.join(number.to_string());
        let device = until("the exchange's line", || fs::read_link(&end).ok().filter(|_| caller.exists()))?;
        lines.push(device.strip_prefix("/dev").unwrap_or(&device).to_string_lossy().into_owned());
    }
    // The planned files, with the first line's settings for the exchange's.
    let first = wanted.lines.first().map_or("", String::as_str);
    furnish(draft, &session.places.mgetty, &etc, |_| true)?;
    furnish(draft, places::PPP, &ppp, |name| !name.starts_with("ip") && !name.starts_with("auth-"))?;
    furnish(draft, "/etc/ppp/peers", &ppp.join("peers"), |_| true)?;
    let mut config = draft.text(&session.places.mgetty_config())?;
    let options = draft.read(&places::line_options(first))?;
    for line in &lines {
        for (keyword, value) in sections::own(&config, first) {
            config = sections::with(&config, Some(line), &keyword, &value);
        }
        if let Some(options) = &options {
            put(&ppp.join(format!("options.{}", line.replace('/', "."))), options, 0o644)?;
        }
    }
    put(&etc.join("mgetty.config"), &config, 0o644)?;
    // Callers on the exchange have no numbers of the outside world.
    let _ = fs::remove_file(etc.join("dialin.config"));
    let mut gettys = Vec::new();
    for line in &lines {
        gettys.push(Guest(start(&mgetty, &scratch.0, &session.places.mgetty, line)?));
    }
    let mut modem = Modem::open(&caller)?;
    let mut told = Vec::new();
    for (((name, secret), line), number) in guests.into_iter().zip(&lines).zip(2..) {
        ready(&scratch.0, line);
        modem.order("ATZ", "OK")?;
        let connect =
            modem.order(&format!("ATD{number}"), "CONNECT").with_context(|| tail(&scratch.0, line))?;
        if told.is_empty() {
            told.push(format!("the line was answered: {connect}"));
        }
        if !wanted.autoppp {
            break;
        }
        let mut caller = Caller::new(name, secret);
        let heard = modem.ppp(&mut caller)?;
        match caller.stage {
            Stage::Silent | Stage::Agreeing if !Path::new("/dev/ppp").exists() => {
                told.push("mgetty recognised PPP and started pppd".into());
                told.push("pppd could go no further: this kernel has no PPP (/dev/ppp); `modprobe ppp_generic`, or another kernel".into());
                break;
            }
            Stage::Refused(said) if name == STRANGER => {
                told.push(format!("a stranger was refused, as he should be ({said})"));
            }
            Stage::Open | Stage::LetIn if name == STRANGER => {
                bail!("a stranger was let in: {}", caller.stage)
            }
            Stage::LetIn => told.push(format!("{} was let in", visible::field(name))),
            Stage::Asks(_) => {
                told.push(caller.stage.to_string());
                break;
            }
            other => {
                bail!("{other}; the line said `{}`. {}", visible::terminal(&heard), tail(&scratch.0, line))
            }
        }
        // The getty's end hangs the call up.
        drop(gettys.remove(0));
        modem.silence();
    }
    Ok(told)
}

/// A name that nobody has.
const STRANGER: &[u8] = b"nobody-of-this-name";

/// Waits until a getty waits for calls. The original tells nothing: then the call itself shows when it is ready.
fn ready(scratch: &Path, line: &str) {
    let state = scratch.join(format!("run/ringback/lines/{}.json", line.replace('/', "_")));
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end && !fs::read_to_string(&state).is_ok_and(|text| text.contains("\"idle\"")) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// mgetty in namespaces of its own.
fn start(mgetty: &Path, scratch: &Path, config_dir: &str, line: &str) -> Result<Child> {
    // $1 scratch, $2 mgetty's directory, $3 mgetty, $4 the line.
    const INSIDE: &str = "set -e\n\
        mount --bind \"$1/ppp\" /etc/ppp\n\
        mount --bind \"$1/log\" /var/log\n\
        mount --bind \"$1/lib\" /var/lib\n\
        own=\n\
        if [ -d \"$2\" ]; then mount --bind \"$1/mgetty\" \"$2\"; else own=--config-dir=$1/mgetty; fi\n\
        mount --bind \"$1/run\" /run\n\
        exec \"$3\" $own \"$4\"\n";
    let mut command = Command::new("unshare");
    let root = nix::unistd::geteuid().is_root();
    command.args([
        if root { "-mn" } else { "-rmn" },
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    command
        .args(["setsid", "sh", "-c", INSIDE, "dialin-call"])
        .arg(scratch)
        .arg(config_dir)
        .arg(mgetty)
        .arg(line);
    quiet(&mut command).spawn().map_err(|e| anyhow!("unshare (util-linux): {}", reason(&e)))
}

fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if Instant::now() > end {
            bail!("waited for {what} in vain");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The end of the getty's log, for the message.
fn tail(scratch: &Path, line: &str) -> String {
    let path = scratch.join(format!("log/mgetty/mg_{}.log", line.replace('/', "-")));
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    if last.is_empty() {
        "mgetty wrote no log".into()
    } else {
        format!("mgetty's log ends: {}", last.into_iter().rev().collect::<Vec<_>>().join(" / "))
    }
}

/// The caller's modem.
struct Modem(File);

impl Modem {
    fn open(path: &Path) -> Result<Modem> {
        let failed = |e: std::io::Error| anyhow!("{}: {}", path.display(), reason(&e));
        let flags = nix::fcntl::OFlag::O_NOCTTY | nix::fcntl::OFlag::O_NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(path)
            .map_err(failed)?;
        let mut settings = tcgetattr(&file).map_err(|e| failed(e.into()))?;
        cfmakeraw(&mut settings);
        tcsetattr(&file, SetArg::TCSANOW, &settings).map_err(|e| failed(e.into()))?;
        Ok(Modem(file))
    }

    /// What has come, without waiting long.
    fn hear(&mut self) -> Vec<u8> {
        let mut room = [0; 2048];
        match self.0.read(&mut room) {
            Ok(n) if n > 0 => room.get(..n).unwrap_or_default().to_vec(),
            _ => {
                std::thread::sleep(Duration::from_millis(10));
                Vec::new()
            }
        }
    }

    /// Hears the end of the call, and nothing after it.
    fn silence(&mut self) {
        let mut heard = Vec::new();
        let mut end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            heard.extend(self.hear());
            if String::from_utf8_lossy(&heard).contains("NO CARRIER") {
                heard.clear();
                end = Instant::now() + Duration::from_millis(100);
            }
        }
    }

    /// A command, until a line with the wanted word comes.
    fn order(&mut self, command: &str, wanted: &str) -> Result<String> {
        self.0
            .write_all(format!("{command}\r").as_bytes())
            .map_err(|e| anyhow!("the modem: {}", reason(&e)))?;
        let end = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        while Instant::now() < end {
            heard.extend(self.hear());
            let text = String::from_utf8_lossy(&heard).into_owned();
            let mut whole =
                text.split_inclusive(['\r', '\n']).filter(|l| l.ends_with(['\r', '\n'])).map(str::trim);
            if let Some(line) = whole.clone().find(|l| l.starts_with(wanted)) {
                return Ok(line.to_string());
            }
            if let Some(bad) =
                whole.find(|l| matches!(*l, "NO CARRIER" | "BUSY" | "NO ANSWER" | "NO DIALTONE" | "ERROR"))
            {
                bail!("the call ended with {bad}");
            }
        }
        bail!("no {wanted} in {} s", PATIENCE.as_secs())
    }

    /// Speaks PPP until the caller knows; gives the text that came in between.
    fn ppp(&mut self, caller: &mut Caller) -> Result<Vec<u8>> {
        // Without PPP in the kernel pppd ends at once, and it is the hang-up that is waited for.
        let end =
            Instant::now() + if Path::new("/dev/ppp").exists() { PATIENCE } else { Duration::from_secs(10) };
        let (mut heard, mut again) = (Vec::new(), Instant::now());
        while Instant::now() < end && !caller.is_done() {
            if Instant::now() >= again {
                let _ = self.0.write_all(&caller.begin());
                again = Instant::now() + Duration::from_secs(2);
            }
            let bytes = self.hear();
            let answer = caller.take(&bytes);
            if !answer.is_empty() {
                self.0.write_all(&answer).map_err(|e| anyhow!("the modem: {}", reason(&e)))?;
            }
            heard.extend(bytes);
            if String::from_utf8_lossy(&heard).contains("NO CARRIER") {
                break;
            }
            let most = 300;
            if heard.len() > 4 * most {
                heard.drain(..heard.len() - most);
            }
        }
        let _ = self.0.write_all(&Caller::end());
        Ok(heard)
    }
}

/// Whether a number can be called at all.
///
/// # Errors
/// It is none, or nothing runs here.
pub fn check(session: &Session, number: &str) -> Result<Fixed> {
    if !session.root.is_host() {
        bail!("--call: below --root nothing runs; nothing was changed");
    }
    Fixed::parse(number.as_bytes()).map_err(|e| anyhow!("--call: {e}; nothing was changed"))
}

/// A real call, from the last line to a number.
///
/// # Errors
/// The number cannot be dialled.
pub fn real(session: &Session, wanted: &Wanted, number: &str) -> Result<u8> {
    let number = check(session, number)?;
    let line = wanted.lines.last().map_or("", String::as_str);
    let chat = installed(&["/usr/sbin/chat"])?;
    let dial = format!("ATDT{}", number.as_str());
    let status = Command::new(&chat)
        .args([
            "--device",
            &format!("/dev/{line}"),
            "--lock",
            "--why",
            "ABORT",
            "BUSY",
            "ABORT",
            "NO CARRIER",
            "ABORT",
            "NO DIALTONE",
        ])
        .args(["", "ATZ", "OK", &dial, "TIMEOUT", "90", "CONNECT", "\\c"])
        .status()
        .map_err(|e| anyhow!("{}: {}", chat.display(), reason(&e)))?;
    if status.success() {
        if !session.json {
            say(format!("{} answered", number.as_str()));
        }
        return Ok(code::DONE);
    }
    bail!("the call to {} failed; the files are in place", number.as_str())
}

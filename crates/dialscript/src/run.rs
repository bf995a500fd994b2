//! The program: what is asked for, what is set up for it, what is put back.

use crate::args::{self, Job, Over, Run, Source};
use crate::check;
use crate::compile::{self, Program};
use crate::explain;
use crate::journal::Journal;
use crate::lexer::{Fault, LONGEST_SCRIPT, Place};
use crate::machine::{Ending, Known, Machine};
use crate::parser;
use crate::play::{End, Surroundings, play};
use crate::port;
use crate::syntax::Port;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;
use ttyline::log::reason;
use ttyline::settings::Settings;
use ttyline::sys::termios::{self, When};
use ttyline::talk::line::Line as Dialogue;
use ttyline::talk::replay::Replay;
use ttyline::talk::trace::Trace;
use ttyline::talk::tty::{self, Device, Tty};
use ttyline::visible;
use ttyline::way_out;

/// The longest user name or password, bytes.
const LONGEST_SECRET: u64 = 1024;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The script came to the end of `main`; nothing was found by `--check`.
    Done = 0,
    /// Usage; a script that cannot be run; something found by `--check`.
    Usage = 1,
    /// A failed system call, or a signal.
    System = 2,
    /// The line was hung up, or the time of `--limit` was over.
    Line = 3,
    /// `halt`.
    Halted = 4,
    /// The script did something that cannot be done.
    Broken = 5,
}

/// A message for descriptor 2, and the exit status.
struct Stop(Exit, String);

/// The whole program.
#[must_use]
pub fn main(arguments: Vec<OsString>) -> Exit {
    let options = match args::read(arguments) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let result = match options.job {
        Job::Check(json) => check_only(&options.script, json),
        Job::Run(run) => run_script(&options.script, &run),
    };
    match result {
        Ok(exit) => exit,
        Err(Stop(exit, text)) => {
            say(&text);
            exit
        }
    }
}

/// Writes a message to descriptor 2; that it cannot be written is nobody's business.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "dialscript: {text}");
}

fn shown(path: &Path) -> String {
    visible::terminal(path.display().to_string())
}

fn read_script(path: &Path) -> Result<Vec<u8>, Stop> {
    let unreadable = |e: io::Error| Stop(Exit::Usage, format!("{}: {}", shown(path), reason(&e)));
    let mut text = Vec::new();
    // One byte more than is allowed, so that the lexer sees that it is too long.
    let most = LONGEST_SCRIPT as u64 + 1;
    File::open(path).map_err(unreadable)?.take(most).read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn check_only(path: &Path, json: bool) -> Result<Exit, Stop> {
    let findings = check::check(&read_script(path)?);
    let mut out = String::new();
    for finding in &findings {
        if json {
            let object = serde_json::json!({
                "file": path.display().to_string(), "line": finding.place.line, "column": finding.place.column,
                "severity": finding.severity.name(), "text": finding.text,
            });
            out.push_str(&object.to_string());
        } else {
            let at = explain::place(path, finding.place);
            out.push_str(&format!("{at}: {}: {}", finding.severity.name(), finding.text));
        }
        out.push('\n');
    }
    if io::stdout().write_all(out.as_bytes()).is_err() {
        return Ok(Exit::System);
    }
    Ok(if check::bad(&findings) { Exit::Usage } else { Exit::Done })
}

fn read_program(path: &Path) -> Result<Program, Stop> {
    let refused = |faults: Vec<Fault>| {
        let all: Vec<String> =
            faults.iter().map(|f| format!("{}: {}", explain::place(path, f.place), f.text)).collect();
        Stop(Exit::Usage, all.join("\ndialscript: "))
    };
    let tree = parser::parse(&read_script(path)?).map_err(refused)?;
    compile::compile(&tree).map_err(refused)
}

/// The first line of a file, or a variable of the environment.
fn secret(source: &Source, variable: &str, option: &str) -> Result<Option<Vec<u8>>, Stop> {
    match source {
        Source::Given(name) => Ok(Some(name.clone().into_vec())),
        Source::Environment => Ok(std::env::var_os(variable).map(OsStringExt::into_vec)),
        Source::File(path) => {
            let fault = |e: io::Error| Stop(Exit::Usage, format!("{option} {}: {}", shown(path), reason(&e)));
            let file = File::open(path).map_err(fault)?;
            let mode = file.metadata().map_err(fault)?.permissions().mode();
            if option == "--password-file" && mode & 0o004 != 0 {
                say(&format!("{option} {}: everybody may read it (chmod 600)", shown(path)));
            }
            let mut text = Vec::new();
            file.take(LONGEST_SECRET + 1).read_to_end(&mut text).map_err(fault)?;
            let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() as u64 > LONGEST_SECRET {
                return Err(Stop(
                    Exit::Usage,
                    format!("{option} {}: the first line is too long", shown(path)),
                ));
            }
            Ok(Some(line.to_vec()))
        }
    }
}

/// What the script may ask for, or what to do to have it.
fn known(script: &Path, program: &Program, run: &Run) -> Result<Known, Stop> {
    let missing = |used: Option<Place>, name: &str, how: &str| {
        let at = used.map_or(String::new(), |p| format!("{}: ", explain::place(script, p)));
        Stop(Exit::Usage, format!("{at}the script uses ${name}, which is not given: {how}"))
    };
    let userid = secret(&run.user, "DIALSCRIPT_USERID", "--user-file")?;
    let password = secret(&run.password, "DIALSCRIPT_PASSWORD", "--password-file")?;
    if program.userid.is_some() && userid.is_none() {
        return Err(missing(program.userid, "USERID", "--user, --user-file or DIALSCRIPT_USERID"));
    }
    if program.password.is_some() && password.is_none() {
        return Err(missing(program.password, "PASSWORD", "--password-file or DIALSCRIPT_PASSWORD"));
    }
    Ok(Known { userid: userid.unwrap_or_default(), password: password.unwrap_or_default(), limit: run.limit })
}

/// A run that is ready to begin.
struct Ready<'a> {
    script: &'a Path,
    run: &'a Run,
    machine: Machine,
    journal: Journal,
}

fn run_script(script: &Path, run: &Run) -> Result<Exit, Stop> {
    let program = read_program(script)?;
    let known = known(script, &program, run)?;
    let trace = match &run.trace {
        None => None,
        Some(path) => {
            let fault = |e: io::Error| Stop(Exit::Usage, format!("--trace {}: {}", shown(path), reason(&e)));
            Some(Trace::create(path, "dialscript").map_err(fault)?)
        }
    };
    let mut journal = Journal::new(trace);
    for value in [&known.userid, &known.password] {
        journal.hide_both(value);
    }
    let ready = Ready { script, run, machine: Machine::new(program, known), journal };
    match &run.over {
        Over::Replay(path) => ready.on_recording(path),
        Over::Standard => ready.on_standard(),
        Over::Device(device) => ready.on_device(device),
    }
}

impl Ready<'_> {
    fn on_recording(mut self, path: &Path) -> Result<Exit, Stop> {
        let fault = |text: String| Stop(Exit::Usage, format!("--replay {}: {text}", shown(path)));
        let mut line = Replay::load(path).map_err(fault)?;
        let mut nothing = Recording { address: self.run.address.clone() };
        let (end, place) = play(&mut self.machine, &mut line, &mut self.journal, &mut nothing);
        let exit = self.tell(&end, place, &line);
        if let Some(text) = line.difference() {
            say(&format!("--replay {}: {text}", shown(path)));
        }
        Ok(exit)
    }

    /// Descriptors 0 and 1.
    fn on_standard(self) -> Result<Exit, Stop> {
        tty::catch_signals();
        let found = tty::prepare(Settings::for_dialscript).map_err(|(verb, e)| match verb {
            "get" => Stop(
                Exit::System,
                format!(
                    "descriptor 0 is no line: {}; start me from pppd's connect, with <DEV >DEV, or with --device DEV",
                    reason(&e)
                ),
            ),
            _ => unset(e),
        })?;
        self.on_tty(found, found.for_dialscript())
    }

    /// A device of our own, which takes the place of descriptors 0 and 1.
    fn on_device(self, device: &Device) -> Result<Exit, Stop> {
        tty::catch_signals();
        // Held until the end: the lock, and what is restored.
        let (line, _lock) = tty::open(device, Settings::for_dialscript)
            .map_err(|text| Stop(Exit::System, format!("--device {}: {text}", shown(&device.path))))?;
        let wanted = line.settings().map_err(unset)?;
        self.on_tty(*line.found(), wanted)
    }

    /// On descriptors 0 and 1, which are set as `wanted` and had the settings `found`.
    fn on_tty(mut self, found: Settings, wanted: Settings) -> Result<Exit, Stop> {
        let noted = way_out::note(move || drop(tty::restore(&found)));
        let mut line = Tty::new(Instant::now());
        let mut around = Terminal { settings: wanted, changed: false, address: self.run.address.clone() };
        let (end, place) = play(&mut self.machine, &mut line, &mut self.journal, &mut around);
        // The last bytes sent go out with the settings they were sent with; but a line that is stopped must
        // not keep us here without need. After a hang-up it fails, and that has been told by the end.
        let restored =
            termios::set(io::stdin(), &found, if around.changed { When::Drained } else { When::Now });
        drop(noted);
        let exit = self.tell(&end, place, &line);
        match restored {
            Err(e) if exit == Exit::Done => {
                Err(Stop(Exit::System, format!("the line cannot be set back: {}", reason(&e))))
            }
            _ => Ok(exit),
        }
    }

    fn tell(&mut self, end: &End, place: Place, line: &dyn Dialogue) -> Exit {
        let exit = match end {
            End::Machine(Ending::Done) => Exit::Done,
            End::Machine(Ending::Halted) => Exit::Halted,
            End::Machine(Ending::HungUp | Ending::Limit) => Exit::Line,
            End::Machine(Ending::Broken(_)) => Exit::Broken,
            End::Signal(_) | End::Failed(_) => Exit::System,
        };
        if let Some(error) = self.journal.over(&explain::ending(end), exit as u8, line.now()) {
            say(&format!("--trace: {error}"));
        }
        if self.run.explain {
            let table = explain::table(&self.journal, self.script, exit as u8, line.now());
            let _ = io::stderr().write_all(table.as_bytes());
        }
        if exit != Exit::Done {
            let more = self.run.why || std::env::var_os("DIALSCRIPT_WHY").is_some_and(|v| v == "1");
            let text = explain::why(&self.journal, end, more);
            say(&format!("{}: {text}", explain::place(self.script, place)));
        }
        exit
    }
}

fn unset(error: io::Error) -> Stop {
    Stop(Exit::System, format!("the line cannot be set: {}", reason(&error)))
}

/// A line's settings and the file for the address.
struct Terminal {
    settings: Settings,
    /// `set port` was used.
    changed: bool,
    address: Option<PathBuf>,
}

impl Surroundings for Terminal {
    fn port(&mut self, port: Port) -> Result<(), String> {
        self.settings = port::set(self.settings, port);
        self.changed = true;
        // What was sent before goes out with the old settings.
        termios::set(io::stdin(), &self.settings, When::Drained)
            .map_err(|e| format!("set port {port}: {}", reason(&e)))
    }

    fn address(&mut self, address: Ipv4Addr) -> Result<(), String> {
        write_address(self.address.as_deref(), address)
    }
}

struct Recording {
    address: Option<PathBuf>,
}

impl Surroundings for Recording {
    fn port(&mut self, _port: Port) -> Result<(), String> {
        Ok(())
    }

    fn address(&mut self, address: Ipv4Addr) -> Result<(), String> {
        write_address(self.address.as_deref(), address)
    }
}

fn write_address(path: Option<&Path>, address: Ipv4Addr) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, format!("{address}\n"))
        .map_err(|e| format!("--ipaddr-file {}: {}", shown(path), reason(&e)))
}

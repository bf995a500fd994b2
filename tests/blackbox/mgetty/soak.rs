//! Call after call on the exchange, on several lines at once: none is lost, nothing is left behind.
//!
//! A fixed slice here; `scripts/campaign soak` runs thousands (`SOAK_CALLS`, `SOAK_SEED`, `SOAK_TABLE`).

use super::*;
use ringback_tests::mortal;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Lines with a getty each; the first is called only by whom it refuses, so that its getty lives through all of it.
const LINES: usize = 6;
/// Calls in the ordinary tests.
const SLICE: usize = 60;
/// A call is lost when nothing of what ought to come has come by then.
const LOST: &str = "40s";

/// No wait that can be left out; caller ID comes between the first and the second ring. A refused caller's ring may
/// be late on a busy machine, and is no other call's for that.
const CONFIG: &str = "data-only yes\ntoggle-dtr no\nissue-file none\nprompt-waittime 0\nconnect-drain 0\n\
    init-drain 0\nready-drain 0\ncommand-delay 0\nrefused-drain 3000\nrings 2\n\
    init-chat \"\" ATQ0V1H0E0 OK AT+VCID=1 OK\n";

/// The exchange and the gettys, on ptys of their own: a getty that has lost its pty (another test's, say) tries its
/// name again and again, which may be our line's by then.
const START: &str = r#"
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts && mount --bind /dev/pts/ptmx /dev/ptmx || exit 99
EXCHANGE &
while [ ! -S SOCKET ]; do sleep 0.05; done
exec GETTYS "$@"
"#;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Logs in and ends the session.
    Login,
    /// Logs in and hangs up.
    HangsUp,
    /// Begins with a PPP frame.
    Ppp,
    /// Hangs up with half a name typed.
    HalfName,
    /// Hangs up before the answer.
    OneRing,
    /// Calls from a number that is refused.
    Refused,
}

/// xorshift64 (Marsaglia): the same calls for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn kind(&mut self, before: Kind) -> Kind {
        match self.below(100) {
            // A ring too many would let the next caller in before his number is known.
            _ if before == Kind::OneRing => Kind::Login,
            0..30 => Kind::Login,
            30..50 => Kind::HangsUp,
            50..75 => Kind::Ppp,
            75..83 => Kind::HalfName,
            83..88 => Kind::OneRing,
            _ => Kind::Refused,
        }
    }
}

struct Bench {
    /// Killed when the bench goes.
    _running: Running,
    sandbox: Sandbox,
    /// Below /dev, where gettys look for their lines.
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let dir =
            tempfile::Builder::new().prefix("ringback-soak-").tempdir_in("/dev/shm").expect("a directory");
        let sandbox = Sandbox::new();
        sandbox.write_etc("mgetty.config", CONFIG, 0o644);
        sandbox.write_etc("dialin.config", "!66\n", 0o644);
        let login = sandbox.script("login", "echo \"<<hello $1>>\"\nread answer\n");
        // Both wait for the caller: where a pty ends, what is not read yet goes with the getty's hang-up.
        let ppp = sandbox.script("ppp", "echo '<<frame>>'\nread answer\n");
        let entries = format!("/AutoPPP/ - ppp {}\n* - @ {} @\n", ppp.display(), login.display());
        sandbox.write_etc("login.config", &entries, 0o600);
        let path = dir.path().display();
        let mut exchange: Vec<String> = mortal::words().map(str::to_string).collect();
        exchange.push(ringback_tests::subject::ours("exchange").display().to_string());
        for line in 0..LINES {
            exchange.push(format!("--line=10{line}={path}/line{line} --far=50{line} --far=66{line}"));
        }
        exchange.push(format!("--set=handshake=20ms --set=s11=5 --cadence=150ms --control {path}/ctl"));
        if std::env::var_os("SOAK_KEEP").is_some() {
            exchange.push(format!("--log {path}/log"));
        }
        let gettys = sandbox.respawner(&subject("mgetty").path, "", "0");
        let script = START.replace("EXCHANGE", &exchange.join(" ")).replace("SOCKET", &format!("{path}/ctl"));
        let script = sandbox.script("bench", &script.replace("GETTYS", &gettys.display().to_string()));
        let names: Vec<String> = (0..LINES).map(|line| Bench::name(dir.path(), line)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let running = sandbox.start(&script, &names);
        wait::until("the exchange", || UnixStream::connect(dir.path().join("ctl")).ok());
        Bench { _running: running, sandbox, dir }
    }

    /// A line's name below /dev.
    fn name(dir: &Path, line: usize) -> String {
        format!("{}/line{line}", dir.strip_prefix("/dev").expect("in /dev").display())
    }

    /// The getty of a line, once it waits.
    fn idle(&self, line: usize) -> Idle {
        let name = Bench::name(self.dir.path(), line).replace('/', "_");
        let (state, lock) = (format!("ringback/lines/{name}.json"), format!("LCK..{name}"));
        let (state, lock) = (self.sandbox.run(&state), self.sandbox.lock(&lock));
        let waits = || {
            let told: serde_json::Value = serde_json::from_str(&fs::read_to_string(&state).ok()?).ok()?;
            let idle = told["state"] == "idle" && !lock.exists();
            if idle { Idle::of(i32::try_from(told["pid"].as_i64()?).ok()?) } else { None }
        };
        wait::until_within(ms(30_000), waits).unwrap_or_else(|| {
            let log = self.sandbox.log_text(&self.log(line));
            let end: Vec<&str> = log.lines().rev().take(12).collect();
            panic!("line {line} does not wait: {:?}\n{end:#?}", fs::read_to_string(&state))
        })
    }

    /// Processes that live in the sandbox, with their names.
    fn processes(&self) -> Vec<(i32, String)> {
        let name = |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
        let named = |pid: nix::unistd::Pid| Some((pid.as_raw(), name(pid.as_raw())?.trim().to_string()));
        self.sandbox.processes().into_iter().filter_map(named).collect()
    }

    fn log(&self, line: usize) -> String {
        format!("mg_{}.log", Bench::name(self.dir.path(), line).replace('/', "-"))
    }

    /// Callers that were refused on a line so far.
    fn denied(&self, line: usize) -> usize {
        self.sandbox.log_text(&self.log(line)).matches("##### denied caller dev=").count()
    }

    /// Keeps the logs of a line that went wrong (`SOAK_KEEP`).
    fn keep(&self, line: usize, when: impl std::fmt::Display) {
        let Some(directory) = std::env::var_os("SOAK_KEEP").map(std::path::PathBuf::from) else { return };
        let _ = fs::create_dir_all(&directory);
        let log = self.sandbox.log(&self.log(line));
        let _ = fs::copy(log, directory.join(format!("{when}-line{line}.log")));
        let _ = fs::copy(self.dir.path().join("log"), directory.join(format!("{when}-exchange.jsonl")));
    }

    fn exchange_descriptors(&self) -> usize {
        let exchange =
            self.processes().into_iter().find(|(_, name)| name == "exchange").expect("the exchange");
        fs::read_dir(format!("/proc/{}/fd", exchange.0)).expect("descriptors").count()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.sandbox.end();
    }
}

/// What a waiting getty holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Idle {
    pid: i32,
    descriptors: usize,
    /// Memory of its own, kB.
    memory: usize,
}

impl Idle {
    fn of(pid: i32) -> Option<Idle> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        let memory = memory.trim().trim_end_matches(" kB").parse().ok()?;
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Idle { pid, descriptors, memory })
    }
}

/// Orders of one caller, over a socket of his own.
struct Caller {
    socket: BufReader<UnixStream>,
}

impl Caller {
    fn new(bench: &Bench) -> Caller {
        let socket = UnixStream::connect(bench.dir.path().join("ctl")).expect("the control socket");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        Caller { socket: BufReader::new(socket) }
    }

    /// Gives all orders at once: each is carried out the moment the one before is done, however busy this process
    /// is. Gives what went wrong first.
    fn orders(&mut self, orders: &[String]) -> Result<(), String> {
        writeln!(self.socket.get_mut(), "{}", orders.join("\n")).map_err(|e| e.to_string())?;
        for order in orders {
            let mut answer = String::new();
            self.socket.read_line(&mut answer).map_err(|e| e.to_string())?;
            if !answer.starts_with("ok") {
                return Err(format!("{order}: {}", answer.trim_end()));
            }
        }
        Ok(())
    }

    /// One call; what went wrong.
    fn call(&mut self, bench: &Bench, line: usize, kind: Kind, number: usize) -> Result<(), String> {
        let from = if kind == Kind::Refused { format!("66{line}") } else { format!("50{line}") };
        let mut orders = vec![format!("dial {from} 10{line}")];
        let mut add = |order: String| orders.push(order);
        match kind {
            Kind::Login | Kind::HangsUp => {
                add(format!("expect {from} {LOST} login: "));
                add(format!("type {from} caller{number}\\r"));
                add(format!("expect {from} {LOST} <<hello caller{number}>>"));
                add(if kind == Kind::Login {
                    format!("type {from} bye\\r")
                } else {
                    format!("hangup {from}")
                });
            }
            Kind::Ppp => {
                add(format!("wait {from} connected {LOST}"));
                add(format!("type {from} ~\\xff}}#\\xc0!}}!}}!}} }}4~"));
                add(format!("expect {from} {LOST} <<frame>>"));
                add(format!("type {from} bye\\r"));
            }
            Kind::HalfName => {
                add(format!("expect {from} {LOST} login: "));
                add(format!("type {from} cal"));
                add(format!("hangup {from}"));
            }
            Kind::OneRing => {
                add(format!("wait 10{line} rings=1 {LOST}"));
                add(format!("hangup {from}"));
            }
            Kind::Refused => {
                add(format!("wait 10{line} rings=4 {LOST}"));
                add(format!("hangup {from}"));
            }
        }
        add(format!("wait {from} idle {LOST}"));
        add(format!("wait 10{line} idle {LOST}"));
        let result = self.orders(&orders);
        if result.is_err() {
            // What was still to be done goes with the connection.
            *self = Caller::new(bench);
            let _ = self.orders(&[format!("hangup {from}")]);
        }
        result
    }
}

fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn no_call_is_lost_and_nothing_is_left() {
    if subject("mgetty").original {
        return;
    }
    let (calls, seed) = (setting("SOAK_CALLS", SLICE), setting("SOAK_SEED", 1));
    let bench = Bench::new();
    let before: Vec<Idle> = (0..LINES).map(|line| bench.idle(line)).collect();
    let exchange_before = bench.exchange_descriptors();
    let (made, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let lost = std::sync::Mutex::new(Vec::new());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for line in 0..LINES {
            let (bench, made, refused, lost) = (&bench, &made, &refused, &lost);
            scope.spawn(move || {
                let mut caller = Caller::new(bench);
                let mut chance =
                    Chance((seed as u64 * 1_000_003 + line as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let mut kind = Kind::Login;
                loop {
                    let number = made.fetch_add(1, Ordering::Relaxed);
                    // The last call of a line is no lone ring, which takes it 10 s to get over.
                    let last = number + 2 * LINES >= calls;
                    if number >= calls {
                        return;
                    }
                    let next = chance.kind(kind);
                    kind = if line == 0 { Kind::Refused } else { next };
                    if last && kind == Kind::OneRing {
                        kind = Kind::Login;
                    }
                    refused.fetch_add(usize::from(kind == Kind::Refused), Ordering::Relaxed);
                    // All four rings are to be heard.
                    let denied = bench.denied(line);
                    if kind == Kind::Refused {
                        bench.idle(line);
                    }
                    let mut result = caller.call(bench, line, kind, number);
                    // The next one is another call only when this one's last ring is long past.
                    if kind == Kind::Refused {
                        let told = || (bench.denied(line) > denied).then_some(());
                        let told = wait::until_within(ms(30_000), told);
                        result = result.and(told.ok_or("it was not refused".to_string()));
                        bench.idle(line);
                    }
                    if let Err(why) = result {
                        bench.keep(line, number);
                        lost.lock()
                            .expect("a list")
                            .push(format!("call {number}, line {line}, {kind:?}: {why}"));
                    }
                }
            });
        }
    });
    let seconds = start.elapsed().as_secs();
    let lost = lost.into_inner().expect("a list");
    let refused = refused.into_inner();
    // A page or two may be touched by the first call; a file may be open for a moment.
    let same = |before: &Idle, after: &Idle| {
        after.descriptors <= before.descriptors && after.memory <= before.memory + 64
    };
    let after: Vec<Idle> = (0..LINES)
        .map(|line| {
            let calm = || Some(bench.idle(line)).filter(|after| same(&before[line], after));
            wait::until_within(wait::PATIENCE, calm).unwrap_or_else(|| bench.idle(line))
        })
        .collect();
    let mut left = Vec::new();
    for (line, (before, after)) in before.iter().zip(&after).enumerate() {
        if !same(before, after) {
            left.push(format!("line {line}: {before:?}, then {after:?}"));
        }
    }
    if before[0].pid != after[0].pid {
        left.push("the getty that only refuses did not live through it".into());
    }
    // The lock of a session that is over names nobody; it is replaced where its device is used again, and a pty
    // that was hung up never is.
    for lock in fs::read_dir(bench.sandbox.run("lock")).expect("locks").flatten() {
        let owner = fs::read_to_string(lock.path()).unwrap_or_default();
        let name = lock.file_name().to_string_lossy().into_owned();
        if Path::new(&format!("/proc/{}", owner.trim())).exists() || !name.starts_with("LCK..pts_") {
            left.push(format!("lock {name} of {owner}"));
        }
    }
    // A program that has ended may be on its way out still.
    let strangers = || {
        let count = |name: &str| bench.processes().iter().filter(|(_, found)| found == name).count();
        (count("mgetty") != LINES || bench.processes().len() > 2 * LINES + 2).then(|| bench.processes())
    };
    if wait::until_within(wait::PATIENCE, || strangers().is_none().then_some(())).is_none() {
        left.push(format!("processes: {:?}", strangers()));
    }
    let exchange_after = bench.exchange_descriptors();
    if exchange_after > exchange_before + LINES {
        left.push(format!("descriptors of the exchange: {exchange_before}, then {exchange_after}"));
    }
    let denied: usize = (0..LINES).map(|line| bench.denied(line)).sum();
    if denied < refused {
        left.push(format!("{refused} callers were to be refused, the log tells of {denied}"));
    }
    if !left.is_empty() {
        (0..LINES).for_each(|line| bench.keep(line, "end"));
    }
    if let Some(table) = std::env::var_os("SOAK_TABLE") {
        let mut row = format!("{seed} {calls} {} {refused} {} {seconds}", calls - lost.len(), lost.len());
        for (name, value) in [
            ("left", left.len()),
            ("memory", after.iter().map(|idle| idle.memory).max().unwrap_or(0)),
            ("descriptors", after.iter().map(|idle| idle.descriptors).max().unwrap_or(0)),
        ] {
            let _ = write!(row, " {name}={value}");
        }
        let file = fs::File::options().append(true).create(true).open(table);
        writeln!(file.expect("the table"), "{row}").expect("a row");
    }
    assert!(lost.is_empty() && left.is_empty(), "lost: {lost:#?}\nleft: {left:#?}");
}

//! `scripts/bench exchange`: the exchange's bars, measured.
//!
//! 1. An unpaced call against a C copy loop between two ptys, in turns, medians and their ratio.
//! 2. 500 simultaneous calls over 1000 ptys, each paced at 33600 bit/s both ways: processor time,
//!    private memory, jitter, and every byte checked.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RATE: u32 = 33_600;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn open(path: &Path) -> File {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK)
        .open(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut settings = tcgetattr(&file).expect("settings");
    cfmakeraw(&mut settings);
    tcsetattr(&file, SetArg::TCSANOW, &settings).expect("raw");
    file
}

fn wait_for(file: &File, flags: PollFlags) -> bool {
    poll(&mut [PollFd::new(file.as_fd(), flags)], PollTimeout::from(10_000u16)).is_ok_and(|n| n > 0)
}

fn write_all(mut file: &File, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                assert!(wait_for(file, PollFlags::POLLOUT), "nobody reads");
            }
            Err(e) => panic!("write: {e}"),
        }
    }
}

fn read_until(mut file: &File, text: &str) {
    let (mut got, mut piece) = (Vec::new(), [0; 256]);
    while !String::from_utf8_lossy(&got).contains(text) {
        assert!(wait_for(file, PollFlags::POLLIN), "no {text:?}, but {:?}", String::from_utf8_lossy(&got));
        match file.read(&mut piece) {
            Ok(n) => got.extend(&piece[..n]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => panic!("read: {e}"),
        }
    }
}

/// Byte number `place` of the stream with that number: no two streams are alike, and no piece of
/// one can be missing, double or elsewhere without being seen.
fn byte(stream: usize, place: u64) -> u8 {
    let mixed = (place ^ (stream as u64) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

/// Moves `amount` bytes from one line to the other; gives megabytes a second.
fn transfer(from: &Path, to: &Path, amount: usize) -> f64 {
    let (from, to) = (open(from), open(to));
    let data: Vec<u8> = (0..amount as u64).map(|place| byte(0, place)).collect();
    let sent = data.clone();
    let start = Instant::now();
    let writer = std::thread::spawn(move || {
        write_all(&from, &sent);
        from
    });
    let (mut got, mut place) = (vec![0; 65536], 0);
    while place < amount {
        match (&to).read(&mut got) {
            Ok(n) => {
                assert!(got[..n] == data[place..place + n], "damaged at {place}");
                place += n;
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                assert!(wait_for(&to, PollFlags::POLLIN), "stalled")
            }
            Err(e) => panic!("read: {e}"),
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    drop(writer.join().expect("writer"));
    amount as f64 / seconds / 1e6
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn copy_loop(work: &Path) -> PathBuf {
    let program = work.join("copy");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/exchange_copy.c");
    let built = Command::new("cc").args(["-O2", "-o"]).arg(&program).arg(source).status();
    assert!(built.is_ok_and(|s| s.success()), "cc is needed for the C copy loop");
    program
}

fn exchange(arguments: &[String]) -> Killed {
    let program = std::env::var_os("EXCHANGE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/exchange"),
        PathBuf::from,
    );
    let child =
        Command::new(program).args(arguments).stdin(Stdio::null()).spawn().expect("start the exchange");
    Killed(child)
}

fn appears(path: &Path) {
    let end = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < end, "{} does not appear", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn unpaced(work: &Path) {
    let program = copy_loop(work);
    let amount = 32_000_000;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..7 {
        let mut child =
            Killed(Command::new(&program).stdout(Stdio::piped()).spawn().expect("start the copy loop"));
        let mut names = BufReader::new(child.0.stdout.take().expect("its output")).lines();
        let mut name = || PathBuf::from(names.next().expect("a name").expect("a name"));
        let (one, two) = (name(), name());
        theirs.push(transfer(&one, &two, amount));
        drop(child);
        let line = |name: &str| work.join(format!("{name}{round}"));
        let (caller, called) = (line("caller"), line("called"));
        let _exchange = exchange(&[
            format!("--line=1={}", caller.display()),
            format!("--line=2={}", called.display()),
            "--set=s0=1".into(),
            "--set=handshake=0".into(),
            "--set=answer-delay=0".into(),
        ]);
        appears(&called);
        let (held, held_too) = (open(&called), open(&caller));
        write_all(&held_too, b"ATE0DT2\r");
        read_until(&held, "CONNECT 33600\r\n");
        read_until(&held_too, "CONNECT 33600\r\n");
        ours.push(transfer(&caller, &called, amount));
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!("unpaced call          {ours:7.1} MB/s");
    println!("C copy loop           {theirs:7.1} MB/s");
    println!("ratio                 {:7.2}       (bar: at least 0.90)", ours / theirs);
}

/// One direction of a call: written here, read there.
struct Direction {
    sent: u64,
    received: u64,
    /// The first piece after warming up: when, and how many bytes were there by then.
    first: Option<(Instant, u64)>,
    /// How much later than the first piece's clock says each piece came, in milliseconds.
    late: Vec<f32>,
}

fn thousand(work: &Path, lines: usize, seconds: u64) {
    let path = |n: usize| work.join(format!("line{n}"));
    let mut arguments: Vec<String> =
        (0..lines).map(|n| format!("--line={}={}", 10_000 + n, path(n).display())).collect();
    arguments.extend(
        ["--set=s0=1", "--set=handshake=0", "--set=answer-delay=0", &format!("--set=pace={RATE}")]
            .map(String::from),
    );
    let exchange = exchange(&arguments);
    appears(&path(lines - 1));
    let files: Vec<File> = (0..lines).map(|n| open(&path(n))).collect();
    for pair in 0..lines / 2 {
        write_all(&files[2 * pair], format!("ATE0DT{}\r", 10_000 + 2 * pair + 1).as_bytes());
    }
    for file in &files {
        read_until(file, "CONNECT 33600\r\n");
    }
    let mut directions: Vec<Direction> =
        (0..lines).map(|_| Direction { sent: 0, received: 0, first: None, late: Vec::new() }).collect();
    let epoll = mio_free_epoll(&files);
    let warm = Instant::now() + Duration::from_secs(2);
    let end = warm + Duration::from_secs(seconds);
    let mut before = None;
    let mut events = vec![nix::sys::epoll::EpollEvent::empty(); 1024];
    let mut piece = vec![0; 65536];
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if before.is_none() && now >= warm {
            before = Some(cpu(exchange.0.id()));
        }
        let n = epoll.wait(&mut events, 100u16).unwrap_or(0);
        for event in &events[..n] {
            let line = usize::try_from(event.data()).expect("a line");
            let flags = event.events();
            if flags.contains(nix::sys::epoll::EpollFlags::EPOLLIN) {
                receive(&files, &mut directions, line, &mut piece, warm);
            }
            if flags.contains(nix::sys::epoll::EpollFlags::EPOLLOUT) {
                feed(&files[line], &mut directions[line], line, &mut piece);
            }
        }
    }
    let used = cpu(exchange.0.id()) - before.expect("warm");
    let total: u64 = directions.iter().map(|d| d.received).sum();
    let slowest = directions.iter().map(|d| d.received).min().unwrap_or(0);
    let fastest = directions.iter().map(|d| d.received).max().unwrap_or(0);
    // Against the earliest piece of the same direction.
    let mut lateness: Vec<f32> = Vec::new();
    for direction in &directions {
        let earliest = direction.late.iter().copied().fold(f32::MAX, f32::min);
        lateness.extend(direction.late.iter().map(|late| late - earliest));
    }
    lateness.sort_by(f32::total_cmp);
    let quantile = |q: f64| lateness.get(((lateness.len() - 1) as f64 * q) as usize).copied().unwrap_or(0.0);
    println!("{lines} lines, {} calls at {RATE} bit/s both ways, {seconds} s, every byte checked", lines / 2);
    println!(
        "carried               {:7.2} MB   ({slowest} to {fastest} bytes a direction)",
        total as f64 / 1e6
    );
    println!("processor             {:7.2} cores  (bar: less than 1)", used / seconds as f64);
    println!("private memory        {:7.2} MB   (bar: at most 4)", private(exchange.0.id()) / 1e3);
    println!(
        "jitter of a piece     {:7.1} ms   99.9 % of pieces ({:.1} half of them, {:.1} the worst; bar: at most 20)",
        quantile(0.999),
        quantile(0.5),
        quantile(1.0)
    );
}

fn mio_free_epoll(files: &[File]) -> nix::sys::epoll::Epoll {
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
    for (line, file) in files.iter().enumerate() {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        epoll.add(file, EpollEvent::new(flags, line as u64)).expect("epoll");
    }
    epoll
}

/// Keeps the line's output full.
fn feed(mut file: &File, direction: &mut Direction, stream: usize, piece: &mut [u8]) {
    loop {
        let piece = &mut piece[..2048];
        for (at, slot) in piece.iter_mut().enumerate() {
            *slot = byte(stream, direction.sent + at as u64);
        }
        match file.write(piece) {
            Ok(n) => direction.sent += n as u64,
            Err(_) => return,
        }
    }
}

fn receive(files: &[File], directions: &mut [Direction], line: usize, piece: &mut [u8], warm: Instant) {
    let stream = line ^ 1;
    let direction = &mut directions[stream];
    loop {
        let Ok(n) = (&files[line]).read(piece) else { return };
        let now = Instant::now();
        for (at, got) in piece[..n].iter().enumerate() {
            assert_eq!(*got, byte(stream, direction.received + at as u64), "line {line} damaged");
        }
        if now >= warm {
            // The clock starts with the first piece after warming up: when should this byte, the
            // last of the piece, have come at the true rate?
            let (first, before) = *direction.first.get_or_insert((now, direction.received + n as u64));
            let due = (direction.received + n as u64 - before) as f64 * 10.0 / f64::from(RATE);
            direction.late.push((((now - first).as_secs_f64() - due) * 1e3) as f32);
        }
        direction.received += n as u64;
    }
}

/// Seconds of processor time so far.
fn cpu(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    ticks as f64 / 100.0
}

/// Private memory in kB.
fn private(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("smaps");
    let private = text.lines().filter(|l| l.starts_with("Private_"));
    private.filter_map(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok()).sum()
}

fn main() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits");
    if soft < 4096 {
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(8192), hard).expect("descriptors");
    }
    let work = tempfile::tempdir().expect("a scratch directory");
    let number =
        |name: &str, usual: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(usual);
    if number("UNPACED", 1) > 0 {
        unpaced(work.path());
    }
    thousand(work.path(), usize::try_from(number("LINES", 1000)).expect("lines"), number("SECONDS", 20));
}

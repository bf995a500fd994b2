//! Modem lines, breaks and frames for programs that run with the preload library.

use super::{Comport, Connection, Peer, sub};
use ringback_tests::subject::target;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A Python that carries out what it is told, with the port open as `fd`.
struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

const PROGRAM: &str = r#"
import os, sys, fcntl, struct, termios
fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
MIWAIT, GICOUNT = 0x545C, 0x545D
def get(): return struct.unpack('i', fcntl.ioctl(fd, termios.TIOCMGET, b'\0\0\0\0'))[0]
def bits(request, value): fcntl.ioctl(fd, request, struct.pack('i', value))
def counts(): return struct.unpack('20i', fcntl.ioctl(fd, GICOUNT, bytes(80)))[:4]
def frame(set=None):
    now = termios.tcgetattr(fd)
    if set is not None:
        now[2] = now[2] & ~(termios.CSIZE | termios.PARENB | termios.PARODD) | set
        termios.tcsetattr(fd, termios.TCSANOW, now)
        now = termios.tcgetattr(fd)
    return now[2] & (termios.CSIZE | termios.PARENB | termios.PARODD)
print('ready', flush=True)
for line in sys.stdin:
    try: print(eval(line), flush=True)
    except OSError as e: print(e.strerror, flush=True)
"#;

impl Program {
    fn start(path: &std::path::Path) -> Program {
        let library = target().join("release/libcomport_preload.so");
        assert!(library.exists(), "scripts/build makes it");
        let mut child = Command::new("python3")
            .args(["-c", PROGRAM])
            .arg(path)
            .env("LD_PRELOAD", library)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let input = child.stdin.take().expect("input");
        let output = BufReader::new(child.stdout.take().expect("output"));
        let mut program = Program { child, input, output };
        assert_eq!(program.line(), "ready");
        program
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("read");
        line.trim_end().to_string()
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.input, "{what}").expect("write");
    }

    fn eval(&mut self, what: &str) -> String {
        self.tell(what);
        self.line()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const DTR: u32 = 2;
const RTS: u32 = 4;
const CTS: u32 = 0x20;
const CAR: u32 = 0x40;
const DSR: u32 = 0x100;

fn set_up() -> (Peer, Comport, Program, Connection) {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &[]);
    let program = Program::start(&comport.link("modem"));
    let connection = peer.accept_controlling();
    (peer, comport, program, connection)
}

#[test]
fn lines_are_shown_waited_for_and_counted() {
    let (_peer, _comport, mut program, mut connection) = set_up();
    assert_eq!(program.eval("get()"), (DTR | RTS).to_string(), "nothing is known yet");
    connection.say([sub(&[107, 32 | 16]), b"x".to_vec()].concat());
    ringback_tests::wait::until("the lines", || {
        (program.eval("get()") == (DTR | RTS | CTS | DSR).to_string()).then_some(())
    });
    program.tell("print('now', flush=True) or fcntl.ioctl(fd, MIWAIT, 0x40) or get()");
    assert_eq!(program.line(), "now");
    std::thread::sleep(std::time::Duration::from_millis(500));
    // A change of another line does not wake it.
    connection.say(sub(&[107, 32 | 1]));
    std::thread::sleep(std::time::Duration::from_millis(100));
    connection.say(sub(&[107, 128 | 32 | 8]));
    assert_eq!(program.line(), (DTR | RTS | DSR | CAR).to_string());
    // CTS on and off, DSR on, no ring, DCD on.
    assert_eq!(program.eval("counts()"), "(2, 1, 0, 1)");
    connection.say([sub(&[107, 64 | 32]), sub(&[107, 32 | 4]), b"x".to_vec()].concat());
    ringback_tests::wait::until("a ring", || (program.eval("counts()") == "(2, 1, 1, 2)").then_some(()));
}

#[test]
fn lines_are_driven_breaks_sent_and_frames_set() {
    let (_peer, _comport, mut program, mut connection) = set_up();
    assert_eq!(program.eval("bits(termios.TIOCMBIC, 2)"), "None");
    connection.hear(sub(&[5, 9]));
    assert_eq!(program.eval("get()"), RTS.to_string());
    program.eval("bits(termios.TIOCMBIS, 2)");
    connection.hear(sub(&[5, 8]));
    program.eval("bits(termios.TIOCMSET, 0)");
    connection.hear([sub(&[5, 9]), sub(&[5, 12])].concat());
    program.eval("bits(termios.TIOCMSET, 6)");
    connection.hear([sub(&[5, 8]), sub(&[5, 11])].concat());
    program.tell("termios.tcsendbreak(fd, 0)");
    connection.hear(sub(&[5, 5]));
    connection.say(sub(&[105, 5]));
    connection.hear(sub(&[5, 6]));
    assert_eq!(program.line(), "None");
    program.eval("fcntl.ioctl(fd, 0x5427)");
    connection.hear(sub(&[5, 5]));
    program.eval("fcntl.ioctl(fd, 0x5428)");
    connection.hear(sub(&[5, 6]));
    // 7E1, which no pty takes.
    let seven_even = 0o40 | 0o400;
    assert_eq!(program.eval(&format!("frame({seven_even})")), seven_even.to_string());
    connection.hear([sub(&[2, 7]), sub(&[3, 3])].concat());
    assert_eq!(program.eval(&format!("frame({})", 0o60)), 0o60.to_string());
    connection.hear([sub(&[2, 8]), sub(&[3, 1])].concat());
    // A lost connection is lost carrier.
    connection.say([sub(&[107, 176]), b"x".to_vec()].concat());
    ringback_tests::wait::until("carrier", || {
        (program.eval("get() & 0x40") == CAR.to_string()).then_some(())
    });
    drop(connection);
    ringback_tests::wait::until("no carrier", || (program.eval("get() & 0x40") == "0").then_some(()));
}

#[test]
fn other_terminals_are_left_alone() {
    let pty = ringback_tests::pty::Pty::raw();
    let mut program = Program::start(pty.path());
    assert_eq!(program.eval("get()"), "Inappropriate ioctl for device");
    assert_eq!(program.eval("termios.tcsendbreak(fd, 0)"), "None");
    assert_eq!(program.eval("frame()"), 0o60.to_string());
}

/// Whoever cannot show the pty is not served; whoever takes the name first is not believed.
#[test]
fn hostile_neighbours() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    let (_peer, comport, mut program, mut connection) = set_up();
    let device = std::fs::metadata(comport.link("modem")).expect("the port").rdev();
    let name = ttyline::port_control::socket_name(device);
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    // Without the descriptor; garbage; a crowd that says nothing.
    for message in [&b"-\0\0\0\x06\0\0\0"[..], b"x", &[0; 5000]] {
        let mut stranger = UnixStream::connect_addr(&address).expect("connect");
        stranger.set_read_timeout(Some(ringback_tests::wait::PATIENCE)).expect("limit");
        let _ = stranger.write_all(message);
        assert!(!matches!(std::io::Read::read(&mut stranger, &mut [0; 100]), Ok(1..)));
    }
    let crowd: Vec<_> = (0..200).filter_map(|_| UnixStream::connect_addr(&address).ok()).collect();
    assert_eq!(program.eval("get()"), (DTR | RTS).to_string(), "while the crowd is there");
    drop(crowd);
    ringback_tests::wait::until("an answer again", || {
        (program.eval("get()") == (DTR | RTS).to_string()).then_some(())
    });
    connection.say(sub(&[107, 128]));
    // Another user's socket under a pty's name (only root can become one here).
    if nix::unistd::geteuid().is_root() {
        let pty = ringback_tests::pty::Pty::raw();
        let device = std::fs::metadata(pty.path()).expect("pty").rdev();
        nix::unistd::chown(pty.path(), Some(nix::unistd::Uid::from_raw(4711)), None).expect("chown");
        let address =
            SocketAddr::from_abstract_name(ttyline::port_control::socket_name(device)).expect("a name");
        let listener = UnixListener::bind_addr(&address).expect("bind");
        // Root's own socket is believed for anybody's pty; somebody else's is not.
        drop(listener);
        let squatter = Command::new("setpriv")
            .args(["--reuid", "4712", "--clear-groups", "/usr/bin/python3", "-c"])
            .arg(format!(
                "import socket,time\ns=socket.socket(socket.AF_UNIX)\ns.bind('\\0{}')\ns.listen()\nprint(1,flush=True)\ntime.sleep(60)",
                ttyline::port_control::socket_name(device)
            ))
            .stdout(Stdio::piped())
            .spawn();
        let mut squatter = squatter.expect("setpriv");
        let mut line = String::new();
        BufReader::new(squatter.stdout.take().expect("output")).read_line(&mut line).expect("ready");
        assert_eq!(line, "1\n");
        let mut program = Program::start(pty.path());
        assert_eq!(program.eval("get()"), "Inappropriate ioctl for device");
        let _ = squatter.kill();
        let _ = squatter.wait();
    }
}

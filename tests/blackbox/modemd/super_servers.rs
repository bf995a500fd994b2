//! modemd under the super-servers of Debian, with what stands in etc/, in a network of its own; and what it
//! says to syslog.

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use ringback_tests::modem::Modem;
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::{ours, target, top};
use ringback_tests::wait;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A program of a Debian package that is not installed.
fn program(package: &str, path: &str) -> PathBuf {
    let status = Command::new(top().join("scripts/originals")).arg(package).status();
    assert!(status.is_ok_and(|s| s.success()), "Debian's {package}");
    target().join("originals").join(package).join(path)
}

/// A super-server in namespaces of its own, and the syslog it has there.
struct House {
    sandbox: Sandbox,
    running: Running,
    syslog: UnixDatagram,
}

impl House {
    /// `start` is what the shell is told.
    fn new(sandbox: Sandbox, start: &str) -> House {
        House::with(sandbox, start, None)
    }

    /// With a client on descriptors 0 and 1.
    fn with(sandbox: Sandbox, start: &str, client: Option<TcpStream>) -> House {
        let dir = sandbox.path().display();
        let syslog = UnixDatagram::bind(sandbox.path().join("syslog")).expect("a socket");
        syslog.set_nonblocking(true).expect("non-blocking");
        let script = sandbox.script(
            "house",
            &format!(
                "ip link set lo up
                 # /dev with a log of its own; ptys stay the machine's.
                 mkdir -p {dir}/dev-upper {dir}/dev-work {dir}/pts
                 mount --bind /dev/pts {dir}/pts
                 mount -t overlay overlay -o lowerdir=/dev,upperdir={dir}/dev-upper,workdir={dir}/dev-work /dev
                 mkdir -p /dev/pts && mount --bind {dir}/pts /dev/pts
                 ln -sf {dir}/syslog /dev/log
                 {start}"
            ),
        );
        let unshare = PathBuf::from("/usr/bin/unshare");
        let mut command = sandbox.command(&unshare, None);
        command.args(["-n", script.to_str().expect("a plain path")]);
        if let Some(client) = client {
            let copy = client.try_clone().expect("dup");
            command.stdin(OwnedFd::from(copy)).stdout(OwnedFd::from(client));
        }
        let running = Running::spawn(&mut command);
        House { sandbox, running, syslog }
    }

    fn inside(&self, words: &[&str]) -> Child {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.running.pid())).args(["--mount", "--net"]);
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().expect("nsenter")
    }

    fn listens(&self) {
        wait::until("port 2006", || {
            let out = self.inside(&["ss", "-Hltn"]).wait_with_output().expect("ss");
            String::from_utf8_lossy(&out.stdout).contains(":2006").then_some(())
        });
    }

    /// A client that says something and tells what it hears until `end` has come or the connection ends.
    fn talk(&self, say: &str, end: &str) -> String {
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/2006; printf '{say}' >&3; exec cat <&3");
        let mut child = self.inside(&["bash", "-c", &script]);
        let (mut out, mut heard) = (child.stdout.take().expect("piped"), Vec::new());
        let mut buffer = [0; 256];
        while !String::from_utf8_lossy(&heard).contains(end) {
            match out.read(&mut buffer) {
                Ok(n @ 1..) => heard.extend_from_slice(&buffer[..n]),
                _ => break,
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        String::from_utf8_lossy(&heard).into_owned()
    }

    fn logged(&self, text: &str) {
        let mut seen = String::new();
        let found = wait::until_within(wait::PATIENCE, || {
            let mut buffer = [0; 2048];
            while let Ok(n) = self.syslog.recv(&mut buffer) {
                seen += &String::from_utf8_lossy(&buffer[..n]);
                seen.push('\n');
            }
            seen.contains(text).then_some(())
        });
        assert!(found.is_some(), "no {text:?} in {seen}");
    }

    fn free(&self, modem: &Modem) {
        let lock = self.sandbox.lock(&format!("LCK..{}", modem.line().replace('/', "_")));
        wait::until("the end of the cleaning", || (!lock.exists()).then_some(()));
    }
}

/// Three clients: admitted, refused by hosts.deny, admitted again.
fn is_asked_and_obeyed(house: &House, modem: &Modem) {
    house.listens();
    let heard = house.talk("ATI\\r", "OK");
    assert!(heard.contains("OK"), "{heard:?}");
    house.free(modem);
    let deny = house.sandbox.path().join("etc-upper/hosts.deny");
    fs::write(&deny, "modemd modem: ALL\n").expect("hosts.deny");
    let heard = house.talk("ATI\\r", "OK");
    assert_eq!(heard, "", "refused without a word");
    fs::write(&deny, "modemd modem: 192.0.2.1\n").expect("hosts.deny");
    let heard = house.talk("ATI3\\r", "OK");
    assert!(heard.contains("OK"), "{heard:?}");
    assert_eq!(modem.commands(), ["ATI", "ATZ", "ATS0=0", "ATI3"]);
}

/// The lines of a file in etc/ that are not comments, for our modem and our modemd.
fn shipped(file: &str, modem: &Modem) -> String {
    let text = fs::read_to_string(top().join("etc").join(file)).expect("a file of etc/");
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    let device = format!("/dev/{}", modem.line());
    lines
        .join("\n")
        .replace("/dev/ttyS1", &device)
        .replace("/usr/sbin/modemd", ours("modemd").to_str().expect("path"))
}

fn empty(sandbox: &Sandbox) {
    fs::write(sandbox.path().join("etc-upper/hosts.deny"), "").expect("hosts.deny");
    fs::write(sandbox.path().join("etc-upper/hosts.allow"), "").expect("hosts.allow");
}

#[test]
fn inetd_with_its_own_wrappers() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    empty(&sandbox);
    // -l: no tcpd is started, even where the line names it.
    let libraries = program("libwrap0", "usr/lib/x86_64-linux-gnu");
    let inetd = program("openbsd-inetd", "usr/sbin/inetd");
    let services =
        fs::read_to_string("/etc/services").unwrap_or_default() + &shipped("services", &modem) + "\n";
    fs::write(sandbox.path().join("etc-upper/services"), services).expect("services");
    let conf = sandbox.path().join("inetd.conf");
    fs::write(&conf, shipped("inetd.conf", &modem) + "\n").expect("inetd.conf");
    let start = format!(
        "export LD_LIBRARY_PATH={0}:{1}\nexec {2} -i -l {3}",
        libraries.display(),
        libraries.display().to_string().replace("/usr/lib/", "/lib/"),
        inetd.display(),
        conf.display()
    );
    is_asked_and_obeyed(&House::new(sandbox, &start), &modem);
}

#[test]
fn xinetd_with_the_file_of_etc() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    empty(&sandbox);
    let xinetd = program("xinetd", "usr/sbin/xinetd");
    let libraries = program("libwrap0", "usr/lib/x86_64-linux-gnu");
    let services =
        fs::read_to_string("/etc/services").unwrap_or_default() + &shipped("services", &modem) + "\n";
    fs::write(sandbox.path().join("etc-upper/services"), services).expect("services");
    let conf = sandbox.path().join("xinetd.conf");
    fs::write(&conf, shipped("xinetd.d/modem", &modem)).expect("xinetd.conf");
    let start = format!(
        "export LD_LIBRARY_PATH={}\nexec {} -dontfork -f {}",
        libraries.display(),
        xinetd.display(),
        conf.display()
    );
    is_asked_and_obeyed(&House::new(sandbox, &start), &modem);
}

/// The value of a key in a unit of etc/systemd.
fn unit(file: &str, key: &str) -> String {
    let text = fs::read_to_string(top().join("etc/systemd").join(file)).expect("a unit");
    let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {key} in {file}")).to_string()
}

#[test]
fn a_systemd_socket_with_the_units_of_etc() {
    assert_eq!(
        (unit("modemd.socket", "Accept"), unit("modemd.socket", "ListenStream")),
        ("yes".into(), "2006".into())
    );
    assert_eq!(unit("modemd@.service", "StandardInput"), "socket");
    assert_eq!(unit("modemd@.service", "StandardError"), "journal");
    if !Path::new("/usr/bin/systemd-socket-activate").exists() {
        println!("systemd-socket-activate is not here: the units are read, but not run");
        return;
    }
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    empty(&sandbox);
    let exec = unit("modemd@.service", "ExecStart")
        .replace("${MODEM}", &format!("/dev/{}", modem.line()))
        .replace("/usr/sbin/modemd", ours("modemd").to_str().expect("a path"));
    // --inetd is what StandardInput=socket does.
    let start = format!("exec systemd-socket-activate -l 2006 --accept --inetd -- {exec}");
    is_asked_and_obeyed(&House::new(sandbox, &start), &modem);
}

#[test]
fn a_client_whose_network_is_gone_frees_the_modem() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    empty(&sandbox);
    let inetd = program("openbsd-inetd", "usr/sbin/inetd");
    let libraries = program("libwrap0", "usr/lib/x86_64-linux-gnu");
    let conf = sandbox.path().join("inetd.conf");
    let line = format!(
        "2006 stream tcp nowait root {} modemd /dev/{} --keepalive 4\n",
        ours("modemd").display(),
        modem.line()
    );
    fs::write(&conf, line).expect("inetd.conf");
    let start = format!(
        "export LD_LIBRARY_PATH={}\nexec {} -i {}",
        libraries.display(),
        inetd.display(),
        conf.display()
    );
    let house = House::new(sandbox, &start);
    house.listens();
    let mut client =
        house.inside(&["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/2006; printf 'ATI\\r' >&3; exec sleep 600"]);
    wait::until("the command", || (modem.commands() == ["ATI"]).then_some(()));
    assert!(house.inside(&["ip", "link", "set", "lo", "down"]).wait().expect("ip").success());
    house.free(&modem);
    assert_eq!(modem.commands(), ["ATI", "ATZ", "ATS0=0"]);
    let _ = client.kill();
    let _ = client.wait();
}

/// Runs a program that has stopped itself to its end, and shows it modem lines that a pty does not have:
/// TIOCMGET succeeds. (modemd is linked statically, so that no library can be put before it.)
fn run_with_lines(pid: Pid, lines: i64) -> i32 {
    const IOCTL: u64 = 16;
    const TIOCMGET: u64 = 0x5415;
    wait::until("the stop", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(')').next()?.trim_start().starts_with('T').then_some(())
    });
    ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_EXITKILL)
        .expect("seize");
    kill(pid, Signal::SIGCONT).expect("go on");
    let mut inside = false;
    loop {
        let signal = match waitpid(pid, Some(WaitPidFlag::__WALL)).expect("wait") {
            WaitStatus::Exited(_, code) => return code,
            WaitStatus::PtraceSyscall(_) => {
                let mut registers = ptrace::getregs(pid).expect("registers");
                if registers.orig_rax == IOCTL && registers.rsi == TIOCMGET {
                    if inside {
                        let place = registers.rdx as ptrace::AddressType;
                        let beside = ptrace::read(pid, place).expect("read") & !0xffff_ffff;
                        ptrace::write(pid, place, beside | lines).expect("write");
                        registers.rax = 0;
                        ptrace::setregs(pid, registers).expect("registers");
                    }
                    inside = !inside;
                }
                None
            }
            WaitStatus::Stopped(_, signal)
                if !matches!(signal, Signal::SIGSTOP | Signal::SIGTRAP | Signal::SIGCONT) =>
            {
                Some(signal)
            }
            WaitStatus::Signaled(_, signal, _) => panic!("ended by {signal}"),
            _ => None,
        };
        ptrace::syscall(pid, signal).expect("go on");
    }
}

#[test]
fn a_carrier_that_does_not_fall_is_told_and_nobody_types_into_the_call() {
    let (sandbox, pty) = (Sandbox::new(), Pty::raw());
    let start = format!(
        "kill -STOP $$\nexec {} {} --busy-text='out of order'",
        ours("modemd").display(),
        pty.path().display()
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    client.set_read_timeout(Some(wait::PATIENCE)).expect("time limit");
    client.write_all(b"ATDT1\r").expect("write");
    let (server, _) = listener.accept().expect("accept");
    let house = House::with(sandbox, &start, Some(server));
    // CD, CTS, DTR.
    assert_eq!(run_with_lines(house.running.pid(), 0x40 | 0x20 | 2), 1);
    let mut heard = String::new();
    let _ = client.read_to_string(&mut heard);
    assert_eq!(heard, "out of order");
    house.logged("out of service: carrier does not fall");
    assert!(!String::from_utf8_lossy(&pty.read_now()).contains("ATDT"), "nobody types into a call");
}

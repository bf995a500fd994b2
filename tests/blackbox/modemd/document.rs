//! The Windows Modem Sharing document's own test: Debian's openbsd-inetd and tcpd, its lines in
//! /etc/inetd.conf and /etc/services, a HUP, and telnet to a modem on the exchange.

use nix::sys::signal::Signal;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::{ours, top};
use ringback_tests::wait;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// inetd in namespaces of its own, modems on an exchange, and the files of the document.
struct House {
    sandbox: Sandbox,
    inetd: Running,
    _exchange: Child_,
}

/// A child that ends with its owner.
struct Child_(Child);

impl Drop for Child_ {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line of a file in etc/, without its comments, with the test's device.
fn shipped(file: &str, device: &Path) -> String {
    let text = fs::read_to_string(top().join("etc").join(file)).expect("a file of etc/");
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
    lines.join("\n").replace("/dev/ttyS1", device.to_str().expect("a plain path")) + "\n"
}

impl House {
    fn new() -> House {
        let sandbox = Sandbox::new();
        let upper = sandbox.path().join("usr-upper");
        for package in ["tcpd", "openbsd-inetd", "inetutils-telnet", "libwrap0"] {
            // Unpacks it; what it is named after inside is looked up below.
            let status = Command::new(top().join("scripts/originals")).arg(package).status();
            assert!(status.is_ok_and(|s| s.success()), "Debian's {package}");
        }
        copy(&originals_of("tcpd").join("usr/sbin/tcpd"), &upper.join("sbin/tcpd"));
        copy(&originals_of("openbsd-inetd").join("usr/sbin/inetd"), &upper.join("sbin/inetd"));
        copy(&originals_of("inetutils-telnet").join("usr/bin/inetutils-telnet"), &upper.join("bin/telnet"));
        for library in ["libwrap.so.0", "libwrap.so.0.7.6"] {
            let below = "x86_64-linux-gnu";
            let found = ["usr/lib", "lib"]
                .iter()
                .map(|d| originals_of("libwrap0").join(d).join(below).join(library))
                .find(|p| p.exists());
            copy(&found.expect("libwrap"), &upper.join("lib").join(below).join(library));
        }
        copy(&ours("modemd"), &upper.join("sbin/modemd"));
        fs::create_dir_all(sandbox.path().join("usr-work")).expect("a directory");
        fs::write(sandbox.path().join("etc-upper/inetd.conf"), "").expect("inetd.conf");
        let control = sandbox.path().join("control");
        let exchange = ringback_tests::mortal::command(ours("exchange"))
            .args(["--line", &format!("100={}", sandbox.path().join("ttyS1").display())])
            .args(["--line", &format!("200={}", sandbox.path().join("ttyS2").display())])
            .args(["--set", "handshake=100ms", "--cadence", "1s", "--control"])
            .arg(&control)
            .spawn()
            .expect("the exchange");
        wait::until("the exchange", || control.exists().then_some(()));
        let script = sandbox.script(
            "inetd-in-a-house",
            &format!(
                "mount -t overlay overlay -o lowerdir=/usr,upperdir={0}/usr-upper,workdir={0}/usr-work /usr\n\
                 ip link set lo up\n\
                 exec /usr/sbin/inetd -i /etc/inetd.conf",
                sandbox.path().display()
            ),
        );
        let unshare = PathBuf::from("/usr/bin/unshare");
        let inetd = sandbox.start(&unshare, &["-n", script.to_str().expect("a plain path")]);
        // It is told by SIGHUP later on, which it must be ready for.
        wait::until("inetd", || {
            let status = fs::read_to_string(format!("/proc/{}/status", inetd.pid())).ok()?;
            let value = |key: &str| status.lines().find_map(|l| l.strip_prefix(key)).map(str::trim);
            let caught = u64::from_str_radix(value("SigCgt:")?, 16).ok()?;
            (value("Name:") == Some("inetd") && caught & 1 != 0).then_some(())
        });
        House { sandbox, inetd, _exchange: Child_(exchange) }
    }

    /// A command inside the house.
    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.inetd.pid())).args(["--mount", "--net"]);
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Writes a file as its administrator does: from inside, where the layers of /etc are one.
    fn write(&self, path: &str, text: &str) {
        let mut tee = self.inside("tee").arg(path).spawn().expect("tee");
        tee.stdin.take().expect("piped").write_all(text.as_bytes()).expect("write");
        assert!(tee.wait().expect("tee").success());
    }

    /// `telnet localhost modem`.
    fn telnet(&self) -> Telnet {
        let mut child = self.inside("telnet").args(["localhost", "modem"]).spawn().expect("telnet");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut out, there) = (child.stdout.take().expect("piped"), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut buffer) {
                there.lock().expect("reader").extend_from_slice(&buffer[..n]);
            }
        });
        Telnet { child: Child_(child), seen, at: 0 }
    }

    fn listening(&self) -> bool {
        let out = self.inside("ss").args(["-Hltn"]).output().expect("ss");
        String::from_utf8_lossy(&out.stdout).contains(":2006")
    }
}

fn originals_of(package: &str) -> PathBuf {
    ringback_tests::subject::target().join("originals").join(package)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a directory")).expect("directories");
    fs::copy(from, to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).expect("chmod");
}

struct Telnet {
    child: Child_,
    seen: Arc<Mutex<Vec<u8>>>,
    at: usize,
}

impl Telnet {
    fn type_line(&mut self, line: &str) {
        let stdin = self.child.0.stdin.as_mut().expect("piped");
        stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n")).expect("telnet's input");
    }

    fn expect(&mut self, text: &str) {
        let place = wait::until_within(wait::PATIENCE, || {
            let seen = self.seen.lock().expect("reader");
            let rest = &seen[self.at..];
            rest.windows(text.len()).position(|w| w == text.as_bytes()).map(|p| self.at + p + text.len())
        });
        let seen = || String::from_utf8_lossy(&self.seen.lock().expect("reader")).into_owned();
        self.at = place.unwrap_or_else(|| panic!("no {text:?} in {:?}", seen()));
    }

    /// Ends telnet as its user does; gives everything it showed.
    fn quit(mut self) -> String {
        drop(self.child.0.stdin.take());
        wait::until("telnet's end", || self.child.0.try_wait().expect("wait"));
        let seen = self.seen.lock().expect("reader").clone();
        String::from_utf8_lossy(&seen).into_owned()
    }
}

#[test]
fn the_server_side_as_the_document_sets_it_up() {
    let house = House::new();
    let device = house.sandbox.path().join("ttyS1");
    assert!(!house.listening(), "nothing is configured yet");
    let services = fs::read_to_string("/etc/services").expect("/etc/services");
    house.write("/etc/services", &(services + &shipped("services", &device)));
    let line = shipped("inetd.conf", &device);
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>()[..7],
        ["modem", "stream", "tcp", "nowait", "root", "/usr/sbin/tcpd", "/usr/sbin/modemd"],
        "the document's own line"
    );
    house.write("/etc/inetd.conf", &line);
    house.inetd.signal(Signal::SIGHUP);
    wait::until("port 2006", || house.listening().then_some(()));

    // The document's transcript.
    let mut telnet = house.telnet();
    telnet.expect("Connected to localhost.");
    telnet.type_line("atz");
    telnet.expect("atz");
    telnet.expect("OK");
    telnet.type_line("ati1");
    telnet.expect("ati1");
    telnet.expect("OK");
    let shown = telnet.quit();
    assert!(!shown.contains("modemd") && !shown.contains("cu:"), "{shown:?}");

    // hosts.deny refuses before modemd is even started.
    house.write("/etc/hosts.deny", "modemd: ALL\n");
    let mut refused = house.telnet();
    refused.expect("Connected to localhost.");
    assert!(!refused.quit().contains("OK"));
    house.write("/etc/hosts.allow", "modemd: LOCAL 127. [::1]\n");

    // A client that waits for calls sees RING and answers.
    let mut waiting = house.telnet();
    waiting.expect("Connected to localhost.");
    waiting.type_line("at");
    waiting.expect("OK");
    let caller = fs::OpenOptions::new().read(true).write(true).open(house.sandbox.path().join("ttyS2"));
    let mut caller = caller.expect("the caller's line");
    caller.write_all(b"ATDT100\r").expect("dial");
    waiting.expect("RING");
    waiting.type_line("ata");
    waiting.expect("CONNECT");
    caller.write_all(b"hello from outside\r\n").expect("talk");
    waiting.expect("hello from outside");
    waiting.quit();
}

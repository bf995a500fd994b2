//! An office with lines of the exchange, each with a getty that is started again whenever it ends.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use ringback_tests::exchange::Exchange;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::ours;
use ringback_tests::wait::until_within;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The telephone company, the office, and init.
pub struct Office {
    pub exchange: Arc<Exchange>,
    pub sandbox: Arc<Sandbox>,
    stop: Arc<AtomicBool>,
    init: Vec<JoinHandle<()>>,
}

impl Office {
    /// Lines of the office as `(number, options)`, telephones elsewhere. `login` is the login.config:
    /// CALLBACK, NOTTY (the same without a tty) and WELCOME stand for programs, DIRECTORY for one that holds a
    /// callback.config that cannot be read.
    pub fn new(lines: &[(&str, &str)], far: &[&str], login: &str) -> Office {
        let (exchange, sandbox) = (Arc::new(Exchange::new(lines, far)), Arc::new(Sandbox::new()));
        sandbox.write_etc("mgetty.config", "data-only yes\nfido-send-emsi no\nissue-file x\n", 0o644);
        let welcome = sandbox.script("welcome", "echo welcome $1 $RINGBACK_USER; read answer");
        // Where an ordinary user may execute it.
        let callback = sandbox.path().join("bin/callback");
        std::fs::copy(ours("callback"), &callback).expect("a copy of callback");
        let no_tty = sandbox.script("notty", &format!("exec {} -S 123456 </dev/null", callback.display()));
        let directory = sandbox.path().join("unreadable");
        std::fs::create_dir_all(directory.join("callback.config")).expect("a directory");
        let login = login
            .replace("CALLBACK", &callback.display().to_string())
            .replace("NOTTY", &no_tty.display().to_string())
            .replace("WELCOME", &welcome.display().to_string())
            .replace("DIRECTORY", &directory.display().to_string());
        sandbox.write_etc("login.config", &login, 0o600);
        let stop = Arc::new(AtomicBool::new(false));
        let init = lines.iter().map(|(number, _)| {
            let (exchange, sandbox, stop) = (Arc::clone(&exchange), Arc::clone(&sandbox), Arc::clone(&stop));
            let number = (*number).to_string();
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut getty = sandbox.start(&ours("mgetty"), &[&exchange.device(&number)]);
                    while getty.status_now().is_none() && !stop.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            })
        });
        let init = init.collect();
        let office = Office { exchange, sandbox, stop, init };
        for (number, _) in lines {
            office.waits(number);
        }
        office
    }

    /// Until the line's getty is initialised and has let go of its lock.
    pub fn waits(&self, number: &str) {
        let found = until_within(Duration::from_secs(20), || {
            let line = self.exchange.device(number);
            let pid = self.sandbox.run(&format!("mgetty.pid.{}", line.replace('/', "-")));
            let log = self.sandbox.log_text(&format!("mg_{}.log", line.replace('/', "-")));
            let last = log.rsplit("\n--\n").next().unwrap_or("");
            (pid.exists() && last.contains("waiting...") && !self.lock(&line).exists()).then_some(())
        });
        assert!(found.is_some(), "no getty waits on {number}: {}", self.log());
    }

    fn lock(&self, line: &str) -> PathBuf {
        self.sandbox.lock(&format!("LCK..{}", line.replace('/', "_")))
    }

    /// callback's log.
    pub fn log(&self) -> String {
        self.sandbox.log_text("mg_callback.log")
    }

    /// Waits for text in it.
    #[track_caller]
    pub fn logs(&self, text: &str) {
        let found = until_within(Duration::from_secs(30), || self.log().contains(text).then_some(()));
        assert!(found.is_some(), "no {text:?} in {}", self.log());
    }

    /// A telephone calls a line, and types a name at the prompt.
    #[track_caller]
    pub fn call(&self, from: &str, number: &str, name: &str) {
        self.exchange.orders(&[
            &format!("dial {from} {number}"),
            &format!("wait {from} connected"),
            &format!("expect {from} 20s login:"),
            &format!("type {from} {name}\\r"),
        ]);
    }

    /// The test call that every story ends with.
    #[track_caller]
    pub fn serves(&self, from: &str, number: &str) {
        self.waits(number);
        self.call(from, number, "guest");
        self.exchange.orders(&[&format!("expect {from} 20s welcome"), &format!("hangup {from}")]);
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for getty in self.init.drain(..) {
            let _ = getty.join();
        }
        // A callback in the background would go on dialling on whatever line has that name next. Its program is
        // this office's own copy.
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let ours = std::fs::read_link(entry.path().join("exe"))
                .is_ok_and(|program| program.starts_with(self.sandbox.path()));
            if let (true, Ok(pid)) = (ours, entry.file_name().to_string_lossy().parse()) {
                let _ = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

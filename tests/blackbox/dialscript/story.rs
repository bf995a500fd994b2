//! The documents' scripts with mgetty, callback and our telephone exchange: from the first call to the login after
//! the call back. `SUBJECT_MGETTY` and `SUBJECT_CALLBACK` choose Debian's programs.

use super::{Place, Script, file, text};
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::{ours, subject};
use ringback_tests::wait;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Long enough for a call back, which begins some seconds after the first call.
const A_CALL: Duration = Duration::from_secs(60);

/// An exchange with two lines, and a getty that is started again and again on one of them.
struct Company {
    sandbox: Sandbox,
    exchange: Child,
    _getty: Running,
}

impl Company {
    /// `logins`: lines of login.config.
    fn open(logins: &str) -> Company {
        let sandbox = Sandbox::new();
        let at = |name: &str| sandbox.path().join(name);
        let line = |number: &str, name: &str| format!("{number}={}", at(name).display());
        let exchange = ringback_tests::mortal::command(ours("exchange"))
            .args([
                "--cadence",
                "1s",
                "--line",
                &line("987654", "server"),
                "--line",
                &line("123456", "client"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("start the exchange");
        let server = wait::until("the server's line", || fs::read_link(at("server")).ok());
        wait::until("the client's line", || fs::read_link(at("client")).ok());
        let user = sandbox.script(
            "session",
            &format!(
                "printf 'Password: '; read word; printf '\\r\\n'; echo \"$1 $word\" >>{}\nprintf 'box> '; read what; echo \"$what\" >>{}\nprintf '~PPP~'; sleep 2",
                at("sessions").display(),
                at("sessions").display()
            ),
        );
        let logins = logins.replace("CALLBACK", &subject("callback").path.display().to_string());
        sandbox.write_etc("login.config", &format!("{logins}\n* - - {} @\n", user.display()), 0o600);
        sandbox.write_etc("callback.config", "delay 4\ndelay-randomize 1\n", 0o600);
        sandbox.write_etc("mgetty.config", "rings 1\ndebug 6\n", 0o644);
        let line = server.strip_prefix("/dev").expect("a pty").display().to_string();
        let getty = sandbox.start(&sandbox.respawner(&subject("mgetty").path, "-D", "0.1"), &[&line]);
        let log = format!("mg_{}.log", line.replace('/', "-"));
        wait::until("a waiting getty", || sandbox.log_text(&log).contains("waiting").then_some(()));
        Company { sandbox, exchange, _getty: getty }
    }

    /// Runs a script on the client's line; the line is held open beyond its end.
    fn run(&self, script: &Path, args: &[&str], line: &OwnedFd) -> (i32, String) {
        let end = || Stdio::from(line.try_clone().expect("dup"));
        let mut command = super::program();
        command.args(["--why", "--explain", "--limit", "60"]).args(args).arg(script);
        command.env("DIALSCRIPT_PASSWORD", "geheim").stdin(end()).stdout(end()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start dialscript");
        if wait::until_within(A_CALL + Duration::from_secs(10), || child.try_wait().expect("wait")).is_none()
        {
            let _ = child.kill();
        }
        Script { child: Some(child) }.end()
    }

    fn call_back(&self, script: &str, args: &[&str]) -> String {
        let place = Place::with(
            "transmit \"AT&F&C0S0=0^M\"\nwaitfor \"OK\" until 5\ntransmit \"ATDT987654^M\"\n\
             waitfor \"CONNECT\" until 40\nif $FAILURE then\nhalt\nendif",
        );
        let line: OwnedFd = fs::File::options()
            .read(true)
            .write(true)
            .open(self.sandbox.path().join("client"))
            .expect("the client's line")
            .into();
        let (status, told) = self.run(place.path("x.scp").as_path(), &[], &line);
        assert_eq!(status, 0, "{told}");
        let (status, told) = self.run(&file("tests/fixtures/dialscripts").join(script), args, &line);
        assert_eq!(status, 0, "{told}\n{}", self.logs());
        let sessions = self.sandbox.path().join("sessions");
        wait::until("the session's note", || {
            fs::read_to_string(&sessions).ok().filter(|s| s.lines().count() >= 1)
        });
        text(&sessions)
    }

    fn logs(&self) -> String {
        let directory = self.sandbox.log("");
        let mut all = String::new();
        for entry in fs::read_dir(directory).expect("logs").flatten() {
            all += &format!(
                "--- {}\n{}",
                entry.path().display(),
                self.sandbox.log_text(&entry.file_name().to_string_lossy())
            );
        }
        all
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        let _ = self.exchange.kill();
        let _ = self.exchange.wait();
    }
}

#[test]
fn the_mini_how_to_is_called_back_at_a_fixed_number() {
    let company = Company::open("call - - CALLBACK -S 123456");
    let sessions = company.call_back("callback-mini-howto.scp", &[]);
    assert!(sessions.starts_with("pppuser ppp\n"), "{sessions}");
}

#[test]
fn the_service_asks_where_to_call_back() {
    let company = Company::open("Callback_User - - CALLBACK -S");
    let sessions = company.call_back("linux-callback-service.scp", &["--user", "Real_User"]);
    assert!(sessions.starts_with("Real_User geheim\n"), "{sessions}");
}

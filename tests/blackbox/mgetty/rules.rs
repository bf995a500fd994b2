//! caller-rules(5) over the exchange: who is answered, who is not, who is called back. Not of the original.

use super::*;
use ringback_tests::exchange::Exchange;
use ringback_tests::subject::ours;

const OFFICE: &str = "987654";
const HOME: &str = "5550123";

/// A getty on the exchange's line [`OFFICE`], with these rules. Its modem tells who calls.
struct Office {
    exchange: Exchange,
    sandbox: Sandbox,
    line: String,
    _getty: Running,
}

impl Office {
    fn new(rules: &str) -> Office {
        let exchange = Exchange::new(&[(OFFICE, "")], &[HOME, "666"]);
        let sandbox = Sandbox::new();
        let file = sandbox.path().join("etc-mgetty/rules");
        std::fs::write(&file, rules).expect("rules");
        let config = format!(
            "{BASE}init-chat \"\" ATE0+VCID=1 OK\nrings 2\ncaller-rules rules\nrefused-drain 1500\n\
             callback-program {}\n",
            ours("callback").display()
        );
        sandbox.write_etc("mgetty.config", &config, 0o644);
        sandbox.write_etc("callback.config", "delay 4\ndelay-randomize 1\nclear-down-time 1\n", 0o644);
        let welcome = sandbox.script("welcome", "echo welcome $CALLER_ID $RINGBACK_CALLED_BACK; read answer");
        sandbox.write_etc("login.config", &format!("* - - {}\n", welcome.display()), 0o600);
        let line = exchange.device(OFFICE);
        let getty = sandbox.start(&ours("mgetty"), &[&line]);
        let office = Office { exchange, sandbox, line, _getty: getty };
        office.idle(1);
        office
    }

    fn log(&self) -> String {
        self.sandbox.log_text(&format!("mg_{}.log", self.line.replace('/', "-")))
    }

    /// Until it waits for the nth time and has let go of the line.
    fn idle(&self, nth: usize) {
        let lock = self.sandbox.lock(&format!("LCK..{}", self.line.replace('/', "_")));
        let found = wait::until_within(wait::PATIENCE, || {
            (self.log().matches("waiting...").count() >= nth && !lock.exists()).then_some(())
        });
        assert!(found.is_some(), "not waiting for the {nth}. time:\n{}", self.log());
    }

    fn wait_log(&self, text: &str) {
        let found = wait::until_within(wait::PATIENCE, || self.log().contains(text).then_some(()));
        assert!(found.is_some(), "no {text:?} in {}", self.log());
    }

    /// Rings until a rule has decided, then gives up.
    fn rings(&self, from: &str, audit: &str) {
        let before = self.log().matches(audit).count();
        self.exchange.orders(&[&format!("dial {from} {OFFICE}")]);
        wait::until(audit, || (self.log().matches(audit).count() > before).then_some(()));
        self.exchange.orders(&[&format!("hangup {from}")]);
    }

    fn records(&self) -> String {
        std::fs::read_to_string(self.sandbox.path().join("log/ringback/calls.jsonl")).unwrap_or_default()
    }

    /// The last thing of every test: the line answers.
    fn answers(&self, from: &str) {
        self.exchange.orders(&[
            &format!("dial {from} {OFFICE}"),
            &format!("wait {from} connected"),
            &format!("expect {from} 20s login:"),
        ]);
    }
}

#[test]
fn outcomes() {
    if subject("mgetty").original {
        return;
    }
    let told = |sandbox: &Sandbox| sandbox.path().join("bin/told");
    let office = Office::new("from 777 refuse\nfrom 666 program /bin/sh /etc/mgetty/tell\n");
    let script = format!("echo \"$@\" >{0}.new; mv {0}.new {0}", told(&office.sandbox).display());
    std::fs::write(office.sandbox.path().join("etc-mgetty/tell"), script).expect("a program");
    office.exchange.orders(&[&format!("dial 666 {OFFICE}")]);
    let text = wait::until("the program", || std::fs::read_to_string(told(&office.sandbox)).ok());
    assert_eq!(text, format!("{} 666  0 \n", office.line));
    office.exchange.orders(&["hangup 666"]);
    let place = "/etc/mgetty/rules:2:1, dev=";
    assert!(office.log().contains(&format!("##### caller rule {place}{}", office.line)), "{}", office.log());
    assert!(office.log().contains("caller='666', outcome='program /bin/sh /etc/mgetty/tell'"));
    office.idle(2);
    assert!(!office.log().contains("denied caller"), "{}", office.log());
    // The file is read at every call.
    std::fs::write(office.sandbox.path().join("etc-mgetty/rules"), "from 666* refuse\n").expect("rules");
    office.rings("666", "denied caller dev=");
    office.idle(3);
    std::fs::write(office.sandbox.path().join("etc-mgetty/rules"), "from 666 ignore\nall answer\n")
        .expect("rules");
    office.rings("666", "outcome='ignore'");
    office.idle(4);
    assert_eq!(office.log().matches("denied caller").count(), 1);
    assert!(!office.log().contains("ATA"), "nobody was answered");
    office.answers(HOME);
}

#[test]
fn who_rings_is_called_back_and_pays_nothing() {
    if subject("mgetty").original {
        return;
    }
    let office = Office::new(&format!("from {HOME} call-back {HOME} user mary\n"));
    office.rings(HOME, "outcome='call-back");
    office.wait_log("callback: exit code 0");
    assert!(!office.log().contains("ATA"), "he was not answered: {}", office.log());
    office.exchange.orders(&[
        &format!("wait {HOME} ringing"),
        &format!("answer {HOME}"),
        &format!("wait {HOME} connected"),
        &format!("expect {HOME} 20s Connection established"),
        &format!("expect {HOME} 20s login:"),
        &format!("type {HOME} mary\\r"),
        &format!("expect {HOME} 20s welcome none 1"),
    ]);
    let log = office.sandbox.log_text("mg_callback.log");
    let accepted =
        format!("callback: accepted, user='mary', caller='{HOME}', line={}, number='{HOME}'", office.line);
    assert!(log.contains(&accepted), "{accepted}\n{log}");
    let record = wait::until("the record", || Some(office.records()).filter(|r| r.contains("handed over")));
    assert!(
        record.contains(&format!("\"called\":\"{HOME}\"")) && record.contains("\"user\":\"mary\""),
        "{record}"
    );
}

#[test]
fn limits_hold_and_the_line_goes_on() {
    if subject("mgetty").original {
        return;
    }
    let office = Office::new("all call-back 666\n");
    office.sandbox.write_etc("callback.config", "delay 4\nhours Mo 00:00-00:00\n", 0o644);
    office.rings(HOME, "outcome='call-back 666'");
    office.wait_log("callback: exit code 10");
    let log = office.sandbox.log_text("mg_callback.log");
    let refused = format!("callback: refused, user='', caller='{HOME}', line={}", office.line);
    assert!(log.contains(&refused) && log.contains("reason='hours'"), "{log}");
    assert!(office.records().contains("refused: hours"), "{}", office.records());
    office.idle(2);
    // Nobody can be asked for a password.
    office.sandbox.write_etc("callback.config", "delay 4\npassword yes\n", 0o644);
    office.rings(HOME, "outcome='call-back 666'");
    office.idle(3);
    assert!(office.records().contains("refused: password"), "{}", office.records());
    // Whoever was called on this line just now is in a loop, and is not called once more.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs();
    let attempts = office.sandbox.path().join("lib/ringback/callback-attempts");
    std::fs::write(attempts, format!("{now} connected - {} 666\n", office.line)).expect("attempts");
    office.sandbox.write_etc("callback.config", "delay 4\n", 0o644);
    office.rings(HOME, "outcome='call-back 666'");
    office.idle(4);
    assert!(office.records().contains("refused: loop"), "{}", office.records());
    assert!(office.records().contains("to be called back"), "mgetty has records of the rings too");
    // Whoever hides his number is nobody's caller: `all` is not about him.
    office.exchange.orders(&[&format!("set {HOME} withheld=on")]);
    office.answers(HOME);
    office.exchange.orders(&[&format!("type {HOME} joe\\r"), &format!("expect {HOME} 20s welcome P")]);
}

#[test]
fn which_rule_decides_is_told_and_what_is_wrong() {
    if subject("mgetty").original {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write_etc("mgetty.config", "caller-rules rules\ncnd-program /bin/true\nrings 2\n", 0o644);
    sandbox.write_etc("dialin.config", "!666\n", 0o644);
    sandbox.write_etc(
        "rules",
        "# mine\nline ttyS1 from 030* refuse\nfrom 0301 answer\nall ignore\nfrom 1 refuse\n",
        0o644,
    );
    sandbox.write_etc("login.config", "* - - /bin/true\n", 0o600);
    let run = |args: &[&str]| {
        let mut command = sandbox.command(&ours("mgetty"), None);
        let out = command.args(args).stdout(std::process::Stdio::piped()).output().expect("mgetty");
        (out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    for (args, code, wanted) in [
        (
            &["--explain-caller", "0301"][..],
            0,
            "decides: /etc/mgetty/rules:3:1: from 0301 answer\noutcome: answer\nthen asked: /bin/true",
        ),
        (
            &["--explain-caller", "0301", "--line", "ttyS1"],
            1,
            "decides: /etc/mgetty/rules:2:1: line ttyS1 from 030* refuse\noutcome: refuse",
        ),
        (&["--explain-caller=6661"], 1, "decides: /etc/mgetty/dialin.config:1:1: !666\noutcome: refuse"),
        (&["--explain-caller", "P"], 1, "caller: P on any line"),
        (&["--explain-caller", "5"], 1, "note: /etc/mgetty/rules:5:1: the rule is never reached: line 4"),
        (&["--check"], 0, "/etc/mgetty/rules:5:1: warning: the rule is never reached: line 4"),
    ] {
        let (status, text) = run(args);
        assert_eq!(status, code, "{args:?}\n{text}");
        assert!(text.contains(wanted), "{args:?}: no {wanted:?} in\n{text}");
    }
    sandbox.write_etc("login.config", "* - - /no/such\n", 0o600);
    let (status, text) = run(&["--check", "--line", "ttyS1"]);
    assert_eq!(status, 1);
    assert!(text.contains("/etc/mgetty/login.config:1:1: error: program: /no/such is not there"), "{text}");
    assert!(!sandbox.log("mg_ttyS1.log").exists(), "nothing was served");
    // Sections have files of their own, or are about no line.
    sandbox.write_etc(
        "mgetty.config",
        "port /dev/ttyS1\nport ttyS*\nport\nport ttyS2\nlogin-conf-file other\ncaller-rules gone\nrings 2\n",
        0o644,
    );
    sandbox.write_etc("other", "* - - /no/other\n", 0o600);
    let (_, text) = run(&["--check"]);
    for wanted in [
        "mgetty.config:1:6: warning: port: a line is named without /dev/",
        "mgetty.config:2:6: warning: port: `*` is no wildcard",
        "mgetty.config:3:1: warning: port: names no line",
        "/etc/mgetty/other:1:1: error: program: /no/other is not there",
        "/etc/mgetty/gone: error: not there, though mgetty.config names it: nobody is answered",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
    // Rules that are named and gone were to keep somebody out; each fault is told once.
    let (status, text) = run(&["--explain-caller", "0301", "--line", "ttyS2"]);
    assert_eq!((status, text.matches("gone is not there: nobody is answered").count()), (1, 1), "{text}");
    let mut wrong = sandbox.command(&ours("mgetty"), None);
    let out = wrong.args(["--check", "--line", "../x"]).stderr(std::process::Stdio::piped()).output();
    let out = out.expect("mgetty");
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("not a device: ../x"), "{out:?}");
}

/// The caller and the called number as each family of modems shows them, from the first ring to the log.
#[test]
fn every_dialect_of_the_exchange_tells_who_calls() {
    if subject("mgetty").original {
        return;
    }
    let called = ["ddn", "zyxel", "elsa"];
    let dialects = [
        "spaced",
        "tight",
        "ddn",
        "hex",
        "caller-number",
        "callers-number",
        "callerid",
        "zyxel",
        "elsa",
        "clip",
        "nbr",
        "none",
    ];
    let numbers: Vec<String> = (0..dialects.len()).map(|n| format!("9876{n:02}")).collect();
    let fars: Vec<String> = (0..dialects.len()).map(|n| format!("5550{n:02}")).collect();
    let options: Vec<String> = dialects.iter().map(|dialect| format!(",fault=cid={dialect}")).collect();
    let lines: Vec<(&str, &str)> =
        numbers.iter().zip(&options).map(|(n, o)| (n.as_str(), o.as_str())).collect();
    let exchange = Exchange::new(&lines, &fars.iter().map(String::as_str).collect::<Vec<_>>());
    // A modem tells the number after the first ring, a cellular one behind the second.
    let mut gettys = Vec::new();
    for number in &numbers {
        let sandbox = Sandbox::new();
        let told =
            sandbox.script("told", "echo \"<$2> <$5>\" >\"$0.new\"; mv \"$0.new\" \"$0.told\"; exit 1");
        sandbox.write_etc(
            "mgetty.config",
            &format!("{BASE}rings 3\ncnd-program {}\n", told.display()),
            0o644,
        );
        let device = exchange.device(number);
        let getty = sandbox.start(&ours("mgetty"), &[&device]);
        gettys.push((sandbox, getty, format!("mg_{}.log", device.replace('/', "-"))));
    }
    for ((sandbox, _, log), (far, number)) in gettys.iter().zip(fars.iter().zip(&numbers)) {
        wait::until("a waiting getty", || sandbox.log_text(log).contains("waiting...").then_some(()));
        exchange.orders(&[&format!("dial {far} {number}")]);
    }
    for (place, (sandbox, ..)) in gettys.iter().enumerate() {
        let (dialect, file) = (dialects[place], sandbox.path().join("bin/told.told"));
        let text = wait::until(dialect, || std::fs::read_to_string(&file).ok());
        let from = if dialect == "none" { "none" } else { &fars[place] };
        let to = if called.contains(&dialect) { &numbers[place] } else { "" };
        assert_eq!(text, format!("<{from}> <{to}>\n"), "{dialect}");
    }
}

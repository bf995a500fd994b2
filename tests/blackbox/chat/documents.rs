//! The chat scripts of the call-back documents, their typography repaired, over the exchange: run by our chat and
//! by the original. Beside each stands what the document has.

use super::over_exchange::Exchange;
use super::{chat, off_line};
use ringback_tests::originals;
use ringback_tests::subject::top;
use std::fs;
use std::path::{Path, PathBuf};

const SCRIPTS: [&str; 4] = [
    "callback-mini-howto",
    "callback-mini-howto.fr.slackware",
    "callback-mini-howto.fr.redhat",
    "linux-callback-service",
];

fn fixture(name: &str) -> PathBuf {
    top().join("tests/fixtures/chatscripts").join(name)
}

/// What a server says and wants to hear, until it hangs up; and when it has called back.
type Server<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)]);

/// `number` is called, talks, hangs up, calls back, talks again.
fn called_back(script: &Path, number: &str, (first, second): Server<'_>) {
    let exchange = Exchange::new();
    exchange.orders(&[&format!("add {number}")]);
    let talk = |orders: &mut Vec<String>, words: &[(&str, &str)]| {
        for (says, hears) in words {
            orders.push(format!("type {number} {says}"));
            if !hears.is_empty() {
                orders.push(format!("expect {number} 30s {hears}"));
            }
        }
    };
    let mut orders = vec![
        format!("wait {number} ringing"),
        format!("answer {number}"),
        format!("wait {number} connected"),
    ];
    talk(&mut orders, first);
    orders.extend([format!("hangup {number}"), "wait 777 idle".into(), format!("dial {number} 777")]);
    orders.push(format!("wait {number} connected"));
    talk(&mut orders, second);
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let (status, log) = exchange.chat_on_line(script, &orders);
    assert_eq!(status, 0, "{}: {log}", script.display());
}

#[test]
fn each_script_is_called_back() {
    let login = r"\r\nserver login: ";
    let how_to = |pseudo: &'static str, password: &'static str| {
        ([(login, pseudo)], [(login, r"pppuser\r"), (r"pppuser\r\nPassword: ", password)])
    };
    let all = [
        ("5376443", how_to(r"ppp-pseudo-user\r", r"password_for_ppuser\r")),
        ("123456", how_to(r"ppp_pseudouser\r", r"mot_de_passe_de_pppuser\r")),
        ("5376443", how_to(r"ppp-pseudo-user\r", r"mot_de_passe_de_pppuser\r")),
    ];
    std::thread::scope(|scope| {
        for (name, (number, (first, second))) in SCRIPTS.iter().zip(&all) {
            scope.spawn(move || called_back(&fixture(&format!("{name}.chat")), number, (first, second)));
        }
        scope.spawn(move || {
            let first = [(login, r"cback\r"), (r"\r\nTelephone number for callback: ", r"1234567\r")];
            let second = [(login, r"/AutoPPP/\r")];
            called_back(&fixture("linux-callback-service.chat"), "987654", (&first, &second));
        });
    });
}

#[test]
fn debian_s_own_script_is_called_back() {
    // It comes with pppd.
    let ppp = originals::program("pppd");
    let root = ppp.parent().and_then(Path::parent).expect("usr");
    let script = root.join("share/doc/ppp/examples/scripts/chat-callback");
    // The modem it was written for knows this register; ours has no bits in registers.
    // (Copies of one's own, $ORIGINALS, have no examples.)
    let Ok(text) = fs::read_to_string(script).map(|text| text.replace("S42.1=1", "")) else {
        assert!(std::env::var_os("ORIGINALS").is_some(), "Debian's package has the example");
        return;
    };
    let dir = tempfile::tempdir().expect("a scratch directory");
    let path = dir.path().join("chat-callback");
    fs::write(&path, text).expect("write the script");
    let first = [
        (r"\r\nname:", r"callme\r"),
        (r"\r\nPassword:", r"xvsgsgs\r"),
        (r"\r\nYou will be called back\r\n", ""),
    ];
    let second = [
        (r"\r\nname:", r"PPPuser\r"),
        (r"\r\nPassword:", r"blipblop\r"),
        (r"\r\nCnetSrv> ", r"ppp default\r"),
        (r"\r\nEntering PPP mode\r\n", ""),
    ];
    called_back(&path, "09834657", (&first, &second));
}

#[test]
fn only_typography_is_repaired() {
    for name in SCRIPTS {
        let original = fs::read_to_string(fixture(&format!("{name}.original"))).expect("the document's");
        let repaired = fs::read_to_string(fixture(&format!("{name}.chat"))).expect("the repaired");
        let plain = original.replace('\u{2019}', "'").replace('\u{2212}', "-").replace("<p>", "");
        let lines = plain.lines().map(|l| l.strip_prefix("\u{b7} ").unwrap_or(l).trim_matches(' '));
        let wanted: Vec<&str> = lines.filter(|l| !l.is_empty()).collect();
        assert_eq!(repaired.lines().collect::<Vec<_>>(), wanted, "{name}");
    }
}

#[test]
fn what_was_repaired_is_pointed_at() {
    if chat().original {
        return;
    }
    for (name, place) in SCRIPTS.into_iter().zip(["8:14", "3:7", "3:7", "1:1"]) {
        let path = fixture(&format!("{name}.original"));
        let ended = off_line(&["--check", "-f", path.to_str().expect("UTF-8")]);
        assert_eq!(ended.status, 1, "{name}");
        let place = format!("{name}.original:{place}: error: ");
        assert!(ended.stdout.contains(&place), "{place}: {}", ended.stdout);
        let path = fixture(&format!("{name}.chat"));
        let ended = off_line(&["--check", "-f", path.to_str().expect("UTF-8")]);
        assert!(!ended.stdout.contains(": error: "), "{name}: {}", ended.stdout);
    }
}

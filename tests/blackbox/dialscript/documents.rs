//! The scripts of the call-back documents, their typography repaired, against a server played by the test.

use super::{Far, file, run, text};

const HERE: &str = "tests/fixtures/dialscripts";

fn path(name: &str) -> String {
    file(HERE).join(name).to_str().expect("UTF-8").to_string()
}

/// The call of the mini-HOWTO, English or French: both ends' words.
fn call_back_at_a_fixed_number(script: &str) {
    let mut far = Far::new();
    let running = far.start(&[&path(script)]);
    far.say("\r\nring back\r\n\r\nserver login: ");
    far.hear("call\r");
    far.say("call\r\nDialing continues in the background...\r\n\r\nNO CARRIER\r\n\r\nRING\r\n");
    far.hear("ATA\r");
    far.say(
        "ATA\r\r\nCONNECT 33600\r\nConnection established, please wait...\r\n...ok\r\n\r\nserver login: ",
    );
    far.hear("pppuser\r");
    far.say("pppuser\r\nPassword:~\x7f}#!");
    far.hear("ppp\r");
    assert_eq!(running.end(), (0, String::new()));
    assert_eq!(far.rest(), "");
    assert_eq!(far.left(), b"~\x7f}#!", "pppd finds what follows the last match");
}

#[test]
fn the_mini_how_to_is_called_back() {
    call_back_at_a_fixed_number("callback-mini-howto.scp");
}

#[test]
fn the_mini_how_to_needs_no_repair() {
    call_back_at_a_fixed_number("callback-mini-howto.original");
    call_back_at_a_fixed_number("callback-mini-howto.fr.original");
}

#[test]
fn the_service_asks_for_the_number() {
    let mut far = Far::new();
    let mut command = far.command(&["--user", "Real_User", &path("linux-callback-service.scp")]);
    let running = command.env("DIALSCRIPT_PASSWORD", "geheim").spawn().expect("start");
    let running = super::Script { child: Some(running) };
    far.say("\r\nlogin: ");
    far.hear("Callback_User\r");
    far.say("Callback_User\r\nNumber for callback: ");
    far.hear("123456\r");
    far.say("123456\r\nDialing continues in the background...\r\n\r\nNO CARRIER\r\n\r\nRING\r\n");
    far.hear("ATA\r");
    far.say("\r\nCONNECT 33600\r\n\r\nlogin: ");
    far.hear("Real_User\r");
    far.say("Real_User\r\nPassword: ");
    far.hear("geheim\r");
    far.say("\r\nLinux 2.2\r\nbox> ");
    far.hear("ppp\r");
    assert_eq!(running.end(), (0, String::new()));
}

#[test]
fn the_web_page_s_bullets_are_pointed_at() {
    let (status, out, _) = run(&["--check", &path("linux-callback-service.original")]);
    assert_eq!(status, 1);
    assert!(
        out.contains("linux-callback-service.original:1:1: error: this is a bullet of the page"),
        "{out}"
    );
}

#[test]
fn only_typography_is_repaired() {
    for name in ["callback-mini-howto", "callback-mini-howto.fr", "linux-callback-service"] {
        let original = text(&file(HERE).join(format!("{name}.original")));
        let repaired = text(&file(HERE).join(format!("{name}.scp")));
        let lines = original.lines().map(|l| l.strip_prefix("· ").unwrap_or(l).trim_start_matches(' '));
        let wanted: Vec<&str> = lines.filter(|l| !l.is_empty()).collect();
        assert_eq!(repaired.lines().collect::<Vec<_>>(), wanted, "{name}");
        assert_eq!(run(&["--check", &path(&format!("{name}.scp"))]).0, 0, "{name}");
    }
}

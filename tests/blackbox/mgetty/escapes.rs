//! Section 8: every escape of prompt and issue, and the other ways the greeting can look.

use super::*;
use std::fs;

fn uname(flag: &str) -> String {
    let output = std::process::Command::new("uname").arg(flag).output().expect("uname");
    String::from_utf8(output.stdout).expect("text").trim().to_string()
}

/// What is sent between the answer and `end`.
fn greeting(getty: &mut Getty, end: &str) -> String {
    let mark = getty.answer();
    let place = getty.modem.expect(end, mark);
    String::from_utf8_lossy(&getty.modem.received(mark)[..place - mark]).into_owned()
}

/// utmp with one user logged in, as `who` counts them.
fn one_user(getty: &Getty) {
    let mut record = vec![0_u8; 384];
    record[..4].copy_from_slice(&7_i32.to_le_bytes());
    record[4..8].copy_from_slice(&1_i32.to_le_bytes());
    record[8..12].copy_from_slice(b"tty9");
    record[44..48].copy_from_slice(b"mary");
    fs::write(getty.sandbox.run("utmp"), record).expect("utmp");
}

#[test]
fn all_escapes() {
    let mut getty = Getty::new("");
    one_user(&getty);
    let template = "@|\\@|\\n|\\r|\\t|\\f|\\b|\\g|\\v|\\s|\\m|\\R|\\V|\\P|\\L|\\Y|\\I|\\N|\\U|\\S|\\0101|\\65|\
                    \\0x41|\\\\|\\q|\\C|\\D|\\T|end:";
    getty.args = vec!["-p".into(), template.into()];
    getty.start();
    getty.wait_idle();
    getty.modem.send("\r\nNMBR = 5551234\r\n");
    let text = greeting(&mut getty, "|end:");
    let (_, prompt) = text.split_once("\r\r\n").expect("the prompt's line");
    let parts: Vec<&str> = prompt.split('|').collect();
    let (node, line) = (uname("-n"), getty.modem.line());
    let (system, machine, release, version) = (uname("-s"), uname("-m"), uname("-r"), uname("-v"));
    let wanted: [&str; 25] = [
        &node, "@", "\n", "\r", "\t", "\x0c", "\x08", "\x07", "\x0b", &system, &machine, &release, &version,
        &line, &line, "5551234", "33600", "1", "1", "38400", "A", "A", "A", "\\", "q",
    ];
    assert_eq!(parts[..25], wanted);
    let digits =
        |text: &str| text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect::<String>();
    let (whole, date, time) = (parts[25], parts[26], parts[27]);
    assert_eq!(digits(time), "99:99:99");
    assert_eq!(date.split('/').count(), 3, "{date}");
    assert!(date.ends_with(&whole[whole.len() - 4..]) && !date.starts_with('0'), "{date} {whole}");
    let hour = &time[..2];
    assert!(whole.len() == 24 && whole.contains(&format!(" {hour}:")), "{whole}");
}

#[test]
fn an_issue_with_all_ends_of_line() {
    let mut getty = Getty::new("");
    let issue = getty.sandbox.path().join("issue");
    fs::write(&issue, "one\r\n\ntwo\t\\Y\\t.\n# three\n\\").expect("an issue");
    getty.args = vec!["-i".into(), issue.display().to_string(), "-p".into(), "login:".into()];
    getty.start();
    getty.wait_idle();
    let text = greeting(&mut getty, "login:");
    let (text, _) = text.split_once("**EMSI").expect("the request");
    // A backslash at the very end stands for nothing there, and for itself here.
    assert_eq!(
        text.trim_end_matches("\\\r").trim_end_matches('\r'),
        "\rone\r\n\r\n\rtwo     none    .\n\r# three\n"
    );
}

/// ^U and ^C ask again without the issue, an empty name with it.
#[test]
fn what_is_shown_again() {
    let mut getty = Getty::new("fido-send-emsi no");
    getty.args = vec!["-i".into(), "the issue".into(), "-p".into(), "who:".into()];
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    let mark = getty.modem.expect("\rthe issue\r\n\r\nwho:", mark);
    for (key, wanted) in
        [("jo\x15", "jo\r\nwho:"), ("\x03", "\r\nwho:"), ("\r", "\r\n\rthe issue\r\n\r\nwho:")]
    {
        let mark = getty.modem.mark().max(mark);
        std::thread::sleep(ms(60));
        getty.modem.send(key);
        let end = getty.modem.expect("who:", mark);
        assert_eq!(String::from_utf8_lossy(&getty.modem.received(mark)[..end - mark]), wanted, "{key:?}");
    }
}

/// A value of the file loses the blanks at its end.
#[test]
fn a_prompt_that_ends_in_a_blank() {
    let mut getty = Getty::idle("login-prompt name:\\32");
    let mark = getty.answer();
    getty.modem.expect("\r\nname: ", mark);
}

/// The prompt is not asked for, but is in the environment as it would have been shown.
#[test]
fn the_prompt_in_the_environment() {
    let mut getty = Getty::idle("login-env-ttyprompt-hack yes\nlogin-prompt who \\P:");
    let mark = getty.answer();
    let said = getty.said(mark);
    let line = getty.modem.line();
    assert!(said.contains(&format!("<<TTYPROMPT=who {line}:>>")), "{said}");
    assert!(said.contains(" ixon ") && said.contains(" ixany "), "{said}");
    let text = getty.modem.received(mark);
    assert!(!text.windows(6).any(|w| w == b"**EMSI"), "no mailer is asked where no name is read");
}

#[test]
fn a_long_name_is_cut_and_its_echo_taken_back() {
    let mut getty = Getty::idle("");
    let mark = getty.prompt();
    for _ in 0..11 {
        getty.modem.send("x".repeat(100));
        std::thread::sleep(ms(5));
    }
    getty.modem.send("\r");
    let said = getty.said(mark);
    assert!(said.contains("x\x08 \x08"), "{said}");
    let name = said.lines().find_map(|line| line.strip_prefix("<<arg1=")).expect("a name");
    let length = name.trim_end_matches(">>").len();
    assert!((1020..=1024).contains(&length), "{length}");
}

/// After `**EMSI_CLI` the name is read again.
#[test]
fn mailers_packets() {
    let mut getty = Getty::idle("");
    let mark = getty.prompt();
    getty.modem.send("**EMSI_CLIFA8C\r");
    let mark = getty.modem.expect("login: ", mark);
    std::thread::sleep(ms(60));
    let text = getty.modem.received(0);
    let requests = text.windows(11).filter(|w| w == b"**EMSI_REQA").count();
    assert_eq!(requests, 1, "no request after EMSI_CLI");
    getty.modem.send("joe\r");
    let said = getty.said(mark);
    assert!(said.contains("<<arg1=joe>>"), "{said}");
    let mut getty = Getty::idle("fido-send-emsi no");
    let mark = getty.prompt();
    assert!(!String::from_utf8_lossy(&getty.modem.received(0)).contains("EMSI"));
    getty.modem.send("joe\r");
    assert!(getty.said(mark).contains("<<arg1=joe>>"));
}

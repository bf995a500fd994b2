//! Section 8: greeting and prompt.

use super::*;
use std::fs;

fn node() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").expect("a name").trim().to_string()
}

#[test]
fn the_whole_greeting_byte_for_byte() {
    let mut getty = Getty::new("");
    let issue = getty.sandbox.path().join("issue");
    fs::write(&issue, "Welcome to @ on \\P\nline 2 \\S \\I \\Y \\0101\\65\\0x41\\l").expect("an issue");
    let text = BASE.replace("issue-file none", &format!("issue-file {}", issue.display()));
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    let end = getty.modem.expect("login: ", mark);
    let greeting = String::from_utf8_lossy(&getty.modem.received(mark)[..end - mark]).into_owned();
    let node = node();
    let line = getty.modem.line();
    assert_eq!(
        greeting,
        format!(
            "\rWelcome to {node} on {line}\n\rline 2 38400 33600 none AAAl\r\
             **EMSI_REQA77E\r\x11              \r\r\n{node} login: "
        )
    );
}

#[test]
fn an_issue_may_be_text_or_missing() {
    for (issue, greeting) in [("hello\\g", "\rhello\x07\r\n\r\n"), ("/nonexistent/issue", "\r\r\n")] {
        let mut getty = Getty::new("fido-send-emsi no");
        let text = BASE.replace("issue-file none", &format!("issue-file {issue}"));
        getty.sandbox.write_etc("mgetty.config", &format!("{text}fido-send-emsi no\n"), 0o644);
        getty.start();
        getty.wait_idle();
        let mark = getty.answer();
        let end = getty.modem.expect("login: ", mark);
        let got = String::from_utf8_lossy(&getty.modem.received(mark)[..end - mark]).into_owned();
        assert_eq!(got, format!("{greeting}{} login: ", node()));
    }
}

#[test]
fn a_program_may_write_the_issue() {
    let mut getty = Getty::new("");
    let program = getty.sandbox.script("issue", "echo the \"$1\" speaks");
    let text = BASE.replace("issue-file none", &format!("issue-file !{} oracle", program.display()));
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    getty.modem.expect("the oracle speaks", mark);
    getty.modem.expect("login: ", mark);
}

#[test]
fn the_prompt_on_the_command_line_keeps_its_blank() {
    let mut getty = Getty::new("login-prompt config");
    getty.args = vec!["-p".into(), "\\s@\\T login: ".into()];
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    let end = getty.modem.expect("login: ", mark);
    let text = String::from_utf8_lossy(&getty.modem.received(mark)[..end - mark]).into_owned();
    assert!(text.contains(&format!("Linux{}", node())), "{text:?}");
}

#[test]
fn ttyprompt_hack_asks_nothing() {
    let mut getty = Getty::idle("login-env-ttyprompt-hack yes");
    let mark = getty.answer();
    let said = getty.said(mark);
    assert!(said.contains("<<TTYPROMPT=") && !said.contains("<<arg1"), "{said}");
}

#[test]
fn login_time_ends_a_silent_call() {
    let mut getty = Getty::idle("login-time 2");
    let mark = getty.prompt();
    if getty.subject.original {
        // Difference: the original never looks at the clock before the next key.
        std::thread::sleep(ms(3000));
        assert_eq!(getty.running().status_now(), None);
        return;
    }
    getty.modem.expect("Your login time (0 minutes) ran out. Goodbye.", mark);
    assert_eq!(getty.status(), 0);
    assert!(getty.log().contains("login time out"));
    assert!(!getty.lock_path().exists() && !getty.pid_path().exists());
}

/// An issue may be in any character set.
#[test]
fn bytes_of_the_issue_go_out_as_they_are() {
    let mut getty = Getty::new("");
    let text = [BASE.replace("issue-file none\n", "").as_bytes(), b"issue-file Gr\xfc\xdfe\n"].concat();
    std::fs::write(getty.sandbox.etc("mgetty.config"), text).expect("a file");
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    getty.modem.expect("login: ", mark);
    let shown = getty.modem.received(mark);
    assert!(shown.windows(9).any(|w| w == b"\rGr\xfc\xdfe\r\n*"), "{shown:?}");
}

//! --check, --explain, --trace and --replay.

use super::{Far, Place, file, run};
use std::fs;

#[test]
fn samples_are_clean() {
    let mut count = 0;
    for entry in fs::read_dir(file("etc/dialscripts")).expect("etc/dialscripts") {
        let path = entry.expect("an entry").path();
        let (status, out, told) = run(&["--check", path.to_str().expect("UTF-8")]);
        assert_eq!((status, out.as_str(), told.as_str()), (0, "", ""), "{}", path.display());
        count += 1;
    }
    assert!(count >= 4);
}

#[test]
fn findings_have_file_line_and_column() {
    let place = Place::with("waitfor \u{201c}ogin:\u{201d}\ntransmit \"x\"");
    let (status, out, _) = run(&["--check", &place.script()]);
    assert_eq!(status, 1);
    assert_eq!(out, format!("{}:2:9: error: this is a typographic quote: write \"\n", place.script()));
    let place = Place::with("transmit \"a\\n\"\nwaitfor \"b\"");
    let (status, out, _) = run(&["--check", "--json", &place.script()]);
    assert_eq!(status, 1);
    let all: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!((all[0]["line"].as_u64(), all[0]["column"].as_u64()), (Some(2), Some(10)));
    assert_eq!((all[0]["severity"].as_str(), all[1]["severity"].as_str()), (Some("warning"), Some("note")));
    let place = Place::with("waitfor \"b\"");
    assert_eq!(run(&["--check", &place.script()]).0, 0, "a note alone is no fault");
}

#[test]
fn a_trace_replays_to_the_same_end() {
    let place = Place::with(
        "delay 1\nwaitfor \"ogin:\" then L, \"BUSY\" then B until 5\nhalt\nL:\ntransmit \"me^M\"\nwaitfor \"word:\"\n\
         transmit \"geheim^M\"\nwaitfor \"ok\" until 1\nif $FAILURE then\nhalt\nendif\nB:",
    );
    let trace = place.name("trace");
    let mut far = Far::new();
    let running = far.start(&["--trace", &trace, "--explain", &place.script()]);
    far.say("hello\r\nlogin:");
    far.hear("me\r");
    far.say("me\r\npassword:");
    far.hear("geheim\r");
    far.say("geheim\r\nno");
    let (status, live) = running.end();
    assert_eq!(status, 4);
    let (status, _, replayed) = run(&["--replay", &trace, "--explain", &place.script()]);
    assert_eq!(status, 4);
    // Times aside, the two tables are the same.
    let plain = |table: &str| -> Vec<String> {
        table
            .lines()
            .map(|l| l.split_whitespace().filter(|w| w.parse::<f64>().is_err()).collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(plain(&live), plain(&replayed));
    assert!(live.contains("\"ogin:\" came") && live.contains("transmit (hidden)"), "{live}");
}

#[test]
fn a_remote_written_by_hand() {
    let place = Place::with("waitfor \"RING\" until 30\ntransmit \"ATA^M\"\nwaitfor \"CONNECT\" until 60");
    let remote =
        place.write("remote", ". 20\n< \\r\\nRING\\r\\n\n> ATA\\r\n. 7.5\n< \\r\\nCONNECT 33600\\r\\n\n");
    let started = std::time::Instant::now();
    let (status, _, told) = run(&["--replay", &remote, "--explain", &place.script()]);
    assert_eq!(status, 0, "{told}");
    assert!(told.contains("exit status 0 after 27.500 s"), "{told}");
    assert!(started.elapsed().as_secs() < 20, "in no time");
    let other = place.write("other", "> ATH\\r\n");
    let (status, _, told) =
        run(&["--replay", &other, &place.write("y.scp", "proc main transmit \"ATA^M\" endproc")]);
    assert_eq!(status, 0);
    assert!(told.contains("line 1 waits for \"ATH\\r\", the script sent \"ATA\\r\""), "{told}");
}

//! The scripts in `etc/chatscripts`: each is checked, and each carries its dialogue out.

use super::{chat, off_line};
use ringback_tests::subject::top;
use std::fs;

const OPTIONS: &[&str] = &["-T", "5551234", "-U", "777"];

fn scripts() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = fs::read_dir(top().join("etc/chatscripts"))
        .unwrap()
        .map(|e| e.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), e.path().to_str().unwrap().to_string()))
        .collect();
    all.sort();
    all
}

#[test]
fn each_is_without_fault() {
    if chat().original {
        return;
    }
    let scripts = scripts();
    assert!(scripts.len() >= 10);
    for (name, path) in scripts {
        let ended = off_line(&[&["--check"], OPTIONS, &["-f", &path]].concat());
        assert_eq!((ended.status, ended.stdout.as_str()), (0, ""), "{name}");
    }
}

/// The far end of each script, as a recording by hand.
const REMOTES: &[(&str, &str)] = &[
    ("autoppp", "> ATZ\\r\n< OK\\r\\n\n> ATDT5551234\\r\n. 20\n< CONNECT 33600\\r\\n\n"),
    (
        "isp",
        "> ATZ\\r\n. 12\n> AT\\r\n< OK\\r\\n\n> ATDT5551234\\r\n. 20\n< CONNECT 33600\\r\\n\n. 25\n> \\r\n< login: \n> myname\\r\n< password: \n> *\n",
    ),
    (
        "callback",
        "> AT&FH0\\r\n. 6\n> +++\n< OK\n> AT&C0S0=1\\r\n< OK\n> ATDT5551234\\r\n. 20\n< CONNECT\\r\\n\n> \\r\n< login: \n> ppp-pseudo-user\\r\n< \\r\\nNO CARRIER\\r\\n\n. 60\n< \\r\\nRING\\r\\n\n> AT&C1A\\r\n< CONNECT\\r\\n\n> \\r\n< login: \n> pppuser\\r\n< password: \n> *\n",
    ),
    (
        "callback.fr",
        "> AT&FH0\\r\n< OK\n> AT&C0S0=1\\r\n< OK\n> ATDT5551234\\r\n. 20\n< CONNECT\\r\\n\n> \\r\n< login: \n> ppp-pseudo-user\\r\n< \\r\\nNO CARRIER\\r\\n\n. 60\n< \\r\\nRING\\r\\n\n> AT&C1A\\r\n< CONNECT\\r\\n\n> \\r\n< login: \n> pppuser\\r\n< password: \n> *\n",
    ),
    (
        "provider",
        "> ATZ\\r\n< OK\n> AT&C0\\r\n< OK\n> ATDT5551234\\r\n. 20\n< CONNECT\\r\\n\n< login: \n> *\n< callback: \n> *\n< \\r\\nNO CARRIER\\r\\n\n. 60\n< RING\\r\\n\n> AT&C1A\\r\n. 20\n< CONNECT 33600\\r\\n\n",
    ),
    (
        "cellular",
        "> AT\\r\n. 6\n> +++\n. 1\n< OK\n> ATZ\\r\n< OK\n> ATE0\\r\n< OK\n> AT+CPIN?\\r\n< +CPIN: READY\\r\\n\\r\\nOK\n> \\rAT+CGDCONT=1,\"IP\",\"5551234\"\\r\n< OK\n> ATD*99#\\r\n< CONNECT 150000000\\r\\n\n",
    ),
    ("cellular-pin", "> ATE0\\r\n< OK\n> AT+CPIN?\\r\n< +CPIN: SIM PIN\\r\\n\\r\\nOK\n> \\r\n> *\n< OK\n"),
    (
        "cellular-signal",
        "> ATE0\\r\n< OK\n> AT+CSQ\\r\n< +CSQ: 20,99\\r\\n\\r\\nOK\n> AT+CREG?\\r\n< +CREG: 0,1\\r\\n\\r\\nOK\n> AT+COPS?\\r\n< +COPS: 0,0,\"Operator\"\\r\\n\\r\\nOK\n",
    ),
    ("cellular-off", "> +++\n. 1\n< OK\n> ATH\\r\n< OK\n> AT+CGATT=0\\r\n< OK\n"),
    ("hangup", "> +++\n. 1\n< OK\n> ATH\\r\n< OK\n"),
    (
        "iridium",
        "> AT\\r\n< OK\n> AT&F\\r\n< OK\n> AT+CBST=71,0,1\\r\n< OK\n> ATDT5551234\\r\n. 40\n< CONNECT 9600\\r\\n\n",
    ),
    ("direct-cable", ". 100\n< CLIENTCLIENT\n> CLIENTSERVER\n"),
];

#[test]
fn each_carries_its_dialogue_out() {
    if chat().original {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = scripts().into_iter().map(|(name, _)| name).collect();
    let mut played: Vec<&str> = REMOTES.iter().map(|(name, _)| *name).collect();
    played.sort_unstable();
    assert_eq!(names, played, "every script has its far end here");
    for (name, remote) in REMOTES {
        let path = dir.path().join(name);
        fs::write(&path, remote).unwrap();
        let script = top().join("etc/chatscripts").join(name);
        let options = ["-S", "-s", "-v", "--why", "--replay", path.to_str().unwrap()];
        let ended = off_line(&[&options, OPTIONS, &["-f", script.to_str().unwrap()]].concat());
        assert_eq!(ended.status, 0, "{name}: {}", ended.stderr);
        assert!(!ended.stderr.contains("the script sent"), "{name}: {}", ended.stderr);
    }
}

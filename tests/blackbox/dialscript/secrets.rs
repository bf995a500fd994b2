//! Names and passwords reach the line and nothing else.

use super::{Far, Place, Script};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const BODY: &str = "waitfor \"ogin:\"\ntransmit $USERID, raw\ntransmit \"^M\"\nwaitfor \"word:\"\n\
                    transmit $PASSWORD, raw\ntransmit \"^M\"\nwaitfor \"PIN:\"\ntransmit \"0815^M\"\nwaitfor \"> \" until 1\nhalt";

/// A server that echoes everything, in small pieces; what was told about it.
fn talk(args: &[&str], environment: &[(&str, &str)], place: &Place) -> String {
    let mut far = Far::new();
    let script = place.script();
    let trace = place.name("trace");
    let mut all = vec!["--why", "--explain", "--trace", &trace];
    all.extend(args);
    all.push(&script);
    let child = far.command(&all).envs(environment.iter().copied()).spawn().expect("start");
    let running = Script { child: Some(child) };
    far.say("login:");
    far.hear("anna^Mx\r");
    for piece in ["ann", "a^M", "x\r\nPassw", "ord:"] {
        far.say(piece);
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    far.hear("ge<cr>heim\r");
    far.say("ge<cr>h");
    std::thread::sleep(std::time::Duration::from_millis(30));
    far.say("eim\r\nPIN:");
    far.hear("0815\r");
    far.say("0815\r\nwelcome anna^Mx, your password ge<cr>heim and PIN 0815 are wrong");
    let (status, told) = running.end();
    assert_eq!(status, 4);
    assert!(told.contains("elcome ??????"), "{told}");
    told + &place.read("trace")
}

fn check(told: &str) {
    for secret in ["anna", "heim", "0815", "ge<cr>"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    assert!(told.contains("??????") && told.contains("transmit (hidden)"), "{told}");
}

#[test]
fn from_files() {
    let place = Place::with(BODY);
    place.write("user", "anna^Mx\r\nsecond line\n");
    place.write("pw", "ge<cr>heim\n");
    fs::set_permissions(place.path("pw"), fs::Permissions::from_mode(0o600)).expect("chmod");
    check(&talk(&["--user-file", &place.name("user"), "--password-file", &place.name("pw")], &[], &place));
    let mode = fs::metadata(place.path("trace")).expect("trace").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn from_the_environment_and_the_command_line() {
    let place = Place::with(BODY);
    let environment = [("DIALSCRIPT_PASSWORD", "ge<cr>heim"), ("DIALSCRIPT_USERID", "nobody")];
    check(&talk(&["--user", "anna^Mx"], &environment, &place));
}

#[test]
fn without_raw_escapes_in_them_are_obeyed_and_hidden_as_well() {
    let place = Place::with("transmit $PASSWORD\nwaitfor \"!\"\nhalt");
    let mut far = Far::new();
    let child = far
        .command(&["--explain", "--why", &place.script()])
        .env("DIALSCRIPT_PASSWORD", "top^Jsecret")
        .spawn();
    let running = Script { child: Some(child.expect("start")) };
    far.hear("top\nsecret");
    far.say("top\nsecret top secret!");
    let (status, told) = running.end();
    assert_eq!(status, 4);
    assert!(!told.contains("top") && !told.contains("secret"), "{told}");
}

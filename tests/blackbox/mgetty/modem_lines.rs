//! Sections 1 and 2: DTR, DSR and carrier, on a pty whose modem lines a library plays.

use super::*;
use crate::dialin::status::{doing, status};
use ringback_tests::subject::target;
use std::os::unix::fs::{FileExt, MetadataExt};

const DTR: u32 = 0x002;
const CTS: u32 = 0x020;
const CAR: u32 = 0x040;
const DSR: u32 = 0x100;

/// The lines of a getty's pty (see tests/bench/modemlines.c for the file).
struct Lines {
    file: std::fs::File,
    at: u64,
}

impl Lines {
    /// Before the start: the modem shows `shown`.
    fn of(getty: &mut Getty, shown: u32) -> Lines {
        getty.preload("tests/bench/modemlines.c");
        let path = getty.sandbox.path().join("lines");
        getty.environment.push(("MODEMLINES", path.display().to_string()));
        let rdev = std::fs::metadata(getty.modem.pty().path()).expect("pty").rdev();
        let (major, minor) = ((rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00));
        let file = std::fs::File::options().read(true).write(true).create(true).truncate(false).open(path);
        let lines = Lines { file: file.expect("lines"), at: (minor + ((major - 136) << 8)) * 16 };
        lines.file.set_len(4096 * 16).expect("room");
        lines.show(shown);
        lines
    }

    fn show(&self, shown: u32) {
        let words = [shown.to_le_bytes(), 1u32.to_le_bytes()].concat();
        self.file.write_all_at(&words, self.at + 4).expect("lines");
    }

    fn dtr(&self) -> bool {
        let mut word = [0; 4];
        self.file.read_exact_at(&mut word, self.at).expect("lines");
        u32::from_le_bytes(word) & DTR != 0
    }

    fn raise(&self, lines: u32) {
        self.file.write_all_at(&lines.to_le_bytes(), self.at).expect("lines");
    }
}

#[test]
fn dtr_goes_low_for_its_time() {
    let _ = target();
    for (config, pulse) in
        [("toggle-dtr yes", 500), ("toggle-dtr-waittime 900\ntoggle-dtr on", 900), ("toggle-dtr no", 0)]
    {
        let take_time = || {
            let mut getty = Getty::new(config);
            let lines = Lines::of(&mut getty, DSR | CTS);
            lines.raise(DTR);
            getty.start();
            if pulse == 0 {
                getty.wait_idle();
                assert!(lines.dtr(), "never lowered, so never raised: {config}");
                return true;
            }
            wait::until("DTR to fall", || (!lines.dtr()).then_some(()));
            let fell = std::time::Instant::now();
            wait::until("DTR to rise", || lines.dtr().then_some(()));
            let (took, commands) = (fell.elapsed(), getty.modem.commands());
            getty.wait_idle();
            took >= ms(pulse - 60) && commands.is_empty()
        };
        // This thread may see the fall or the rise late on a busy machine.
        assert!((0..5).any(|_| take_time()), "{config}");
    }
}

#[test]
fn what_is_odd_is_said_and_does_no_harm() {
    for (shown, text) in [(CAR | DSR | CTS, "DCD line still active"), (CTS, "DSR is off")] {
        let mut getty = Getty::new("");
        let _lines = Lines::of(&mut getty, shown);
        getty.start();
        getty.wait_idle();
        assert!(getty.log().contains(text), "{}", getty.log());
    }
    let mut getty = Getty::new("");
    let _lines = Lines::of(&mut getty, DSR | CTS);
    getty.start();
    getty.wait_idle();
    assert!(
        !getty.log().contains("WARNING: DSR") && !getty.log().contains("WARNING: DCD"),
        "{}",
        getty.log()
    );
}

/// A modem that is switched off is waited for, one that is only silent is not.
#[test]
fn need_dsr() {
    let manner = || replying("ATZ", "");
    let config = "init-chat \"\" ATZ OK\nforce-init-chat \"\" ATQ0V1H0 OK\nneed-dsr yes";
    let mut getty = Getty::with(config, manner());
    let lines = Lines::of(&mut getty, 0);
    getty.shorten(15, ms(300));
    getty.start();
    getty.modem.commands_seen(1);
    std::thread::sleep(ms(1000));
    assert_eq!(getty.modem.commands(), ["ATZ"], "switched off: it is not spoken to");
    lines.show(DSR);
    assert_eq!(getty.modem.commands_seen(2)[1], "ATQ0V1H0");
    let mut getty = Getty::with(config, manner());
    let _lines = Lines::of(&mut getty, CTS);
    getty.shorten(15, ms(300));
    getty.start();
    assert_eq!(getty.modem.commands_seen(2)[1], "ATQ0V1H0");
}

/// Ours only: a modem that shows carrier always (`AT&C0`) is said once and serves on; but nobody can tell whether
/// its last caller is still there, so root may not log in.
#[test]
fn a_carrier_that_is_stuck_is_said_once_and_keeps_root_out() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    getty.login_config("root - - PROGRAM @\n* - - PROGRAM @\n");
    let lines = Lines::of(&mut getty, CAR | DSR | CTS);
    getty.start();
    getty.wait_state("\"state\":\"carrier-stuck\"");
    let line = getty.modem.line();
    let told = status(&getty.sandbox, &line);
    assert_eq!(told["why"], "carrier is always on (AT&C0?)");
    assert!(doing(&getty.sandbox, &line).starts_with("carrier-stuck, carrier is always on"), "{told}");
    let mark = getty.prompt();
    getty.modem.send("root\r");
    assert_ne!(getty.status(), 0);
    assert!(!String::from_utf8_lossy(&getty.modem.received(mark)).contains("<<program"));
    assert!(getty.log().contains("root may not log in"), "{}", getty.log());
    getty.wait_record("\"cause\":\"login refused\"");
    assert_eq!(getty.log().matches("carrier is stuck, dev").count(), 1, "{}", getty.log());
    // Everybody else may; and a modem that is set right is a line like others.
    getty.modem.hang_up();
    getty.start();
    wait::until("waiting again", || (getty.log().matches("waiting...").count() == 2).then_some(()));
    let said = getty.log_in("guest");
    assert!(said.contains("<<arg1=guest>>"), "{said}");
    getty.modem.send("\r");
    getty.status();
    lines.show(DSR | CTS);
    getty.modem.hang_up();
    getty.start();
    getty.wait_state("\"state\":\"idle\"");
}

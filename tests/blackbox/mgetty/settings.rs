//! Section 12: how the line is set at each step.

use super::*;
use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, SpecialCharacterIndices as Char, Termios,
};

fn now(getty: &Getty) -> Termios {
    nix::sys::termios::tcgetattr(getty.modem.pty().user()).expect("settings")
}

fn common(settings: &Termios) {
    let flags = settings.control_flags;
    let wanted = ControlFlags::CREAD | ControlFlags::HUPCL | ControlFlags::CRTSCTS | ControlFlags::CS8;
    assert!(flags.contains(wanted), "{flags:?}");
    assert!(!flags.intersects(ControlFlags::PARENB | ControlFlags::CSTOPB), "{flags:?}");
}

#[test]
fn idle() {
    let getty = Getty::idle("");
    let settings = now(&getty);
    common(&settings);
    assert!(settings.control_flags.contains(ControlFlags::CLOCAL));
    assert!(
        !settings
            .input_flags
            .intersects(InputFlags::IXON | InputFlags::IXOFF | InputFlags::ICRNL | InputFlags::ISTRIP)
    );
    assert!(!settings.output_flags.contains(OutputFlags::OPOST));
    let cooked = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
    assert!(!settings.local_flags.intersects(cooked));
    let char = |which: Char| settings.control_chars[which as usize];
    assert_eq!((char(Char::VMIN), char(Char::VTIME)), (1, 0));
    assert_eq!(
        (char(Char::VQUIT), char(Char::VKILL), char(Char::VEOF), char(Char::VEOL)),
        (0x1c, 0x15, 0x04, 0)
    );
    assert_eq!((char(Char::VSTART), char(Char::VSTOP)), (0x11, 0x13));
}

#[test]
fn at_the_prompt() {
    for (config, clocal) in [("", false), ("ignore-carrier yes", true)] {
        let mut getty = Getty::idle(config);
        getty.prompt();
        let settings = now(&getty);
        common(&settings);
        assert_eq!(settings.control_flags.contains(ControlFlags::CLOCAL), clocal, "{config}");
        let cooked = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
        wait::until("a raw line", || (!now(&getty).local_flags.intersects(cooked)).then_some(()));
        let raw = || (!now(&getty).output_flags.contains(OutputFlags::OPOST)).then_some(());
        wait::until("raw output behind the prompt", raw);
    }
}

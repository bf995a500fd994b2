//! Lines of inittab and systemd; every row of spec/admin.md 1.2.

use super::tree::Tree;
use std::fs;
use std::os::unix::fs::symlink;

const INITTAB: &str = "/etc/inittab";
const CONFIG: &str = "/etc/mgetty/mgetty.config";

fn sysv(inittab: &str) -> Tree {
    Tree::with(&[(INITTAB, inittab), ("/sbin/mgetty", "")])
}

fn systemd() -> Tree {
    let tree = Tree::with(&[("/lib/systemd/systemd", ""), ("/sbin/mgetty", "")]);
    symlink("/lib/systemd/systemd", tree.at("/sbin/init")).expect("a link");
    tree
}

#[test]
fn each_line_the_module_misreads_is_listed_and_edited() {
    for (before, line, words, wanted) in [
        (
            "s1:2345:respawn:/sbin/mgetty ttyS1 -D /dev/ttyS1 vt100\n",
            "ttyS1",
            &["data-only=no"][..],
            "s1:2345:respawn:/sbin/mgetty ttyS1 /dev/ttyS1 vt100\n",
        ),
        (
            "s1:2345:respawn:/sbin/mgetty ttyS1 -s 115200 -D /dev/ttyS1\n",
            "ttyS1",
            &["speed=57600"],
            "s1:2345:respawn:/sbin/mgetty ttyS1 -s 57600 -D /dev/ttyS1\n",
        ),
        (
            "S0:2345:respawn:/sbin/mgetty -x 3 ttyS0\n",
            "ttyS0",
            &["debug=5"],
            "S0:2345:respawn:/sbin/mgetty -x 5 ttyS0\n",
        ),
        (
            "S0:23:respawn:/sbin/mgetty -n3 -s38400 ttyS0\n",
            "ttyS0",
            &["rings=5"],
            "S0:23:respawn:/sbin/mgetty -n5 -s38400 ttyS0\n",
        ),
        (
            "S0:23:respawn:/sbin/mgetty -D -p \"@!login: \" ttyS0\n",
            "ttyS0",
            &["login-prompt=@: name? "],
            "S0:23:respawn:/sbin/mgetty -D -p '@: name? ' ttyS0\n",
        ),
        (
            "S0:23:respawn:/sbin/mgetty -I 555-r123 -n 2 ttyS0\n",
            "ttyS0",
            &["rings=1"],
            "S0:23:respawn:/sbin/mgetty -I 555-r123 -n 1 ttyS0\n",
        ),
        (
            "m:23:respawn:/sbin/mgetty -n 2 modem\n",
            "modem",
            &["rings=1"],
            "m:23:respawn:/sbin/mgetty -n 1 modem\n",
        ),
        (
            "m:23:respawn:/sbin/mgetty -n 2 /dev/serial/by-id/usb-X-if00\n",
            "/dev/serial/by-id/usb-X-if00",
            &["rings=1"],
            "m:23:respawn:/sbin/mgetty -n 1 /dev/serial/by-id/usb-X-if00\n",
        ),
        (
            "m:23:respawn:/sbin/mgetty -n2 ttyACM0 38400 vt100\n",
            "ttyACM0",
            &["rings=1"],
            "m:23:respawn:/sbin/mgetty -n1 ttyACM0 38400 vt100\n",
        ),
        (
            "m:23:respawn:exec /sbin/mgetty -n2 ttyS0   # the modem: mine\n",
            "ttyS0",
            &["rings=1"],
            "m:23:respawn:exec /sbin/mgetty -n1 ttyS0   # the modem: mine\n",
        ),
    ] {
        let tree = sysv(before);
        let listed = tree.run(&["line", "list"]).ok();
        assert!(listed.starts_with(line.trim_start_matches("/dev/")), "{listed}");
        tree.change(&[&["line", "set", line], words].concat());
        assert_eq!(tree.read(INITTAB), wanted);
        let unknown = tree.run(&["--yes", "line", "set", line, "sped=9600"]).refused();
        assert!(unknown.contains("no keyword"), "{unknown}");
        tree.change(&["line", "rm", line]);
        assert_eq!(tree.read(INITTAB), "");
    }
}

#[test]
fn what_is_not_ours_is_listed_and_not_touched() {
    let tree = sysv(
        "#S0:23:respawn:/sbin/mgetty ttyS0\nv:23:respawn:/sbin/vgetty ttyS2\na:23:respawn:/sbin/mgetty /dev/term/a\n\
         g:23:respawn:/sbin/getty -L ttyS3 9600 vt100\nS3:23:respawn:/sbin/mgetty ttyS3\n",
    );
    let listed = tree.run(&["line", "list"]).ok();
    for (line, said) in [
        ("ttyS0", "switched off"),
        ("ttyS2", "voice: not touched"),
        ("term/a", "Solaris' name"),
        ("ttyS3", "two programs want this line"),
    ] {
        assert!(listed.lines().any(|l| l.starts_with(line) && l.contains(said)), "{line}: {listed}");
    }
    for line in ["ttyS2", "term/a"] {
        assert!(tree.run(&["--yes", "line", "set", line, "rings=2"]).refused().contains("not touched"));
        assert!(tree.run(&["--yes", "line", "rm", line]).refused().contains("not touched"));
    }
    assert!(tree.run(&["--yes", "line", "set", "ttyS9", "rings=2"]).refused().contains("is not served"));
}

#[test]
fn a_new_line_has_a_section_of_its_own() {
    let tree = sysv("id:2:initdefault:\n");
    tree.write(CONFIG, "debug 4\nport ttyS?\nrings 4\n");
    let noted = tree.change(&["line", "add", "/dev/ttyS1", "speed=57600", "data-only=yes"]);
    assert_eq!(tree.read(INITTAB), "id:2:initdefault:\nS1:2345:respawn:/sbin/mgetty ttyS1\n");
    assert_eq!(
        tree.read(CONFIG),
        "debug 4\nport ttyS?\nrings 4\n\nport ttyS1\nspeed 57600\ndata-only yes\n",
        "{noted}"
    );
    tree.change(&["line", "set", "ttyS1", "rings=2"]);
    let listed = tree.run(&["--json", "line", "list"]).ok();
    let rows: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(
        (&rows[0]["rings"], &rows[0]["speed"], &rows[0]["mode"]),
        (&2.into(), &57600.into(), &"data".into())
    );
    tree.change(&["line", "set", "ttyS1", "--unset", "rings"]);
    tree.change(&["line", "rm", "ttyS1"]);
    assert_eq!(tree.read(CONFIG), "debug 4\nport ttyS?\nrings 4\n\n");
    // A pattern that comes later takes a value back: said, not hidden.
    tree.write(CONFIG, "port ttyS1\nport ttyS?\nrings 4\n");
    let noted = tree.change(&["line", "add", "ttyS1", "rings=2"]);
    assert!(noted.contains("rings stays 4"), "{noted}");
    let busybox = sysv("::sysinit:/etc/rc\ntty1::respawn:/bin/login\n");
    busybox.change(&["line", "add", "ttyS1"]);
    assert!(busybox.read(INITTAB).ends_with("\n::respawn:/sbin/mgetty ttyS1\n"));
    // Debian's own sysvinit has a sysinit line without levels, and refuses lines without an id.
    let debian = sysv("id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS\n~~:S:wait:/sbin/sulogin\n");
    debian.change(&["line", "add", "ttyS1"]);
    assert!(debian.read(INITTAB).ends_with("\nS1:2345:respawn:/sbin/mgetty ttyS1\n"));
}

#[test]
fn a_line_that_something_else_has_is_not_added() {
    let tree = sysv(
        "a:23:respawn:/usr/sbin/pppd ttyS5 38400 nodetach\nb:23:respawn:/bin/sh -c '/sbin/mgetty -D /dev/ttyS6'\nc:23:off:/usr/sbin/pppd ttyS7\n",
    );
    for line in ["ttyS5", "ttyS6"] {
        let err = tree.run(&["--yes", "line", "add", line]).refused();
        assert!(err.contains(&format!("starts something on {line}")), "{err}");
    }
    for line in ["ttyS7", "ttyS"] {
        tree.change(&["line", "add", line]);
    }
}

#[test]
fn lines_have_names_by_path_too() {
    let path = "serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0";
    let tree = sysv("id:2:initdefault:\n");
    tree.change(&["line", "add", &format!("/dev/{path}"), "rings=2"]);
    let listed: serde_json::Value =
        serde_json::from_str(&tree.run(&["--json", "line", "list"]).ok()).expect("JSON");
    assert_eq!((&listed[0]["line"], &listed[0]["rings"]), (&path.into(), &2.into()), "{listed}");
    tree.change(&["ppp", "set", "--line", path, "10.0.0.1:10.0.0.2"]);
    assert!(tree.run(&["explain", path]).ok().contains("10.0.0.1:10.0.0.2"));
    tree.change(&["line", "rm", path]);
    assert_eq!(tree.read(INITTAB), "id:2:initdefault:\n");
    let tree = Tree::with(&[("/sbin/mgetty", "#!"), ("/lib/systemd/systemd", "")]);
    tree.change(&["line", "add", path]);
    let instance = "serial-by\\x2dpath-pci\\x2d0000:00:14.0\\x2dusb\\x2d0:2:1.0\\x2dport0";
    let told = tree.run(&["line", "list"]).ok();
    assert!(told.contains(path) && told.contains(&format!("mgetty@{instance}.service")), "{told}");
}

#[test]
fn what_a_unit_s_command_line_says_wins() {
    let unit = "/etc/systemd/system/mgetty@.service";
    let tree = Tree::with(&[
        ("/sbin/mgetty", "#!"),
        (unit, "[Service]\nExecStart=/sbin/mgetty -D -n 3 %I\n[Install]\nWantedBy=multi-user.target\n"),
        (CONFIG, ""),
    ]);
    tree.change(&["line", "add", "--init", "systemd", "ttyS1"]);
    for words in [&["rings=2"][..], &["--unset", "rings"], &["speed=9600", "data-only=no"]] {
        let err = tree.run(&[&["--yes", "line", "set", "ttyS1"], words].concat()).refused();
        assert!(err.contains("systemctl edit --full mgetty@ttyS1.service"), "{err}");
        assert_eq!(tree.read(CONFIG), "");
    }
    tree.change(&["line", "set", "ttyS1", "rings=3", "data-only=yes", "speed=9600"]);
    assert_eq!(tree.read(CONFIG), "port ttyS1\nspeed 9600\n");
    // As `systemctl edit mgetty@ttyS1` writes it.
    tree.write(
        "/etc/systemd/system/mgetty@ttyS1.service.d/override.conf",
        "[Service]\nExecStart=\nExecStart=/sbin/mgetty -n 7 %I\n",
    );
    assert!(tree.run(&["line", "list"]).ok().contains("rings 7"), "{}", tree.run(&["line", "list"]).out);
}

#[test]
fn a_line_command_says_what_stays_as_it_is() {
    let two =
        "a1:23:respawn:/sbin/mgetty ttyS1\nb1:23:respawn:/sbin/mgetty ttyS1\nS2:23:off:/sbin/mgetty ttyS2\n";
    let tree = sysv(two);
    assert!(tree.change(&["line", "set", "ttyS2", "rings=3"]).contains("ttyS2 is switched off"));
    let err = tree.run(&["--yes", "line", "set", "ttyS1", "rings=3", "--unset", "rings"]).refused();
    assert!(err.contains("set and unset"), "{err}");
    assert!(tree.change(&["line", "rm", "ttyS1"]).contains("still served by /etc/inittab:2"));
    assert!(!tree.change(&["line", "rm", "ttyS1"]).contains("still served"));
    let tree = Tree::with(&[
        ("/sbin/mgetty", "#!"),
        ("/lib/systemd/systemd", ""),
        ("/etc/systemd/system/own.service", "[Service]\nExecStart=/sbin/mgetty ttyS6\n"),
    ]);
    let err = tree.run(&["--yes", "line", "add", "ttyS6"]).refused();
    assert!(err.contains("a unit of its own") && !err.contains("line set"), "{err}");
    let mask = tree.at("/etc/systemd/system/mgetty@ttyS5.service");
    std::os::unix::fs::symlink("/dev/null", &mask).expect("a link");
    tree.change(&["line", "add", "ttyS5"]);
    assert!(mask.symlink_metadata().is_err(), "a masked unit does not start");
    tree.change(&["undo"]);
    assert_eq!(std::fs::read_link(&mask).expect("the mask"), std::path::Path::new("/dev/null"));
}

#[test]
fn a_rate_between_modems_is_no_port_speed() {
    let tree = sysv("");
    for (speed, said) in [
        ("33600", "a rate between two modems"),
        ("112000", "is no speed of a serial port"),
        ("fast", "expected a number"),
    ] {
        let err = tree.run(&["--yes", "line", "add", "ttyS1", &format!("speed={speed}")]).refused();
        assert!(err.contains(said), "{err}");
    }
    let err = tree.run(&["--yes", "line", "add", "ttyS1", "speed=33600"]).refused();
    assert!(err.contains("speed=38400"), "{err}");
    assert_eq!(tree.read(INITTAB), "");
    for bad in ["../x", "tty S1", "", "-x", "ttyS1'", "x:y"] {
        tree.run(&["--yes", "line", "add", "--", bad]).refused();
    }
    for (word, said) in [
        ("rings=0", "from 1 to 100"),
        ("colour=red", "no keyword"),
        ("login-prompt=a\nb", "line end"),
        ("init-chat=a\\", "backslash"),
    ] {
        let err = tree.run(&["--yes", "line", "add", "ttyS1", word]).refused();
        assert!(err.contains(said), "{err}");
    }
}

#[test]
fn systemd_gets_an_instance_of_our_unit() {
    let tree = systemd();
    let before = tree.snapshot();
    tree.change(&["line", "add", "ttyS1", "rings=2"]);
    let units = "/etc/systemd/system";
    let link = |path: &str| {
        fs::read_link(tree.at(&format!("{units}/{path}")))
            .map(|p| p.display().to_string())
            .unwrap_or_default()
    };
    assert_eq!(link("dev-ttyS1.device.wants/mgetty@ttyS1.service"), "/etc/systemd/system/mgetty@.service");
    assert_eq!(link("serial-getty@ttyS1.service"), "/dev/null");
    assert!(tree.read("/etc/systemd/system/mgetty@.service").contains("BindsTo=dev-%i.device"));
    assert_eq!(tree.read(CONFIG), "port ttyS1\nrings 2\n");
    assert!(
        tree.run(&["--yes", "line", "add", "ttyS1"])
            .refused()
            .contains("is served already (mgetty@ttyS1.service)")
    );
    tree.change(&["line", "add", "/dev/serial/by-id/usb-A_B-if00"]);
    let escaped = "serial-by\\x2did-usb\\x2dA_B\\x2dif00";
    assert_eq!(
        link(&format!("dev-{escaped}.device.wants/mgetty@{escaped}.service")),
        "/etc/systemd/system/mgetty@.service"
    );
    let listed = tree.run(&["line", "list"]).ok();
    assert!(listed.contains("serial/by-id/usb-A_B-if00 ") && listed.contains("ttyS1 "), "{listed}");
    tree.change(&["undo"]);
    tree.change(&["line", "rm", "ttyS1"]);
    assert_eq!(
        tree.run(&["line", "list"]).ok(),
        "no lines are served; `dialin line add` or `dialin setup`\n"
    );
    tree.change(&["undo"]);
    tree.change(&["undo"]);
    assert_eq!(tree.snapshot(), before, "links, units and directories are as they were");
    // Where the package has the unit, that one is enabled.
    tree.write(
        "/lib/systemd/system/mgetty@.service",
        "[Service]\nExecStart=/sbin/mgetty %I\n[Install]\nWantedBy=multi-user.target\n",
    );
    tree.change(&["line", "add", "ttyS1"]);
    assert_eq!(link("multi-user.target.wants/mgetty@ttyS1.service"), "/lib/systemd/system/mgetty@.service");
}

#[test]
fn units_of_the_guides_are_listed_and_not_touched() {
    let tree = systemd();
    let unit = "[Unit]\nDescription=mgetty\nRequires=systemd-udev-settle.service\n[Service]\nType=simple\nPIDFile=/var/run/mgetty.pid.ttyUSB0\n\
                ExecStart=/sbin/mgetty -n 2 /dev/ttyUSB0\nRestart=always\n[Install]\nWantedBy=multi-user.target\n";
    tree.write("/etc/systemd/system/mgetty-usb0.service", unit);
    tree.write("/etc/systemd/system/getty.target.wants/x", "");
    symlink(
        "/lib/systemd/system/serial-getty@.service",
        tree.at("/etc/systemd/system/getty.target.wants/serial-getty@ttyS1.service"),
    )
    .expect("a link");
    let listed = tree.run(&["line", "list"]).ok();
    assert!(
        listed.contains("ttyUSB0")
            && listed.contains("rings 2")
            && listed.contains("a unit of its own: not touched"),
        "{listed}"
    );
    assert!(listed.contains("another getty"), "{listed}");
    assert!(tree.run(&["--yes", "line", "set", "ttyUSB0", "rings=3"]).refused().contains("not touched"));
    assert!(tree.run(&["--yes", "line", "add", "ttyUSB0"]).refused().contains("is served already"));
    // The console's getty makes room.
    tree.change(&["line", "add", "ttyS1"]);
    assert!(!tree.at("/etc/systemd/system/getty.target.wants/serial-getty@ttyS1.service").is_symlink());
}

#[test]
fn missing_programs_and_unknown_inits_are_sentences() {
    let none = Tree::with(&[("/sbin/mgetty", "")]);
    assert!(
        none.run(&["--yes", "line", "add", "ttyS1"])
            .refused()
            .contains("say --init systemd or --init inittab")
    );
    none.change(&["line", "add", "ttyS1", "--init", "inittab"]);
    let no_mgetty = Tree::with(&[(INITTAB, "")]);
    assert!(no_mgetty.run(&["--yes", "line", "add", "ttyS1"]).refused().contains("mgetty is not installed"));
    assert!(none.run(&["--yes", "line", "apply"]).refused().contains("nothing runs"));
}

#[test]
fn the_files_are_found_where_other_systems_have_them() {
    // Fedora's and the HOWTO's directory; one of the BSDs'.
    for (dir, words) in [
        ("/etc/mgetty+sendfax", &[][..]),
        ("/usr/local/etc/mgetty+sendfax", &["--config-dir", "/usr/local/etc/mgetty+sendfax"]),
    ] {
        let tree = Tree::with(&[
            ("/sbin/mgetty", ""),
            (INITTAB, ""),
            (&format!("{dir}/mgetty.config"), "debug 4\n"),
            (&format!("{dir}/dialin.config"), "!all\n"),
            (&format!("{dir}/login.config"), "* - - /bin/login @\n"),
        ]);
        for command in [
            &["line", "add", "ttyS1", "rings=2"][..],
            &["callerid", "add", "555"],
            &["autoppp", "on"],
            &["callback", "set", "delay=30"],
        ] {
            tree.change(&[words, command].concat());
        }
        assert_eq!(tree.read(&format!("{dir}/mgetty.config")), "debug 4\n\nport ttyS1\nrings 2\n");
        assert_eq!(tree.read(&format!("{dir}/dialin.config")), "555\n!all\n");
        assert!(tree.read(&format!("{dir}/login.config")).starts_with("/AutoPPP/"));
        assert_eq!(tree.read(&format!("{dir}/callback.config")), "delay 30\n");
        assert!(!tree.at("/etc/mgetty").exists());
        // A slip of the pen makes no directory that nobody reads.
        for wrong in ["/etc/mgety", "etc/mgetty", "/../../etc/no"] {
            let err = tree.run(&["--yes", "--config-dir", wrong, "callerid", "add", "5"]).refused();
            assert!(err.contains("no such directory"), "{err}");
        }
    }
}

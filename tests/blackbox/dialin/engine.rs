//! Plans, diffs, the journal, undo: whichever file is edited.

use super::tree::{Tree, ran};
use ringback_tests::pty::Pty;
use ringback_tests::wait;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

const OPTIONS: &str = "/etc/ppp/options";

#[test]
fn nothing_happens_without_yes() {
    let tree = Tree::with(&[(OPTIONS, "auth\n")]);
    let before = tree.snapshot();
    let ran = tree.run(&["ppp", "set", "lock"]);
    assert!(ran.out.contains("+lock"), "{}", ran.out);
    assert!(ran.refused().contains("say --yes"));
    let plan = tree.run(&["--plan", "ppp", "set", "lock"]).ok();
    assert!(plan.contains("@@ -1 +1,2 @@\n auth\n+lock\n"), "{plan}");
    assert_eq!(tree.snapshot(), before);
    assert!(!tree.at("/var/lib/ringback").exists());
}

#[test]
fn a_change_is_applied_listed_and_undone_byte_for_byte() {
    let tree = Tree::with(&[(OPTIONS, "# mine\nauth\r\nlock")]);
    tree.chmod(OPTIONS, 0o640);
    let before = tree.snapshot();
    tree.change(&["ppp", "set", "idle=600"]);
    assert_eq!(tree.read(OPTIONS), "# mine\nauth\r\nlock\nidle 600\n");
    assert_eq!(tree.mode(OPTIONS), 0o640);
    // New files in new directories.
    tree.change(&["ppp", "set", "--dialin", "auth"]);
    assert!(tree.at("/etc/ppp/peers").is_dir());
    assert_eq!(tree.change(&["ppp", "set", "--dialin", "auth"]), "nothing to change\n");
    let log = tree.run(&["log"]).ok();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("ppp set idle=600"), "{log}");
    assert!(tree.run(&["log", "1"]).ok().contains("+idle 600"));
    tree.change(&["undo"]);
    assert!(!tree.at("/etc/ppp/peers").exists(), "directories that were made go too");
    tree.change(&["undo"]);
    assert_eq!(tree.snapshot(), before);
    assert!(tree.run(&["--yes", "undo"]).refused().contains("nothing to undo"));
    // The undoing can be undone.
    tree.change(&["undo", "4"]);
    assert_eq!(tree.read(OPTIONS), "# mine\nauth\r\nlock\nidle 600\n");
    assert_eq!(tree.mode("/var/lib/ringback/journal"), 0o700);
}

#[test]
fn the_journal_drops_its_oldest_changes() {
    let tree = Tree::with(&[(OPTIONS, "auth\n")]);
    tree.change(&["ppp", "set", "idle=1"]);
    let journal = |name: &str| tree.at(&format!("/var/lib/ringback/journal/{name}"));
    // As if there had been 600; copies of the first.
    for n in 2..=600 {
        let to = journal(&format!("{n:06}"));
        fs::create_dir(&to).expect("a directory");
        for file in ["entry.json", "0.before", "0.after"] {
            fs::copy(journal("000001").join(file), to.join(file)).expect("a copy");
        }
    }
    tree.change(&["ppp", "set", "idle=2"]);
    let log = tree.run(&["log"]).ok();
    assert_eq!(log.lines().count(), 500, "{log}");
    assert!(log.starts_with(" 102  ") && !journal("000101").exists(), "{log}");
    tree.change(&["undo"]);
    assert_eq!(tree.read(OPTIONS), "auth\nidle 1\n");
    assert!(tree.run(&["log", "1"]).refused().contains("there is no change 1"));
    // Large files: the last change stays, whatever its size, and can be undone.
    let large = format!("auth\n{}", "#\n".repeat(1_900_000));
    tree.write(OPTIONS, &large);
    for n in 0..6 {
        tree.change(&["ppp", "set", &format!("idle={}", 100 + n)]);
    }
    let log = tree.run(&["log"]).ok();
    assert_eq!(log.lines().count(), 4, "{log}");
    for _ in 0..2 {
        tree.change(&["undo"]);
    }
    assert_eq!(tree.read(OPTIONS), format!("{large}idle 103\n"));
}

#[test]
fn an_undo_does_not_overwrite_later_edits() {
    let tree = Tree::with(&[(OPTIONS, "auth\n")]);
    tree.change(&["ppp", "set", "lock"]);
    tree.write(OPTIONS, "auth\nlock\n# by hand\n");
    assert!(tree.run(&["--yes", "undo"]).refused().contains("was changed since change 1"));
    assert_eq!(tree.read(OPTIONS), "auth\nlock\n# by hand\n");
}

#[test]
fn a_file_changed_while_the_question_stands_is_not_overwritten() {
    let tree = Tree::with(&[(OPTIONS, "auth\n")]);
    let pty = Pty::raw();
    let side = || fs::OpenOptions::new().read(true).write(true).open(pty.path()).expect("the pty");
    let mut command = tree.command(&["ppp", "set", "lock"]);
    let mut child = command.stdin(side()).stdout(side()).stderr(Stdio::piped()).spawn().expect("dialin");
    let mut shown = Vec::new();
    wait::until("the question", || {
        shown.extend(pty.read_now());
        String::from_utf8_lossy(&shown).contains("[y/N]").then_some(())
    });
    tree.write(OPTIONS, "auth\n# me too\n");
    pty.write(b"y\n");
    assert_eq!(child.wait().expect("its end").code(), Some(1));
    let said = std::io::read_to_string(child.stderr.take().expect("stderr")).expect("text");
    assert!(said.contains("changed by somebody else since the plan"), "{said}");
    assert_eq!(tree.read(OPTIONS), "auth\n# me too\n");
}

#[test]
fn links_are_followed_inside_the_root_and_nowhere_else() {
    let tree = Tree::with(&[("/srv/options", "auth\n")]);
    let outside = Tree::with(&[("/options", "auth\n")]);
    fs::create_dir_all(tree.at("/etc/ppp")).expect("directories");
    symlink("/srv/options", tree.at(OPTIONS)).expect("a link");
    tree.change(&["ppp", "set", "lock"]);
    assert_eq!(tree.read("/srv/options"), "auth\nlock\n");
    assert!(tree.at(OPTIONS).is_symlink());
    // A link that leads out of the tree leads nowhere: it is looked for inside.
    symlink(outside.at("/options"), tree.at("/etc/ppp/options.ttyS1")).expect("a link");
    symlink(outside.path(), tree.at("/etc/ppp/peers")).expect("a link");
    for words in [&["--line", "ttyS1"][..], &["--dialin"], &["--line", "../../../../options"]] {
        let _ = tree.run(&[&["--yes", "ppp", "set", "lock"], words].concat());
        assert_eq!(outside.read("/options"), "auth\n", "{words:?}");
        assert_eq!(fs::read_dir(outside.path()).expect("a directory").count(), 1, "{words:?}");
    }
}

#[test]
fn whatever_stands_in_a_files_place_is_a_sentence() {
    let tree = Tree::new();
    fs::create_dir_all(tree.at(OPTIONS)).expect("a directory");
    assert!(tree.run(&["--yes", "ppp", "set", "lock"]).refused().contains("no regular file"));
    let fifo = tree.at("/etc/ppp/options.ttyS1");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("a fifo");
    assert!(
        tree.run(&["--yes", "ppp", "set", "lock", "--line", "ttyS1"]).refused().contains("no regular file")
    );
    symlink("loop", tree.at("/etc/ppp/loop")).expect("a link");
    symlink("loop", tree.at("/etc/ppp/options.ttyS2")).expect("a link");
    assert!(
        tree.run(&["--yes", "ppp", "set", "lock", "--line", "ttyS2"]).refused().contains("symbolic links")
    );
    fs::write(tree.at("/etc/ppp/options.ttyS3"), vec![b'#'; 5 << 20]).expect("a large file");
    assert!(tree.run(&["--yes", "ppp", "set", "lock", "--line", "ttyS3"]).refused().contains("larger"));
    let missing = ran(std::process::Command::new(ringback_tests::subject::ours("dialin"))
        .args(["--root", "/no/such", "log"]));
    assert!(missing.refused().contains("--root /no/such: No such file"));
}

#[test]
fn a_backup_is_a_tar_archive_and_no_way_to_write_elsewhere() {
    let tree = Tree::with(&[
        (OPTIONS, "auth\n"),
        ("/etc/ppp/pap-secrets", "bob * s3cret *\n"),
        ("/etc/other", "x\n"),
    ]);
    tree.chmod("/etc/ppp/pap-secrets", 0o600);
    let archive = tree.at("/b.tar").display().to_string();
    assert!(tree.run(&["--plan", "backup", &archive]).ok().contains("nothing was written"));
    let said = tree.run(&["backup", &archive]).ok();
    assert!(said.ends_with("2 files\n"), "{said}");
    assert_eq!(tree.mode("/b.tar"), 0o600);
    assert!(tree.run(&["backup", &archive]).refused().contains("File exists"));
    let second = format!("{archive}2");
    let json = tree.run(&["--json", "backup", &second]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["file"], second.as_str());
    let list = ran(std::process::Command::new("tar").args(["tf", &archive])).ok();
    assert_eq!(list, "etc/ppp/options\netc/ppp/pap-secrets\n");
    assert_eq!(tree.change(&["restore", &archive]), "nothing to change\n");
    tree.write(OPTIONS, "noauth\n");
    assert!(tree.change(&["restore", &archive]).contains("+auth"));
    assert_eq!(tree.read(OPTIONS), "auth\n");
    // Made by tar, with a path that is none of ours.
    let other = tree.at("/other.tar").display().to_string();
    let top = tree.path().display().to_string();
    ran(std::process::Command::new("tar").args([
        "cf",
        &other,
        "--format=ustar",
        "-C",
        &top,
        "etc/ppp/options",
        "etc/other",
    ]))
    .ok();
    tree.write("/etc/other", "y\n");
    tree.write(OPTIONS, "noauth\n");
    assert!(
        tree.run(&["--yes", "restore", &other]).refused().contains("/etc/other is no file that dialin edits")
    );
    assert_eq!(tree.read(OPTIONS), "noauth\n");
    assert!(tree.feed("garbage", &["--yes", "restore", "-"]).refused().contains("cut off"));
}

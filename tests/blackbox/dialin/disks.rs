//! Full and read-only disks, two administrators, rights: on file systems of their own, in a namespace.

use super::tree::{Ran, Tree, ran};
use ringback_tests::subject::ours;
use std::fs;
use std::process::{Command, Stdio};

/// Runs a script as root of a mount namespace; `$D` is dialin, `$1` a directory.
fn inside(dir: &std::path::Path, script: &str) -> Ran {
    let flags = if nix::unistd::geteuid().is_root() { "-m" } else { "-rm" };
    let mut command = Command::new("unshare");
    command.args([flags, "--propagation", "private", "bash", "-c", script, "inside"]).arg(dir);
    command.env("D", ours("dialin")).stdin(Stdio::null());
    ran(&mut command)
}

#[test]
fn a_full_disk_changes_nothing() {
    let tree = Tree::new();
    // 64 KiB with less and less room: refused at the journal, at the new file, or not at all.
    let script = r#"
        mount -t tmpfs -o size=256k tmpfs "$1" || exit 90
        mkdir -p "$1/etc/ppp"; printf 'auth\n' >"$1/etc/ppp/options"
        refused=0
        for free in 0 4 8 12 16 20 24 28 32 36 40 44 48 64; do
            rm -f "$1/fill"; dd if=/dev/zero of="$1/fill" bs=1k 2>/dev/null
            truncate -s -"$free"K "$1/fill"
            before=$(cat "$1/etc/ppp/options")
            if ! said=$("$D" --root "$1" --yes ppp set idle=$free 2>&1); then
                refused=$((refused + 1))
                case $said in *"nothing was changed"*"No space left"* | *"No space left"*"nothing was changed"*) ;; *) echo "said: $said"; exit 1 ;; esac
                [ "$(cat "$1/etc/ppp/options")" = "$before" ] || { echo changed; exit 1; }
                [ -z "$(ls -A "$1/etc/ppp" | grep dialin-)" ] || { echo left; exit 1; }
            fi
        done
        "$D" --root "$1" log >/dev/null || exit 1
        echo "refused $refused"
    "#;
    let out = inside(tree.path(), script).ok();
    let refused: usize = out.trim().rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    assert!((2..14).contains(&refused), "{out}");
}

#[test]
fn a_read_only_disk_is_a_sentence() {
    let tree = Tree::with(&[("/etc/ppp/options", "auth\n")]);
    let script = r#"
        mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 90
        "$D" --root "$1" --yes ppp set lock 2>&1 && exit 91
        "$D" --root "$1" ppp show
    "#;
    let out = inside(tree.path(), script).ok();
    assert!(out.contains("Read-only file system") && out.contains("nothing was changed"), "{out}");
    // The journal can be written, the file cannot.
    fs::create_dir_all(tree.at("/var/lib/ringback")).expect("a directory");
    let script = r#"
        mount --bind "$1/etc" "$1/etc" && mount -o remount,bind,ro "$1/etc" || exit 90
        "$D" --root "$1" --yes ppp set lock 2>&1 && exit 91
        "$D" --root "$1" log
    "#;
    let out = inside(tree.path(), script).ok();
    assert!(out.contains("Read-only file system") && out.contains("nothing was changed"), "{out}");
    assert!(!out.contains("interrupted") && !out.contains("dialin ppp set"), "{out}");
}

#[test]
fn two_administrators_do_not_lose_each_others_change() {
    let tree = Tree::with(&[("/etc/ppp/options", "auth\n")]);
    let children: Vec<_> = (0..8)
        .map(|n| {
            let line = format!("ttyS{}", n % 4);
            let word = if n < 4 { format!("idle={}", 100 + n) } else { format!("maxconnect={}", 100 + n) };
            let mut command = tree.command(&["--yes", "ppp", "set", "--line", &line, &word]);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("dialin")
        })
        .collect();
    let mut done = 0;
    for child in children {
        let output = child.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => done += 1,
            Some(1) => assert!(said.contains("changed by somebody else since the plan"), "{said}"),
            other => panic!("{other:?}: {said}"),
        }
    }
    // Who was told that it is done finds it done.
    let all: String = (0..4).map(|n| tree.read(&format!("/etc/ppp/options.ttyS{n}"))).collect();
    assert_eq!(all.lines().count(), done, "{all}");
    assert_eq!(tree.run(&["log"]).ok().lines().count(), done);
}

#[test]
fn owners_modes_and_attributes_are_kept() {
    let tree = Tree::with(&[("/etc/ppp/options", "auth\n")]);
    tree.chmod("/etc/ppp/options", 0o640);
    let script = r#"
        cd "$1/etc/ppp"
        [ "$(id -u)" != 0 ] || chown 0:0 options
        python3 -c 'import os; os.setxattr("options", "user.label", b"mine")' 2>/dev/null || echo none
        "$D" --root "$1" --yes ppp set lock >/dev/null || exit 1
        "$D" --root "$1" --yes undo >/dev/null || exit 1
        "$D" --root "$1" --yes ppp set idle=5 >/dev/null || exit 1
        python3 -c 'import os; print(os.getxattr("options", "user.label").decode())' 2>/dev/null || echo none
        stat -c '%a %U' options
    "#;
    let out = inside(tree.path(), script).ok();
    assert!(out.contains("640 root"), "{out}");
    assert!(out.starts_with("mine\n") || out.starts_with("none\n"), "{out}");
}

#[test]
fn roles_hold_for_those_whom_sudo_lets_in() {
    let tree = Tree::new();
    let etc = tree.at("/etc");
    fs::create_dir_all(etc.join("ppp")).expect("directories");
    fs::create_dir_all(etc.join("ringback")).expect("directories");
    fs::copy("/etc/passwd", etc.join("passwd")).expect("users");
    fs::copy("/etc/group", etc.join("group")).expect("groups");
    fs::write(
        etc.join("ringback/roles"),
        "clerk account,view\nline1 ppp,line,callerid ttyS1\nfitter view,test ttyS1\n@root view\n* log\n",
    )
    .expect("roles");
    fs::create_dir_all(tree.at("/lib")).expect("a directory");
    let script = r#"
        mount --bind "$1/etc" /etc; mount --bind "$1/lib" /var/lib
        say() { who=$1; shift; SUDO_USER=$who "$D" "$@" 2>&1 </dev/null | tail -n 1; }
        echo a: "$(echo s3cret | SUDO_USER=clerk "$D" --yes account add bob 2>&1 | tail -n 1)"
        echo b: "$(say clerk --yes ppp set lock)"
        echo m: "$(say clerk --yes setup --line ttyS1)"
        mkdir -p "$1/mine/etc/ringback"; echo 'clerk all' >"$1/mine/etc/ringback/roles"
        echo n: "$(say clerk --root "$1/mine" --yes ppp set lock)"
        echo c: "$(say clerk --root /tmp account list)"
        echo d: "$(say clerk --yes account add ann --secret-file /etc/shadow)"
        echo e: "$(say line1 --yes ppp set --line ttyS1 idle=5)"
        echo f: "$(say line1 --yes ppp set --line ttyS2 idle=5)"
        echo g: "$(say line1 --yes ppp set idle=5)"
        echo h: "$(say line1 backup /etc/x)"
        echo s: "$(say line1 --yes callerid add 5)"
        echo i: "$(say stranger account list)"
        echo j: "$(say stranger log)"
        echo precious >"$1/secret"; ln -s "$1/secret" /dev/shm/ttyS1 2>/dev/null
        for line in "$1/secret" /etc/shadow ../../etc/shadow /dev/../etc/shadow /dev/shm/../../etc/shadow ttyS1/../../etc/shadow ttyS2; do
            for command in test doctor; do echo "o: $(say fitter $command "$line")"; done
        done
        rm -f /dev/shm/ttyS1
        echo "p: $(say fitter doctor ttyS1 "$1/secret")"
        echo "q: $(say fitter test ttyS1 --dial 1)"
        echo "r: $(cat "$1/secret")"
        chmod 666 /etc/ringback/roles
        echo k: "$(say clerk account list)"
        echo l: "$("$D" account list | head -n 1)"
    "#;
    let out = inside(tree.path(), script).ok();
    for (line, said) in [
        ("a", "is carried out"),
        ("b", "clerk has no right `ppp`"),
        ("c", "root's alone"),
        ("m", "no right `setup`"),
        ("n", "no right `ppp`"),
        ("d", "may name no files"),
        ("e", "is carried out"),
        ("f", "for the line ttyS2"),
        ("g", "single lines only"),
        ("h", "no right `backup`"),
        ("s", "callerid is about more than single lines"),
        ("i", "no right `view`"),
        ("j", ""),
        ("k", "must belong to root"),
        ("l", "pap  bob"),
        ("p", "dialin: "),
        ("r", "precious"),
    ] {
        let found = out.lines().find(|l| l.starts_with(&format!("{line}:"))).unwrap_or_default();
        assert!(found.contains(said), "{line}: {found} in {out}");
    }
    // Whatever path he names in the place of a line, it is not opened.
    let named: Vec<&str> = out.lines().filter(|l| l.starts_with("o:")).collect();
    assert_eq!(named.len(), 14, "{out}");
    for said in named {
        assert!(
            said.contains("no name of a line") || said.contains("no right `test` for the line "),
            "{said}"
        );
    }
    let own = out.lines().find(|l| l.starts_with("q:")).unwrap_or_default();
    assert!(!own.contains("no right"), "{own}");
}

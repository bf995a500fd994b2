//! `login.config` means to us what it means to Debian's mgetty: a name is typed, the program that is run
//! shows its arguments, and these are compared with what `ttyline::config` makes of the same file.

use super::getty::Getty;
use ttyline::config::Document;
use ttyline::config::login::{LoginConfig, When};

/// `PROG` stands for a script that prints its arguments.
const CASES: [(&str, &str); 12] = [
    ("* - - PROG @ \\I \\Y x@ \\i @@ -@", "joe"),
    ("joe\t-   -\tPROG  1 2 3 4 5 6 7 8 9 10 11", "joe"),
    ("joe - -\njoe -\njoe\njoe - - PROG second", "joe"),
    ("!version 2\nj* Y - - PROG back\nj* N - - PROG direct\n!version 1\n* - - PROG late", "joe"),
    ("!version 2\nj* yes - - PROG back\nj* x - - PROG any\n!version 1\n* - - PROG late", "joe"),
    ("!version 2\njoe - - PROG\njoe - - - PROG two\n!version 1\n* - - PROG late", "joe"),
    ("joe* - - PROG start\n*oe - - PROG end\n* - - PROG all", "moe"),
    ("*o* - - PROG middle\n* - - PROG all", "xox"),
    ("j*e - - PROG star\nJOE - - PROG case\n* - - PROG all", "joe"),
    ("** - - PROG twostars", "joe"),
    ("# joe - - PROG comment \\\njoe - - PROG swallowed\njoe - - PR\\\nOG a\\\n  b # c", "joe"),
    ("joe - - PROG \"a b\" 'c' $HOME ~ `id`\r", "joe"),
];

fn compare(file: &str, name: &str) {
    let mut getty = Getty::prepared();
    let shows = getty.sandbox.script("shows", "printf '<%s>' \"$@\"; echo ' end'; exec sleep 1000");
    // The name of the script must survive a join inside the word.
    let shows = shows.display().to_string();
    let cut = shows.len() - 2;
    let file = file.replace("PR\\\nOG", &format!("{}\\\n{}", &shows[..cut], &shows[cut..]));
    let file = format!("{}\n", file.replace("PROG", &shows));
    let config = LoginConfig::parse(&Document::parse(file.clone().into_bytes()));
    let entry = config.find(name.as_bytes(), false).expect("the cases end with an entry for all");
    assert_ne!(entry.when, When::AfterCallback);
    let argv = entry.argv(name.as_bytes(), "33600", "none");
    let wanted: String = argv.iter().skip(1).map(|arg| format!("<{}>", arg.as_str())).collect();
    getty.sandbox.write_etc("login.config", &file, 0o600);
    getty.start();
    getty.logged("waiting...");
    let mark = getty.answered();
    getty.modem.send(format!("{name}\r"));
    getty.modem.expect(" end", mark);
    let shown = String::from_utf8_lossy(&getty.modem.received(mark)).into_owned();
    assert!(shown.contains(&format!("{wanted} end")), "{wanted} expected, {shown:?} came, of:\n{file}");
}

#[test]
fn entries_mean_the_same() {
    std::thread::scope(|scope| {
        for (file, name) in CASES {
            scope.spawn(move || compare(file, name));
        }
    });
}

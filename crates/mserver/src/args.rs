//! The command line, and what it sets going.

use crate::journal::Journal;
use crate::privilege;
use crate::server::{Server, start};
use clap::{Arg, ArgAction, ArgMatches, Command};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use ttyline::hosts_access::{self, Name, Rules, Visit};
use ttyline::log::Severity;

/// Where the configuration is, unless `-c` says otherwise.
pub const CONFIG: &str = "/etc/mserver.conf";
/// Where the status is told, unless `--socket` says otherwise.
pub const SOCKET: &str = "/run/ringback/mserver.sock";

fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("mserver")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Shares modems over the network")
        .arg(
            flag("foreground", "stays in the foreground and tells what happens on standard error").short('f'),
        )
        .arg(
            Arg::new("config")
                .short('c')
                .long("config")
                .value_name("FILE")
                .default_value(CONFIG)
                .help("the configuration"),
        )
        .arg(flag("test", "reads the configuration, tells what is wrong with it, and ends").short('t'))
        .arg(
            Arg::new("socket")
                .long("socket")
                .value_name("PATH")
                .default_value(SOCKET)
                .help("where the status is told"),
        )
        .arg(
            Arg::new("user")
                .short('u')
                .long("user")
                .value_name("NAME")
                .help("whose it becomes after the ports are bound (mserver, if there is such a user)"),
        )
        .arg(flag("status", "shows what a running server is doing"))
        .arg(flag("json", "with --status: as JSON").requires("status"))
        .arg(
            Arg::new("hosts-access-check")
                .long("hosts-access-check")
                .num_args(4)
                .value_names(["ALLOW_FILE", "DENY_FILE", "DAEMON", "CLIENT"])
                .help("tells whether two such files grant an address the use of a daemon"),
        )
}

/// Runs the program; the result is its exit code.
#[must_use]
pub fn main() -> u8 {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { 2 } else { 0 };
        }
    };
    if let Some(words) = matches.get_many::<String>("hosts-access-check") {
        return hosts_access_check(&words.map(String::as_str).collect::<Vec<_>>());
    }
    let path = |name: &str| matches.get_one::<String>(name).map(PathBuf::from).unwrap_or_default();
    if matches.get_flag("status") {
        return show_status(&path("socket"), matches.get_flag("json"));
    }
    match serve(&matches, path("config"), &path("socket")) {
        Ok(code) => code,
        Err(messages) => {
            messages.iter().for_each(|message| eprintln!("mserver: {message}"));
            1
        }
    }
}

fn serve(matches: &ArgMatches, file: PathBuf, socket: &Path) -> Result<u8, Vec<String>> {
    let wanted = start::read_config(&file)?;
    let (foreground, test) = (matches.get_flag("foreground"), matches.get_flag("test"));
    if test || !foreground {
        // In the foreground they are said below.
        for remark in &wanted.config.warnings {
            eprintln!("mserver: {}", start::shown(&file, remark));
        }
    }
    if test {
        println!("{}: {} line(s), no mistakes", file.display(), wanted.config.lines.len());
        return Ok(0);
    }
    let wanted = wanted.that_shares(&file)?;
    more_descriptors();
    let (bound, missing) = start::bind_all(&wanted.config);
    if !missing.is_empty() {
        return Err(missing);
    }
    // A path that means something after the change of directory.
    let file = std::fs::canonicalize(&file).unwrap_or(file);
    if !foreground {
        nix::unistd::daemon(false, false).map_err(|e| vec![e.desc().to_string()])?;
    }
    let mut journal = Journal::new(foreground);
    let one = |e: std::io::Error| vec![ttyline::log::reason(&e)];
    let mut server = Server::new(Journal::new(foreground), file, privilege::open_records()).map_err(one)?;
    server.serve(wanted, bound).map_err(one)?;
    if let Err(e) = server.open_status(socket) {
        let why = ttyline::log::reason(&e);
        journal.say(Severity::Warning, format!("no status socket: {}: {why}", socket.display()));
    }
    let user = matches.get_one::<String>("user").map(String::as_str);
    let stays_root = |name: &Option<String>| name.is_none() && nix::unistd::geteuid().is_root();
    match privilege::give_up(user) {
        Ok(name) if stays_root(&name) && user.is_none() => {
            journal.say(Severity::Warning, "stays root: there is no user mserver (in group dialout)");
        }
        Ok(_) => {}
        Err(why) => {
            // In the background nobody reads standard error any more.
            journal.say(Severity::Error, why.clone());
            return Err(if foreground { Vec::new() } else { vec![why] });
        }
    }
    server.run().map_err(one)?;
    Ok(0)
}

/// A thousand ports and as many sessions with their lines need more than the usual 1024.
fn more_descriptors() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most.min(1 << 16), most);
    }
}

fn show_status(socket: &Path, as_json: bool) -> u8 {
    let mut text = String::new();
    let read = std::os::unix::net::UnixStream::connect(socket).and_then(|mut s| s.read_to_string(&mut text));
    if let Err(e) = read {
        let none = matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
        let hint = if none { " (is mserver running?)" } else { "" };
        eprintln!("mserver: {}: {}{hint}", socket.display(), ttyline::log::reason(&e));
        return 1;
    }
    if as_json {
        print!("{text}");
        return 0;
    }
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else {
        eprintln!("mserver: {}: not understood", socket.display());
        return 1;
    };
    for line in value["lines"].as_array().into_iter().flatten() {
        let word = |name: &str| line[name].as_str().unwrap_or("").to_string();
        let user = &line["user"];
        let who = [&user["certificate"], &user["name"], &user["peer"]];
        let who = who.iter().find_map(|value| value.as_str()).unwrap_or("");
        let who = ttyline::visible::field(who.as_bytes());
        let watchers = user["watchers"].as_array().map_or(0, Vec::len);
        let watched = if watchers > 0 { format!("  watched by {watchers}") } else { String::new() };
        println!(
            "{:5}  {:20} {:8} {:14} {who}{watched}",
            line["port"],
            word("device"),
            word("protocol"),
            word("state")
        );
    }
    for one in value["waiting"].as_array().into_iter().flatten() {
        let who = one["name"].as_str().or(one["peer"].as_str()).unwrap_or("");
        let who = ttyline::visible::field(who.as_bytes());
        println!("{:5}  {:20} {:8} {:14} {who}", one["port"], "", "", "waiting");
    }
    0
}

fn hosts_access_check(words: &[&str]) -> u8 {
    let &[allow, deny, daemon, client] = words else { return 2 };
    let Ok(client) = client.parse::<IpAddr>() else {
        eprintln!("mserver: {}: an address is expected", ttyline::visible::terminal(client));
        return 2;
    };
    let read = |path: &str| match std::fs::read(path) {
        Ok(text) => Some(Rules::read(&text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some(Rules::default()),
        Err(e) => {
            eprintln!("mserver: {path}: {}", ttyline::log::reason(&e));
            None
        }
    };
    let (Some(allow), Some(deny)) = (read(allow), read(deny)) else { return 2 };
    let visit = Visit { daemon, port: None, reached_at: None, client, name: Name::Unknown };
    let decision = hosts_access::decide(&allow, &deny, &visit, &|path| std::fs::read(path).ok());
    if let Some(remark) = decision.remark {
        eprintln!("mserver: {}", ttyline::visible::terminal(&remark));
    }
    println!("{}", if decision.granted { "granted" } else { "denied" });
    u8::from(!decision.granted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_manual_pages_have_every_option_and_every_key() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/mserver.8"));
        for arg in command().get_arguments() {
            let long = arg.get_long().expect("all are long");
            assert!(page.contains(&format!("Fl Fl {long}")), "--{long} is not in mserver.8");
            if let Some(short) = arg.get_short() {
                assert!(page.contains(&format!(".It Fl {short} ,")), "-{short} is not in mserver.8");
            }
        }
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/mserver.conf.5"));
        for key in ttyline::config::mserver::KEYS {
            assert!(page.contains(&format!(".It Cm {key} Ns =")), "{key} is not in mserver.conf.5");
        }
    }
}

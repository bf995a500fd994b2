//! The command line, and what it sets going.

use crate::address::{Address, Language, port_of};
use crate::config::{self, KEYS, Options, Part};
use crate::fault::reason;
use crate::net;
use crate::stdio::{self, Frame};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::path::{Path, PathBuf};
use ttyline::visible::terminal;

/// Where the configuration is, unless `-c` says otherwise.
pub const CONFIG: &str = "/etc/comport.conf";

fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let value = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).num_args(1).help(help)
    };
    Command::new("comport")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A local serial port that is a modem elsewhere")
        .override_usage(
            "comport [OPTIONS] NAME=SCHEME://HOST:PORT...\n       comport [OPTIONS] [-c FILE]\n       \
             comport --stdio [OPTIONS] SCHEME://HOST:PORT",
        )
        .arg(
            Arg::new("ports")
                .value_name("NAME=SCHEME://HOST:PORT")
                .num_args(0..)
                .help("ports: a path, or a name below /dev, and where it leads"),
        )
        .arg(value("config", "FILE", "the ports (/etc/comport.conf, if none is named here)").short('c'))
        .arg(flag("test", "tells what is wrong with the configuration, and ends").short('t'))
        .arg(flag("verbose", "tells more of what happens").short('v'))
        .arg(flag("stdio", "joins standard input and output to the address instead of a port"))
        .arg(value("speed", "BIT/S", "with --stdio and rfc2217: the line's speed"))
        .arg(value("flow", "none|rtscts|xonxoff", "with --stdio and rfc2217: the line's flow control"))
        .args(KEYS.map(|(key, form, help)| value(key, form, help)))
}

/// Runs the program; the result is its exit code.
#[must_use]
pub fn main() -> u8 {
    let invoked = std::env::args_os().next().unwrap_or_default();
    if Path::new(&invoked).file_name().is_some_and(|name| name == "tcpconn") {
        return tcpconn();
    }
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { 2 } else { 0 };
        }
    };
    match plan(&matches) {
        Ok(Plan::Stdio(address, options, frame)) => stdio::run("comport", &address, &options, frame),
        Ok(Plan::Tested(text)) => {
            println!("{text}");
            0
        }
        Ok(Plan::Serve(ports)) => serve(ports, matches.get_flag("verbose")),
        Err(Wrong::Usage(text)) => {
            eprintln!("comport: {text}");
            2
        }
        Err(Wrong::Configuration(messages)) => {
            messages.iter().for_each(|message| eprintln!("comport: {message}"));
            1
        }
    }
}

/// `tcpconn HOST PORT`; the result is its exit code.
#[must_use]
pub fn tcpconn() -> u8 {
    let words: Vec<String> = std::env::args_os().skip(1).map(|w| w.to_string_lossy().into_owned()).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--help" | "-h"] => {
            println!(
                "usage: tcpconn HOST PORT\nJoins standard input and output to a TCP port. See tcpconn(1)."
            );
            0
        }
        ["--version" | "-V"] => {
            println!("tcpconn {}", env!("CARGO_PKG_VERSION"));
            0
        }
        [host, port] if !host.starts_with('-') => match port_of(port, &service) {
            Ok(port) => {
                let host = host.trim_start_matches('[').trim_end_matches(']').to_string();
                let address = Address { language: Language::Raw, tls: false, host, port };
                stdio::run("tcpconn", &address, &Options::default(), None)
            }
            Err(why) => {
                eprintln!("tcpconn: {why}");
                2
            }
        },
        _ => {
            eprintln!("usage: tcpconn HOST PORT");
            2
        }
    }
}

/// Other systems keep no such file where we would find it.
#[cfg(not(target_os = "linux"))]
fn service(_: &str) -> Option<u16> {
    None
}

enum Plan {
    Serve(Vec<(config::Port, Option<net::Secrets>)>),
    Stdio(Address, Box<Options>, Option<Frame>),
    Tested(String),
}

enum Wrong {
    Usage(String),
    Configuration(Vec<String>),
}

/// The TCP port of a service of this machine.
#[cfg(target_os = "linux")]
fn service(name: &str) -> Option<u16> {
    let services = std::fs::read_to_string("/etc/services").unwrap_or_default();
    ttyline::config::mserver::service_port(&services, name)
}

fn plan(matches: &ArgMatches) -> Result<Plan, Wrong> {
    let mut options = Options::default();
    for (key, ..) in KEYS {
        if let Some(value) = matches.get_one::<String>(key) {
            config::set(&mut options, key, value).map_err(|why| Wrong::Usage(format!("--{why}")))?;
        }
    }
    let words: Vec<&String> = matches.get_many("ports").into_iter().flatten().collect();
    if matches.get_flag("stdio") {
        return stdio_plan(matches, &words, options);
    }
    if matches.contains_id("speed") || matches.contains_id("flow") {
        return Err(Wrong::Usage(
            "--speed and --flow belong to --stdio: a port follows its application".into(),
        ));
    }
    let file = matches.get_one::<String>("config").map(PathBuf::from);
    let (ports, from) = if words.is_empty() || file.is_some() {
        let file = file.unwrap_or_else(|| CONFIG.into());
        if !words.is_empty() {
            return Err(Wrong::Usage("ports stand on the command line or in the file, not in both".into()));
        }
        (read(&file, options).map_err(Wrong::Configuration)?, file.display().to_string())
    } else {
        (named(&words, &options)?, "the command line".to_string())
    };
    if ports.is_empty() && !matches.get_flag("test") {
        return Err(Wrong::Configuration(vec![format!("{from}: there is no port")]));
    }
    let mut served = Vec::new();
    for port in ports {
        let shown = terminal(port.link.to_string_lossy().as_ref());
        let secrets = net::secrets(&port.address, &port.options)
            .map_err(|why| Wrong::Configuration(vec![format!("{shown}: {}", terminal(why))]))?;
        served.push((port, secrets));
    }
    if matches.get_flag("test") {
        return Ok(Plan::Tested(format!("{from}: {} port(s), no mistakes", served.len())));
    }
    Ok(Plan::Serve(served))
}

fn read(file: &Path, defaults: Options) -> Result<Vec<config::Port>, Vec<String>> {
    let shown = terminal(file.to_string_lossy().as_ref());
    let text = std::fs::read(file).map_err(|e| vec![format!("{shown}: {}", reason(&e))])?;
    config::parse(&String::from_utf8_lossy(&text), defaults, &service).map_err(|mistakes| {
        mistakes.iter().map(|m| format!("{shown}:{}:{}: {}", m.line, m.column, m.text)).collect()
    })
}

fn named(words: &[&String], options: &Options) -> Result<Vec<config::Port>, Wrong> {
    let mut ports = Vec::<config::Port>::new();
    for word in words {
        let shown = terminal(word.as_str());
        let Some((name, address)) = word.split_once('=') else {
            return Err(Wrong::Usage(format!("{shown}: NAME=SCHEME://HOST:PORT is expected")));
        };
        let port = config::port(name, address, options.clone(), &service).map_err(|(part, at, why)| {
            let column = if part == Part::Name { at } else { name.len() + 1 + at };
            Wrong::Usage(format!("{shown}: column {}: {why}", column + 1))
        })?;
        if ports.iter().any(|p| p.link == port.link) {
            return Err(Wrong::Usage(format!("{shown}: this port is there twice")));
        }
        ports.push(port);
    }
    Ok(ports)
}

fn stdio_plan(matches: &ArgMatches, words: &[&String], options: Options) -> Result<Plan, Wrong> {
    let &[word] = words else { return Err(Wrong::Usage("--stdio takes one SCHEME://HOST:PORT".into())) };
    let address = Address::parse(word, &service)
        .map_err(|(at, why)| Wrong::Usage(format!("{}: column {}: {why}", terminal(word), at + 1)))?;
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let frame = Frame::of(text("speed"), text("flow"), options.byte).map_err(Wrong::Usage)?;
    if address.tls && cfg!(not(feature = "tls")) {
        return Err(Wrong::Usage("this comport was built without TLS".into()));
    }
    if matches.get_flag("test") {
        return Ok(Plan::Tested(format!("{address}: no mistakes")));
    }
    Ok(Plan::Stdio(address, Box::new(options), frame))
}

#[cfg(target_os = "linux")]
fn serve(ports: Vec<(config::Port, Option<net::Secrets>)>, verbose: bool) -> u8 {
    let mut program = match crate::run::Program::new(ports, verbose) {
        Ok(program) => program,
        Err(why) => {
            eprintln!("comport: {why}");
            return 1;
        }
    };
    program.run().unwrap_or_else(|e| {
        eprintln!("comport: {}", reason(&e));
        1
    })
}

#[cfg(not(target_os = "linux"))]
fn serve(ports: Vec<(config::Port, Option<net::Secrets>)>, verbose: bool) -> u8 {
    let _ = verbose;
    crate::serial::serve(ports)
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
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/comport.1"));
        for arg in command().get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            assert!(page.contains(&format!("Fl Fl {long}")), "--{long} is not in comport.1");
            if let Some(short) = arg.get_short() {
                assert!(page.contains(&format!(".It Fl {short} ,")), "-{short} is not in comport.1");
            }
        }
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/comport.conf.5"));
        for (key, ..) in KEYS {
            assert!(page.contains(&format!(".It Cm {key} Ns =")), "{key} is not in comport.conf.5");
        }
    }
}

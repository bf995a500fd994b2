//! What setup asks at a terminal. An empty answer means what a missing flag means.

use crate::ask;
use crate::session::say;
use std::net::Ipv4Addr;
use ttyline::visible;

/// Asks until the answer makes sense; `read` says what is expected otherwise.
fn until<T>(question: &str, read: impl Fn(&str) -> Result<T, &'static str>) -> Option<T> {
    loop {
        let answer = ask::line(question, "");
        if answer.is_empty() {
            return None;
        }
        match read(&answer) {
            Ok(value) => return Some(value),
            Err(expected) => say(format!("{}: {expected}", visible::terminal(&answer))),
        }
    }
}

fn words(question: &str) -> Vec<String> {
    ask::line(question, "").split_ascii_whitespace().map(str::to_string).collect()
}

fn yes_or_no(answer: &str) -> Result<bool, &'static str> {
    match answer.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("yes or no is expected"),
    }
}

fn address(answer: &str) -> Result<Ipv4Addr, &'static str> {
    answer.parse().map_err(|_| "an IPv4 address (four numbers with dots) is expected")
}

/// Rings before the answer.
pub fn rings() -> Option<u32> {
    until("Rings before the answer (empty: 2 on a new line)", |answer| {
        answer.parse().ok().filter(|n| (1..=100).contains(n)).ok_or("a number from 1 to 100 is expected")
    })
}

/// Whether several lines are one hunt group.
pub fn hunt() -> bool {
    until("One number for all of them, each line answering a ring later? [y/N]", yes_or_no).unwrap_or(false)
}

/// The server's address.
pub fn local() -> Option<Ipv4Addr> {
    until("The server's address for callers (empty: as it is, or in a free private network)", address)
}

/// The first caller's.
pub fn remote() -> Option<Ipv4Addr> {
    until("The first caller's address (empty: as it is, or in that network)", address)
}

/// Name servers for callers.
pub fn name_servers() -> Vec<String> {
    let read = |answer: &str| {
        let servers: Vec<String> = answer.split_ascii_whitespace().map(str::to_string).collect();
        let good = servers.len() <= 2 && servers.iter().all(|server| address(server).is_ok());
        if good { Ok(servers) } else { Err("two IPv4 addresses at most are expected") }
    };
    until("Name servers for callers (empty: none)", read).unwrap_or_default()
}

/// Whether who speaks PPP at once gets it.
pub fn autoppp() -> bool {
    until("PPP for callers who begin with it, without a login prompt? [Y/n]", yes_or_no).unwrap_or(true)
}

/// Whether callers reach other networks, and whether they appear there with the server's address.
pub fn reach() -> (bool, bool) {
    let read = |answer: &str| match answer.to_ascii_lowercase().as_str() {
        "n" | "no" => Ok((false, false)),
        "f" | "forward" => Ok((true, false)),
        "nat" => Ok((true, true)),
        _ => Err("no, forward or nat is expected"),
    };
    until("May callers reach other networks: no, forward, or nat (with this machine's address)? [no]", read)
        .unwrap_or_default()
}

/// Who is answered.
pub fn allow() -> Vec<String> {
    words("Callers' numbers that are answered, or how they begin (empty: all)")
}

/// Who is called back.
pub fn callback() -> Vec<String> {
    words("Names that are called back, NAME=NUMBER or NAME alone if the number is asked for (empty: none)")
}

//! `dialin callback`: who is called back, and how.

use crate::command::{Entry, code};
use crate::draft::{Draft, Readers};
use crate::session::{Session, say, say_json};
use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command};
use serde_json::json;
use ttyline::config::callback::CallbackConfig;
use ttyline::config::login_edit::{self, Line, NewEntry};
use ttyline::config::{Document, call_policy, sections};
use ttyline::number::{Fixed, Typed};
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "callback", reads: &["list", "test"], build, run };

/// The program.
const CALLBACK: &str = "/usr/sbin/callback";

fn build(command: Command) -> Command {
    let name = || Arg::new("name").value_name("NAME").required(true).help("the name the caller types");
    command
        .about("Lists or edits who is called back (login.config), and how (callback.config)")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("Lists the names that are called back"))
        .subcommand(
            Command::new("add")
                .about("Adds a name: called at NUMBER, or at the number he types")
                .arg(name())
                .arg(Arg::new("number").value_name("NUMBER").help("a number as it is dialled from here")),
        )
        .subcommand(Command::new("rm").about("Takes a name away").arg(name()))
        .subcommand(
            Command::new("test")
                .about("Tells what becomes of a name, and of a number he types (exit status 3: no call)")
                .arg(name())
                .arg(Arg::new("typed").value_name("TYPED").help("the number he types")),
        )
        .subcommand(
            Command::new("set").about("Sets keywords of callback.config").arg(
                Arg::new("setting")
                    .value_name("KEYWORD=VALUE")
                    .num_args(1..)
                    .required(true)
                    .help("see callback.config(5)"),
            ),
        )
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let text = |own: &ArgMatches, name: &str| own.try_get_one::<String>(name).ok().flatten().cloned();
    match matches.subcommand() {
        Some(("list", _)) => list(session),
        Some(("add", own)) => {
            add(session, &text(own, "name").unwrap_or_default(), text(own, "number").as_deref())
        }
        Some(("rm", own)) => remove(session, &text(own, "name").unwrap_or_default()),
        Some(("test", own)) => {
            test(session, &text(own, "name").unwrap_or_default(), text(own, "typed").as_deref())
        }
        Some((_, own)) => {
            let words: Vec<String> =
                own.get_many::<String>("setting").into_iter().flatten().cloned().collect();
            set(session, &words)
        }
        None => Ok(code::USAGE),
    }
}

/// Whether a line runs callback.
fn calls_back(line: &Line) -> bool {
    let command = line.command();
    let program = command.split_ascii_whitespace().next().unwrap_or_default();
    program.rsplit('/').next() == Some("callback")
}

/// The number in a line: the first word behind the options of callback.
fn number(line: &Line) -> Option<String> {
    let command = line.command();
    let mut words = command.split_ascii_whitespace().skip(1);
    while let Some(word) = words.next() {
        match word {
            "-x" | "-l" | "-m" | "-s" => {
                words.next();
            }
            _ if word.starts_with('-') => {}
            number => return Some(number.to_string()),
        }
    }
    None
}

fn list(session: &Session) -> Result<u8> {
    let path = session.places.login_config();
    let text = session.root.read(&path)?.unwrap_or_default();
    let lines = login_edit::lines(&text);
    let mut all = Vec::new();
    for line in lines.iter().filter(|l| calls_back(l)) {
        let number = number(line);
        let remark = odd_name(session, &line.key, number.is_none())?;
        if session.json {
            all.push(json!({ "name": line.key, "number": number, "line": line.at.line, "remark": remark }));
            continue;
        }
        let number =
            number.map_or("at the number he types".to_string(), |n| format!("at {}", visible::line(n)));
        let remark = remark.map_or(String::new(), |r| format!("   ({r})"));
        say(format!(
            "{:<20} {number}   {}:{}{remark}",
            visible::line(&line.key),
            session.root.shown(&path),
            line.at
        ));
    }
    if session.json {
        say_json(&serde_json::Value::from(all));
    }
    Ok(code::DONE)
}

/// What is odd about a name.
fn odd_name(session: &Session, name: &str, asks: bool) -> Result<Option<&'static str>> {
    let passwd = session.root.read("/etc/passwd")?.unwrap_or_default();
    let user = passwd.split(|b| *b == b'\n').any(|l| l.split(|b| *b == b':').next() == Some(name.as_bytes()));
    Ok(if user {
        Some("a user has this name: he could never log in without being called back")
    } else if name.contains('*') {
        Some("a name with * is everybody's")
    } else if asks && name.len() < 8 {
        Some("a short name that asks for the number: whoever guesses it calls at your cost; take a long one")
    } else {
        None
    })
}

fn add(session: &Session, name: &str, number: Option<&str>) -> Result<u8> {
    let mut draft = session.draft();
    put(session, &mut draft, name, number)?;
    session.carry_out(draft)
}

/// Has a name called back.
///
/// # Errors
/// A name or number that cannot be.
pub fn put(session: &Session, draft: &mut Draft<'_>, name: &str, number: Option<&str>) -> Result<()> {
    let shown = visible::terminal(name);
    if name.contains('*') {
        bail!(
            "{shown}: everybody would be called back, again and again, and nobody could log in; nothing was changed"
        );
    }
    let usual = |b: u8| b.is_ascii_graphic() && b != b'#' && b != b'!' && b != b'/';
    if name.is_empty() || name.starts_with('@') || !name.bytes().all(usual) {
        bail!("{shown}: a name is letters, digits and signs without blanks");
    }
    if let Some(remark) = odd_name(session, name, false)? {
        bail!("{shown}: {remark}; nothing was changed");
    }
    if let Some(number) = number {
        if let Err(e) = Fixed::parse(number.as_bytes()) {
            bail!("{}: {e}; nothing was changed", visible::terminal(number));
        }
        if number.starts_with('-') {
            bail!("{}: a number does not begin with -", visible::terminal(number));
        }
    }
    let path = session.places.login_config();
    let text = draft.text(&path)?;
    let command = match number {
        Some(number) => format!("{CALLBACK} -S {number}"),
        None => format!("{CALLBACK} -S"),
    };
    let lines = login_edit::lines(&text);
    if let Some(line) = lines.iter().find(|l| l.key == name) {
        if !calls_back(line) {
            bail!(
                "{}:{}: {shown} runs another program; nothing was changed",
                session.root.shown(&path),
                line.at
            );
        }
        if self::number(line).as_deref() != number {
            draft.write(&path, login_edit::with_command(&text, line, &command), Readers::Owner)?;
        }
    } else {
        let entry = NewEntry { key: name, user: "-", utmp: "-", command: &command };
        draft.write(&path, login_edit::with_entry(&text, &entry), Readers::Owner)?;
    }
    if let Some(remark) = odd_name(session, name, number.is_none())? {
        draft.note(format!("{name}: {remark}"));
    }
    if let Some(fixed) = number.and_then(|n| Fixed::parse(n.as_bytes()).ok()) {
        if let Some(reason) = policy(session, name)?.numbers.fixed(&fixed) {
            draft.note(format!(
                "callers may not have {} dialled ({reason}); it is dialled because you say so",
                fixed.as_str()
            ));
        }
    }
    Ok(())
}

fn remove(session: &Session, name: &str) -> Result<u8> {
    let path = session.places.login_config();
    let mut draft = session.draft();
    let text = draft.text(&path)?;
    let lines = login_edit::lines(&text);
    let Some(line) = lines.iter().find(|l| l.key == name && calls_back(l)) else {
        bail!("{} is not called back; `dialin callback list` shows who is", visible::terminal(name));
    };
    draft.write(&path, login_edit::without(&text, line), Readers::Owner)?;
    session.carry_out(draft)
}

fn policy(session: &Session, name: &str) -> Result<call_policy::CallPolicy> {
    let text = session.root.read(&session.places.callback_config())?.unwrap_or_default();
    let document = Document::parse(text);
    let mut config = CallbackConfig::default();
    Ok(call_policy::load(&mut config, &document, None, Some(name)).0)
}

fn test(session: &Session, name: &str, typed: Option<&str>) -> Result<u8> {
    let path = session.places.login_config();
    let text = session.root.read(&path)?.unwrap_or_default();
    let lines = login_edit::lines(&text);
    let reached = lines.iter().find(|l| {
        !l.is_after_callback() && ttyline::config::login::key_matches(l.key.as_bytes(), name.as_bytes())
    });
    let shown = visible::terminal(name);
    let (yes, said) = match reached {
        None => (false, format!("{shown} is not called back: no line of login.config is about it")),
        Some(line) if !calls_back(line) => (
            false,
            format!(
                "{shown} is not called back: {}:{} runs {}",
                session.root.shown(&path),
                line.at,
                visible::line(line.command())
            ),
        ),
        Some(line) => match (number(line), typed) {
            (Some(number), _) => (true, format!("{shown} is called at {}", visible::line(number))),
            (None, None) => (true, format!("{shown} is asked for his number")),
            (None, Some(typed)) => match Typed::parse(typed.as_bytes()) {
                Err(e) => (false, format!("{}: {e}", visible::terminal(typed))),
                Ok(typed) => {
                    let verdict = policy(session, name)?.numbers.typed(&typed);
                    let will = if verdict.allowed { "is called at" } else { "is not called at" };
                    (verdict.allowed, format!("{shown} {will} {} ({})", typed.as_str(), verdict.reason))
                }
            },
        },
    };
    if session.json {
        say_json(&json!({ "name": name, "called": yes, "why": said }));
    } else {
        say(said);
    }
    Ok(if yes { code::DONE } else { code::NO })
}

/// Keywords whose lines add up.
const LISTS: [&str; 2] = ["number-allow", "number-deny"];

fn set(session: &Session, words: &[String]) -> Result<u8> {
    let path = session.places.callback_config();
    let mut draft = session.draft();
    let mut text = draft.text(&path)?;
    let mut todo: Vec<(&str, String)> = Vec::new();
    for word in words {
        let Some((keyword, value)) = word.split_once('=') else {
            bail!("`{}`: KEYWORD=VALUE is expected", visible::terminal(word));
        };
        if let Err(e) = sections::check_value(value) {
            bail!("{}: {e}", visible::terminal(keyword));
        }
        // What the program itself says of it.
        let alone = Document::parse(format!("{keyword} {value}\n").into_bytes());
        let (_, problems) = call_policy::load(&mut CallbackConfig::default(), &alone, None, None);
        if let Some(problem) = problems.first() {
            bail!("{}: {}; nothing was changed", visible::terminal(word), problem.fault);
        }
        match todo.iter_mut().find(|(known, _)| *known == keyword) {
            Some((_, values)) if LISTS.contains(&keyword) => *values = format!("{values} {value}"),
            Some(_) => bail!("{} is said twice; nothing was changed", visible::terminal(keyword)),
            None if matches!(keyword, "user" | "port") => {
                bail!("`{keyword}` begins a section; edit callback.config for these (nothing was changed)")
            }
            None => todo.push((keyword, value.to_string())),
        }
    }
    for (keyword, value) in &todo {
        // The lines of a list add up: all of them are what is set.
        if LISTS.contains(keyword) && sections::count(&text, None, keyword) > 1 {
            text = sections::without(&text, None, keyword);
        }
        text = sections::with(&text, None, keyword, value);
    }
    draft.write(&path, text, Readers::All)?;
    session.carry_out(draft)
}

//! `dialin explain LINE`: which settings are in effect, from which file and line, and why.

use crate::command::{Entry, code};
use crate::json::shown;
use crate::lint::{Effective, Files, autoppp, file_of};
use crate::mask;
use crate::see::columns::columns;
use crate::services::Served;
use crate::session::{Session, say, say_text};
use anyhow::{Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};
use ttyline::config::getty_command::{GettyCommand, KEYWORDS};
use ttyline::config::mgetty::MgettyConfig;
use ttyline::config::ppp_options::rivals;
use ttyline::config::{Document, Origin, Position, apply_sections};
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "explain", reads: &["*"], build, run };

fn build(command: Command) -> Command {
    command
        .about("Shows which settings of mgetty and pppd are in effect on a line, from where, and why")
        .arg(Arg::new("line").value_name("LINE").required(true))
        .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("those that are built in, too"))
}

/// One setting in effect.
struct Row {
    name: String,
    value: String,
    from: String,
    /// What it wins over, or what it is.
    why: String,
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let line = matches.get_one::<String>("line").map_or("", String::as_str);
    let line = line.strip_prefix("/dev/").unwrap_or(line);
    let (files, _) = Files::gather(&session.root, &session.places)?;
    let known: Vec<&Served> = files.served.iter().filter(|served| served.line == line).collect();
    let served = known.iter().find(|served| served.runs).or(known.first()).copied();
    let has_section = Document::parse(files.get(&files.places.mgetty_config()).to_vec())
        .entries()
        .any(|entry| entry.keyword().is_some_and(|k| k.bytes == b"port") && entry.value() == line.as_bytes());
    if served.is_none() && !has_section && !files.has(&crate::places::line_options(line)) {
        bail!(
            "{line}: no getty serves this line and no file is about it; `dialin line list` shows the lines"
        );
    }
    let mgetty = mgetty(&files, line, served.map(|served| &served.command), matches.get_flag("all"));
    let ppp = ppp(&files, line);
    if session.json {
        let rows = |rows: &[Row]| {
            let all = rows
                .iter()
                .map(|r| json!({ "name": r.name, "value": r.value, "from": r.from, "why": r.why }));
            Value::from(all.collect::<Vec<_>>())
        };
        let by = served.map(|served| json!({ "file": files.shown(&file_of(served)), "runs": served.runs, "command": served.command.text() }));
        say(shown(&json!({ "line": line, "served": by, "mgetty": rows(&mgetty), "pppd": rows(&ppp) })));
        return Ok(code::DONE);
    }
    match served {
        Some(served) => {
            let off = if served.runs { "" } else { " (switched off)" };
            say(format!(
                "{} is served by {}{off}: {}",
                visible::line(line),
                visible::line(files.shown(&file_of(served))),
                visible::line(served.command.text())
            ));
        }
        None => say(format!("{} is not served; if it were:", visible::line(line))),
    }
    say("\nmgetty");
    say_text(&table(&mgetty));
    match autoppp(&files) {
        Some((place, words)) => {
            say(format!(
                "\npppd, when a caller starts PPP ({}: {})",
                visible::line(files.shown(&place)),
                visible::line(words)
            ));
            say_text(&table(&ppp));
        }
        None => {
            say(
                "\npppd is not started when a caller starts PPP (no /AutoPPP/ in login.config); by a login it would take",
            );
            say_text(&table(&ppp));
        }
    }
    Ok(code::DONE)
}

fn table(rows: &[Row]) -> String {
    let cells = rows
        .iter()
        .map(|row| vec![format!("  {}", row.name), row.value.clone(), row.from.clone(), row.why.clone()]);
    columns(&cells.collect::<Vec<_>>())
        .lines()
        .map(|line| format!("{}\n", line.trim_end_matches(" -").trim_end()))
        .collect()
}

/// mgetty's settings: built in, then the file's global part, then sections of the line, then the command line.
fn mgetty(files: &Files, line: &str, command: Option<&GettyCommand>, all: bool) -> Vec<Row> {
    let path = files.places.mgetty_config();
    let document = Document::parse(files.get(&path).to_vec());
    let mut config = MgettyConfig::default();
    let _ = config.load(&document, Some(line));
    // Where each keyword stands that holds for the line: the last one counts.
    let mut places: Vec<(String, Position)> = Vec::new();
    apply_sections(document.entries(), Some(line), |entry| {
        if let Some(word) = entry.keyword() {
            places.push((word.text().into_owned(), word.at));
        }
    });
    let mut rows = Vec::new();
    for entry in config.entries() {
        let typed = command.and_then(|command| {
            let (letter, ..) = KEYWORDS.iter().find(|(_, keyword, _)| *keyword == entry.keyword)?;
            command.value(*letter).map(|value| (char::from(*letter), value.to_string()))
        });
        let stands: Vec<&Position> =
            places.iter().filter(|(keyword, _)| keyword == entry.keyword).map(|(_, at)| at).collect();
        let over = |losers: &[&Position]| {
            let places: Vec<String> = losers.iter().map(|at| files.at(&path, **at)).collect();
            if places.is_empty() { String::new() } else { format!("wins over {}", places.join(", ")) }
        };
        let (value, from, why) = match (&typed, entry.origin) {
            (Some((letter, value)), _) => {
                let value = if value.is_empty() { "yes".into() } else { value.clone() };
                (value, format!("command line, -{letter}"), over(&stands))
            }
            (None, Origin::File(at)) => {
                let (winner, losers) =
                    stands.split_last().map_or((at, &[][..]), |(last, losers)| (**last, losers));
                (entry.value.clone(), files.at(&path, winner), over(losers))
            }
            (None, _) if all => (entry.value.clone(), "built in".into(), String::new()),
            (None, _) => continue,
        };
        rows.push(Row { name: entry.keyword.into(), value, from, why });
    }
    if rows.is_empty() {
        rows.push(Row {
            name: "all".into(),
            value: "built in".into(),
            from: String::new(),
            why: String::new(),
        });
    }
    rows
}

/// pppd's options for callers of the line.
fn ppp(files: &Files, line: &str) -> Vec<Row> {
    let command = autoppp(files);
    let effective =
        Effective::of(files, line, command.as_ref().map(|(place, words)| (place.as_str(), words.as_str())));
    let mut rows = Vec::new();
    for (number, (path, setting)) in effective.options.iter().enumerate() {
        let competing = rivals(&setting.name);
        let several = setting.name == "ms-dns" || setting.name == "ms-wins" || setting.name == "route";
        let rival = |other: &ttyline::config::ppp_options::Setting| {
            !several && competing.contains(&other.name.as_str())
        };
        let later = || effective.options.iter().skip(number + 1);
        if later().any(|(_, later)| rival(later)) {
            continue;
        }
        // Of name servers pppd keeps the last two.
        let pair = matches!(setting.name.as_str(), "ms-dns" | "ms-wins");
        if pair && later().filter(|(_, later)| later.name == setting.name).count() > 1 {
            continue;
        }
        let losers: Vec<String> = effective
            .options
            .iter()
            .take(number)
            .filter(|(_, earlier)| rival(earlier))
            .map(|(path, earlier)| format!("{} ({})", files.at(path, earlier.at), earlier.name))
            .collect();
        let value =
            setting.value.as_deref().map(|value| mask::option(&setting.name, value)).unwrap_or_default();
        // A command's place has its line already.
        let from = if path.contains(':') { files.shown(path) } else { files.at(path, setting.at) };
        rows.push(Row {
            name: setting.name.clone(),
            value,
            from,
            why: if losers.is_empty() { String::new() } else { format!("wins over {}", losers.join(", ")) },
        });
    }
    rows
}

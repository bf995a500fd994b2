//! Adding, changing and removing lines.

use crate::draft::{Draft, Readers};
use crate::places::{INITTAB, UNITS};
use crate::services::{self, By, Init, Served, escaped, unit_file};
use crate::session::Session;
use anyhow::{Result, bail};
use ttyline::config::getty_command::{GettyCommand, KEYWORDS, Program};
use ttyline::config::mgetty::MgettyConfig;
use ttyline::config::{Document, inittab, sections};
use ttyline::speed;
use ttyline::visible;

/// The unit we ship.
const UNIT: &str = include_str!("../../../../../etc/systemd/mgetty@.service");

/// The one served line of that name that may be edited.
///
/// # Errors
/// There is none.
pub fn editable<'a>(all: &'a [Served], line: &str) -> Result<&'a Served> {
    let shown = visible::terminal(line);
    let mut own = all.iter().filter(|s| s.line == line && s.command.program != Program::Other);
    let Some(first) = own.next() else {
        bail!("{shown} is not served; `dialin line list` shows what is, `dialin line add {shown}` adds it");
    };
    let best = std::iter::once(first).chain(own).find(|s| s.untouched().is_none()).unwrap_or(first);
    match best.untouched() {
        Some(why) => bail!("{shown}: {why}; edit its file yourself (nothing was changed)"),
        None => Ok(best),
    }
}

/// A value for a keyword, checked as mgetty reads it.
fn check(keyword: &str, value: &str) -> Result<()> {
    let shown = visible::terminal(value);
    if !MgettyConfig::KEYWORDS.iter().any(|(known, _)| *known == keyword) {
        bail!("`{}` is no keyword of mgetty.config; nothing was changed", visible::terminal(keyword));
    }
    if let Err(e) = sections::check_value(value) {
        bail!("{keyword}: {e}");
    }
    let document = Document::parse(format!("{keyword} {value}\n").into_bytes());
    if let Some(problem) = MgettyConfig::default().load(&document, None).first() {
        bail!("{keyword}={shown}: {}; nothing was changed", problem.fault);
    }
    if keyword == "speed" {
        if let Some(fault) = speed::fault(speed::parse(value).unwrap_or(0)) {
            bail!(
                "speed={shown}: {fault}. Take the next real one: speed={}; nothing was changed",
                fault.next
            );
        }
    }
    if keyword == "rings" && value.parse::<u32>().map_or(true, |n| n == 0 || n > 100) {
        bail!("rings={shown}: a number of rings from 1 to 100 is expected; nothing was changed");
    }
    Ok(())
}

/// Sets and unsets keywords for a line: on its command line where they stand there (it wins), else in its
/// section of mgetty.config.
///
/// # Errors
/// A keyword or value mgetty does not know.
pub fn set(
    session: &Session,
    draft: &mut Draft<'_>,
    served: Option<&Served>,
    line: &str,
    settings: &[String],
    unset: &[String],
) -> Result<()> {
    let path = session.places.mgetty_config();
    let mut text = draft.text(&path)?;
    let mut command = served.map(|s| s.command.clone());
    let whole =
        |command: &GettyCommand, new: String| GettyCommand::read(&new).unwrap_or_else(|| command.clone());
    let mut process = None;
    let mut changes: Vec<(&str, Option<&str>)> = Vec::new();
    for word in settings {
        let Some((keyword, value)) = word.split_once('=') else {
            bail!("`{}`: KEYWORD=VALUE is expected", visible::terminal(word));
        };
        check(keyword, value)?;
        changes.push((keyword, Some(value)));
    }
    for keyword in unset {
        if !MgettyConfig::KEYWORDS.iter().any(|(known, _)| known == keyword) {
            bail!("`{}` is no keyword of mgetty.config; nothing was changed", visible::terminal(keyword));
        }
        if changes.iter().any(|(known, _)| known == keyword) {
            bail!("{keyword} is to be set and unset; say one of the two");
        }
        changes.push((keyword, None));
    }
    for (keyword, value) in changes {
        let letter = KEYWORDS.iter().find(|(_, known, _)| *known == keyword);
        let on_command = letter
            .and_then(|(l, _, takes)| Some((*l, *takes, command.as_ref()?)))
            .filter(|(l, _, c)| c.value(*l).is_some());
        if let Some((letter, takes, old)) = on_command {
            let keep = takes || matches!(value, Some("yes" | "y" | "on" | "true" | ""));
            if let Some(by) = served.map(|s| &s.by).filter(|by| !matches!(by, By::Inittab(_))) {
                let said = old.value(letter).unwrap_or_default();
                if value.is_some_and(|value| if takes { said == value } else { keep }) {
                    continue;
                }
                let (letter, said, unit) = (char::from(letter), visible::line(said), describe(by));
                bail!(
                    "{keyword}: the command line of {unit} says -{letter} {said}, which wins over mgetty.config; take it out with `systemctl edit --full {unit}` (nothing was changed)"
                );
            }
            let new = match value {
                Some(value) if takes => old.with(letter, value),
                Some(_) if keep => old.with(letter, ""),
                _ => old.without(letter),
            };
            process = Some(new.clone());
            command = Some(whole(old, new));
            if keep && value.is_some() {
                continue;
            }
        }
        text = match value {
            Some(value) => sections::with(&text, Some(line), keyword, value),
            None => sections::without(&text, Some(line), keyword),
        };
        if let Some(value) = value {
            overridden(draft, &text, line, keyword, value);
        }
    }
    if text != draft.text(&path)? {
        draft.write(&path, text, Readers::All)?;
    }
    if let (Some(process), Some(By::Inittab(own))) = (process, served.map(|s| &s.by)) {
        let table = draft.text(INITTAB)?;
        let plus = if own.process.starts_with('+') { "+" } else { "" };
        draft.write(
            INITTAB,
            inittab::with_process(&table, own, &format!("{plus}{process}")),
            Readers::All,
        )?;
        if session.root.is_host() {
            draft.tell_init("init reads its table again");
        }
    }
    Ok(())
}

/// Says when a later section takes a value back.
fn overridden(draft: &mut Draft<'_>, text: &[u8], line: &str, keyword: &str, value: &str) {
    let mut config = MgettyConfig::default();
    config.load(&Document::parse(text.to_vec()), Some(line));
    let wanted = {
        let mut alone = MgettyConfig::default();
        alone.load(&Document::parse(format!("{keyword} {value}\n").into_bytes()), None);
        alone.entries().into_iter().find(|e| e.keyword == keyword).map(|e| e.value)
    };
    if let Some(entry) = config.entries().into_iter().find(|e| e.keyword == keyword) {
        if Some(&entry.value) != wanted.as_ref() {
            draft.note(format!(
                "{keyword} stays {}: a later section of mgetty.config that fits {line} sets it ({})",
                entry.value,
                entry.origin.describe(std::path::Path::new("mgetty.config"))
            ));
        }
    }
}

/// Where mgetty is in the tree.
fn program(session: &Session) -> Result<&'static str> {
    let places = ["/sbin/mgetty", "/usr/sbin/mgetty", "/usr/local/sbin/mgetty"];
    match places.into_iter().find(|path| session.root.exists(path)) {
        Some(path) => Ok(path),
        None => bail!(
            "mgetty is not installed (neither {} is there); install it first, nothing was changed",
            places.join(" nor ")
        ),
    }
}

/// Serves a line.
///
/// # Errors
/// It is served already, another getty has it, or what starts gettys here is not known.
pub fn add(
    session: &Session,
    draft: &mut Draft<'_>,
    line: &str,
    settings: &[String],
    init: Option<&str>,
) -> Result<()> {
    let root = &session.root;
    let mgetty = program(session)?;
    let all = services::all(root)?;
    if let Some(other) = all.iter().find(|s| s.line == line && s.runs && s.command.program != Program::Other)
    {
        let place = describe(&other.by);
        match other.untouched() {
            Some(why) => bail!("{line} is served already ({place}; {why}); nothing was changed"),
            None => bail!("{line} is served already ({place}); `dialin line set` changes it"),
        }
    }
    let init = match init {
        Some("systemd") => Init::Systemd,
        Some(_) => Init::Inittab,
        None => match Init::of(root) {
            Some(init) => init,
            None => bail!(
                "neither systemd nor /etc/inittab is found here; say --init systemd or --init inittab (nothing was changed)"
            ),
        },
    };
    if line.starts_with("cua") {
        draft.note("cua devices are of the past; on today's Linux the line is called ttyS0, ttyS1 and so on");
    }
    if root.is_host() && !std::path::Path::new("/dev").join(line).exists() {
        draft.note(format!("there is no device /dev/{line} at the moment"));
    }
    match init {
        Init::Systemd => add_unit(session, draft, line, &all)?,
        Init::Inittab => {
            if let Some(other) = all.iter().find(|s| s.line == line && s.runs) {
                bail!(
                    "another getty has {line} ({}); take it away first, nothing was changed",
                    describe(&other.by)
                );
            }
            let table = draft.text(INITTAB)?;
            let lines = inittab::read(&table);
            let process = format!("{mgetty} {line}");
            // A shell that starts a getty, pppd on a cable: whatever it is, it has the line.
            if let Some(other) = lines.iter().find(|l| l.runs() && names(&l.process, line)) {
                bail!(
                    "{INITTAB}:{} starts something on {line} (`{}`); take it away first, nothing was changed",
                    other.at.line,
                    visible::line(&other.process)
                );
            }
            // BusyBox knows no levels and no ids; sysvinit starts in a level, and refuses a line without an id.
            let busybox = lines.iter().any(|l| l.action == "sysinit" && l.id.is_empty())
                && !lines.iter().any(|l| l.action == "initdefault");
            let new = if busybox {
                let mut out = table;
                ttyline::config::ppp_options::end_line(&mut out);
                out.extend(format!("::respawn:{process}\n").bytes());
                out
            } else {
                inittab::with_line(&table, &inittab::free_id(&lines, line), &process)
            };
            draft.write(INITTAB, new, Readers::All)?;
            if root.is_host() {
                draft.tell_init("init starts the getty");
            }
        }
    }
    set(session, draft, None, line, settings, &[])
}

/// Whether a command names a line.
fn names(process: &str, line: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "/_.:-".contains(c);
    process.split(|c| !part(c)).any(|word| word.strip_prefix("/dev/").unwrap_or(word) == line)
}

fn describe(by: &By) -> String {
    match by {
        By::Inittab(own) => format!("{INITTAB}:{}", own.at.line),
        By::Unit { unit, .. } => unit.clone(),
        By::Foreign { path } => visible::line(path),
    }
}

fn add_unit(session: &Session, draft: &mut Draft<'_>, line: &str, all: &[Served]) -> Result<()> {
    let root = &session.root;
    let instance = escaped(line);
    let own = format!("{UNITS}/mgetty@.service");
    let file = match unit_file(root, "mgetty@.service") {
        Some(file) => file,
        None => {
            draft.write(&own, UNIT.as_bytes().to_vec(), Readers::All)?;
            own
        }
    };
    let text = draft.text(&file)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut wanted = services::wanted_by(&text, &instance);
    if wanted.is_empty() {
        wanted.push("multi-user.target".into());
    }
    for target in wanted {
        draft.link(&format!("{UNITS}/{target}.wants/mgetty@{instance}.service"), &file)?;
    }
    // The console's getty would fight for it.
    for other in all.iter().filter(|s| s.line == line && s.runs) {
        match &other.by {
            By::Foreign { path } if path.contains("/serial-getty@") => draft.unlink(path)?,
            by => {
                bail!("another getty has {line} ({}); take it away first, nothing was changed", describe(by))
            }
        }
    }
    draft.link(&format!("{UNITS}/serial-getty@{instance}.service"), "/dev/null")?;
    // Masked, it would not start.
    let mask = format!("{UNITS}/mgetty@{instance}.service");
    if draft.at(&mask)? == crate::root::State::Link("/dev/null".into()) {
        draft.unlink(&mask)?;
    }
    if root.is_host() {
        let console = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
        if console
            .split_ascii_whitespace()
            .any(|w| w.strip_prefix("console=").is_some_and(|c| c.split(',').next() == Some(line)))
        {
            draft.note(format!("{line} is the kernel's console: its messages would go to callers"));
        }
    }
    draft.step(&["systemctl", "daemon-reload"], "systemd reads its units again");
    draft.step(
        &["systemctl", "stop", &format!("serial-getty@{instance}.service")],
        "the console's getty lets go of the line",
    );
    draft.step(
        &["systemctl", "--no-block", "start", &format!("mgetty@{instance}.service")],
        "the line is served, as soon as its device is there",
    );
    Ok(())
}

/// Serves a line no longer.
///
/// # Errors
/// It is not served, or by something that is not touched.
pub fn remove(session: &Session, draft: &mut Draft<'_>, line: &str, keep: bool) -> Result<()> {
    let all = services::all(&session.root)?;
    let served = editable(&all, line)?;
    match &served.by {
        By::Inittab(own) => {
            let table = draft.text(INITTAB)?;
            draft.write(INITTAB, inittab::without(&table, own), Readers::All)?;
            if session.root.is_host() {
                draft.tell_init("init ends the getty");
                draft.note(format!("a call that is going on is not ended: `dialin line apply {line} --wait` tells init after it"));
            }
        }
        By::Unit { unit, links } => {
            for link in links {
                draft.unlink(link)?;
            }
            let mask = format!("{UNITS}/serial-getty@{}.service", escaped(line));
            if draft.at(&mask)? == crate::root::State::Link("/dev/null".into()) {
                draft.unlink(&mask)?;
            }
            draft.step(&["systemctl", "daemon-reload"], "systemd reads its units again");
            draft.note(format!("a call that is going on is not ended: `dialin line apply {line} --wait` stops {unit} after it"));
        }
        By::Foreign { .. } => {}
    }
    if let Some(other) = all.iter().find(|s| s.line == line && s.runs && *s != served) {
        draft.note(format!("{line} is still served by {}", describe(&other.by)));
        return Ok(());
    }
    if !keep {
        let path = session.places.mgetty_config();
        let text = draft.text(&path)?;
        let new = sections::without_section(&text, line);
        if new != text {
            draft.write(&path, new, Readers::All)?;
        }
    }
    Ok(())
}

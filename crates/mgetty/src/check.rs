//! `--check`: what is wrong or dangerous in the five files of a line, with file, line and column.

mod callers;
mod login;
mod mgetty;

use crate::args::Options;
use crate::service;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use ttyline::config::call_policy::{self, CallPolicy};
use ttyline::config::callback::CallbackConfig;
use ttyline::config::spelling::did_you_mean;
use ttyline::config::{self, Document, Fault, Position, Problem, Source};
use ttyline::{speed, visible};

/// What is said of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remark {
    /// Something does not work, or lets somebody in who should not be; else it may be meant so.
    error: bool,
    path: PathBuf,
    at: Option<Position>,
    text: String,
}

/// Everything there is to say.
#[derive(Debug, Default)]
struct Report {
    remarks: Vec<Remark>,
}

impl Report {
    fn say(&mut self, error: bool, path: &Path, at: Option<Position>, text: impl Into<String>) {
        let remark = Remark { error, path: path.to_path_buf(), at, text: text.into() };
        // The same line may hold for several ports.
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    fn error(&mut self, path: &Path, at: Option<Position>, text: impl Into<String>) {
        self.say(true, path, at, text);
    }

    fn warn(&mut self, path: &Path, at: Option<Position>, text: impl Into<String>) {
        self.say(false, path, at, text);
    }

    /// What a reader of a file found; `known` are the keywords there could be.
    fn problems(&mut self, path: &Path, problems: &[Problem], known: &[&str]) {
        for problem in problems {
            let mut text = problem.fault.to_string();
            if let Fault::UnknownKeyword(word) = &problem.fault {
                if let Some(meant) = did_you_mean(word, known.iter().copied()) {
                    let _ = write!(text, ", did you mean `{meant}`?");
                }
            }
            self.say(!problem.is_mere_doubt(), path, Some(problem.at), text);
        }
    }

    /// A program that is to be run.
    fn program(&mut self, path: &Path, at: Option<Position>, program: &str, keyword: &str) {
        let shown = visible::terminal(program);
        if !program.starts_with('/') {
            self.error(path, at, format!("{keyword}: `{shown}` is no absolute path"));
        } else if let Some(why) = not_executable(Path::new(program)) {
            self.error(path, at, format!("{keyword}: {shown} {why}"));
        }
    }

    fn text(&mut self) -> String {
        let mut out = String::new();
        for remark in &self.remarks {
            let _ = write!(out, "{}:", remark.path.display());
            if let Some(at) = remark.at {
                let _ = write!(out, "{at}:");
            }
            let kind = if remark.error { "error" } else { "warning" };
            let _ = writeln!(out, " {kind}: {}", remark.text);
        }
        let errors = self.errors();
        let warnings = self.remarks.len() - errors;
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let _ = writeln!(out, "{errors} error{}, {warnings} warning{}", plural(errors), plural(warnings));
        out
    }

    fn errors(&self) -> usize {
        self.remarks.iter().filter(|remark| remark.error).count()
    }
}

/// Why a file cannot be run.
fn not_executable(path: &Path) -> Option<&'static str> {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(path) {
        Err(_) => Some("is not there"),
        Ok(meta) if !meta.is_file() => Some("is no program"),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Some("is not executable"),
        Ok(_) => None,
    }
}

/// A file that may be missing. What cannot be read is said.
fn read(path: &Path, report: &mut Report) -> Option<Vec<u8>> {
    match config::read(path) {
        Source::Read(bytes, _) => Some(bytes),
        Source::Missing => None,
        Source::Unreadable(error) => {
            report.error(path, None, format!("cannot be read: {}", ttyline::log::reason(&error)));
            None
        }
    }
}

/// The names of a file's `port` sections.
fn ports(document: &Document) -> Vec<String> {
    let port = document.entries().filter(|line| line.keyword().is_some_and(|word| word.bytes == b"port"));
    port.map(|line| String::from_utf8_lossy(&line.value()).into_owned()).collect()
}

/// Prints what there is to say; gives the exit code: 1 if there is an error.
pub fn check(options: &Options) -> u8 {
    let directory = service::directory(options);
    let line = Some(options.device.as_str()).filter(|line| !line.is_empty());
    let mut report = Report::default();
    if !directory.is_dir() {
        report.error(&directory, None, "there is no such directory");
    }
    let configs = mgetty::check(&directory, line, &mut report);
    // Sections may name files of their own.
    let (mut logins, mut rules) = (Vec::new(), Vec::new());
    for config in &configs {
        let login = directory.join(config.login_conf_file.value.as_path());
        if !logins.contains(&login) {
            login::check(&login, &mut report);
            logins.push(login);
        }
        let files = service::caller_files(&directory, config);
        if rules.contains(&files.rules) {
            continue;
        }
        if callers::check(&files, config, line, &mut report) {
            let program = config.callback_program.value.as_str();
            report.program(&directory.join("mgetty.config"), None, &program, "callback-program");
        }
        rules.push(files.rules);
    }
    callback(&directory.join("callback.config"), line, &mut report);
    let _ = std::io::stdout().write_all(report.text().as_bytes());
    u8::from(report.errors() > 0)
}

/// callback.config: what holds for every line and, as far as it can be known, every user.
fn callback(path: &Path, line: Option<&str>, report: &mut Report) {
    let Some(bytes) = read(path, report) else { return };
    let document = Document::parse(bytes);
    let known: Vec<&str> = CallbackConfig::KEYWORDS
        .iter()
        .map(|(keyword, _)| *keyword)
        .chain(call_policy::KEYWORDS.iter().copied())
        .chain(["port"])
        .collect();
    let everywhere = ports(&document);
    let lines: Vec<Option<&str>> = match line {
        Some(line) => vec![Some(line)],
        None => std::iter::once(None).chain(everywhere.iter().map(|name| Some(name.as_str()))).collect(),
    };
    for line in lines {
        let mut config = CallbackConfig::default();
        let (policy, problems) = call_policy::load(&mut config, &document, line, None);
        report.problems(path, &problems, &known);
        let speed_is = u32::try_from(config.speed.value).unwrap_or(0);
        if let config::Origin::File(at) = config.speed.origin {
            if !speed::is_mgetty_speed(speed_is) {
                report.error(path, Some(at), format!("speed {}: there is no such speed", config.speed.value));
            }
        }
        if policy == CallPolicy::default() {
            continue;
        }
        let secrets = Path::new("/etc/ringback/callback-secrets");
        if policy.password && !secrets.exists() {
            report.error(path, None, format!("`password yes`, but {} is not there", secrets.display()));
        }
    }
}

#[cfg(test)]
mod tests;

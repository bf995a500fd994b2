//! The fields after the client list (hosts_options(5)).

/// What becomes of a rule's verdict.
pub(super) struct Outcome {
    pub granted: bool,
    pub remark: Option<String>,
}

const FACILITIES: [&str; 17] = [
    "auth", "cron", "daemon", "kern", "lpr", "mail", "news", "user", "uucp", "local0", "local1", "local2",
    "local3", "local4", "local5", "local6", "local7",
];
const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Goes through the options; the first that is wrong, unknown or not ours to do refuses.
pub(super) fn outcome(options: &[String], plain: bool) -> Outcome {
    let mut outcome = Outcome { granted: plain, remark: None };
    for (place, option) in options.iter().enumerate() {
        let last = place + 1 == options.len();
        let (key, value) = key_and_value(option);
        match judge(&key, value, last) {
            Judgement::GoOn => {}
            Judgement::Verdict(granted) => outcome.granted = granted,
            Judgement::NotRun => outcome.remark = Some(format!("the command of `{key}` was not run")),
            Judgement::Refuse(why) => {
                return Outcome {
                    granted: false,
                    remark: Some(format!("option `{}`: {why}", option.trim())),
                };
            }
        }
    }
    outcome
}

enum Judgement {
    GoOn,
    Verdict(bool),
    NotRun,
    Refuse(&'static str),
}

/// `key value`, `key = value`; blanks around do not count.
fn key_and_value(option: &str) -> (String, &str) {
    let text = option.trim_matches(is_space);
    let end = text.find(|c: char| c == '=' || is_space(c)).unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    let rest = rest.trim_start_matches(is_space);
    let value = rest.strip_prefix('=').unwrap_or(rest).trim_matches(is_space);
    (key.to_ascii_lowercase(), value)
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

fn judge(key: &str, value: &str, last: bool) -> Judgement {
    use Judgement::{GoOn, NotRun, Refuse, Verdict};
    let number = || value.parse::<i64>().ok();
    match (key, value.is_empty()) {
        ("allow" | "deny" | "twist", _) if !last => Refuse("must be the last one"),
        ("allow" | "deny" | "keepalive", false) => Refuse("takes no value"),
        ("allow" | "deny", true) => Verdict(key == "allow"),
        ("keepalive" | "nice" | "rfc931", true) => GoOn,
        (
            "severity" | "umask" | "linger" | "setenv" | "banners" | "spawn" | "twist" | "aclexec" | "user"
            | "group",
            true,
        ) => Refuse("needs a value"),
        ("severity", _) if is_severity(value) => GoOn,
        ("severity", _) => Refuse("no such facility or level"),
        ("umask", _) if u32::from_str_radix(value, 8).is_ok_and(|mask| mask <= 0o777) => GoOn,
        ("linger", _) if number().is_some_and(|n| n >= 0) => GoOn,
        ("rfc931", _) if number().is_some_and(|n| n > 0) => GoOn,
        ("nice", _) if number().is_some() => GoOn,
        ("umask" | "linger" | "rfc931" | "nice", _) => Refuse("a number is wanted"),
        ("setenv" | "banners", _) => GoOn,
        ("spawn", _) => NotRun,
        ("twist" | "aclexec" | "user" | "group", _) => Refuse("is not done here"),
        _ => Refuse("unknown"),
    }
}

fn is_severity(value: &str) -> bool {
    let among = |names: &[&str], word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    match value.split_once('.') {
        Some((facility, level)) => among(&FACILITIES, facility) && among(&LEVELS, level),
        None => among(&LEVELS, value),
    }
}

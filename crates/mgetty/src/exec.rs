//! Puts the login program in our place: same process, so that the lock stays valid.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use ttyline::at::caller_data::CallerData;
use ttyline::{account, visible};

/// What is run, and as whom.
#[derive(Debug)]
pub struct Program {
    /// Absolute path.
    pub path: String,
    /// Its arguments, the name it is called by first.
    pub args: Vec<Vec<u8>>,
    /// Whose rights it gets; root's if none.
    pub user: Option<account::User>,
}

/// What the environment tells the program of the call.
#[derive(Debug)]
pub struct Call<'a> {
    /// What the modem said.
    pub caller: &'a CallerData,
    /// The line.
    pub device: &'a str,
    /// `TERM`, if it is to be set.
    pub term: Option<&'a str>,
    /// The prompt, for programs that ask the name themselves.
    pub tty_prompt: Option<&'a str>,
    /// The name typed.
    pub user: &'a [u8],
    /// It is a call that we have made.
    pub called_back: bool,
}

impl Call<'_> {
    /// The variables of spec section 10, in order, and ours: callback(8) goes by them.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let caller = self.caller;
        let mut out = vec![("CALLER_ID", caller.id.clone())];
        let known = [
            ("CALL_DATE", &caller.date),
            ("CALL_TIME", &caller.time),
            ("CALLER_NAME", &caller.name),
            ("CALLED_ID", &caller.called),
        ];
        out.extend(known.into_iter().filter(|(_, v)| !v.is_empty()).map(|(name, v)| (name, v.clone())));
        out.push(("CONNECT", caller.connect.clone()));
        out.push(("DEVICE", self.device.to_string()));
        if !self.user.is_empty() {
            out.push(("RINGBACK_USER", String::from_utf8_lossy(self.user).into_owned()));
        }
        if self.called_back {
            out.push(("RINGBACK_CALLED_BACK", "1".into()));
        }
        for (_, value) in &mut out {
            *value = visible::environment(value.as_bytes(), 200);
        }
        out.extend(self.term.map(|term| ("TERM", term.to_string())));
        out.extend(self.tty_prompt.map(|prompt| ("TTYPROMPT", prompt.to_string())));
        out
    }
}

/// Why the program does not run.
#[derive(Debug)]
pub enum Failed {
    /// It could not be given its user's rights.
    User(std::io::Error),
    /// It could not be started.
    Exec(std::io::Error),
}

/// Runs the program; comes back only if that fails.
pub fn replace(program: &Program, call: &Call<'_>) -> Failed {
    let mut command = Command::new(&program.path);
    let mut args = program.args.iter();
    if let Some(name) = args.next() {
        command.arg0(OsStr::from_bytes(name));
    }
    command.args(args.map(|arg| OsStr::from_bytes(arg)));
    command.envs(call.variables());
    match &program.user {
        Some(user) => {
            if let Err(error) = account::become_user(user) {
                return Failed::User(error);
            }
        }
        // What we were started with is none of the program's business.
        None => drop(nix::unistd::setgroups(&[nix::unistd::getgid()])),
    }
    Failed::Exec(command.exec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_tells_what_is_known() {
        let mut caller = CallerData::default();
        let call = |caller: &CallerData| {
            let (user, called_back) = (&b""[..], false);
            Call { caller, device: "ttyS1", term: None, tty_prompt: None, user, called_back }.variables()
        };
        let names = |caller: &CallerData| {
            call(caller).into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>()
        };
        assert_eq!(names(&caller), ["CALLER_ID=none", "CONNECT=", "DEVICE=ttyS1"]);
        for line in ["NMBR = 555", "NAME = A $(reboot)", "TIME = 1", "DATE = 2", "NDID=9", "CONNECT 33600"] {
            caller.line(line.as_bytes());
        }
        assert_eq!(
            names(&caller),
            [
                "CALLER_ID=555",
                "CALL_DATE=2",
                "CALL_TIME=1",
                "CALLER_NAME=A _(reboot)",
                "CALLED_ID=9",
                "CONNECT=33600",
                "DEVICE=ttyS1"
            ]
        );
        let user = &b"call\n"[..];
        let call =
            Call { caller: &caller, device: "x", term: None, tty_prompt: None, user, called_back: true };
        let variables = call.variables();
        assert!(variables.contains(&("RINGBACK_USER", "call_".into())));
        assert!(variables.contains(&("RINGBACK_CALLED_BACK", "1".into())));
    }
}

//! Other programs, run by argv, with a time limit and bounded output.

use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use ttyline::log::reason;

/// What a program said.
pub struct Told {
    /// Its exit code; `None`: a signal.
    pub code: Option<i32>,
    /// Its output.
    pub out: String,
    /// Its complaints.
    pub err: String,
}

/// The most that is read of a program's output, bytes.
const MOST: u64 = 4 * 1024 * 1024;

/// Runs a program.
///
/// # Errors
/// It is not there, or was not done in time.
pub fn run(program: &str, arguments: &[&str], limit: Duration) -> Result<Told, String> {
    let start = |program: &str| {
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    };
    let mut started = start(program);
    // A timer's or a user's PATH lacks the places of administrators' programs.
    for place in ["/usr/local/sbin", "/usr/sbin", "/sbin"] {
        if !program.contains('/') && started.as_ref().is_err_and(|e| e.kind() == ErrorKind::NotFound) {
            started = start(&format!("{place}/{program}"));
        }
    }
    let mut child = started.map_err(|e| format!("{program} cannot be run: {}", reason(&e)))?;
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(pipe) = pipe {
                let _ = pipe.take(MOST).read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = reader(child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let err = reader(child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let until = Instant::now() + limit;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} was not done after {} s", limit.as_secs()));
            }
        }
    };
    Ok(Told { code: status.code(), out: out.join().unwrap_or_default(), err: err.join().unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_run_and_ended() {
        let told = run("sh", &["-c", "echo out; echo err >&2; exit 3"], Duration::from_secs(20)).unwrap();
        assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (Some(3), "out\n", "err\n"));
        assert!(
            run("/nonexistent/x", &[], Duration::from_secs(1))
                .is_err_and(|why| why.contains("cannot be run"))
        );
        assert!(run("sleep", &["100"], Duration::from_millis(50)).is_err_and(|why| why.contains("not done")));
    }
}

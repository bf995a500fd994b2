//! A telephone exchange of software for one test: our `exchange`, with lines on ptys and far ends.

use crate::subject::ours;
use crate::wait::{self, PATIENCE};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// An exchange, killed when it goes out of scope.
pub struct Exchange {
    dir: tempfile::TempDir,
    child: Child,
}

impl Exchange {
    /// Lines as `(number, options)`, far ends by number; quick rings, handshakes and dialling.
    pub fn new(lines: &[(&str, &str)], far: &[&str]) -> Exchange {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let mut command = crate::mortal::command(ours("exchange"));
        for (number, options) in lines {
            let path = dir.path().join(number);
            command.arg(format!("--line={number}={}{options}", path.display()));
        }
        command.args(far.iter().map(|number| format!("--far={number}")));
        command.args(["--cadence=400ms", "--set=handshake=50ms", "--set=s11=5", "--control"]);
        let child =
            command.arg(dir.path().join("ctl")).stdin(Stdio::null()).spawn().expect("start the exchange");
        let exchange = Exchange { dir, child };
        wait::until("the control socket", || UnixStream::connect(exchange.dir.path().join("ctl")).ok());
        exchange
    }

    /// The tty of a line, as `pts/N`.
    pub fn device(&self, number: &str) -> String {
        // It is another one after a hang-up, and for a moment none.
        let path: PathBuf =
            wait::until("the line's tty", || std::fs::canonicalize(self.dir.path().join(number)).ok());
        path.strip_prefix("/dev").expect("a tty").display().to_string()
    }

    /// Gives an order and its answer: text after `ok`, or an error's.
    pub fn order(&self, order: &str) -> Result<String, String> {
        let mut stream = UnixStream::connect(self.dir.path().join("ctl")).expect("the control socket");
        stream.set_read_timeout(Some(3 * PATIENCE)).expect("a limit");
        writeln!(stream, "{order}").expect("an order");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        match answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), "")) {
            ("ok", text) => Ok(text.to_string()),
            (_, why) => Err(why.to_string()),
        }
    }

    /// Gives orders that must be carried out.
    #[track_caller]
    pub fn orders(&self, orders: &[&str]) {
        for order in orders {
            self.order(order).unwrap_or_else(|why| panic!("{order}: {why}"));
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

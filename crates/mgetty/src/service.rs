//! What is known before the session starts: the line, where things are, who owns the device.

use crate::args::Options;
use crate::session::Setup;
use std::path::{Path, PathBuf};
use ttyline::line_name::LineName;

/// Everything about serving a line that the session itself need not know.
#[derive(Debug, Clone)]
pub struct Service {
    /// The line.
    pub name: LineName,
    /// Where mgetty.config and login.config are.
    pub config_dir: PathBuf,
    /// 0 to 9.
    pub debug: u8,
    /// Bit/s.
    pub speed: u32,
    /// Whom the device belongs to; `None` leaves it.
    pub owner: Option<u32>,
    /// The same for its group.
    pub group: Option<u32>,
    /// The device's mode; `None` leaves it.
    pub mode: Option<u32>,
    /// Carrier is not looked at.
    pub ignore_carrier: bool,
    /// As in mgetty.config.
    pub issue: String,
    /// Before expansion.
    pub prompt: String,
    /// login.config; `None` if there is to be none.
    pub login_file: Option<PathBuf>,
    /// `TERM` for the login program.
    pub term: Option<String>,
    /// Lines of the statistics chat are appended to it.
    pub statistics_file: Option<PathBuf>,
}

/// Where the configuration is if nobody says: Debian's directory, else Red Hat's.
pub fn config_dir(options: &Options) -> PathBuf {
    if let Some(dir) = &options.config_dir {
        return PathBuf::from(dir);
    }
    let (debian, red_hat) = (Path::new("/etc/mgetty"), Path::new("/etc/mgetty+sendfax"));
    if !debian.is_dir() && red_hat.is_dir() { red_hat.into() } else { debian.into() }
}

/// The log of a line.
pub fn log_path(id: &str) -> PathBuf {
    Path::new("/var/log/mgetty").join(format!("mg_{id}.log"))
}

/// The file that tells our process id (the call-back program looks for it).
pub fn pid_path(id: &str) -> PathBuf {
    Path::new("/var/run").join(format!("mgetty.pid.{id}"))
}

/// The file that forbids logins on a line.
pub fn nologin_path(id: &str) -> PathBuf {
    Path::new("/etc").join(format!("nologin.{id}"))
}

/// Command line, configuration and built-in values put together, and what the log should hear of it.
pub fn settle(name: LineName, options: &Options) -> (Service, Setup, Vec<String>) {
    let mut setup = Setup { device: name.device().to_string(), ..Setup::default() };
    setup.pid = nix::unistd::getpid().as_raw();
    let service = Service {
        name,
        config_dir: config_dir(options),
        debug: 4,
        speed: 38400,
        owner: Some(0),
        group: ttyline::account::group_id("dialout"),
        mode: Some(0o660),
        ignore_carrier: false,
        issue: "/etc/issue".into(),
        prompt: "@ login: ".into(),
        login_file: Some(config_dir(options).join("login.config")),
        term: None,
        statistics_file: None,
    };
    (service, setup, Vec::new())
}

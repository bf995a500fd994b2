//! The name of a line, in the forms the tools need.

use std::path::{Path, PathBuf};

/// A line as the original calls it: the path below `/dev`, such as `ttyS0` or `pts/3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineName(String);

/// Why a word names no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// Nothing in it.
    Empty,
    /// A NUL, a line end or another control byte.
    Control,
    /// Longer than [`LineName::MOST`] bytes.
    Long,
}

impl std::fmt::Display for BadName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BadName::Empty => "the name of the line is empty",
            BadName::Control => "the name of the line has control characters in it",
            BadName::Long => "the name of the line is too long",
        })
    }
}

impl std::error::Error for BadName {}

impl LineName {
    /// The longest name, bytes: it must fit into a file name with something before and after it.
    pub const MOST: usize = 200;

    /// Takes `ttyS0`, `/dev/ttyS0`, `pts/3`.
    ///
    /// # Errors
    /// What cannot name a device.
    pub fn new(word: &str) -> Result<LineName, BadName> {
        let name = word.strip_prefix("/dev/").unwrap_or(word);
        if name.is_empty() {
            return Err(BadName::Empty);
        }
        if name.len() > LineName::MOST {
            return Err(BadName::Long);
        }
        if name.bytes().any(|b| b.is_ascii_control()) {
            return Err(BadName::Control);
        }
        Ok(LineName(name.to_string()))
    }

    /// `ttyS0`, `pts/3`.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.0
    }

    /// The name with `-` for every `/`: of log and pid files.
    #[must_use]
    pub fn id(&self) -> String {
        self.0.replace('/', "-")
    }

    /// The last three characters: what marks the line in its log.
    #[must_use]
    pub fn infix(&self) -> &str {
        let cut = self.0.char_indices().rev().nth(2).map_or(0, |(place, _)| place);
        self.0.get(cut..).unwrap_or("")
    }

    /// The device file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new("/dev").join(self.0.trim_start_matches('/'))
    }
}

impl std::fmt::Display for LineName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_name() {
        let name = LineName::new("/dev/pts/13").unwrap();
        assert_eq!(name.device(), "pts/13");
        assert_eq!(name.id(), "pts-13");
        assert_eq!(name.infix(), "/13");
        assert_eq!(name.path(), Path::new("/dev/pts/13"));
        assert_eq!(LineName::new("S1").unwrap().infix(), "S1");
        assert_eq!(LineName::new(""), Err(BadName::Empty));
        assert_eq!(LineName::new("/dev/"), Err(BadName::Empty));
        assert_eq!(LineName::new("tty\n"), Err(BadName::Control));
        assert_eq!(LineName::new(&"x".repeat(2000)), Err(BadName::Long));
    }
}

//! Modem lines of a pty, moved by the test: the preload library (tests/bench/modemlines.c) gives them to the
//! program under test, by a file that both share. Set `LD_PRELOAD` to [`Lines::library`] and `MODEMLINES` to
//! the file.

use crate::preload;
use crate::pty::Pty;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Carrier.
pub const CD: u32 = 0x40;
/// Clear to send.
pub const CTS: u32 = 0x20;

/// The lines of one pty.
pub struct Lines {
    file: fs::File,
    at: u64,
}

impl Lines {
    /// The library, built once in this run.
    pub fn library() -> PathBuf {
        preload::library("tests/bench/modemlines.c")
    }

    /// The place of a pty in the file.
    pub fn of(pty: &Pty, file: &Path) -> Lines {
        let rdev = fs::metadata(pty.path()).expect("pty").rdev();
        let (major, minor) = ((rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00));
        let file = fs::File::options().read(true).write(true).create(true).truncate(false).open(file);
        let file = file.expect("lines");
        file.set_len(4096 * 16).expect("room");
        Lines { file, at: (minor + ((major - 136) << 8)) * 16 }
    }

    /// Shows the program these input lines.
    pub fn show(&self, lines: u32) {
        let words = [lines.to_le_bytes(), 1u32.to_le_bytes()].concat();
        self.file.write_all_at(&words, self.at + 4).expect("lines");
    }

    /// What the program did: word 0 its output lines, word 3 breaks (bit 31: one is on).
    pub fn word(&self, n: u64) -> u32 {
        let mut word = [0; 4];
        self.file.read_exact_at(&mut word, self.at + 4 * n).expect("lines");
        u32::from_le_bytes(word)
    }
}

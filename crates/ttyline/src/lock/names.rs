//! Under which names a line is locked.

use std::path::Path;

/// The lock files of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Ours, in the order in which they are taken: the real device's first, so that two programs that come
    /// by different symlinks meet at it.
    pub own: Vec<String>,
    /// Written by others and honoured: cu's form, the last part of the name alone.
    pub honoured: Vec<String>,
}

/// The names for a device that was called by one path and really is another (equal without a symlink).
#[must_use]
pub fn names(called: &Path, real: &Path) -> Names {
    let mut names = Names { own: Vec::new(), honoured: Vec::new() };
    for path in [real, called] {
        // A symlink elsewhere has no name that another program would look for.
        let Ok(below) = path.strip_prefix("/dev") else { continue };
        let Some(below) = below.to_str().filter(|b| !b.is_empty()) else { continue };
        let full = format!("LCK..{}", below.replace('/', "_"));
        // No file name is longer than 255 bytes; the real device's is always short.
        if full.len() <= 240 && !names.own.contains(&full) {
            names.own.push(full);
        }
    }
    for path in [real, called] {
        let Some(last) = path.file_name().and_then(|n| n.to_str()) else { continue };
        let short = format!("LCK..{last}");
        let known = names.own.contains(&short) || names.honoured.contains(&short);
        if path.starts_with("/dev") && !known {
            names.honoured.push(short);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(called: &str, real: &str) -> (Vec<String>, Vec<String>) {
        let names = names(Path::new(called), Path::new(real));
        (names.own, names.honoured)
    }

    #[test]
    fn real_name_first_then_the_symlink_and_short_forms_are_honoured() {
        let strings = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of("/dev/ttyS1", "/dev/ttyS1"), (strings(&["LCK..ttyS1"]), strings(&[])));
        assert_eq!(of("/dev/pts/2", "/dev/pts/2"), (strings(&["LCK..pts_2"]), strings(&["LCK..2"])));
        assert_eq!(
            of("/dev/modem", "/dev/pts/2"),
            (strings(&["LCK..pts_2", "LCK..modem"]), strings(&["LCK..2"]))
        );
        assert_eq!(of("/tmp/line", "/dev/ttyS0"), (strings(&["LCK..ttyS0"]), strings(&[])));
    }
}

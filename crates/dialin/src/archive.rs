//! Backups: tar archives in the ustar format (POSIX.1-1988), which tar(1) reads and writes too. Pure.

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path, without a leading `/`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// A file's bytes, or a link's target.
    pub body: Body,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A regular file.
    File(Vec<u8>),
    /// A symbolic link.
    Link(String),
}

/// Bytes of a block.
const BLOCK: usize = 512;

/// The most members that are read, and the largest archive, bytes: no configuration is larger.
const MOST: usize = 2000;
/// See [`MOST`].
pub const LARGEST: usize = 64 << 20;

/// Writes an archive; `time` in seconds after the epoch.
///
/// # Errors
/// A path or a link's target that is too long for the format.
pub fn write(members: &[Member], time: u64) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for member in members {
        let (bytes, link): (&[u8], &str) = match &member.body {
            Body::File(bytes) => (bytes, ""),
            Body::Link(target) => (&[], target),
        };
        let mut header = [0u8; BLOCK];
        let (prefix, name) =
            split(&member.path).ok_or_else(|| format!("{}: too long for tar", member.path))?;
        if link.len() > 100 {
            return Err(format!("{}: its target is too long for tar", member.path));
        }
        let mut put = |at: usize, text: &str| {
            if let Some(place) = header.get_mut(at..at + text.len()) {
                place.copy_from_slice(text.as_bytes());
            }
        };
        put(0, name);
        put(100, &format!("{:07o}", member.mode));
        put(108, &format!("{:07o}", member.uid & 0o7_777_777));
        put(116, &format!("{:07o}", member.gid & 0o7_777_777));
        put(124, &format!("{:011o}", bytes.len()));
        put(136, &format!("{time:011o}"));
        put(148, "        ");
        put(156, if link.is_empty() { "0" } else { "2" });
        put(157, link);
        put(257, "ustar");
        put(263, "00");
        put(345, prefix);
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        if let Some(place) = header.get_mut(148..156) {
            place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        out.extend(header);
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

/// Name and prefix of at most 100 and 155 bytes.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let cut = path.match_indices('/').map(|(at, _)| at).find(|at| path.len() - at - 1 <= 100)?;
    (cut <= 155).then(|| (&path[..cut], &path[cut + 1..]))
}

/// Reads an archive. Everything in it is hostile: nothing is believed but what adds up.
///
/// # Errors
/// What is wrong with it.
pub fn read(archive: &[u8]) -> Result<Vec<Member>, String> {
    let mut members = Vec::new();
    let mut rest = archive;
    while let Some((header, after)) = rest.split_at_checked(BLOCK) {
        rest = after;
        if header.iter().all(|b| *b == 0) {
            return Ok(members);
        }
        let sum: u32 = header
            .iter()
            .enumerate()
            .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) })
            .sum();
        if number(header, 148, 8) != Some(u64::from(sum)) {
            return Err("this is no tar archive, or it is damaged".into());
        }
        let (name, prefix) = (text(header, 0, 100)?, text(header, 345, 155)?);
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let size = number(header, 124, 12).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let padded = size.checked_next_multiple_of(BLOCK).unwrap_or(usize::MAX);
        let (Some(bytes), Some(after)) = (rest.get(..size), rest.get(padded.min(rest.len())..)) else {
            return Err("the archive ends in the middle of a file".into());
        };
        let body = match header.get(156) {
            Some(b'0' | 0) => Body::File(bytes.to_vec()),
            Some(b'2') => Body::Link(text(header, 157, 100)?),
            // Directories of a tar(1) archive are made when they are needed.
            Some(b'5') => {
                rest = after;
                continue;
            }
            _ => return Err(format!("{path}: neither file nor symbolic link")),
        };
        rest = after;
        let id = |at| number(header, at, 8).and_then(|n| u32::try_from(n).ok());
        let (Some(mode), Some(uid), Some(gid)) = (id(100), id(108), id(116)) else {
            return Err(format!("{path}: damaged"));
        };
        let path = path.trim_start_matches("./").trim_start_matches('/').to_string();
        members.push(Member { path, mode: mode & 0o7777, uid, gid, body });
        if members.len() > MOST {
            return Err("too many files for a configuration".into());
        }
    }
    Err("the archive is cut off".into())
}

fn number(header: &[u8], at: usize, length: usize) -> Option<u64> {
    let field = std::str::from_utf8(header.get(at..at + length)?).ok()?;
    u64::from_str_radix(field.trim_matches(['\0', ' ']), 8).ok()
}

fn text(header: &[u8], at: usize, length: usize) -> Result<String, String> {
    let field = header.get(at..at + length).unwrap_or_default();
    let field = field.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8(field.to_vec()).map_err(|_| "a name in the archive is no UTF-8".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Every such path can be cut into a prefix of at most 155 bytes and a name of at most 100.
        #[test]
        fn what_is_written_is_read(path in "[a-z@-][a-z@.-]{0,40}(/[a-z]{1,50}){0,3}", bytes in proptest::collection::vec(any::<u8>(), 0..1100), mode in 0u32..0o7777) {
            let members = vec![
                Member { path: path.clone(), mode, uid: 0, gid: 1000, body: Body::File(bytes) },
                Member { path, mode: 0o777, uid: 1, gid: 1, body: Body::Link("/dev/null".into()) },
            ];
            let archive = write(&members, 5).unwrap();
            prop_assert_eq!(read(&archive), Ok(members));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_damaged_archive_gives_an_answer(at in 0usize..3000, byte in any::<u8>(), cut in 0usize..3000) {
            let members: Vec<Member> = (0..3).map(|n| Member { path: format!("etc/{n}"), mode: 0o600, uid: 0, gid: 0, body: Body::File(vec![7; 300]) }).collect();
            let mut archive = write(&members, 5).unwrap();
            if let Some(place) = archive.get_mut(at) { *place = byte; }
            archive.truncate(archive.len() - cut.min(archive.len()));
            let _ = read(&archive);
        }
    }
}

//! Asking the comport behind a pty: one connection for each question, so that forks and threads of the
//! program share nothing.

use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, getsockopt, sendmsg,
    socket,
};
use nix::sys::stat::{SFlag, fstat};
use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsRawFd, BorrowedFd};
use ttyline::port_control::{Answer, Command, Request, socket_name};

/// The device numbers of ptys (Linux, Documentation/admin-guide/devices.txt).
const PTYS: std::ops::RangeInclusive<u64> = 136..=143;

/// What comport answers; `None` if `fd` is no pty of a comport's. Waits for as long as comport does.
///
/// # Errors
/// `EINTR` when a signal came; `EIO` when comport has gone.
pub fn ask(fd: BorrowedFd<'_>, command: Command, argument: u32) -> Option<io::Result<Answer>> {
    let stat = fstat(fd).ok()?;
    let is_device = stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits();
    if !is_device || !PTYS.contains(&nix::sys::stat::major(stat.st_rdev)) {
        return None;
    }
    let kind = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Unix, SockType::Stream, kind, None).ok()?;
    let name = UnixAddr::new_abstract(socket_name(stat.st_rdev).as_bytes()).ok()?;
    connect(socket.as_raw_fd(), &name).ok()?;
    // Anybody may take an abstract name; the pty's owner made the pty.
    let owner = getsockopt(&socket, PeerCredentials).ok()?.uid();
    if owner != 0 && owner != stat.st_uid {
        return None;
    }
    let request = Request { command, argument }.write();
    let shown = [fd.as_raw_fd()];
    let sent = sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(&request)],
        &[ControlMessage::ScmRights(&shown)],
        MsgFlags::MSG_NOSIGNAL,
        None,
    );
    if let Err(e) = sent {
        return Some(Err(e.into()));
    }
    Some(hear(&mut File::from(socket)))
}

fn hear(socket: &mut File) -> io::Result<Answer> {
    let mut bytes = [0; Answer::LENGTH];
    let count = socket.read(&mut bytes)?;
    let gone = || io::Error::from_raw_os_error(libc::EIO);
    Answer::read(bytes.get(..count).unwrap_or_default()).ok_or_else(gone)
}

//! The functions of the C library that programs reach instead of its own.
#![allow(unsafe_code)] // Exported C functions: each says what its caller promises.

use crate::ask::ask;
use libc::{c_int, c_ulong, c_void};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use ttyline::port_control::Command;
use ttyline::settings::{Settings, control};
use ttyline::telnet::frame::Frame;

/// How long a break of no particular length is (POSIX: 0.25 to 0.5 s).
const BREAK: u32 = 250;

/// `struct serial_icounter_struct` (linux/serial.h): CTS, DSR, RI, DCD, and what nobody counts here.
type Counters = [c_int; 20];

/// The descriptor for the time of a call; `None` for a number that is none.
///
/// # Safety
/// As for every function that takes a descriptor: the program keeps it open meanwhile.
unsafe fn borrowed<'a>(fd: c_int) -> Option<BorrowedFd<'a>> {
    // SAFETY: not -1; a number that is not open gives EBADF wherever it is used.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

/// What the program gets: 0, or -1 and errno.
fn result(of: io::Result<()>) -> c_int {
    match of {
        Ok(()) => 0,
        Err(e) => {
            // SAFETY: errno is this thread's own.
            unsafe { *libc::__errno_location() = e.raw_os_error().unwrap_or(libc::EIO) };
            -1
        }
    }
}

fn pulse(fd: BorrowedFd<'_>, milliseconds: u32) -> Option<io::Result<()>> {
    let answer = ask(fd, Command::Pulse, milliseconds)?;
    // The caller expects the break to be over.
    std::thread::sleep(Duration::from_millis(u64::from(milliseconds)));
    Some(answer.map(|_| ()))
}

/// ioctl(2): the requests about modem lines are comport's, all others the kernel's.
///
/// # Safety
/// `argument` is what the request takes, as for ioctl(2) itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioctl(fd: c_int, request: c_ulong, argument: *mut c_void) -> c_int {
    // SAFETY: by this function's own contract.
    let ours = unsafe { borrowed(fd) }.and_then(|fd| unsafe { line_request(fd, request, argument) });
    match ours {
        Some(answer) => result(answer),
        // SAFETY: as it came, by this function's own contract.
        None => unsafe { libc::syscall(libc::SYS_ioctl, fd, request, argument) as c_int },
    }
}

/// # Safety
/// As for [`ioctl`].
unsafe fn line_request(
    fd: BorrowedFd<'_>,
    request: c_ulong,
    argument: *mut c_void,
) -> Option<io::Result<()>> {
    // SAFETY: TIOCMSET and its relatives take a pointer to an int, which may be null by mistake.
    let bits = || unsafe { argument.cast::<c_int>().as_ref() }.map_or(0, |bits| *bits as u32);
    let number = || u32::try_from(argument as usize).unwrap_or(0);
    // Requests are 32 bits wide; some callers sign-extend them.
    match c_ulong::from(request as u32) {
        libc::TIOCMGET => {
            let answer = ask(fd, Command::Get, 0)?;
            Some(answer.map(|answer| {
                // SAFETY: TIOCMGET takes a pointer to an int.
                if let Some(place) = unsafe { argument.cast::<c_int>().as_mut() } {
                    *place = answer.value as c_int;
                }
            }))
        }
        libc::TIOCMSET => Some(ask(fd, Command::Set, bits())?.map(|_| ())),
        libc::TIOCMBIS => Some(ask(fd, Command::Raise, bits())?.map(|_| ())),
        libc::TIOCMBIC => Some(ask(fd, Command::Drop, bits())?.map(|_| ())),
        libc::TIOCMIWAIT => Some(ask(fd, Command::Wait, number())?.map(|_| ())),
        libc::TIOCGICOUNT => {
            let answer = ask(fd, Command::Counts, 0)?;
            Some(answer.map(|answer| {
                // SAFETY: TIOCGICOUNT takes a pointer to a serial_icounter_struct.
                if let Some(place) = unsafe { argument.cast::<Counters>().as_mut() } {
                    *place = [0; 20];
                    for (place, count) in place.iter_mut().zip(answer.counts) {
                        *place = count as c_int;
                    }
                }
            }))
        }
        libc::TIOCSBRK => Some(ask(fd, Command::Break, 1)?.map(|_| ())),
        libc::TIOCCBRK => Some(ask(fd, Command::Break, 0)?.map(|_| ())),
        // With an argument it is tcdrain(3).
        libc::TCSBRK if number() == 0 => pulse(fd, BREAK),
        libc::TCSBRKP => pulse(fd, number().checked_mul(100).filter(|ms| *ms > 0).unwrap_or(BREAK)),
        _ => None,
    }
}

/// tcsendbreak(3).
///
/// # Safety
/// None but that `fd` stays open meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcsendbreak(fd: c_int, duration: c_int) -> c_int {
    let tenths = usize::try_from(duration).ok().filter(|d| *d > 0).map_or(0, |d| d.div_ceil(100));
    // SAFETY: TCSBRKP takes an integer.
    unsafe { ioctl(fd, libc::TCSBRKP as c_ulong, tenths as *mut c_void) }
}

type SetAttributes = unsafe extern "C" fn(c_int, c_int, *const libc::termios) -> c_int;
type GetAttributes = unsafe extern "C" fn(c_int, *mut libc::termios) -> c_int;

/// What a pty cannot hold.
const BYTE: u32 = control::CSIZE | control::PARENB | control::PARODD | control::CMSPAR;

/// tcsetattr(3): data bits and parity go to comport, the rest to the pty.
///
/// # Safety
/// `wanted` points to a termios.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcsetattr(fd: c_int, when: c_int, wanted: *const libc::termios) -> c_int {
    // SAFETY: the name is a C string; what is found is the C library's tcsetattr, of this type.
    let real = unsafe { libc::dlsym(libc::RTLD_NEXT, c"tcsetattr".as_ptr()) };
    if real.is_null() {
        return result(Err(io::Error::from_raw_os_error(libc::ENOSYS)));
    }
    // SAFETY: as above.
    let real = unsafe { std::mem::transmute::<*mut c_void, SetAttributes>(real) };
    // SAFETY: by this function's own contract.
    if let (Some(fd), Some(wanted)) = unsafe { (borrowed(fd), wanted.as_ref()) } {
        let frame = Frame::of(&Settings { control: wanted.c_cflag, ..Settings::default() });
        let byte = u32::from_le_bytes([frame.data_bits, frame.parity, 0, 0]);
        if let Some(Ok(_)) = ask(fd, Command::SetByte, byte) {
            let mut plain = *wanted;
            plain.c_cflag = plain.c_cflag & !BYTE | control::CS8;
            // SAFETY: a termios of our own.
            return unsafe { real(std::os::fd::AsRawFd::as_raw_fd(&fd), when, &raw const plain) };
        }
    }
    // SAFETY: as it came.
    unsafe { real(fd, when, wanted) }
}

/// tcgetattr(3): with the data bits and the parity that are in force at the modem's end.
///
/// # Safety
/// `found` points to a termios.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcgetattr(fd: c_int, found: *mut libc::termios) -> c_int {
    // SAFETY: the name is a C string; what is found is the C library's tcgetattr, of this type.
    let real = unsafe { libc::dlsym(libc::RTLD_NEXT, c"tcgetattr".as_ptr()) };
    if real.is_null() {
        return result(Err(io::Error::from_raw_os_error(libc::ENOSYS)));
    }
    // SAFETY: as above; called as this function was.
    let code = unsafe { std::mem::transmute::<*mut c_void, GetAttributes>(real)(fd, found) };
    // SAFETY: by this function's own contract.
    if let (0, Some(fd), Some(found)) = (code, unsafe { borrowed(fd) }, unsafe { found.as_mut() })
        && let Some(Ok(answer)) = ask(fd, Command::GetByte, 0)
    {
        let [data_bits, parity, ..] = answer.value.to_le_bytes();
        let settings = Settings { control: found.c_cflag, ..Settings::default() };
        let with_bits = Frame::with_data_bits(settings, data_bits).unwrap_or(settings);
        found.c_cflag = Frame::with_parity(with_bits, parity).unwrap_or(with_bits).control;
    }
    code
}

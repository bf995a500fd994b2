//! `LD_PRELOAD=libcomport_preload.so`: gives programs on comport's ptys the modem lines, breaks, data bits and
//! parity that a pty has not. See comport(1).
//!
//! [`exported`] stands before functions of the C library; [`ask`] asks comport. Whatever is not about a
//! comport's pty, or not about modem lines, goes to the kernel as it came.

mod ask;
mod exported;

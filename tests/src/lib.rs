//! What the black-box tests share: which program is under test, a private view of the file
//! system for it, and a modem played by the test.

pub mod exchange;
pub mod modem;
pub mod modem_lines;
pub mod mortal;
pub mod originals;
pub mod preload;
pub mod pty;
pub mod sandbox;
pub mod subject;
pub mod wait;

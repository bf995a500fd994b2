//! This mserver was built without TLS: nothing here can exist.

use mio::net::TcpStream;
use std::io;
use ttyline::config::mserver::Tls;

/// Keys there are none of.
#[derive(Clone, Debug)]
pub enum Keys {}

/// A connection there is none of.
#[derive(Debug)]
pub enum Secured {}

/// Always an error.
///
/// # Errors
/// That there is no TLS here.
pub fn load(_: &Tls) -> Result<Keys, String> {
    Err("this mserver was built without TLS".into())
}

#[expect(missing_docs, reason = "as with_rustls")]
impl Secured {
    pub fn new(_: TcpStream, keys: &Keys) -> Result<Secured, String> {
        match *keys {}
    }
    pub fn handshake(&mut self) -> Result<bool, String> {
        match *self {}
    }
    #[must_use]
    pub fn client(&self) -> Option<String> {
        match *self {}
    }
    pub fn socket(&mut self) -> &mut TcpStream {
        match *self {}
    }
    pub fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
    pub fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        match *self {}
    }
    pub fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
    pub fn say_goodbye(&mut self) {
        match *self {}
    }
}

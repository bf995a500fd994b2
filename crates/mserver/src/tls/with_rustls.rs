//! TLS by rustls.

use crate::certificate;
use mio::net::TcpStream;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use ttyline::config::mserver::Tls;

/// The most bytes of records that wait for a socket.
const UNSENT: usize = 32 * 1024;

/// Our certificate and key, and whose certificates are let in.
#[derive(Clone, Debug)]
pub struct Keys(Arc<ServerConfig>);

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(format!("{}: no certificate in PEM", shown(path))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{}: {}", shown(path), ttyline::log::reason(&e)))
}

fn shown(path: &Path) -> String {
    ttyline::visible::terminal(path.to_string_lossy().as_bytes())
}

/// Reads the files of a `tls=`.
///
/// # Errors
/// Which file cannot be used, and why; for people.
pub fn load(tls: &Tls) -> Result<Keys, String> {
    let ours = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.key)?)
        .map_err(|_| format!("{}: no private key in PEM", shown(&tls.key)))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let bad = |e: &dyn std::fmt::Display| format!("{}: {e}", shown(path));
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root).map_err(|e| bad(&e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|e| bad(&e))?)
        }
    };
    let config = builder.with_single_cert(ours, key);
    let mut config =
        config.map_err(|e| format!("{} and {}: {e}", shown(&tls.certificate), shown(&tls.key)))?;
    // A ticket would let a client in again whose certificate has expired meanwhile.
    config.send_tls13_tickets = 0;
    Ok(Keys(Arc::new(config)))
}

/// A connection with TLS.
#[derive(Debug)]
pub struct Secured {
    socket: TcpStream,
    tls: ServerConnection,
}

impl Secured {
    /// Begins as the server; [`Secured::handshake`] is next.
    ///
    /// # Errors
    /// What rustls says of its configuration.
    pub fn new(socket: TcpStream, keys: &Keys) -> Result<Secured, String> {
        let mut tls = ServerConnection::new(Arc::clone(&keys.0)).map_err(|e| e.to_string())?;
        tls.set_buffer_limit(Some(UNSENT));
        Ok(Secured { socket, tls })
    }

    /// Carries the handshake on; gives whether it is done.
    ///
    /// # Errors
    /// Why it failed, for people; the client has been told.
    pub fn handshake(&mut self) -> Result<bool, String> {
        let gone = |e: io::Error| ttyline::log::reason(&e);
        loop {
            match self.flush() {
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(gone(e)),
                _ => {}
            }
            if !self.tls.is_handshaking() {
                return Ok(true);
            }
            match self.tls.read_tls(&mut self.socket) {
                Ok(0) => return Err("the client went away in the handshake".into()),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(gone(e)),
            }
            if let Err(e) = self.tls.process_new_packets() {
                // The alert says why.
                let _ = self.flush();
                return Err(e.to_string());
            }
        }
    }

    /// Whom the client's certificate names.
    #[must_use]
    pub fn client(&self) -> Option<String> {
        certificate::common_name(self.tls.peer_certificates()?.first()?)
    }

    /// What is watched.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// See [`crate::wire::Wire::read`].
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                // The socket ended without TLS's goodbye: an end is an end.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            self.tls.read_tls(&mut self.socket)?;
            if let Err(e) = self.tls.process_new_packets() {
                let _ = self.flush();
                return Err(io::Error::new(io::ErrorKind::InvalidData, e));
            }
            match self.flush() {
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e),
                _ => {}
            }
        }
    }

    /// See [`crate::wire::Wire::write`].
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        // Less than everything only when the socket is full: then, and only then, it will tell when it is not.
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            taken += self.tls.writer().write(rest)?;
            match self.flush() {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                other => other?,
            }
        }
        Ok(taken)
    }

    /// Whether records wait.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    /// Sends what waits.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Nothing more will come from us.
    pub fn say_goodbye(&mut self) {
        self.tls.send_close_notify();
        let _ = self.flush();
    }
}

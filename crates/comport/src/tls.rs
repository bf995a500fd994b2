//! The client's side of TLS: certificates, keys, and what is said when they are not good.

use crate::config::Options;
use crate::fault::Fault;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Where Debian keeps the certificates it trusts.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What TLS needs of a port's options, read once at the start.
///
/// # Errors
/// A file that cannot be used, for people.
pub fn prepare(options: &Options) -> Result<Arc<ClientConfig>, String> {
    let ca = options.ca.as_deref().unwrap_or(Path::new(SYSTEM));
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        // Old roots of the system that are not understood matter to nobody.
        let added = roots.add(certificate);
        if let (Err(e), true) = (added, options.ca.is_some()) {
            return Err(format!("{}: {e}", ca.display()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots);
    let config = match (&options.cert, &options.key) {
        (Some(cert), Some(key)) => {
            let bad_key = |e| format!("{}: no private key: {e}", key.display());
            let private = PrivateKeyDer::from_pem_file(key).map_err(bad_key)?;
            builder
                .with_client_auth_cert(certificates(cert)?, private)
                .map_err(|e| format!("{}: {e}", cert.display()))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bad = |e| format!("{}: {e}", file.display());
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(bad)?.collect();
    let found = found.map_err(bad)?;
    if found.is_empty() {
        Err(format!("{}: there is no certificate in it", file.display()))
    } else {
        Ok(found)
    }
}

/// A connection to `host`, whose name or address must be in its certificate.
///
/// # Errors
/// A host name that TLS does not take.
pub fn connect(config: &Arc<ClientConfig>, host: &str) -> Result<ClientConnection, Fault> {
    let name = ServerName::try_from(host.to_string()).map_err(|e| Fault::Tls(e.to_string()))?;
    ClientConnection::new(Arc::clone(config), name).map_err(|e| Fault::Tls(e.to_string()))
}

/// What a failure of TLS means.
#[must_use]
pub fn fault(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(what) => Fault::Certificate(match what {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet".into()
            }
            CertificateError::UnknownIssuer => "nobody we trust (--ca) has signed it".into(),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is another host's".into()
            }
            other => other.to_string(),
        }),
        rustls::Error::AlertReceived(alert) => {
            Fault::Tls(format!("the server says {alert:?} (--cert, --key)"))
        }
        other => Fault::Tls(other.to_string()),
    }
}

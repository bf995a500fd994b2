//! TLS on ports that have `tls=` (cargo feature `tls`).
//!
//! No session is resumed, so that every connection shows a certificate that is valid now. What is kept for a
//! connection is bounded: a record that is being read, and [`UNSENT`] bytes of records that are not sent.

#[cfg(feature = "tls")]
mod with_rustls;
#[cfg(feature = "tls")]
pub use with_rustls::{Keys, Secured, load};
#[cfg(not(feature = "tls"))]
mod without;
#[cfg(not(feature = "tls"))]
pub use without::{Keys, Secured, load};

use std::collections::HashMap;
use ttyline::config::mserver::{Config, Remark, Tls};

/// The keys of the ports that have any.
pub type Ports = HashMap<u16, Keys>;

/// Reads the certificates and keys a configuration names, each file once.
///
/// # Errors
/// Every file that cannot be used, at its place in the configuration.
#[cfg_attr(not(feature = "tls"), expect(unreachable_code, unused_mut, reason = "no keys can be loaded"))]
pub fn load_all(config: &Config) -> Result<Ports, Vec<Remark>> {
    let (mut ports, mut mistakes) = (Ports::new(), Vec::new());
    let mut loaded: Vec<(&Tls, Keys)> = Vec::new();
    for line in &config.lines {
        let Some(tls) = line.options.tls.as_ref().filter(|_| !ports.contains_key(&line.port)) else {
            continue;
        };
        let known = loaded.iter().find(|(other, _)| *other == tls).map(|(_, keys)| keys.clone());
        match known.map_or_else(|| load(tls), Ok) {
            Ok(keys) => {
                loaded.push((tls, keys.clone()));
                ports.insert(line.port, keys);
            }
            Err(text) => {
                let mistake = Remark { at: tls.at, text };
                if !mistakes.contains(&mistake) {
                    mistakes.push(mistake);
                }
            }
        }
    }
    if mistakes.is_empty() { Ok(ports) } else { Err(mistakes) }
}

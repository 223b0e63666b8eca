//! TLS: what the configuration asks for, kept up to date with the files it names, and each connection's handshake.

mod client;
mod files;
mod handshake;
mod read_ahead;
mod reload;

pub use files::TlsError;
pub use handshake::{Accepted, Acceptor};

use crate::config;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoClientAuth, NoServerSessionStorage};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedCipherSuite};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// TLS over a client's socket.
pub type TlsStream = tokio_rustls::server::TlsStream<read_ahead::ReadAhead>;

/// How many tickets a client gets with which its next connection begins cheaper. It needs one, as Go's servers
/// know too.
const TICKETS: usize = 1;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file is not what its setting asks for.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The settings contradict each other.
    #[error("http.tls: {0}")]
    Settings(#[from] rustls::Error),
    /// The system refuses a thread.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// Reads the files that `http.tls` names, warns of a certificate that clients will not take, and from then on looks
/// whether the files have changed. `None` where there is no certificate, and so no TLS.
///
/// # Errors
/// When a file cannot be read or is not what its setting asks for.
pub fn start(http: &config::Http) -> Result<Option<watch::Receiver<Arc<ServerConfig>>>, StartError> {
    let Some(source) = Source::of(http) else { return Ok(None) };
    let files = [&source.certificate, &source.key].into_iter().chain(&source.tls.clientcas);
    let watched = reload::Watched::new(files.cloned());
    let (sender, receiver) = watch::channel(Arc::new(source.load()?));
    reload::start(source, watched, sender)?;
    Ok(Some(receiver))
}

/// Reads the files that `http.tls` names, as a start would.
///
/// # Errors
/// When a file cannot be read or is not what its setting asks for.
pub fn check(http: &config::Http) -> Result<(), StartError> {
    Source::of(http).map_or(Ok(()), |source| source.load().map(drop))
}

/// What a [`ServerConfig`] is made from.
struct Source {
    certificate: PathBuf,
    key: PathBuf,
    tls: config::Tls,
    http2: bool,
}

impl Source {
    /// What the configuration says; nothing where there is no certificate.
    fn of(http: &config::Http) -> Option<Source> {
        let (certificate, key) = http.tls.pair()?;
        Some(Source {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            tls: http.tls.clone(),
            http2: !http.http2_disabled,
        })
    }

    /// What the files say now.
    fn load(&self) -> Result<ServerConfig, StartError> {
        let tls = &self.tls;
        let provider = Arc::new(CryptoProvider { cipher_suites: self.suites(), ..ring::default_provider() });
        let pair = files::pair(&self.certificate, &self.key, &provider)?;
        let versions: &[_] = match tls.minimum {
            config::TlsVersion::Tls12 => &[&TLS13, &TLS12],
            config::TlsVersion::Tls13 => &[&TLS13],
        };
        let verifier = match tls.clientcas.as_slice() {
            [] => Arc::new(NoClientAuth),
            _ => files::client_verifier(tls, &provider)?,
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        if self.http2 {
            config.alpn_protocols.push(b"h2".into());
        }
        config.alpn_protocols.push(b"http/1.1".into());
        if tls.clientcas.is_empty() {
            config.ticketer = ring::Ticketer::new()?;
            config.send_tls13_tickets = TICKETS;
        } else {
            // Who comes back with a ticket is not asked for a certificate again, which may have expired since.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    /// The cipher suites of `http.tls.ciphersuites`. As in Go, those of TLS 1.3 are all there unless it names some.
    fn suites(&self) -> Vec<SupportedCipherSuite> {
        let chosen = &self.tls.ciphersuites;
        let all = ring::ALL_CIPHER_SUITES.iter();
        if chosen.is_empty() {
            return all.copied().collect();
        }
        let named = |suite: &SupportedCipherSuite| chosen.contains(&suite.suite());
        let names_tls13 = all.clone().any(|suite| suite.tls13().is_some() && named(suite));
        all.filter(|suite| named(suite) || (suite.tls13().is_some() && !names_tls13)).copied().collect()
    }
}

//! TLS: what the configuration asks for, kept up to date with the files it names or by an authority, and each
//! connection's handshake.

mod acme;
mod client;
mod files;
mod handshake;
mod read_ahead;
mod reload;

pub use acme::Authority;
pub use handshake::{Accepted, Acceptor};

use crate::{FileError, config};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoClientAuth, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, ServerConfig, SupportedCipherSuite, WantsVerifier};
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
    File(#[from] FileError),
    /// The settings contradict each other.
    #[error("http.tls: {0}")]
    Settings(#[from] rustls::Error),
    /// The system refuses a thread.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// What connections are met with, as it is now.
#[derive(Clone)]
pub struct Serving {
    /// The certificate and everything else.
    config: watch::Receiver<Arc<ServerConfig>>,
    /// For an authority that looks whether a host is ours, and while it may: what it looks for.
    answers: watch::Receiver<Option<Arc<ServerConfig>>>,
}

/// Reads the files that `http.tls` names, warns of a certificate that clients will not take, and from then on looks
/// whether the files have changed. `None` where there are no certificates, and so no TLS. Where an authority makes
/// them, it is returned too, and has to be started.
///
/// # Errors
/// When a file cannot be read or is not what its setting asks for.
pub fn start(http: &config::Http) -> Result<Option<(Serving, Option<Authority>)>, StartError> {
    let tls = &http.tls;
    if !tls.is_on() {
        return Ok(None);
    }
    let authority = Authority::open(&tls.letsencrypt, builder(tls)?)?;
    let source = Source::of(http, authority.as_ref().map(Authority::served));
    let (certificate, key) = tls.pair().unzip();
    let pair = certificate.into_iter().chain(key).map(ToOwned::to_owned);
    let watched = reload::Watched::new(pair.chain(tls.clientcas.iter().cloned()));
    let (sender, config) = watch::channel(Arc::new(source.load()?));
    reload::start(source, watched, sender)?;
    let answers = authority.as_ref().map_or_else(|| watch::channel(None).1, Authority::answers);
    Ok(Some((Serving { config, answers }, authority)))
}

/// Where certificates come from.
enum Certificates {
    Files { certificate: PathBuf, key: PathBuf },
    Authority(Arc<acme::Served>),
}

/// Reads the files that `http.tls` names, as a start would. Nothing is written, and no authority is asked.
///
/// # Errors
/// When a file cannot be read or is not what its setting asks for.
pub fn check(http: &config::Http) -> Result<(), StartError> {
    if !http.tls.is_on() {
        return Ok(());
    }
    let settings = &http.tls.letsencrypt;
    acme::check(settings)?;
    let served = settings.cachefile.is_some().then(|| Arc::new(acme::Served::new(&settings.hosts)));
    Source::of(http, served).load().map(drop)
}

/// What a [`ServerConfig`] is made from.
struct Source {
    certificates: Certificates,
    tls: config::Tls,
    http2: bool,
}

/// With the versions and cipher suites that are configured.
fn builder(tls: &config::Tls) -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, rustls::Error> {
    let provider = CryptoProvider { cipher_suites: suites(tls), ..ring::default_provider() };
    let versions: &[_] = match tls.minimum {
        config::TlsVersion::Tls12 => &[&TLS13, &TLS12],
        config::TlsVersion::Tls13 => &[&TLS13],
    };
    ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(versions)
}

/// The cipher suites of `http.tls.ciphersuites`. As in Go, those of TLS 1.3 are all there unless it names some.
fn suites(tls: &config::Tls) -> Vec<SupportedCipherSuite> {
    let chosen = &tls.ciphersuites;
    let all = ring::ALL_CIPHER_SUITES.iter();
    if chosen.is_empty() {
        return all.copied().collect();
    }
    let named = |suite: &SupportedCipherSuite| chosen.contains(&suite.suite());
    let names_tls13 = all.clone().any(|suite| suite.tls13().is_some() && named(suite));
    all.filter(|suite| named(suite) || (suite.tls13().is_some() && !names_tls13)).copied().collect()
}

impl Source {
    /// What the configuration says, with the certificates of an authority where it names no files.
    fn of(http: &config::Http, served: Option<Arc<acme::Served>>) -> Source {
        let certificates = match (http.tls.pair(), served) {
            (Some((certificate, key)), _) => {
                Certificates::Files { certificate: certificate.to_owned(), key: key.to_owned() }
            }
            (None, Some(served)) => Certificates::Authority(served),
            (None, None) => unreachable!("TLS has certificates"),
        };
        Source { certificates, tls: http.tls.clone(), http2: !http.http2_disabled }
    }

    /// What the files say now.
    fn load(&self) -> Result<ServerConfig, StartError> {
        let tls = &self.tls;
        let builder = builder(tls)?;
        let provider = builder.crypto_provider().clone();
        let verifier = match tls.clientcas.as_slice() {
            [] => Arc::new(NoClientAuth),
            _ => files::client_verifier(tls, &provider)?,
        };
        // Last: what is doubtful about a certificate is said each time that it is read, and what fails is read again.
        let certificates: Arc<dyn ResolvesServerCert> = match &self.certificates {
            Certificates::Files { certificate, key } => {
                Arc::new(SingleCertAndKey::from(files::pair(certificate, key, &provider)?))
            }
            Certificates::Authority(served) => served.clone(),
        };
        let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(certificates);
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
}

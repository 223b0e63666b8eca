//! `http.tls`: certificates, and how clients may shake hands.

use super::judge::{Given, refuse};
use super::{ConfigError, LetsEncrypt};
use rustls::CipherSuite;
use rustls::crypto::ring::ALL_CIPHER_SUITES;
use std::path::{Path, PathBuf};

/// `http.tls`: certificates, and how clients may shake hands. Without certificates there is no TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// `certificate`: the file of the certificate, and of those that lead to a root.
    pub certificate: Option<PathBuf>,
    /// `key`: the file of its private key.
    pub key: Option<PathBuf>,
    /// `minimumtls`: the oldest version that is spoken.
    pub minimum: TlsVersion,
    /// `ciphersuites`: those that may be used; empty for all.
    pub ciphersuites: Vec<CipherSuite>,
    /// `clientcas`: the files of the certificates that sign clients'; empty when clients need none.
    pub clientcas: Vec<PathBuf>,
    /// `clientauth`: what is asked of clients when there are `clientcas`.
    pub clientauth: ClientAuth,
    /// `letsencrypt`: certificates from an authority, in place of those in files.
    pub letsencrypt: LetsEncrypt,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What is asked of clients, in distribution's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// A certificate may be sent, and means nothing.
    Request,
    /// A certificate must be sent, and means nothing.
    RequireAny,
    /// A certificate may be sent, and must then be a good one.
    VerifyIfGiven,
    /// A good certificate must be sent.
    #[default]
    RequireAndVerify,
}

impl ClientAuth {
    pub(super) const WORDS: &str = "request-client-cert, require-any-client-cert, verify-client-cert-if-given or require-and-verify-client-cert";
}

impl Tls {
    /// The files of the certificate and its key, where TLS has them.
    pub fn pair(&self) -> Option<(&Path, &Path)> {
        Some((self.certificate.as_deref()?, self.key.as_deref()?))
    }

    /// Whether TLS is spoken.
    pub fn is_on(&self) -> bool {
        self.pair().is_some() || self.letsencrypt.cachefile.is_some()
    }

    /// Whether certificates of clients are verified.
    pub fn verifies_clients(&self) -> bool {
        let verifies = matches!(self.clientauth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
        verifies && !self.clientcas.is_empty()
    }

    /// Refuses what says that clients are met with TLS, or with more of it, and would not be.
    pub(super) fn check(&self, given: &[Given]) -> Result<(), ConfigError> {
        self.letsencrypt.check(given, self.pair().is_some())?;
        let refuse = |name, problem| refuse(given, name, problem);
        if self.key.is_none() {
            refuse("http.tls.certificate", "a certificate without its key; give http.tls.key too")?;
        }
        if self.certificate.is_none() {
            let problem = "there is no certificate, and so no TLS; give http.tls.certificate too";
            refuse("http.tls.key", problem)?;
            if !self.is_on() {
                refuse("http.tls.clientcas.*", problem)?;
            }
        }
        if self.clientcas.is_empty() {
            let problem = "no client would be asked for a certificate; give http.tls.clientcas too";
            refuse("http.tls.clientauth", problem)?;
        }
        Ok(())
    }
}

/// `tls1.2`, `tls1.3`.
pub(super) fn version(text: &str) -> Result<TlsVersion, String> {
    match text.to_ascii_lowercase().as_str() {
        "tls1.2" => Ok(TlsVersion::Tls12),
        "tls1.3" => Ok(TlsVersion::Tls13),
        "tls1.0" | "tls1.1" => Err("TLS 1.0 and 1.1 are broken and not spoken here (RFC 8996)".into()),
        _ => Err("not a version of TLS".into()),
    }
}

/// `require-and-verify-client-cert` and the like.
pub(super) fn client_auth(text: &str) -> Option<ClientAuth> {
    match text.to_ascii_lowercase().as_str() {
        "request-client-cert" => Some(ClientAuth::Request),
        "require-any-client-cert" => Some(ClientAuth::RequireAny),
        "verify-client-cert-if-given" => Some(ClientAuth::VerifyIfGiven),
        "require-and-verify-client-cert" => Some(ClientAuth::RequireAndVerify),
        _ => None,
    }
}

/// The cipher suites there are, under the names that Go and distribution have for them.
fn suites() -> impl Iterator<Item = (String, CipherSuite)> {
    let name = |suite: CipherSuite| format!("{suite:?}").replace("TLS13_", "TLS_");
    ALL_CIPHER_SUITES.iter().map(move |suite| (name(suite.suite()), suite.suite()))
}

/// A cipher suite by its name.
pub(super) fn suite(text: &str) -> Result<CipherSuite, String> {
    suites().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, suite)| suite).ok_or_else(|| {
        let names: Vec<String> = suites().map(|(name, _)| name).collect();
        format!("not one of the cipher suites that are here, {}", names.join(", "))
    })
}

//! A certificate with its key, as an authority made it for one host.

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use x509_cert::der::Decode;

/// A certificate for one host, and its key.
pub(super) struct Certificate {
    /// What is served.
    pub pair: Arc<CertifiedKey>,
    /// When it ends.
    pub ends: SystemTime,
    /// When to ask for the next one: with a third of its time to go.
    pub due: SystemTime,
}

impl Certificate {
    /// Reads a private key and a chain of certificates, the host's first, in PEM. Else says what they are not.
    pub(super) fn parse(host: &str, pem: &[u8], provider: &CryptoProvider) -> Result<Certificate, String> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| format!("no private key ({error})"))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let chain = chain.map_err(|error| format!("not whole PEM ({error})"))?;
        let leaf = chain.first().ok_or("no certificate")?.clone();
        let unusable = |error: rustls::Error| format!("not a pair that this server can use ({error})");
        let pair = CertifiedKey::from_der(chain, key, provider).map_err(unusable)?;

        let parsed = ParsedCertificate::try_from(&leaf).map_err(unusable)?;
        let name = ServerName::try_from(host).map_err(|_| "not a certificate for a host")?;
        verify_server_name(&parsed, &name).map_err(|_| format!("not a certificate for {host}"))?;

        let leaf = x509_cert::Certificate::from_der(&leaf).map_err(|error| error.to_string())?;
        let validity = leaf.tbs_certificate().validity();
        let [begins, ends] =
            [validity.not_before, validity.not_after].map(|time| UNIX_EPOCH + time.to_unix_duration());
        let lasts = ends.duration_since(begins).map_err(|_| "a certificate that ends before it begins")?;
        Ok(Certificate { pair: Arc::new(pair), ends, due: ends - lasts / 3 })
    }
}

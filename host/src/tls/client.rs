//! Which certificates of clients are taken.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;
use x509_cert::der::Decode;

/// Of clients whose key a certificate is for: whether the certificate is taken.
#[derive(Debug)]
pub(super) enum Taken {
    /// Any, and it need not be there unless `required`. Nothing may be concluded from it, so it is not passed on.
    Any {
        /// Whether a client must have one.
        required: bool,
    },
    /// One that an authority has signed, or that is itself among these, `http.tls.clientcas`: who makes one certificate for
    /// one client makes no authority.
    Known(Vec<CertificateDer<'static>>),
}

#[derive(Debug)]
pub(super) struct Clients {
    pub taken: Taken,
    /// What knows the authorities.
    pub verifier: Arc<dyn ClientCertVerifier>,
}

/// Whether a certificate is one at this time, by its own dates.
fn is_valid(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    x509_cert::Certificate::from_der(certificate).is_ok_and(|certificate| {
        let validity = certificate.tbs_certificate().validity();
        let [begins, ends] =
            [validity.not_before, validity.not_after].map(|time| time.to_unix_duration().as_secs());
        (begins..=ends).contains(&now.as_secs())
    })
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        match self.taken {
            Taken::Any { required } => required,
            Taken::Known(_) => self.verifier.client_auth_mandatory(),
        }
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let Taken::Known(known) = &self.taken else { return Ok(ClientCertVerified::assertion()) };
        match self.verifier.verify_client_cert(certificate, intermediates, now) {
            // An authority's own certificate is nobody's to webpki (`CaUsedAsEndEntity`).
            Err(_) if known.contains(certificate) && is_valid(certificate, now) => {
                Ok(ClientCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

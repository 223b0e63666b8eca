//! The files that `http.tls` names, and what is wrong with them.

use super::client::{Clients, Taken};
use crate::FileError;
use crate::config::{ClientAuth, Tls};
use crate::file_error::read;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use time::OffsetDateTime;

const CERTIFICATE: &str = "http.tls.certificate";
const KEY: &str = "http.tls.key";
const CLIENTCAS: &str = "http.tls.clientcas";

fn certificates(file: &Path, setting: &'static str) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let bytes = read(file, setting)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) if bytes.first() == Some(&0x30) => {
            let remedy = "binary (DER) where PEM is needed; make it with `openssl x509 -inform der -in FILE -out FILE.pem`";
            Err(FileError::new(file, setting, remedy))
        }
        Ok(_) => {
            Err(FileError::new(file, setting, "there is no certificate in it; write certificates in PEM"))
        }
        Err(error) => {
            Err(FileError::new(file, setting, format!("not whole PEM ({error}); write the file anew")))
        }
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    let bytes = read(file, KEY)?;
    let marks = |mark: &str| bytes.windows(mark.len()).any(|part| part == mark.as_bytes());
    if marks("ENCRYPTED PRIVATE KEY") || marks("Proc-Type: 4,ENCRYPTED") {
        let remedy = "the key is encrypted, and nobody is there to ask for its password; \
                      decrypt it with `openssl pkey -in FILE -out FILE.plain`, and let only this user read it";
        return Err(FileError::new(file, KEY, remedy));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let problem = match error {
            pem::Error::NoItemsFound => "there is no private key in it; write the key in PEM".to_owned(),
            error => format!("not whole PEM ({error}); write the file anew"),
        };
        FileError::new(file, KEY, problem)
    })
}

/// The file of one certificate that others are trusted by.
pub(super) fn root(file: &Path, setting: &'static str) -> Result<(), FileError> {
    match certificates(file, setting)?.as_slice() {
        [_] => Ok(()),
        _ => Err(FileError::new(file, setting, "more than one certificate; write the root alone")),
    }
}

/// The certificate with its chain and its key. Warns of a certificate that clients will refuse.
pub(super) fn pair(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, FileError> {
    let chain = certificates(certificate, CERTIFICATE)?;
    let signer = provider.key_provider.load_private_key(private_key(key)?).map_err(|error| {
        let wanted = "make one of RSA (2048 bits or more), of the curves P-256 or P-384, or Ed25519";
        FileError::new(key, KEY, format!("not a key that this server can use ({error}); {wanted}"))
    })?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(Error::InconsistentKeys(_)) => {
            let problem = format!(
                "not the key of the certificate that {} begins with; name the two that were made together",
                certificate.display()
            );
            return Err(FileError::new(key, KEY, problem));
        }
        Err(error) => return Err(FileError::new(certificate, CERTIFICATE, unusable(&error))),
    }
    if let Some(doubt) = pair.end_entity_cert().ok().and_then(|leaf| doubt(leaf, provider)) {
        tracing::warn!("{}", FileError::new(certificate, CERTIFICATE, doubt));
    }
    Ok(pair)
}

fn unusable(error: &Error) -> String {
    let wanted = "make one of version 3, which names its hosts (subjectAltName)";
    format!("not a certificate that this server can use ({error}); {wanted}")
}

/// Why clients will not take a certificate, from its dates. Who signed it is theirs to judge.
fn doubt(leaf: &CertificateDer<'_>, provider: &CryptoProvider) -> Option<String> {
    let day = |at: UnixTime| match OffsetDateTime::from_unix_timestamp(at.as_secs() as i64) {
        Ok(at) => at.date().to_string(),
        Err(_) => "an unknown day".to_owned(),
    };
    let leaf = ParsedCertificate::try_from(leaf).ok()?;
    // Without a trusted signer the verification always fails; only how is of interest.
    let verified = verify_server_cert_signed_by_trust_anchor(
        &leaf,
        &RootCertStore::empty(),
        &[],
        UnixTime::now(),
        provider.signature_verification_algorithms.all,
    );
    match verified {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(format!("expired on {}, and clients will refuse it; renew it", day(not_after)))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
            let before = day(not_before);
            Some(format!(
                "not valid before {before}, and clients will refuse it; look at this machine's clock"
            ))
        }
        _ => None,
    }
}

/// What asks clients for certificates, and verifies them against `http.tls.clientcas`.
pub(super) fn client_verifier(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, FileError> {
    let (mut roots, mut known) = (RootCertStore::empty(), Vec::new());
    for file in &tls.clientcas {
        for certificate in certificates(file, CLIENTCAS)? {
            known.push(certificate.clone());
            roots.add(certificate).map_err(|error| FileError::new(file, CLIENTCAS, unusable(&error)))?;
        }
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = match tls.clientauth {
        ClientAuth::RequireAndVerify => builder,
        _ => builder.allow_unauthenticated(),
    };
    let verifier =
        builder.build().map_err(|error| FileError::new(&tls.clientcas[0], CLIENTCAS, error.to_string()))?;
    let taken = match tls.clientauth {
        ClientAuth::RequireAndVerify | ClientAuth::VerifyIfGiven => Taken::Known(known),
        ClientAuth::Request => Taken::Any { required: false },
        ClientAuth::RequireAny => Taken::Any { required: true },
    };
    Ok(Arc::new(Clients { taken, verifier }))
}

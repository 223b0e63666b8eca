//! The key with which tokens of our own are signed.

use crate::config::Issuer;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credentials::make_once;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The file cannot be read, or not be made.
    #[error(
        "{path}: cannot be read or made ({source}); name a file that this user may write (auth.issuer.key)"
    )]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// No tokens are made.
    #[error("auth.issuer.enabled: no tokens are made with this configuration; switch it on")]
    Off,
    /// There is no key that lasts.
    #[error("auth.issuer.key: not given, so that each start makes another key; name a file")]
    Unnamed,
    /// There is no file yet.
    #[error(
        "{path}: is not there yet; the server makes it when it starts for the first time (auth.issuer.key)"
    )]
    Missing {
        /// The file.
        path: String,
    },
    /// The file is not such a key.
    #[error(
        "{path}: not an Ed25519 key in PEM; make it with openssl genpkey -algorithm ed25519 (auth.issuer.key)"
    )]
    Key {
        /// The file.
        path: String,
    },
}

/// A key, and the name under which it is known.
pub struct Signer {
    key: SigningKey,
    id: String,
}

/// What others verify our tokens with, as a JSON Web Key Set.
///
/// # Errors
/// When no tokens are made, or with a key that does not last, or the key cannot be read.
pub fn public_keys(issuer: &Issuer) -> Result<String, SigningError> {
    if issuer.enabled != Some(true) {
        return Err(SigningError::Off);
    }
    let path = issuer.key.as_deref().ok_or(SigningError::Unnamed)?;
    Ok(Signer::read(path)?.public().to_string())
}

fn made() -> SigningKey {
    let mut seed = [0; 32];
    let filled = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(seed.len()), "the system has random numbers");
    SigningKey::from_bytes(&seed)
}

/// Makes a new key, unless there is one meanwhile.
fn make(path: &Path) -> io::Result<()> {
    let pem = made().to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?;
    make_once(path, pem.as_bytes()).map(drop)
}

impl Signer {
    /// The key in this file, which is made where there is none; without a file, a key of this process alone.
    ///
    /// # Errors
    /// When the file can be neither read nor made, or is no such key.
    pub fn open(path: Option<&Path>) -> Result<Signer, SigningError> {
        let Some(path) = path else { return Ok(Signer::new(made())) };
        match Signer::read(path) {
            Err(SigningError::Missing { path: name }) => {
                make(path).map_err(|source| SigningError::File { path: name, source })?;
                Signer::read(path)
            }
            read => read,
        }
    }

    /// The key in this file.
    ///
    /// # Errors
    /// When the file is not there, cannot be read, or is no such key.
    pub fn read(path: &Path) -> Result<Signer, SigningError> {
        let name = || path.display().to_string();
        let pem = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SigningError::Missing { path: name() },
            _ => SigningError::File { path: name(), source },
        })?;
        Signer::decode(path, &pem)
    }

    fn decode(path: &Path, pem: &str) -> Result<Signer, SigningError> {
        let key = SigningKey::from_pkcs8_pem(pem);
        key.map(Signer::new).map_err(|_| SigningError::Key { path: path.display().to_string() })
    }

    fn new(key: SigningKey) -> Signer {
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        // RFC 7638: these members, in this order.
        let canonical = format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{x}\"}}");
        Signer { key, id: URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)) }
    }

    /// The public half, as a JSON Web Key Set.
    pub fn public(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id, "x": x}]})
    }

    /// A token of these claims (RFC 7515, 3.1).
    pub fn sign(&self, claims: &str) -> String {
        let header = json!({"alg": "EdDSA", "kid": self.id, "typ": "JWT"}).to_string();
        let signed = [URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)].join(".");
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        [signed, signature].join(".")
    }
}

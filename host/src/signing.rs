//! The key with which tokens of our own are signed.

use crate::FileError;
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

const KEY: &str = "auth.issuer.key";

/// Why there is no key for others to verify with.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The file of the key is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// No tokens are made.
    #[error("auth.issuer.enabled: no tokens are made with this configuration; switch it on")]
    Off,
    /// There is no key that lasts.
    #[error("{KEY}: not given, so that each start makes another key; name a file")]
    Unnamed,
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
    SigningKey::from_bytes(&credentials::random())
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
    pub fn open(path: Option<&Path>) -> Result<Signer, FileError> {
        let Some(path) = path else { return Ok(Signer::new(made())) };
        let pem = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path).and_then(|()| std::fs::read_to_string(path))
            }
            read => read,
        };
        Signer::decode(path, pem)
    }

    /// The key in this file.
    ///
    /// # Errors
    /// When the file is not there, cannot be read, or is no such key.
    pub fn read(path: &Path) -> Result<Signer, FileError> {
        match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let problem = "is not there yet; the server makes it when it starts for the first time";
                Err(FileError::new(path, KEY, problem))
            }
            read => Signer::decode(path, read),
        }
    }

    fn decode(path: &Path, pem: io::Result<String>) -> Result<Signer, FileError> {
        let pem = pem.map_err(|error| {
            let problem = format!("cannot be read or made ({error}); name a file that this user may write");
            FileError::new(path, KEY, problem)
        })?;
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| {
            let problem = "not an Ed25519 key in PEM; make it with openssl genpkey -algorithm ed25519";
            FileError::new(path, KEY, problem)
        })?;
        Ok(Signer::new(key))
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

//! The key with which tokens of our own are signed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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

fn made() -> SigningKey {
    let mut seed = [0; 32];
    let filled = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(seed.len()), "the system has random numbers");
    SigningKey::from_bytes(&seed)
}

/// Writes a new key for its owner alone.
fn make(path: &Path) -> io::Result<String> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let pem = made().to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    Ok(pem.to_string())
}

impl Signer {
    /// The key in this file, which is made where there is none; without a file, a key of this process alone.
    ///
    /// # Errors
    /// When the file can be neither read nor made, or is no such key.
    pub fn open(path: Option<&Path>) -> Result<Signer, SigningError> {
        let Some(path) = path else { return Ok(Signer::new(made())) };
        let name = || path.display().to_string();
        let pem = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
            read => read,
        };
        let pem = pem.map_err(|source| SigningError::File { path: name(), source })?;
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| SigningError::Key { path: name() })?;
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

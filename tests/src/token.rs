use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A private key that signs tokens, made and used by openssl.
#[derive(Debug)]
pub struct SigningKey {
    algorithm: &'static str,
    file: PathBuf,
}

/// Runs openssl and returns what it printed.
#[track_caller]
fn openssl(arguments: &[&str]) -> Vec<u8> {
    let done = Command::new("openssl").args(arguments).output().expect("openssl can be executed");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "openssl {arguments:?}: {said}");
    done.stdout
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs() as i64
}

impl SigningKey {
    /// A new key for `RS256`, `ES256` or `EdDSA`, in this folder.
    ///
    /// # Panics
    /// When openssl is not there.
    pub fn new(folder: &Path, algorithm: &'static str) -> SigningKey {
        let file = folder.join(format!("{algorithm}.pem"));
        let out = file.to_str().expect("a temporary folder is UTF-8");
        let kind: &[&str] = match algorithm {
            "RS256" => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            "ES256" => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            _ => &["-algorithm", "ED25519"],
        };
        openssl(&[&["genpkey", "-out", out], kind].concat());
        SigningKey { algorithm, file }
    }

    fn path(&self) -> &str {
        self.file.to_str().expect("a temporary folder is UTF-8")
    }

    /// The public half, called by its algorithm.
    pub fn public(&self) -> Value {
        let der = openssl(&["pkey", "-in", self.path(), "-pubout", "-outform", "DER"]);
        let last = |count: usize| &der[der.len() - count..];
        match self.algorithm {
            "RS256" => {
                // At the end: the modulus, and the exponent as `02 03 01 00 01`.
                let n = &last(256 + 5)[..256];
                json!({"kty": "RSA", "kid": "RS256", "n": encoded(n), "e": "AQAB"})
            }
            "ES256" => {
                let (x, y) = last(64).split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": "ES256", "x": encoded(x), "y": encoded(y)})
            }
            _ => json!({"kty": "OKP", "crv": "Ed25519", "kid": "EdDSA", "x": encoded(last(32))}),
        }
    }

    /// A certificate of this key, in PEM and in DER.
    pub fn certificate(&self) -> (PathBuf, Vec<u8>) {
        let file = self.file.with_extension("crt");
        let out = file.to_str().expect("a temporary folder is UTF-8");
        openssl(&["req", "-x509", "-key", self.path(), "-subj", "/CN=issuer", "-days", "2", "-out", out]);
        let der = openssl(&["x509", "-in", out, "-outform", "DER"]);
        (file, der)
    }

    /// A token of these claims; its header names the key as [`SigningKey::public`] does.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.algorithm, "kid": self.algorithm, "typ": "JWT"}), claims)
    }

    /// A token with this header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let input = self.file.with_extension("signed");
        std::fs::write(&input, &signed).expect("written");
        let input = input.to_str().expect("a temporary folder is UTF-8");
        let signature = match self.algorithm {
            "RS256" => openssl(&["dgst", "-sha256", "-sign", self.path(), input]),
            "ES256" => raw(&openssl(&["dgst", "-sha256", "-sign", self.path(), input])),
            _ => openssl(&["pkeyutl", "-sign", "-inkey", self.path(), "-rawin", "-in", input]),
        };
        format!("{signed}.{}", encoded(signature))
    }
}

/// The two numbers of a signature in DER, 32 bytes each.
fn raw(der: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    let mut rest = &der[2..];
    for _ in 0..2 {
        let (number, after) = rest[2..].split_at(usize::from(rest[1]));
        let number = &number[number.len().saturating_sub(32)..];
        raw.extend(std::iter::repeat_n(0, 32 - number.len()));
        raw.extend(number);
        rest = after;
    }
    raw
}

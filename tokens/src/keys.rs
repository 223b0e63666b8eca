//! Public keys (RFC 7517, RFC 7518, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier;
use rsa::pkcs1v15;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256.
    Rs256,
    /// The elliptic curve P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every one there is.
    pub const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

    /// Its name in a token's header.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

impl FromStr for Algorithm {
    type Err = ();

    fn from_str(text: &str) -> Result<Algorithm, ()> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(())
    }
}

/// Keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysError {
    /// Not a JSON Web Key Set.
    Malformed,
    /// A key, counted from 0, that is none of the three kinds, or broken.
    Key(usize),
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeysError::Malformed => f.write_str("not a JSON Web Key Set"),
            KeysError::Key(at) => write!(
                f,
                "key {at} is not one for RS256 (RSA of at least 2048 bits), ES256 (P-256) or EdDSA (Ed25519)"
            ),
        }
    }
}

impl std::error::Error for KeysError {}

/// A public key, of a kind that goes with one algorithm.
#[derive(Clone, Debug)]
enum Public {
    Rsa(Box<pkcs1v15::VerifyingKey<sha2::Sha256>>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// A key that is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    id: Option<String>,
    certificate: Option<String>,
    public: Public,
}

/// The keys that are trusted.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    x5c: Option<Vec<String>>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
}

fn decoded(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

fn rsa(n: &[u8], e: &[u8]) -> Option<Public> {
    let number = |bytes: &[u8]| rsa::BoxedUint::from_be_slice_vartime(bytes);
    let key = rsa::RsaPublicKey::new(number(n), number(e)).ok()?;
    let significant = n.len() - n.iter().take_while(|byte| **byte == 0).count();
    (significant >= 256).then(|| Public::Rsa(Box::new(pkcs1v15::VerifyingKey::new(key))))
}

fn p256(x: &[u8], y: &[u8]) -> Option<Public> {
    if x.len() != 32 || y.len() != 32 {
        return None;
    }
    let point = [&[4], x, y].concat();
    Some(Public::P256(Box::new(p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()?)))
}

impl Jwk {
    /// Whether signatures may be verified with it (RFC 7517, 4.2 and 4.3). What does not say may be used for anything.
    fn is_for_signatures(&self) -> bool {
        self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"))
    }

    fn public(&self) -> Option<Public> {
        let (x, y) = (decoded(self.x.as_ref()), decoded(self.y.as_ref()));
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => rsa(&decoded(self.n.as_ref())?, &decoded(self.e.as_ref())?),
            ("EC", Some("P-256")) => p256(&x?, &y?),
            ("OKP", Some("Ed25519")) => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(&x?.try_into().ok()?).ok()?;
                Some(Public::Ed25519(Box::new(key)))
            }
            _ => None,
        }
    }
}

impl FromStr for Keys {
    type Err = KeysError;

    /// Reads a JSON Web Key Set. Keys that are for something else than signatures are passed over.
    fn from_str(text: &str) -> Result<Keys, KeysError> {
        let set: Set = serde_json::from_str(text).map_err(|_| KeysError::Malformed)?;
        let key = |(at, jwk): (usize, Jwk)| {
            let public = jwk.public().ok_or(KeysError::Key(at))?;
            let certificate = jwk.x5c.and_then(|chain| chain.into_iter().next());
            Ok(Key { id: jwk.kid, certificate, public })
        };
        let keys = set.keys.into_iter().enumerate().filter(|(_, jwk)| jwk.is_for_signatures());
        keys.map(key).collect::<Result<_, _>>().map(Keys)
    }
}

impl Keys {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key with this name. Keys of different kinds may share one (RFC 7517, 4.5): then the one for this algorithm, if one
    /// is.
    pub(crate) fn named(&self, id: &str, algorithm: Algorithm) -> Option<&Key> {
        let mut named = self.0.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
        let first = named.peek().copied();
        named.find(|key| key.algorithm() == algorithm).or(first)
    }

    /// The key in this very certificate.
    pub(crate) fn certified(&self, certificate: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.certificate.as_deref() == Some(certificate))
    }
}

impl Key {
    /// The one algorithm that the key is for: a token cannot choose another.
    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::Rsa(_) => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
            Public::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether the signature of these bytes was made with the key's other half.
    pub(crate) fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Rsa(key) => pkcs1v15::Signature::try_from(signature)
                .is_ok_and(|signature| key.verify(bytes, &signature).is_ok()),
            Public::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(bytes, &signature).is_ok()),
            Public::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(bytes, &signature).is_ok()),
        }
    }
}

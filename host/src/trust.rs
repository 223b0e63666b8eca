//! The keys of whoever makes the tokens, out of distribution's files, as one JSON Web Key Set for the component.

use crate::FileError;
use crate::config::Auth;
use crate::file_error::read;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode, Encode, Reader, SliceReader};

/// How many keys are taken of a file. Every instance of the component reads them all.
const MOST: usize = 1000;

const UNUSABLE: &str = "no key in it is one for signatures by RS256, ES256 or EdDSA";

/// What a key has beside its public half (RFC 7518, 6): no component is to see it.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

const JWKS: &str = "auth.token.jwks";
const BUNDLE: &str = "auth.token.rootcertbundle";

/// The keys that are trusted, as text.
///
/// # Errors
/// When a file cannot be read, or has no key in it that can be used.
pub fn keys(auth: &Auth) -> Result<String, FileError> {
    let mut keys = Vec::new();
    if let Some(path) = &auth.token.jwks {
        let set: Option<Value> = serde_json::from_slice(&read(path, JWKS)?).ok();
        let given = set.as_ref().and_then(|set| set["keys"].as_array());
        let malformed = || FileError::new(path, JWKS, "not a JSON Web Key Set, {\"keys\": [...]}");
        keys.extend(usable(path, JWKS, given.ok_or_else(malformed)?.clone())?);
    }
    if let Some(path) = &auth.token.rootcertbundle {
        let malformed = || FileError::new(path, BUNDLE, "not certificates in PEM");
        let text = read(path, BUNDLE)?;
        let chain: Result<Vec<Certificate>, _> = CertificateDer::pem_slice_iter(&text)
            .map(|der| Certificate::from_der(&der.map_err(|_| malformed())?).map_err(|_| malformed()))
            .collect();
        let chain = chain?;
        if chain.is_empty() {
            return Err(malformed());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let given = chain.iter().filter_map(|certificate| {
            let counts = is_valid(certificate, path, now);
            jwks(certificate, counts).ok().flatten()
        });
        keys.extend(usable(path, BUNDLE, given.flatten().collect())?);
    }
    Ok(json!({ "keys": keys }).to_string())
}

/// Whether a certificate is valid at this time after 1970; else that is said (RFC 5280, 4.1.2.5).
fn is_valid(certificate: &Certificate, path: &Path, now: Duration) -> bool {
    let (path, subject) = (path.display(), certificate.tbs_certificate().subject());
    let validity = certificate.tbs_certificate().validity();
    if now > validity.not_after.to_unix_duration() {
        let expired = validity.not_after;
        tracing::warn!(%path, %subject, %expired, "a certificate has expired: tokens that bring it (x5c) are refused, those that name its key are taken; name the one that took its place ({BUNDLE})");
        return false;
    }
    if now < validity.not_before.to_unix_duration() {
        let begins = validity.not_before;
        tracing::warn!(%path, %subject, %begins, "a certificate is not valid yet: tokens that bring it (x5c) are refused until the server is started after that, those that name its key are taken ({BUNDLE})");
        return false;
    }
    true
}

/// Those keys that can be used; what is said of the others.
fn usable(path: &Path, setting: &'static str, mut keys: Vec<Value>) -> Result<Vec<Value>, FileError> {
    if keys.len() > MOST {
        let problem = format!("there are {} keys in it, and at most {MOST} are taken", keys.len());
        return Err(FileError::new(path, setting, problem));
    }
    let mut secrets = 0;
    for key in keys.iter_mut().filter_map(Value::as_object_mut) {
        let members = key.len();
        key.retain(|name, _| !PRIVATE.contains(&name.as_str()));
        secrets += usize::from(key.len() < members);
    }
    if secrets > 0 {
        let (path, keys) = (path.display(), secrets);
        tracing::warn!(%path, keys, "keys with a private part, which nobody needs here and must not get; write the public parts alone ({setting})");
    }
    // A key that is for something else is none of those that are read.
    let fits = |key: &Value| {
        let read = json!({ "keys": [key] }).to_string().parse::<tokens::Keys>();
        read.is_ok_and(|keys| !keys.is_empty())
    };
    let (usable, others): (Vec<Value>, Vec<Value>) = keys.into_iter().partition(fits);
    if usable.is_empty() {
        return Err(FileError::new(path, setting, UNUSABLE));
    }
    if !others.is_empty() {
        let (path, keys) = (path.display(), others.len());
        tracing::warn!(%path, keys, "keys that are not for signatures by RS256, ES256 or EdDSA are passed over ({setting})");
    }
    Ok(usable)
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A certificate's key under every name by which issuers call it: registry:3's, registry:2's, and as the certificate itself, if that
/// `counts`.
fn jwks(certificate: &Certificate, counts: bool) -> der::Result<Option<Vec<Value>>> {
    let info = certificate.tbs_certificate().subject_public_key_info();
    let bytes = info.subject_public_key.raw_bytes();
    let parameters = info.algorithm.parameters.as_ref();
    let curve = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (jwk, canonical) = match info.algorithm.oid {
        RSA => {
            let mut reader = SliceReader::new(bytes)?;
            let (n, e) = reader.sequence(|reader| {
                let numbers = (UintRef::decode(reader)?, UintRef::decode(reader)?);
                Ok::<_, der::Error>((encode(numbers.0.as_bytes()), encode(numbers.1.as_bytes())))
            })?;
            let canonical = format!("{{\"e\":\"{e}\",\"kty\":\"RSA\",\"n\":\"{n}\"}}");
            (json!({"kty": "RSA", "n": n, "e": e}), canonical)
        }
        EC if curve == Some(P256) && bytes.len() == 65 => {
            let (x, y) = (&bytes[1..33], &bytes[33..]);
            // registry:3 leaves zeros at the beginning out of what it names the key by.
            let short = |bytes: &[u8]| encode(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
            let canonical =
                format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{}\",\"y\":\"{}\"}}", short(x), short(y));
            (json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)}), canonical)
        }
        ED25519 => {
            let x = encode(bytes);
            let canonical = format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{x}\"}}");
            (json!({"kty": "OKP", "crv": "Ed25519", "x": x}), canonical)
        }
        _ => return Ok(None),
    };
    let named = |id: String| {
        let mut jwk = jwk.clone();
        jwk["kid"] = id.into();
        jwk
    };
    let mut first = named(encode(&Sha256::digest(canonical)));
    if counts {
        first["x5c"] = json!([STANDARD.encode(certificate.to_der()?)]);
    }
    Ok(Some(vec![first, named(fingerprint(&info.to_der()?))]))
}

/// registry:2's name of a key: 240 bits of its SHA-256 in base 32, in groups of four.
fn fingerprint(key: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(key);
    let mut name = String::new();
    for (at, group) in digest[..30].chunks(5).enumerate() {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for letter in 0..8 {
            if letter % 4 == 0 && (at, letter) != (0, 0) {
                name.push(':');
            }
            name.push(LETTERS[(bits >> (35 - 5 * letter)) as usize & 31] as char);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_taken_from_its_first_second_to_its_last() {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.not_before = rcgen::date_time_ymd(2001, 9, 9);
        parameters.not_after = rcgen::date_time_ymd(2001, 9, 10);
        let key = rcgen::KeyPair::generate().expect("a key");
        let signed = parameters.self_signed(&key).expect("a certificate");
        let certificate = Certificate::from_der(signed.der()).expect("DER");
        // `date -u -d 2001-09-09 +%s`
        let (begins, day) = (Duration::from_secs(999_993_600), Duration::from_secs(86_400));
        let second = Duration::from_secs(1);
        let valid = |now| is_valid(&certificate, Path::new("bundle.pem"), now);
        assert!(valid(begins) && valid(begins + day));
        assert!(!valid(begins - second) && !valid(begins + day + second));
    }

    #[test]
    fn keys_that_are_for_something_else_are_passed_over() {
        let key = |purpose: &str| {
            let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
            json!({"kty": "OKP", "crv": "Ed25519", "kid": purpose, "use": purpose, "x": x})
        };
        let path = Path::new("keys.json");
        let taken = usable(path, JWKS, vec![key("enc"), key("sig"), json!(7)]).expect("a key");
        assert_eq!(taken, [key("sig")]);
        let none = usable(path, JWKS, vec![key("enc")]).expect_err("it signs nothing").to_string();
        assert_eq!(none, format!("keys.json: {UNUSABLE} (auth.token.jwks)"));
    }

    #[test]
    fn a_key_of_registry_2_has_twelve_groups_of_four() {
        let name = fingerprint(b"key");
        assert_eq!(name.split(':').count(), 12);
        assert!(name.split(':').all(|group| group.len() == 4), "{name}");
        // As `printf key | openssl dgst -sha256 -binary | head -c 30 | base32` says it.
        assert_eq!(name.replace(':', ""), "FRYOCK32AZDPSITZ6QT4PM4OOM2NRZJYTT7RM6Q5YMHHH6BG");
    }
}

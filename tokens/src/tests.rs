use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use serde_json::{Value, json};

const NOW: f64 = 1_700_000_000.0;

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[7; 32])
}

fn p256() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key")
}

/// The public halves, `ed` and `p`.
fn public() -> Value {
    let point = p256().verifying_key().to_sec1_point(false);
    let bytes = point.as_bytes();
    json!([
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encoded(ed25519().verifying_key().as_bytes()), "x5c": ["MIIB"]},
        {"kty": "EC", "crv": "P-256", "kid": "p", "use": "sig", "x": encoded(&bytes[1..33]), "y": encoded(&bytes[33..])},
    ])
}

fn trust() -> Trust {
    Trust {
        keys: json!({"keys": public()}).to_string().parse().expect("keys"),
        algorithms: Algorithm::ALL.into(),
        issuer: "issuer".into(),
        service: "registry".into(),
        late: LEEWAY,
    }
}

fn claims() -> Value {
    json!({
        "iss": "issuer", "sub": "alice", "aud": "registry", "exp": NOW + 300.0, "nbf": NOW, "iat": NOW, "jti": "x",
        "access": [{"type": "repository", "name": "a/b", "actions": ["pull"]}],
    })
}

fn changed(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// A token with Ed25519's signature, whatever its header says.
fn token(header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
    let signature = ed25519().sign(signed.as_bytes());
    format!("{signed}.{}", encoded(signature.to_bytes()))
}

fn ed(claims: &Value) -> String {
    token(&json!({"alg": "EdDSA", "kid": "ed", "typ": "JWT"}), claims)
}

#[test]
fn a_token_says_what_may_be_done() {
    let claims = trust().verify(&ed(&claims()), NOW).expect("it holds");
    assert_eq!(claims.subject, "alice");
    assert!(claims.allow("repository", "a/b", "pull"));
    assert!(!claims.allow("repository", "a/b", "push"));
    assert!(!claims.allow("repository", "a", "pull"));
    assert!(!claims.allow("registry", "a/b", "pull"));
    let all = changed("access", json!([{"type": "registry", "name": "catalog", "actions": ["*"]}]));
    assert!(trust().verify(&ed(&all), NOW).expect("it holds").allow("registry", "catalog", "list"));
    for nothing in [json!(null), json!([]), json!([{"type": "repository", "name": "a/b", "actions": null}])] {
        let claims = trust().verify(&ed(&changed("access", nothing)), NOW).expect("it holds");
        assert!(!claims.allow("repository", "a/b", "pull"));
    }
}

/// A token with P-256's signature.
fn p256_token() -> String {
    let header = json!({"alg": "ES256", "kid": "p"}).to_string();
    let signed = format!("{}.{}", encoded(header), encoded(claims().to_string()));
    let signature: p256::ecdsa::Signature = p256().sign(signed.as_bytes());
    format!("{signed}.{}", encoded(signature.to_bytes()))
}

#[test]
fn p256_holds_and_for_nothing_but_its_own_bytes() {
    let token = p256_token();
    assert!(trust().verify(&token, NOW).is_ok());
    let (signed, _) = token.rsplit_once('.').expect("a signature");
    let other = format!("{signed}.{}", encoded([1; 64]));
    assert_eq!(trust().verify(&other, NOW), Err(TokenError::Signature));
}

#[test]
fn a_key_is_found_by_its_name_or_its_certificate_and_by_nothing_that_the_token_brings() {
    for header in [
        json!({"alg": "EdDSA", "kid": "ed"}),
        json!({"alg": "EdDSA", "x5c": ["MIIB", "ignored"]}),
        json!({"alg": "EdDSA", "jwk": {"kid": "ed", "kty": "OKP"}}),
    ] {
        assert!(trust().verify(&token(&header, &claims()), NOW).is_ok(), "{header}");
    }
    for (header, error) in [
        (json!({"alg": "EdDSA"}), TokenError::UnknownKey),
        (json!({"alg": "EdDSA", "kid": "other"}), TokenError::UnknownKey),
        (json!({"alg": "EdDSA", "x5c": ["MIIC"], "kid": "ed"}), TokenError::UnknownKey),
        (json!({"alg": "EdDSA", "x5c": []}), TokenError::UnknownKey),
        (json!({"alg": "EdDSA", "kid": "p"}), TokenError::Algorithm),
        (json!({"alg": "ES256", "kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": "none", "kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": "None"}), TokenError::Algorithm),
        (json!({"alg": "HS256", "kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"]}), TokenError::Malformed),
        (json!({"alg": "EdDSA", "kid": "ed", "crit": []}), TokenError::Malformed),
        (json!({"alg": "EdDSA", "kid": 7}), TokenError::Malformed),
        (json!({"alg": "EdDSA", "kid": "ed\0"}), TokenError::UnknownKey),
        (json!({"alg": "EdDSA", "kid": "../../dev/null"}), TokenError::UnknownKey),
        (json!({"alg": "EdDSA", "kid": ""}), TokenError::UnknownKey),
        (json!({"alg": "eddsa", "kid": "ed"}), TokenError::Algorithm),
        (json!({"alg": "EdDSA", "jku": "https://example.com/keys.json"}), TokenError::UnknownKey),
        (json!({"kid": "ed"}), TokenError::Malformed),
        (json!([]), TokenError::Malformed),
    ] {
        assert_eq!(trust().verify(&token(&header, &claims()), NOW), Err(error), "{header}");
    }
    let only = Trust { algorithms: vec![Algorithm::Rs256], ..trust() };
    assert_eq!(only.verify(&ed(&claims()), NOW), Err(TokenError::Algorithm));
}

#[test]
fn issuer_audience_and_times_have_to_fit() {
    for (name, value, error) in [
        ("iss", json!("other"), TokenError::Issuer),
        ("iss", json!(""), TokenError::Issuer),
        ("aud", json!("other"), TokenError::Audience),
        ("aud", json!([]), TokenError::Audience),
        ("aud", json!(["other", "registry2"]), TokenError::Audience),
        ("exp", json!(NOW - 61.0), TokenError::Expired),
        ("exp", json!(0), TokenError::Expired),
        ("nbf", json!(NOW + 61.0), TokenError::Early),
        ("exp", json!("soon"), TokenError::Malformed),
        ("sub", json!(7), TokenError::Malformed),
        ("access", json!("all"), TokenError::Malformed),
        ("exp", json!(null), TokenError::Expired),
        ("exp", json!(-1e308), TokenError::Expired),
        ("exp", json!("1e999"), TokenError::Malformed),
        ("nbf", json!(1e308), TokenError::Early),
        ("nbf", json!([NOW]), TokenError::Malformed),
        ("iss", json!(null), TokenError::Issuer),
        ("aud", json!(null), TokenError::Audience),
        ("aud", json!({"registry": "registry"}), TokenError::Malformed),
        ("aud", json!(["registry", 7]), TokenError::Malformed),
        ("aud", json!("registry "), TokenError::Audience),
    ] {
        assert_eq!(trust().verify(&ed(&changed(name, value.clone())), NOW), Err(error), "{name}: {value}");
    }
    for (name, value) in [
        ("aud", json!(["other", "registry"])),
        ("exp", json!(NOW - 59.0)),
        ("exp", json!(NOW as i64 + 1)),
        ("nbf", json!(NOW + 59.0)),
        ("sub", json!("")),
        ("sub", json!(null)),
        ("nbf", json!(null)),
        ("iat", json!(null)),
        ("iat", json!(NOW + 1e6)),
        ("access", json!([{"type": null, "name": null, "actions": null}, {}])),
        ("more", json!({"of": "this"})),
    ] {
        assert!(trust().verify(&ed(&changed(name, value.clone())), NOW).is_ok(), "{name}: {value}");
    }
}

#[test]
fn where_there_is_no_leeway_a_token_holds_until_its_time_and_may_come_early() {
    let strict = Trust { late: 0.0, ..trust() };
    let token = ed(&claims());
    assert!(strict.verify(&token, NOW + 299.0).is_ok());
    assert_eq!(strict.verify(&token, NOW + 300.0), Err(TokenError::Expired));
    assert!(
        strict.verify(&token, NOW - 59.0).is_ok(),
        "servers that share a key need not have the same second"
    );
    assert!(trust().verify(&token, NOW + 359.0).is_ok());
}

#[test]
fn keys_of_different_kinds_may_share_a_name() {
    let trust = trust();
    let mut keys = json!({"keys": public()});
    keys["keys"][0]["kid"] = json!("p");
    let shared = Trust { keys: keys.to_string().parse().expect("keys"), ..trust };
    let header = |algorithm: &str| json!({"alg": algorithm, "kid": "p"});
    assert!(shared.verify(&token(&header("EdDSA"), &claims()), NOW).is_ok());
    assert!(shared.verify(&p256_token(), NOW).is_ok());
    assert_eq!(shared.verify(&token(&header("ES256"), &claims()), NOW), Err(TokenError::Signature));
    assert_eq!(shared.verify(&token(&header("RS256"), &claims()), NOW), Err(TokenError::Algorithm));
}

#[test]
fn keys_that_are_not_for_signatures_verify_none() {
    for (name, value, holds) in [
        ("use", json!("sig"), true),
        ("use", json!(null), true),
        ("use", json!("enc"), false),
        ("use", json!("SIG"), false),
        ("key_ops", json!(["sign", "verify"]), true),
        ("key_ops", json!(["encrypt"]), false),
        ("key_ops", json!([]), false),
    ] {
        let mut key = public()[0].clone();
        key[name] = value.clone();
        let keys: Keys = json!({"keys": [key]}).to_string().parse().expect("a set of keys");
        assert_eq!(keys.is_empty(), !holds, "{name}: {value}");
        let verified = Trust { keys, ..trust() }.verify(&ed(&claims()), NOW);
        assert_eq!(verified.is_ok(), holds, "{name}: {value}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let whole = ed(&claims());
    let parts: Vec<&str> = whole.split('.').collect();
    let twice = r#"{"iss":"issuer","aud":"registry","exp":0,"exp":2e9}"#;
    for (text, error) in [
        (String::new(), TokenError::Malformed),
        ("a.b.c".into(), TokenError::Malformed),
        (format!("{}.{}", parts[0], parts[1]), TokenError::Malformed),
        (format!("{}.{}.", parts[0], parts[1]), TokenError::Signature),
        (format!("{whole}.x"), TokenError::Malformed),
        (format!("{whole}="), TokenError::Malformed),
        (format!(" {whole}"), TokenError::Malformed),
        (format!("{whole}, Bearer {whole}"), TokenError::Signature),
        (format!("{}=.{}.{}", parts[0], parts[1], parts[2]), TokenError::Malformed),
        (format!("{}.{}.+{}", parts[0], parts[1], &parts[2][1..]), TokenError::Malformed),
        (format!("{}.{}.{}", parts[0], encoded(twice), parts[2]), TokenError::Signature),
        (format!("{}.{}.{}", parts[0], encoded(b"{}"), parts[2]), TokenError::Signature),
        ("x".repeat(1 << 20), TokenError::TooLong),
        (format!("{}.{}", "[".repeat(5000), "."), TokenError::Malformed),
        (format!("{}..", encoded("[".repeat(10_000))), TokenError::Malformed),
    ] {
        assert_eq!(trust().verify(&text, NOW), Err(error), "{:.60}", text);
    }
}

/// A token whose claims are this text, signed with Ed25519.
fn raw(claims: &str) -> String {
    let header = encoded(json!({"alg": "EdDSA", "kid": "ed"}).to_string());
    let signed = format!("{header}.{}", encoded(claims));
    let signature = ed25519().sign(signed.as_bytes());
    format!("{signed}.{}", encoded(signature.to_bytes()))
}

#[test]
fn claims_that_are_there_twice_or_are_no_numbers_are_refused() {
    for claims in [
        r#"{"iss":"issuer","aud":"registry","exp":0,"exp":2e9}"#,
        r#"{"iss":"issuer","aud":"other","aud":"registry","exp":2e9}"#,
        r#"{"iss":"issuer","aud":"registry","exp":1e999}"#,
        r#"{"iss":"issuer","aud":"registry","exp":NaN}"#,
        r#"{"iss":"issuer","aud":"registry","exp":2e9} {}"#,
        "\u{feff}{}",
    ] {
        assert_eq!(trust().verify(&raw(claims), NOW), Err(TokenError::Malformed), "{claims}");
    }
    assert!(trust().verify(&raw(r#"{"iss":"issuer","aud":"registry","exp":2e9}"#), NOW).is_ok());
}

#[test]
fn a_public_key_is_no_secret_for_hmac_and_the_key_in_a_token_is_not_looked_at() {
    use hmac::{Hmac, KeyInit, Mac};
    let public = ed25519().verifying_key();
    for (algorithm, secret) in
        [("HS256", public.as_bytes().to_vec()), ("HS256", encoded(public.as_bytes()).into())]
    {
        let signed = format!(
            "{}.{}",
            encoded(json!({"alg": algorithm, "kid": "ed"}).to_string()),
            encoded(claims().to_string())
        );
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).expect("a key");
        mac.update(signed.as_bytes());
        let token = format!("{signed}.{}", encoded(mac.finalize().into_bytes()));
        assert_eq!(trust().verify(&token, NOW), Err(TokenError::Algorithm));
    }
    // The key that a stranger brings along and signs with is taken for nothing but a name.
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    let jwk = json!({"kid": "ed", "kty": "OKP", "crv": "Ed25519", "x": encoded(stranger.verifying_key().as_bytes())});
    let header = json!({"alg": "EdDSA", "jwk": jwk}).to_string();
    let signed = format!("{}.{}", encoded(header), encoded(claims().to_string()));
    let token = format!("{signed}.{}", encoded(stranger.sign(signed.as_bytes()).to_bytes()));
    assert_eq!(trust().verify(&token, NOW), Err(TokenError::Signature));
}

#[test]
fn keys_and_signatures_that_hold_for_anything_hold_for_nothing() {
    // Points of small order: under such a key a signature of zeros would hold for every message.
    let identity = [&[1_u8][..], &[0; 31]].concat();
    let order_two = [&[0xec_u8][..], &[0xff; 30], &[0x7f]].concat();
    for point in [identity, order_two, vec![0; 32]] {
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encoded(&point)}]});
        let Ok(keys) = keys.to_string().parse() else { continue };
        let trust = Trust { keys, ..trust() };
        let header = encoded(json!({"alg": "EdDSA", "kid": "ed"}).to_string());
        for r in [&point, &[&[1_u8][..], &[0; 31]].concat()] {
            let signature = [r.as_slice(), &[0; 32]].concat();
            let token = format!("{header}.{}.{}", encoded(claims().to_string()), encoded(signature));
            assert_eq!(trust.verify(&token, NOW), Err(TokenError::Signature));
        }
    }
    let header = encoded(json!({"alg": "ES256", "kid": "p"}).to_string());
    for signature in [vec![], vec![0; 64], vec![0xff; 64], vec![1; 63], vec![1; 65], vec![0x30; 70]] {
        let token = format!("{header}.{}.{}", encoded(claims().to_string()), encoded(signature));
        assert_eq!(trust().verify(&token, NOW), Err(TokenError::Signature));
    }
}

#[test]
fn keys_of_other_kinds_and_weak_ones_are_refused() {
    let short = encoded([0xff; 128]);
    for (keys, error) in [
        (json!({}), KeysError::Malformed),
        (json!({"keys": [{"kty": "oct", "k": "AAAA"}]}), KeysError::Key(0)),
        (json!({"keys": [{"kty": "RSA", "n": short, "e": "AQAB"}]}), KeysError::Key(0)),
        (json!({"keys": [{"kty": "RSA"}]}), KeysError::Key(0)),
        (
            json!({"keys": [{"kty": "EC", "crv": "P-256", "x": encoded([1; 32]), "y": encoded([1; 32])}]}),
            KeysError::Key(0),
        ),
        (json!({"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}]}), KeysError::Key(0)),
        (json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}), KeysError::Key(0)),
    ] {
        assert_eq!(keys.to_string().parse::<Keys>().expect_err("no keys"), error, "{keys}");
    }
}

#[test]
fn scopes_are_read_from_both_ends() {
    let scope = |text: &str| text.parse::<Access>().map(|access| (access.kind, access.name, access.actions));
    let words = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect::<Vec<_>>());
    let (repository, registry) = ("repository".to_owned(), "registry".to_owned());
    assert_eq!(
        scope("repository:team/app:pull,push"),
        Ok((repository.clone(), "team/app".into(), words(&["pull", "push"])))
    );
    assert_eq!(
        scope("repository(plugin):host:5000/app:pull"),
        Ok((repository, "host:5000/app".into(), words(&["pull"])))
    );
    assert_eq!(scope("registry:catalog:*"), Ok((registry, "catalog".into(), words(&["*"]))));
    for text in ["", "repository", "repository:a", ":a:pull", "repository::pull"] {
        assert_eq!(scope(text), Err(()), "{text}");
    }
}

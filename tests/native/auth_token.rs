//! Tokens that someone else makes, in distribution's form.
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::{Request, Response, Server, SigningKey, assert_error, basic, now, run, sha256};

const CONFIG: &str = "version: 0.1
auth:
  token:
    realm: https://auth.example.com/token
    service: registry.example.com
    issuer: auth.example.com
    jwks: '{scratch}/keys.json'
";

/// A folder for keys that goes with the test.
struct Keys(std::path::PathBuf);

impl Keys {
    fn new(name: &str) -> Keys {
        let path = std::env::temp_dir().join(format!("pierhead-keys-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Keys(path)
    }

    fn key(&self, algorithm: &'static str) -> SigningKey {
        SigningKey::new(&self.0, algorithm)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn server(keys: &[&SigningKey]) -> Server {
    let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
    Server::with(|setup| setup.file("keys.json", &json!({ "keys": keys }).to_string()).config(CONFIG))
}

fn claims(access: Value) -> Value {
    json!({
        "iss": "auth.example.com", "sub": "alice", "aud": "registry.example.com",
        "exp": now() + 60, "nbf": now() - 1, "iat": now(), "jti": "x", "access": access,
    })
}

fn pull(name: &str) -> Value {
    json!([{"type": "repository", "name": name, "actions": ["pull"]}])
}

fn ask(server: &Server, request: Request, token: &str) -> Response {
    server.request(&request.header("Authorization", format!("Bearer {token}")))
}

#[test]
fn without_a_token_the_challenge_names_realm_service_and_scope() {
    let keys = Keys::new("challenge");
    let server = server(&[&keys.key("EdDSA")]);
    let start = "Bearer realm=\"https://auth.example.com/token\",service=\"registry.example.com\"";
    let digest = sha256(b"x");
    for (request, scope) in [
        (Request::get("/v2/"), ""),
        (Request::get("/v2/_catalog"), ",scope=\"registry:catalog:*\""),
        (Request::get("/v2/a/b/tags/list"), ",scope=\"repository:a/b:pull\""),
        (Request::get(&format!("/v2/a/b/referrers/{digest}")), ",scope=\"repository:a/b:pull\""),
        (Request::post("/v2/a/b/blobs/uploads/"), ",scope=\"repository:a/b:pull,push\""),
        (Request::delete("/v2/a/b/manifests/latest"), ",scope=\"repository:a/b:delete\""),
    ] {
        let response = server.request(&request);
        assert_error(&response, 401, "UNAUTHORIZED");
        assert_eq!(response.required("Www-Authenticate"), format!("{start}{scope}"));
    }
    let password = Request::get("/v2/").header("Authorization", basic("alice", "wonderland"));
    assert_error(&server.request(&password), 401, "UNAUTHORIZED");
    server.get("/auth/token").expect(404);
}

#[test]
fn tokens_of_each_algorithm_say_what_may_be_done() {
    let keys = Keys::new("algorithms");
    let all = ["RS256", "ES256", "EdDSA"].map(|algorithm| keys.key(algorithm));
    let server = server(&all.iter().collect::<Vec<_>>());
    for key in &all {
        let token = key.token(&claims(pull("a/b")));
        for _ in 0..3 {
            ask(&server, Request::get("/v2/"), &token).expect(200);
            ask(&server, Request::get("/v2/a/b/manifests/latest"), &token).expect(404);
        }
        let wider = ask(&server, Request::post("/v2/a/b/blobs/uploads/"), &token);
        assert_error(&wider, 401, "UNAUTHORIZED");
        let challenge = wider.required("Www-Authenticate");
        assert!(
            challenge.ends_with(",scope=\"repository:a/b:pull,push\",error=\"insufficient_scope\""),
            "{challenge}"
        );
        assert_error(&ask(&server, Request::get("/v2/a/tags/list"), &token), 401, "UNAUTHORIZED");
        assert_error(&ask(&server, Request::get("/v2/_catalog"), &token), 401, "UNAUTHORIZED");
    }
    assert_eq!(server.access_line(|line| line.status() == 404).text("user"), "alice");
    let everything = json!([
        {"type": "repository", "name": "a", "actions": ["*"]},
        {"type": "registry", "name": "catalog", "actions": ["*"]},
    ]);
    let token = all[2].token(&claims(everything));
    ask(&server, Request::post("/v2/a/blobs/uploads/"), &token).expect(202);
    ask(&server, Request::get("/v2/_catalog"), &token).expect(200);
}

#[test]
fn a_token_that_does_not_hold_is_401_invalid_token_and_says_why() {
    let keys = Keys::new("bad");
    let (key, stranger) = (keys.key("EdDSA"), Keys::new("stranger"));
    let stranger = (stranger.key("EdDSA"), stranger);
    let server = server(&[&key]);
    let changed = |name: &str, value: Value| {
        let mut claims = claims(pull("a"));
        claims[name] = value;
        claims
    };
    let good = claims(pull("a"));
    let unsigned = |header: Value| {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", encode(&header), encode(&good))
    };
    for (token, why) in [
        (unsigned(json!({"alg": "none"})), "way that is not taken"),
        (unsigned(json!({"alg": "none", "kid": "EdDSA"})), "way that is not taken"),
        (unsigned(json!({"alg": "EdDSA", "kid": "EdDSA"})), "signature"),
        (key.token_with(&json!({"alg": "HS256", "kid": "EdDSA"}), &good), "way that is not taken"),
        (key.token_with(&json!({"alg": "EdDSA", "kid": "other"}), &good), "key that is not known"),
        (stranger.0.token(&good), "signature"),
        (key.token(&changed("aud", json!("other.example.com"))), "another service"),
        (key.token(&changed("iss", json!("other.example.com"))), "another issuer"),
        (key.token(&changed("exp", json!(now() - 120))), "expired"),
        (key.token(&changed("nbf", json!(now() + 120))), "not valid yet"),
        (key.token(&changed("access", json!("everything"))), "cannot be read"),
        (key.token_with(&json!({"alg": "EdDSA", "kid": "EdDSA", "crit": ["exp"]}), &good), "cannot be read"),
        (format!("{0}, Bearer {0}", key.token(&good)), "signature"),
        ("abc".into(), "cannot be read"),
        ("a.b.c".into(), "cannot be read"),
        (key.token(&changed("more", json!("x".repeat(20_000)))), "longer than 16 KiB"),
    ] {
        let response = ask(&server, Request::get("/v2/a/tags/list"), &token);
        assert_error(&response, 401, "UNAUTHORIZED");
        let challenge = response.required("Www-Authenticate");
        assert!(challenge.ends_with(",scope=\"repository:a:pull\",error=\"invalid_token\""), "{challenge}");
        assert!(response.text().contains(why), "{why}: {response}");
    }
    let lower =
        Request::get("/v2/a/tags/list").header("authorization", format!("bEARER  {}", key.token(&good)));
    server.request(&lower).expect(404);
    let huge = ask(&server, Request::get("/v2/"), &"x".repeat(1 << 20));
    assert!((400..500).contains(&huge.status), "{huge}");
    let list = key.token(&changed("aud", json!(["other.example.com", "registry.example.com"])));
    ask(&server, Request::get("/v2/a/tags/list"), &list).expect(404);
    ask(&server, Request::get("/v2/a/tags/list"), &key.token(&changed("exp", json!(now() - 30)))).expect(404);
}

#[test]
fn a_bundle_of_certificates_is_trusted_by_every_name_that_issuers_use() {
    let keys = Keys::new("bundle");
    for algorithm in ["RS256", "ES256"] {
        let key = keys.key(algorithm);
        let (pem, der) = key.certificate();
        let pem = std::fs::read_to_string(pem).expect("PEM");
        let config = CONFIG.replace("jwks: '{scratch}/keys.json'", "rootcertbundle: '{scratch}/bundle.pem'");
        // As people put them together: a private key in the same file, and words before and after.
        let private = std::fs::read_to_string(keys.0.join(format!("{algorithm}.pem"))).expect("PEM");
        let bundle = format!("The issuer:\n{private}\nsubject=CN = issuer\n{pem}\n\n# the end\n");
        let server = Server::with(|setup| setup.file("bundle.pem", &bundle).config(&config));
        let header = json!({"alg": algorithm, "x5c": [STANDARD.encode(der)]});
        let token = key.token_with(&header, &claims(pull("a")));
        ask(&server, Request::get("/v2/a/tags/list"), &token).expect(404);
        let other = json!({"alg": algorithm, "x5c": ["MIIB"]});
        let token = key.token_with(&other, &claims(pull("a")));
        assert_error(&ask(&server, Request::get("/v2/a/tags/list"), &token), 401, "UNAUTHORIZED");
    }
}

#[test]
fn of_a_set_of_keys_the_public_parts_are_taken_and_a_secret_is_none_of_them() {
    let keys = Keys::new("mixed");
    let (first, second) = (keys.key("EdDSA"), keys.key("RS256"));
    let mut private = first.public();
    private["d"] = json!("c2VjcmV0IHNlY3JldCBzZWNyZXQ");
    let secret = json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": "c2VjcmV0"});
    let junk = json!({"kty": "EC", "crv": "P-521", "kid": "other", "x5c": ["junk"]});
    let set = json!({"keys": [private, secret, junk, "junk", null, second.public()]}).to_string();
    let server = Server::with(|setup| setup.file("keys.json", &set).config(CONFIG));
    for key in [&first, &second] {
        ask(&server, Request::get("/v2/a/tags/list"), &key.token(&claims(pull("a")))).expect(404);
    }
    for header in [
        json!({"alg": "HS256", "kid": "secret"}),
        json!({"alg": "HS256", "kid": "RS256"}),
        json!({"alg": "RS256", "kid": "secret"}),
        json!({"alg": "RS256", "kid": "EdDSA"}),
        json!({"alg": "RS256", "x5c": ["junk"]}),
    ] {
        let token = second.token_with(&header, &claims(pull("a")));
        assert_error(&ask(&server, Request::get("/v2/a/tags/list"), &token), 401, "UNAUTHORIZED");
    }
    let log = server.log();
    assert!(log.contains("keys with a private part") && log.contains("are passed over"), "{log}");
    assert!(!log.contains("c2VjcmV0"), "{log}");
}

#[test]
fn one_name_may_be_that_of_keys_of_different_kinds_and_keys_for_something_else_sign_nothing() {
    let keys = Keys::new("shared");
    let all = ["RS256", "ES256", "EdDSA"].map(|algorithm| (algorithm, keys.key(algorithm)));
    let status = |server: &Server, algorithm: &str, key: &SigningKey| {
        let token = key.token_with(&json!({"alg": algorithm, "kid": "k"}), &claims(pull("a")));
        ask(server, Request::get("/v2/a/tags/list"), &token).status
    };
    for (uses, statuses) in [([None; 3], [404; 3]), ([Some("enc"), None, Some("sig")], [401, 404, 404])] {
        let public = |((_, key), purpose): (&(&str, SigningKey), Option<&str>)| {
            let mut public = key.public();
            public["kid"] = json!("k");
            public["use"] = json!(purpose);
            public
        };
        let set: Vec<Value> = all.iter().zip(uses).map(public).collect();
        let text = json!({ "keys": set }).to_string();
        let server = Server::with(|setup| setup.file("keys.json", &text).config(CONFIG));
        assert_eq!(all.each_ref().map(|(algorithm, key)| status(&server, algorithm, key)), statuses);
        assert_eq!(server.log().contains("are passed over"), statuses != [404; 3], "{}", server.log());
    }
}

#[test]
fn a_certificate_that_has_expired_or_is_not_valid_yet_is_warned_of_and_not_taken_with_a_token() {
    let keys = Keys::new("dates");
    let key = keys.key("ES256");
    let openssl = |arguments: &str| {
        let mut command = std::process::Command::new("openssl");
        let made = command.args(arguments.split(' ')).current_dir(&keys.0).output();
        let made = made.expect("openssl can be executed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    // An authority can say from when until when: `openssl req` cannot.
    let authority = "[ca]\ndefault_ca = here\n[here]\ndatabase = index\nnew_certs_dir = .\ndefault_md = sha256\n\
                     rand_serial = yes\nunique_subject = no\npolicy = any\n[any]\ncommonName = supplied\n";
    std::fs::write(keys.0.join("ca.conf"), authority).expect("written");
    std::fs::write(keys.0.join("index"), "").expect("written");
    openssl("req -new -key ES256.pem -subj /CN=issuer -out request");
    let certificate = |from: &str, to: &str| {
        let dates = format!("-startdate {from} -enddate {to}");
        openssl(&format!(
            "ca -config ca.conf -batch -notext -selfsign -keyfile ES256.pem {dates} -in request -out made"
        ));
        std::fs::read_to_string(keys.0.join("made")).expect("PEM")
    };
    let expired = certificate("20010909000000Z", "20010910000000Z");
    let early = certificate("20880909000000Z", "20890909000000Z");
    let valid = certificate("20010909000000Z", "20890909000000Z");
    let config = CONFIG.replace("jwks: '{scratch}/keys.json'", "rootcertbundle: '{scratch}/bundle.pem'");
    let bundle = format!("{expired}{early}{valid}");
    let server = Server::with(|setup| setup.file("bundle.pem", &bundle).config(&config));
    let with = |pem: &str| {
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let token = key.token_with(&json!({"alg": "ES256", "x5c": [der]}), &claims(pull("a")));
        ask(&server, Request::get("/v2/a/tags/list"), &token).status
    };
    assert_eq!([&expired, &early, &valid].map(|pem| with(pem)), [401, 401, 404]);
    for says in ["bundle.pem", "has expired", "2001-09-10T00:00:00Z", "not valid yet", "2088-09-09T00:00:00Z"]
    {
        server.assert_says(says);
    }
    // As in distribution, a key that is known by its name holds as long as the bundle names it.
    let server = Server::with(|setup| setup.file("bundle.pem", &expired).config(&config));
    let public = key.public();
    let part = |name: &str| public[name].as_str().expect("a text").to_owned();
    let thumbprint =
        format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{}\",\"y\":\"{}\"}}", part("x"), part("y"));
    let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint));
    let token = key.token_with(&json!({"alg": "ES256", "kid": kid}), &claims(pull("a")));
    ask(&server, Request::get("/v2/a/tags/list"), &token).expect(404);
}

#[test]
fn a_thousand_keys_are_taken_and_cost_no_request_its_answer() {
    let keys = Keys::new("many");
    let (key, other) = (keys.key("RS256"), keys.key("EdDSA"));
    let mut many: Vec<Value> = vec![key.public(); 999];
    many.push(other.public());
    let set = |keys: &[Value]| json!({ "keys": keys }).to_string();
    let text = set(&many);
    let server = Server::with(|setup| setup.file("keys.json", &text).config(CONFIG));
    ask(&server, Request::get("/v2/a/tags/list"), &other.token(&claims(pull("a")))).expect(404);
    many.push(key.public());
    let text = set(&many);
    let finished = run(&[], |setup| setup.file("keys.json", &text).config(CONFIG));
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.output.contains("keys.json: there are 1001 keys in it, and at most 1000"),
        "{}",
        finished.output
    );
}

#[test]
fn clients_are_sent_to_this_registrys_own_name_where_the_configuration_says_so() {
    let keys = Keys::new("redirect");
    let public = json!({"keys": [keys.key("ES256").public()]}).to_string();
    let config = format!("{CONFIG}    autoredirect: true\n    autoredirectpath: /service/token\n");
    let server = Server::with(|setup| setup.file("keys.json", &public).config(&config));
    let request = Request::get("/v2/").header("Host", "r.example.com").header("X-Forwarded-Proto", "https");
    let challenge = server.request(&request).required("Www-Authenticate").to_owned();
    assert!(
        challenge.starts_with("Bearer realm=\"https://r.example.com/service/token\",service="),
        "{challenge}"
    );
}

#[test]
fn a_configuration_of_tokens_that_lacks_something_does_not_start() {
    let whole = "realm: r, service: s, issuer: i, jwks: /nowhere/keys.json";
    for (given, says) in [
        ("service: s, issuer: i, jwks: k", "auth.token.realm: not given"),
        ("realm: r, issuer: i, jwks: k", "auth.token.service: not given"),
        ("realm: r, service: s, jwks: k", "auth.token.issuer: not given"),
        ("realm: r, service: s, issuer: i", "auth.token.jwks: not given"),
        (whole, "/nowhere/keys.json: cannot be read"),
        (&format!("{whole}, signingalgorithms: [HS256]"), "write RS256, ES256, EdDSA"),
        (&format!("{whole}, signingalgorithms: [none]"), "write RS256, ES256, EdDSA"),
        (&format!("{whole}, autoredirect: true, autoredirectpath: x/token"), "autoredirectpath: not a path"),
        (&format!("{whole}, autoredirect: true, autoredirectpath: '/\"'"), "autoredirectpath: not a path"),
        ("realm: r, service: s, issuer: i, jwks: /etc/hostname", "not a JSON Web Key Set"),
        ("realm: r, service: s, issuer: i, rootcertbundle: /etc/hostname", "/etc/hostname: "),
    ] {
        let finished =
            run(&[], |setup| setup.config(&format!("version: 0.1\nauth: {{token: {{{given}}}}}\n")));
        assert_eq!(finished.code, Some(1), "{given}: {}", finished.output);
        assert!(finished.output.contains(says), "{says} is not in {}", finished.output);
    }
}

//! `http.headers`: what every answer has.
use std::path::Path;
use tests::{Image, Request, Response, Server, guard, guarded, noise, push_blob, run, with_login};

/// As every guide to a user interface in the browser writes it.
const CORS: [(&str, &str); 5] = [
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin", "[\"*\"]"),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Methods", "[HEAD,GET,OPTIONS,DELETE]"),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Credentials", "[true]"),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Headers", "['Authorization', 'Accept', 'Cache-Control']"),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Expose-Headers", "['Docker-Content-Digest']"),
];

fn with_cors(setup: &mut tests::Setup) -> &mut tests::Setup {
    CORS.into_iter().fold(setup, |setup, (name, value)| setup.env(name, value))
}

/// Expects all of them, each once.
#[track_caller]
fn assert_headers(response: &Response) {
    let all = |name: &str| -> Vec<&str> {
        let same = response.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(all("Access-Control-Allow-Origin"), ["*"], "{response}");
    assert_eq!(all("Access-Control-Allow-Methods"), ["HEAD", "GET", "OPTIONS", "DELETE"], "{response}");
    assert_eq!(all("Access-Control-Allow-Credentials"), ["true"], "{response}");
    assert_eq!(all("Access-Control-Expose-Headers"), ["Docker-Content-Digest"], "{response}");
}

#[test]
fn an_answer_without_content_by_its_status_has_no_length() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    let known = format!("\"{digest}\"");
    let upload = tests::start_upload(&server, "a");
    for (method, target, status) in [
        ("HEAD", "/v2/a/manifests/latest", 304),
        ("GET", "/v2/a/manifests/latest", 304),
        ("HEAD", upload.as_str(), 204),
        ("GET", &upload, 204),
    ] {
        let response = server.request(&Request::new(method, target).header("If-None-Match", &known));
        let response = response.expect(status);
        assert_eq!(response.header("Content-Length"), None, "{method}: {response}");
    }
    let length = server.head("/v2/a/manifests/latest").expect(200).required("Content-Length").to_owned();
    assert_eq!(length, server.get("/v2/a/manifests/latest").body.len().to_string());
}

#[test]
fn every_answer_of_the_registry_has_them() {
    let server = Server::with(with_cors);
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let blob = push_blob(&server, "a", &noise(1, 100_000));
    for (method, target, status) in [
        ("GET", "/".to_owned(), 200),
        ("GET", "/v2/".into(), 200),
        ("GET", "/v2/_catalog".into(), 200),
        ("GET", "/v2/a/tags/list".into(), 200),
        ("GET", format!("/v2/a/manifests/{digest}"), 200),
        ("HEAD", format!("/v2/a/manifests/{digest}"), 200),
        ("GET", format!("/v2/a/blobs/{blob}"), 200),
        ("HEAD", format!("/v2/a/blobs/{blob}"), 200),
        ("POST", "/v2/a/blobs/uploads/".into(), 202),
        ("OPTIONS", "/v2/a/manifests/latest".into(), 200),
        ("GET", "/v2/a/manifests/absent".into(), 404),
        ("GET", "/nowhere".into(), 404),
        ("GET", "/v2/UPPER/tags/list".into(), 400),
        ("BREW", "/v2/".into(), 405),
    ] {
        assert_headers(&server.request(&Request::new(method, &target)).expect(status));
    }
    let part = Request::get(&format!("/v2/a/blobs/{blob}")).header("Range", "bytes=0-9");
    assert_headers(&server.request(&part).expect(206));
    let known = Request::get("/v2/a/manifests/latest").header("If-None-Match", format!("\"{digest}\""));
    assert_headers(&server.request(&known).expect(304));
}

#[test]
fn answers_to_who_is_not_let_in_have_them_too() {
    let rules = "access:\n  - {who: anonymous, repositories: \"public/**\", actions: pull}\n";
    let server = Server::with(|s| with_cors(guard(s, rules)).env("REGISTRY_AUTH_FAILURES_LIMIT", "1"));
    assert_headers(&server.get("/v2/").expect(401));
    assert_headers(&server.get("/auth/token").expect(200));
    assert_headers(&server.request(&Request::new("OPTIONS", "/auth/token")).expect(200));
    assert_headers(
        &server.request(&with_login(Request::post("/v2/a/blobs/uploads/"), "bob:builder")).expect(403),
    );
    let wrong = || server.request(&with_login(Request::get("/auth/token"), "alice:wrong"));
    assert_headers(&wrong().expect(401));
    assert_headers(&wrong().expect(429));
}

#[test]
fn answers_that_the_server_gives_itself_have_them() {
    let faulty = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/artefacts/misbehaving/registry.wasm");
    assert!(faulty.exists(), "{} does not exist: `make test` builds it", faulty.display());
    let server =
        Server::with(|s| with_cors(s).env("REGISTRY_LIMITS_REQUESTS", "1").arg("--component").arg(faulty));
    assert_headers(&server.get("/v2/trap/tags/list").expect(500));
    let large = Request::get("/v2/").header("X-Large", "x".repeat(70_000));
    assert_headers(&server.request(&large).expect(431));
    let upload = tests::start_upload(&server, "a");
    let _busy = crate::admission::waiting(&server, &[upload]);
    let mut refused = None;
    assert!(tests::eventually(std::time::Duration::from_secs(5), || {
        let answer = server.get("/v2/");
        let full = answer.status == 503;
        refused = Some(answer);
        full
    }));
    assert_headers(&refused.expect("an answer"));
}

#[test]
fn a_browser_is_let_through_before_anyone_has_logged_in() {
    let server = Server::with(|s| with_cors(guard(s, "")));
    let preflight = |path: &str| {
        let request = Request::new("OPTIONS", path).header("Origin", "http://ui.example");
        let request = request.header("Access-Control-Request-Method", "GET");
        server.request(&request.header("Access-Control-Request-Headers", "authorization"))
    };
    for path in ["/v2/", "/v2/_catalog", "/v2/a/tags/list", "/v2/a/manifests/latest"] {
        let answer = preflight(path).expect(200);
        assert_headers(&answer);
        assert!(answer.required("Allow").contains("GET"), "{answer}");
        assert!(answer.body.is_empty());
    }
}

#[test]
fn over_http_1_their_names_are_in_title_case() {
    let server = Server::with(with_cors);
    let answer = server.get("/v2/");
    assert!(answer.headers.iter().any(|(name, _)| name == "Access-Control-Allow-Origin"), "{answer}");
}

#[test]
fn the_file_of_distributions_image_gives_every_answer_its_header() {
    let server = Server::with(|s| {
        s.config("version: 0.1\nhttp:\n  headers:\n    X-Content-Type-Options: [nosniff]\n    Cache-Control: [x]\n")
    });
    assert_eq!(server.get("/v2/").required("X-Content-Type-Options"), "nosniff");
    let digest = push_blob(&server, "a", b"bytes");
    let blob = server.get(&format!("/v2/a/blobs/{digest}")).expect(200);
    assert_eq!(blob.required("X-Content-Type-Options"), "nosniff");
    assert_eq!(blob.required("Cache-Control"), "max-age=31536000", "what an answer says itself stays");
    assert_eq!(server.get("/v2/").required("Cache-Control"), "x");
    assert!(!server.log().contains("http.headers"), "{}", server.log());
}

#[test]
fn without_the_setting_there_are_none() {
    let answer = guarded("").get("/v2/");
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("Access-Control")), "{answer}");
}

#[test]
fn a_header_that_says_where_a_message_ends_is_refused_at_the_start() {
    for (name, value, said) in [
        ("REGISTRY_HTTP_HEADERS_Content-Length", "[5]", "content-length is not the same in every answer"),
        ("REGISTRY_HTTP_HEADERS_Transfer-Encoding", "[chunked]", "transfer-encoding is not the same"),
        ("REGISTRY_HTTP_HEADERS_X-A", "[\"a\\nb: c\"]", "characters that no header may have"),
        ("REGISTRY_HTTP_HEADERS_X-A", "[*]", "in quotes"),
    ] {
        let finished = run(&[], |s| s.env(name, value));
        assert_eq!(finished.code, Some(1), "{}", finished.output);
        for part in [name, "http.headers", said] {
            assert!(finished.output.contains(part), "{part:?} is not in {}", finished.output);
        }
    }
}

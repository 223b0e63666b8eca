//! A registry with a faulty part: what happens to the request it fails in, and to all others. The part is
//! `tests/components/auth`, composed with the real ones; what it does depends on the repository's name.
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::{Client, Request, Server, assert_error, eventually, noise, push_blob};

/// The registry with the faulty part.
fn faulty() -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/artefacts/misbehaving/registry.wasm");
    assert!(file.exists(), "{} does not exist: `make test` builds it", file.display());
    file
}

fn server(settings: &[(&str, &str)]) -> Server {
    Server::with(|setup| {
        for (name, value) in settings {
            setup.env(name, value);
        }
        setup.arg("--component").arg(faulty().to_str().expect("a path in UTF-8"))
    })
}

#[test]
fn a_trap_takes_only_its_own_request_along_and_is_logged_with_backtrace_and_request_id() {
    let server = server(&[]);
    let digest = push_blob(&server, "fine", &noise(1, 4096));
    // An upload is under way on the same core or another; it goes on.
    let begun = server.request(&Request::new("POST", "/v2/fine/blobs/uploads/")).expect(202);
    for _ in 0..20 {
        let response = server.get("/v2/trap/tags/list");
        assert_error(&response, 500, "UNKNOWN");
        let id = response.required("X-Request-Id").to_owned();
        server.get(&format!("/v2/fine/blobs/{digest}")).expect(200);
        let mut logged = String::new();
        let trapped = eventually(Duration::from_secs(5), || {
            logged = server.log();
            logged.lines().any(|line| line.contains("a component trapped") && line.contains(&id))
        });
        assert!(trapped, "no trap of request {id} in the log: {logged}");
        for part in ["wasm backtrace", "misbehaving_auth.wasm", "front.wasm", "unreachable"] {
            assert!(logged.contains(part), "{part:?} is not in {logged}");
        }
    }
    let location = begun.required("Location").to_owned();
    let path = location.strip_prefix(&server.url()).unwrap_or(&location).to_owned();
    server.get(&path).expect(204);
}

#[test]
fn a_trap_leaves_the_other_requests_of_its_connection_alone() {
    let server = server(&[]);
    let mut client = Client::connect(server.addr());
    for _ in 0..3 {
        assert_error(&client.request(&Request::get("/v2/trap/tags/list")), 500, "UNKNOWN");
        client.request(&Request::get("/v2/")).expect(200);
    }
}

#[test]
fn a_component_that_computes_for_too_long_is_stopped_and_the_setting_is_named() {
    let server = server(&[("REGISTRY_LIMITS_COMPUTATION", "200ms"), ("REGISTRY_LIMITS_THREADS", "1")]);
    assert_error(&server.get("/v2/compute/tags/list"), 500, "UNKNOWN");
    server.assert_says("limits.computation");
    server.get("/v2/").expect(200);
}

#[test]
fn a_component_that_wants_too_much_memory_fails_alone() {
    let server = server(&[("REGISTRY_LIMITS_MEMORY", "16MiB")]);
    for _ in 0..3 {
        assert_error(&server.get("/v2/grow/tags/list"), 500, "UNKNOWN");
        server.get("/v2/").expect(200);
    }
    let peak = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a process");
    let line = peak.lines().find(|line| line.starts_with("VmHWM")).expect("a peak");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    // A component compiled at the start, and 16 MiB for the instance: far from what it asked for.
    assert!(kib < 256 << 10, "{line}");
}

#[test]
fn what_auth_refuses_is_401_with_its_challenge_or_403_or_429_or_503_and_nothing_is_done() {
    let server = server(&[]);
    let refused = server.get("/v2/login/tags/list");
    assert_error(&refused, 401, "UNAUTHORIZED");
    assert_eq!(refused.required("Www-Authenticate"), "Basic realm=\"fixture\"");
    let often = server.get("/v2/often/tags/list");
    assert_error(&often, 429, "TOOMANYREQUESTS");
    assert_eq!(often.required("Retry-After"), "7");
    assert_error(&server.get("/v2/away/tags/list"), 503, "UNAVAILABLE");
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let response = server.request(&Request::new(method, "/v2/denied/manifests/latest"));
        assert_eq!(response.status, 403, "{method}: {response}");
    }
    server.request(&Request::new("POST", "/v2/denied/blobs/uploads/")).expect(403);
    assert!(!server.repository("denied").exists());
}

#[test]
fn a_part_that_has_to_wait_is_asked_by_its_asynchronous_twin() {
    let server = server(&[]);
    let digest = push_blob(&server, "wait", &noise(2, 4096));
    server.get(&format!("/v2/wait/blobs/{digest}")).expect(200);
    assert_error(&server.get("/v2/wait/tags/list"), 404, "NAME_UNKNOWN");
    server.get(&format!("/v2/wait/referrers/{digest}")).expect(200);
}

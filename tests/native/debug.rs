//! Watching the server: what is counted, and what is looked after.
use serde_json::json;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;
use tests::endpoint::Endpoint;
use tests::{
    ALICE, Client, Image, OCI_INDEX, Request, Response, Server, Setup, assert_error, basic, eventually, run,
    with_login,
};

/// Opens a second address, on a port that the system chooses.
fn watched(setup: &mut Setup) -> &mut Setup {
    setup.env("REGISTRY_HTTP_DEBUG_ADDR", "127.0.0.1:0")
}

/// The second address, as the log has it.
#[track_caller]
fn address(server: &Server) -> SocketAddr {
    server.assert_says("(http.debug)");
    let log = server.log();
    let line = log.lines().rfind(|line| line.contains("(http.debug)")).expect("it was said");
    let said: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    said["address"].as_str().expect("an address").parse().expect("an address")
}

/// Asks at the second address.
#[track_caller]
fn ask(server: &Server, request: &Request) -> Response {
    Client::connect(address(server)).request(request)
}

pub fn counted(server: &Server) -> String {
    ask(server, &Request::get("/metrics")).expect(200).text()
}

/// Waits for a line of what is counted: a request is counted a moment after its answer.
#[track_caller]
fn assert_counted(server: &Server, line: &str) {
    let has = || counted(server).lines().any(|counted| counted == line);
    assert!(eventually(Duration::from_secs(5), has), "{line:?} is not in {}", counted(server));
}

#[test]
fn requests_are_counted_under_the_names_that_distribution_gives() {
    let server = Server::with(|s| watched(s).env("REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED", "true"));
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    for _ in 0..2 {
        server.get("/v2/a/manifests/latest").expect(200);
    }
    server.get("/v2/a/manifests/other").expect(404);
    server.head("/v2/a/tags/list");
    server.get("/v2/_catalog").expect(200);
    server.request(&Request::new("BREW", "/v2/")).expect(405);
    server.get("/nowhere").expect(404);
    for line in [
        r#"registry_http_requests_total{code="200",handler="manifest",method="get"} 2"#,
        r#"registry_http_requests_total{code="404",handler="manifest",method="get"} 1"#,
        r#"registry_http_requests_total{code="201",handler="manifest",method="put"} 1"#,
        r#"registry_http_requests_total{code="200",handler="catalog",method="get"} 1"#,
        r#"registry_http_requests_total{code="405",handler="base",method="unknown"} 1"#,
        r#"registry_http_requests_total{code="404",handler="unknown",method="get"} 1"#,
        r#"registry_http_request_duration_seconds_count{handler="manifest",method="get"} 3"#,
        r#"registry_http_request_duration_seconds_bucket{handler="manifest",method="get",le="+Inf"} 3"#,
        r#"registry_http_response_size_bytes_count{handler="manifest"} 4"#,
        "registry_http_in_flight_requests 0",
    ] {
        assert_counted(&server, line);
    }
    let all = counted(&server);
    let received =
        format!(r#"registry_http_request_size_bytes_sum{{handler="manifest"}} {}"#, image.manifest.len());
    assert!(all.lines().any(|line| line == received), "{received:?} is not in {all}");
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(all.lines().any(|line| line.starts_with(name)), "{name} is not in {all}");
    }
    let answer = ask(&server, &Request::get("/metrics"));
    assert_eq!(answer.required("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
}

#[test]
fn a_second_address_shows_nothing_but_what_it_is_for() {
    let server = Server::with(watched);
    for path in ["/metrics", "/", "/v2/", "/debug/pprof/"] {
        let answer = ask(&server, &Request::get(path));
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("/debug/health"), "{answer}");
    }
    let refused = ask(&server, &Request::post("/debug/health"));
    assert_eq!((refused.status, refused.required("Allow")), (405, "GET, HEAD"));
    assert_eq!(ask(&server, &Request::head("/debug/health")).status, 200);
    assert_eq!(ask(&server, &Request::get("/debug/health")).json(), json!({}));
    server.get("/debug/health").expect(404);
}

#[test]
fn clients_that_say_nothing_at_the_second_address_are_sent_away() {
    let server = Server::with(|s| watched(s).env("REGISTRY_LIMITS_HEADERTIMEOUT", "300ms"));
    let address = address(&server);
    // More than there may be at once.
    let _silent: Vec<Client> = (0..100).map(|_| Client::connect(address)).collect();
    ask(&server, &Request::get("/debug/health")).expect(200);
}

#[test]
fn an_address_that_is_taken_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let finished = run(&[], |s| s.env("REGISTRY_HTTP_DEBUG_ADDR", address));
    assert_eq!(finished.code, Some(1));
    let told = format!("cannot listen on {address} (http.debug.addr)");
    assert!(finished.output.contains(&told), "{}", finished.output);
}

/// Whether every request is refused, and the second address says so.
pub fn is_closed(server: &Server) -> bool {
    let state = ask(server, &Request::get("/debug/health"));
    server.get("/v2/").status == 503 && state.status == 503
}

pub fn is_open(server: &Server) -> bool {
    let state = ask(server, &Request::get("/debug/health"));
    server.get("/v2/").status == 200 && state.status == 200
}

#[track_caller]
pub fn assert_becomes(server: &Server, state: fn(&Server) -> bool) {
    assert!(eventually(Duration::from_secs(5), || state(server)), "{}", server.log());
}

/// A file that is not there.
struct Absent(PathBuf);

impl Absent {
    fn new(name: &str) -> Absent {
        Absent(std::env::temp_dir().join(format!("pierhead-{name}-{}", std::process::id())))
    }
}

impl Drop for Absent {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_file_closes_the_server_and_opens_it_again() {
    let file = Absent::new("closed");
    let checks = format!("[{{file: '{}', interval: 20ms}}]", file.0.display());
    let server = Server::with(|s| watched(s).env("REGISTRY_HEALTH_FILE", &checks));
    Image::oci(1).push(&server, "a", "latest");
    fs::write(&file.0, "").expect("a file");
    assert_becomes(&server, is_closed);
    for path in ["/", "/v2/", "/v2/a/manifests/latest"] {
        let refused = server.get(path);
        assert_error(&refused, 503, "UNAVAILABLE");
        assert!(refused.text().contains("(health)"), "{refused}");
    }
    let state = ask(&server, &Request::get("/debug/health")).json();
    assert_eq!(state, json!({ file.0.to_str().expect("a path"): "file exists" }));
    server.assert_says("a check of health fails");
    fs::remove_file(&file.0).expect("the file");
    assert_becomes(&server, is_open);
    server.assert_says("a check of health passes again");
    server.get("/v2/a/manifests/latest").expect(200);
}

#[test]
fn storage_that_is_gone_closes_the_server_once_that_was_seen_often_enough() {
    let server = Server::with(|s| {
        watched(s).env("REGISTRY_HEALTH_STORAGEDRIVER", "{enabled: true, interval: 50ms, threshold: 3}")
    });
    Image::oci(1).push(&server, "a", "latest");
    assert!(is_open(&server));
    let (root, away) = (server.root(), server.scratch().join("away"));
    fs::rename(&root, &away).expect("the root");
    assert_becomes(&server, is_closed);
    let state = ask(&server, &Request::get("/debug/health")).json();
    assert!(
        state["storagedriver_filesystem"].as_str().is_some_and(|why| why.contains("removed or replaced")),
        "{state}"
    );
    assert_eq!(server.log().matches("a check of health failed").count(), 2, "{}", server.log());
    fs::rename(&away, &root).expect("the root");
    assert_becomes(&server, is_open);
}

#[test]
fn a_server_that_is_away_closes_this_one() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address");
    let checks = format!("[{{addr: '{address}', interval: 20ms, timeout: 1s}}]");
    let server = Server::with(|s| watched(s).env("REGISTRY_HEALTH_TCP", &checks));
    assert!(is_open(&server));
    drop(other);
    assert_becomes(&server, is_closed);
    let state = ask(&server, &Request::get("/debug/health")).json();
    assert!(state[address.to_string()].as_str().is_some_and(|why| why.contains("refused")), "{state}");
    let _other = TcpListener::bind(address).expect("the same port");
    assert_becomes(&server, is_open);
}

#[test]
fn what_is_not_there_over_http_closes_the_server() {
    let other = Server::with(|s| s.users().delete_enabled());
    let push = |request| other.request(&with_login(request, ALICE));
    let checks = format!(
        "[{{uri: '{}/v2/a/tags/list?n=1', statuscode: 404, headers: {{Authorization: ['{}']}}, interval: 20ms, timeout: 1s}}]",
        other.url(),
        basic("alice", "wonderland")
    );
    let server = Server::with(|s| watched(s).env("REGISTRY_HEALTH_HTTP", &checks));
    assert!(is_open(&server));
    let put = Request::put("/v2/a/manifests/latest", &b"{\"schemaVersion\":2,\"manifests\":[]}"[..]);
    let digest =
        push(put.header("Content-Type", OCI_INDEX)).expect(201).required("Docker-Content-Digest").to_owned();
    assert_becomes(&server, is_closed);
    let state = ask(&server, &Request::get("/debug/health")).json();
    let why = &state[format!("{}/v2/a/tags/list", other.url())];
    assert_eq!(why, "it answers 200 OK, and not 404 Not Found", "{state}");
    push(Request::delete(&format!("/v2/a/manifests/{digest}"))).expect(202);
    assert_becomes(&server, is_open);
    drop(other);
    assert_becomes(&server, is_closed);
}

#[test]
fn a_look_over_http_goes_where_it_is_sent_and_takes_no_secret_to_another_host() {
    let other = Endpoint::start();
    let header = ", headers: {Authorization: [key-of-look]}";
    let elsewhere = other.url.replace("127.0.0.1", "localhost");
    for (to, headers, is_followed) in
        [(&elsewhere, "", true), (&elsewhere, header, false), (&other.url, header, true)]
    {
        let (endpoint, before) = (Endpoint::start(), other.posted().len());
        let answer = format!("HTTP/1.1 301 Moved Permanently\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        endpoint.rule(move |_| Some(answer.clone()));
        let checks = format!("[{{uri: '{}', interval: 20ms, timeout: 1s{headers}}}]", endpoint.url);
        let server = Server::with(|s| watched(s).env("REGISTRY_HEALTH_HTTP", &checks));
        assert!(eventually(Duration::from_secs(5), || endpoint.posted().len() > 2), "{}", server.log());
        assert_becomes(&server, if is_followed { is_open } else { is_closed });
        let came = &other.posted()[before..];
        assert_eq!(!came.is_empty(), is_followed, "to {to}");
        assert!(came.iter().all(|look| look.head.contains("key-of-look") != headers.is_empty()));
        assert!(!server.log().contains("key-of-look"));
    }
}

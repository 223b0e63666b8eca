//! HTTP/2 in clear text by prior knowledge, as curl speaks it.
use std::process::Command;
use tests::{Image, OCI_MANIFEST, Server, noise, sha256};

/// Runs curl over HTTP/2 and returns the status, the head and the body of the answer.
fn curl(server: &Server, arguments: &[&str], target: &str) -> (u16, String, Vec<u8>) {
    let head = server.scratch().join("head");
    let body = server.scratch().join("body");
    let output = Command::new("curl")
        .args(["--http2-prior-knowledge", "--silent", "--show-error", "--max-time", "30", "--dump-header"])
        .arg(&head)
        .arg("--output")
        .arg(&body)
        .args(["--write-out", "%{http_version} %{http_code}"])
        .args(arguments)
        .arg(format!("{}{target}", server.url()))
        .output()
        .expect("the tests need curl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).expect("a version and a status");
    let status = told.strip_prefix("2 ").unwrap_or_else(|| panic!("not HTTP/2: {told}"));
    let head = std::fs::read_to_string(head).expect("the head");
    (status.parse().expect("a status"), head, std::fs::read(body).unwrap_or_default())
}

/// The path of the `location` in a head.
fn location(head: &str) -> String {
    let line = head.lines().find_map(|line| line.strip_prefix("location: ")).expect("a location");
    let path = line.split_once("://").map_or(line, |(_, rest)| &rest[rest.find('/').expect("a path")..]);
    path.trim().to_owned()
}

#[test]
fn an_image_is_pushed_and_pulled() {
    let server = Server::start();
    assert_eq!(curl(&server, &[], "/v2/").0, 200);
    let image = Image::oci(1);
    let file = server.scratch().join("bytes");
    for (n, blob) in image.layers.iter().chain([&image.config]).enumerate() {
        std::fs::write(&file, blob).expect("a file");
        let data = format!("@{}", file.display());
        let (status, head, _) = curl(&server, &["--request", "POST"], "/v2/a/blobs/uploads/");
        assert_eq!(status, 202);
        let mut upload = location(&head);
        if n == 0 {
            let patch = ["--request", "PATCH", "--data-binary", &data];
            let (status, head, _) = curl(&server, &patch, &upload);
            assert_eq!(status, 202, "{head}");
            upload = location(&head);
            std::fs::write(&file, b"").expect("a file");
        }
        let put = ["--request", "PUT", "--data-binary", &data];
        let (status, head, _) = curl(&server, &put, &format!("{upload}?digest={}", sha256(blob)));
        assert_eq!(status, 201, "{head}");
    }
    std::fs::write(&file, &image.manifest).expect("a file");
    let data = format!("@{}", file.display());
    let content_type = format!("Content-Type: {OCI_MANIFEST}");
    let put = ["--request", "PUT", "--header", &content_type, "--data-binary", &data];
    let (status, head, _) = curl(&server, &put, "/v2/a/manifests/latest");
    assert_eq!(status, 201, "{head}");
    let (status, head, body) = curl(&server, &[], "/v2/a/manifests/latest");
    assert_eq!((status, body), (200, image.manifest.clone()));
    assert!(head.contains(&format!("docker-content-digest: {}", image.digest())), "{head}");
    let target = format!("/v2/a/blobs/{}", sha256(&image.layers[0]));
    assert_eq!(curl(&server, &[], &target).2, image.layers[0]);
}

#[test]
fn a_large_blob_comes_back_as_it_went() {
    let server = Server::start();
    let bytes = noise(1, 20_000_000);
    let file = server.scratch().join("bytes");
    std::fs::write(&file, &bytes).expect("a file");
    let upload = location(&curl(&server, &["--request", "POST"], "/v2/a/blobs/uploads/").1);
    let path = file.to_str().expect("a path");
    let digest = sha256(&bytes);
    assert_eq!(curl(&server, &["--upload-file", path], &format!("{upload}?digest={digest}")).0, 201);
    let (status, _, body) = curl(&server, &[], &format!("/v2/a/blobs/{digest}"));
    assert_eq!((status, sha256(&body)), (200, digest.clone()));
    let (status, _, part) = curl(&server, &["--range", "1000000-1000999"], &format!("/v2/a/blobs/{digest}"));
    assert_eq!((status, &part[..]), (206, &bytes[1_000_000..1_001_000]));
}

#[test]
fn errors_and_heads_are_those_of_http1() {
    let server = Server::start();
    Image::oci(1).push(&server, "a", "latest");
    let (status, _, body) = curl(&server, &[], "/v2/a/manifests/absent");
    assert_eq!(status, 404);
    let mut error = tests::Response { status, body, ..tests::Response::default() };
    error.headers.push(("Content-Type".into(), "application/json".into()));
    tests::assert_error(&error, 404, "MANIFEST_UNKNOWN");
    let (status, head, _) = curl(&server, &["--head"], "/v2/a/manifests/latest");
    assert_eq!(status, 200);
    assert!(head.contains(&format!("content-length: {}", Image::oci(1).manifest.len())), "{head}");
}

#[test]
fn a_location_names_the_host_that_was_asked() {
    let server = Server::start();
    let (_, head, _) = curl(&server, &["--request", "POST"], "/v2/a/blobs/uploads/");
    let line = head.lines().find(|line| line.starts_with("location: ")).expect("a location");
    assert!(line.starts_with(&format!("location: {}/v2/a/blobs/uploads/", server.url())), "{line}");
}

/// A frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header whose name is in the static table of HPACK, with a value as it is (RFC 7541, section 6.2.2).
fn field(name: u8, value: &str) -> Vec<u8> {
    // The index takes four bits, and what is above fifteen goes to the next byte.
    let index = if name < 15 { vec![name] } else { vec![15, name - 15] };
    [&index, &[u8::try_from(value.len()).expect("a short value")][..], value.as_bytes()].concat()
}

#[test]
fn whoever_sends_a_body_that_is_refused_gets_the_answer() {
    let server = Server::start();
    let file = server.scratch().join("bytes");
    for size in [100, 1_000, 100_000, 2_000_000, 20_000_000] {
        std::fs::write(&file, noise(1, size)).expect("a file");
        let sends = ["--upload-file", file.to_str().expect("a path")];
        for _ in 0..5 {
            let target = "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000?digest=sha256:abc";
            let (status, _, body) = curl(&server, &sends, target);
            assert_eq!(status, 400, "{size} bytes");
            assert!(String::from_utf8_lossy(&body).contains("DIGEST_INVALID"), "{size} bytes");
        }
    }
}

#[test]
fn an_upload_that_is_refused_early_is_answered_in_full_before_its_stream_ends() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const END: u8 = 1;
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_LINGERTIME", "100ms"));
    let path = "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000?digest=sha256:abc";
    let (authority, method, scheme, length) = (1, 2, 6, 28);
    let head = [
        field(method, "PUT"),
        field(scheme, "http"),
        field(4, path),
        field(authority, "a"),
        field(length, "33554432"),
    ];
    let mut client = server.client();
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.send(&frame(SETTINGS, 0, 0, &[]));
    client.send(&frame(HEADERS, 4, 1, &head.concat()));
    client.send(&frame(DATA, 0, 1, &[0; 16_000]));
    let (mut answered, mut body, mut ended) = (false, Vec::new(), false);
    loop {
        let start = client.read_exact(9).expect("a frame");
        let size = usize::from(start[0]) << 16 | usize::from(start[1]) << 8 | usize::from(start[2]);
        let payload = client.read_exact(size).expect("its payload");
        match start[3] {
            HEADERS => answered = true,
            DATA => {
                body.extend(payload);
                ended = start[4] & END != 0;
            }
            RST_STREAM => {
                assert_eq!(payload, [0; 4], "what was answered is no error of the stream");
                break;
            }
            _ => {}
        }
    }
    assert!(answered && ended, "the stream ended before its answer");
    assert!(String::from_utf8_lossy(&body).contains("DIGEST_INVALID"), "the answer has lost its body");
}

#[test]
fn http2_in_clear_text_can_be_switched_off() {
    for (name, value) in [("REGISTRY_HTTP_H2C_ENABLED", "false"), ("REGISTRY_HTTP_HTTP2_DISABLED", "true")] {
        let server = Server::with(|s| s.env(name, value));
        let asked = Command::new("curl")
            .args(["--http2-prior-knowledge", "--silent", "--max-time", "10", "--output", "/dev/null"])
            .arg(format!("{}/v2/", server.url()))
            .status();
        assert!(!asked.expect("the tests need curl").success(), "{name}={value} has no effect");
        server.get("/v2/").expect(200);
    }
}

#[test]
fn of_an_upload_that_a_client_gives_up_before_it_was_told_of_it_nothing_is_left() {
    let server = Server::start();
    let uploads = server.tree().join("repositories/a/_uploads");
    let left = || std::fs::read_dir(&uploads).map_or(0, |entries| entries.count());
    let target = format!("{}/v2/a/blobs/uploads/?digest={}", server.url(), sha256(b"never"));
    let mut curl = Command::new("curl")
        .args(["--http2-prior-knowledge", "--silent", "--request", "POST", "--upload-file", "-", &target])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the tests need curl");
    let wait = std::time::Duration::from_secs(5);
    assert!(tests::eventually(wait, || left() == 1), "{}", server.log());
    curl.kill().expect("curl is there");
    curl.wait().expect("curl has ended");
    assert!(tests::eventually(wait, || left() == 0), "{}", server.log());
}

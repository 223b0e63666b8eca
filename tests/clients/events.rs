//! What is told of the same requests by Debian's docker-registry and by this one.
use crate::debian::Debian;
use crate::support::Folder;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use tests::endpoint::Endpoint;
use tests::{Client, OCI_MANIFEST, Request, Response, Server, descriptor, free_port, noise, sha256};

/// How many events there are of [`requests`].
const EVENTS: usize = 14;

/// Pushes, pulls, mounts and deletes there.
fn requests(addr: SocketAddr) {
    let ask = |request: Request, status: u16| -> Response {
        Client::connect(addr).request(&request).expect(status)
    };
    let (bytes, own) = (noise(1, 3000), format!("http://{addr}"));
    let blob = sha256(&bytes);
    let upload = ask(Request::post("/v2/a/b/blobs/uploads/"), 202).required("Location").replace(&own, "");
    let and = if upload.contains('?') { '&' } else { '?' };
    let put = Request::put(&format!("{upload}{and}digest={blob}"), &*bytes);
    ask(put.header("Content-Type", "application/octet-stream"), 201);
    let image = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &bytes),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &bytes)],
    });
    let image = image.to_string();
    let digest = sha256(image.as_bytes());
    let (tag, by_digest) = ("/v2/a/b/manifests/v1", format!("/v2/a/b/manifests/{digest}"));
    let put = |path: &str| Request::put(path, image.as_bytes()).header("Content-Type", OCI_MANIFEST);
    let wanted = |request: Request| request.header("Accept", OCI_MANIFEST);
    ask(put(tag), 201);
    ask(put(&by_digest), 201);
    ask(wanted(Request::get(tag)), 200);
    ask(wanted(Request::head(tag)), 200);
    ask(wanted(Request::get(&by_digest)), 200);
    ask(wanted(Request::head(&by_digest)), 200);
    ask(wanted(Request::get(tag)).header("If-None-Match", format!("\"{digest}\"")), 304);
    ask(Request::get("/v2/a/b/manifests/other"), 404);
    let of_blob = format!("/v2/a/b/blobs/{blob}");
    ask(Request::head(&of_blob), 200);
    ask(Request::get(&of_blob), 200);
    ask(Request::get(&of_blob).header("Range", "bytes=0-9"), 206);
    for _ in 0..2 {
        ask(Request::post(&format!("/v2/c/blobs/uploads/?mount={blob}&from=a/b")), 201);
    }
    ask(Request::get("/v2/a/b/tags/list"), 200);
    ask(Request::delete(&format!("/v2/c/blobs/{blob}")), 202);
    ask(Request::delete(&of_blob), 202);
}

/// An event without what differs from one request or server to the next.
fn common(event: &Value, addr: SocketAddr) -> Value {
    let mut event = event.clone();
    for part in ["id", "timestamp"] {
        assert!(event[part].take().is_string(), "{part}");
    }
    let request = &mut event["request"];
    assert!(request["addr"].take().as_str().is_some_and(|client| client.starts_with("127.0.0.1:")));
    assert!(request["id"].take().is_string());
    assert!(event["source"]["instanceID"].take().is_string());
    serde_json::from_str(&event.to_string().replace(&format!(":{}", addr.port()), ":port")).expect("JSON")
}

#[test]
fn events_are_those_of_debians_registry() {
    let folder = Folder::new();
    let (theirs, ours) = (Endpoint::start(), Endpoint::start());
    let config = |endpoint: &Endpoint| {
        format!(
            "notifications:\n  events: {{includereferences: true}}\n  endpoints:\n  - name: hook\n    url: {}\n\
             \x20   timeout: 5s\n    threshold: 5\n    backoff: 1s\n",
            endpoint.url
        )
    };
    let addr: SocketAddr = format!("127.0.0.1:{}", free_port()).parse().expect("an address");
    let file = folder.join("events.yml");
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: '{addr}'}}\n{}",
        folder.join("data").display(),
        config(&theirs)
    );
    fs::write(&file, text).expect("a file can be written");
    let _debian = Debian::serve(&folder, &file, &[], addr);
    requests(addr);
    let expected: Vec<Value> = theirs.events(EVENTS).iter().map(|event| common(event, addr)).collect();

    let server = Server::with(|s| s.config(&format!("version: 0.1\n{}", config(&ours))).delete_enabled());
    requests(server.addr());
    let told: Vec<Value> = ours.events(EVENTS).iter().map(|event| common(event, server.addr())).collect();
    for (at, (told, expected)) in told.iter().zip(&expected).enumerate() {
        assert_eq!(told, expected, "event {at}");
    }
}

//! Events: who is told what becomes of content, and what becomes of an event that nobody takes.
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::endpoint::{Endpoint, REFUSED, SOON, TAKEN};
use tests::{
    ALICE, Host, Image, OCI_MANIFEST, Request, Server, Setup, descriptor, eventually, noise, push_blob,
    sha256, start_upload, with_login,
};

/// A server that tells an endpoint, with these settings beside its URL.
pub fn server_with(endpoint: &Endpoint, more: &str) -> Server {
    Server::with(|setup| configure(endpoint, setup, more))
}

pub fn configure<'a>(endpoint: &Endpoint, setup: &'a mut Setup, more: &str) -> &'a mut Setup {
    let endpoints = format!("[{{name: hook, url: '{}'{more}}}]", endpoint.url);
    setup.env("REGISTRY_NOTIFICATIONS_ENDPOINTS", endpoints).delete_enabled()
}

/// What is told of each: the action, the target's repository, tag and digest.
pub fn told(events: &[Value]) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = |event: &Value| {
        let target = &event["target"];
        [&event["action"], &target["repository"], &target["tag"], &target["digest"]].map(text)
    };
    events.iter().map(told).collect()
}

#[test]
fn events_have_distributions_form() {
    let endpoint = Endpoint::start();
    let server = Server::with(|s| {
        s.users().env("REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES", "true");
        configure(&endpoint, s, ", headers: {Authorization: [Bearer hook-token], X-Team: [a, b]}")
    });
    let authorized = |request| with_login(request, ALICE).header("User-Agent", "client/1.0");
    let layer = noise(1, 1000);
    let digest = sha256(&layer);
    let push = Request::post(&format!("/v2/team/app/blobs/uploads/?digest={digest}")).body(&*layer);
    server.request(&authorized(push)).expect(201);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.empty.v1+json", &layer),
        "layers": [descriptor("application/octet-stream", &layer)],
    });
    let manifest = manifest.to_string();
    let put =
        Request::put("/v2/team/app/manifests/v1", manifest.as_bytes()).header("Content-Type", OCI_MANIFEST);
    server.request(&authorized(put)).expect(201);

    let events = endpoint.events(2);
    let [blob, image] = &events[..] else { unreachable!() };
    let host = server.addr().to_string();
    assert_eq!(
        blob["target"],
        json!({
            "mediaType": "application/octet-stream", "digest": digest.as_str(), "size": 1000, "length": 1000,
            "repository": "team/app", "url": format!("http://{host}/v2/team/app/blobs/{digest}"),
        })
    );
    let of_image = sha256(manifest.as_bytes());
    assert_eq!(
        image["target"],
        json!({
            "mediaType": OCI_MANIFEST, "digest": of_image.as_str(), "size": manifest.len(), "length": manifest.len(),
            "repository": "team/app", "tag": "v1", "url": format!("http://{host}/v2/team/app/manifests/{of_image}"),
            "references": [
                descriptor("application/vnd.oci.empty.v1+json", &layer), descriptor("application/octet-stream", &layer),
            ],
        })
    );
    assert_eq!(image["action"], "push");
    assert_eq!(image["actor"], json!({"name": "alice"}));
    let request = &image["request"];
    assert_eq!((&request["method"], &request["useragent"]), (&json!("PUT"), &json!("client/1.0")));
    assert_eq!(request["host"], host.as_str());
    assert!(request["addr"].as_str().expect("an address").starts_with("127.0.0.1:"), "{request}");
    let line = server.access_line(|line| line.method() == "PUT");
    assert_eq!(request["id"], line.text("request"));
    assert_eq!(blob["source"]["instanceID"], image["source"]["instanceID"]);
    assert_ne!(blob["id"], image["id"]);
    for id in [&blob["id"], &blob["source"]["instanceID"]] {
        assert_eq!(id.as_str().expect("a UUID").len(), 36);
    }
    assert!(image["timestamp"].as_str().expect("a time").ends_with('Z'));

    let head = endpoint.posted()[0].head.to_ascii_lowercase();
    for part in [
        "post /hook http/1.1\r\n",
        "\r\ncontent-type: application/vnd.docker.distribution.events.v2+json\r\n",
        "\r\nauthorization: bearer hook-token\r\n",
        "\r\nx-team: a\r\n",
        "\r\nx-team: b\r\n",
    ] {
        assert!(head.contains(part), "{part:?} is not in {head}");
    }
}

#[test]
fn what_becomes_of_content_is_told_once_and_what_comes_to_nothing_is_not() {
    let endpoint = Endpoint::start();
    let server = server_with(&endpoint, "");
    let bytes = noise(1, 5000);
    let blob = push_blob(&server, "a", &bytes);
    let digest = blob.to_string();
    server.head(&format!("/v2/a/blobs/{blob}"));
    server.get(&format!("/v2/a/blobs/{blob}")).expect(200);
    let part = Request::get(&format!("/v2/a/blobs/{blob}")).header("Range", "bytes=0-9");
    server.request(&part).expect(206);
    server.post(&format!("/v2/b/blobs/uploads/?mount={blob}&from=a")).expect(201);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
        "config": descriptor("application/vnd.oci.empty.v1+json", &bytes),
    });
    let manifest = manifest.to_string();
    let image = sha256(manifest.as_bytes()).to_string();
    let put = Request::put("/v2/a/manifests/v1?tag=v1&tag=latest", manifest.as_bytes());
    server.request(&put.header("Content-Type", OCI_MANIFEST)).expect(201);
    let put = Request::put(&format!("/v2/a/manifests/{image}"), manifest.as_bytes());
    server.request(&put.header("Content-Type", OCI_MANIFEST)).expect(201);
    server.head("/v2/a/manifests/v1");
    server.get(&format!("/v2/a/manifests/{image}")).expect(200);

    // Nothing comes of these.
    server.get("/v2/a/manifests/other").expect(404);
    server.get(&format!("/v2/c/blobs/{blob}")).expect(404);
    let known = Request::get("/v2/a/manifests/v1").header("If-None-Match", format!("\"{image}\""));
    server.request(&known).expect(304);
    server.get("/v2/a/tags/list").expect(200);
    server.put("/v2/a/manifests/bad", b"{}").expect(400);
    server.delete("/v2/a/manifests/other").expect(404);
    start_upload(&server, "a");

    server.delete("/v2/a/manifests/v1").expect(202);
    server.delete(&format!("/v2/a/manifests/{image}")).expect(202);
    server.delete(&format!("/v2/a/blobs/{blob}")).expect(202);

    let events = endpoint.events(13);
    let expected = [
        ["push", "a", "", &digest],
        ["pull", "a", "", &digest],
        ["pull", "a", "", &digest],
        ["pull", "a", "", &digest],
        ["mount", "b", "", &digest],
        ["push", "a", "v1", &image],
        ["push", "a", "latest", &image],
        ["push", "a", "", &image],
        ["pull", "a", "v1", &image],
        ["pull", "a", "", &image],
        ["delete", "a", "v1", ""],
        ["delete", "a", "", &image],
        ["delete", "a", "", &digest],
    ];
    assert_eq!(told(&events), expected.map(|event| event.map(str::to_owned)));
    assert_eq!(events[4]["target"]["fromRepository"], "a");
    assert_eq!(events[4]["target"]["size"], 5000);
    assert_eq!(events[8]["request"]["method"], "HEAD");
    assert_eq!(events[10]["target"], json!({"repository": "a", "tag": "v1"}));
}

#[test]
fn a_pull_that_breaks_off_is_none() {
    let endpoint = Endpoint::start();
    let server = server_with(&endpoint, ", ignore: {actions: [push]}");
    let blob = push_blob(&server, "a", &noise(1, 32 << 20));
    let mut client = server.client();
    client.send_head(&Request::get(&format!("/v2/a/blobs/{blob}")));
    client.read_exact(1000).expect("its beginning");
    drop(client);
    server.access_line(|line| line.method() == "GET" && line.field("complete") == Some(&json!(false)));
    let small = push_blob(&server, "a", b"small");
    server.get(&format!("/v2/a/blobs/{small}")).expect(200);
    assert_eq!(told(&endpoint.events(1))[0][3], small.as_str());
}

#[test]
fn an_endpoint_is_not_told_what_it_ignores_nor_anything_where_it_is_disabled() {
    let (one, off) = (Endpoint::start(), Endpoint::start());
    let server = Server::with(|s| {
        let endpoints = format!(
            "[{{url: '{}', ignoredmediatypes: [application/octet-stream], ignore: {{actions: [pull]}}}}, \
             {{url: '{}', disabled: true}}]",
            one.url, off.url
        );
        s.env("REGISTRY_NOTIFICATIONS_ENDPOINTS", endpoints)
    });
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "v1");
    server.get("/v2/a/manifests/v1").expect(200);
    assert_eq!(told(&one.events(1)), [["push", "a", "v1", digest.as_str()].map(str::to_owned)]);
    assert_eq!(off.posted().len(), 0);
}

#[test]
fn what_an_endpoint_does_not_take_waits_and_comes_in_order() {
    let endpoint = Endpoint::start();
    endpoint.rule(|number| Some(if number < 4 { REFUSED.into() } else { TAKEN.into() }));
    let server = server_with(&endpoint, ", threshold: 2, backoff: 300ms");
    let begun = Instant::now();
    let blobs: Vec<String> =
        (0..3).map(|seed| push_blob(&server, "a", &noise(seed, 10)).to_string()).collect();
    let events = endpoint.events(7);
    // After two failures it is left alone before each further attempt.
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    let digests: Vec<&str> =
        events.iter().map(|event| event["target"]["digest"].as_str().expect("one")).collect();
    let [a, b, c] = &blobs[..] else { unreachable!() };
    assert_eq!(digests, [a, a, a, a, a, b, c]);
    assert_eq!(events[0]["id"], events[4]["id"]);
    server.assert_says("an endpoint does not take events");
    server.assert_says("it answers 503 Service Unavailable");
    server.assert_says("an endpoint takes events again");
}

#[test]
fn an_endpoint_that_does_not_answer_keeps_nobody_waiting_and_what_has_no_room_is_lost() {
    let endpoint = Endpoint::start();
    endpoint.rule(|_| None);
    let server = Server::with(|s| {
        s.env("REGISTRY_HTTP_DEBUG_ADDR", "127.0.0.1:0")
            .env("REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED", "true");
        configure(&endpoint, s, ", timeout: 10s, queue: 3")
    });
    let blob = push_blob(&server, "a", b"blob");
    assert!(eventually(SOON, || endpoint.posted().len() == 1));
    for _ in 0..8 {
        server.get(&format!("/v2/a/blobs/{blob}")).expect(200);
    }
    server
        .assert_says("events are lost: as many wait for the endpoint as may (notifications.endpoints.queue)");
    let counted = || crate::debug::counted(&server);
    let has = |line: &str| counted().lines().any(|counted| counted == line);
    for line in [
        r#"registry_notifications_events_total{endpoint="hook",type="Events"} 9"#,
        r#"registry_notifications_events_total{endpoint="hook",type="Lost"} 5"#,
        r#"registry_notifications_pending_total{endpoint="hook"} 4"#,
    ] {
        assert!(eventually(SOON, || has(line)), "{line} is not in {}", counted());
    }
    assert_eq!(server.log().matches("events are lost").count(), 1);
}

#[test]
fn an_event_is_posted_again_where_the_same_host_says_and_nowhere_else() {
    let (endpoint, other) = (Endpoint::start(), Endpoint::start());
    let elsewhere = other.url.replace("127.0.0.1", "localhost");
    let redirect =
        |status: &str, to: &str| format!("HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let answers = [
        Some(redirect("302 Found", "/moved")),
        Some(redirect("307 Temporary Redirect", &elsewhere)),
        Some(redirect("308 Permanent Redirect", "/moved")),
        Some(TAKEN.into()),
    ];
    endpoint.rule(move |number| answers[number].clone());
    let server = server_with(&endpoint, ", backoff: 50ms, headers: {Authorization: [secret-of-hook]}");
    push_blob(&server, "a", b"blob");
    endpoint.events(4);
    let paths: Vec<String> =
        endpoint.posted().iter().map(|posted| posted.head.lines().next().expect("a line").into()).collect();
    let (hook, moved) = ("POST /hook HTTP/1.1", "POST /moved HTTP/1.1");
    assert_eq!(paths, [hook, hook, hook, moved]);
    assert_eq!(other.posted().len(), 0);
    server.assert_says("it answers 302 Found to 127.0.0.1, where events are not sent");
    assert!(!server.log().contains("secret-of-hook"));
}

#[test]
fn what_is_said_beside_an_event_is_said_at_another_port_of_the_same_host_too() {
    let (endpoint, other) = (Endpoint::start(), Endpoint::start());
    let there = other.url.clone();
    endpoint.rule(move |_| {
        Some(format!("HTTP/1.1 308 Permanent Redirect\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n"))
    });
    let server = server_with(&endpoint, ", headers: {Authorization: [token-of-hook], X-Key: [key-of-hook]}");
    push_blob(&server, "a", b"blob");
    other.events(1);
    let head = &other.posted()[0].head;
    assert!(head.contains("token-of-hook") && head.contains("key-of-hook"), "{head}");
    assert_eq!((endpoint.posted().len(), other.posted().len()), (1, 1));
}

#[test]
fn a_server_whose_patience_ends_says_which_events_are_lost() {
    let endpoint = Endpoint::start();
    endpoint.rule(|_| None);
    let mut server = Server::with(|setup| {
        configure(&endpoint, setup.env("REGISTRY_HTTP_DRAINTIMEOUT", "500ms"), ", timeout: 1h")
    });
    push_blob(&server, "a", b"one");
    push_blob(&server, "a", b"two");
    assert!(eventually(SOON, || endpoint.posted().len() == 1));
    assert!(server.terminate(SOON).success());
    for says in ["events are lost: the server stops before", "\"lost\":2", "stopped before all was told"] {
        assert!(server.log().contains(says), "{says} is not in {}", server.log());
    }
    assert!(!server.log().contains("requests in flight"), "{}", server.log());
}

#[test]
fn of_a_manifest_in_a_bucket_it_is_told_what_it_refers_to() {
    let endpoint = Endpoint::start();
    let server = Server::with(|setup| {
        setup.on(Host::NativeS3).env("REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES", "true");
        configure(&endpoint, setup, "")
    });
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let all = 2 + image.layers.len();
    let events = endpoint.events(all);
    let references = &events[all - 1]["target"]["references"];
    assert_eq!(references.as_array().map(Vec::len), Some(1 + image.layers.len()), "{references}");
    // Of what is gone nothing is asked.
    server.delete(&format!("/v2/a/manifests/{}", image.digest())).expect(202);
    assert_eq!(endpoint.events(all + 1)[all]["action"], "delete");
}

#[test]
fn a_server_that_stops_delivers_what_waits() {
    let endpoint = Endpoint::start();
    endpoint.rule(|_| {
        std::thread::sleep(Duration::from_millis(100));
        Some(TAKEN.into())
    });
    let mut server = server_with(&endpoint, "");
    for seed in 0..10 {
        push_blob(&server, "a", &noise(seed, 10));
    }
    assert!(server.terminate(SOON).success());
    assert_eq!(endpoint.posted().len(), 10);
}

#[test]
fn a_server_that_stops_does_not_wait_for_an_endpoint_that_fails() {
    let endpoint = Endpoint::start();
    endpoint.rule(|_| Some(REFUSED.into()));
    let mut server = server_with(&endpoint, ", threshold: 1, backoff: 1h");
    push_blob(&server, "a", b"one");
    push_blob(&server, "a", b"two");
    server.assert_says("an endpoint does not take events");
    let begun = Instant::now();
    assert!(server.terminate(SOON).success());
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(
        server.log().contains("events are lost: the server stops") && server.log().contains("\"lost\":2"),
        "{}",
        server.log()
    );
}

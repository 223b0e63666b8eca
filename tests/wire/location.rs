//! The URLs of answers, behind proxies and without them.
use tests::{Request, Server};

/// The `Location` of a new upload that was asked for with these headers.
fn location(server: &Server, headers: &[(&str, &str)]) -> String {
    let request = Request::post("/v2/a/blobs/uploads/");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    server.request(&request).expect(202).required("Location").to_owned()
}

#[test]
fn a_location_is_absolute_and_as_the_client_sees_the_server() {
    let server = Server::start();
    assert!(location(&server, &[]).starts_with(&server.url()));
    for (headers, base) in [
        (&[("Host", "registry.example:8443")][..], "http://registry.example:8443/v2/a/blobs/uploads/"),
        (&[("Host", "a.example"), ("X-Forwarded-Proto", "https")], "https://a.example/v2/a/blobs/uploads/"),
    ] {
        let location = location(&server, headers);
        assert!(location.starts_with(base), "{headers:?}: {location}");
    }
}

#[test]
fn behind_a_proxy_a_location_is_what_the_proxy_says() {
    let server = Server::start();
    for (headers, base) in [
        (
            &[("Host", "a.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "b.example:444")][..],
            "https://b.example:444/v2/a/blobs/uploads/",
        ),
        (
            &[
                ("Host", "a.example"),
                ("Forwarded", "host=\"c.example:1\";proto=https, host=d.example;proto=http"),
            ],
            "https://c.example:1/v2/a/blobs/uploads/",
        ),
        (
            &[("Forwarded", "proto=https;host=c.example"), ("X-Forwarded-Host", "b.example")],
            "https://c.example/v2/a/blobs/uploads/",
        ),
    ] {
        let location = location(&server, headers);
        assert!(location.starts_with(base), "{headers:?}: {location}");
    }
}

#[test]
fn a_forwarded_host_that_is_none_does_not_get_into_a_location() {
    let server = Server::start();
    for value in
        ["evil.example/path", "evil example", "evil.example?x", "user@evil.example", "evil\"", "<evil>"]
    {
        let location = location(&server, &[("X-Forwarded-Host", value)]);
        assert!(!location.contains("evil"), "{value}: {location}");
    }
    let location = location(&server, &[("X-Forwarded-Proto", "javascript")]);
    assert!(!location.contains("javascript"), "{location}");
}

#[test]
fn the_configured_host_wins_over_every_header() {
    let server = Server::with(|s| s.env("REGISTRY_HTTP_HOST", "https://registry.example/"));
    for headers in [&[][..], &[("Host", "a.example")], &[("Forwarded", "host=b.example;proto=http")]] {
        let location = location(&server, headers);
        assert!(location.starts_with("https://registry.example/v2/a/blobs/uploads/"), "{location}");
    }
}

#[test]
fn a_location_is_a_path_alone_where_that_is_configured() {
    let server = Server::with(|s| s.env("REGISTRY_HTTP_RELATIVEURLS", "true"));
    let location = location(&server, &[("X-Forwarded-Host", "a.example")]);
    assert!(location.starts_with("/v2/a/blobs/uploads/"), "{location}");
    let digest = tests::sha256(b"bytes");
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    let response = server.request(&Request::post(&target).body(*b"bytes")).expect(201);
    assert_eq!(response.required("Location"), format!("/v2/a/blobs/{digest}"));
}

//! `/`, `/v2/`, and what every answer has.
use tests::{Image, Request, Server, assert_error};

#[test]
fn the_root_is_200_and_empty_for_probes() {
    let server = Server::start();
    let response = server.get("/").expect(200);
    assert!(response.body.is_empty(), "{response}");
    assert_eq!(response.header("Docker-Distribution-Api-Version"), None, "{response}");
}

#[test]
fn the_version_check_is_200_with_and_without_the_slash() {
    let server = Server::start();
    for path in ["/v2/", "/v2"] {
        let response = server.get(path).expect(200);
        assert_eq!(response.required("Docker-Distribution-Api-Version"), "registry/2.0");
        server.head(path).expect(200);
    }
}

#[test]
fn every_answer_below_v2_names_the_api_version() {
    let server = Server::start();
    let zeros = "0".repeat(64);
    for (method, path, status) in [
        ("GET", "/v2/", 200),
        ("GET", "/v2/_catalog", 200),
        ("GET", "/v2/a/tags/list", 404),
        ("GET", "/v2/a/manifests/latest", 404),
        ("HEAD", &format!("/v2/a/blobs/sha256:{zeros}"), 404),
        ("GET", "/v2/A/manifests/latest", 400),
        ("POST", "/v2/a/blobs/uploads/", 202),
        ("PATCH", "/v2/", 405),
        ("OPTIONS", "/v2/a/tags/list", 200),
    ] {
        let response = server.request(&Request::new(method, path)).expect(status);
        assert_eq!(response.required("Docker-Distribution-Api-Version"), "registry/2.0", "{method} {path}");
    }
}

#[test]
fn a_path_that_is_none_of_the_registrys_is_404_in_its_form() {
    let server = Server::start();
    for path in
        ["/v1/", "/v2/a/nothing", "/v2/a/b/c", "/v3/a/manifests/latest", "/favicon.ico", "/v2/_nothing"]
    {
        assert_error(&server.get(path), 404, "UNSUPPORTED");
    }
}

#[test]
fn header_names_are_in_title_case_as_scripts_expect() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    for (method, path) in [
        ("GET", "/v2/".to_owned()),
        ("HEAD", "/v2/a/manifests/latest".to_owned()),
        ("GET", format!("/v2/a/manifests/{digest}")),
        ("POST", "/v2/a/blobs/uploads/".to_owned()),
        ("GET", "/v2/a/manifests/absent".to_owned()),
        ("PATCH", "/v2/".to_owned()),
    ] {
        let response = server.request(&Request::new(method, &path));
        for (name, _) in &response.headers {
            for word in name.split('-') {
                let (first, rest) = word.split_at(1);
                assert!(first.chars().all(|c| c.is_ascii_uppercase()), "{name}: {response}");
                assert!(!rest.chars().any(|c| c.is_ascii_uppercase()), "{name}: {response}");
            }
        }
    }
    let response = server.head("/v2/a/manifests/latest");
    assert!(response.headers.iter().any(|(name, _)| name == "Docker-Content-Digest"), "{response}");
}

#[test]
fn a_connection_serves_request_after_request() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..300 {
        client.request(&Request::get("/v2/")).expect(200);
        assert_eq!(client.request(&Request::get("/v2/a/manifests/latest")).status, 404);
        client.request(&Request::head("/v2/a/manifests/latest")).expect(404);
    }
}

#[test]
fn requests_sent_at_once_are_answered_in_their_order() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..20 {
        client.send_head(&Request::get("/v2/"));
        client.send_head(&Request::get("/v2/a/tags/list"));
    }
    for _ in 0..20 {
        client.response("GET").expect(200);
        client.response("GET").expect(404);
    }
}

#[test]
fn a_client_that_wants_the_connection_closed_gets_it_closed() {
    let server = Server::start();
    let mut client = server.client();
    client.request(&Request::get("/v2/").header("Connection", "close")).expect(200);
    assert_eq!(client.rest().expect("the end of the connection"), b"");
}

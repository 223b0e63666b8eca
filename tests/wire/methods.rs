//! Which methods a path knows.
use tests::{Request, Server, assert_error};

/// A path of each kind, and methods it does not know.
fn paths() -> Vec<(String, &'static [&'static str], &'static str)> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let id = "00000000-0000-4000-8000-000000000000";
    vec![
        ("/v2/".into(), &["POST", "PUT", "PATCH", "DELETE"], "GET"),
        ("/v2/_catalog".into(), &["POST", "PUT", "PATCH", "DELETE"], "GET"),
        ("/v2/a/tags/list".into(), &["POST", "PUT", "PATCH", "DELETE"], "GET"),
        ("/v2/a/manifests/latest".into(), &["POST", "PATCH"], "PUT"),
        (format!("/v2/a/blobs/{digest}"), &["POST", "PUT", "PATCH"], "GET"),
        ("/v2/a/blobs/uploads/".into(), &["PUT", "PATCH", "DELETE"], "POST"),
        (format!("/v2/a/blobs/uploads/{id}"), &["POST"], "PATCH"),
    ]
}

#[test]
fn an_unknown_method_is_405_and_tells_the_known_ones() {
    let server = Server::start();
    for (path, unknown, known) in paths() {
        for method in unknown.iter().chain(&["BREW", "TRACE"]) {
            let response = server.request(&Request::new(method, &path));
            assert_error(&response, 405, "UNSUPPORTED");
            let allow: Vec<_> = response.required("Allow").split(',').map(str::trim).collect();
            assert!(allow.contains(&known), "{method} {path}: {response}");
            assert!(!allow.contains(method), "{method} {path}: {response}");
        }
    }
}

#[test]
fn options_is_200_with_allow() {
    let server = Server::start();
    for (path, _, known) in paths() {
        let response = server.request(&Request::new("OPTIONS", &path)).expect(200);
        let allow: Vec<_> = response.required("Allow").split(',').map(str::trim).collect();
        assert!(allow.contains(&known), "{path}: {response}");
        assert!(response.body.is_empty(), "{path}: {response}");
    }
}

#[test]
fn deleting_is_405_unless_the_configuration_allows_it() {
    let server = Server::start();
    let image = tests::Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let layer = tests::sha256(&image.layers[0]);
    for path in
        ["/v2/a/manifests/latest".into(), format!("/v2/a/manifests/{digest}"), format!("/v2/a/blobs/{layer}")]
    {
        let response = server.delete(&path);
        assert_error(&response, 405, "UNSUPPORTED");
        response.required("Allow");
        server.get(&path).expect(200);
    }
}

//! Paths with a slash too many, and names whose slashes are escaped.
use tests::{
    ALICE, BOB, Image, OCI_MANIFEST, Request, Server, assert_error, closing, push_blob, sha256, with_login,
};

#[test]
fn who_reads_at_a_path_with_slashes_too_many_is_told_the_path_without_them() {
    let server = Server::start();
    Image::oci(1).push(&server, "a/b", "latest");
    for (path, location) in [
        ("//v2/_catalog", "/v2/_catalog"),
        ("/v2/_catalog/", "/v2/_catalog"),
        ("//v2//_catalog//?n=1&last=a//b", "/v2/_catalog?n=1&last=a//b"),
        ("/v2//a/b/tags/list", "/v2/a/b/tags/list"),
        ("/v2/a//b/tags/list?n=1", "/v2/a/b/tags/list?n=1"),
        ("/v2/a/b/tags/list/", "/v2/a/b/tags/list"),
        ("/v2/a/b/manifests/latest/", "/v2/a/b/manifests/latest"),
        ("/v2/a%2Fb//manifests/latest", "/v2/a%2Fb/manifests/latest"),
        ("//v2/", "/v2/"),
        ("/v2//", "/v2/"),
    ] {
        for method in ["GET", "HEAD"] {
            let response = server.request(&Request::new(method, path)).expect(301);
            assert_eq!(response.required("Location"), location, "{method} {path}");
            assert!(response.body.is_empty(), "{method} {path}: {response}");
        }
        server.get(location).expect(200);
    }
    server.get("/v2").expect(200);
    server.get("/v2/").expect(200);
}

#[test]
fn who_writes_at_a_path_with_slashes_too_many_is_refused() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    for (method, path) in [
        ("PUT", "/v2//a/manifests/other"),
        ("PUT", "/v2/a/manifests/other/"),
        ("DELETE", "/v2/a//manifests/latest"),
        ("DELETE", "/v2/a/manifests/latest/"),
        ("POST", "//v2/a/blobs/uploads/"),
        ("PATCH", "/v2/a/blobs//uploads/x"),
        ("OPTIONS", "//v2/_catalog"),
    ] {
        let request = Request::new(method, path).header("Content-Type", OCI_MANIFEST);
        let response = server.request(&request.body(&*image.manifest));
        assert!([400, 404].contains(&response.status), "{method} {path}: {response}");
        assert_eq!(response.header("Location"), None, "{method} {path}: {response}");
    }
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json()["tags"], serde_json::json!(["latest"]));
}

#[test]
fn nobody_is_led_to_another_server_or_to_where_nothing_is() {
    let server = Server::start();
    for path in [
        "//evil.example",
        "//evil.example/",
        "//evil.example/v2/",
        "//evil.example//v2/_catalog",
        "///evil.example/%2e%2e",
        "/\\evil.example//v2/",
        "/v2//..//_catalog",
        "/v2/a//nothing",
        "/v2//A/tags/list",
        "/v2/a//tags",
    ] {
        let response = server.get(path);
        assert!([400, 404].contains(&response.status), "{path}: {response}");
        assert_eq!(response.header("Location"), None, "{path}: {response}");
    }
}

#[test]
fn the_path_without_them_is_beneath_the_prefix() {
    let server = Server::with(|s| s.env("REGISTRY_HTTP_PREFIX", "/my/registry"));
    for path in ["/my/registry//v2/_catalog?n=1", "//my//registry/v2/_catalog/?n=1"] {
        let location = server.get(path).expect(301).required("Location").to_owned();
        assert_eq!(location, "/my/registry/v2/_catalog?n=1", "{path}");
        server.get(&location).expect(200);
    }
    assert_eq!(server.get("/my/registry//v2/").expect(301).required("Location"), "/my/registry/v2/");
    assert_error(&server.get("//v2/_catalog"), 404, "UNSUPPORTED");
}

#[test]
fn the_slashes_of_a_name_may_be_escaped_on_every_route() {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a/b/c", "latest");
    image.push(&server, "a/b/c", "other");
    for name in ["a%2Fb%2Fc", "a%2fb/c"] {
        assert_eq!(server.get(&format!("/v2/{name}/manifests/latest")).expect(200).body, image.manifest);
        server.head(&format!("/v2/{name}/blobs/{}", sha256(&image.config))).expect(200);
        server.get(&format!("/v2/{name}/referrers/{digest}")).expect(200);
        let page = server.get(&format!("/v2/{name}/tags/list?n=1")).expect(200);
        assert_eq!(page.json()["name"], "a/b/c");
        assert_eq!(page.required("Link"), "</v2/a/b/c/tags/list?last=latest&n=1>; rel=\"next\"");

        let put = Request::put(&format!("/v2/{name}/manifests/newest"), &*image.manifest);
        let put = server.request(&put.header("Content-Type", OCI_MANIFEST)).expect(201);
        assert_eq!(put.location(), format!("/v2/a/b/c/manifests/{digest}"));
        let upload = server.post(&format!("/v2/{name}/blobs/uploads/")).expect(202).location();
        assert!(upload.starts_with("/v2/a/b/c/blobs/uploads/"), "{upload}");
        let escaped = upload.replacen("a/b/c", name, 1);
        let bytes = name.as_bytes();
        let patched = server.patch(&escaped, bytes).expect(202);
        assert_eq!(patched.location(), upload);
        let done = server.put(&closing(&escaped, &sha256(bytes)), b"").expect(201);
        assert_eq!(done.location(), format!("/v2/a/b/c/blobs/{}", sha256(bytes)));
    }
    assert_eq!(server.get("/v2/_catalog").expect(200).json()["repositories"], serde_json::json!(["a/b/c"]));
}

#[test]
fn a_slash_is_escaped_once_and_within_a_name_alone() {
    let server = Server::start();
    push_blob(&server, "a/b", b"bytes");
    for path in [
        "/v2/a%252Fb/tags/list",
        "/v2/a%2F%2E%2E%2Fb/tags/list",
        "/v2/%2Fa/tags/list",
        "/v2/a%2F/tags/list",
        "/v2/a%2F%2Fb/tags/list",
        "/v2/a/b/tags%2Flist",
        "/v2/a/b%2Ftags/list",
        "/v2%2Fa/b/tags/list",
        "/v2/a/b/manifests/x%2Fy",
        "/v2/a/b/blobs%2Fuploads/",
    ] {
        assert_error(&server.get(path), 400, "NAME_INVALID");
    }
}

#[test]
fn rules_are_about_the_name_and_not_its_spelling() {
    let server =
        Server::with(|s| s.users().rule("alice", "team/**", "*").rule("bob", "team/open/**", "pull,push"));
    let begun = server.request(&with_login(Request::post("/v2/team%2Fsecret/blobs/uploads/"), ALICE));
    let target = closing(&begun.expect(202).location(), &sha256(b"bytes"));
    server.request(&with_login(Request::put(&target, "bytes"), ALICE)).expect(201);
    let blob = |name: &str| Request::get(&format!("/v2/{name}/blobs/{}", sha256(b"bytes")));
    for name in ["team%2Fsecret", "team%2fsecret", "team/secret"] {
        server.request(&with_login(blob(name), ALICE)).expect(200);
        assert_error(&server.request(&with_login(blob(name), BOB)), 403, "DENIED");
        assert_error(&server.request(&blob(name)), 401, "UNAUTHORIZED");
    }
    for name in ["team%2Fopen%2F..%2Fsecret", "team%2Fopen/%2E%2E/secret"] {
        assert_error(&server.request(&with_login(blob(name), BOB)), 400, "NAME_INVALID");
    }
    let mount =
        format!("/v2/team%2Fopen%2Fmine/blobs/uploads/?mount={}&from=team%2Fsecret", sha256(b"bytes"));
    server.request(&with_login(Request::post(&mount), BOB)).expect(202);
}

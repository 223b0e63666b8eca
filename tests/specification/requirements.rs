//! Requirements: the categories of APIs, and the table of endpoints.
use crate::artifact::{self, image, push, put, subject, with};
use serde_json::json;
use tests::{Image, OCI_MANIFEST, Request, Server, closing, push_blob, sha256, start_upload};

#[test]
fn every_api_of_the_pull_category_is_served() {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let layer = sha256(&image.layers[0]);
    for path in [
        "/v2/a/manifests/latest".to_owned(),
        format!("/v2/a/manifests/{digest}"),
        format!("/v2/a/blobs/{layer}"),
    ] {
        server.get(&path).expect(200);
        server.head(&path).expect(200);
    }
}

#[test]
fn push_discovery_and_management_are_served_beside_pull() {
    let server = Server::with(|s| s.delete_enabled());
    let base = image(&server, "a");
    put(&server, "a", "latest", &base).expect(201);
    let referrer = with(image(&server, "a"), json!({"subject": subject(&base)}));
    let referrer = push(&server, "a", &referrer);
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json()["tags"], json!(["latest"]));
    let digest = artifact::digest(&base);
    assert_eq!(artifact::digests(&artifact::ask(&server, "a", &digest, "")), [referrer.as_str()]);
    for path in
        ["manifests/latest".to_owned(), format!("manifests/{digest}"), format!("blobs/{}", sha256(b"{}"))]
    {
        server.delete(&format!("/v2/a/{path}")).expect(202);
        server.get(&format!("/v2/a/{path}")).expect(404);
    }
}

#[test]
fn every_endpoint_of_the_table_answers_with_its_success() {
    let server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let (manifest, layer) = (image.digest(), sha256(&image.layers[0]));
    let (first, second, third) = (push_blob(&server, "a", b"1"), sha256(b"2"), sha256(b"3"));
    let opened = || start_upload(&server, "a");
    let bytes = &image.manifest;
    let none = &Vec::new();
    for (id, method, target, body, status) in [
        ("end-1", "GET", "/v2/".to_owned(), none, 200),
        ("end-2", "GET", format!("/v2/a/blobs/{layer}"), none, 200),
        ("end-2", "HEAD", format!("/v2/a/blobs/{layer}"), none, 200),
        ("end-3", "GET", "/v2/a/manifests/latest".into(), none, 200),
        ("end-3", "HEAD", format!("/v2/a/manifests/{manifest}"), none, 200),
        ("end-4a", "POST", "/v2/a/blobs/uploads/".into(), none, 202),
        ("end-4b", "POST", format!("/v2/a/blobs/uploads/?digest={second}"), &b"2".to_vec(), 201),
        ("end-4c", "POST", "/v2/a/blobs/uploads/?digest-algorithm=sha512".into(), none, 202),
        ("end-5", "PATCH", opened(), &b"3".to_vec(), 202),
        ("end-6", "PUT", closing(&opened(), &third), &b"3".to_vec(), 201),
        ("end-7a", "PUT", "/v2/a/manifests/1".into(), bytes, 201),
        ("end-7b", "PUT", format!("/v2/a/manifests/{manifest}?tag=2&tag=3"), bytes, 201),
        ("end-8a", "GET", "/v2/a/tags/list".into(), none, 200),
        ("end-8b", "GET", "/v2/a/tags/list?n=1&last=1".into(), none, 200),
        ("end-11", "POST", format!("/v2/b/blobs/uploads/?mount={first}&from=a"), none, 201),
        ("end-12a", "GET", format!("/v2/a/referrers/{manifest}"), none, 200),
        ("end-12b", "GET", format!("/v2/a/referrers/{manifest}?artifactType=x/y"), none, 200),
        ("end-13", "GET", opened(), none, 204),
        ("end-14", "DELETE", opened(), none, 204),
        ("end-9", "DELETE", "/v2/a/manifests/1".into(), none, 202),
        ("end-10", "DELETE", format!("/v2/a/blobs/{layer}"), none, 202),
    ] {
        let request = Request::new(method, &target).body(body.clone());
        let request =
            if id.starts_with("end-7") { request.header("Content-Type", OCI_MANIFEST) } else { request };
        let response = server.request(&request);
        assert_eq!(response.status, status, "{id}: {method} {target}: {response}");
    }
}

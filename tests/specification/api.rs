//! API: what HTTP itself says, and how a client learns whom it talks to.
use tests::{Image, Request, Server, assert_error, sha256};

#[test]
fn the_base_of_the_api_is_200() {
    let server = Server::start();
    server.get("/v2/").expect(200);
}

#[test]
fn what_the_specification_leaves_open_is_as_http_has_it() {
    let server = Server::start();
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let blob = format!("/v2/a/blobs/{}", sha256(&image.layers[0]));
    let manifest = "/v2/a/manifests/latest";

    let unchanged = Request::get(manifest).header("If-None-Match", format!("\"{digest}\""));
    assert!(server.request(&unchanged).expect(304).body.is_empty());
    let part = server.request(&Request::get(&blob).header("Range", "bytes=1-3")).expect(206);
    assert_eq!(part.body, image.layers[0][1..=3]);
    let unknown = server.request(&Request::new("POST", manifest));
    assert_error(&unknown, 405, "UNSUPPORTED");
    assert!(unknown.required("Allow").contains("GET"), "{unknown}");
    let (get, head) = (server.get(manifest), server.head(manifest));
    assert_eq!(head.header("Content-Length"), get.header("Content-Length"));
    assert!(get.header("Date").is_some(), "{get}");
}

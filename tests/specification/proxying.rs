//! Registry proxying, which this registry does not do.
use tests::{Image, Request, Server, push_blob};

#[test]
fn a_namespace_that_is_not_used_is_not_claimed() {
    let server = Server::start();
    let digest = Image::oci(1).push(&server, "a", "latest");
    let blob = push_blob(&server, "a", b"bytes");
    for path in [
        "manifests/latest".to_owned(),
        format!("manifests/{digest}"),
        format!("blobs/{blob}"),
        "tags/list".into(),
    ] {
        for method in ["GET", "HEAD"] {
            let request = Request::new(method, &format!("/v2/a/{path}?ns=registry.example.org"));
            let response = server.request(&request).expect(200);
            assert_eq!(response.header("OCI-Namespace"), None, "{response}");
        }
    }
}

//! What the modules have in common.
use tests::{Image, Request, Server, assert_error};

/// A request of each kind that needs the store: reading, listing, writing.
pub fn requests() -> Vec<Request> {
    let image = Image::oci(1);
    vec![
        Request::get("/v2/a/manifests/latest"),
        Request::get(&format!("/v2/a/blobs/{}", image.digest())),
        Request::get("/v2/a/tags/list"),
        Request::get("/v2/_catalog"),
        Request::post("/v2/a/blobs/uploads/"),
    ]
}

/// Holds a server whose store cannot be asked to say so to clients in the registry's form, and to name in its log the
/// setting that is to be changed.
#[track_caller]
pub fn assert_unavailable(server: &Server, settings: &[&str]) {
    server.get("/").expect(200);
    for request in requests() {
        let answer = server.request(&request);
        assert_error(&answer, 503, "UNAVAILABLE");
        assert!(!answer.text().contains(tests::Bucket::SECRET_KEY), "{answer}");
    }
    for setting in settings {
        server.assert_says(setting);
    }
    assert!(!server.log().contains(tests::Bucket::SECRET_KEY), "{}", server.log());
}

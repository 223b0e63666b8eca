//! For `wasmtime serve` with a bucket: the artefact that has nothing to write with.
use crate::support::requests;
use tests::{Bucket, Host, Image, Request, Server, assert_error, sha256};

#[test]
fn the_read_only_artefact_serves_what_is_there_and_every_write_is_405() {
    let folder = tests::program::Folder::new();
    let bucket = Bucket::serve(&folder.join("bucket"));
    let image = Image::oci(1);
    let digest = {
        let full = Server::with(|setup| setup.on(Host::WasmtimeS3).bucket(&bucket));
        image.push(&full, "a", "latest")
    };
    let server = Server::with(|setup| {
        let setup = setup.on(Host::WasmtimeS3).bucket(&bucket).artefact("pierhead-s3-readonly.wasm");
        setup.delete_enabled()
    });
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
    for request in requests().into_iter().filter(|request| request.method() == "GET") {
        assert!(server.request(&request).status < 500);
    }
    for request in [
        Request::post("/v2/a/blobs/uploads/"),
        Request::put("/v2/a/manifests/other", &*image.manifest).header("Content-Type", image.media_type),
        Request::delete(&format!("/v2/a/manifests/{digest}")),
    ] {
        assert_error(&server.request(&request), 405, "UNSUPPORTED");
    }
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);

    let redirecting = Server::with(|setup| {
        let setup = setup.on(Host::WasmtimeS3).bucket(&bucket).artefact("pierhead-s3-readonly.wasm");
        setup.env("REGISTRY_STORAGE_REDIRECT_DISABLE", "false")
    });
    let sent = redirecting.get(&format!("/v2/a/blobs/{}", sha256(&image.config))).expect(307);
    assert!(sent.required("Location").starts_with(&bucket.endpoint()), "{sent}");
}

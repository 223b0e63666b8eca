//! Cancel a blob upload.
use std::time::Duration;
use tests::{Host, Server, assert_error, eventually, start_upload};

#[test]
fn a_canceled_session_is_204_and_gone() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    server.patch(&upload, b"bytes").expect(202);
    server.delete(&upload).expect(204);
    assert_error(&server.get(&upload), 404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn a_session_that_nobody_finishes_is_gone_in_the_end() {
    let old = Server::with(|setup| {
        setup
            .env("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE", "1s")
            .env("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL", "1s")
    });
    let young = Server::with(|setup| setup.env("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL", "1s"));
    let kept = start_upload(&young, "a");
    let uploads = ["a", "a/b", "c"].map(|name| start_upload(&old, name));
    for upload in &uploads {
        let gone = || {
            // A host without a clock of its own looks when somebody pushes.
            start_upload(&old, "other");
            old.get(upload).status == 404
        };
        assert!(eventually(Duration::from_secs(10), gone), "{upload} is still there");
    }
    if old.host() == Host::Native {
        old.assert_says("nobody finished");
    }
    young.get(&kept).expect(204);
}

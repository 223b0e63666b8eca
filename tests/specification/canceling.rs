//! Cancel a blob upload.
use tests::{Server, assert_error, start_upload};

#[test]
fn a_canceled_session_is_204_and_gone() {
    let server = Server::start();
    let upload = start_upload(&server, "a");
    server.patch(&upload, b"bytes").expect(202);
    server.delete(&upload).expect(204);
    assert_error(&server.get(&upload), 404, "BLOB_UPLOAD_UNKNOWN");
}

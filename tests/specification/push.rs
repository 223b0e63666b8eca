//! Push: what a manifest may refer to.
use crate::artifact::{self, image, push, put, subject, with};
use serde_json::json;
use tests::{OCI_MANIFEST, Server, assert_error, descriptor};

#[test]
fn a_subject_may_be_pushed_after_what_refers_to_it() {
    let server = Server::start();
    let base = with(image(&server, "a"), json!({"annotations": {"which": "subject"}}));
    let referrer = with(image(&server, "a"), json!({"subject": subject(&base)}));
    let referrer = push(&server, "a", &referrer);
    let digest = push(&server, "a", &base);
    assert_eq!(artifact::digests(&artifact::ask(&server, "a", &digest, "")), [referrer.as_str()]);
}

#[test]
fn an_index_may_come_before_its_subject_too() {
    let server = Server::start();
    let base = image(&server, "a");
    let referrer = with(artifact::empty_index(), json!({"subject": subject(&base)}));
    let referrer = push(&server, "a", &referrer);
    let digest = push(&server, "a", &base);
    assert_eq!(artifact::digests(&artifact::ask(&server, "a", &digest, "")), [referrer.as_str()]);
}

#[test]
fn a_manifest_whose_content_is_missing_is_refused_with_manifest_blob_unknown() {
    let server = Server::start();
    let absent = |media_type| descriptor(media_type, b"absent");
    for manifest in [
        with(image(&server, "a"), json!({"layers": [absent("text/plain")]})),
        with(image(&server, "a"), json!({"config": absent("application/vnd.oci.image.config.v1+json")})),
        with(artifact::empty_index(), json!({"manifests": [absent(OCI_MANIFEST)]})),
    ] {
        assert_error(&put(&server, "a", "latest", &manifest), 400, "MANIFEST_BLOB_UNKNOWN");
    }
}

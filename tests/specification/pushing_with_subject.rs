//! Pushing manifests with subject.
use crate::artifact::{self, image, put, subject, with};
use serde_json::json;
use tests::{Server, sha256};

#[test]
fn the_answer_to_a_manifest_with_a_subject_names_the_subject() {
    let server = Server::start();
    let base = image(&server, "a");
    let digest = artifact::push(&server, "a", &base);
    let absent = with(image(&server, "a"), json!({"annotations": {"not": "pushed"}}));
    for (about, expected) in [(&base, digest), (&absent, artifact::digest(&absent))] {
        for manifest in [image(&server, "a"), artifact::empty_index()] {
            let referrer = with(manifest, json!({"subject": subject(about)}));
            for reference in ["tag", sha256(referrer.to_string().as_bytes()).as_str()] {
                let response = put(&server, "a", reference, &referrer).expect(201);
                assert_eq!(response.required("OCI-Subject"), expected.as_str(), "{referrer}");
            }
        }
    }
}

#[test]
fn the_answer_to_a_manifest_without_a_subject_names_none() {
    let server = Server::start();
    let response = put(&server, "a", "latest", &image(&server, "a")).expect(201);
    assert_eq!(response.header("OCI-Subject"), None, "{response}");
}

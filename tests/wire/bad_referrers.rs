//! Questions about referrers that cannot be meant.
use serde_json::json;
use tests::{Image, OCI_MANIFEST, Server, assert_error, descriptor, push_manifest, sha256};

/// A server with three referrers of one image; the path of their list.
fn server() -> (Server, String) {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    for n in 0..3 {
        let mut manifest: serde_json::Value = serde_json::from_slice(&image.manifest).expect("JSON");
        manifest["subject"] = descriptor(OCI_MANIFEST, &image.manifest);
        manifest["annotations"] = json!({"n": n.to_string()});
        push_manifest(&server, "a", &format!("referrer-{n}"), OCI_MANIFEST, manifest.to_string().as_bytes());
    }
    (server, format!("/v2/a/referrers/{}", image.digest()))
}

fn count(server: &Server, target: &str) -> usize {
    let body = server.get(target).expect(200).json();
    body["manifests"].as_array().map(Vec::len).expect("a list")
}

#[test]
fn the_referrers_of_an_invalid_digest_are_400_in_any_repository() {
    let (server, _) = server();
    let right = sha256(b"bytes");
    for digest in [
        "latest".to_owned(),
        "sha256-abc".into(),
        "sha256%3a".into(),
        format!("{right}0"),
        format!("SHA256:{}", right.hex()),
        format!("sha256:{}", right.hex().to_uppercase()),
        format!("sha256:{}%00", right.hex()),
        format!("blake3:{}", right.hex()),
        "..".into(),
        "%20".into(),
    ] {
        for repository in ["a", "absent"] {
            let response = server.get(&format!("/v2/{repository}/referrers/{digest}"));
            assert_error(&response, 400, "DIGEST_INVALID");
            server.head(&format!("/v2/{repository}/referrers/{digest}")).expect(400);
        }
    }
    assert_error(&server.get(&format!("/v2/UPPER/referrers/{right}")), 400, "NAME_INVALID");
}

#[test]
fn an_artifact_type_with_control_characters_finds_nothing_and_gets_into_no_header() {
    let (server, path) = server();
    let long = "a".repeat(20_000);
    for artifact_type in
        ["%00", "%0d%0aX-Evil:%20yes", "a/b%0a", "%1b%5b31m", "%ff%fe", "%", "%e2%80%ae", "%22%3e", &long]
    {
        let response = server.get(&format!("{path}?artifactType={artifact_type}&n=1")).expect(200);
        assert_eq!(response.json()["manifests"], json!([]), "{artifact_type}");
        assert_eq!(response.required("OCI-Filters-Applied"), "artifactType");
        assert_eq!(response.header("X-Evil"), None, "{response}");
    }
    assert_eq!(count(&server, &path), 3);
}

#[test]
fn an_artifact_type_of_nothing_is_no_filter() {
    let (server, path) = server();
    for query in ["artifactType=", "artifactType", "ArtifactType=x/y"] {
        let response = server.get(&format!("{path}?{query}")).expect(200);
        assert_eq!(response.json()["manifests"].as_array().map(Vec::len), Some(3), "{query}");
        assert_eq!(response.header("OCI-Filters-Applied"), None, "{response}");
    }
}

#[test]
fn a_size_of_page_that_is_none_is_refused_and_a_huge_one_is_cut() {
    let (server, path) = server();
    for n in ["-1", "x", "1.5", "%2B1", "0x1"] {
        assert_error(&server.get(&format!("{path}?n={n}")), 400, "PAGINATION_NUMBER_INVALID");
    }
    assert_eq!(count(&server, &format!("{path}?n=18446744073709551616")), 3);
    let none = server.get(&format!("{path}?n=0")).expect(200);
    assert_eq!(none.json()["manifests"], json!([]));
    assert_eq!(none.header("Link"), None, "{none}");
}

#[test]
fn a_page_may_begin_anywhere_in_the_order_of_digests() {
    let (server, path) = server();
    let all = server.get(&path).expect(200).json();
    let first = all["manifests"][0]["digest"].as_str().expect("a digest");
    for (last, expected) in [("%00", 3), ("sha256:", 3), (first, 2), ("zzz", 0), ("%ff", 0), ("sha512:", 0)] {
        assert_eq!(count(&server, &format!("{path}?last={last}")), expected, "{last}");
    }
}

//! Listing referrers.
use crate::artifact::{CONFIG, ask, digests, empty_index, image, listed, next, push, subject, with};
use names::Digest;
use serde_json::{Value, json};
use tests::{OCI_INDEX, Server, assert_error, push_blob, sha256};

/// A server with a manifest in `a`, what a subject says of it, and its digest.
fn with_subject() -> (Server, Value, Digest) {
    let server = Server::start();
    let base = image(&server, "a");
    let digest = push(&server, "a", &base);
    (server, subject(&base), digest)
}

/// Pushes an image about `subject` with these fields too, and returns its entry in the list.
#[track_caller]
fn entry(server: &Server, subject: &Value, digest: &Digest, manifest: Value, fields: Value) -> Value {
    let pushed = push(server, "a", &with(with(manifest, json!({"subject": subject})), fields));
    let entries = listed(&ask(server, "a", digest, ""));
    entries.into_iter().find(|entry| entry["digest"] == pushed.as_str()).expect("what was pushed is listed")
}

#[test]
fn the_referrers_in_a_repository_that_exists_are_200() {
    let (server, about, digest) = with_subject();
    ask(&server, "a", &digest, "");
    entry(&server, &about, &digest, image(&server, "a"), json!({}));
    ask(&server, "a", &digest, "");
}

#[test]
fn the_referrers_of_nothing_known_are_never_404() {
    let (server, ..) = with_subject();
    let unknown = sha256(b"unknown");
    for repository in ["a", "absent", "absent/too"] {
        assert_eq!(listed(&ask(&server, repository, &unknown, "")), [json!(null); 0]);
    }
    let blob = push_blob(&server, "a", b"bytes");
    assert_eq!(listed(&ask(&server, "a", &blob, "")), [json!(null); 0]);
}

#[test]
fn the_referrers_of_what_is_no_digest_are_400() {
    let (server, ..) = with_subject();
    for digest in ["latest", "sha256", "sha256:", "sha256:abc", &format!("blake3:{}", "0".repeat(64))] {
        assert_error(&server.get(&format!("/v2/a/referrers/{digest}")), 400, "DIGEST_INVALID");
    }
}

#[test]
fn the_referrers_are_an_image_index_of_descriptors() {
    let (server, about, digest) = with_subject();
    let referrer = with(image(&server, "a"), json!({"subject": about}));
    push(&server, "a", &referrer);
    let index = ask(&server, "a", &digest, "").json();
    assert_eq!((&index["schemaVersion"], &index["mediaType"]), (&json!(2), &json!(OCI_INDEX)));
    let expected = with(subject(&referrer), json!({"artifactType": CONFIG}));
    assert_eq!(index["manifests"], json!([expected]));
}

#[test]
fn the_type_of_the_list_is_that_of_an_image_index() {
    let (server, _, digest) = with_subject();
    assert_eq!(ask(&server, "a", &digest, "").required("Content-Type"), OCI_INDEX);
    assert_eq!(ask(&server, "a", &digest, "?artifactType=a/b").required("Content-Type"), OCI_INDEX);
    assert_eq!(ask(&server, "absent", &digest, "").required("Content-Type"), OCI_INDEX);
}

#[test]
fn the_referrers_are_images_and_indexes_of_the_same_repository_about_that_digest() {
    let (server, about, digest) = with_subject();
    let other = with(image(&server, "a"), json!({"annotations": {"another": "subject"}}));
    push(&server, "a", &with(image(&server, "a"), json!({"subject": subject(&other)})));
    push(&server, "b", &with(image(&server, "b"), json!({"subject": about})));
    push(&server, "a", &with(image(&server, "a"), json!({"annotations": {"no": "subject"}})));
    assert_eq!(listed(&ask(&server, "a", &digest, "")), [json!(null); 0]);
    let pushed = [
        with(image(&server, "a"), json!({"subject": about, "annotations": {"an": "image"}})),
        with(empty_index(), json!({"subject": about})),
    ];
    let mut expected: Vec<_> =
        pushed.iter().map(|manifest| push(&server, "a", manifest).to_string()).collect();
    let mut found = digests(&ask(&server, "a", &digest, ""));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_referrer_is_listed_with_its_artifact_type() {
    let (server, about, digest) = with_subject();
    let fields = json!({"artifactType": "application/vnd.example.sbom.v1"});
    for manifest in [image(&server, "a"), empty_index()] {
        let entry = entry(&server, &about, &digest, manifest, fields.clone());
        assert_eq!(entry["artifactType"], fields["artifactType"]);
    }
}

#[test]
fn an_image_without_an_artifact_type_has_that_of_its_configuration() {
    let (server, about, digest) = with_subject();
    for fields in [json!({}), json!({"artifactType": ""})] {
        let entry = entry(&server, &about, &digest, image(&server, "a"), fields);
        assert_eq!(entry["artifactType"], CONFIG, "{entry}");
    }
}

#[test]
fn an_index_without_an_artifact_type_is_listed_without_one() {
    let (server, about, digest) = with_subject();
    for fields in [json!({}), json!({"artifactType": ""})] {
        let entry = entry(&server, &about, &digest, empty_index(), fields);
        assert_eq!(entry.get("artifactType"), None, "{entry}");
    }
}

#[test]
fn a_referrer_is_listed_with_its_annotations() {
    let (server, about, digest) = with_subject();
    let annotations = json!({"org.example.a": "b", "quotes\"and\\": "\u{e4}\u{1f600}\n\u{1}", "empty": ""});
    for manifest in [image(&server, "a"), empty_index()] {
        let entry = entry(&server, &about, &digest, manifest, json!({"annotations": annotations}));
        assert_eq!(entry["annotations"], annotations);
    }
}

#[test]
fn no_referrers_are_an_empty_list() {
    let (server, about, digest) = with_subject();
    let empty = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
    assert_eq!(ask(&server, "a", &digest, "").json(), empty);
    entry(&server, &about, &digest, image(&server, "a"), json!({}));
    assert_eq!(ask(&server, "a", &digest, "?artifactType=nobody/has-it").json(), empty);
}

/// Every page from `first` to the end: the digests, and how many pages there were.
fn walk(server: &Server, repository: &str, digest: &Digest, query: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut target = Some(format!("/v2/{repository}/referrers/{digest}{query}"));
    while let Some(at) = target {
        let response = server.get(&at).expect(200);
        assert_eq!(response.required("Content-Type"), OCI_INDEX);
        assert!(response.body.len() <= 4 << 20, "a page has {} bytes", response.body.len());
        found.extend(digests(&response));
        pages += 1;
        assert!(pages <= 100, "no end of pages");
        target = next(&response);
    }
    (found, pages)
}

#[test]
fn a_list_too_long_for_one_answer_has_a_link_to_the_rest() {
    let server = Server::with(|s| s.env("REGISTRY_REFERRERS_MAXENTRIES", 3));
    let base = image(&server, "a");
    let digest = push(&server, "a", &base);
    let mut pushed: Vec<_> = (0..7)
        .map(|n| {
            let fields = json!({"subject": subject(&base), "annotations": {"n": n.to_string()}});
            push(&server, "a", &with(image(&server, "a"), fields)).to_string()
        })
        .collect();
    pushed.sort();
    assert_eq!(walk(&server, "a", &digest, ""), (pushed.clone(), 3));
    let query = "?artifactType=application%2Fvnd.example.config.v1%2Bjson";
    assert_eq!(walk(&server, "a", &digest, query), (pushed, 3));
}

#[test]
fn a_list_too_large_for_one_manifest_has_a_link_to_the_rest() {
    let (server, about, digest) = with_subject();
    let mut pushed: Vec<_> = (0..6)
        .map(|n| {
            let annotations = json!({"n": n.to_string(), "large": "x".repeat(1_500_000)});
            let fields = json!({"subject": about, "annotations": annotations});
            push(&server, "a", &with(image(&server, "a"), fields)).to_string()
        })
        .collect();
    pushed.sort();
    let (found, pages) = walk(&server, "a", &digest, "");
    assert_eq!(found, pushed);
    assert!(pages >= 3, "{pages} pages");
}

#[test]
fn the_link_of_a_filtered_list_keeps_the_filter() {
    let server = Server::with(|s| s.env("REGISTRY_REFERRERS_MAXENTRIES", 1));
    let base = image(&server, "a");
    let digest = push(&server, "a", &base);
    let mut wanted = Vec::new();
    for n in 0..6 {
        let artifact_type = ["application/vnd.a+json", "application/vnd.b; c=\"d&e\""][n % 2];
        let fields = json!({"subject": subject(&base), "artifactType": artifact_type, "annotations": {"n": n.to_string()}});
        let pushed = push(&server, "a", &with(image(&server, "a"), fields)).to_string();
        if n % 2 == 1 {
            wanted.push(pushed);
        }
    }
    wanted.sort();
    let query = "?artifactType=application/vnd.b%3B%20c%3D%22d%26e%22";
    let first = ask(&server, "a", &digest, query);
    assert_eq!(first.required("OCI-Filters-Applied"), "artifactType");
    let second = server.get(&next(&first).expect("a link")).expect(200);
    assert_eq!(second.required("OCI-Filters-Applied"), "artifactType");
    assert_eq!(walk(&server, "a", &digest, query), (wanted, 3));
}

#[test]
fn the_list_can_be_filtered_by_artifact_type() {
    let (server, about, digest) = with_subject();
    let typed = |artifact_type: &str| {
        let fields = json!({"subject": about, "artifactType": artifact_type});
        push(&server, "a", &with(image(&server, "a"), fields)).to_string()
    };
    let (sbom, signature) =
        (typed("application/vnd.example.sbom"), typed("application/vnd.example.signature"));
    let by_config = push(&server, "a", &with(image(&server, "a"), json!({"subject": about}))).to_string();
    for (filter, expected) in [
        ("application/vnd.example.sbom", vec![sbom]),
        ("application/vnd.example.signature", vec![signature]),
        ("application%2Fvnd.example.config.v1%2Bjson", vec![by_config]),
        ("application/vnd.example", vec![]),
    ] {
        let response = ask(&server, "a", &digest, &format!("?artifactType={filter}"));
        assert_eq!(digests(&response), expected, "{filter}");
    }
}

#[test]
fn a_filter_that_was_applied_is_told() {
    let (server, about, digest) = with_subject();
    entry(&server, &about, &digest, image(&server, "a"), json!({}));
    for query in ["?artifactType=a/b", "?artifactType=a/b&n=1"] {
        assert_eq!(ask(&server, "a", &digest, query).required("OCI-Filters-Applied"), "artifactType");
    }
}

#[test]
fn the_only_filter_is_the_only_one_told() {
    let (server, _, digest) = with_subject();
    let response = ask(&server, "a", &digest, "?artifactType=a/b&annotation=c&mediaType=d");
    assert_eq!(response.required("OCI-Filters-Applied"), "artifactType");
    for query in ["", "?annotation=c", "?n=1"] {
        let response = ask(&server, "a", &digest, query);
        assert_eq!(response.header("OCI-Filters-Applied"), None, "{response}");
    }
}

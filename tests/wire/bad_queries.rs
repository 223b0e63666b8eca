//! Query strings that say things twice, in strange letters, or nothing.
use serde_json::json;
use tests::{Image, OCI_MANIFEST, Request, Server, assert_error, closing, push_blob, sha256, start_upload};

/// A server whose `a` has an image under the tags `1`, `2` and `3`.
fn server() -> (Server, Image) {
    let server = Server::start();
    let image = Image::oci(1);
    for tag in ["1", "2", "3"] {
        image.push(&server, "a", tag);
    }
    (server, image)
}

#[test]
fn of_a_repeated_parameter_the_first_counts() {
    let (server, image) = server();
    for (query, expected) in [
        ("n=1&n=2", json!(["1"])),
        ("n=2&n=x", json!(["1", "2"])),
        ("last=1&last=2", json!(["2", "3"])),
        ("n=1&last=2&n=9&last=1", json!(["3"])),
    ] {
        assert_eq!(
            server.get(&format!("/v2/a/tags/list?{query}")).expect(200).json()["tags"],
            expected,
            "{query}"
        );
    }
    assert_error(&server.get("/v2/a/tags/list?n=x&n=1"), 400, "PAGINATION_NUMBER_INVALID");

    let (right, wrong) = (sha256(b"bytes"), sha256(b"others"));
    let upload = start_upload(&server, "a");
    let twice = |first, second| format!("{}&digest={second}", closing(&upload, first));
    assert_error(&server.put(&twice(&wrong, &right), b"bytes"), 400, "DIGEST_INVALID");
    server.put(&twice(&right, &wrong), b"bytes").expect(201);
    let single = |first, second| {
        let target = format!("/v2/a/blobs/uploads/?digest={first}&digest={second}");
        server.request(&Request::post(&target).body(*b"bytes"))
    };
    assert_error(&single(&wrong, &right), 400, "DIGEST_INVALID");
    single(&right, &wrong).expect(201);

    let layer = sha256(&image.layers[0]);
    server.post(&format!("/v2/b/blobs/uploads/?mount={layer}&mount={wrong}&from=a&from=c")).expect(201);
    server.post(&format!("/v2/b/blobs/uploads/?mount={wrong}&mount={layer}&from=a")).expect(202);
    server.post(&format!("/v2/b/blobs/uploads/?mount={layer}&from=c&from=a")).expect(202);
}

#[test]
fn of_a_repeated_filter_the_first_counts() {
    let (server, image) = server();
    let mut manifest: serde_json::Value = serde_json::from_slice(&image.manifest).expect("JSON");
    manifest["subject"] = tests::descriptor(OCI_MANIFEST, &image.manifest);
    manifest["artifactType"] = json!("a/b");
    tests::push_manifest(&server, "a", "referrer", OCI_MANIFEST, manifest.to_string().as_bytes());
    for (query, found) in [
        ("artifactType=a/b&artifactType=c/d", 1),
        ("artifactType=c/d&artifactType=a/b", 0),
        ("n=1&n=0", 1),
        ("n=0&n=1", 0),
    ] {
        let response = server.get(&format!("/v2/a/referrers/{}?{query}", image.digest())).expect(200);
        assert_eq!(response.json()["manifests"].as_array().map(Vec::len), Some(found), "{query}");
    }
}

#[test]
fn a_tag_that_is_named_twice_is_made_once_and_a_bad_one_makes_none() {
    let (server, image) = server();
    let digest = image.digest();
    let put = |query: &str| {
        let request = Request::put(&format!("/v2/a/manifests/{digest}?{query}"), &*image.manifest);
        server.request(&request.header("Content-Type", OCI_MANIFEST))
    };
    assert_eq!(put("tag=x&tag=y&tag=x&tag=%78").expect(201).required("OCI-Tag"), "x, y");
    for query in
        ["tag=good&tag=", "tag=good&tag", "tag=good&tag=-", "tag=good&tag=a%2fb", "tag=good&tag=a%0d%0ab"]
    {
        let response = put(query);
        assert_error(&response, 400, "TAG_INVALID");
        assert_eq!(response.header("OCI-Tag"), None, "{response}");
    }
    assert_eq!(server.get("/v2/a/tags/list").expect(200).json()["tags"], json!(["1", "2", "3", "x", "y"]));
}

#[test]
fn what_a_query_says_beside_is_ignored() {
    let (server, _) = server();
    let all = json!(["1", "2", "3"]);
    for query in
        ["", "&&&", "=", "==", "n", "n=", "last", "last=", "N=1", "limit=1", "%6e%00=1", "last=%", "%ff=%ff"]
    {
        assert_eq!(
            server.get(&format!("/v2/a/tags/list?{query}")).expect(200).json()["tags"],
            all,
            "{query}"
        );
    }
    assert_eq!(server.get("/v2/a/tags/list?=&n=1&%").expect(200).json()["tags"], json!(["1"]));
    assert_eq!(server.get("/v2/a/tags/list?%6e=1").expect(200).json()["tags"], json!(["1"]));
}

#[test]
fn a_value_that_is_none_is_refused_or_is_a_place_in_the_order_of_bytes() {
    let (server, _) = server();
    for n in ["%", "%zz", "1%00", "+1", "1;last=1", "%ff", "1%2c2"] {
        assert_error(&server.get(&format!("/v2/a/tags/list?n={n}")), 400, "PAGINATION_NUMBER_INVALID");
    }
    for (last, expected) in [
        ("%00", json!(["1", "2", "3"])),
        ("2%00", json!(["3"])),
        ("%ff", json!([])),
        ("..", json!(["1", "2", "3"])),
    ] {
        let response = server.get(&format!("/v2/a/tags/list?last={last}")).expect(200);
        assert_eq!(response.json()["tags"], expected, "{last}");
    }
}

#[test]
fn a_name_or_a_tag_may_come_percent_encoded() {
    let (server, image) = server();
    push_blob(&server, "a/b", b"bytes");
    assert_eq!(server.get("/v2/%61/manifests/%31").expect(200).body, image.manifest);
    assert_eq!(server.get("/v2/%61/tags/list").expect(200).json()["name"], "a");
    let digest = image.digest().as_str().replace(':', "%3a");
    assert_eq!(server.get(&format!("/v2/a/manifests/{digest}")).expect(200).body, image.manifest);
    server.head(&format!("/v2/%61/%62/blobs/{}", sha256(b"bytes"))).expect(200);
    assert_error(&server.get("/v2/%2561/manifests/1"), 400, "NAME_INVALID");
    assert_error(&server.get("/v2/a%252fb/tags/list"), 400, "NAME_INVALID");
}

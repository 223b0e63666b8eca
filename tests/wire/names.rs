//! Names, tags and digests that are none.
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use tests::{OCI_MANIFEST, Request, Server, assert_errors, sha256};

/// What a name outside the grammar may be answered with, by the place where it is noticed.
const CODES: [&str; 3] = ["NAME_INVALID", "NAME_UNKNOWN", "UNSUPPORTED"];

/// What lies in a folder.
fn entries(folder: &Path) -> BTreeSet<OsString> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").file_name()).collect()
}

#[test]
fn a_bad_name_is_refused_on_every_route_and_leaves_nothing_behind() {
    let server = Server::start();
    let before = entries(server.scratch());
    let long = "a".repeat(256);
    let digest = sha256(b"bytes");
    for name in [
        "UPPER",
        "a/Upper",
        &long,
        "..",
        "../..",
        "a/../b",
        "a/..",
        "%2e%2e",
        "%2e%2e%2f%2e%2e",
        "a%252fb",
        "a%2f%2fb",
        "a//b",
        "/a",
        "a/",
        ".a",
        "a.",
        "-a",
        "a-",
        "_a",
        "a_",
        "a..b",
        "a___b",
        "a%00b",
        "a%20b",
        "%c3%a4",
        "a%",
        "a%zz",
        "%ff",
        "a:b",
        "a@b",
        "a;b",
        "a+b",
        "~a",
        "a\\b",
        "%5c..%5c",
    ] {
        for (method, rest) in [
            ("GET", "manifests/latest".to_owned()),
            ("PUT", "manifests/latest".to_owned()),
            ("GET", "tags/list".to_owned()),
            ("POST", "blobs/uploads/".to_owned()),
            ("POST", format!("blobs/uploads/?digest={digest}")),
            ("GET", format!("blobs/{digest}")),
        ] {
            let target = format!("/v2/{name}/{rest}");
            let request = Request::new(method, &target).header("Content-Type", OCI_MANIFEST);
            let response = server.request(&request);
            // Who reads is told the name without slashes too many, and of what is there nothing.
            if method == "GET" && ["a//b", "/a", "a/"].contains(&name) {
                response.expect(301);
                continue;
            }
            assert!(matches!(response.status, 400 | 404), "{method} {target}: {response}");
            assert_errors(&response, response.status, &CODES);
        }
    }
    assert_eq!(entries(server.scratch()), before, "a refused name made something beside the data");
    assert_eq!(entries(&server.tree().join("repositories")), BTreeSet::new(), "a refused name made a folder");
}

#[test]
fn names_at_the_edge_of_the_grammar_are_names() {
    let server = Server::start();
    let longest = format!("{}/{}", "a".repeat(127), "b".repeat(127));
    for name in
        ["a", "0", "a.b_c__d-e---f/0", "manifests/blobs/tags/list", "a/blobs/uploads", "v2/v2", &longest]
    {
        let image = tests::Image::oci(1);
        image.push(&server, name, "latest");
        let got = server.get(&format!("/v2/{name}/manifests/latest")).expect(200);
        assert_eq!(got.body, image.manifest, "{name}");
        server.get(&format!("/v2/{name}/tags/list")).expect(200);
    }
    let all = server.get("/v2/_catalog").expect(200).json();
    assert_eq!(all["repositories"].as_array().map(Vec::len), Some(7));
}

#[test]
fn a_bad_tag_is_refused() {
    let server = Server::start();
    let image = tests::Image::oci(1);
    image.push_blobs(&server, "a");
    let long = "a".repeat(129);
    for tag in [".a", "-a", &long, "a%20b", "a%2fb", "%2e%2e", "a+b", "a@b", "%c3%a4", "a%00"] {
        let target = format!("/v2/a/manifests/{tag}");
        let put = Request::put(&target, &*image.manifest).header("Content-Type", OCI_MANIFEST);
        for request in [put, Request::get(&target), Request::delete(&target)] {
            let response = server.request(&request);
            assert!(matches!(response.status, 400 | 404), "{} {target}: {response}", request.method());
            assert_errors(&response, response.status, &["TAG_INVALID", "NAME_INVALID", "NAME_UNKNOWN"]);
        }
    }
    for tag in ["_", "1", "A-b_c.d", &"a".repeat(128)] {
        tests::push_manifest(&server, "a", tag, OCI_MANIFEST, &image.manifest);
    }
    assert_eq!(server.get("/v2/a/tags/list").json()["tags"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_bad_digest_is_refused() {
    let server = Server::with(|s| s.delete_enabled());
    let right = tests::push_blob(&server, "a", b"bytes");
    for digest in [
        "sha256:".to_owned(),
        "sha256:abc".to_owned(),
        format!("sha256:{}", "g".repeat(64)),
        format!("sha256:{}", right.hex().to_uppercase()),
        format!("SHA256:{}", right.hex()),
        format!("{right}0"),
        format!("md5:{}", "0".repeat(32)),
        format!("sha512:{}", right.hex()),
        "sha256:..%2f..%2fpasswd".to_owned(),
    ] {
        for kind in ["blobs", "manifests"] {
            for method in ["GET", "DELETE"] {
                let response = server.request(&Request::new(method, &format!("/v2/a/{kind}/{digest}")));
                assert!(matches!(response.status, 400 | 404), "{method} {kind} {digest}: {response}");
                assert_errors(
                    &response,
                    response.status,
                    &["DIGEST_INVALID", "NAME_INVALID", "NAME_UNKNOWN"],
                );
            }
        }
    }
    let request = Request::put("/v2/a/manifests/sha256:abc", *b"{}").header("Content-Type", OCI_MANIFEST);
    assert_errors(&server.request(&request), 400, &["DIGEST_INVALID"]);
}

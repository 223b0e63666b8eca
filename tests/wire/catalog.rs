//! The list of repositories.
use serde_json::json;
use tests::{OCI_MANIFEST, Request, Response, Server, assert_error, push_blob};

/// A server whose repositories have these names, each with one small image.
fn with_repositories(names: &[&str]) -> Server {
    let server = Server::with(|s| s.env("REGISTRY_STORAGE_FILESYSTEM_FSYNC", "false"));
    let mut client = server.client();
    let mut config: Option<(&str, ::names::Digest)> = None;
    for name in names {
        let digest = match &config {
            None => push_blob(&server, name, b"{}"),
            Some((from, digest)) => {
                let target = format!("/v2/{name}/blobs/uploads/?mount={digest}&from={from}");
                client.request(&Request::post(&target)).expect(201);
                digest.clone()
            }
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest.as_str(), "size": 2},
            "layers": [],
        });
        let request = Request::put(&format!("/v2/{name}/manifests/latest"), manifest.to_string());
        client.request(&request.header("Content-Type", OCI_MANIFEST)).expect(201);
        config = Some((*name, digest));
    }
    server
}

fn repositories(response: &Response) -> Vec<String> {
    let body = response.json();
    let list = body["repositories"].as_array().unwrap_or_else(|| panic!("no list: {response}"));
    list.iter().map(|name| name.as_str().expect("a name is text").to_owned()).collect()
}

fn next(response: &Response) -> Option<String> {
    let link = response.header("Link")?;
    let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"");
    Some(target.unwrap_or_else(|| panic!("no link: {response}")).to_owned())
}

#[test]
fn an_empty_registry_has_an_empty_catalogue() {
    let server = Server::start();
    let response = server.get("/v2/_catalog").expect(200);
    assert_eq!(response.json(), json!({"repositories": []}));
    assert_eq!(next(&response), None);
}

#[test]
fn repositories_are_ordered_by_the_parts_of_their_names() {
    let server = with_repositories(&["b", "a-b", "a", "a/b", "a/b/c", "a.b", "ab", "a/b-c", "a0"]);
    let response = server.get("/v2/_catalog").expect(200);
    assert_eq!(repositories(&response), ["a", "a/b", "a/b/c", "a/b-c", "a-b", "a.b", "a0", "ab", "b"]);
    assert_eq!(next(&response), None);
}

#[test]
fn pages_follow_each_other_to_the_end() {
    let all = ["a", "a/b", "a/b/c", "a-b", "a.b", "a.b/c", "b", "c/d/e/f", "c/d/f", "z"];
    let server = with_repositories(&all);
    for n in [1, 2, 3, 9, 10, 11] {
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut target = Some(format!("/v2/_catalog?n={n}"));
        while let Some(at) = target {
            let response = server.get(&at).expect(200);
            let page = repositories(&response);
            assert!(page.len() <= n, "n={n}: {response}");
            seen.extend(page);
            pages += 1;
            assert!(pages < 20, "the pages do not end");
            target = next(&response);
        }
        assert_eq!(seen, all, "n={n}");
        assert_eq!(pages, all.len().div_ceil(n), "n={n}");
    }
}

#[test]
fn a_page_begins_behind_a_name_that_need_not_exist() {
    let server = with_repositories(&["a", "a/b", "a-b", "c"]);
    for (last, expected) in [
        ("a", &["a/b", "a-b", "c"][..]),
        ("a/b", &["a-b", "c"]),
        ("a%2Fb", &["a-b", "c"]),
        ("a/a", &["a/b", "a-b", "c"]),
        ("a/z", &["a-b", "c"]),
        ("b", &["c"]),
        ("c", &[]),
        ("zzz/z", &[]),
    ] {
        let response = server.get(&format!("/v2/_catalog?last={last}")).expect(200);
        assert_eq!(repositories(&response), expected, "{last}");
    }
}

#[test]
fn a_page_begins_behind_any_text() {
    let server = with_repositories(&["0", "a", "a/b", "a-b", "c"]);
    let long = "a".repeat(5000);
    for (last, expected) in [
        ("%00", &["0", "a", "a/b", "a-b", "c"][..]),
        ("/", &["0", "a", "a/b", "a-b", "c"]),
        ("..", &["0", "a", "a/b", "a-b", "c"]),
        ("LT", &["a", "a/b", "a-b", "c"]),
        ("_", &["a", "a/b", "a-b", "c"]),
        ("a/", &["a/b", "a-b", "c"]),
        ("a//b", &["a/b", "a-b", "c"]),
        ("a%00", &["a-b", "c"]),
        ("a-", &["a-b", "c"]),
        ("a.%2F", &["c"]),
        (&long, &["c"]),
        ("b%0d%0aX:%20y", &["c"]),
        ("~", &[]),
        ("%C3%A4", &[]),
        ("%ff", &[]),
    ] {
        let response = server.get(&format!("/v2/_catalog?last={last}")).expect(200);
        assert_eq!(repositories(&response), expected, "{last}");
    }
    let response = server.get("/v2/_catalog?n=1&last=LT").expect(200);
    assert_eq!(repositories(&response), ["a"]);
    assert_eq!(next(&response).as_deref(), Some("/v2/_catalog?last=a&n=1"));
}

#[test]
fn without_a_size_a_page_has_a_hundred() {
    let all: Vec<_> = (0..105).map(|n| format!("r{n:03}")).collect();
    let server = with_repositories(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let response = server.get("/v2/_catalog").expect(200);
    assert_eq!(repositories(&response), all[..100]);
    let rest = server.get(&next(&response).expect("a second page")).expect(200);
    assert_eq!(repositories(&rest), all[100..]);
    assert_eq!(next(&rest), None);
    assert_eq!(repositories(&server.get("/v2/_catalog?n=1000").expect(200)), all);
}

#[test]
fn a_page_of_none_is_empty_and_has_no_link() {
    let server = with_repositories(&["a"]);
    let response = server.get("/v2/_catalog?n=0").expect(200);
    assert!(repositories(&response).is_empty());
    assert_eq!(next(&response), None);
}

#[test]
fn a_size_of_page_that_is_none_or_too_large_is_refused() {
    let server = Server::start();
    for n in ["-1", "abc", "1.5", "1001", "1000000000", "99999999999999999999999"] {
        let response = server.get(&format!("/v2/_catalog?n={n}"));
        assert_error(&response, 400, "PAGINATION_NUMBER_INVALID");
    }
}

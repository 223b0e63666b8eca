//! The list of tags.
use serde_json::json;
use tests::{Image, OCI_MANIFEST, Request, Response, Server, assert_error, push_manifest};

/// A server with one image under these tags in `a/b`.
fn with_tags(tags: &[&str]) -> Server {
    let server = Server::with(|s| s.env("REGISTRY_STORAGE_FILESYSTEM_FSYNC", "false"));
    let image = Image::oci(1);
    image.push_blobs(&server, "a/b");
    let mut client = server.client();
    for tag in tags {
        let request = Request::put(&format!("/v2/a/b/manifests/{tag}"), &*image.manifest);
        client.request(&request.header("Content-Type", OCI_MANIFEST)).expect(201);
    }
    server
}

fn tags(response: &Response) -> Vec<String> {
    let body = response.json();
    assert_eq!(body["name"], "a/b");
    let list = body["tags"].as_array().unwrap_or_else(|| panic!("no list of tags: {response}"));
    list.iter().map(|tag| tag.as_str().expect("a tag is text").to_owned()).collect()
}

/// The target of `Link: <…>; rel="next"`.
fn next(response: &Response) -> Option<String> {
    let link = response.header("Link")?;
    let target = link.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let (target, rest) = target.unwrap_or_else(|| panic!("no link: {response}"));
    assert_eq!(rest, "; rel=\"next\"", "{response}");
    Some(target.to_owned())
}

#[test]
fn pages_follow_each_other_to_the_end() {
    let all: Vec<_> = (0..23).map(|n| format!("v{n:02}")).collect();
    let server = with_tags(&all.iter().map(String::as_str).collect::<Vec<_>>());
    for n in [1, 2, 7, 22, 23, 24] {
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut target = Some(format!("/v2/a/b/tags/list?n={n}"));
        while let Some(at) = target {
            let response = server.get(&at).expect(200);
            let page = tags(&response);
            assert!(page.len() <= n, "{n}: {response}");
            seen.extend(page);
            pages += 1;
            target = next(&response);
        }
        assert_eq!(seen, all, "n={n}");
        assert_eq!(pages, all.len().div_ceil(n), "n={n}");
    }
}

#[test]
fn a_page_begins_behind_a_name_that_need_not_exist() {
    let server = with_tags(&["a", "b", "c", "d"]);
    for (query, expected) in [
        ("last=b", &["c", "d"][..]),
        ("last=bb", &["c", "d"]),
        ("last=0", &["a", "b", "c", "d"]),
        ("last=d", &[]),
        ("last=zzz", &[]),
        ("n=1&last=b", &["c"]),
        ("last=a&n=2", &["b", "c"]),
    ] {
        assert_eq!(tags(&server.get(&format!("/v2/a/b/tags/list?{query}")).expect(200)), expected, "{query}");
    }
}

#[test]
fn a_size_of_page_that_is_none_is_refused() {
    let server = with_tags(&["a"]);
    for n in ["-1", "abc", "1.5", "0x10", "%2B1", "1e3"] {
        let response = server.get(&format!("/v2/a/b/tags/list?n={n}"));
        assert_error(&response, 400, "PAGINATION_NUMBER_INVALID");
    }
}

#[test]
fn a_huge_page_is_cut_to_the_largest() {
    let all: Vec<_> = (0..1005).map(|n| format!("v{n:04}")).collect();
    let server = with_tags(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let response = server.get("/v2/a/b/tags/list?n=1000000000").expect(200);
    assert_eq!(tags(&response), all[..1000]);
    let rest = server.get(&next(&response).expect("a second page")).expect(200);
    assert_eq!(tags(&rest), all[1000..]);
    assert_eq!(next(&rest), None);
    assert_eq!(tags(&server.get("/v2/a/b/tags/list").expect(200)), all, "without n there is no bound");
}

#[test]
fn the_tags_of_an_unknown_repository_are_404() {
    let server = with_tags(&["a"]);
    for name in ["unknown", "a", "a/b/c"] {
        assert_error(&server.get(&format!("/v2/{name}/tags/list")), 404, "NAME_UNKNOWN");
    }
}

#[test]
fn a_tag_is_listed_as_soon_as_it_was_acknowledged() {
    let server = with_tags(&["a"]);
    let image = Image::oci(1);
    for n in 0..20 {
        let tag = format!("b{n:02}");
        push_manifest(&server, "a/b", &tag, OCI_MANIFEST, &image.manifest);
        let listed = tags(&server.get("/v2/a/b/tags/list").expect(200));
        assert_eq!(listed.len(), n + 2);
        assert_eq!(listed.last(), Some(&tag));
    }
}

#[test]
fn head_of_the_list_has_no_body() {
    let server = with_tags(&["a"]);
    let get = server.get("/v2/a/b/tags/list").expect(200);
    let head = server.head("/v2/a/b/tags/list").expect(200);
    assert_eq!(head.header("Content-Length"), get.header("Content-Length"));
    assert_eq!(get.json(), json!({"name": "a/b", "tags": ["a"]}));
}

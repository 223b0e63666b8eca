//! Listing tags.
use crate::artifact::{self, image, next, push, put};
use serde_json::{Value, json};
use tests::{Response, Server};

/// A server whose repository `a` has these tags.
fn with_tags(tags: &[&str]) -> Server {
    let server = Server::with(|s| s.env("REGISTRY_STORAGE_FILESYSTEM_FSYNC", "false"));
    let manifest = image(&server, "a");
    let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    let target = format!("{}?{}", artifact::digest(&manifest), query.join("&"));
    put(&server, "a", &target, &manifest).expect(201);
    server
}

fn ask(server: &Server, query: &str) -> Response {
    server.get(&format!("/v2/a/tags/list{query}")).expect(200)
}

fn tags(response: &Response) -> Value {
    response.json()["tags"].clone()
}

#[test]
fn the_tags_of_a_repository_are_200_and_may_be_none() {
    let server = Server::start();
    let manifest = image(&server, "a");
    push(&server, "a", &manifest);
    assert_eq!(ask(&server, "").json(), json!({"name": "a", "tags": []}));
    put(&server, "a", "latest", &manifest).expect(201);
    assert_eq!(tags(&ask(&server, "")), json!(["latest"]));
}

#[test]
fn the_list_is_an_object_of_the_name_and_the_tags() {
    let server = with_tags(&["b", "a"]);
    let response = ask(&server, "");
    assert_eq!(response.json(), json!({"name": "a", "tags": ["a", "b"]}));
    assert!(response.required("Content-Type").starts_with("application/json"), "{response}");
}

#[test]
fn the_order_of_tags_is_asciibetical() {
    let server = with_tags(&["b", "B", "a", "_", "1", "10", "2", "a.b", "a-b", "Z"]);
    let sorted = json!(["1", "10", "2", "B", "Z", "_", "a", "a-b", "a.b", "b"]);
    assert_eq!(tags(&ask(&server, "")), sorted);
    assert_eq!(tags(&ask(&server, "?n=10")), sorted);
    assert_eq!(tags(&ask(&server, "?n=9&last=1")), json!(sorted.as_array().expect("a list")[1..]));
}

#[test]
fn as_many_tags_come_as_were_asked_for() {
    let server = with_tags(&["a", "b", "c"]);
    assert_eq!(tags(&ask(&server, "?n=1")), json!(["a"]));
    assert_eq!(tags(&ask(&server, "?n=2")), json!(["a", "b"]));
    assert_eq!(tags(&ask(&server, "?n=3")), json!(["a", "b", "c"]));
    assert_eq!(tags(&ask(&server, "?n=4")), json!(["a", "b", "c"]));
    assert_eq!(tags(&ask(&server, "?n=2&last=a")), json!(["b", "c"]));
}

#[test]
fn the_link_leads_to_the_next_page() {
    let server = with_tags(&["a", "b", "c"]);
    let first = ask(&server, "?n=2");
    let second = server.get(&next(&first).expect("a link")).expect(200);
    assert_eq!(tags(&second), json!(["c"]));
    assert_eq!(next(&second), None);
}

#[test]
fn no_tags_asked_for_are_none_and_no_link() {
    let server = with_tags(&["a", "b"]);
    for query in ["?n=0", "?n=0&last=a"] {
        let response = ask(&server, query);
        assert_eq!(tags(&response), json!([]));
        assert_eq!(response.header("Link"), None, "{response}");
    }
}

#[test]
fn last_is_a_tag_and_never_an_index() {
    let server = with_tags(&["0", "1", "2", "a"]);
    assert_eq!(tags(&ask(&server, "?last=1")), json!(["2", "a"]));
    assert_eq!(tags(&ask(&server, "?last=3")), json!(["a"]));
    assert_eq!(tags(&ask(&server, "?n=1&last=2")), json!(["a"]));
}

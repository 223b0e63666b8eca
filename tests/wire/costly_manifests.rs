//! Manifests as large as they may be, of what costs the most memory to read: a component has `limits.memory` of it, and
//! one that takes more is a trap.
use tests::{Request, Server};

const LIMIT: usize = 4 << 20;
const SUBJECT: &str = r#"{"mediaType":"a/b","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}"#;

/// As many members with different keys as fit; `{}` stands for a key in `member`.
fn filled(before: &str, member: &str, after: &str) -> String {
    let mut text = before.to_owned();
    for number in 0_u32.. {
        let key: String = [number >> 18, number >> 12, number >> 6, number]
            .map(|n| char::from(b'?' + (n % 64) as u8))
            .iter()
            .collect();
        let next = member.replace("{}", &key.replace('\\', "\\\\"));
        if text.len() + next.len() + 1 + after.len() > LIMIT {
            break;
        }
        if number > 0 {
            text.push(',');
        }
        text.push_str(&next);
    }
    text + after
}

#[test]
fn a_manifest_that_costs_the_most_to_read_is_read() {
    let server = Server::start();
    for (what, before, member, after) in [
        ("fields", "{", r#""\n{}":0"#, "}"),
        ("annotations", r#"{"annotations":{"#, r#""{}":"""#, "}}"),
        ("escaped annotations", r#"{"annotations":{"#, r#""\n{}":"\n""#, "}}"),
        ("a platform", r#"{"manifests":[{"platform":{"#, r#""\n{}":"\n""#, "}}]}"),
        ("objects", r#"{"x":["#, r#"{"{}":[]}"#, "]}"),
    ] {
        let text = filled(before, member, after);
        assert!(text.len() > LIMIT - 20, "{what}: {} bytes", text.len());
        let request = Request::put("/v2/a/manifests/latest", text).header("Content-Type", "application/x");
        let answer = server.request(&request);
        assert_eq!(answer.status, 201, "{what}: {answer}");
    }
}

#[test]
fn referrers_that_cost_the_most_to_read_are_listed() {
    let server = Server::start();
    for kind in ["a", "b"] {
        let before = format!(r#"{{"subject":{SUBJECT},"artifactType":"{kind}/x","annotations":{{"#);
        let text = filled(&before, r#""\n{}":"\n""#, "}}");
        let request = Request::put(&format!("/v2/a/manifests/{kind}"), text);
        server.request(&request.header("Content-Type", "application/x")).expect(201);
    }
    let (_, digest) = SUBJECT.split_once("sha256:").expect("a digest");
    let target = format!("/v2/a/referrers/sha256:{}", &digest[..64]);
    let first = server.get(&target).expect(200);
    // A page has one entry at least, and the entry has what the manifest has: a digest and a size beside.
    assert!(first.body.len() <= LIMIT + 1024, "a page has {} bytes", first.body.len());
    assert_eq!(first.json()["manifests"].as_array().map(Vec::len), Some(1));
    let (link, _) = first.required("Link").trim_start_matches('<').split_once('>').expect("a Link");
    server.get(link).expect(200);
}

//! Names and passwords.
use tests::{ALICE, Request, Server, Setup, assert_error, basic, push_blob, with_login};

fn ask(server: &Server, authorization: &str) -> tests::Response {
    server.request(&Request::get("/v2/").header("Authorization", authorization))
}

#[test]
fn without_a_login_every_request_is_401_with_the_challenge() {
    let server = Server::with(Setup::users);
    for target in ["/v2/", "/v2/_catalog", "/v2/a/tags/list", "/v2/a/manifests/latest"] {
        let response = server.get(target);
        assert_error(&response, 401, "UNAUTHORIZED");
        assert_eq!(response.required("Www-Authenticate"), "Basic realm=\"Registry\"", "{target}");
    }
    let response = server.post("/v2/a/blobs/uploads/");
    assert_error(&response, 401, "UNAUTHORIZED");
    let list = with_login(Request::get("/v2/a/tags/list"), ALICE);
    assert_error(&server.request(&list), 404, "NAME_UNKNOWN");
    server.get("/").expect(200);
}

#[test]
fn a_right_password_opens_everything() {
    let server = Server::with(Setup::users);
    let target = "/v2/a/blobs/uploads/";
    server.request(&with_login(Request::post(target), ALICE)).expect(202);
    server.request(&with_login(Request::get("/v2/"), ALICE)).expect(200);
    server.request(&with_login(Request::get("/v2/_catalog"), ALICE)).expect(200);
    server.request(&with_login(Request::get("/v2/a/manifests/none"), ALICE)).expect(404);
}

#[test]
fn a_wrong_password_an_unknown_user_and_a_header_that_cannot_be_read_are_401_and_say_what_is_wrong() {
    let server = Server::with(Setup::users);
    let right = basic("alice", "wonderland");
    for (authorization, says) in [
        (basic("alice", "wrong"), "the name or the password is wrong"),
        (basic("alice", ""), "the name or the password is wrong"),
        (basic("nobody", "wonderland"), "the name or the password is wrong"),
        (basic("Alice", "wonderland"), "the name or the password is wrong"),
        (basic("alice\0", "wonderland"), "the name or the password is wrong"),
        (basic("alice", "wonderland\0"), "the name or the password is wrong"),
        (basic("mallory", "wonderland"), "the name or the password is wrong"),
        (basic("", "wonderland"), "no name"),
        ("".into(), "neither Basic nor Bearer"),
        ("Basic".into(), "no colon"),
        ("Basic ".into(), "no colon"),
        ("Basic ***".into(), "not base64"),
        ("Basic YWxpY2U=".into(), "no colon"),
        ("Basic /////w==".into(), "not UTF-8"),
        ("Bearer".into(), "no token"),
        ("Bearer abc".into(), "takes no tokens"),
        ("Digest username=\"alice\"".into(), "neither Basic nor Bearer"),
        ("Negotiate YWxpY2U6d29uZGVybGFuZA==".into(), "neither Basic nor Bearer"),
        (right[6..].into(), "neither Basic nor Bearer"),
        (format!("{right}, {right}"), "not base64"),
        (format!("Bearer abc, {right}"), "takes no tokens"),
        ("\u{e9}".into(), "neither Basic nor Bearer"),
    ] {
        let response = ask(&server, &authorization);
        assert_error(&response, 401, "UNAUTHORIZED");
        assert_eq!(response.required("Www-Authenticate"), "Basic realm=\"Registry\"", "{authorization}");
        assert!(response.text().contains(says), "{authorization}: {says} is not in {response}");
    }
    let twice =
        Request::get("/v2/").header("Authorization", right.clone()).header("Authorization", right.clone());
    assert_error(&server.request(&twice), 401, "UNAUTHORIZED");
    ask(&server, &right.replace("Basic", "bASIC")).expect(200);
}

#[test]
fn headers_in_which_a_proxy_might_name_someone_name_nobody() {
    let everyone = "alice,certificate:alice,authenticated";
    for server in [Server::with(Setup::users), Server::with(|s| s.users().rule(everyone, "**", "*"))] {
        for (name, value) in [
            ("Pierhead-User", "alice"),
            ("Pierhead-Identity", "{\"user\":\"alice\"}"),
            ("Pierhead-Readable", "**"),
            ("Client-Cert", ":YWxpY2U=:"),
            ("Client-Cert-Chain", ":YWxpY2U=:"),
            ("X-Client-Cert", "alice"),
            ("X-SSL-Client-S-DN", "CN=alice"),
            ("Remote-User", "alice"),
            ("X-Remote-User", "alice"),
            ("X-Forwarded-User", "alice"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("Forwarded", "for=127.0.0.1;by=alice;proto=https"),
            ("Proxy-Authorization", "Basic YWxpY2U6d29uZGVybGFuZA=="),
            ("Cookie", "user=alice"),
        ] {
            let request = Request::get("/v2/a/tags/list").header(name, value);
            assert_error(&server.request(&request), 401, "UNAUTHORIZED");
        }
    }
}

#[test]
fn a_password_of_a_mebibyte_is_refused_by_its_size() {
    let server = Server::with(Setup::users);
    let response = ask(&server, &basic("alice", &"x".repeat(1 << 20)));
    assert!((400..500).contains(&response.status), "{response}");
    let response = ask(&server, &basic("alice", &"x".repeat(40_000)));
    assert_error(&response, 401, "UNAUTHORIZED");
    ask(&server, &basic("alice", "wonderland")).expect(200);
}

#[test]
fn what_was_there_before_needs_a_login_too() {
    let mut server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    server.restart_with(Setup::users);
    let target = format!("/v2/a/blobs/{digest}");
    assert_error(&server.get(&target), 401, "UNAUTHORIZED");
    assert_eq!(server.request(&with_login(Request::get(&target), ALICE)).expect(200).body, b"bytes");
}

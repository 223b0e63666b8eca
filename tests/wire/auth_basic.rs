//! Names and passwords of an htpasswd file.
use std::time::{Duration, Instant};
use tests::{
    ALICE, BOB_LINE, Request, Server, assert_error, basic, eventually, guard, guarded, push_blob, run,
    with_login,
};

fn ask(server: &Server, authorization: &str) -> tests::Response {
    server.request(&Request::get("/v2/").header("Authorization", authorization))
}

#[test]
fn without_a_login_every_request_is_401_with_the_challenge() {
    let server = guarded("");
    for target in ["/v2/", "/v2/_catalog", "/v2/a/tags/list", "/v2/a/manifests/latest"] {
        let response = server.get(target);
        assert_error(&response, 401, "UNAUTHORIZED");
        assert_eq!(response.required("Www-Authenticate"), "Basic realm=\"Registry\"", "{target}");
    }
    let response = server.post("/v2/a/blobs/uploads/");
    assert_error(&response, 401, "UNAUTHORIZED");
    assert!(!server.repository("a").exists());
    server.get("/").expect(200);
}

#[test]
fn a_right_password_opens_everything_and_the_log_knows_who_it_was() {
    let server = guarded("");
    let target = "/v2/a/blobs/uploads/";
    server.request(&with_login(Request::post(target), ALICE)).expect(202);
    server.request(&with_login(Request::get("/v2/"), ALICE)).expect(200);
    server.request(&with_login(Request::get("/v2/_catalog"), ALICE)).expect(200);
    let line = server.access_line(|line| line.route() == "uploads");
    assert_eq!(line.text("user"), "alice");
    server.request(&with_login(Request::get("/v2/a/manifests/none"), ALICE)).expect(404);
    assert_eq!(server.access_line(|line| line.status() == 404).text("user"), "alice");
}

#[test]
fn a_wrong_password_an_unknown_user_and_a_header_that_cannot_be_read_are_401_and_say_what_is_wrong() {
    let server = guarded("");
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
    let rules = "access: [{who: [alice, \"certificate:alice\", authenticated], repositories: \"**\", actions: \"*\"}]\n";
    for rules in ["", rules] {
        let server = guarded(rules);
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
    let server = guarded("");
    let response = ask(&server, &basic("alice", &"x".repeat(1 << 20)));
    assert!((400..500).contains(&response.status), "{response}");
    let response = ask(&server, &basic("alice", &"x".repeat(40_000)));
    assert_error(&response, 401, "UNAUTHORIZED");
    ask(&server, &basic("alice", "wonderland")).expect(200);
}

#[test]
fn kinds_other_than_bcrypt_are_reported_with_their_line_and_never_accepted() {
    let server = guarded("");
    server.assert_says("line 6: not a password");
    for user in ["mallory", "plain"] {
        assert_error(&ask(&server, &basic(user, "password")), 401, "UNAUTHORIZED");
    }
}

#[test]
fn no_password_gets_into_the_log() {
    let server = Server::with(|s| guard(s, "").env("REGISTRY_LOG_LEVEL", "debug"));
    for authorization in
        [basic("alice", "hunter2secret"), basic("hunter2secret", "x"), "hunter2secret".into()]
    {
        assert_error(&ask(&server, &authorization), 401, "UNAUTHORIZED");
    }
    server.access_line(|line| line.status() == 401);
    assert!(!server.log().contains("hunter2secret"), "{}", server.log());
    assert!(!server.log().contains(&basic("alice", "hunter2secret")[6..]), "{}", server.log());
}

#[test]
fn after_too_many_wrong_passwords_it_is_429_and_says_when_to_come_back() {
    let server = Server::with(|s| {
        guard(s, "").env("REGISTRY_AUTH_FAILURES_LIMIT", "3").env("REGISTRY_AUTH_FAILURES_WINDOW", "2s")
    });
    for wrong in ["1", "2", "3"] {
        assert_error(&ask(&server, &basic("alice", wrong)), 401, "UNAUTHORIZED");
    }
    let refused = ask(&server, &basic("alice", "wonderland"));
    assert_error(&refused, 429, "TOOMANYREQUESTS");
    let wait: u64 = refused.required("Retry-After").parse().expect("seconds");
    assert!((1..=2).contains(&wait), "{wait}");
    ask(&server, &basic("bob", "builder")).expect(200);
    std::thread::sleep(Duration::from_secs(wait));
    ask(&server, &basic("alice", "wonderland")).expect(200);
}

#[test]
fn a_changed_file_counts_within_two_seconds_without_a_restart() {
    let server = guarded("");
    ask(&server, &basic("alice", "wonderland")).expect(200);
    let file = server.scratch().join("htpasswd");
    let next = server.scratch().join("next");
    std::fs::write(&next, format!("{BOB_LINE}\r\n")).expect("written");
    std::fs::rename(&next, &file).expect("renamed");
    let gone =
        eventually(Duration::from_secs(3), || ask(&server, &basic("alice", "wonderland")).status == 401);
    assert!(gone, "a user who was removed still comes in");
    ask(&server, &basic("bob", "builder")).expect(200);
}

#[test]
fn without_a_file_one_is_made_and_its_password_is_logged_once() {
    let mut server = Server::with(|s| {
        s.env("REGISTRY_AUTH", "htpasswd").env("REGISTRY_AUTH_HTPASSWD_PATH", "{scratch}/new/htpasswd")
    });
    let line = || {
        let log = server.log();
        let found = log.lines().find(|line| line.contains("provisioning")).map(ToOwned::to_owned);
        serde_json::from_str::<serde_json::Value>(&found.unwrap_or_else(|| panic!("{log}"))).expect("JSON")
    };
    let line = line();
    assert_eq!((line["level"].as_str(), line["user"].as_str()), (Some("warning"), Some("docker")));
    let password = line["password"].as_str().expect("a password").to_owned();
    assert_error(&server.get("/v2/"), 401, "UNAUTHORIZED");
    ask(&server, &basic("docker", &password)).expect(200);
    server.restart();
    ask(&server, &basic("docker", &password)).expect(200);
    assert_eq!(server.log().matches(&password).count(), 1);
}

#[test]
fn htpasswd_without_a_path_or_with_one_that_cannot_be_read_does_not_start() {
    let nowhere = run(&[], |s| s.env("REGISTRY_AUTH", "htpasswd"));
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.output.contains("auth.htpasswd.path: not given"), "{}", nowhere.output);
    let folder = run(&[], |s| s.env("REGISTRY_AUTH", "htpasswd").env("REGISTRY_AUTH_HTPASSWD_PATH", "/tmp"));
    assert_eq!(folder.code, Some(1));
    assert!(folder.output.contains("/tmp: cannot be read"), "{}", folder.output);
}

#[test]
fn a_password_is_hashed_once_and_then_remembered() {
    let server = guarded("");
    let mut client = server.client();
    let slow = with_login(Request::get("/v2/"), "carol:singer");
    let begun = Instant::now();
    client.request(&slow).expect(200);
    let first = begun.elapsed();
    let begun = Instant::now();
    for _ in 0..20 {
        client.request(&slow).expect(200);
    }
    let later = begun.elapsed() / 20;
    assert!(later < first / 4, "{first:?} the first time, {later:?} later");
}

#[test]
fn what_was_there_before_needs_a_login_too() {
    let mut server = Server::start();
    let digest = push_blob(&server, "a", b"bytes");
    server.restart_with(|setup| guard(setup, ""));
    let target = format!("/v2/a/blobs/{digest}");
    assert_error(&server.get(&target), 401, "UNAUTHORIZED");
    assert_eq!(server.request(&with_login(Request::get(&target), ALICE)).expect(200).body, b"bytes");
}

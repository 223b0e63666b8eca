//! How our own host keeps passwords: a file that may change or not be there, what is remembered, what is logged.
use std::time::{Duration, Instant};
use tests::{
    ALICE, BOB, BOB_LINE, Request, Server, assert_error, basic, eventually, guard, guarded, run, with_login,
};

fn ask(server: &Server, authorization: &str) -> tests::Response {
    server.request(&Request::get("/v2/").header("Authorization", authorization))
}

#[test]
fn the_log_knows_who_it_was() {
    let server = guarded("access: [{who: alice, repositories: a, actions: \"*\"}]\n");
    server.request(&with_login(Request::post("/v2/a/blobs/uploads/"), ALICE)).expect(202);
    assert_eq!(server.access_line(|line| line.route() == "uploads").text("user"), "alice");
    server.request(&with_login(Request::get("/v2/a/manifests/none"), ALICE)).expect(404);
    assert_eq!(server.access_line(|line| line.status() == 404).text("user"), "alice");
    server.request(&with_login(Request::get("/v2/a/manifests/none"), BOB)).expect(403);
    assert_eq!(server.access_line(|line| line.status() == 403).text("user"), "bob");
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
fn a_file_that_an_editor_began_with_a_mark_of_the_byte_order_has_its_first_user() {
    let text = format!("\u{feff}{BOB_LINE}\r\nnobody\r\n");
    let server = Server::with(|setup| {
        guard(setup, "").file("marked", &text).env("REGISTRY_AUTH_HTPASSWD_PATH", "{scratch}/marked")
    });
    ask(&server, &basic("bob", "builder")).expect(200);
    server.assert_says("line 2: no colon");
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

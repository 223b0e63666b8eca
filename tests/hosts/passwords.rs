//! For hosts whose users are a variable: without it nobody comes in.
use tests::{ALICE, Request, Server, Setup, assert_error, with_login};

#[test]
fn without_the_variable_of_the_users_everyone_is_401_and_the_log_names_it() {
    let server = Server::with(|setup| setup.env("REGISTRY_AUTH", "htpasswd"));
    let refused = server.get("/v2/");
    assert_error(&refused, 401, "UNAUTHORIZED");
    assert_eq!(refused.required("Www-Authenticate"), "Basic realm=\"Registry\"");
    assert_error(&server.request(&with_login(Request::get("/v2/"), ALICE)), 401, "UNAUTHORIZED");
    server.assert_says("auth.htpasswd.users");
}

#[test]
fn with_lines_that_are_no_passwords_the_others_come_in_and_the_log_counts_the_line() {
    let server = Server::with(Setup::users);
    server.request(&with_login(Request::get("/v2/"), ALICE)).expect(200);
    for login in ["mallory:password", "plain:password"] {
        assert_error(&server.request(&with_login(Request::get("/v2/"), login)), 401, "UNAUTHORIZED");
    }
    server.assert_says("line 6: not a password");
    assert!(!server.log().contains("wonderland"), "{}", server.log());
}

#[test]
fn an_auth_that_is_no_kind_lets_nobody_in() {
    let server = Server::with(|setup| setup.env("REGISTRY_AUTH", "htpaswd"));
    let refused = server.get("/v2/");
    assert!(refused.status >= 400, "{refused}");
    let refused = server.post("/v2/a/blobs/uploads/");
    assert!(refused.status >= 400, "{refused}");
}

#[test]
fn for_how_long_passwords_are_remembered_is_a_duration_or_the_log_names_the_setting() {
    let with = |remember| {
        Server::with(|setup| {
            setup.users();
            setup.env("REGISTRY_AUTH_HTPASSWD_REMEMBER", remember)
        })
    };
    let never = with("0");
    for _ in 0..2 {
        never.request(&with_login(Request::get("/v2/"), ALICE)).expect(200);
    }
    assert!(!never.log().contains("remember"), "{}", never.log());
    let wrong = with("ten minutes");
    wrong.request(&with_login(Request::get("/v2/"), ALICE)).expect(200);
    wrong.assert_says("auth.htpasswd.remember: \"ten minutes\" is not a duration; write ");
}

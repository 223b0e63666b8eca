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
fn by_settings_that_are_wrong_nobody_gets_in_and_the_log_names_them() {
    // The example of RFC 8037.
    const KEYS: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    const TOKEN: [(&str, &str); 5] = [
        ("REGISTRY_AUTH", "token"),
        ("REGISTRY_AUTH_TOKEN_REALM", "https://tokens.example/"),
        ("REGISTRY_AUTH_TOKEN_SERVICE", "registry"),
        ("REGISTRY_AUTH_TOKEN_ISSUER", "issuer"),
        ("REGISTRY_AUTH_TOKEN_JWKS", KEYS),
    ];
    let without = |at: usize| [&TOKEN[..at], &TOKEN[at + 1..]].concat();
    let and = |name, value| [&without(4)[..], &[TOKEN[4], (name, value)]].concat();
    for (given, says) in [
        (
            vec![("REGISTRY_AUTH", "htpaswd")],
            "auth: \"htpaswd\" is no way to log in here; write htpasswd or token",
        ),
        (without(1), "auth.token.realm is missing"),
        (without(2), "auth.token.service is missing"),
        (without(3), "auth.token.issuer is missing"),
        (without(4), "auth.token.jwks is missing"),
        (and("REGISTRY_AUTH_TOKEN_JWKS", "/jwks.json"), "auth.token.jwks: not a JSON Web Key Set"),
        (and("REGISTRY_AUTH_TOKEN_JWKS", r#"{"keys":[]}"#), "auth.token.jwks: no key in it"),
        (
            and("REGISTRY_AUTH_TOKEN_SIGNINGALGORITHMS", "[RS256, RS512]"),
            "\"RS512\" is not an algorithm of this version",
        ),
        (
            vec![
                ("REGISTRY_ACCESS_0_WHO", "anonymous"),
                ("REGISTRY_ACCESS_0_REPOSITORIES", "**"),
                ("REGISTRY_ACCESS_0_ACTIONS", "write"),
            ],
            "access: ",
        ),
    ] {
        let server = Server::with(|setup| {
            for (name, value) in given {
                setup.env(name, value);
            }
            setup
        });
        assert_error(&server.get("/v2/"), 503, "UNAVAILABLE");
        assert_error(&server.post("/v2/a/blobs/uploads/"), 503, "UNAVAILABLE");
        server.assert_says("nobody gets in: ");
        server.assert_says(says);
    }
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

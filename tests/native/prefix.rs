//! `http.prefix`, as far as it is the host's: tokens of its own, and what the log says of it.
use tests::{Request, Server, guard, with_login};

const PREFIX: &str = "/my/registry";

const PUBLIC: &str = "access:
  - {who: anonymous, repositories: \"**\", actions: pull}
";

#[test]
fn a_host_without_a_path_is_warned_of_beneath_a_prefix() {
    for (host, warned) in [("https://r.example", true), ("https://r.example/outside/", false)] {
        let server = Server::with(|s| s.env("REGISTRY_HTTP_PREFIX", PREFIX).env("REGISTRY_HTTP_HOST", host));
        assert_eq!(server.log().contains("http.host names no path"), warned, "{host}: {}", server.log());
    }
}

#[test]
fn tokens_of_its_own_are_had_beneath_the_prefix_and_the_challenge_says_so() {
    let mut server = Server::with(|s| guard(s, PUBLIC).env("REGISTRY_HTTP_PREFIX", PREFIX));
    let realm = |server: &Server| {
        let refused = server.get("/my/registry/v2/");
        let challenge = refused.required("Www-Authenticate").to_owned();
        let realm = challenge.strip_prefix("Bearer realm=\"").and_then(|rest| rest.split_once('"'));
        realm.unwrap_or_else(|| panic!("{challenge}")).0.to_owned()
    };
    let here = realm(&server);
    assert_eq!(here, format!("{}/my/registry/auth/token", server.url()));
    let path = here.strip_prefix(&server.url()).expect("here");
    let issued = server.request(&with_login(Request::get(path), tests::ALICE)).expect(200);
    let token = issued.json()["token"].as_str().expect("a token").to_owned();
    let request = Request::get("/my/registry/v2/").header("Authorization", format!("Bearer {token}"));
    server.request(&request).expect(200);
    server.get("/auth/token").expect(404);

    server.restart_with(|s| s.env("REGISTRY_HTTP_HOST", "https://r.example/outside"));
    assert_eq!(realm(&server), "https://r.example/outside/auth/token");
}

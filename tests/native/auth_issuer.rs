//! Tokens of our own: anonymous pull and authenticated push for clients that log in only where they are asked to.
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use tests::{
    ALICE, BOB, Image, Request, Response, Server, SigningKey, assert_error, basic, guard, guarded, now,
    push_blob, run, with_login,
};

const RULES: &str = "access:
  - {who: anonymous, repositories: public/**, actions: pull}
  - {who: alice, repositories: [\"team/**\", \"public/**\"], actions: [pull, push, catalog]}
";

fn token(server: &Server, query: &str, login: Option<&str>) -> Response {
    let request = Request::get(&format!("/auth/token?{query}"));
    server.request(&match login {
        Some(login) => with_login(request, login),
        None => request,
    })
}

fn text(response: &Response) -> String {
    let body = response.json();
    assert_eq!(body["token"], body["access_token"]);
    body["token"].as_str().unwrap_or_else(|| panic!("no token: {response}")).to_owned()
}

/// A part of a token.
fn part(token: &str, at: usize) -> Value {
    use base64::Engine;
    let part = token.split('.').nth(at).expect("a part");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn claims(token: &str) -> Value {
    part(token, 1)
}

fn ask(server: &Server, request: Request, token: &str) -> Response {
    server.request(&request.header("Authorization", format!("Bearer {token}")))
}

#[test]
fn where_a_rule_is_for_everyone_the_challenge_is_a_token_of_this_registry() {
    let server = guarded(RULES);
    let response = server.get("/v2/");
    assert_error(&response, 401, "UNAUTHORIZED");
    let realm = format!("Bearer realm=\"http://{}/auth/token\",service=\"registry\"", server.addr());
    assert_eq!(response.required("Www-Authenticate"), realm);
    let response = server.get("/v2/team/a/tags/list");
    assert_eq!(response.required("Www-Authenticate"), format!("{realm},scope=\"repository:team/a:pull\""));
    server.request(&with_login(Request::get("/v2/"), ALICE)).expect(200);
    let off = guarded(&RULES.replace("anonymous", "authenticated"));
    assert_eq!(off.get("/v2/").required("Www-Authenticate"), "Basic realm=\"Registry\"");
    off.get("/auth/token").expect(404);
}

#[test]
fn a_token_is_good_for_what_is_granted_of_what_was_asked_for() {
    let mut server = Server::start();
    for name in ["public/app", "team/app", "other/app"] {
        Image::oci(1).push(&server, name, "latest");
    }
    server.restart_with(|setup| guard(setup, RULES));
    let manifest = |name: &str| Request::get(&format!("/v2/{name}/manifests/latest"));
    let upload = |name: &str| Request::post(&format!("/v2/{name}/blobs/uploads/"));

    let anyone = token(&server, "service=registry&scope=repository:public/app:pull,push", None).expect(200);
    assert_eq!(anyone.required("Cache-Control"), "no-store");
    assert_eq!(anyone.json()["expires_in"], 300);
    let anyone = text(&anyone);
    ask(&server, Request::get("/v2/"), &anyone).expect(200);
    ask(&server, manifest("public/app"), &anyone).expect(200);
    let refused = ask(&server, upload("public/app"), &anyone);
    assert_error(&refused, 401, "UNAUTHORIZED");
    assert!(refused.required("Www-Authenticate").ends_with("error=\"insufficient_scope\""), "{refused}");
    let message = refused.json()["errors"][0]["message"].to_string();
    assert!(message.contains("repository:public/app:pull,push: log in first"), "{message}");

    let scopes = "scope=repository:team/app:pull,push%20repository:other/app:pull&scope=registry:catalog:*";
    let alice = text(&token(&server, scopes, Some(ALICE)).expect(200));
    ask(&server, upload("team/app"), &alice).expect(202);
    ask(&server, manifest("team/app"), &alice).expect(200);
    let refused = ask(&server, manifest("other/app"), &alice);
    assert_error(&refused, 401, "UNAUTHORIZED");
    let message = refused.json()["errors"][0]["message"].to_string();
    assert!(message.contains("the token of alice is not good for repository:other/app:pull"), "{message}");
    assert_error(&ask(&server, manifest("public/app"), &alice), 401, "UNAUTHORIZED");
    let listed = ask(&server, Request::get("/v2/_catalog"), &alice).expect(200).json();
    assert_eq!(listed["repositories"], serde_json::json!(["public/app", "team/app"]));
    assert_eq!(server.access_line(|line| line.route() == "catalog").text("user"), "alice");

    let bob = text(&token(&server, "scope=repository:team/app:pull&scope=registry:catalog:*", Some(BOB)));
    assert_error(&ask(&server, manifest("team/app"), &bob), 401, "UNAUTHORIZED");
    assert_error(&ask(&server, Request::get("/v2/_catalog"), &bob), 401, "UNAUTHORIZED");
}

#[test]
fn a_form_with_a_password_is_as_good_as_a_header_and_other_forms_are_refused() {
    let server = guarded(RULES);
    let post = |form: &str| {
        let request =
            Request::post("/auth/token").header("Content-Type", "application/x-www-form-urlencoded");
        server.request(&request.body(form))
    };
    let scope = "scope=repository%3Ateam%2Fa%3Apull%2Cpush&client_id=test&service=registry";
    let issued = post(&format!("grant_type=password&username=alice&password=wonderland&{scope}")).expect(200);
    ask(&server, Request::post("/v2/team/a/blobs/uploads/"), &text(&issued)).expect(202);
    for form in
        ["", "grant_type=refresh_token&refresh_token=x", "grant_type=password&username=alice", "\u{1}"]
    {
        assert_error(&post(form), 400, "UNSUPPORTED");
    }
    assert_error(&post("grant_type=password&username=alice&password=wrong"), 401, "UNAUTHORIZED");
    let long = post(&"x".repeat(100_000));
    assert_error(&long, 413, "UNSUPPORTED");
    assert!(long.text().contains("the form is longer than 64 KiB"), "{long}");
}

#[test]
fn scopes_are_taken_as_clients_write_them_and_what_is_none_grants_nothing() {
    let server = guarded(RULES);
    let granted = |query: &str| {
        let issued = text(&token(&server, query, Some(ALICE)).expect(200));
        let access = claims(&issued)["access"].as_array().expect("a list").clone();
        let entry = |access: &Value| {
            let actions: Vec<&str> =
                access["actions"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            format!("{}:{}", access["name"].as_str().expect("a name"), actions.join(","))
        };
        access.iter().map(entry).collect::<Vec<_>>().join(" ")
    };
    for (query, access) in [
        ("", ""),
        ("scope=", ""),
        ("scope=%20%20repository:team/a:pull%20%20repository:team/b:push%20", "team/a:pull team/b:push"),
        ("scope=repository:team/a:pull&scope=repository:team/a:pull,push", "team/a:pull team/a:pull,push"),
        ("scope=repository(plugin):team/a:pull", "team/a:pull"),
        ("scope=repository:team/a:*", "team/a:pull,push"),
        ("scope=repository:team/a:delete,*,admin,,pull", "team/a:pull,push"),
        ("scope=registry:catalog:*", "catalog:*"),
        ("scope=registry:other:*&scope=registry:catalog", ""),
        ("scope=repository:*:pull&scope=repository:**:pull&scope=repository:team/*:pull", ""),
        ("scope=repository:team/../other:pull&scope=repository:TEAM/a:pull", ""),
        ("scope=repository:team/a%252Fb:pull&scope=repository:team/a%00:pull", ""),
        ("scope=Repository:team/a:pull&scope=repository:team/a:Pull", ""),
        ("scope=repository:other/a:pull,push,delete,*", ""),
    ] {
        assert_eq!(granted(query), access, "{query}");
    }
    let many = |count: usize| {
        let scopes: Vec<String> =
            (0..count).map(|number| format!("repository:team/a{number}:pull")).collect();
        token(&server, &format!("scope={}", scopes.join("%20")), Some(ALICE))
    };
    ask(&server, Request::get("/v2/team/a99/tags/list"), &text(&many(100).expect(200))).expect(404);
    assert_error(&many(101), 400, "UNSUPPORTED");
    // No token is given that would be refused when it comes back.
    let long: Vec<String> =
        (0..100).map(|number| format!("repository:team/{}{number}:pull", "a".repeat(200))).collect();
    let long = token(&server, &format!("scope={}", long.join("%20")), Some(ALICE));
    assert_error(&long, 403, "DENIED");
    assert!(long.text().contains("longer than 16 KiB"), "{long}");
}

#[test]
fn a_mount_with_a_token_that_does_not_open_the_source_becomes_an_upload() {
    let mut server = Server::start();
    let digest = push_blob(&server, "other/app", b"secret bytes");
    server.restart_with(|setup| guard(setup, RULES));
    let scopes = "scope=repository:team/app:pull,push&scope=repository:other/app:pull";
    let alice = text(&token(&server, scopes, Some(ALICE)).expect(200));
    let nowhere =
        ["&from=other%2F..%2Fother/app", "&from=OTHER/app", "&from=/other/app", "&from=other/app%00"];
    for from in ["&from=other/app", "&from=other%2Fapp", ""].into_iter().chain(nowhere) {
        let target = format!("/v2/team/app/blobs/uploads/?mount={digest}{from}");
        ask(&server, Request::post(&target), &alice).expect(202).required("Docker-Upload-UUID");
        ask(&server, Request::head(&format!("/v2/team/app/blobs/{digest}")), &alice).expect(404);
    }
}

#[test]
fn another_registry_verifies_tokens_with_the_public_key_alone() {
    let key = "REGISTRY_AUTH_ISSUER_KEY";
    let central = Server::with(|setup| guard(setup, RULES).env(key, "{scratch}/issuer.pem"));
    let config = central.scratch().join("config.yml");
    let keys = |path: &std::path::Path| {
        let path = path.to_str().expect("UTF-8").to_owned();
        run(&["issuer", "keys", "--config", config.to_str().expect("UTF-8")], |setup| setup.env(key, path))
    };
    let printed = keys(&central.scratch().join("issuer.pem"));
    assert_eq!(printed.code, Some(0), "{}", printed.output);
    assert!(!printed.output.contains("\"d\""), "{}", printed.output);
    let edge_config = "version: 0.1
auth:
  token: {realm: \"https://central.example.com/auth/token\", service: registry, issuer: pierhead, jwks: '{scratch}/keys.json'}
";
    let mut edge = Server::start();
    for name in ["public/app", "other/app"] {
        Image::oci(1).push(&edge, name, "latest");
    }
    edge.restart_with(|setup| setup.file("keys.json", &printed.output).config(edge_config));
    let scopes = "scope=repository:public/app:pull&scope=registry:catalog:*";
    let alice = text(&token(&central, scopes, Some(ALICE)).expect(200));
    ask(&edge, Request::get("/v2/public/app/manifests/latest"), &alice).expect(200);
    assert_error(&ask(&edge, Request::get("/v2/other/app/manifests/latest"), &alice), 401, "UNAUTHORIZED");
    let listed = ask(&edge, Request::get("/v2/_catalog"), &alice).expect(200).json();
    assert_eq!(listed["repositories"], serde_json::json!(["public/app"]));
    edge.get("/auth/token").expect(404);

    let missing = keys(&central.scratch().join("nowhere.pem"));
    assert_eq!(missing.code, Some(1));
    assert!(missing.output.contains("nowhere.pem: is not there yet"), "{}", missing.output);
    assert!(!central.scratch().join("nowhere.pem").exists());
    let unnamed = run(&["issuer", "keys", "--config", config.to_str().expect("UTF-8")], |setup| setup);
    assert!(
        unnamed.code == Some(1) && unnamed.output.contains("auth.issuer.key: not given"),
        "{}",
        unnamed.output
    );
    let off = run(&["issuer", "keys"], |setup| setup);
    assert!(off.code == Some(1) && off.output.contains("no tokens are made"), "{}", off.output);
}

#[test]
fn who_is_not_known_gets_no_token_and_is_asked_for_a_password() {
    let server = guarded(RULES);
    for authorization in
        [basic("alice", "wrong"), basic("nobody", "x"), "Basic ***".into(), "Bearer abc".into()]
    {
        let request = Request::get("/auth/token?scope=repository:public/a:pull");
        let response = server.request(&request.header("Authorization", authorization));
        assert_error(&response, 401, "UNAUTHORIZED");
        assert_eq!(response.required("Www-Authenticate"), "Basic realm=\"Registry\"");
    }
    let on = Server::with(|setup| guard(setup, "").env("REGISTRY_AUTH_ISSUER_ENABLED", "true"));
    assert_error(&token(&on, "", None), 401, "UNAUTHORIZED");
    let alice = text(&token(&on, "scope=repository:a:*", Some(ALICE)).expect(200));
    ask(&on, Request::post("/v2/a/blobs/uploads/"), &alice).expect(202);
}

#[test]
fn a_token_of_this_registry_is_one_that_others_can_verify() {
    let server = guarded(RULES);
    let issued = text(&token(&server, "scope=repository:public/a:pull", None));
    let header = part(&issued, 0);
    assert_eq!((header["alg"].as_str(), header["typ"].as_str()), (Some("EdDSA"), Some("JWT")));
    let claims = claims(&issued);
    assert!(claims["exp"].is_i64() && claims["nbf"].is_i64(), "{claims}");
    assert_eq!(claims["exp"].as_i64().expect("a time") - claims["iat"].as_i64().expect("a time"), 300);
    assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some("pierhead"), Some("registry")));
    assert_eq!(claims["access"][0]["actions"], serde_json::json!(["pull"]));
    let mut forged: Vec<&str> = issued.split('.').collect();
    let other = text(&token(&server, "scope=repository:public/b:pull", None));
    forged[1] = other.split('.').nth(1).expect("claims");
    assert_error(&ask(&server, Request::get("/v2/"), &forged.join(".")), 401, "UNAUTHORIZED");
}

#[test]
fn a_key_in_a_file_outlives_a_restart_and_is_its_owners_alone() {
    let key = "REGISTRY_AUTH_ISSUER_KEY";
    let mut server = Server::with(|setup| guard(setup, RULES).env(key, "{scratch}/keys/issuer.pem"));
    let issued = text(&token(&server, "scope=repository:public/a:pull", None));
    let file = server.scratch().join("keys/issuer.pem");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
    server.restart();
    ask(&server, Request::get("/v2/"), &issued).expect(200);
    let mut forgetful = guarded(RULES);
    let issued = text(&token(&forgetful, "scope=repository:public/a:pull", None));
    forgetful.restart();
    assert_error(&ask(&forgetful, Request::get("/v2/"), &issued), 401, "UNAUTHORIZED");
    let no_key = run(&[], |setup| {
        guard(setup, RULES).env("REGISTRY_AUTH_HTPASSWD_PATH", "/etc/hostname").env(key, "/etc/hostname")
    });
    assert_eq!(no_key.code, Some(1));
    assert!(no_key.output.contains("/etc/hostname: not an Ed25519 key"), "{}", no_key.output);
}

#[test]
fn a_token_of_this_registry_holds_no_second_longer_than_it_says() {
    let folder = std::env::temp_dir().join(format!("pierhead-issuer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let key = SigningKey::new(&folder, "EdDSA");
    let pem = std::fs::read_to_string(folder.join("EdDSA.pem")).expect("PEM");
    let server = Server::with(|setup| {
        guard(setup, RULES).file("issuer.pem", &pem).env("REGISTRY_AUTH_ISSUER_KEY", "{scratch}/issuer.pem")
    });
    let issued = text(&token(&server, "scope=repository:team/a:pull", Some(ALICE)).expect(200));
    let holds = |expires: i64, not_before: i64| {
        let mut claims = claims(&issued);
        (claims["exp"], claims["nbf"]) = (expires.into(), not_before.into());
        key.token_with(&part(&issued, 0), &claims)
    };
    let status = |token: &str| ask(&server, Request::get("/v2/"), token).status;
    assert_eq!(status(&holds(now() - 2, now() - 300)), 401);
    // Of several servers with one key, another may be a little ahead.
    assert_eq!(status(&holds(now() + 300, now() + 5)), 200);
    let short = holds(now() + 3, now());
    assert_eq!(status(&short), 200);
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(status(&short), 401);
    let _ = std::fs::remove_dir_all(&folder);
}

//! Rules: who may do what.
use serde_json::json;
use tests::{
    ALICE, BOB, Image, Request, Server, assert_error, basic, closing, guard, guarded, push_blob, run, sha256,
    with_login,
};

/// Everyone pulls what is public, alice does everything in `team`, and whoever is known may list.
const RULES: &str = "access:
  - {who: anonymous, repositories: public/**, actions: pull}
  - {who: [alice, group:devs], repositories: [\"team/**\", tools], actions: [pull, push, delete]}
  - {who: authenticated, repositories: \"**\", actions: catalog}
";

/// A server with images in these repositories, which is then restarted with rules.
fn with_images(names: &[&str], rules: &str) -> Server {
    let mut server = Server::start();
    for name in names {
        Image::oci(1).push(&server, name, "latest");
    }
    server.restart_with(|setup| guard(setup, rules));
    server
}

fn repositories(server: &Server, query: &str, login: &str) -> (serde_json::Value, Option<String>) {
    let request = with_login(Request::get(&format!("/v2/_catalog{query}")), login);
    let response = server.request(&request).expect(200);
    (response.json()["repositories"].clone(), response.header("Link").map(ToOwned::to_owned))
}

#[test]
fn whoever_is_not_logged_in_may_do_what_a_rule_grants_to_everyone() {
    let server = with_images(&["public/app", "team/app"], RULES);
    server.get("/v2/public/app/manifests/latest").expect(200);
    server.get("/v2/public/app/tags/list").expect(200);
    for target in
        ["/v2/team/app/manifests/latest", "/v2/team/app/tags/list", "/v2/public/manifests/x", "/v2/"]
    {
        let response = server.get(target);
        assert_error(&response, 401, "UNAUTHORIZED");
        response.required("Www-Authenticate");
    }
    assert_error(&server.post("/v2/public/app/blobs/uploads/"), 401, "UNAUTHORIZED");
    let digest = sha256(b"x");
    assert_error(&server.get(&format!("/v2/team/app/referrers/{digest}")), 401, "UNAUTHORIZED");
    server.get(&format!("/v2/public/app/referrers/{digest}")).expect(200);
    // A wrong password is not the same as none.
    let wrong = Request::get("/v2/public/app/manifests/latest").header("Authorization", basic("alice", "x"));
    assert_error(&server.request(&wrong), 401, "UNAUTHORIZED");
}

#[test]
fn whoever_is_known_and_may_not_is_403_without_a_challenge() {
    let server = with_images(&["public/app", "team/app"], RULES);
    for request in [
        Request::get("/v2/team/app/manifests/latest"),
        Request::post("/v2/team/app/blobs/uploads/"),
        Request::post("/v2/public/app/blobs/uploads/"),
        Request::delete("/v2/team/app/manifests/latest"),
    ] {
        let response = server.request(&with_login(request, BOB));
        assert_error(&response, 403, "DENIED");
        assert_eq!(response.header("Www-Authenticate"), None);
    }
    let line = server.access_line(|line| line.status() == 403);
    assert_eq!(line.text("user"), "bob");
    server.request(&with_login(Request::get("/v2/"), BOB)).expect(200);
    server.request(&with_login(Request::post("/v2/team/a/b/blobs/uploads/"), ALICE)).expect(202);
    server.request(&with_login(Request::post("/v2/tools/blobs/uploads/"), ALICE)).expect(202);
    assert_error(
        &server.request(&with_login(Request::post("/v2/team/blobs/uploads/"), ALICE)),
        403,
        "DENIED",
    );
}

#[test]
fn the_catalogue_shows_what_may_be_pulled_and_counts_nothing_else() {
    let names = ["a", "public/a", "public/b", "secret", "team/a", "team/b", "z"];
    let server = with_images(&names, RULES);
    assert_eq!(repositories(&server, "", BOB), (json!(["public/a", "public/b"]), None));
    let readable = json!(["public/a", "public/b", "team/a", "team/b"]);
    assert_eq!(repositories(&server, "", ALICE), (readable, None));
    let (page, next) = repositories(&server, "?n=3", ALICE);
    assert_eq!(page, json!(["public/a", "public/b", "team/a"]));
    assert_eq!(next.as_deref(), Some("</v2/_catalog?last=team/a&n=3>; rel=\"next\""));
    assert_eq!(repositories(&server, "?n=3&last=team/a", ALICE), (json!(["team/b"]), None));
    assert_eq!(repositories(&server, "?n=2", BOB), (json!(["public/a", "public/b"]), None));
    assert_error(&server.get("/v2/_catalog"), 401, "UNAUTHORIZED");
}

#[test]
fn a_mount_from_where_one_may_not_pull_becomes_an_upload() {
    let rules = "access:
  - {who: alice, repositories: \"**\", actions: \"*\"}
  - {who: bob, repositories: mine, actions: [pull, push]}
";
    let server = guarded(rules);
    let digest = sha256(b"secret bytes");
    let begun = server.request(&with_login(Request::post("/v2/secret/blobs/uploads/"), ALICE)).expect(202);
    let target = closing(&begun.location(), &digest);
    server.request(&with_login(Request::put(&target, "secret bytes"), ALICE)).expect(201);
    for query in [format!("mount={digest}&from=secret"), format!("mount={digest}")] {
        let request = with_login(Request::post(&format!("/v2/mine/blobs/uploads/?{query}")), BOB);
        server.request(&request).expect(202).required("Docker-Upload-UUID");
        let request = with_login(Request::head(&format!("/v2/mine/blobs/{digest}")), BOB);
        server.request(&request).expect(404);
    }
    let target = format!("/v2/copy/blobs/uploads/?mount={digest}&from=secret");
    server.request(&with_login(Request::post(&target), ALICE)).expect(201);
}

#[test]
fn no_method_spelling_or_session_gets_around_the_rules() {
    let rules = "access:
  - {who: alice, repositories: \"**\", actions: \"*\"}
  - {who: bob, repositories: mine, actions: [pull, push, delete]}
  - {who: anonymous, repositories: public, actions: [pull, push]}
";
    let mut server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "team/app", "latest");
    let digest = push_blob(&server, "team/app", b"secret bytes");
    server.restart_with(|setup| guard(setup, rules).delete_enabled());
    let begun = server.request(&with_login(Request::post("/v2/team/app/blobs/uploads/"), ALICE)).expect(202);
    let session = begun.required("Docker-Upload-UUID").to_owned();
    let upload = format!("/v2/team/app/blobs/uploads/{session}");
    let (tag, blob) = ("/v2/team/app/manifests/latest", format!("/v2/team/app/blobs/{digest}"));
    let manifest = format!("/v2/team/app/manifests/{}", image.digest());
    let mount = format!("/v2/team/app/blobs/uploads/?mount={digest}&from=mine");
    let whole = format!("/v2/team/app/blobs/uploads/?digest={}", sha256(b"other"));
    let finish = closing(&upload, &sha256(b"other"));
    let requests = [
        ("GET", tag),
        ("HEAD", tag),
        ("PUT", tag),
        ("DELETE", tag),
        ("GET", &manifest),
        ("HEAD", &manifest),
        ("DELETE", &manifest),
        ("GET", &blob),
        ("HEAD", &blob),
        ("DELETE", &blob),
        ("GET", "/v2/team/app/tags/list"),
        ("HEAD", "/v2/team/app/tags/list"),
        ("GET", &format!("/v2/team/app/referrers/{digest}")),
        ("HEAD", &format!("/v2/team/app/referrers/{digest}")),
        ("POST", "/v2/team/app/blobs/uploads"),
        ("POST", &mount),
        ("POST", &whole),
        ("GET", &upload),
        ("HEAD", &upload),
        ("PATCH", &upload),
        ("PUT", &finish),
        ("DELETE", &upload),
        ("GET", "/v2/%74eam/app/tags/list"),
        ("GET", "/v2/team/%61pp/blobs/../manifests/latest"),
        ("GET", "http://localhost/v2/team/app/tags/list"),
        ("GET", "/v2/team/app/tags/list?repository=mine&n=1"),
        ("GET", "/v2/_catalog"),
        ("HEAD", "/v2/_catalog?n=1"),
    ];
    for (method, target) in requests {
        let request = Request::new(method, target).body("other");
        let known = server.request(&with_login(request.clone(), BOB));
        assert!([400, 403].contains(&known.status), "{method} {target}: {known}");
        let anyone = server.request(&request);
        assert!([400, 401].contains(&anyone.status), "{method} {target}: {anyone}");
    }
    // A session belongs to its repository, whoever knows its name.
    for method in ["GET", "PATCH", "PUT", "DELETE"] {
        let target = closing(&format!("/v2/mine/blobs/uploads/{session}"), &sha256(b"other"));
        let response = server.request(&with_login(Request::new(method, &target).body("other"), BOB));
        assert_error(&response, 404, "BLOB_UPLOAD_UNKNOWN");
    }
    server.request(&with_login(Request::put(&finish, "other"), ALICE)).expect(201);
    for target in [tag, &manifest, &blob] {
        server.request(&with_login(Request::get(target), ALICE)).expect(200);
    }
    // What is asked without a login tells what the path itself does.
    let options = server.request(&Request::new("OPTIONS", &blob)).expect(200);
    assert_eq!((options.body.len(), options.required("Allow")), (0, "DELETE, GET, HEAD, OPTIONS"));
}

#[test]
fn rules_without_auth_let_everyone_do_what_they_grant_to_everyone_and_nothing_else() {
    let server = Server::with(|setup| {
        setup
            .env("REGISTRY_ACCESS_0_WHO", "anonymous")
            .env("REGISTRY_ACCESS_0_REPOSITORIES", "public/**")
            .env("REGISTRY_ACCESS_0_ACTIONS", "[pull, push]")
    });
    let digest = push_blob(&server, "public/a", b"bytes");
    server.get(&format!("/v2/public/a/blobs/{digest}")).expect(200);
    server.get("/v2/").expect(200);
    for request in [Request::get("/v2/_catalog"), Request::post("/v2/private/blobs/uploads/")] {
        assert_error(&server.request(&request), 403, "DENIED");
    }
}

#[test]
fn a_rule_that_is_not_whole_or_not_one_does_not_start() {
    for (rules, says) in [
        ("access:\n  - {who: alice, actions: pull}\n", "access.0: not a whole rule"),
        ("access:\n  - {who: alice, repositories: a, action: pull}\n", "access.0.action: not part of a rule"),
        ("access:\n  - {who: alice, repositories: a, actions: read}\n", "access.*.actions: not an action"),
        ("access:\n  - {who: alice, repositories: A, actions: pull}\n", "not a pattern"),
        ("access:\n  - {who: \"a,b\", repositories: a, actions: pull}\n", "not someone"),
        ("access:\n  - {who: alice, repositories: **, actions: pull}\n", "stands in quotes"),
        ("access:\n  - alice\n", "access"),
        ("access: alice\n", "access: a group of settings"),
    ] {
        let finished = run(&[], |setup| setup.config(&format!("version: 0.1\n{rules}")));
        assert_eq!(finished.code, Some(1), "{rules}: {}", finished.output);
        assert!(finished.output.contains(says), "{says} is not in {}", finished.output);
    }
}

#[test]
fn the_command_says_which_rule_decides_and_exits_1_when_none_does() {
    let folder = std::env::temp_dir().join(format!("pierhead-rules-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("config.yml");
    let text = format!("version: 0.1\nauth: {{htpasswd: {{path: /nowhere}}}}\n{RULES}");
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let check = |arguments: &str| {
        let mut all = vec!["access", "check", "--config", file];
        all.extend(arguments.split(' '));
        let finished = run(&all, |setup| setup);
        (finished.code, finished.output)
    };
    for (arguments, code, says) in [
        (
            "--user alice --repository team/app --action push",
            0,
            "granted by access.1: alice, group:devs may pull",
        ),
        ("--user bob --group devs --repository tools --action delete", 0, "granted by access.1"),
        ("--user bob --repository team/app --action pull", 1, "refused: none of the 3 rules"),
        ("--repository public/a/b --action pull", 0, "granted by access.0: anonymous"),
        ("--repository public/a --action push", 1, "refused"),
        ("--user bob --action catalog", 0, "granted by access.2"),
        ("--action catalog", 1, "refused"),
        ("--user bob --action pull", 1, "needs a --repository"),
        ("--user bob --repository A --action pull", 2, "invalid value"),
        ("--user bob --repository a --action read", 2, "not an action"),
    ] {
        let (got, output) = check(arguments);
        assert_eq!(got, Some(code), "{arguments}: {output}");
        assert!(output.contains(says), "{arguments}: {output}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn the_command_grants_nobody_what_the_server_could_not_know_of_them() {
    let folder = std::env::temp_dir().join(format!("pierhead-known-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let htpasswd = "auth: {htpasswd: {path: /nowhere}}\n";
    let token = "auth: {token: {realm: r, service: s, issuer: i, jwks: /nowhere}}\n";
    let clientcas = "http: {tls: {certificate: /c, key: /k, clientcas: [/ca]}}\n";
    let rules = "access: [{who: [alice, \"certificate:edge\"], repositories: \"**\", actions: pull}]\n";
    for (config, who, code, says) in [
        (format!("{htpasswd}{rules}"), "--certificate edge", 1, "not verified here"),
        (format!("{htpasswd}{clientcas}{rules}"), "--certificate edge", 0, "granted by access.0"),
        (format!("{htpasswd}{clientcas}"), "--certificate edge", 1, "refused: it is not known who asks"),
        (rules.into(), "--user alice", 1, "without auth nobody says who they are"),
        (htpasswd.into(), "--user alice", 0, "granted: there are no rules"),
        (token.into(), "--user alice", 1, "with auth.token the token says"),
    ] {
        let file = folder.join("config.yml");
        std::fs::write(&file, format!("version: 0.1\n{config}")).expect("written");
        let mut arguments = vec!["access", "check", "--config", file.to_str().expect("UTF-8")];
        arguments.extend(["--repository", "a", "--action", "pull"]);
        arguments.extend(who.split(' '));
        let finished = run(&arguments, |setup| setup);
        assert_eq!(finished.code, Some(code), "{config}: {}", finished.output);
        assert!(finished.output.contains(says), "{config}: {}", finished.output);
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

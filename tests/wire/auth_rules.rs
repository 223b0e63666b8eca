//! Rules: who may do what.
use serde_json::json;
use tests::{
    ALICE, BOB, Image, Request, Server, Setup, assert_error, basic, closing, push_blob, sha256, with_login,
};

/// Everyone pulls what is public, alice does everything in `team`, and whoever is known may list.
fn rules(setup: &mut Setup) -> &mut Setup {
    setup
        .users()
        .rule("anonymous", "public/**", "pull")
        .rule("alice,group:devs", "team/**,tools", "pull,push,delete")
        .rule("authenticated", "**", "catalog")
}

/// A server with images in these repositories, which is then restarted with rules.
fn with_images(names: &[&str]) -> Server {
    let mut server = Server::start();
    for name in names {
        Image::oci(1).push(&server, name, "latest");
    }
    server.restart_with(rules);
    server
}

fn repositories(server: &Server, query: &str, login: &str) -> (serde_json::Value, Option<String>) {
    let request = with_login(Request::get(&format!("/v2/_catalog{query}")), login);
    let response = server.request(&request).expect(200);
    (response.json()["repositories"].clone(), response.header("Link").map(ToOwned::to_owned))
}

#[test]
fn whoever_is_not_logged_in_may_do_what_a_rule_grants_to_everyone() {
    let server = with_images(&["public/app", "team/app"]);
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
    let server = with_images(&["public/app", "team/app"]);
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
    let server = with_images(&names);
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
    let server = Server::with(|s| s.users().rule("alice", "**", "*").rule("bob", "mine", "pull,push"));
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
    let mut server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "team/app", "latest");
    let digest = push_blob(&server, "team/app", b"secret bytes");
    server.restart_with(|setup| {
        setup
            .users()
            .rule("alice", "**", "*")
            .rule("bob", "mine", "pull,push,delete")
            .rule("anonymous", "public", "pull,push")
            .delete_enabled()
    });
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
        ("GET", &format!("{}/v2/team/app/tags/list", server.url())),
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
    let server = Server::with(|setup| setup.rule("anonymous", "public/**", "pull,push"));
    let digest = push_blob(&server, "public/a", b"bytes");
    server.get(&format!("/v2/public/a/blobs/{digest}")).expect(200);
    server.get("/v2/").expect(200);
    for request in [Request::get("/v2/_catalog"), Request::post("/v2/private/blobs/uploads/")] {
        assert_error(&server.request(&request), 403, "DENIED");
    }
}

//! For hosts with a bucket: clients that are sent to it for what they download (`storage.redirect.disable: false`).
use std::net::SocketAddr;
use tests::docker::Docker;
use tests::program::{client, run_with};
use tests::{
    Bucket, Client, Image, Request, Response, Server, Setup, assert_error, noise, push_blob, sha256,
};

fn redirecting(setup: &mut Setup) -> &mut Setup {
    setup.env("REGISTRY_STORAGE_REDIRECT_DISABLE", "false")
}

/// Asks the bucket for what an answer redirects to, as a client does: without the registry's password.
#[track_caller]
fn follow(answer: &Response, range: Option<&str>) -> Response {
    let url = answer.required("Location");
    let (host, target) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let bucket: SocketAddr = host.parse().expect("an address");
    let request = Request::get(&format!("/{target}"));
    let request = match range {
        Some(range) => request.header("Range", range),
        None => request,
    };
    Client::connect(bucket).request(&request)
}

#[test]
fn a_blob_is_had_from_the_bucket_whole_and_in_parts_and_nothing_else_is() {
    let server = Server::with(redirecting);
    let bytes = noise(1, 300_000);
    let digest = push_blob(&server, "a", &bytes);
    let blob = format!("/v2/a/blobs/{digest}");

    let answer = server.get(&blob).expect(307);
    assert!(answer.body.is_empty(), "{answer}");
    assert_eq!(answer.required("Docker-Content-Digest"), digest.as_str());
    assert_eq!(answer.header("Cache-Control"), None, "a URL that ends must not be kept for a year");
    assert!(answer.required("Location").contains("X-Amz-Expires=1200"), "{answer}");
    assert!(!answer.required("Location").contains(Bucket::SECRET_KEY), "{answer}");
    assert!(follow(&answer, None).expect(200).body == bytes, "other bytes");

    let part = server.request(&Request::get(&blob).header("Range", "bytes=1000-1999")).expect(307);
    assert!(follow(&part, Some("bytes=1000-1999")).expect(206).body == bytes[1000..2000], "other bytes");

    assert_eq!(server.head(&blob).expect(200).required("Content-Length"), "300000");
    let tag = format!("\"{digest}\"");
    server.request(&Request::get(&blob).header("If-None-Match", tag)).expect(304);
    assert_error(&server.get(&format!("/v2/b/blobs/{digest}")), 404, "BLOB_UNKNOWN");
    assert_error(&server.get(&format!("/v2/a/blobs/{}", sha256(b"absent"))), 404, "BLOB_UNKNOWN");
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
}

#[test]
fn whoever_says_nothing_gets_blobs_from_the_registry() {
    let server = Server::start();
    let digest = push_blob(&server, "a", b"content");
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, b"content");
}

#[test]
fn nobody_is_sent_to_the_bucket_who_may_not_pull() {
    let server = Server::with(|setup| redirecting(setup).users());
    let answer = server.get(&format!("/v2/a/blobs/{}", sha256(b"anything")));
    assert_error(&answer, 401, "UNAUTHORIZED");
    assert_eq!(answer.header("Location"), None);
}

#[test]
fn docker_crane_and_skopeo_follow() {
    let (server, docker) = (Server::with(redirecting), Docker::start());
    let name = format!("{}/app:1", server.addr());
    docker.build(&name, 1);
    let id = docker.id(&name);
    docker.run(&["push", &name]);
    docker.pull_anew(&name, &id);

    let folder = &docker.folder;
    let crane = client("crane", folder.path());
    run_with(crane, ["--insecure", "validate", "--remote", &name]);
    let mut skopeo = client("skopeo", folder.path());
    skopeo.args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]);
    run_with(skopeo, [&format!("docker://{name}"), &format!("dir:{}", folder.join("pulled").display())]);
}

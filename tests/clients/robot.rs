//! Programs that bring a token instead of a password, and tokens that one registry gives for another.
use crate::docker::Docker;
use crate::layout::{Layout, read_layout};
use crate::login::{RULES, docker_login};
use crate::support::{Folder, client, failing, reference, run};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use tests::{ALICE, BOB, Request, Server, SigningKey, guard, with_login};

/// A registry that gives tokens to whoever has a password.
fn issuer(key: Option<&str>) -> Server {
    Server::with(|setup| {
        guard(setup, RULES).env("REGISTRY_AUTH_ISSUER_ENABLED", "true");
        match key {
            Some(key) => setup.env("REGISTRY_AUTH_ISSUER_KEY", key),
            None => setup,
        }
    })
}

/// A token for whoever has this password.
#[track_caller]
fn token(issuer: &Server, login: &str, scope: &str) -> String {
    let request = Request::get(&format!("/auth/token?service=registry&scope={scope}"));
    let answer = issuer.request(&with_login(request, login)).expect(200).json();
    answer["token"].as_str().expect("a token").to_owned()
}

fn skopeo(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = client("skopeo", folder.path());
    command.args([
        "--insecure-policy",
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    ]);
    command.args(arguments);
    command
}

#[test]
fn skopeo_brings_a_token() {
    let (server, folder) = (issuer(None), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    let target = folder.join("pulled");
    let (there, here) = (
        format!("docker://{}", reference(&server, "team/app:1")),
        format!("oci:{}:latest", target.display()),
    );
    let robot = token(&server, ALICE, "repository:team/app:pull,push");
    let reader = token(&server, BOB, "repository:team/app:pull,push");
    let push = |token: &str| skopeo(&folder, &["--dest-registry-token", token, &image.oci(), &there]);
    failing(&mut push(&reader));
    failing(&mut push("forged"));
    run(&mut push(&robot));
    let pull = |token: &str| skopeo(&folder, &["--src-registry-token", token, &there, &here]);
    failing(&mut pull(&token(&server, ALICE, "repository:team/other:pull")));
    run(&mut pull(&reader));
    assert_eq!(read_layout(&target), image.digest);
}

/// What a client's file says that knows a token, and no password.
fn file_with(server: &Server, token: &str) -> String {
    json!({"auths": {server.addr().to_string(): {"registrytoken": token}}}).to_string()
}

#[test]
fn crane_brings_a_token() {
    let (server, folder) = (issuer(None), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    fs::create_dir(folder.join(".docker")).expect("a folder can be made");
    let crane = |token: &str, arguments: &[&str]| {
        fs::write(folder.join(".docker/config.json"), file_with(&server, token)).expect("written");
        let mut command = client("crane", folder.path());
        command.arg("--insecure").args(arguments);
        command
    };
    let (path, name) = (image.folder.to_str().expect("UTF-8"), reference(&server, "team/app:1"));
    let robot = token(&server, ALICE, "repository:team/app:pull,push");
    let reader = token(&server, BOB, "repository:team/app:pull,push");
    failing(&mut crane(&reader, &["push", path, &name]));
    failing(&mut crane("forged", &["push", path, &name]));
    run(&mut crane(&robot, &["push", path, &name]));
    failing(&mut crane(&robot, &["push", path, &reference(&server, "team/other:1")]));
    assert_eq!(run(&mut crane(&reader, &["digest", &name])), image.digest.as_str());
}

#[test]
fn docker_brings_a_token() {
    let (server, docker) = (issuer(None), Docker::start());
    let name = reference(&server, "team/app:1");
    docker.build(&name, 1);
    let id = docker.id(&name);
    fs::create_dir_all(docker.folder.join(".docker")).expect("a folder can be made");
    let knows = |token: &str| {
        fs::write(docker.folder.join(".docker/config.json"), file_with(&server, token)).expect("written");
    };
    knows(&token(&server, BOB, "repository:team/app:pull,push"));
    failing(docker.command().args(["push", &name]));
    knows(&token(&server, ALICE, "repository:team/app:pull,push"));
    docker.run(&["push", &name]);
    docker.run(&["rmi", "--force", &id]);
    knows(&token(&server, BOB, "repository:team/app:pull"));
    docker.run(&["pull", "--quiet", &name]);
    assert_eq!(docker.id(&name), id);
}

/// The part of a token that names its key.
fn header(token: &str) -> Value {
    let part = token.split('.').next().expect("a part");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

#[test]
fn docker_logs_in_at_a_registry_that_knows_the_public_key_of_another() {
    let (folder, docker) = (Folder::new(), Docker::start());
    let key = SigningKey::new(folder.path(), "EdDSA");
    let issuer = issuer(folder.join("EdDSA.pem").to_str());
    let mut public = key.public();
    public["kid"] = header(&token(&issuer, ALICE, "repository:team/app:pull"))["kid"].clone();
    let edge = Server::with(|setup| {
        let (realm, service) =
            (format!("{}/auth/token", issuer.url()), "service: registry, issuer: pierhead");
        let token = format!("{{realm: \"{realm}\", {service}, jwks: '{{scratch}}/keys.json'}}");
        setup
            .file("keys.json", &json!({"keys": [public]}).to_string())
            .config(&format!("version: 0.1\nauth:\n  token: {token}\n"))
    });
    let registry = edge.addr().to_string();
    let name = reference(&edge, "team/app:1");
    docker.build(&name, 1);
    let id = docker.id(&name);
    let (done, said) = docker_login(&docker, &registry, "alice", "wrong");
    assert!(!done && said.contains("unauthorized"), "{said}");
    let (done, said) = docker_login(&docker, &registry, "alice", "wonderland");
    assert!(done, "{said}");
    docker.run(&["push", &name]);
    docker.run(&["logout", &registry]);
    docker.run(&["rmi", "--force", &id]);
    failing(docker.command().args(["pull", "--quiet", &name]));

    let (done, said) = docker_login(&docker, &registry, "bob", "builder");
    assert!(done, "{said}");
    docker.run(&["pull", "--quiet", &name]);
    assert_eq!(docker.id(&name), id);
    let said = failing(docker.command().args(["push", &name]));
    assert!(said.contains("denied") || said.contains("unauthorized"), "{said}");
}

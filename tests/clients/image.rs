//! The image: what people do with registry:2, done with ours.
use crate::container::{Container, TAG, build, builder, run_to_end};
use crate::docker::Docker;
use crate::engine::Engine;
use crate::support::run;
use serde_json::Value;
use std::fs;
use std::time::Duration;
use tests::{Client, Request};

/// The largest that the image may be, in bytes.
const LARGEST: u64 = 50 << 20;

/// The longest that `docker stop` may take. The registry's part of it is a few milliseconds; after 10 s docker kills.
const PROMPTLY: Duration = Duration::from_secs(3);

/// Pushes an image to the container, removes it here, and pulls it.
#[track_caller]
fn push_and_pull(docker: &Docker, container: &Container<'_>, name: &str) {
    let name = container.reference(name);
    docker.build(&name, 1);
    let id = docker.id(&name);
    docker.run(&["push", "--quiet", &name]);
    docker.pull_anew(&name, &id);
}

#[test]
fn a_container_serves_shows_its_tree_from_inside_and_stops_at_once() {
    let docker = Docker::start();
    build(&docker);
    let container = Container::start(&docker, &["--name", "my-private-registry"], &[]);
    push_and_pull(&docker, &container, "hello-world:latest");

    let tree = "/var/lib/registry/docker/registry/v2/repositories/";
    let found = container.exec(["/bin/sh", "-c", &format!("find {tree} -maxdepth 2")]);
    assert!(found.contains("repositories/hello-world/_manifests"), "{found}");
    let catalog = || container.get("/v2/_catalog").expect(200).json()["repositories"].clone();
    assert_eq!(catalog(), serde_json::json!(["hello-world"]));
    container.exec(["sh", "-c", &format!("rm -rf {tree}hello-world/")]);
    assert_eq!(catalog(), serde_json::json!([]));

    let collect = ["bin/registry", "garbage-collect", "/etc/docker/registry/config.yml", "--grace=0s"];
    let said = container.exec(collect);
    assert!(said.contains("0 blobs marked") && said.contains("\nremoved: "), "{said}");
    assert!(!said.contains("removed: 0 blobs"), "the repository was removed: {said}");

    // Who keeps a connection open does not keep the container.
    let mut idle = Client::connect(container.addr);
    idle.request(&Request::get("/v2/")).expect(200);
    let (took, status) = container.stop();
    assert_eq!(status, "0", "{}", container.log());
    assert!(took < PROMPTLY, "docker stop takes {took:?}");
    eprintln!("docker stop takes {took:?}");
    assert!(container.log().contains("stopped"), "{}", container.log());
}

#[test]
fn the_image_takes_the_arguments_and_the_mounts_that_registry_2_and_3_take() {
    let docker = Docker::start();
    build(&docker);
    let folder = docker.folder.join("configuration");
    fs::create_dir(&folder).expect("a folder can be made");
    let file = folder.join("config.yml");
    let text = "version: 0.1\nstorage: {filesystem: {rootdirectory: /srv}, delete: {enabled: true}}\n";
    fs::write(&file, text).expect("a file can be written");
    let mount = |from: &std::path::Path, to: &str| format!("{}:{to}:ro", from.display());

    // Each of these is the configuration above; the one of the image keeps content elsewhere.
    let (mine, two) = (mount(&file, "/my.yml"), mount(&file, "/etc/docker/registry/config.yml"));
    let (three, four) = (mount(&file, "/etc/distribution/config.yml"), mount(&folder, "/etc/distribution"));
    for (mount, arguments) in [
        (&mine, &["/my.yml"][..]),
        (&mine, &["serve", "/my.yml"]),
        (&two, &[]),
        (&two, &["serve"]),
        (&three, &[]),
        (&four, &[]),
    ] {
        let container = Container::start(&docker, &["--volume", mount], arguments);
        let upload = Client::connect(container.addr).request(&Request::post("/v2/app/blobs/uploads/"));
        upload.expect(202);
        let found = container.exec(["find", "/srv/docker", "-name", "startedat"]);
        assert!(found.contains("/app/_uploads/"), "{mount} {arguments:?}: {found}");
    }

    for (arguments, status, expected) in [
        (
            &["garbage-collect", "-d", "/etc/docker/registry/config.yml"][..],
            "1",
            "nothing was pushed to it yet",
        ),
        (&["--version"], "0", "pierhead "),
        (&["registry", "-v"], "0", "pierhead "),
        (&["help"], "0", "Usage:"),
        (&["sh", "-c", "echo $((6*7)); id -u; wc -c </etc/ssl/cert.pem"], "0", "42\n0\n"),
        (&["/bin/sh", "-c", "grep -c . /etc/distribution/config.yml /etc/nsswitch.conf"], "0", "config.yml:"),
        (&["/absent.yml"], "1", "/absent.yml"),
        (&["nonsense"], "127", "nonsense"),
    ] {
        let (code, said) = run_to_end(&docker, &[], arguments);
        assert_eq!(code, status, "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }

    let (code, said) = run_to_end(&docker, &["--env", "REGISTRY_STORAGE=swift"], &[]);
    assert_eq!(code, "1", "{said}");
    assert!(said.contains("the variable REGISTRY_STORAGE"), "{said}");
}

#[test]
fn the_image_runs_as_any_user_and_with_a_root_file_system_that_nobody_can_write_to() {
    let docker = Docker::start();
    build(&docker);
    let data = docker.folder.join("data-of-root");
    fs::create_dir(&data).expect("a folder can be made");
    let bound = format!("{}:/var/lib/registry", data.display());
    let bare = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"];
    for (user, volume) in [
        (&["--user", "1000"][..], "of-a-user:/var/lib/registry"),
        (&["--user", "23456:34567"], "of-anyone:/var/lib/registry"),
        (&[], &bound),
    ] {
        let options = [&bare, user, &["--volume", volume]].concat();
        let container = Container::start(&docker, &options, &[]);
        push_and_pull(&docker, &container, "app:1");
        let (took, status) = container.stop();
        assert_eq!(status, "0", "{user:?} {volume}: {}", container.log());
        assert!(took < PROMPTLY, "{user:?} {volume}: docker stop takes {took:?}");
    }
}

#[test]
fn the_image_is_small_and_its_layer_the_same_when_it_is_built_again() {
    let docker = Docker::start();
    let inspect = || -> Value {
        build(&docker);
        let said = docker.run(&["image", "inspect", "--format", "{{json .}}", TAG]);
        serde_json::from_str(&said).expect("docker speaks JSON")
    };
    let image = inspect();
    let size = image["Size"].as_u64().expect("an image has a size");
    eprintln!("the image has {size} bytes");
    assert!(size <= LARGEST, "{size} bytes are more than {LARGEST}");
    let config = &image["Config"];
    assert_eq!(config["Entrypoint"], serde_json::json!(["/entrypoint.sh"]));
    assert_eq!(config["Cmd"], serde_json::json!(["/etc/docker/registry/config.yml"]));
    assert_eq!(config["Volumes"], serde_json::json!({"/var/lib/registry": {}}));
    assert_eq!(config["ExposedPorts"], serde_json::json!({"5000/tcp": {}}));
    assert_eq!(config["User"].as_str().unwrap_or_default(), "");
    docker.run(&["builder", "prune", "--all", "--force"]);
    docker.run(&["rmi", "--force", TAG]);
    let again = inspect();
    assert_eq!(image["RootFS"]["Layers"].as_array().map(Vec::len), Some(1));
    assert_eq!(again["RootFS"]["Layers"], image["RootFS"]["Layers"]);
}

#[test]
fn podman_and_buildah_build_the_image_too() {
    for name in ["podman", "buildah"] {
        let engine = Engine::new(name);
        let command = engine.command();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_str().expect("a path is UTF-8")).collect();
        run(&mut builder(&words.join(" "), &command));
        let images = engine.run(&["images"]);
        assert!(images.contains("localhost/pierhead "), "{images}");
    }
}

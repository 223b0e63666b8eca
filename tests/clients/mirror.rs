//! A cache of another registry as clients know it: a mirror of Docker Hub. Of our own host alone.
use crate::docker::Docker;
use crate::support::reference;
use tests::{AccessLine, Server};

#[test]
fn docker_pulls_from_its_mirror_what_docker_hub_has() {
    // No daemon asks Docker Hub here: what it pulls comes from the mirror, by the names that it has there.
    let (hub, builder) = (Server::start(), Docker::start());
    let name = reference(&hub, "library/app:1");
    builder.build(&name, 1);
    builder.run(&["push", &name]);
    let id = builder.id(&name);
    let cache = Server::with(|setup| setup.env("REGISTRY_PROXY_REMOTEURL", hub.url()));
    for _ in 0..2 {
        let docker = Docker::with(&["--bridge=none", "--registry-mirror", &cache.url()]);
        docker.run(&["pull", "--quiet", "app:1"]);
        assert_eq!(docker.id("app:1"), id);
    }
    let is_pull = |line: &&AccessLine| line.route() == "blob" && line.method() == "GET";
    let blobs = |server: &Server| server.access().iter().filter(is_pull).count();
    assert_eq!(blobs(&cache), 2 * blobs(&hub));
}

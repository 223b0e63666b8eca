//! wkg: packages of WebAssembly components, of which `registry.wasm` is one. Built by `make slow-client-tools`,
//! so ignored unless asked for, as `make slow-clients` does.
use crate::support::{Folder, client, reference, run_with};
use std::fs;
use std::path::{Path, PathBuf};
use tests::{Server, sha256};

fn component() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/artefacts/registry.wasm")
}

#[track_caller]
fn wkg(folder: &Folder, arguments: &[&str]) -> String {
    let mut command = client("wkg", folder.path());
    for name in ["WKG_CONFIG_FILE", "WKG_CACHE_DIR", "WKG_REGISTRY", "WKG_OCI_INSECURE"] {
        command.env_remove(name);
    }
    command.env("XDG_CACHE_HOME", folder.join("cache")).current_dir(folder.path());
    run_with(command, arguments)
}

/// Packages of the namespace `pierhead` are in `components/pierhead/` of this server.
fn configure(folder: &Folder, server: &Server) {
    let addr = server.addr();
    let text = format!(
        "[namespace_registries.pierhead]\nregistry = '{addr}'\n\
         [namespace_registries.pierhead.metadata]\npreferredProtocol = 'oci'\n\
         [namespace_registries.pierhead.metadata.oci]\nregistry = '{addr}'\nnamespacePrefix = 'components/'\n\
         [registry.'{addr}'.oci]\nprotocol = 'http'\n"
    );
    fs::write(folder.join("packages.toml"), text).expect("a file can be written");
}

#[test]
#[ignore = "wkg takes minutes to build: make slow-clients"]
fn wkg_pulls_the_component_that_it_pushed() {
    let (server, folder) = (Server::start(), Folder::new());
    let component = component();
    let name = reference(&server, "nested/in/parts:1.0.0");
    let insecure = format!("--insecure={}", server.addr());
    let said = wkg(&folder, &["oci", "push", &insecure, &name, component.to_str().expect("UTF-8")]);
    let digest =
        server.head("/v2/nested/in/parts/manifests/1.0.0").required("Docker-Content-Digest").to_owned();
    assert!(said.contains(&digest), "{said}");
    wkg(&folder, &["oci", "pull", &insecure, "--output=pulled.wasm", &name]);
    let bytes = fs::read(component).expect("make build leaves the component");
    assert!(fs::read(folder.join("pulled.wasm")).expect("a file can be read") == bytes);
    server.get(&format!("/v2/nested/in/parts/blobs/{}", sha256(&bytes))).expect(200);
}

#[test]
#[ignore = "wkg takes minutes to build: make slow-clients"]
fn wkg_gets_the_package_that_it_published_in_several_versions() {
    let (server, folder) = (Server::start(), Folder::new());
    configure(&folder, &server);
    let component = component();
    let file = component.to_str().expect("UTF-8");
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        let package = format!("pierhead:registry@{version}");
        wkg(&folder, &["publish", "--config=packages.toml", "--package", &package, file]);
    }
    let bytes = fs::read(&component).expect("make build leaves the component");
    for package in ["pierhead:registry@1.1.0", "pierhead:registry"] {
        let get =
            ["get", "--config=packages.toml", "--format=wasm", "--overwrite", "--output=./got.wasm", package];
        wkg(&folder, &get);
        assert!(fs::read(folder.join("got.wasm")).expect("a file can be read") == bytes, "{package}");
    }
    let tags = server.get("/v2/components/pierhead/registry/tags/list").expect(200).json();
    assert_eq!(tags["tags"], serde_json::json!(["1.0.0", "1.1.0", "2.0.0"]));
}

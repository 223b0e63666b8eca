//! The same tree under two registries: what Debian's docker-registry wrote is opened here, what was written here
//! is opened there, and every digest is pulled both ways.
use crate::debian::Debian;
use crate::layout::Layout;
use crate::support::{Folder, client, run_with};
use names::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tests::{Client, DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Request, Server, sha256};

/// Pushes images of every shape: nested names, several tags, a Docker manifest, an index.
fn fill(folder: &Folder, addr: SocketAddr, seed: u64) {
    let image = Layout::image(&folder.join(format!("image-{seed}")), seed);
    let index = Layout::index(&folder.join(format!("index-{seed}")), seed + 1);
    for (options, from, to) in [
        (["--format", "oci"], &image, format!("plain:v{seed}")),
        (["--format", "oci"], &image, format!("plain:other{seed}")),
        (["--format", "v2s2"], &image, format!("a/much/deeper/name:docker{seed}")),
        (["--all", "--quiet"], &index, format!("multi:v{seed}")),
    ] {
        let mut copy = client("skopeo", folder.path());
        copy.args(["--insecure-policy", "copy", "--dest-tls-verify=false"]).args(options);
        run_with(copy, [from.oci(), format!("docker://{addr}/{to}")]);
    }
}

/// What a tree on disk says it has, in the words of a request.
#[derive(Debug, Default, PartialEq)]
struct Tree {
    /// Target → the digest of what must come.
    content: BTreeMap<String, Digest>,
    /// Target → what must come, for lists.
    tags: BTreeMap<String, Vec<String>>,
}

impl Tree {
    fn read(root: &Path) -> Tree {
        let mut tree = Tree::default();
        let repositories = root.join("docker/registry/v2/repositories");
        let mut folders = vec![repositories.clone()];
        while let Some(folder) = folders.pop() {
            if folder.join("_manifests").is_dir() {
                let name =
                    folder.strip_prefix(&repositories).expect("it lies beneath").to_str().expect("UTF-8");
                tree.add(name, &folder);
            }
            folders.extend(
                children(&folder)
                    .into_iter()
                    .filter(|(name, _)| !name.starts_with('_'))
                    .map(|(_, path)| path),
            );
        }
        tree
    }

    fn add(&mut self, name: &str, folder: &Path) {
        for (hex, _) in children(&folder.join("_manifests/revisions/sha256")) {
            self.content.insert(format!("/v2/{name}/manifests/sha256:{hex}"), digest(&hex));
        }
        for (hex, _) in children(&folder.join("_layers/sha256")) {
            self.content.insert(format!("/v2/{name}/blobs/sha256:{hex}"), digest(&hex));
        }
        let tags = children(&folder.join("_manifests/tags"));
        for (tag, path) in &tags {
            let link = fs::read_to_string(path.join("current/link")).expect("a tag has a link");
            self.content
                .insert(format!("/v2/{name}/manifests/{tag}"), link.parse().expect("a link is a digest"));
        }
        let tags = tags.into_iter().map(|(tag, _)| tag).collect();
        self.tags.insert(format!("/v2/{name}/tags/list"), tags);
    }

    /// Asks a registry for everything.
    fn pull_from(&self, addr: SocketAddr) {
        assert!(self.content.len() > 10, "the tree has hardly anything: {self:#?}");
        let mut client = Client::connect(addr);
        for (target, digest) in &self.content {
            let accept = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX].join(", ");
            let answer = client.request(&Request::get(target).header("Accept", accept)).expect(200);
            assert_eq!(&sha256(&answer.body), digest, "{target}");
            assert_eq!(answer.header("Docker-Content-Digest"), Some(digest.as_str()), "{target}");
        }
        for (target, tags) in &self.tags {
            let answer = client.request(&Request::get(target)).expect(200).json();
            let mut listed: Vec<_> = answer["tags"].as_array().into_iter().flatten().collect();
            // distribution 2 lists in the order of the folder.
            listed.sort_by_key(|tag| tag.as_str());
            assert_eq!(listed, tags.iter().collect::<Vec<_>>(), "{target}");
        }
    }
}

fn digest(hex: &str) -> Digest {
    format!("sha256:{hex}").parse().expect("the name of a link is a digest")
}

/// Names and paths in a folder, sorted; nothing where there is none.
fn children(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("a folder can be read"))
        .map(|entry| (entry.file_name().into_string().expect("a name is UTF-8"), entry.path()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_tree_of_debians_registry_opens_here_and_goes_on_there() {
    let folder = Folder::new();
    let root = folder.join("data");
    let debian = Debian::start(&folder, &root);
    fill(&folder, debian.addr, 10);
    drop(debian);

    let theirs = Tree::read(&root);
    let server = Server::with(|setup| setup.root(&root));
    theirs.pull_from(server.addr());
    fill(&folder, server.addr(), 20);
    let both = Tree::read(&root);
    assert!(both.content.len() > theirs.content.len());
    both.pull_from(server.addr());
    drop(server);

    both.pull_from(Debian::start(&folder, &root).addr);
}

#[test]
fn a_tree_of_ours_opens_in_debians_registry_and_goes_on_here() {
    let folder = Folder::new();
    let root = folder.join("data");
    let server = Server::with(|setup| setup.root(&root));
    fill(&folder, server.addr(), 10);
    drop(server);

    let ours = Tree::read(&root);
    let debian = Debian::start(&folder, &root);
    ours.pull_from(debian.addr);
    fill(&folder, debian.addr, 20);
    drop(debian);

    let both = Tree::read(&root);
    assert!(both.content.len() > ours.content.len());
    let server = Server::with(|setup| setup.root(&root));
    both.pull_from(server.addr());
}

//! crane, of go-containerregistry.
use crate::layout::{Layout, read_layout};
use crate::support::{
    Folder, assert_mounted, assert_nothing_uploaded, client, reference, requests_of, run_with,
};
use tests::Server;

#[track_caller]
fn crane(folder: &Folder, arguments: &[&str]) -> String {
    let mut command = client("crane", folder.path());
    command.arg("--insecure");
    run_with(command, arguments)
}

fn push(folder: &Folder, image: &Layout, to: &str) {
    crane(folder, &["push", path(image), to]);
}

/// crane pushes the index.json of a layout itself: put the index there that is otherwise its one entry.
fn push_index(folder: &Folder, index: &Layout, to: &str) {
    let blob = index.folder.join("blobs/sha256").join(index.digest.hex());
    std::fs::copy(blob, index.folder.join("index.json")).expect("a file can be copied");
    crane(folder, &["push", "--index", path(index), to]);
}

fn path(layout: &Layout) -> &str {
    layout.folder.to_str().expect("a temporary folder is UTF-8")
}

#[test]
fn crane_pulls_what_it_pushed() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    for name in ["app:1", "nested/in/four/parts:1"] {
        let name = reference(&server, name);
        push(&folder, &image, &name);
        assert_eq!(crane(&folder, &["digest", &name]), image.digest.as_str());
        let target = folder.join("pulled");
        let _ = std::fs::remove_dir_all(&target);
        crane(&folder, &["pull", "--format=oci", &name, target.to_str().expect("UTF-8")]);
        assert_eq!(read_layout(&target), image.digest);
    }
}

#[test]
fn crane_finds_an_image_valid_in_every_byte() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    let name = reference(&server, "app:1");
    push(&folder, &image, &name);
    crane(&folder, &["validate", "--remote", &name]);
}

#[test]
fn crane_uploads_nothing_twice() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    push(&folder, &image, &reference(&server, "app:1"));
    let again = requests_of(&server, || push(&folder, &image, &reference(&server, "app:2")));
    assert_nothing_uploaded(&again);
}

#[test]
fn crane_mounts_from_one_repository_into_another() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    let (from, into) = (reference(&server, "from:1"), reference(&server, "into/another:1"));
    push(&folder, &image, &from);
    let lines = requests_of(&server, || drop(crane(&folder, &["copy", &from, &into])));
    assert_mounted(&lines, 2);
    crane(&folder, &["validate", "--remote", &into]);
    assert_eq!(crane(&folder, &["digest", &into]), image.digest.as_str());
}

#[test]
fn crane_pushes_an_index_and_pulls_one_platform_of_it() {
    let (server, folder) = (Server::start(), Folder::new());
    let index = Layout::index(&folder.join("index"), 1);
    let name = reference(&server, "multi:1");
    push_index(&folder, &index, &name);
    assert_eq!(crane(&folder, &["digest", &name]), index.digest.as_str());
    crane(&folder, &["validate", "--remote", &name]);
    for (platform, image) in ["linux/amd64", "linux/arm64", "linux/s390x"].iter().zip(&index.images) {
        assert_eq!(crane(&folder, &["digest", "--platform", platform, &name]), image.as_str());
    }
    let copy = reference(&server, "copied/multi:1");
    crane(&folder, &["copy", &name, &copy]);
    assert_eq!(crane(&folder, &["digest", &copy]), index.digest.as_str());
}

#[test]
fn crane_lists_repositories_and_tags() {
    let (server, folder) = (Server::start(), Folder::new());
    let image = Layout::image(&folder.join("image"), 1);
    for name in ["b/c:1", "a:2", "a:1", "b:1"] {
        push(&folder, &image, &reference(&server, name));
    }
    assert_eq!(crane(&folder, &["catalog", &server.addr().to_string()]), "a\nb\nb/c");
    assert_eq!(crane(&folder, &["ls", &reference(&server, "a")]), "1\n2");
}

#[test]
fn crane_tags_and_deletes() {
    let server = Server::with(|setup| setup.delete_enabled());
    let folder = Folder::new();
    let image = Layout::image(&folder.join("image"), 1);
    push(&folder, &image, &reference(&server, "app:1"));
    crane(&folder, &["tag", &reference(&server, "app:1"), "2"]);
    assert_eq!(crane(&folder, &["ls", &reference(&server, "app")]), "1\n2");
    crane(&folder, &["delete", &reference(&server, "app:1")]);
    assert_eq!(crane(&folder, &["ls", &reference(&server, "app")]), "2", "a tag alone goes");
    crane(&folder, &["delete", &reference(&server, &format!("app@{}", image.digest))]);
    assert_eq!(server.get("/v2/app/manifests/2").status, 404, "a digest takes its tags along");
}

//! regctl, of regclient.
use crate::layout::Layout;
use crate::support::{
    Folder, assert_mounted, assert_nothing_uploaded, client, reference, requests_of, run_with,
};
use tests::Server;

struct Regctl {
    server: Server,
    folder: Folder,
}

impl Regctl {
    fn new() -> Regctl {
        Regctl { server: Server::with(|setup| setup.delete_enabled()), folder: Folder::new() }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = client("regctl", self.folder.path());
        command.env("REGCTL_CONFIG", self.folder.join("regctl.json"));
        command.args(["--host", &format!("reg={},tls=disabled", self.server.addr())]);
        run_with(command, arguments)
    }

    #[track_caller]
    fn push(&self, layout: &Layout, name: &str) {
        self.run(&["image", "copy", &ocidir(layout), &self.reference(name)]);
    }

    fn reference(&self, name: &str) -> String {
        reference(&self.server, name)
    }
}

fn ocidir(layout: &Layout) -> String {
    format!("ocidir://{}:latest", layout.folder.display())
}

#[test]
fn regctl_copies_in_and_out_without_changing_a_byte() {
    let regctl = Regctl::new();
    let image = Layout::image(&regctl.folder.join("image"), 1);
    for (number, name) in ["app:1", "nested/in/four/parts:1"].iter().enumerate() {
        regctl.push(&image, name);
        assert_eq!(regctl.run(&["image", "digest", &regctl.reference(name)]), image.digest.as_str());
        let target = format!("ocidir://{}:latest", regctl.folder.join(format!("pulled-{number}")).display());
        regctl.run(&["image", "copy", &regctl.reference(name), &target]);
        assert_eq!(regctl.run(&["image", "digest", &target]), image.digest.as_str());
    }
}

#[test]
fn regctl_copies_an_index_with_all_its_platforms() {
    let regctl = Regctl::new();
    let index = Layout::index(&regctl.folder.join("index"), 1);
    regctl.push(&index, "multi:1");
    assert_eq!(regctl.run(&["image", "digest", &regctl.reference("multi:1")]), index.digest.as_str());
    for (platform, image) in ["linux/amd64", "linux/arm64", "linux/s390x"].iter().zip(&index.images) {
        let digest = regctl.run(&["image", "digest", "--platform", platform, &regctl.reference("multi:1")]);
        assert_eq!(digest, image.as_str());
    }
}

#[test]
fn regctl_uploads_nothing_twice() {
    let regctl = Regctl::new();
    let image = Layout::image(&regctl.folder.join("image"), 1);
    regctl.push(&image, "app:1");
    let again = requests_of(&regctl.server, || regctl.push(&image, "app:2"));
    assert_nothing_uploaded(&again);
}

#[test]
fn regctl_mounts_from_one_repository_into_another() {
    let regctl = Regctl::new();
    let image = Layout::image(&regctl.folder.join("image"), 1);
    regctl.push(&image, "from:1");
    let (from, into) = (regctl.reference("from:1"), regctl.reference("into/another:1"));
    let lines = requests_of(&regctl.server, || drop(regctl.run(&["image", "copy", &from, &into])));
    assert_mounted(&lines, 2);
    assert_eq!(regctl.run(&["image", "digest", &into]), image.digest.as_str());
}

#[test]
fn regctl_puts_and_gets_a_blob() {
    let regctl = Regctl::new();
    let content = tests::noise(7, 3_000_000);
    let file = regctl.folder.join("content");
    std::fs::write(&file, &content).expect("a file can be written");
    let mut command = client("regctl", regctl.folder.path());
    command.env("REGCTL_CONFIG", regctl.folder.join("regctl.json"));
    command.args(["--host", &format!("reg={},tls=disabled", regctl.server.addr()), "blob", "put"]);
    command.arg(regctl.reference("app")).stdin(std::fs::File::open(&file).expect("a file can be opened"));
    let digest = crate::support::run(&mut command);
    assert!(digest.contains(tests::sha256(&content).as_str()), "{digest}");
    assert_eq!(regctl.server.get(&format!("/v2/app/blobs/{}", tests::sha256(&content))).body, content);
}

#[test]
fn regctl_lists_repositories_and_tags() {
    let regctl = Regctl::new();
    let image = Layout::image(&regctl.folder.join("image"), 1);
    for name in ["b/c:1", "a:2", "a:1", "b:1"] {
        regctl.push(&image, name);
    }
    assert_eq!(regctl.run(&["repo", "ls", &regctl.server.addr().to_string()]), "a\nb\nb/c");
    assert_eq!(regctl.run(&["tag", "ls", &regctl.reference("a")]), "1\n2");
}

#[test]
fn regctl_deletes_one_tag_and_leaves_the_others() {
    let regctl = Regctl::new();
    let image = Layout::image(&regctl.folder.join("image"), 1);
    regctl.push(&image, "app:1");
    regctl.push(&image, "app:2");
    regctl.run(&["tag", "delete", &regctl.reference("app:1")]);
    assert_eq!(regctl.run(&["tag", "ls", &regctl.reference("app")]), "2");
    assert_eq!(regctl.run(&["image", "digest", &regctl.reference("app:2")]), image.digest.as_str());
}

#[test]
fn regctl_deletes_a_manifest_by_digest() {
    let regctl = Regctl::new();
    let image = Layout::image(&regctl.folder.join("image"), 1);
    regctl.push(&image, "app:1");
    regctl.run(&["manifest", "delete", &regctl.reference(&format!("app@{}", image.digest))]);
    assert_eq!(regctl.server.get(&format!("/v2/app/manifests/{}", image.digest)).status, 404);
    assert_eq!(regctl.server.get("/v2/app/manifests/1").status, 404);
}

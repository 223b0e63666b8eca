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

/// Types of artifacts to put beside an image.
const REPORT: &str = "application/vnd.example.report";
const SIGNATURE: &str = "application/vnd.example.signature";

impl Regctl {
    /// Attaches a file of this content to an image, and returns the digest of the manifest that does it.
    #[track_caller]
    fn attach(&self, to: &str, artifact_type: &str, content: &str) -> String {
        let file = self.folder.join("attached");
        std::fs::write(&file, content).expect("a file can be written");
        self.run(&[
            "artifact",
            "put",
            "--subject",
            &self.reference(to),
            "--artifact-type",
            artifact_type,
            "--annotation",
            &format!("content={content}"),
            "--file",
            file.to_str().expect("a temporary folder is UTF-8"),
            "--format={{ .Manifest.GetDescriptor.Digest }}",
        ])
    }

    /// The digests of what is attached to an image, sorted.
    #[track_caller]
    fn attached(&self, options: &[&str], to: &str) -> Vec<String> {
        let format = "--format={{ range .Descriptors }}{{ println .Digest }}{{ end }}";
        let listed = self.run(&[&["artifact", "list", format], options, &[&self.reference(to)]].concat());
        sorted(listed.lines())
    }
}

fn sorted<T: ToString>(digests: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut digests: Vec<_> = digests.into_iter().map(|digest| digest.to_string()).collect();
    digests.sort();
    digests
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

#[test]
fn regctl_gets_the_artifact_that_it_put() {
    let regctl = Regctl::new();
    let file = regctl.folder.join("content");
    std::fs::write(&file, "the content").expect("a file can be written");
    let file = file.to_str().expect("a temporary folder is UTF-8");
    let name = regctl.reference("app:artifact");
    regctl.run(&["artifact", "put", "--artifact-type", REPORT, "--file", file, &name]);
    assert_eq!(regctl.run(&["artifact", "get", &name]), "the content");
    let kind = regctl.run(&["manifest", "get", "--format={{ .GetOrig.ArtifactType }}", &name]);
    assert_eq!(kind, REPORT);
}

#[test]
fn regctl_lists_what_is_attached_by_type_and_by_annotation() {
    let regctl = Regctl::new();
    regctl.push(&Layout::image(&regctl.folder.join("image"), 1), "app:1");
    let report = regctl.attach("app:1", REPORT, "one");
    let signatures = ["two", "three"].map(|content| regctl.attach("app:1", SIGNATURE, content));

    assert_eq!(regctl.attached(&[], "app:1"), sorted([&report, &signatures[0], &signatures[1]]));
    let by_type = |kind| regctl.attached(&["--filter-artifact-type", kind], "app:1");
    assert_eq!(by_type(REPORT), [&*report]);
    assert_eq!(by_type(SIGNATURE), sorted(&signatures));
    assert_eq!(regctl.attached(&["--filter-annotation", "content=two"], "app:1"), [&*signatures[0]]);
    let subject = regctl.reference("app:1");
    let got = ["artifact", "get", "--subject", &subject, "--filter-artifact-type", REPORT];
    assert_eq!(regctl.run(&got), "one");
    assert_eq!(regctl.run(&["tag", "ls", &regctl.reference("app")]), "1", "the API takes the place of tags");
}

#[test]
fn regctl_shows_a_tree_of_what_is_attached_to_each_platform() {
    let regctl = Regctl::new();
    let index = Layout::index(&regctl.folder.join("index"), 1);
    regctl.push(&index, "multi:1");
    let of_index = regctl.attach("multi:1", REPORT, "of the index");
    let of_images: Vec<_> = index
        .images
        .iter()
        .map(|image| regctl.attach(&format!("multi@{image}"), SIGNATURE, image.hex()))
        .collect();
    let of_report = regctl.attach(&format!("multi@{of_index}"), SIGNATURE, "of the report");
    let tree = regctl.run(&["artifact", "tree", &regctl.reference("multi:1")]);
    for digest in of_images.iter().chain([&of_index, &of_report]) {
        assert!(tree.contains(digest.as_str()), "{digest} is missing:\n{tree}");
    }
}

#[test]
fn regctl_copies_an_image_with_its_referrers_and_digest_tags() {
    let regctl = Regctl::new();
    let image = Layout::image(&regctl.folder.join("image"), 1);
    regctl.push(&image, "app:1");
    let report = regctl.attach("app:1", REPORT, "one");
    let signature = regctl.attach(&format!("app@{report}"), SIGNATURE, "two");
    let digest_tag = format!("sha256-{}.att", image.digest.hex());
    let other = Layout::image(&regctl.folder.join("other"), 2);
    regctl.push(&other, &format!("app:{digest_tag}"));

    let layout = format!("ocidir://{}:1", regctl.folder.join("layout").display());
    let [app, copy] = ["app:1", "into/another:1"].map(|name| regctl.reference(name));
    for (from, to) in [(&app, &layout), (&layout, &copy)] {
        regctl.run(&["image", "copy", "--referrers", "--digest-tags", from, to]);
    }
    assert_eq!(regctl.run(&["image", "digest", &copy]), image.digest.as_str());
    assert_eq!(regctl.attached(&[], "into/another:1"), [&*report]);
    assert_eq!(regctl.attached(&[], &format!("into/another@{report}")), [&*signature]);
    let digest_tag = regctl.reference(&format!("into/another:{digest_tag}"));
    assert_eq!(regctl.run(&["image", "digest", &digest_tag]), other.digest.as_str());
}

#[test]
fn regctl_deletes_an_artifact_and_finds_it_attached_no_more() {
    let regctl = Regctl::new();
    regctl.push(&Layout::image(&regctl.folder.join("image"), 1), "app:1");
    let [gone, stays] = ["one", "two"].map(|content| regctl.attach("app:1", REPORT, content));
    regctl.run(&["manifest", "delete", "--referrers", &regctl.reference(&format!("app@{gone}"))]);
    assert_eq!(regctl.attached(&[], "app:1"), [stays]);
}

#[test]
fn regctl_copies_an_image_whose_digests_are_sha512() {
    let regctl = Regctl::new();
    regctl.push(&Layout::image(&regctl.folder.join("image"), 1), "app:1");
    let [app, long] = ["app:1", "app:long"].map(|name| regctl.reference(name));
    regctl.run(&["image", "mod", &app, "--digest-algo=sha512", "--create", &long]);
    let digest = regctl.run(&["image", "digest", &long]);
    assert!(digest.starts_with("sha512:"), "{digest}");
    let report = regctl.attach("app:long", REPORT, "one");

    let layout = format!("ocidir://{}:1", regctl.folder.join("layout").display());
    let copy = regctl.reference("into/another:1");
    for (from, to) in [(&long, &layout), (&layout, &copy)] {
        regctl.run(&["image", "copy", "--referrers", from, to]);
    }
    assert_eq!(regctl.run(&["image", "digest", &copy]), digest);
    assert_eq!(regctl.attached(&[], &format!("into/another@{digest}")), [report]);
}

//! cosign, with a key of its own and no transparency log. Built by `make slow-client-tools`, so ignored unless
//! asked for, as `make slow-clients` does.
use crate::layout::Layout;
use crate::support::{Folder, client, reference, run, run_with};
use std::process::Command;
use tests::Server;

/// Nothing of these tests leaves the machine.
const SIGN: [&str; 6] = [
    "--yes",
    "--allow-http-registry",
    "--use-signing-config=false",
    "--tlog-upload=false",
    "--key",
    "cosign.key",
];
const VERIFY: [&str; 4] = ["--allow-http-registry", "--insecure-ignore-tlog", "--key", "cosign.pub"];

struct Cosign {
    server: Server,
    folder: Folder,
    image: Layout,
}

impl Cosign {
    /// With a pair of keys, and an image to sign at `app:1`.
    fn new() -> Cosign {
        let folder = Folder::new();
        let image = Layout::image(&folder.join("image"), 1);
        let cosign = Cosign { server: Server::start(), folder, image };
        cosign.run(&["generate-key-pair"]);
        cosign.regctl(
            &["image", "copy", &format!("ocidir://{}:latest", cosign.image.folder.display())],
            "app:1",
        );
        cosign
    }

    fn command(&self) -> Command {
        let mut command = client("cosign", self.folder.path());
        command.current_dir(self.folder.path()).env("COSIGN_PASSWORD", "");
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        run_with(self.command(), arguments)
    }

    #[track_caller]
    fn regctl(&self, arguments: &[&str], name: &str) -> String {
        let mut command = client("regctl", self.folder.path());
        command.env("REGCTL_CONFIG", self.folder.join("regctl.json"));
        command.args(["--host", &format!("reg={},tls=disabled", self.server.addr())]);
        run(command.args(arguments).arg(reference(&self.server, name)))
    }

    /// The image by digest: what is signed is never a tag.
    fn signed(&self, repository: &str) -> String {
        reference(&self.server, &format!("{repository}@{}", self.image.digest))
    }

    #[track_caller]
    fn sign(&self, options: &[&str]) {
        self.run(&[&["sign"], &SIGN[..], options, &[&self.signed("app")]].concat());
    }

    /// Whether cosign finds a signature by our key, and what it says.
    fn verify(&self, options: &[&str], repository: &str) -> (bool, String) {
        let mut command = self.command();
        command.arg("verify").args(VERIFY).args(options).arg(self.signed(repository));
        let done = command.output().expect("cosign can be executed");
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    #[track_caller]
    fn assert_verified(&self, options: &[&str], repository: &str) {
        let (verified, said) = self.verify(options, repository);
        assert!(verified, "{said}");
        assert!(said.contains(self.image.digest.as_str()), "{said}");
    }
}

#[test]
#[ignore = "cosign takes minutes to build: make slow-clients"]
fn cosign_verifies_the_signature_that_it_attached() {
    let cosign = Cosign::new();
    let (verified, said) = cosign.verify(&[], "app");
    assert!(!verified, "nothing is signed yet: {said}");
    cosign.sign(&[]);
    cosign.assert_verified(&[], "app");

    let referrers = cosign.server.get(&format!("/v2/app/referrers/{}", cosign.image.digest)).json();
    let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
    assert_eq!(referrers["manifests"][0]["artifactType"], bundle);
    assert_eq!(cosign.regctl(&["tag", "ls"], "app"), "1", "the API takes the place of tags");
    let tree = cosign.run(&["tree", "--allow-http-registry", &cosign.signed("app")]);
    let digest = referrers["manifests"][0]["digest"].as_str().expect("a descriptor has a digest");
    assert!(tree.contains(digest), "{tree}");
}

#[test]
#[ignore = "cosign takes minutes to build: make slow-clients"]
fn cosign_verifies_the_signature_that_it_left_under_a_tag() {
    let cosign = Cosign::new();
    let old = ["--new-bundle-format=false"];
    cosign.sign(&old);
    cosign.assert_verified(&old, "app");
    let tag = format!("sha256-{}.sig", cosign.image.digest.hex());
    let told = cosign.run(&["triangulate", "--allow-http-registry", &cosign.signed("app")]);
    assert_eq!(told, reference(&cosign.server, &format!("app:{tag}")));
    cosign.server.get(&format!("/v2/app/manifests/{tag}")).expect(200);
}

#[test]
#[ignore = "cosign takes minutes to build: make slow-clients"]
fn cosign_verifies_an_attestation_beside_a_signature() {
    let cosign = Cosign::new();
    cosign.sign(&[]);
    std::fs::write(cosign.folder.join("predicate"), r#"{"tested": true}"#).expect("a file can be written");
    let image = cosign.signed("app");
    cosign.run(&[&["attest"], &SIGN[..], &["--type", "custom", "--predicate", "predicate", &image]].concat());
    cosign.run(&[&["verify-attestation"], &VERIFY[..], &["--type", "custom", &image]].concat());
    cosign.assert_verified(&[], "app");
    let referrers = cosign.server.get(&format!("/v2/app/referrers/{}", cosign.image.digest)).json();
    assert_eq!(referrers["manifests"].as_array().map(Vec::len), Some(2));
}

#[test]
#[ignore = "cosign takes minutes to build: make slow-clients"]
fn a_signature_goes_along_where_regctl_copies_the_image() {
    let cosign = Cosign::new();
    cosign.sign(&[]);
    let from = reference(&cosign.server, "app:1");
    cosign.regctl(&["image", "copy", &from], "without:1");
    cosign.regctl(&["image", "copy", "--referrers", &from], "with:1");
    assert!(!cosign.verify(&[], "without").0);
    cosign.assert_verified(&[], "with");
}

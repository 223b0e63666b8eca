//! What podman and buildah have in common: images kept in a folder of the test, nothing that needs a kernel's
//! help, and the same words for building, pushing and pulling.
use crate::support::{Folder, client, run_with};
use std::fs;
use std::process::Command;
use tests::noise;

/// podman or buildah with its own storage.
pub struct Engine {
    name: &'static str,
    /// Whether it takes of an image only what it lacks, for which its storage has to be the kernel's.
    partial: bool,
    /// Its storage and its files.
    pub folder: Folder,
}

impl Engine {
    /// `podman` or `buildah`.
    pub fn new(name: &'static str) -> Engine {
        Engine::with(name, false)
    }

    /// podman that takes of an image only the files it lacks, where the image says which it has (`zstd:chunked`).
    pub fn partial() -> Engine {
        Engine::with("podman", true)
    }

    fn with(name: &'static str, partial: bool) -> Engine {
        let folder = Folder::new();
        fs::write(folder.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
            .expect("a file can be written");
        fs::write(folder.join("registries.conf"), "unqualified-search-registries = []\n")
            .expect("a file can be written");
        let root = folder.path().display();
        let storage = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{root}/root\"\nrunroot = \"{root}/run\"\n[storage.options]\n\
             pull_options = {{enable_partial_images = \"true\", use_hard_links = \"false\", ostree_repos = \"\"}}\n"
        );
        fs::write(folder.join("storage.conf"), storage).expect("a file can be written");
        Engine { name, partial, folder }
    }

    /// A command of it.
    pub fn command(&self) -> Command {
        let mut command = client(self.name, self.folder.path());
        command.env("CONTAINERS_REGISTRIES_CONF", self.folder.join("registries.conf"));
        if self.partial {
            command.env("CONTAINERS_STORAGE_CONF", self.folder.join("storage.conf"));
        } else {
            command.args(["--storage-driver", "vfs"]).arg("--root").arg(self.folder.join("root"));
            command.arg("--runroot").arg(self.folder.join("run"));
        }
        if self.name == "podman" {
            command.args(["--cgroup-manager=cgroupfs", "--events-backend=none"]);
            command.arg("--tmpdir").arg(self.folder.join("tmp"));
        }
        command
    }

    /// Runs it with these arguments.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        run_with(self.command(), arguments)
    }

    /// Builds an image of two layers of its own.
    #[track_caller]
    pub fn build(&self, tag: &str, seed: u64) {
        self.build_with(&[], tag, seed);
    }

    #[track_caller]
    fn build_with(&self, options: &[&str], tag: &str, seed: u64) {
        let files: Vec<_> = (0..2).map(|n| (n.to_string(), noise(seed * 10 + n, 300_000))).collect();
        self.build_of(options, tag, &files, "FROM scratch\nCOPY 0 /0\nCOPY 1 /1\n");
    }

    /// Builds an image of these files as one layer.
    #[track_caller]
    pub fn build_layer(&self, tag: &str, files: &[(String, Vec<u8>)]) {
        self.build_of(&[], tag, files, "FROM scratch\nCOPY . /files/\n");
    }

    #[track_caller]
    fn build_of(&self, options: &[&str], tag: &str, files: &[(String, Vec<u8>)], dockerfile: &str) {
        let context = self.folder.join(tag.replace(['/', ':'], "-"));
        fs::create_dir_all(&context).expect("a folder can be made");
        for (name, bytes) in files {
            fs::write(context.join(name), bytes).expect("written");
        }
        fs::write(context.join("Dockerfile"), dockerfile).expect("written");
        let policy = self.folder.join("policy.json");
        let context = context.to_str().expect("a temporary folder is UTF-8");
        let policy = policy.to_str().expect("a temporary folder is UTF-8");
        let build = ["build", "--quiet", "--layers", "--isolation", "chroot", "--signature-policy", policy];
        self.run(&[&build[..], options, &["--tag", tag, context]].concat());
    }

    /// Builds an image for each architecture, joins them in a list, pushes it with them, and returns its digest.
    #[track_caller]
    pub fn push_list(&self, format: &str, architectures: &[&str], to: &str) -> String {
        let list = format!("list-{format}");
        self.run(&["manifest", "create", &list]);
        for (architecture, seed) in architectures.iter().zip(1..) {
            let image = format!("localhost/{architecture}");
            self.build_with(&["--arch", architecture, "--format", "docker"], &image, seed);
            self.run(&["manifest", "add", &list, &format!("containers-storage:{image}")]);
        }
        self.push_made_list(&["--format", format], &list, to)
    }

    /// Pushes a list that was made here with all its images, and returns its digest.
    #[track_caller]
    pub fn push_made_list(&self, options: &[&str], list: &str, to: &str) -> String {
        let file = self.folder.join("digest");
        let mut command = self.command();
        command
            .args(["manifest", "push", "--all", "--tls-verify=false", "--digestfile"])
            .arg(&file)
            .args(options);
        run_with(command, [list, &format!("docker://{to}")]);
        fs::read_to_string(file).expect("the digest is written").trim().to_owned()
    }

    /// Removes every image, pulls the one for this architecture, and returns the architecture that came.
    #[track_caller]
    pub fn pull_anew_for(&self, architecture: &str, image: &str) -> String {
        self.run(&["rmi", "--all", "--force"]);
        self.run(&["pull", "--quiet", "--tls-verify=false", "--arch", architecture, image]);
        match self.name {
            "podman" => self.run(&["image", "inspect", "--format", "{{.Architecture}}", image]),
            _ => self.run(&["inspect", "--type", "image", "--format", "{{.OCIv1.Architecture}}", image]),
        }
    }

    /// Pushes, and returns the digest that it says it pushed.
    #[track_caller]
    pub fn push(&self, options: &[&str], image: &str, to: &str) -> String {
        let file = self.folder.join("digest");
        let mut command = self.command();
        command.args(["push", "--quiet", "--tls-verify=false", "--digestfile"]).arg(&file).args(options);
        run_with(command, [image, &format!("docker://{to}")]);
        fs::read_to_string(file).expect("the digest is written").trim().to_owned()
    }

    /// Removes every image, pulls this one, and returns its identity.
    #[track_caller]
    pub fn pull_anew(&self, image: &str) -> String {
        self.run(&["rmi", "--all", "--force"]);
        self.run(&["pull", "--quiet", "--tls-verify=false", image]);
        self.id(image)
    }

    /// The digest of an image's configuration.
    #[track_caller]
    pub fn id(&self, image: &str) -> String {
        match self.name {
            "podman" => self.run(&["image", "inspect", "--format", "{{.Id}}", image]),
            _ => self.run(&["inspect", "--type", "image", "--format", "{{.FromImageID}}", image]),
        }
    }
}

//! What podman and buildah have in common: images kept in a folder of the test, nothing that needs a kernel's
//! help, and the same words for building, pushing and pulling.
use crate::support::{Folder, client, run_with};
use std::fs;
use std::process::Command;
use tests::noise;

/// podman or buildah with its own storage.
pub struct Engine {
    name: &'static str,
    /// Its storage and its files.
    pub folder: Folder,
}

impl Engine {
    /// `podman` or `buildah`.
    pub fn new(name: &'static str) -> Engine {
        let folder = Folder::new();
        fs::write(folder.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
            .expect("a file can be written");
        fs::write(folder.join("registries.conf"), "unqualified-search-registries = []\n")
            .expect("a file can be written");
        Engine { name, folder }
    }

    /// A command of it.
    pub fn command(&self) -> Command {
        let mut command = client(self.name, self.folder.path());
        command.env("CONTAINERS_REGISTRIES_CONF", self.folder.join("registries.conf"));
        command.args(["--storage-driver", "vfs"]).arg("--root").arg(self.folder.join("root"));
        command.arg("--runroot").arg(self.folder.join("run"));
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
        let context = self.folder.join(format!("context-{seed}"));
        fs::create_dir_all(&context).expect("a folder can be made");
        for layer in 0..2 {
            fs::write(context.join(format!("{layer}")), noise(seed * 10 + layer, 300_000)).expect("written");
        }
        fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY 0 /0\nCOPY 1 /1\n").expect("written");
        let policy = self.folder.join("policy.json");
        let context = context.to_str().expect("a temporary folder is UTF-8");
        let policy = policy.to_str().expect("a temporary folder is UTF-8");
        self.run(&[
            "build",
            "--quiet",
            "--layers",
            "--isolation",
            "chroot",
            "--signature-policy",
            policy,
            "--tag",
            tag,
            context,
        ]);
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

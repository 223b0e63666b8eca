//! One document: where its commands run, and what came of each.
use crate::listed::{LISTED, RESTART};
use crate::terminal::{Said, Terminal};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::Server;
use tests::docker::Docker;
use tests::inside::{call_here, inside};
use tests::program::{program, run, tools};

/// What stands for the Hub: docker asks it first for images without a host in their names.
const HUB: &[(&str, &str)] = &[
    ("registry:2", "library/registry:latest"),
    ("registry:2", "library/registry:2.6"),
    ("nginx", "library/nginx:latest"),
    ("nginx", "library/debian:stable-slim"),
    ("nginx", "library/hello-world:latest"),
];

/// A document, with a machine that is like the one it was written on.
pub struct Tutorial {
    name: &'static str,
    terminal: Terminal,
    /// Its docker, where our image is called `registry:2`.
    pub docker: Docker,
    hub: Server,
    /// How many of its commands and files have had their turn.
    had: usize,
    listed: Vec<&'static str>,
}

impl Tutorial {
    /// Begins the document of this name, which is the name of its module too, in the test that is called `test`.
    /// `folders` are places in the tree that it wants for itself, and `hosts` are names for this machine. There is
    /// none outside that machine, where the test is run again, and has passed by now.
    #[track_caller]
    pub fn begin(name: &'static str, test: &str, folders: &[&str], hosts: &str) -> Option<Tutorial> {
        if !inside(&format!("{name}::{test}"), &[folders, &["/etc/docker"]].concat()) {
            return None;
        }
        let hub = Server::start();
        let docker = Docker::with(&[&format!("--registry-mirror={}", hub.url())]);
        call_here(&docker.folder, hosts);
        let plugins = docker.folder.join(".docker/cli-plugins");
        fs::create_dir_all(&plugins).expect("a folder can be made");
        for plugin in ["docker-buildx", "docker-compose"] {
            symlink(program(plugin), plugins.join(plugin)).expect("a link can be made");
        }
        build_registry(&docker);
        let mut environment = docker.command();
        let path = std::env::var("PATH").expect("there is a PATH");
        environment.env_remove("DOCKER_BUILDKIT").env("PATH", format!("{}:{path}", tools().display()));
        environment.env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
        let terminal = Terminal::open(&docker.folder.join("terminal"), &environment);
        let mut tutorial = Tutorial { name, terminal, docker, hub, had: 0, listed: Vec::new() };
        // So that `docker build` is that of buildx with docker 20.10 too.
        tutorial.beside("docker buildx install");
        Some(tutorial)
    }

    /// Has the Hub have its images. docker forgets them here, but for `registry:2`.
    pub fn fill_hub(&mut self) {
        self.docker.build("nginx", 1);
        for (image, name) in HUB {
            let there = format!("{}/{name}", self.hub.addr());
            self.docker.run(&["tag", image, &there]);
            self.docker.run(&["push", "--quiet", &there]);
            self.docker.run(&["rmi", &there]);
        }
        self.docker.run(&["rmi", "nginx"]);
    }

    /// A command of the document, as it stands there. Returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn run(&mut self, command: &str) -> String {
        self.typed(command, &[])
    }

    /// As [`Tutorial::run`], of one that asks for what is typed then.
    #[track_caller]
    pub fn typed(&mut self, command: &str, answers: &[(&str, &str)]) -> String {
        self.had += 1;
        let said = self.terminal.run(command, answers);
        succeeded(command, said)
    }

    /// As [`Tutorial::run`], with what stands for its `<words>`.
    #[track_caller]
    pub fn filled(&mut self, command: &str, words: &[(&str, &str)]) -> String {
        let mut filled = command.to_owned();
        for (word, value) in words {
            assert!(filled.contains(word), "{command} has no {word}");
            filled = filled.replace(word, value);
        }
        self.run(&filled)
    }

    /// A command of the document, as it stands there: it fails, whoever the registry is of. Returns all it said.
    ///
    /// # Panics
    /// When it succeeds.
    #[track_caller]
    pub fn fails(&mut self, command: &str) -> String {
        self.had += 1;
        self.refused(command)
    }

    /// A file of the document, as it stands there.
    pub fn file(&mut self, path: impl AsRef<Path>, text: &str) {
        self.had += 1;
        self.write(path, text);
    }

    /// A command of the document that is in the table of those that cannot run as they stand. Returns what was printed
    /// by what the table has in its place.
    ///
    /// # Panics
    /// When the table has no such command, or what is in its place fails.
    #[track_caller]
    pub fn listed(&mut self, command: &str) -> String {
        self.had += 1;
        let listed = LISTED.iter().find(|listed| (listed.document, listed.command) == (self.name, command));
        let listed = listed.unwrap_or_else(|| panic!("the table has no {command:?} of {}", self.name));
        self.listed.push(listed.command);
        match listed.instead {
            "" => String::new(),
            RESTART => {
                self.docker.restart();
                String::new()
            }
            instead => self.beside(instead),
        }
    }

    /// What the document leaves to its reader.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn beside(&mut self, command: &str) -> String {
        let said = self.terminal.run(command, &[]);
        succeeded(command, said)
    }

    /// As [`Tutorial::beside`], of what has to fail. Returns all it said.
    #[track_caller]
    pub fn refused(&mut self, command: &str) -> String {
        let said = self.terminal.run(command, &[]);
        assert_ne!(said.status, 0, "{command}\nworks: {said:?}");
        said.out + &said.err
    }

    /// A file that the document leaves to its reader.
    pub fn write(&mut self, path: impl AsRef<Path>, text: &str) {
        fs::write(self.docker.folder.join(path), text).expect("a file can be written");
    }

    /// Waits until a registry answers there.
    pub fn wait_for(&mut self, url: &str) {
        self.beside(&format!("until curl --silent --insecure --output /dev/null {url}; do sleep 0.1; done"));
    }

    /// Ends the document.
    ///
    /// # Panics
    /// When not this many of its commands and files have had their turn, or one of the table has not.
    #[track_caller]
    pub fn end(self, commands: usize) {
        assert_eq!(self.had, commands, "commands and files of {}", self.name);
        for listed in LISTED.iter().filter(|listed| listed.document == self.name) {
            assert!(self.listed.contains(&listed.command), "{listed:?} has not had its turn");
        }
        self.docker.run(&["ps", "--all", "--quiet"]).lines().for_each(|container| {
            self.docker.run(&["rm", "--force", "--volumes", container]);
        });
    }
}

#[track_caller]
fn succeeded(command: &str, said: Said) -> String {
    assert_eq!(said.status, 0, "{command}\n{}\n{}", said.out, said.err);
    said.out
}

/// Makes our image, as `registry:2`.
fn build_registry(docker: &Docker) {
    let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/image/build");
    let mut command = Command::new(script);
    command.envs(docker.command().get_envs().filter_map(|(name, value)| Some((name, value?))));
    run(command.env("TAG", "registry:2"));
}

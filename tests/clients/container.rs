//! The container image, as `make image` makes it, and containers of it.
use crate::docker::Docker;
use crate::support::{program, run, run_with};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tests::{Client, Request, Response, eventually, free_port};

/// What the image is called here.
pub const TAG: &str = "pierhead:test";

/// A file of the repository.
pub fn of_the_repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The script that `make image` runs, for this engine and with the engine's environment.
pub fn builder(engine: &str, command: &Command) -> Command {
    let mut script = Command::new(of_the_repository("deploy/image/build"));
    script.env("ENGINE", engine).env("TAG", TAG);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script
}

/// Builds the image in docker.
#[track_caller]
pub fn build(docker: &Docker) {
    let engine = program("docker");
    run(&mut builder(engine.to_str().expect("a path is UTF-8"), &docker.command()));
}

/// Runs the image to its end, with these options of `docker run` and these arguments of its own; returns the exit
/// status, and what it has written.
///
/// # Panics
/// When it still runs after 30 s.
#[track_caller]
pub fn run_to_end(docker: &Docker, options: &[&str], arguments: &[&str]) -> (String, String) {
    let container = Container::launch(docker, options, arguments);
    let ended = eventually(Duration::from_secs(30), || container.state("Running") == "false");
    assert!(ended, "{arguments:?} was to end by itself, and still runs");
    (container.state("ExitCode"), container.log())
}

/// A container that serves. There is no bridge: it has the network of the machine, and a port of its own there.
pub struct Container<'a> {
    docker: &'a Docker,
    id: String,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Container<'_> {
    #[track_caller]
    fn launch<'a>(docker: &'a Docker, options: &[&str], arguments: &[&str]) -> Container<'a> {
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let listen = format!("REGISTRY_HTTP_ADDR=localhost:{}", addr.port());
        let common = ["run", "--detach", "--network", "host", "--env", &listen];
        let id = docker.run(&[&common, options, &[TAG], arguments].concat());
        Container { docker, id, addr }
    }

    /// Starts one with these options of `docker run` and these arguments of its own, and waits until it answers.
    ///
    /// # Panics
    /// When it does not, with its log.
    #[track_caller]
    pub fn start<'a>(docker: &'a Docker, options: &[&str], arguments: &[&str]) -> Container<'a> {
        let container = Container::launch(docker, options, arguments);
        let up = eventually(Duration::from_secs(20), || Client::try_connect(container.addr).is_ok());
        assert!(up, "the container does not listen:\n{}", container.log());
        container.get("/").expect(200);
        container
    }

    /// `GET` over a connection of its own.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        Client::connect(self.addr).request(&Request::get(target))
    }

    /// `127.0.0.1:port/name`.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.addr)
    }

    /// `docker exec`, and what it printed.
    #[track_caller]
    pub fn exec<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let mut command = self.docker.command();
        command.args(["exec", &self.id]);
        run_with(command, arguments)
    }

    /// What it has written.
    pub fn log(&self) -> String {
        let done = self.docker.command().args(["logs", &self.id]).output().expect("docker can be executed");
        String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
    }

    /// `docker stop`: how long it takes, and the exit status of the container.
    #[track_caller]
    pub fn stop(&self) -> (Duration, String) {
        let start = Instant::now();
        self.docker.run(&["stop", &self.id]);
        let took = start.elapsed();
        (took, self.state("ExitCode"))
    }

    #[track_caller]
    fn state(&self, name: &str) -> String {
        self.docker.run(&["inspect", "--format", &format!("{{{{.State.{name}}}}}"), &self.id])
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of the container:\n{}", self.log());
        }
        let _ = self.docker.command().args(["rm", "--force", "--volumes", &self.id]).output();
    }
}

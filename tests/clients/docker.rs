//! docker: a daemon of our own for each test, without a bridge or rules of its own in the network.
use crate::layout::Layout;
use crate::support::{
    Folder, assert_mounted, assert_nothing_uploaded, client, program, reference, requests_of, run_with,
};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::{Server, eventually, noise};

/// A daemon.
pub struct Docker {
    daemon: Child,
    /// Its files.
    pub folder: Folder,
}

impl Docker {
    /// Starts one.
    pub fn start() -> Docker {
        let folder = Folder::new();
        let log = fs::File::create(folder.join("log")).expect("a file can be made");
        let twin = log.try_clone().expect("a file can be cloned");
        // setpriv: if this test is killed, the daemon ends too.
        let mut command = Command::new(program("setpriv"));
        command.args(["--pdeathsig", "TERM"]).arg(program("dockerd"));
        for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(option).arg(folder.join(name));
        }
        command.arg("--host").arg(format!("unix://{}", folder.join("socket").display()));
        command.args(["--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"]);
        command.args(["--ip-forward=false", "--ip-masq=false"]);
        let daemon =
            command.stdin(Stdio::null()).stdout(log).stderr(twin).spawn().expect("dockerd can be executed");
        let docker = Docker { daemon, folder };
        let up = eventually(Duration::from_secs(60), || {
            docker.command().arg("version").output().is_ok_and(|done| done.status.success())
        });
        assert!(up, "dockerd does not come up:\n{}", docker.log());
        docker
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A command of its client.
    pub fn command(&self) -> Command {
        let mut command = client("docker", self.folder.path());
        command.env("DOCKER_HOST", format!("unix://{}", self.folder.join("socket").display()));
        // The builder in the daemon: buildx is not in Debian.
        command.env("DOCKER_BUILDKIT", "0").env_remove("DOCKER_CONTEXT");
        command
    }

    /// Runs its client.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        run_with(self.command(), arguments)
    }

    /// Builds an image with three layers of its own.
    pub fn build(&self, tag: &str, seed: u64) {
        let context = self.folder.join(format!("context-{seed}"));
        fs::create_dir_all(&context).expect("a folder can be made");
        let mut steps = String::from("FROM scratch\n");
        for layer in 0..3 {
            fs::write(context.join(format!("{layer}")), noise(seed * 10 + layer, 300_000)).expect("written");
            steps.push_str(&format!("COPY {layer} /{layer}\n"));
        }
        fs::write(context.join("Dockerfile"), steps + "CMD [\"/0\"]\n").expect("a file can be written");
        self.run(&["build", "--quiet", "--tag", tag, context.to_str().expect("a temporary folder is UTF-8")]);
    }

    /// The digest of an image's configuration.
    pub fn id(&self, image: &str) -> String {
        self.run(&["image", "inspect", "--format", "{{.Id}}", image])
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // On SIGTERM it ends its containerd too.
        if let Some(pid) = Pid::from_raw(self.daemon.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        if !eventually(Duration::from_secs(20), || matches!(self.daemon.try_wait(), Ok(Some(_)))) {
            let _ = self.daemon.kill();
            let _ = self.daemon.wait();
        }
        // Where a container had the network of the machine, something is mounted there still.
        let _ = Command::new("umount").arg("--quiet").arg(self.folder.join("exec/netns/default")).output();
    }
}

#[test]
fn docker_pulls_the_image_that_it_built_and_pushed() {
    let (server, docker) = (Server::start(), Docker::start());
    for (seed, name) in (1..).zip(["app:1", "a/much/deeper/nested/repository:v1.0"]) {
        let name = reference(&server, name);
        docker.build(&name, seed);
        let id = docker.id(&name);
        let said = docker.run(&["push", &name]);
        docker.run(&["rmi", "--force", &id]);
        docker.run(&["pull", "--quiet", &name]);
        assert_eq!(docker.id(&name), id);

        let (repository, _) = name.rsplit_once(':').expect("a name has a tag");
        let digest = docker.run(&["image", "inspect", "--format", "{{index .RepoDigests 0}}", &name]);
        let digest = digest.rsplit('@').next().expect("a digest follows the name");
        assert!(said.contains(digest), "push and pull tell different digests: {said}\n{digest}");
        docker.run(&["rmi", "--force", &id]);
        docker.run(&["pull", "--quiet", &format!("{repository}@{digest}")]);
        assert_eq!(docker.id(&id), id);
    }
}

#[test]
fn docker_uploads_nothing_twice() {
    let (server, docker) = (Server::start(), Docker::start());
    let (first, second) = (reference(&server, "app:1"), reference(&server, "app:2"));
    docker.build(&first, 1);
    docker.run(&["push", &first]);
    docker.run(&["tag", &first, &second]);
    let again = requests_of(&server, || drop(docker.run(&["push", &second])));
    assert_nothing_uploaded(&again);
}

#[test]
fn docker_mounts_from_one_repository_into_another() {
    let (server, docker) = (Server::start(), Docker::start());
    let (from, into) = (reference(&server, "from:1"), reference(&server, "into/another:1"));
    docker.build(&from, 1);
    docker.run(&["push", &from]);
    docker.run(&["tag", &from, &into]);
    let lines = requests_of(&server, || assert!(docker.run(&["push", &into]).contains("Mounted from from")));
    assert_mounted(&lines, 3);
    let id = docker.id(&into);
    docker.run(&["rmi", "--force", &id]);
    docker.run(&["pull", "--quiet", &into]);
    assert_eq!(docker.id(&into), id);
}

#[test]
fn docker_pulls_its_platform_out_of_an_index() {
    let (server, docker) = (Server::start(), Docker::start());
    let index = Layout::index(&docker.folder.join("index"), 1);
    let name = reference(&server, "multi:1");
    let mut copy = client("skopeo", docker.folder.path());
    copy.args(["--insecure-policy", "copy", "--all", "--quiet", "--dest-tls-verify=false"]);
    run_with(copy, [index.oci(), format!("docker://{name}")]);
    for architecture in ["amd64", "arm64"] {
        let said = docker.run(&["pull", "--platform", &format!("linux/{architecture}"), &name]);
        assert!(said.contains(&format!("Digest: {}", index.digest)), "{said}");
        let got = docker.run(&["image", "inspect", "--format", "{{.Architecture}}", &name]);
        assert_eq!(got, architecture);
    }
}

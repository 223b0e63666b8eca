//! docker: a daemon of our own for each test, without rules of its own in the network.
use crate::program::{Folder, client, program, run_with};
use crate::{eventually, noise};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A daemon.
#[derive(Debug)]
pub struct Docker {
    daemon: Child,
    options: Vec<String>,
    /// Its files, and the home of its client.
    pub folder: Folder,
}

impl Docker {
    /// Starts one without a bridge.
    pub fn start() -> Docker {
        Docker::with(&["--bridge=none"])
    }

    /// Starts one with these options.
    ///
    /// # Panics
    /// When it does not come up, with its log.
    pub fn with(options: &[&str]) -> Docker {
        let folder = Folder::new();
        let options: Vec<_> = options.iter().map(ToString::to_string).collect();
        let daemon = spawn(&folder, &options);
        let docker = Docker { daemon, options, folder };
        docker.wait();
        docker
    }

    /// Stops it, and starts it again with the same images and containers.
    ///
    /// # Panics
    /// When it does not come up, with its log.
    pub fn restart(&mut self) {
        self.stop();
        self.daemon = spawn(&self.folder, &self.options);
        self.wait();
    }

    fn wait(&self) {
        let up = eventually(Duration::from_secs(60), || {
            self.command().arg("version").output().is_ok_and(|done| done.status.success())
        });
        assert!(up, "dockerd does not come up:\n{}", self.log());
    }

    fn stop(&mut self) {
        // On SIGTERM it ends its containerd too.
        if let Some(pid) = Pid::from_raw(self.daemon.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        if !eventually(Duration::from_secs(20), || matches!(self.daemon.try_wait(), Ok(Some(_)))) {
            let _ = self.daemon.kill();
            let _ = self.daemon.wait();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Where its client finds it: `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.join("socket").display())
    }

    /// A command of its client.
    pub fn command(&self) -> Command {
        let mut command = client("docker", self.folder.path());
        command.env("DOCKER_HOST", self.host());
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

    /// Removes an image here, and pulls it.
    ///
    /// # Panics
    /// When what comes is another one.
    #[track_caller]
    pub fn pull_anew(&self, name: &str, id: &str) {
        self.run(&["rmi", "--force", id]);
        self.run(&["pull", "--quiet", name]);
        assert_eq!(self.id(name), id, "{name}");
    }

    /// The digest of an image's configuration.
    pub fn id(&self, image: &str) -> String {
        self.run(&["image", "inspect", "--format", "{{.Id}}", image])
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.stop();
        // Where a container had the network of the machine, something is mounted there still.
        let _ = Command::new("umount").arg("--quiet").arg(self.folder.join("exec/netns/default")).output();
    }
}

fn spawn(folder: &Folder, options: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log"));
    let log = log.expect("a file can be made");
    let twin = log.try_clone().expect("a file can be cloned");
    // setpriv: if this test is killed, the daemon ends too.
    let mut command = Command::new(program("setpriv"));
    command.args(["--pdeathsig", "TERM"]).arg(program("dockerd"));
    for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
        command.arg(option).arg(folder.join(name));
    }
    command.arg("--host").arg(format!("unix://{}", folder.join("socket").display()));
    command.args(["--storage-driver=vfs", "--iptables=false", "--ip6tables=false"]);
    command.args(["--ip-forward=false", "--ip-masq=false"]).args(options);
    command.stdin(Stdio::null()).stdout(log).stderr(twin).spawn().expect("dockerd can be executed")
}

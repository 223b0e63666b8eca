//! Debian's docker-registry, distribution 2: the registry whose trees open here, and which opens ours.
use crate::support::{Folder, program};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::{Client, eventually};

/// docker-registry on a folder; it ends when this is dropped.
pub struct Debian {
    process: Child,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Debian {
    /// Starts it on the tree in `root`; its configuration and log lie in `folder`.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(folder: &Folder, root: &Path) -> Debian {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let addr = free.expect("a port is free");
        let config = folder.join("docker-registry.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n\
             http:\n  addr: {addr}\n",
            root.display()
        );
        fs::write(&config, text).expect("a file can be written");
        Debian::serve(folder, &config, &[], addr)
    }

    /// Starts it with this configuration file and these variables, which have it listen there; its log lies in `folder`.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn serve(folder: &Folder, config: &Path, variables: &[(&str, &str)], addr: SocketAddr) -> Debian {
        let log = fs::File::create(folder.join("docker-registry.log")).expect("a file can be made");
        let mut command = Command::new(program("docker-registry"));
        command.envs(variables.iter().copied());
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let debian = Debian { process: command.spawn().expect("docker-registry can be executed"), addr };
        let up = eventually(Duration::from_secs(20), || Client::try_connect(addr).is_ok());
        assert!(up, "docker-registry does not come up");
        debian
    }
}

impl Drop for Debian {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! A bucket as S3 has them: versitygw in front of a folder.
use crate::program::program;
use crate::{eventually, free_port};
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A bucket whose objects are the files of a folder. It is gone when this is dropped, and the folder stays.
#[derive(Debug)]
pub struct Bucket {
    folder: PathBuf,
    port: u16,
    gateway: Child,
}

impl Bucket {
    /// The key that opens it.
    pub const ACCESS_KEY: &str = "pierhead";
    /// What belongs to the key.
    pub const SECRET_KEY: &str = "pierhead-secret";
    /// Where it is said to be.
    pub const REGION: &str = "us-east-1";
    /// Its name.
    pub const NAME: &str = "registry";

    /// Serves the folder `registry` in this folder, which is made where it is missing.
    pub fn serve(folder: &Path) -> Bucket {
        Bucket::serve_on(folder, free_port())
    }

    /// The same on a port, of [`free_port`].
    ///
    /// # Panics
    /// When the gateway does not come up, with what it said.
    pub fn serve_on(folder: &Path, port: u16) -> Bucket {
        fs::create_dir_all(folder.join(Bucket::NAME)).expect("a folder can be made");
        let log = folder.with_extension("log");
        let file = File::options().create(true).append(true).open(&log).expect("a file can be made");
        let twin = file.try_clone().expect("a file can be cloned");
        let mut command = Command::new(program("versitygw"));
        command.args(["--access", Bucket::ACCESS_KEY, "--secret", Bucket::SECRET_KEY]);
        command.args(["--region", Bucket::REGION, "--port", &format!("127.0.0.1:{port}"), "--keep-alive"]);
        command.arg("posix").arg(folder).stdin(Stdio::null()).stdout(file).stderr(twin);
        let gateway = command.spawn().expect("versitygw can be executed");
        let bucket = Bucket { folder: folder.to_owned(), port, gateway };
        let up =
            eventually(Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", bucket.port)).is_ok());
        assert!(up, "versitygw does not come up:\n{}", fs::read_to_string(log).unwrap_or_default());
        bucket
    }

    /// Where S3 is asked for.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a server is told of it.
    pub fn settings(&self) -> Vec<(String, String)> {
        let endpoint = self.endpoint();
        let settings = [
            ("REGIONENDPOINT", &*endpoint),
            ("REGION", Bucket::REGION),
            ("BUCKET", Bucket::NAME),
            ("ACCESSKEY", Bucket::ACCESS_KEY),
            ("SECRETKEY", Bucket::SECRET_KEY),
        ];
        settings.map(|(name, value)| (format!("REGISTRY_STORAGE_S3_{name}"), value.to_owned())).into()
    }

    /// The folder that holds its objects.
    pub fn folder(&self) -> PathBuf {
        self.folder.join(Bucket::NAME)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
    }
}

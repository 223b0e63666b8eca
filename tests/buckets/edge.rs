//! A directory shown as a bucket, and our registry over it on wasmtime.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tests::program::{Folder, program, run, tools};
use tests::{Client, Image, Request, Response, closing, eventually, free_port, sha256};

/// The keys that a bucket of ours takes.
pub const ACCESS: &str = "edge-access";
pub const SECRET: &str = "edge-secret-b5b1f2";

/// How long a program may take until it answers.
const START: Duration = Duration::from_secs(20);

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The registry, compiled once for all tests.
fn compiled() -> &'static Path {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pierhead-s3.cwasm");
        let artefact = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/artefacts/pierhead-s3.wasm");
        assert!(artefact.exists(), "{} is not there: run `make artefacts`", artefact.display());
        run(wasmtime().arg("compile").arg(artefact).arg("-o").arg(&file));
        file
    })
}

fn wasmtime() -> Command {
    let mut command = Command::new(tools().join("cargo/bin/wasmtime"));
    command.env_remove("RUST_BACKTRACE");
    command
}

/// A program that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder whose folder `data` versitygw shows as a bucket of that name.
pub struct Bucket {
    port: u16,
    folder: Folder,
    _program: Running,
}

impl Bucket {
    pub fn new() -> Bucket {
        let (port, folder) = (free_port(), Folder::new());
        std::fs::create_dir(folder.join("data")).expect("a folder can be made");
        let mut command = Command::new(program("versitygw"));
        command.args(["--access", ACCESS, "--secret", SECRET, "--port", &local(port).to_string(), "--quiet"]);
        command.arg("posix").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = Running(command.spawn().expect("versitygw can be run"));
        assert!(eventually(START, || Client::try_connect(local(port)).is_ok()), "versitygw does not answer");
        Bucket { port, folder, _program: program }
    }

    /// What is shown as a bucket.
    pub fn root(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", local(self.port))
    }

    /// A registry over it.
    pub fn edge(&self) -> Edge {
        self.edge_with(&[])
    }

    /// A registry over it, with other settings than the right ones.
    pub fn edge_with(&self, settings: &[(&str, &str)]) -> Edge {
        let endpoint = self.endpoint();
        let usual = [
            ("REGISTRY_STORAGE_S3_BUCKET", "data"),
            ("REGISTRY_STORAGE_S3_REGION", "us-east-1"),
            ("REGISTRY_STORAGE_S3_REGIONENDPOINT", &endpoint),
            ("REGISTRY_STORAGE_S3_ACCESSKEY", ACCESS),
            ("REGISTRY_STORAGE_S3_SECRETKEY", SECRET),
            ("REGISTRY_STORAGE_DELETE_ENABLED", "true"),
        ];
        let others = usual.into_iter().filter(|(name, _)| settings.iter().all(|(other, _)| other != name));
        let all: Vec<_> = settings.iter().copied().chain(others).collect();
        Edge::start(self.folder.join(format!("log-{}", free_port())), &all)
    }
}

/// Our registry on wasmtime, over a bucket.
pub struct Edge {
    port: u16,
    log: PathBuf,
    _program: Running,
}

impl Edge {
    fn start(log: PathBuf, settings: &[(&str, &str)]) -> Edge {
        let port = free_port();
        let mut command = wasmtime();
        command.args(["serve", "--allow-precompiled", "-S", "cli", "--addr", &local(port).to_string()]);
        for (name, value) in settings {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        let file = std::fs::File::create(&log).expect("a log can be written");
        let both = file.try_clone().expect("a file can have two handles");
        command.arg(compiled()).stdin(Stdio::null()).stdout(file).stderr(both);
        let program = Running(command.spawn().expect("wasmtime can be run: `make client-tools`"));
        let edge = Edge { port, log, _program: program };
        let answers = || {
            let asked = Client::try_connect(local(port));
            asked.and_then(|mut client| client.try_request(&Request::get("/v2/"))).is_ok()
        };
        assert!(eventually(START, answers), "the registry does not answer:\n{}", edge.log());
        edge
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn client(&self) -> Client {
        Client::connect(local(self.port))
    }

    #[track_caller]
    pub fn ask(&self, request: &Request) -> Response {
        self.client().request(request)
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.ask(&Request::get(target))
    }

    /// Opens an upload and returns where it is.
    #[track_caller]
    pub fn start_upload(&self, repository: &str) -> String {
        self.ask(&Request::post(&format!("/v2/{repository}/blobs/uploads/"))).expect(202).location()
    }

    /// Pushes a blob in one request, or in several.
    #[track_caller]
    pub fn push_blob(&self, repository: &str, bytes: &[u8], chunk: Option<usize>) {
        let (upload, digest) = (self.start_upload(repository), sha256(bytes));
        let Some(chunk) = chunk else {
            self.ask(&Request::put(&closing(&upload, &digest), bytes)).expect(201);
            return;
        };
        for part in bytes.chunks(chunk) {
            self.ask(&Request::patch(&upload, part)).expect(202);
        }
        self.ask(&Request::put(&closing(&upload, &digest), b"")).expect(201);
    }

    /// Pushes an image under a tag.
    #[track_caller]
    pub fn push(&self, image: &Image, repository: &str, tag: &str) {
        for bytes in image.layers.iter().chain([&image.config]) {
            self.push_blob(repository, bytes, None);
        }
        let target = format!("/v2/{repository}/manifests/{tag}");
        let request = Request::put(&target, &*image.manifest).header("Content-Type", image.media_type);
        self.ask(&request).expect(201);
    }
}

use crate::host::{Beside, bare_command};
use crate::place::{Place, files_below, free_port};
use crate::{AccessLine, Client, Host, Request, Response, Setup, eventually, processes};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, kill_process, prlimit};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long a server may take to answer its first request.
const START: Duration = Duration::from_secs(20);

/// A running server with data, a port and a log of its own. It is killed when it is dropped, and its data are
/// removed, unless the test failed.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    place: Place,
    port: u16,
    beside: Option<Beside>,
    child: Option<Child>,
}

impl Server {
    /// Starts a server with nothing special about it, and waits until it answers.
    #[track_caller]
    pub fn start() -> Server {
        Server::with(|setup| setup)
    }

    /// Starts a server as `configure` says: `Server::with(|s| s.delete_enabled().env("A", "b"))`.
    ///
    /// # Panics
    /// When it does not come up, with its log.
    #[track_caller]
    pub fn with(configure: impl for<'a> FnOnce(&'a mut Setup) -> &'a mut Setup) -> Server {
        let mut setup = Setup::default();
        configure(&mut setup);
        let port = setup.port.unwrap_or_else(free_port);
        let place = Place::new();
        let beside = match setup.kept {
            Some(_) => None,
            None => Beside::of(setup.host, &place),
        };
        let mut server = Server { setup, place, port, beside, child: None };
        server.launch();
        server
    }

    /// Starts the process again, on the same port and data, with the same settings.
    ///
    /// # Panics
    /// When it runs already, or does not come up.
    #[track_caller]
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let mut command = self.host().command(&self.setup, &self.place, self.port, self.beside.as_ref());
        if !self.host().is_ours() {
            // Spin starts a process of its own, which is to end with it.
            command.process_group(0);
        }
        self.child = Some(command.spawn().expect("the server can be executed"));
        let deadline = Instant::now() + START;
        while !self.answers() {
            let status =
                self.child.as_mut().and_then(|child| child.try_wait().expect("a child can be waited for"));
            if let Some(status) = status {
                self.child = None;
                panic!("the server ended with {status} instead of serving:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "the server does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Has the server end and starts it again on the same port and data.
    #[track_caller]
    pub fn restart(&mut self) {
        self.terminate(Duration::from_secs(20));
        self.launch();
    }

    /// As [`Server::restart`], with other settings.
    #[track_caller]
    pub fn restart_with(&mut self, configure: impl for<'a> FnOnce(&'a mut Setup) -> &'a mut Setup) {
        self.terminate(Duration::from_secs(20));
        configure(&mut self.setup);
        self.launch();
    }

    /// Whether `GET /` is answered.
    fn answers(&self) -> bool {
        if self.socket().is_none()
            && TcpStream::connect_timeout(&self.addr(), Duration::from_millis(200)).is_err()
        {
            return false;
        }
        if self.setup.silent {
            return true;
        }
        let asked = self.try_client().and_then(|mut client| client.try_request(&Request::get("/")));
        asked.is_ok_and(|response| response.status == 200)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.setup.addr(self.port)
    }

    /// `http://host:port` or, with TLS, `https://host:port`, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = if self.setup.trust.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr())
    }

    /// What runs it.
    pub fn host(&self) -> Host {
        self.setup.host
    }

    /// The folder of its data: `storage.filesystem.rootdirectory`, or what lies behind its bucket.
    ///
    /// # Panics
    /// When its host keeps no files.
    #[track_caller]
    pub fn root(&self) -> PathBuf {
        assert!(self.host().keeps_a_tree(), "{} keeps its data in no files", self.host().name());
        let behind = || self.setup.kept.clone().and_then(|kept| kept.folder);
        let given = self.setup.root.clone().or_else(behind);
        let own = || match &self.beside {
            Some(Beside::Bucket(bucket)) => bucket.folder(),
            _ => self.place.root(),
        };
        given.unwrap_or_else(own)
    }

    /// `docker/registry/v2` in the folder of its data: `blobs` and `repositories` lie there.
    pub fn tree(&self) -> PathBuf {
        self.root().join("docker/registry/v2")
    }

    /// The file that holds a blob of this digest, whether it is there or not.
    pub fn blob_file(&self, digest: &names::Digest) -> PathBuf {
        let hex = digest.hex();
        self.tree().join("blobs").join(digest.algorithm().as_str()).join(&hex[..2]).join(hex).join("data")
    }

    /// The folder of a repository, whether it is there or not.
    pub fn repository(&self, name: &str) -> PathBuf {
        self.tree().join("repositories").join(name)
    }

    /// Every file below [`Server::tree`].
    pub fn files(&self) -> Vec<PathBuf> {
        files_below(self.tree())
    }

    /// A folder for whatever else a test needs; it goes with the server.
    pub fn scratch(&self) -> &Path {
        &self.place.folder
    }

    /// Our own host's program with these arguments, for the data of this server, and without its other settings.
    pub fn beside(&self, arguments: &[&str]) -> Command {
        let mut command = bare_command(&Setup::default());
        command.args(arguments);
        match self.host() {
            Host::Native => command.env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", self.root()),
            _ => command.envs(self.setup.kept_settings(self.beside.as_ref())),
        };
        command
    }

    /// The process: the server, or the program it was started under.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| child.try_wait().expect("a child can be waited for").is_none())
    }

    /// Kills it with SIGKILL and waits for its end. Nothing happens if it does not run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().expect("a child can be waited for");
            if !self.host().is_ours() {
                processes::end_group(child.id());
            }
        }
    }

    /// The most memory that its processes have held at once, in KiB, as the kernel counts.
    pub fn memory_peak(&self) -> u64 {
        processes::memory_peak(self.pid())
    }

    /// Allows the process this many files at most, or as many as the system does.
    pub fn allow_files(&self, most: Option<u64>) {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let limit = Rlimit { current: most.or(maximum), maximum };
        prlimit(self.process(), Resource::Nofile, limit).expect("the limits of a child can be set");
    }

    fn process(&self) -> Option<Pid> {
        Pid::from_raw(self.pid().cast_signed())
    }

    /// Asks it to end, with SIGTERM on our own host, and returns at once.
    #[track_caller]
    pub fn signal_to_terminate(&self) {
        let pid = self.process().expect("a process has a number");
        kill_process(pid, self.host().ends_on()).expect("a running process takes a signal");
    }

    /// Asks it to end, and waits for the end.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    #[track_caller]
    pub fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal_to_terminate();
        self.wait(limit)
    }

    /// Waits until the process ends by itself.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let child = self.child.as_mut().expect("the server runs");
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                self.child = None;
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the server still runs after {limit:?}:\n{}",
                self.place.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it has written to standard error so far, over all its starts: the log.
    pub fn log(&self) -> String {
        self.place.log()
    }

    /// Waits for something in the log: a line may come a moment after the answer that it tells of.
    ///
    /// # Panics
    /// When it has not come after 5 s.
    #[track_caller]
    pub fn assert_says(&self, part: impl AsRef<str>) {
        self.assert_says_within(Duration::from_secs(5), part.as_ref());
    }

    /// The same of what takes longer to come about.
    ///
    /// # Panics
    /// When it has not come after so long.
    #[track_caller]
    pub fn assert_says_within(&self, patience: Duration, part: &str) {
        let come = eventually(patience, || self.log().contains(part));
        assert!(come, "{part:?} is not in {}", self.log());
    }

    /// What it has written to standard output so far, over all its starts: Apache's access lines.
    pub fn output(&self) -> String {
        self.place.output()
    }

    /// The access lines of the log so far.
    ///
    /// # Panics
    /// When its host writes none.
    #[track_caller]
    pub fn access(&self) -> Vec<AccessLine> {
        assert!(self.host().is_ours(), "{} writes no access log", self.host().name());
        self.log().lines().filter_map(AccessLine::parse).collect()
    }

    /// Waits for the first access line that `wanted` likes: a line may come a moment after its answer.
    ///
    /// # Panics
    /// When none has come after 5 s.
    #[track_caller]
    pub fn access_line(&self, wanted: impl Fn(&AccessLine) -> bool) -> AccessLine {
        let mut found = None;
        let come = eventually(Duration::from_secs(5), || {
            found = self.access().into_iter().find(&wanted);
            found.is_some()
        });
        assert!(come, "no such access line:\n{}", self.log());
        found.expect("it has come")
    }

    /// A new connection, with TLS where the server has that.
    #[track_caller]
    pub fn client(&self) -> Client {
        let addr = self.addr();
        self.try_client().unwrap_or_else(|error| panic!("cannot connect to {addr}: {error}"))
    }

    /// A new connection, or why there is none.
    pub fn try_client(&self) -> io::Result<Client> {
        match (self.socket(), &self.setup.trust) {
            (Some(path), _) => Client::try_local(&path),
            (None, Some(trust)) => Client::try_tls(self.addr(), trust),
            (None, None) => Client::try_connect(self.addr()),
        }
    }

    /// The socket in the file system on which it listens, if that is so.
    pub fn socket(&self) -> Option<PathBuf> {
        self.setup.socket(&self.place)
    }

    /// Sends a request over a connection of its own and reads the answer.
    #[track_caller]
    pub fn request(&self, request: &Request) -> Response {
        self.client().request(request)
    }

    /// `GET` over a connection of its own.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.request(&Request::get(target))
    }

    /// `HEAD` over a connection of its own.
    #[track_caller]
    pub fn head(&self, target: &str) -> Response {
        self.request(&Request::head(target))
    }

    /// `POST` without a body over a connection of its own.
    #[track_caller]
    pub fn post(&self, target: &str) -> Response {
        self.request(&Request::post(target))
    }

    /// `PATCH` over a connection of its own.
    #[track_caller]
    pub fn patch(&self, target: &str, body: &[u8]) -> Response {
        self.request(&Request::patch(target, body))
    }

    /// `PUT` over a connection of its own.
    #[track_caller]
    pub fn put(&self, target: &str, body: &[u8]) -> Response {
        self.request(&Request::put(target, body))
    }

    /// `DELETE` over a connection of its own.
    #[track_caller]
    pub fn delete(&self, target: &str) -> Response {
        self.request(&Request::delete(target))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

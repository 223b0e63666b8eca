use crate::answers::answers;
use crate::{Client, Image, Response, Server, assert_error, push_blob, sha256, sha512, start_upload};
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::time::Duration;

/// The most memory that a server may come to hold, whatever it is asked: KiB, as the kernel counts.
const RESIDENT_KIB: u64 = 160 << 10;
/// After how many inputs the data begin anew.
const INPUTS: u32 = 5_000;
/// How long the server may be silent before it is told that nothing more will come: when all of a request has come,
/// and when perhaps it has not.
const SILENCE: [Duration; 2] = [Duration::from_secs(2), Duration::from_millis(10)];

/// A server that is sent anything, and held to what no input may change: it answers well-formed HTTP, and never
/// 500; errors are the registry's; it goes on serving, logs no error and holds a bounded amount of memory.
#[derive(Debug)]
pub struct Probe {
    server: Server,
    image: Image,
    upload: String,
    inputs: u32,
}

impl Default for Probe {
    fn default() -> Probe {
        Probe::start()
    }
}

impl Probe {
    /// Starts the server, with an image in the repository `a`, tagged `latest`, and an upload under way.
    pub fn start() -> Probe {
        let server = Server::with(|setup| {
            setup
                .delete_enabled()
                // What fuzzes ends without a word to its children.
                .under(&["setpriv", "--pdeathsig", "KILL"])
                .env("REGISTRY_LOG_LEVEL", "error")
                .env("REGISTRY_STORAGE_FILESYSTEM_FSYNC", "false")
        });
        let mut probe = Probe { server, image: Image::oci(1), upload: String::new(), inputs: 0 };
        probe.furnish();
        probe
    }

    fn furnish(&mut self) {
        self.image.push(&self.server, "a", "latest");
        push_blob(&self.server, "a", b"");
        self.upload = start_upload(&self.server, "a");
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Sends the bytes over a connection of their own, and takes what comes back. In the head of the first request
    /// `{upload}`, `{manifest}` and `{blob}` stand for the path of the upload and the digests of what is there,
    /// `{sha256}`, `{sha512}` and `{length}` for those of its body, which is the rest of the input.
    ///
    /// # Panics
    /// When something happens that no input may bring about.
    #[track_caller]
    pub fn send(&mut self, input: &[u8]) -> Vec<Response> {
        let bytes = self.filled_in(input);
        let sent = String::from_utf8_lossy(&bytes);
        let finishes = finishes(input);
        let received = self.exchange(&bytes, finishes);
        // What speaks HTTP/2 is answered in frames.
        let found = match bytes.starts_with(b"PRI * HTTP/2.0") {
            true => Vec::new(),
            false => answers(&received).unwrap_or_else(|why| panic!("{why}\nin answer to {sent}")),
        };
        assert!(!finishes || !found.is_empty(), "no answer to {sent}");
        for response in &found {
            is_sound(response, &sent);
        }
        self.is_well(&sent);
        found
    }

    fn filled_in(&self, input: &[u8]) -> Vec<u8> {
        let (head, body) = input.split_at(head_length(input).unwrap_or(input.len()));
        let mut bytes = head.to_vec();
        if head.contains(&b'{') {
            for (name, value) in [
                ("{upload}", self.upload.clone()),
                ("{manifest}", self.image.digest().to_string()),
                ("{blob}", sha256(&self.image.config).to_string()),
                ("{sha256}", sha256(body).to_string()),
                ("{sha512}", sha512(body).to_string()),
                ("{length}", body.len().to_string()),
            ] {
                bytes = replace(&bytes, name.as_bytes(), value.as_bytes());
            }
        }
        bytes.extend_from_slice(body);
        bytes
    }

    /// Sends bytes and reads until the server closes; no longer than for one answer, if that `finishes` it.
    fn exchange(&self, bytes: &[u8], finishes: bool) -> Vec<u8> {
        let mut client = Client::connect(self.server.addr());
        // A server may refuse early, and close.
        let _ = client.write(bytes);
        let mut stream = client.stream();
        let mut received = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        let mut told = false;
        let silence = SILENCE[usize::from(!finishes)];
        stream.set_read_timeout(Some(silence)).expect("a socket takes a timeout");
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return received,
                Ok(length) => received.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    assert!(
                        !told,
                        "the server neither answers nor closes:\n{}",
                        String::from_utf8_lossy(bytes)
                    );
                    told = stream.shutdown(Shutdown::Write).is_ok();
                    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes a timeout");
                }
                Err(_) => return received,
            }
            if finishes && is_whole(&received, bytes.starts_with(b"HEAD")) {
                return received;
            }
        }
    }

    /// Holds the server to be well after an input, and begins anew now and then.
    #[track_caller]
    pub fn is_well(&mut self, input: &str) {
        self.inputs += 1;
        assert!(self.server.is_running(), "the server has ended:\n{}\nafter {input}", self.server.log());
        let log = fs::metadata(self.server.scratch().join("log")).map_or(0, |log| log.len());
        assert_eq!(log, 0, "the server has logged an error:\n{}\nafter {input}", self.server.log());
        let resident = self.resident();
        assert!(resident < RESIDENT_KIB, "the server holds {resident} KiB after {input}");
        if self.inputs.is_multiple_of(200) && self.server.head(&self.upload).status != 204 {
            self.upload = start_upload(&self.server, "a");
        }
        if self.inputs.is_multiple_of(INPUTS) {
            *self = Probe::start();
        }
    }

    /// The memory that the server holds now, in KiB.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    }
}

/// Holds an answer to what every answer is.
#[track_caller]
pub(crate) fn is_sound(response: &Response, asked: &str) {
    let served = [200, 201, 202, 204, 206, 304];
    let refused = [400, 404, 405, 413, 414, 416, 431];
    let known = served.contains(&response.status) || refused.contains(&response.status);
    assert!(known, "{response}\nin answer to {asked}");
    assert!(response.header("Date").is_some(), "{response}\nin answer to {asked}");
    // hyper answers what is no HTTP itself, and without a body.
    if response.status >= 400 && !response.body.is_empty() {
        let code = response.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned();
        assert_error(response, response.status, &code);
    }
}

/// Where the body begins.
fn head_length(input: &[u8]) -> Option<usize> {
    let end =
        |mark: &[u8]| input.windows(mark.len()).position(|window| window == mark).map(|at| at + mark.len());
    [end(b"\r\n\r\n"), end(b"\n\n")].into_iter().flatten().min()
}

/// Whether an input is one request whose end is known without reading it as HTTP: it has no body, or one whose
/// length is filled in.
fn finishes(input: &[u8]) -> bool {
    let Some(length) = head_length(input) else { return false };
    let head = String::from_utf8_lossy(&input[..length]).to_ascii_lowercase();
    let lengths = head.matches("content-length").count();
    let all_filled_in = lengths == head.matches("content-length: {length}\n").count();
    all_filled_in
        && (lengths > 0 || input.len() == length)
        && head.starts_with(|first: char| first.is_ascii_graphic())
        && !head.contains("transfer-encoding")
        && !head.starts_with("pri ")
}

/// Whether an answer has come whole.
fn is_whole(received: &[u8], head: bool) -> bool {
    let found = answers(received).unwrap_or_default();
    found.last().is_some_and(|last| {
        let length = last.header("Content-Length").and_then(|text| text.parse().ok()).unwrap_or(0);
        head || last.status == 304 || last.body.len() == length
    })
}

fn replace(bytes: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len() + 256);
    let mut rest = bytes;
    while let Some(at) = rest.windows(name.len()).position(|window| window == name) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(value);
        rest = &rest[at + name.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

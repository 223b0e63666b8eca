//! A client that pushes without end and takes up what a crash has cut.
use crate::ledger::{Kind, Ledger, SUBJECT};
use names::Digest;
use serde_json::json;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tests::{Client, OCI_MANIFEST, Random, Request, Response, closing, descriptor, noise, sha256};

/// The server stays away no longer than this between two starts.
const AWAY: Duration = Duration::from_secs(30);

/// One of several that push into one registry at the same time, each into a repository of its own.
pub struct Pusher<'a> {
    addr: SocketAddr,
    repository: String,
    random: Random,
    ledger: &'a Ledger,
    stop: &'a AtomicBool,
    client: Option<Client>,
}

/// What is left of an upload that is under way.
struct Upload<'a> {
    bytes: &'a [u8],
    digest: Digest,
    location: String,
    /// How many bytes the server has acknowledged.
    offset: usize,
    /// Whether the closing PUT was ever sent: then the session may be gone.
    closing: bool,
}

impl<'a> Pusher<'a> {
    /// One of the pushers; the number makes its repository and its bytes.
    pub fn new(
        number: u64,
        seed: u64,
        addr: SocketAddr,
        ledger: &'a Ledger,
        stop: &'a AtomicBool,
    ) -> Pusher<'a> {
        let random = Random::new(seed.wrapping_mul(31).wrapping_add(number));
        Pusher { addr, repository: format!("crash/pusher-{number}"), random, ledger, stop, client: None }
    }

    /// Pushes until it is told to stop.
    pub fn run(mut self) {
        while !self.stopped() {
            match self.random.below(10) {
                0..4 => drop(self.push_blob()),
                4 => self.push_at_once(),
                5 => self.mount(),
                _ => drop(self.push_image()),
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Asks, and waits for the server if it is away. Nothing: the connection broke, and nobody knows what the
    /// server has done.
    fn ask(&mut self, request: &Request) -> Option<Response> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => self.connect()?,
        };
        match client.try_request(request) {
            Ok(response) => {
                self.client = Some(client);
                Some(response)
            }
            Err(_) => {
                self.ledger.count_cut();
                None
            }
        }
    }

    fn connect(&self) -> Option<Client> {
        let deadline = Instant::now() + AWAY;
        while !self.stopped() {
            match Client::try_connect(self.addr) {
                Ok(client) => return Some(client),
                Err(error) => assert!(Instant::now() < deadline, "the server stays away: {error}"),
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        None
    }

    /// A blob in one request.
    fn push_at_once(&mut self) {
        let bytes = content(&mut self.random);
        let digest = sha256(&bytes);
        let number = self.ledger.attempt(&self.repository, &digest, Kind::Blob);
        let target = format!("/v2/{}/blobs/uploads/?digest={digest}", self.repository);
        if let Some(answer) = self.ask(&Request::post(&target).body(bytes)) {
            answer.expect(201);
            self.ledger.acknowledge(number);
        }
    }

    /// A blob that another has pushed.
    fn mount(&mut self) {
        let (count, _) = self.ledger.counts();
        if count == 0 {
            return;
        }
        let other = self.ledger.entry(self.random.below(count as u64) as usize);
        if !other.acknowledged || !matches!(other.kind, Kind::Blob) {
            return;
        }
        let number = self.ledger.attempt(&self.repository, &other.digest, Kind::Blob);
        let query = format!("mount={}&from={}", other.digest, other.repository);
        if let Some(answer) =
            self.ask(&Request::post(&format!("/v2/{}/blobs/uploads/?{query}", self.repository)))
        {
            answer.expect(201);
            self.ledger.acknowledge(number);
        }
    }

    /// An image of two new blobs under one of four tags.
    fn push_image(&mut self) -> Option<()> {
        let config =
            json!({"architecture": "amd64", "os": "linux", "n": self.random.draw()}).to_string().into_bytes();
        self.push_bytes(&config)?;
        let layer = self.push_blob()?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
            // What they are about is never pushed; they are listed all the same.
            "subject": descriptor(OCI_MANIFEST, SUBJECT),
        });
        let manifest = manifest.to_string().into_bytes();
        let (digest, tag) = (sha256(&manifest), format!("tag-{}", self.random.below(4)));
        let number = self.ledger.attempt(&self.repository, &digest, Kind::Manifest);
        self.ledger.attempt_tag(&self.repository, &tag, &digest);
        let request = Request::put(&format!("/v2/{}/manifests/{tag}", self.repository), manifest);
        let answer = self.ask(&request.header("Content-Type", OCI_MANIFEST))?.expect(201);
        assert_eq!(answer.required("OCI-Subject"), sha256(SUBJECT).as_str());
        self.ledger.acknowledge(number);
        self.ledger.acknowledge_tag(&self.repository, &tag);
        Some(())
    }

    fn push_blob(&mut self) -> Option<Vec<u8>> {
        let bytes = content(&mut self.random);
        self.push_bytes(&bytes)?;
        Some(bytes)
    }

    /// A blob by a session, however often the server goes away meanwhile. Nothing: it could not be ended.
    fn push_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let digest = sha256(bytes);
        let target = format!("/v2/{}/blobs/uploads/", self.repository);
        let location = self.ask(&Request::post(&target))?.expect(202).location();
        let number = self.ledger.attempt(&self.repository, &digest, Kind::Blob);
        let mut upload = Upload { bytes, digest, location, offset: 0, closing: false };
        while self.send(&mut upload).is_none() {
            if let ControlFlow::Break(stored) = self.resume(&mut upload)? {
                return stored.then(|| self.ledger.acknowledge(number));
            }
        }
        self.ledger.acknowledge(number);
        Some(())
    }

    /// Sends what is missing in a few chunks and a closing PUT. Nothing: the connection broke on the way.
    fn send(&mut self, upload: &mut Upload) -> Option<()> {
        for _ in 0..self.random.below(4) {
            let rest = upload.bytes.len() - upload.offset;
            if rest < 4 {
                break;
            }
            let end = upload.offset + 2 + self.random.below(rest as u64 - 2) as usize;
            let chunk = &upload.bytes[upload.offset..end];
            let request = Request::patch(&upload.location, chunk);
            let range = format!("{}-{}", upload.offset, end - 1);
            let answer = self.ask(&request.header("Content-Range", range))?.expect(202);
            assert_eq!(answer.required("Range"), format!("0-{}", end - 1), "{answer}");
            upload.location = answer.location();
            upload.offset = end;
        }
        upload.closing = true;
        let target = closing(&upload.location, &upload.digest);
        self.ask(&Request::put(&target, &upload.bytes[upload.offset..]))?.expect(201);
        Some(())
    }

    /// Asks how far the upload has come. Break: there is none any more, and whether its blob is stored; nothing:
    /// the test is over.
    fn resume(&mut self, upload: &mut Upload) -> Option<ControlFlow<bool>> {
        let answer = loop {
            match self.ask(&Request::get(&upload.location)) {
                Some(answer) => break answer,
                None if self.stopped() => return None,
                None => {}
            }
        };
        if answer.status == 404 {
            assert!(upload.closing, "an upload that nobody ended is gone: {answer}");
            let blob = Request::head(&format!("/v2/{}/blobs/{}", self.repository, upload.digest));
            return Some(ControlFlow::Break(self.ask(&blob)?.status == 200));
        }
        let answer = answer.expect(204);
        let range = answer.required("Range");
        let last: usize = range.strip_prefix("0-").and_then(|last| last.parse().ok()).expect("a range");
        // `0-0` is what an empty upload says.
        let offset = if last == 0 { 0 } else { last + 1 };
        assert!(offset >= upload.offset, "acknowledged up to {}, now {range}", upload.offset);
        assert!(offset <= upload.bytes.len(), "{range} of {} bytes", upload.bytes.len());
        upload.offset = offset;
        self.ledger.count_resumed();
        Some(ControlFlow::Continue(()))
    }
}

/// Bytes of a new blob: mostly small, now and then large enough to be hit in the middle. Never a single one: an upload of
/// one byte has the Range `0-0`, as one of none has, and who was cut cannot tell them apart.
fn content(random: &mut Random) -> Vec<u8> {
    let length = 2 + match random.below(100) {
        0..70 => random.below(16_000),
        70..97 => random.below(256_000),
        _ => 1_000_000 + random.below(3_000_000),
    };
    noise(random.draw(), length as usize)
}

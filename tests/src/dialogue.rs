use crate::image::{DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, descriptor};
use crate::probe::{Probe, is_sound};
use crate::{Client, Request, Response, closing, sha256, sha512};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::time::Duration;

/// How long the server may keep a client waiting.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most requests of one dialogue.
const REQUESTS: usize = 12;

const REPOSITORIES: [&str; 8] = ["a", "a", "b/c", "new", "A", "a%2Fb", "a/../b", "tags/list"];
const TAGS: [&str; 7] = ["latest", "v1", "_", "-x", "", "a%00", "sha256-e3b0c44298fc1c14"];
const MEDIA_TYPES: [&str; 8] = [
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_MANIFEST,
    DOCKER_INDEX,
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/json",
    "application/vnd.example+json; charset=utf-8",
    "no type",
];
const FIELDS: [&str; 8] =
    ["config", "layers", "manifests", "subject", "blobs", "artifactType", "annotations", "mediaType"];
const DIGESTS: [&str; 6] = [
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha256:E3B0",
    "sha256:",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be0743",
    "sha512:ab",
];
const NUMBERS: [&str; 8] =
    ["0", "1", "-1", "9223372036854775807", "9223372036854775808", "18446744073709551616", "+1", ""];
/// Headers that mean something here; the values are made of what is left.
const HEADERS: [&str; 13] = [
    "Range",
    "If-Range",
    "If-None-Match",
    "Content-Range",
    "Accept",
    "Authorization",
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "Expect",
    "Content-Type",
    "Connection",
    "Host",
];
const VALUES: [&str; 16] = [
    "bytes=0-0",
    "bytes=-1",
    "bytes=5-1",
    "bytes=0-0,2-3",
    "bytes 0-9/*",
    "0-0",
    "0-999",
    "5-4",
    "*",
    "W/\"x\"",
    "100-continue",
    "host=\"a\\\"b\";proto=https",
    "evil/path",
    "javascript",
    "close",
    "Basic Og==",
];
const PARAMETERS: [&str; 9] =
    ["digest", "mount", "from", "n", "last", "tag", "artifactType", "digest-algorithm", "other"];

/// Takes choices out of bytes; zeros when none are left, so that every input is a dialogue.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn of<T: Clone>(&mut self, table: &[T]) -> T {
        table[usize::from(self.byte()) % table.len()].clone()
    }

    /// Yes for one byte in `n`, zero among them.
    fn one_in(&mut self, n: u8) -> bool {
        self.byte().is_multiple_of(n)
    }

    /// So many of the bytes themselves, as the number before them says.
    fn raw(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken.to_vec()
    }

    /// Characters that may stand in a head without ending it.
    fn text(&mut self) -> String {
        let bytes = self.raw().into_iter().map(|b| if b < b' ' || b == 0x7f { b'.' } else { b });
        String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
    }
}

/// A conversation over one connection, made out of bytes: every request is a sentence of the protocol, though not
/// a sensible one, and may use what the answers before it said.
struct Dialogue<'a> {
    choices: Choices<'a>,
    upload: String,
    bodies: Vec<Vec<u8>>,
}

/// Holds the conversation that `input` stands for with the server.
///
/// # Panics
/// When something happens that no input may bring about.
#[track_caller]
pub fn converse(probe: &mut Probe, input: &[u8]) -> Vec<Response> {
    let mut dialogue =
        Dialogue { choices: Choices(input), upload: "/v2/a/blobs/uploads/".into(), bodies: vec![Vec::new()] };
    let connect = |probe: &Probe| Client::connect(probe.server().addr()).patience(PATIENCE);
    let mut client = connect(probe);
    let mut found = Vec::new();
    while found.len() < REQUESTS && !dialogue.choices.0.is_empty() {
        let request = dialogue.request();
        let asked = format!("{request:?}");
        let response = client.try_request(&request).or_else(|why| match why.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(why),
            // After a refusal whose body nobody read, and where the client asks for it, the connection ends.
            _ => {
                client = connect(probe);
                client.try_request(&request)
            }
        });
        let response = response.unwrap_or_else(|why| panic!("no answer to {asked}: {why}"));
        is_sound(&response, &asked);
        probe.is_well(&asked);
        dialogue.learn(&response);
        found.push(response);
    }
    found
}

impl Dialogue<'_> {
    fn learn(&mut self, response: &Response) {
        if response.status == 202 && response.header("Docker-Upload-UUID").is_some() {
            self.upload = response.location();
        }
    }

    fn request(&mut self) -> Request {
        let body = self.body();
        let (method, target) = self.line(&body);
        let mut request = Request::new(method, &target);
        if self.choices.one_in(2) && method == "PUT" {
            request = request.header("Content-Type", self.choices.of(&MEDIA_TYPES));
        }
        for _ in 0..self.choices.byte() % 4 {
            let (name, value) = (self.choices.of(&HEADERS), self.value());
            request = request.header(name, value);
        }
        let carries = matches!(method, "PUT" | "PATCH") || method == "POST" && self.choices.one_in(4);
        match carries {
            true => request.body(body),
            false => request,
        }
    }

    /// The method, and a path with a query. The likely ones come first.
    fn line(&mut self, body: &[u8]) -> (&'static str, String) {
        let repository = self.choices.of(&REPOSITORIES);
        let kind = self.choices.byte() % 12;
        let (methods, path): (&[&str], _) = match kind {
            0 => (&["POST", "GET"], format!("/v2/{repository}/blobs/uploads/")),
            1 | 2 => (&["PATCH", "GET", "HEAD", "DELETE", "PUT", "POST"], self.upload.clone()),
            3 | 4 => (&["PUT"], closing(&self.upload, &sha256(body))),
            5 => (&["GET", "HEAD", "DELETE", "PUT"], format!("/v2/{repository}/blobs/{}", self.digest(body))),
            6 | 7 => (&["PUT", "GET", "HEAD", "DELETE"], {
                let reference =
                    if self.choices.one_in(2) { self.choices.of(&TAGS).into() } else { self.digest(body) };
                format!("/v2/{repository}/manifests/{reference}")
            }),
            8 => (&["GET", "HEAD"], format!("/v2/{repository}/tags/list")),
            9 => (&["GET", "HEAD"], format!("/v2/{repository}/referrers/{}", self.digest(body))),
            10 => (
                &["GET", "HEAD", "OPTIONS", "TRACE"],
                self.choices.of(&["/v2/_catalog", "/v2/", "/", "/v2"]).into(),
            ),
            _ => (&["GET", "PUT", "DELETE", "BREW"], format!("/v2/{}", self.text_of_a_path())),
        };
        let mut target = path;
        for _ in 0..self.choices.byte() % 3 {
            let separator = if target.contains('?') { '&' } else { '?' };
            let (name, value) = (self.choices.of(&PARAMETERS), self.parameter(body));
            target = format!("{target}{separator}{name}={value}");
        }
        (self.choices.of(methods), target)
    }

    fn text_of_a_path(&mut self) -> String {
        self.choices.text().chars().map(|c| if c.is_ascii_graphic() && c != '#' { c } else { '%' }).collect()
    }

    fn digest(&mut self, body: &[u8]) -> String {
        match self.choices.byte() % 6 {
            0 | 1 => sha256(&self.known()).to_string(),
            2 => sha256(body).to_string(),
            3 => sha512(body).to_string(),
            4 => self.choices.of(&DIGESTS).into(),
            _ => self.text_of_a_path(),
        }
    }

    fn parameter(&mut self, body: &[u8]) -> String {
        match self.choices.byte() % 6 {
            0 => self.digest(body),
            1 => self.choices.of(&REPOSITORIES).into(),
            2 => self.choices.of(&NUMBERS).into(),
            3 => self.choices.of(&TAGS).into(),
            4 => self.choices.of(&["sha256", "sha512", "md5", "application%2Fvnd.example"]).into(),
            _ => self.text_of_a_path(),
        }
    }

    fn value(&mut self) -> String {
        match self.choices.byte() % 4 {
            0 | 1 => self.choices.of(&VALUES).into(),
            2 => self.choices.text(),
            _ => format!("\"{}\"", sha256(&self.known())),
        }
    }

    /// What an earlier request carried; nothing is in the repository `a` from the beginning.
    fn known(&mut self) -> Vec<u8> {
        let at = usize::from(self.choices.byte()) % self.bodies.len();
        self.bodies[at].clone()
    }

    /// Bytes, or a manifest of what was sent before.
    fn body(&mut self) -> Vec<u8> {
        let body = match self.choices.byte() % 4 {
            0 => self.choices.raw(),
            1 => self.known(),
            _ => self.manifest().to_string().into_bytes(),
        };
        self.bodies.push(body.clone());
        body
    }

    fn manifest(&mut self) -> Value {
        let media_type = self.choices.of(&MEDIA_TYPES);
        let mut manifest = json!({"schemaVersion": 2, "mediaType": media_type});
        for _ in 0..self.choices.byte() % 6 {
            let field = self.choices.of(&FIELDS);
            manifest[field] = self.field(field);
        }
        manifest
    }

    fn field(&mut self, name: &str) -> Value {
        let media_type = self.choices.of(&MEDIA_TYPES);
        let mut one = descriptor(media_type, &self.known());
        match (name, self.choices.byte() % 8) {
            (_, 0) => Value::Null,
            (_, 1) => json!(self.choices.text()),
            ("artifactType" | "mediaType", _) => json!(media_type),
            ("annotations", _) => json!({ self.choices.text(): self.choices.text() }),
            ("layers" | "manifests" | "blobs", 2) => json!([]),
            ("layers" | "manifests" | "blobs", _) => json!([one]),
            (_, 3) => {
                one["size"] = json!(u64::MAX);
                one
            }
            _ => one,
        }
    }
}

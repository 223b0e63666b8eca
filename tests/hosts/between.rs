//! What stands between a server and its bucket, and decides what becomes of each request.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tests::program::Folder;
use tests::{Bucket, Server, eventually};

/// How long something may take that is under way.
pub const SOON: Duration = Duration::from_secs(15);

/// What becomes of a request to the bucket.
pub enum Fate {
    Passes,
    /// It gets there when the gate is opened.
    Waits(Gate),
    /// It gets there, and its answer gets lost.
    AnswerIsLost,
    /// It does not get there, and is answered so.
    Answered(String),
}

/// An answer with an error of S3's.
pub fn error(status: &str, code: &str) -> Fate {
    let body = format!("<Error><Code>{code}</Code></Error>");
    let length = body.len();
    Fate::Answered(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

/// Holds up one request.
#[derive(Clone, Default)]
pub struct Gate(Arc<(AtomicBool, AtomicBool)>);

impl Gate {
    /// The fate of a request like that: the first one waits, others pass.
    pub fn first(&self, like: bool) -> Fate {
        match like && !self.0.0.swap(true, Ordering::SeqCst) {
            true => Fate::Waits(self.clone()),
            false => Fate::Passes,
        }
    }

    /// Waits until a request has come here.
    #[track_caller]
    pub fn reached(&self) {
        assert!(eventually(SOON, || self.0.0.load(Ordering::SeqCst)), "no such request comes");
    }

    pub fn open(&self) {
        self.0.1.store(true, Ordering::SeqCst);
    }
}

type Rule = Box<dyn Fn(&str) -> Fate + Send>;

/// A way to a bucket that is not to be trusted.
pub struct Between {
    rule: Arc<Mutex<Rule>>,
    endpoint: String,
}

impl Between {
    /// A way to a bucket that says it is at `endpoint`.
    pub fn to(endpoint: &str) -> Between {
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_: &str| Fate::Passes)));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = format!("http://{}", listener.local_addr().expect("an address"));
        let (behind, rules) = (endpoint.replace("http://", ""), rule.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behind, rules) = (behind.clone(), rules.clone());
                // Whoever goes away in between has his reasons.
                std::thread::spawn(move || carry(stream, &behind, &rules).unwrap_or_default());
            }
        });
        Between { rule, endpoint: own }
    }

    /// Where the bucket seems to be.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Says what becomes of requests from now on, by their heads.
    pub fn rule(&self, rule: impl Fn(&str) -> Fate + Send + 'static) {
        *self.rule.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(rule);
    }

    /// Holds up the first request like that.
    pub fn hold(&self, like: impl Fn(&str) -> bool + Send + 'static) -> Gate {
        let gate = Gate::default();
        let held = gate.clone();
        self.rule(move |head| held.first(like(head)));
        gate
    }
}

/// Takes one request to the bucket and its answer back.
fn carry(mut near: TcpStream, behind: &str, rules: &Mutex<Rule>) -> std::io::Result<()> {
    let (mut begun, mut buffer) = (Vec::new(), [0; 16 << 10]);
    let end = loop {
        if let Some(end) = begun.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match near.read(&mut buffer)? {
            0 => return Ok(()),
            read => begun.extend_from_slice(&buffer[..read]),
        }
    };
    let head = String::from_utf8_lossy(&begun[..end]).into_owned();
    let fate = rules.lock().unwrap_or_else(PoisonError::into_inner)(&head);
    match &fate {
        Fate::Waits(gate) => {
            assert!(eventually(SOON * 2, || gate.0.1.load(Ordering::SeqCst)), "it waits forever: {head}")
        }
        Fate::Answered(answer) => {
            near.write_all(answer.as_bytes())?;
            near.shutdown(Shutdown::Write)?;
            // What is closed with bytes unread is reset.
            std::io::copy(&mut near, &mut std::io::sink())?;
            return Ok(());
        }
        Fate::Passes | Fate::AnswerIsLost => {}
    }
    let mut far = TcpStream::connect(behind)?;
    // One request for each connection: the next one has a fate of its own.
    far.write_all(&[head.as_bytes(), b"\r\nConnection: close\r\n\r\n", &begun[end + 4..]].concat())?;
    let (mut from, mut to) = (near.try_clone()?, far.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    match fate {
        Fate::AnswerIsLost => far.read(&mut buffer).map(drop)?,
        _ => std::io::copy(&mut far, &mut near).map(drop)?,
    }
    near.shutdown(Shutdown::Both)
}

/// A server, its bucket, and what stands between them.
pub struct Faulty {
    pub server: Server,
    pub between: Between,
    pub bucket: Bucket,
    _folder: Folder,
}

impl Faulty {
    pub fn start() -> Faulty {
        Faulty::with_copies_from(32 << 20)
    }

    /// Objects of more bytes are copied in parts.
    pub fn with_copies_from(threshold: usize) -> Faulty {
        let folder = Folder::new();
        let bucket = Bucket::serve(&folder.join("bucket"));
        let between = Between::to(&bucket.endpoint());
        let server = Server::with(|setup| {
            setup
                .delete_enabled()
                .bucket(&bucket)
                .env("REGISTRY_STORAGE_S3_REGIONENDPOINT", between.endpoint());
            setup.env("REGISTRY_STORAGE_S3_MULTIPARTCOPYTHRESHOLDSIZE", threshold)
        });
        Faulty { server, between, bucket, _folder: folder }
    }
}

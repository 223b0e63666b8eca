//! What stands between a server and the one that it asks, a bucket or another registry, and decides what becomes of each request.
use crate::eventually;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long something may take that is under way.
pub const SOON: Duration = Duration::from_secs(15);

/// What becomes of a request.
pub enum Fate {
    /// It gets there, and so does the answer.
    Passes,
    /// It gets there without this header, whose name is in lower case.
    PassesWithout(&'static str),
    /// It gets there when the gate is opened.
    Waits(Gate),
    /// It gets there, and its answer gets lost.
    AnswerIsLost,
    /// It gets there, and of its answer this many bytes come back.
    AnswerIsCut(u64),
    /// It does not get there, and is answered so.
    Answered(String),
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

    /// Whether it was let go on.
    pub fn is_open(&self) -> bool {
        self.0.1.load(Ordering::SeqCst)
    }

    /// Lets it go on.
    pub fn open(&self) {
        self.0.1.store(true, Ordering::SeqCst);
    }
}

type Rule = Box<dyn Fn(&str) -> Fate + Send>;

/// A way there that is not to be trusted.
pub struct Between {
    rule: Arc<Mutex<Rule>>,
    endpoint: String,
}

impl Between {
    /// A way to `endpoint`, a URL of HTTP without a path.
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

    /// Where it seems to be.
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

/// Takes one request there and its answer back.
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
        Fate::Passes | Fate::PassesWithout(_) | Fate::AnswerIsLost | Fate::AnswerIsCut(_) => {}
    }
    let is_left_out = |line: &str| match fate {
        Fate::PassesWithout(name) => line.to_ascii_lowercase().starts_with(&format!("{name}:")),
        _ => false,
    };
    let head = head.split("\r\n").filter(|line| !is_left_out(line)).collect::<Vec<_>>().join("\r\n");
    let mut far = TcpStream::connect(behind)?;
    // One request for each connection: the next one has a fate of its own.
    far.write_all(&[head.as_bytes(), b"\r\nConnection: close\r\n\r\n", &begun[end + 4..]].concat())?;
    let (mut from, mut to) = (near.try_clone()?, far.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    match fate {
        Fate::AnswerIsLost => far.read(&mut buffer).map(drop)?,
        Fate::AnswerIsCut(bytes) => std::io::copy(&mut far.take(bytes), &mut near).map(drop)?,
        _ => std::io::copy(&mut far, &mut near).map(drop)?,
    }
    near.shutdown(Shutdown::Both)
}

//! An endpoint of events, as whoever listens to a registry has one.
use crate::eventually;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long what is posted may take to come.
pub const SOON: Duration = Duration::from_secs(15);

/// The answer to what is taken.
pub const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The answer to what is not.
pub const REFUSED: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

/// A request as an endpoint gets it: its head, and its body.
#[derive(Clone)]
pub struct Posted {
    /// Its line and its headers.
    pub head: String,
    /// Its body.
    pub body: String,
}

/// How an endpoint answers the request of this number; nothing: not at all.
type Rule = Box<dyn Fn(usize) -> Option<String> + Send>;

/// An endpoint of events.
#[derive(Clone)]
pub struct Endpoint {
    /// Where it is.
    pub url: String,
    posted: Arc<Mutex<Vec<Posted>>>,
    rule: Arc<Mutex<Rule>>,
}

impl Endpoint {
    /// One that takes everything.
    pub fn start() -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = Endpoint {
            url: format!("http://{}/hook", listener.local_addr().expect("an address")),
            posted: Arc::default(),
            rule: Arc::new(Mutex::new(Box::new(|_| Some(TAKEN.into())))),
        };
        let serving = endpoint.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                // Whoever goes away has reasons.
                std::thread::spawn(move || serving.serve(stream).unwrap_or_default());
            }
        });
        endpoint
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let (mut from, mut to) = (BufReader::new(stream.try_clone()?), stream);
        loop {
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if from.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                if line == "\r\n" {
                    break;
                }
                head += &line;
            }
            let mut body = vec![0; length];
            from.read_exact(&mut body)?;
            let number = {
                let mut posted = self.posted.lock().unwrap();
                posted.push(Posted { head, body: String::from_utf8(body).expect("text") });
                posted.len() - 1
            };
            let answer = self.rule.lock().unwrap()(number);
            match answer {
                Some(answer) => to.write_all(answer.as_bytes())?,
                None => std::thread::sleep(SOON),
            }
        }
    }

    /// Says how it answers from now on.
    pub fn rule(&self, rule: impl Fn(usize) -> Option<String> + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// What was posted.
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    /// The events that were posted, when there are this many.
    #[track_caller]
    pub fn events(&self, many: usize) -> Vec<Value> {
        assert!(
            eventually(SOON, || self.posted().len() >= many),
            "{many} are not posted: {}",
            self.posted().len()
        );
        // None comes after them.
        std::thread::sleep(Duration::from_millis(100));
        let event = |posted: Posted| -> Value {
            let envelope: Value = serde_json::from_str(&posted.body).expect("JSON");
            let [event] = &envelope["events"].as_array().expect("a list")[..] else { panic!("{envelope}") };
            event.clone()
        };
        let events: Vec<Value> = self.posted().into_iter().map(event).collect();
        assert_eq!(events.len(), many, "{events:#?}");
        events
    }
}

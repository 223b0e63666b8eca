//! Clients of HTTP/2 that are all alive, and do not take what they asked for.
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tests::endpoint::Endpoint;
use tests::{Server, eventually, noise, push_blob};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;
const CANCEL: u32 = 8;

/// A frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// A connection on which the window of a stream is this wide, until it is made wider.
struct Connection {
    socket: TcpStream,
    unread: Vec<u8>,
    /// How much came on each stream.
    came: BTreeMap<u32, usize>,
    /// The streams that were reset, and with which code.
    reset: BTreeMap<u32, u32>,
    closed: bool,
}

impl Connection {
    fn new(server: &Server, window: u32) -> Connection {
        let socket = TcpStream::connect(server.addr()).expect("the server listens");
        let (unread, came, reset) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut connection = Connection { socket, unread, came, reset, closed: false };
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let initial_window_size = [&4_u16.to_be_bytes()[..], &window.to_be_bytes()].concat();
        connection.send(&frame(SETTINGS, 0, 0, &initial_window_size));
        // The window of the connection itself is wide.
        connection.widen(0, 1 << 30);
        connection
    }

    fn send(&mut self, bytes: &[u8]) {
        // That the server has closed it shows when it is read.
        let _ = self.socket.write_all(bytes);
    }

    fn delete(&mut self, stream: u32, path: &str) {
        // The name of `:method` from the table, and its value spelled out.
        self.ask(&[&[0x02, 6], &b"DELETE"[..]].concat(), stream, path);
    }

    fn get(&mut self, stream: u32, path: &str) {
        self.ask(&[0x82], stream, path);
    }

    /// HPACK's table has GET, http and the names of :path and :authority.
    fn ask(&mut self, method: &[u8], stream: u32, path: &str) {
        let mut head = method.to_vec();
        head.extend_from_slice(&[0x86, 0x04, u8::try_from(path.len()).expect("a short path")]);
        head.extend_from_slice(path.as_bytes());
        head.extend_from_slice(&[0x01, 1, b'a']);
        self.send(&frame(HEADERS, END_STREAM_AND_HEADERS, stream, &head));
    }

    fn widen(&mut self, stream: u32, by: u32) {
        self.send(&frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes()));
    }

    /// Takes what comes, and answers what has to be answered, for as long as this.
    fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let mut bytes = [0; 1 << 16];
        while !self.closed && Instant::now() < end {
            self.socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket takes a timeout");
            match self.socket.read(&mut bytes) {
                Ok(0) => self.closed = true,
                Ok(count) => self.unread.extend_from_slice(&bytes[..count]),
                Err(error) => {
                    self.closed = !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
                }
            }
            while let Some(start) = self.unread.get(..9).map(<[u8]>::to_vec)
                && let whole = 9 + number(&start[..3]) as usize
                && self.unread.len() >= whole
            {
                let payload = self.unread.drain(..whole).skip(9).collect::<Vec<_>>();
                self.frame(start[3], start[4], number(&start[5..]), &payload);
            }
        }
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        match kind {
            DATA => *self.came.entry(stream).or_default() += payload.len(),
            RST_STREAM => drop(self.reset.insert(stream, number(payload))),
            SETTINGS if flags & ACK == 0 => self.send(&frame(SETTINGS, ACK, 0, &[])),
            PING if flags & ACK == 0 => self.send(&frame(PING, ACK, 0, payload)),
            _ => {}
        }
    }
}

fn server(requests: usize) -> Server {
    Server::with(|s| s.env("REGISTRY_LIMITS_IDLETIMEOUT", "1s").env("REGISTRY_LIMITS_REQUESTS", requests))
}

#[test]
fn a_connection_that_opens_no_window_does_not_keep_its_places_among_the_requests() {
    keeps_no_places(&server(4), |client, stream| client.get(stream, "/v2/"));
}

#[test]
fn nor_does_one_whose_requests_someone_would_be_told_of() {
    let endpoint = Endpoint::start();
    let told = format!("[{{name: hook, url: '{}'}}]", endpoint.url);
    let server = Server::with(|s| {
        s.env("REGISTRY_NOTIFICATIONS_ENDPOINTS", told)
            .env("REGISTRY_LIMITS_IDLETIMEOUT", "1s")
            .env("REGISTRY_LIMITS_REQUESTS", 4)
    });
    keeps_no_places(&server, |client, stream| client.delete(stream, "/v2/a/manifests/latest"));
}

#[track_caller]
fn keeps_no_places(server: &Server, ask: impl Fn(&mut Connection, u32)) {
    let mut client = Connection::new(server, 0);
    for stream in [1, 3, 5, 7] {
        ask(&mut client, stream);
    }
    let full = eventually(Duration::from_secs(3), || server.get("/v2/").status == 503);
    assert!(full, "its answers are not in flight");
    let begun = Instant::now();
    while !client.closed && begun.elapsed() < Duration::from_secs(10) {
        client.listen(Duration::from_millis(100));
    }
    assert!(client.closed, "the connection lives on");
    assert!(client.came.is_empty(), "{:?}", client.came);
    server.get("/v2/").expect(200);
}

#[test]
fn an_answer_that_stands_still_is_broken_off_and_one_that_is_taken_slowly_beside_it_is_not() {
    let server = server(3);
    let bytes = noise(4, 400_000);
    let path = format!("/v2/a/blobs/{}", push_blob(&server, "a", &bytes));
    let mut client = Connection::new(&server, 10_000);
    for stream in [1, 3, 5] {
        client.get(stream, &path);
    }
    let full = eventually(Duration::from_secs(3), || server.get("/v2/").status == 503);
    assert!(full, "its answers are not in flight");
    // More than three times as long as an answer may stand still.
    while client.came.get(&5).is_none_or(|came| *came < bytes.len()) && !client.closed {
        client.widen(5, 20_000);
        client.listen(Duration::from_millis(200));
    }
    assert_eq!(client.came.get(&5), Some(&bytes.len()), "what is taken slowly does not come whole");
    assert_eq!(client.reset, BTreeMap::from([(1, CANCEL), (3, CANCEL)]));
    assert_eq!((client.came[&1], client.came[&3]), (10_000, 10_000));
    server.get("/v2/").expect(200);
    client.get(7, "/v2/");
    client.listen(Duration::from_millis(500));
    assert!(client.came.contains_key(&7) && !client.closed, "the connection was closed");
}

#[test]
fn the_ends_of_answers_are_not_kept_for_who_does_not_take_them() {
    let server = server(100);
    let mut client = Connection::new(&server, 1);
    client.get(1, "/v2/");
    client.listen(Duration::from_secs(10));
    assert!(client.closed, "the connection lives on");
    assert_eq!(client.came, BTreeMap::from([(1, 1)]));
}

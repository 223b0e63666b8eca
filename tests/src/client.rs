use crate::tls::{Trust, Wire};
use crate::{Request, Response};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a read or a write may make no progress before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// One HTTP/1.1 connection that sends exactly the bytes it is told and hides nothing of the answer.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<Wire>,
    host: String,
}

/// How the body of an answer ends.
enum Framing {
    None,
    Length(u64),
    Chunked,
    Close,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When nobody answers there.
    pub fn connect(addr: SocketAddr) -> Client {
        Client::try_connect(addr).unwrap_or_else(|error| panic!("cannot connect to {addr}: {error}"))
    }

    /// Connects, or says why not.
    pub fn try_connect(addr: SocketAddr) -> io::Result<Client> {
        Ok(Client::over(Wire::Plain(dial(addr)?), addr.to_string()))
    }

    /// Connects to a socket in the file system, or says why not.
    pub fn try_local(path: &Path) -> io::Result<Client> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client::over(Wire::Local(stream), "localhost".into()))
    }

    /// Connects with TLS and shakes hands, or says why not.
    pub fn try_tls(addr: SocketAddr, trust: &Trust) -> io::Result<Client> {
        Ok(Client::over(trust.shake_hands(dial(addr)?, addr)?, addr.to_string()))
    }

    fn over(wire: Wire, host: String) -> Client {
        Client { reader: BufReader::new(wire), host }
    }

    /// Sets how long a read or a write may make no progress; 20 s otherwise.
    pub fn patience(self, limit: Duration) -> Client {
        self.stream().set_read_timeout(Some(limit)).expect("a socket takes a read timeout");
        self.stream().set_write_timeout(Some(limit)).expect("a socket takes a write timeout");
        self
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref().socket()
    }

    /// What was agreed on, where this is TLS.
    pub fn session(&self) -> Option<&rustls::ClientConnection> {
        self.reader.get_ref().session()
    }

    /// Sends a request with its body, and reads the answer.
    ///
    /// # Panics
    /// When the connection breaks before the answer is whole. That the server stops reading before the body
    /// is sent is no failure, as long as its answer can be read.
    #[track_caller]
    pub fn request(&mut self, request: &Request) -> Response {
        match self.try_request(request) {
            Ok(response) => response,
            Err(error) => panic!("no answer to {}: {error}", request.method()),
        }
    }

    /// As [`Client::request`], but a broken connection is an error.
    pub fn try_request(&mut self, request: &Request) -> io::Result<Response> {
        self.write(&request.head_bytes(&self.host))?;
        // A server may refuse early: what counts is whether its answer arrives.
        let sent = self.write(request.content());
        match (self.try_response(request.method()), sent) {
            (Err(_), Err(error)) => Err(error),
            (answer, _) => answer,
        }
    }

    /// Sends the head of a request, and nothing of its body.
    #[track_caller]
    pub fn send_head(&mut self, request: &Request) {
        self.send(&request.head_bytes(&self.host));
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When they cannot be sent.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.write(bytes) {
            panic!("cannot send: {error}");
        }
    }

    /// Sends bytes, or says why not.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be sent; the answer can still be read.
    pub fn finish_sending(&mut self) {
        // The server may be gone already, which the next read tells.
        let _ = self.stream().shutdown(Shutdown::Write);
    }

    /// Reads the answer to a request of this method.
    ///
    /// # Panics
    /// When the connection breaks before it is whole.
    #[track_caller]
    pub fn response(&mut self, method: &str) -> Response {
        match self.try_response(method) {
            Ok(response) => response,
            Err(error) => panic!("no answer to {method}: {error}"),
        }
    }

    /// As [`Client::response`], but a broken connection is an error.
    pub fn try_response(&mut self, method: &str) -> io::Result<Response> {
        let mut response = self.response_head()?;
        match framing(method, &response)? {
            Framing::None => {}
            Framing::Length(length) => {
                let read = (&mut self.reader).take(length).read_to_end(&mut response.body)?;
                if (read as u64) < length {
                    return Err(cut(format!("the body ended after {read} of {length} bytes")));
                }
            }
            Framing::Chunked => self.read_chunks(&mut response.body)?,
            Framing::Close => {
                self.reader.read_to_end(&mut response.body)?;
            }
        }
        Ok(response)
    }

    /// Reads an answer up to the end of its headers; what comes next is the body as it is on the wire. Interim
    /// answers are passed over and noted.
    pub fn response_head(&mut self) -> io::Result<Response> {
        let mut interim = Vec::new();
        loop {
            let mut response = self.one_head()?;
            if response.status >= 200 || response.status == 101 {
                response.interim = interim;
                return Ok(response);
            }
            interim.push(response.status);
        }
    }

    /// Reads one head, interim or final.
    pub fn one_head(&mut self) -> io::Result<Response> {
        let line = self.line()?;
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| malformed(format!("not a status line: {line:?}")))?;
        let mut response = Response { status, ..Response::default() };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(response);
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| malformed(format!("not a header: {line:?}")))?;
            response.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// Reads exactly this many bytes.
    pub fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what the server still sends until it closes the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16)
                .map_err(|_| malformed(format!("not the size of a chunk: {line:?}")))?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(());
            }
            let read = (&mut self.reader).take(size).read_to_end(body)?;
            if (read as u64) < size || !self.line()?.is_empty() {
                return Err(cut("a chunk is shorter than announced".into()));
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(text) => String::from_utf8(text.to_vec()).map_err(|e| malformed(e.to_string())),
            None if line.is_empty() => Err(cut("the connection was closed".into())),
            None => Err(malformed(format!("a line without CRLF: {:?}", String::from_utf8_lossy(&line)))),
        }
    }
}

fn dial(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// RFC 9112, section 6.3.
fn framing(method: &str, response: &Response) -> io::Result<Framing> {
    if method == "HEAD" || matches!(response.status, 204 | 304) {
        return Ok(Framing::None);
    }
    if response.header("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return Ok(Framing::Chunked);
    }
    match response.header("Content-Length") {
        Some(text) => text
            .parse()
            .map(Framing::Length)
            .map_err(|_| malformed(format!("Content-Length is no number: {text:?}"))),
        None => Ok(Framing::Close),
    }
}

fn cut(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, why)
}

fn malformed(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

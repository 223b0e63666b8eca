//! The beginning of a connection that is meant to be TLS.

use super::acme::ALPN;
use super::read_ahead::ReadAhead;
use super::{Serving, TlsStream};
use crate::io::listen_out;
use crate::socket::{Peer, Socket};
use base64::prelude::{BASE64_STANDARD, Engine};
use http::HeaderValue;
use rustls::ServerConnection;
use rustls::server::ClientHello;
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

/// How much of an answer waits, encrypted, for a client to take it. More makes for fewer system calls, and costs as
/// much for every client that is slow.
const BUFFER: usize = 128 << 10;

/// What a client gets that speaks HTTP on a port for TLS; the same as from Go's servers.
const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Makes TLS of connections.
pub struct Acceptor {
    /// The certificates and everything else.
    pub serving: Serving,
    /// Whether certificates of clients are verified.
    pub verifies: bool,
    /// How long a handshake may take (`limits.headertimeout`).
    pub patience: Duration,
    /// How long a client that was refused may take to hang up (`limits.lingertime`).
    pub linger: Duration,
}

/// A connection over which HTTP can be spoken.
pub struct Accepted {
    /// The connection.
    pub stream: TlsStream,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
    /// The client's certificate, if it has one that was verified, as the value of Client-Cert (RFC 9440).
    pub client: Option<HeaderValue>,
}

impl Acceptor {
    /// Shakes hands. `None` when that fails, which has then been logged and the client been told.
    pub async fn accept(&self, socket: Socket, peer: Peer) -> Option<Accepted> {
        let mut socket = ReadAhead::new(socket);
        let begun = tokio::time::Instant::now();
        let (error, mut socket) = match timeout(self.patience, socket.peek()).await {
            Ok(Ok(Some(first))) if first.is_ascii_uppercase() => {
                let error = io::Error::new(io::ErrorKind::InvalidData, "the client speaks HTTP without TLS");
                let _ = timeout(self.linger, socket.write_all(PLAIN)).await;
                (error, socket)
            }
            Ok(Ok(Some(_))) => {
                match timeout(self.patience.saturating_sub(begun.elapsed()), self.shake_hands(socket)).await {
                    Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(ALPN) => {
                        return self.looked_at(stream, peer).await;
                    }
                    Ok(Ok(stream)) => return Some(self.accepted(stream)),
                    Ok(Err(failed)) => failed,
                    Err(_) => return stalled(peer),
                }
            }
            // A load balancer that wants to know whether anyone listens.
            Ok(Ok(None) | Err(_)) => return None,
            Err(_) => return stalled(peer),
        };
        tracing::info!(%peer, %error, "a TLS handshake failed");
        // To close at once would reset the connection, and the client would not read why.
        let _ = timeout(self.linger, listen_out(&mut socket)).await;
        None
    }

    /// While an authority is expected to look, who asks as it does gets what it looks for.
    async fn shake_hands(&self, socket: ReadAhead) -> Result<TlsStream, (io::Error, ReadAhead)> {
        let bounded = |session: &mut ServerConnection| session.set_buffer_limit(Some(BUFFER));
        let config = self.serving.config.borrow().clone();
        let Some(answer) = self.serving.answers.borrow().clone() else {
            return TlsAcceptor::from(config).accept_with(socket, bounded).into_fallible().await;
        };
        let mut hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket);
        let start = match (&mut hello).await {
            Ok(start) => start,
            Err(error) => return Err((error, hello.take_io().expect("nothing was accepted"))),
        };
        let config = if looks(&start.client_hello()) { answer } else { config };
        start.into_stream_with(config, bounded).into_fallible().await
    }

    /// The end of a connection on which nothing was wanted but its certificate.
    async fn looked_at(&self, mut stream: TlsStream, peer: Peer) -> Option<Accepted> {
        tracing::info!(%peer, "an authority looked whether this server has the host that a certificate is for");
        let _ = timeout(self.linger, stream.shutdown()).await;
        None
    }

    fn accepted(&self, stream: TlsStream) -> Accepted {
        let session = stream.get_ref().1;
        let certificate = session.peer_certificates().filter(|_| self.verifies).and_then(<[_]>::first);
        let client = certificate.map(|certificate| {
            let value = format!(":{}:", BASE64_STANDARD.encode(certificate));
            HeaderValue::try_from(value).expect("base64 is fit for a header")
        });
        let http2 = session.alpn_protocol() == Some(b"h2");
        Accepted { stream, http2, client }
    }
}

/// Whether a client is an authority that looks (RFC 8737, 3).
fn looks(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|protocols| protocols.eq([ALPN]))
}

fn stalled(peer: Peer) -> Option<Accepted> {
    tracing::info!(%peer, "a TLS handshake took too long (limits.headertimeout)");
    None
}

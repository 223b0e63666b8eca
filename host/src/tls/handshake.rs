//! The beginning of a connection that is meant to be TLS.

use super::TlsStream;
use super::read_ahead::ReadAhead;
use crate::io::listen_out;
use crate::socket::{Peer, Socket};
use base64::prelude::{BASE64_STANDARD, Engine};
use http::HeaderValue;
use rustls::ServerConfig;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How much of an answer waits, encrypted, for a client to take it. More makes for fewer system calls, and costs as
/// much for every client that is slow.
const BUFFER: usize = 128 << 10;

/// What a client gets that speaks HTTP on a port for TLS; the same as from Go's servers.
const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Makes TLS of connections.
pub struct Acceptor {
    /// The certificate and everything else, as its files are now.
    pub config: watch::Receiver<Arc<ServerConfig>>,
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
                let acceptor = TlsAcceptor::from(self.config.borrow().clone());
                let handshake = acceptor
                    .accept_with(socket, |session| session.set_buffer_limit(Some(BUFFER)))
                    .into_fallible();
                match timeout(self.patience.saturating_sub(begun.elapsed()), handshake).await {
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

fn stalled(peer: Peer) -> Option<Accepted> {
    tracing::info!(%peer, "a TLS handshake took too long (limits.headertimeout)");
    None
}

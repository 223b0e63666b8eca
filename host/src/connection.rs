//! One connection: HTTP/1.1 or HTTP/2, request by request.

mod detached;
mod refusals;
mod reply;
mod rest;
mod stalls;

use crate::body::{AnswerBody, RequestBody};
use crate::config::{Headers, Limits, Proxies};
use crate::forwarded;
use crate::health::Health;
use crate::io::{Io, Patience, Transport, Unread};
use crate::log::{AccessLine, RequestId};
use crate::metrics::Requests;
use crate::notifications::Notifications;
use crate::pool::{Answer, Pool};
use crate::socket::{Peer, Socket};
use crate::tls::{Accepted, Acceptor};
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::request;
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use reply::Reply;
use rest::Manner;
use stalls::{Streams, Taking};
use std::cell::Cell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, watch};

/// The certificate of the client (RFC 9440). It is for this host to say: what the wire says of it is removed.
pub const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// How many requests are in flight in the whole process, and may be.
pub struct Admission {
    in_flight: AtomicUsize,
    limit: usize,
}

impl Admission {
    /// None yet, `limit` at most.
    pub fn new(limit: usize) -> Admission {
        Admission { in_flight: AtomicUsize::new(0), limit }
    }

    /// How many there are.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn enter(self: &Arc<Self>) -> Option<Admitted> {
        match self.in_flight.fetch_add(1, Ordering::Relaxed) < self.limit {
            true => Some(Admitted(self.clone())),
            false => {
                self.in_flight.fetch_sub(1, Ordering::Relaxed);
                None
            }
        }
    }
}

/// A request in flight: until its answer is sent.
struct Admitted(Arc<Admission>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the connections of one core share.
pub struct Core {
    /// The core's instances.
    pub pool: Rc<Pool>,
    /// What clients may ask of a connection.
    pub limits: Limits,
    /// How many requests there may be, on all cores together.
    pub admission: Arc<Admission>,
    /// What is looked after: while something fails, no request is answered.
    pub health: Arc<Health>,
    /// What counts requests, where they are counted.
    pub requests: Option<Rc<Requests>>,
    /// Who is told what requests do to content, where someone is.
    pub notifications: Option<Notifications>,
    /// What makes TLS of connections, where they are meant to be that.
    pub tls: Option<Acceptor>,
    /// Whether HTTP/2 is spoken without TLS with who begins with it.
    pub h2c: bool,
    /// Who may say for whom it asks.
    pub proxies: Proxies,
    /// What every answer has.
    pub headers: Headers,
    /// The number of the next request: distinct over cores, and most likely over restarts.
    pub next_request: Cell<u64>,
}

/// What is known of whoever sends the requests of a connection.
struct Client {
    peer: Peer,
    /// Whether it may say for whom it asks.
    proxy: bool,
    tls: bool,
    /// The value of Client-Cert.
    certificate: Option<HeaderValue>,
}

/// Serves a connection to its end. When `stop` turns true, the request in hand is its last.
pub async fn serve(
    core: Rc<Core>,
    socket: Socket,
    peer: Peer,
    share: OwnedSemaphorePermit,
    mut stop: watch::Receiver<bool>,
) {
    let limits = &core.limits;
    let proxy = forwarded::believes(&core.proxies, &peer);
    let (transport, http2, client) = match &core.tls {
        None => {
            let client = Client { peer, proxy, tls: false, certificate: None };
            (Transport::Plain(socket), core.h2c, client)
        }
        Some(tls) => {
            let accepted = tokio::select! {
                // In a box: a connection without TLS has no room for it.
                accepted = Box::pin(tls.accept(socket, peer)) => accepted,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            let Some(Accepted { stream, http2, client }) = accepted else { return };
            let client = Client { peer, proxy, tls: true, certificate: client };
            (Transport::Tls(Box::new(stream)), http2, client)
        }
    };
    let patience = Patience { opening: limits.headertimeout, linger: limits.lingertime };
    let io = Io::new(transport, share, patience);
    let unread = io.unread();
    let answers = stalls::Connection::new(limits.idletimeout);
    let builder = builder(limits, http2, Streams(answers.clone()));
    let (shared, client) = (core.clone(), Rc::new(client));
    let service = service_fn(move |request| {
        let (core, client, unread) = (shared.clone(), client.clone(), unread.clone());
        async move {
            // Known here, and not where the request is done to its end.
            let taking = Taking::current();
            let admitted = core.admission.enter();
            let may_be_told = core.notifications.is_some() && detached::may_be_told(&request);
            let answer = async move { core.answer(request, &client, &unread, taking, admitted).await };
            let mut answer = match may_be_told {
                true => detached::to_its_end(answer).await,
                false => answer.await,
            };
            answer.body_mut().told();
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let ended = async {
        tokio::select! {
            ended = connection.as_mut() => ended,
            _ = stop.wait_for(|stop| *stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    tokio::select! {
        ended = ended => {
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection broke");
            }
        }
        () = answers.over() => {
            tracing::debug!(%peer, "a connection was closed: the client takes no answer (limits.idletimeout)");
        }
    }
}

/// hyper with our limits; with HTTP/1.1 alone, or with HTTP/2 too.
fn builder(limits: &Limits, http2: bool, streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .header_read_timeout(limits.headertimeout)
        .max_buf_size(limits.readbuffer)
        .max_headers(limits.headercount);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.headers as u32)
        .keep_alive_interval(limits.idletimeout);
    if http2 { builder } else { builder.http1_only() }
}

impl Core {
    async fn answer(
        &self,
        request: http::Request<Incoming>,
        client: &Client,
        unread: &Unread,
        taking: Option<Rc<Taking>>,
        admitted: Option<Admitted>,
    ) -> http::Response<Reply> {
        let id = self.next_request.get();
        self.next_request.set(id.wrapping_add(1));
        let id = RequestId(id);
        let (mut head, incoming) = request.into_parts();
        let body = (!incoming.is_end_stream()).then(|| RequestBody::new(incoming, self.limits.idletimeout));
        let manner = body.as_ref().map(|_| Manner::of(&head));
        let asker = match client.proxy {
            true => forwarded::client(&self.proxies, &head.headers),
            false => None,
        };
        let mut line = AccessLine::begin(id, client.peer, asker, &head, body.clone());
        line.counted = self.requests.clone();
        line.told = self.notifications.clone().map(|told| (told, host(&head)));
        let answer = match &admitted {
            None => Ok(refusals::too_many(id)),
            Some(_) if self.health.fails() => Ok(refusals::unhealthy()),
            Some(_) if let Some(refusal) = refusals::head(&head, self.limits.headers) => Ok(refusal),
            Some(_) => {
                certify(&mut head.headers, client.certificate.as_ref());
                let head = http::Request::from_parts(head, ());
                let from = asker.unwrap_or_else(|| client.peer.ip());
                self.pool.handle(id.0, from, client.tls, head, body.clone()).await
            }
        };
        let Answer { response, note, begun } = answer.unwrap_or_else(|error| {
            tracing::error!(request = %id, error = format!("{error:?}"), "a component trapped");
            refusals::failed(id)
        });
        let (mut head, answer_body) = response.into_parts();
        if head.status.is_server_error() {
            head.headers.insert("x-request-id", HeaderValue::try_from(id.to_string()).expect("hexadecimal"));
        }
        self.headers.add_to(&mut head.headers);
        if let (Some(body), Some(manner)) = (&body, manner)
            && let Some(rest) = body.take_rest()
        {
            rest::settle(rest, body.bytes_read(), manner, &self.limits, unread, &mut head).await;
        }
        line.note = note;
        line.status = head.status.as_u16();
        if let AnswerBody::Small(told) = &answer_body
            && (head.status.is_client_error() || head.status.is_server_error())
        {
            line.refusal = Some(told.clone());
        }
        http::Response::from_parts(
            head,
            Reply { body: answer_body, line, taking, begun, _admitted: admitted },
        )
    }
}

/// The host that a request asks for.
fn host(head: &request::Parts) -> String {
    let named = || head.headers.get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    // A URL may have a name and a password before it.
    let asked = head.uri.authority().map(|at| at.as_str().rsplit('@').next().unwrap_or_default().to_owned());
    asked.or_else(named).unwrap_or_default()
}

/// Leaves no word of a client's certificate but ours.
fn certify(headers: &mut HeaderMap, certificate: Option<&HeaderValue>) {
    headers.remove(CLIENT_CERT_CHAIN);
    match certificate {
        Some(value) => drop(headers.insert(CLIENT_CERT, value.clone())),
        None => drop(headers.remove(CLIENT_CERT)),
    }
}

#[cfg(test)]
mod tests {
    use super::{CLIENT_CERT, HeaderMap, HeaderValue, certify};

    #[test]
    fn of_a_clients_certificate_nothing_is_believed_but_what_was_verified() {
        let forged = || {
            let mut headers = HeaderMap::new();
            headers.append("Client-Cert", HeaderValue::from_static(":Zm9yZ2Vk:"));
            headers.append("client-cert", HeaderValue::from_static(":dHdpY2U=:"));
            headers.append("CLIENT-CERT-CHAIN", HeaderValue::from_static(":Zm9yZ2Vk:"));
            headers.append("accept", HeaderValue::from_static("*/*"));
            headers
        };
        let mut headers = forged();
        certify(&mut headers, None);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["accept"]);

        let mut headers = forged();
        let verified = HeaderValue::from_static(":dmVyaWZpZWQ=:");
        certify(&mut headers, Some(&verified));
        assert_eq!(headers.get_all(CLIENT_CERT).iter().collect::<Vec<_>>(), [&verified]);
        assert!(!headers.contains_key("client-cert-chain"));
    }
}

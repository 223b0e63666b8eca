//! Over connections of this thread's own, which are kept for the next request.

use super::{CHUNK, CONNECT, MAX_ERROR, Unread, Unsent};
use crate::service::Service;
use bytes::Bytes;
use http::{HeaderValue, Uri, header};
use http_body_util::channel::Channel;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use platform::Stream;
use rustls::{ClientConfig, RootCertStore};
use s3::Signed;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep, timeout};

/// How long a body may say nothing, of whoever wants to hear it.
const BETWEEN_BYTES: Duration = Duration::from_secs(60);
/// How long a small body may take, which is read whole.
const WHOLE: Duration = Duration::from_secs(15);
/// How much is read of a connection at a time: as much waits for a client who is slow.
const READ: usize = 256 << 10;
/// How long nothing may come of a connection until it is looked at whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a connection is kept that nobody uses. Servers end one after a minute, or less.
const KEPT: Duration = Duration::from_secs(20);
/// How many of these there are at most.
const KEPT_AT_MOST: usize = 32;

type Sent = UnsyncBoxBody<Bytes, Infallible>;
type Connections = Client<Timed, Sent>;

thread_local! {
    static CONNECTIONS: Connections = client();
}

/// Makes connections, TLS and all, within [`CONNECT`] and as long again.
#[derive(Clone)]
pub struct Timed(HttpsConnector<HttpConnector>);

impl tower_service::Service<Uri> for Timed {
    type Response = <HttpsConnector<HttpConnector> as tower_service::Service<Uri>>::Response;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async { timeout(2 * CONNECT, connecting).await? })
    }
}

/// Connections to any server.
pub fn client<B>() -> Client<Timed, B>
where
    B: Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    connector.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(TLS.clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEPT)
        .pool_max_idle_per_host(KEPT_AT_MOST)
        .http1_max_buf_size(READ)
        .build(Timed(connector))
}

/// Whom to believe is for the system to say.
static TLS: LazyLock<ClientConfig> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let believed = rustls_native_certs::load_native_certs();
    for error in believed.errors {
        platform::log!("whom this system believes cannot be read, for TLS to the bucket: {error}");
    }
    // Where there is none, nobody is believed.
    roots.add_parsable_certificates(believed.certs);
    let provider = rustls::crypto::ring::default_provider();
    ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("ring knows the versions of TLS that rustls does")
        .with_root_certificates(roots)
        .with_no_client_auth()
});

/// An answer whose body was not read yet, but where it says what went wrong.
pub struct Answer(http::Response<Either<Patient, Full<Bytes>>>);

impl Answer {
    /// Its status.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<String> {
        Some(self.0.headers().get(name)?.to_str().ok()?.to_owned())
    }

    /// How many bytes the body has, or would have.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The whole body, `limit` bytes at most.
    pub async fn read(self, limit: usize) -> Result<Vec<u8>, Unread> {
        let announced = self.length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut body = self.0.into_body();
        let read = async {
            // Not piece by piece, and then all of it once more.
            let mut bytes = Vec::with_capacity(announced.min(limit));
            while let Some(frame) = body.frame().await {
                let data = frame.map_err(|error| Unread::Cut(error.to_string()))?.into_data();
                let data = data.unwrap_or_default();
                if data.len() > limit - bytes.len() {
                    return Err(Unread::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
            Ok(bytes)
        };
        let late = || Err(Unread::Cut(format!("it was not there within {WHOLE:?}")));
        timeout(WHOLE, read).await.unwrap_or_else(|_| late())
    }

    /// The body, to be handed on.
    pub fn into_stream(self) -> Stream {
        Stream::new(self.0.into_body())
    }
}

/// Sends a request with a body and waits for the head of the answer.
pub async fn exchange(
    service: &dyn Service,
    signed: Signed,
    body: &[u8],
    patience: Duration,
) -> Result<Answer, Unsent> {
    let unsendable = |error: http::Error| Unsent::Unsendable(error.to_string());
    let with_body = matches!(signed.method, s3::Method::Put | s3::Method::Post);
    let uri = Uri::builder()
        .scheme(if service.secure() { "https" } else { "http" })
        .authority(service.authority())
        .path_and_query(&*signed.target)
        .build()
        .map_err(unsendable)?;
    let mut request = http::Request::builder().method(signed.method.as_str()).uri(uri);
    for (name, value) in signed.headers {
        request = request.header(name, value);
    }
    // As it was signed: hyper leaves out the port that the scheme implies.
    request = request.header(header::HOST, service.authority());
    if with_body {
        request = request.header(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let mut rest = body.chunks(CHUNK);
    let first = Bytes::copy_from_slice(rest.next().unwrap_or_default());
    let connections = CONNECTIONS.with(Clone::clone);
    let answered = match body.len() > CHUNK {
        false => {
            let request = request.body(Full::new(first).boxed_unsync()).map_err(unsendable)?;
            timeout(patience, connections.request(request)).await
        }
        // One piece after the other: the whole of a part would be in memory twice.
        true => {
            let (mut sender, channel) = Channel::new(1);
            let answer = connections.request(request.body(channel.boxed_unsync()).map_err(unsendable)?);
            let writing = async move {
                let mut piece = first;
                // Who takes no more has answered.
                while sender.send_data(piece).await.is_ok() {
                    let Some(next) = rest.next() else { return };
                    piece = Bytes::copy_from_slice(next);
                }
            };
            let (mut answer, mut writing) = (pin!(answer), pin!(writing));
            let both = async {
                tokio::select! {
                    biased;
                    answer = &mut answer => (answer, false),
                    () = &mut writing => (answer.await, true),
                }
            };
            match timeout(patience, both).await {
                // What is wrong is said while the body is still being sent: whoever stops to send it then does not get to hear it.
                Ok((Ok(answer), false)) if !answer.status().is_success() => {
                    return Ok(Answer(refusal(answer, writing).await));
                }
                answered => answered.map(|(answer, _)| answer),
            }
        }
    };
    match answered {
        Ok(Ok(answer)) => Ok(Answer(answer.map(|body| Either::Left(Patient::new(body))))),
        Ok(Err(error)) => Err(unsent(&error)),
        Err(_) => Err(Unsent::Failed(format!("no answer within {patience:?}"))),
    }
}

/// A refusal with what it says, read while the body goes on being sent; with nothing where that cannot be had.
async fn refusal(
    answer: http::Response<Incoming>,
    writing: impl Future<Output = ()>,
) -> http::Response<Either<Patient, Full<Bytes>>> {
    let (head, body) = answer.into_parts();
    let read = timeout(WHOLE, Limited::new(Patient::new(body), MAX_ERROR).collect());
    let (mut read, mut writing) = (pin!(read), pin!(writing));
    let read = tokio::select! {
        read = &mut read => read,
        () = &mut writing => read.await,
    };
    let said = read.ok().and_then(Result::ok).map(|whole| whole.to_bytes()).unwrap_or_default();
    http::Response::from_parts(head, Either::Right(Full::new(said)))
}

/// All that is said of it: what hyper says tells little.
fn unsent(error: &Error) -> Unsent {
    match causes(error).any(is_of_tls) {
        true => Unsent::Tls(whole(error)),
        false => Unsent::Failed(whole(error)),
    }
}

/// An error's causes.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| cause.source())
}

/// An error with its causes, in a line.
fn whole(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

/// Whether TLS said so. An error of I/O passes over the one that it is about when it is asked for its source.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => error.get_ref().is_some_and(|inner| is_of_tls(inner)),
        None => error.is::<rustls::Error>(),
    }
}

/// A body that breaks off when nothing comes of it for long.
pub struct Patient {
    body: Incoming,
    /// While nothing comes.
    until: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(body: Incoming) -> Patient {
        Patient { body, until: None }
    }
}

/// Why a body ended before its end.
#[derive(Debug)]
pub enum Broken {
    Connection(hyper::Error),
    Silent,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Connection(error) => write!(f, "the bucket's answer broke off: {}", whole(error)),
            Broken::Silent => write!(f, "the bucket sent nothing for {BETWEEN_BYTES:?}"),
        }
    }
}

impl std::error::Error for Broken {}

impl Body for Patient {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.until = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Broken::Connection)));
        }
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(BETWEEN_BYTES)));
        until.as_mut().poll(context).map(|()| Some(Err(Broken::Silent)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

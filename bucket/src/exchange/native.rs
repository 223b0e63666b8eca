//! Over connections of this thread's own, which are kept for the next request.

use super::{BETWEEN_BYTES, CHUNK, CONNECT, Unread, Unsent};
use bytes::Bytes;
use http::{HeaderValue, Uri, header};
use http_body_util::channel::Channel;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use platform::Stream;
use rustls::{ClientConfig, RootCertStore};
use s3::{Place, Signed};
use std::convert::Infallible;
use std::error::Error as _;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep, timeout};

/// How long a connection is kept that nobody uses. Servers end one after a minute, or less.
const KEPT: Duration = Duration::from_secs(20);
/// How many of these there are at most.
const KEPT_AT_MOST: usize = 32;

type Sent = UnsyncBoxBody<Bytes, Infallible>;
type Connections = Client<HttpsConnector<HttpConnector>, Sent>;

thread_local! {
    static CONNECTIONS: OnceLock<Connections> = const { OnceLock::new() };
}

fn connections() -> Result<Connections, Unsent> {
    CONNECTIONS.with(|known| match known.get() {
        Some(known) => Ok(known.clone()),
        None => {
            let client = client()?;
            Ok(known.get_or_init(|| client).clone())
        }
    })
}

/// Connections to any server.
pub fn client<B>() -> Result<Client<HttpsConnector<HttpConnector>, B>, Unsent>
where
    B: Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls()?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEPT)
        .pool_max_idle_per_host(KEPT_AT_MOST)
        .build(connector))
}

/// Whom to believe is for the system to say.
fn tls() -> Result<ClientConfig, Unsent> {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(known) = CONFIG.get() {
        return Ok(known.clone());
    }
    let mut roots = RootCertStore::empty();
    let believed = rustls_native_certs::load_native_certs();
    for error in believed.errors {
        platform::log!("whom this system believes cannot be read, for TLS to the bucket: {error}");
    }
    // Where there is none, nobody is believed.
    roots.add_parsable_certificates(believed.certs);
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| Unsent::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| config).clone())
}

/// An answer whose body was not read yet.
pub struct Answer(http::Response<Incoming>);

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
        let body = Limited::new(Patient::new(self.0.into_body()), limit);
        match body.collect().await {
            Ok(whole) => Ok(whole.to_bytes().into()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Unread::TooLarge),
            Err(_) => Err(Unread::Cut),
        }
    }

    /// The body, to be handed on.
    pub fn into_stream(self) -> Stream {
        Stream::new(Patient::new(self.0.into_body()))
    }
}

/// Sends a request with a body and waits for the head of the answer.
pub async fn exchange(
    place: &Place,
    signed: Signed,
    body: &[u8],
    patience: Duration,
) -> Result<Answer, Unsent> {
    let unsendable = |error: http::Error| Unsent::Unsendable(error.to_string());
    let with_body = matches!(signed.method, s3::Method::Put | s3::Method::Post);
    let uri = Uri::builder()
        .scheme(if place.secure() { "https" } else { "http" })
        .authority(place.authority())
        .path_and_query(&*signed.target)
        .build()
        .map_err(unsendable)?;
    let mut request = http::Request::builder().method(signed.method.as_str()).uri(uri);
    for (name, value) in signed.headers {
        request = request.header(name, value);
    }
    // As it was signed: hyper leaves out the port that the scheme implies.
    request = request.header(header::HOST, place.authority());
    if with_body {
        request = request.header(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let mut rest = body.chunks(CHUNK);
    let first = Bytes::copy_from_slice(rest.next().unwrap_or_default());
    let connections = connections()?;
    let answered = match body.len() > CHUNK {
        false => {
            timeout(
                patience,
                connections.request(request.body(Full::new(first).boxed_unsync()).map_err(unsendable)?),
            )
            .await
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
            let both = async {
                let (mut answer, mut writing) = (std::pin::pin!(answer), std::pin::pin!(writing));
                tokio::select! {
                    biased;
                    answer = &mut answer => answer,
                    () = &mut writing => answer.await,
                }
            };
            timeout(patience, both).await
        }
    };
    match answered {
        Ok(Ok(answer)) => Ok(Answer(answer)),
        Ok(Err(error)) => Err(unsent(&error)),
        Err(_) => Err(Unsent::Failed(format!("no answer within {patience:?}"))),
    }
}

/// All that is said of it: what hyper says tells little.
fn unsent(error: &Error) -> Unsent {
    let mut why = error.to_string();
    let (mut cause, mut is_tls) = (error.source(), false);
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        is_tls |= is_of_tls(error);
        cause = error.source();
    }
    match is_tls {
        true => Unsent::Tls(why),
        false => Unsent::Failed(why),
    }
}

/// Whether TLS said so. An error of I/O passes over the one that it is about when it is asked for its source.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => error.get_ref().is_some_and(|inner| is_of_tls(inner)),
        None => error.is::<rustls::Error>(),
    }
}

/// A body that breaks off when nothing comes of it for long.
struct Patient {
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
enum Broken {
    Connection(hyper::Error),
    Silent,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Connection(error) => write!(f, "the bucket's answer broke off: {error}"),
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

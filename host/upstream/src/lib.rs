//! Another registry, as one of its clients: what a cache of it asks for (OCI Distribution Specification, "Pull" and "Content
//! Discovery"; distribution's token authentication).
//!
//! Whatever comes is bounded, and manifests have the digest that was asked for. A cache decides what an error means.
#![forbid(unsafe_code)]

mod error;
mod lists;
mod login;
mod resolver;

pub use error::{Error, Kind, causes};
pub use lists::{Referrer, referrers_in};

use bytes::{Buf, Bytes};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use login::Login;
use names::{Algorithm, Digest, Reference, RepositoryName, Tag};
use protocol::manifest::{DOCKER_LIST, DOCKER_MANIFEST, MANIFEST_LIMIT, OCI_INDEX, OCI_MANIFEST};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Body, Client, ClientBuilder, Response};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tree::hash::digest_of;
use url::Url;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long nothing may come of an answer.
const SILENCE: Duration = Duration::from_secs(60);

/// How often a request is sent elsewhere.
const REDIRECTS: usize = 10;

/// How many connections are kept that nobody uses.
const IDLE: usize = 32;

/// How much of a refusal is read, for the log.
const MAX_REFUSAL: usize = 16 << 10;

const DIGEST: &str = "docker-content-digest";

/// Which registry, and who asks it.
#[derive(Clone)]
pub struct Options {
    /// Where it is: a URL of HTTP or HTTPS, before `/v2/`.
    pub url: String,
    /// The user, where one is to be.
    pub username: Option<String>,
    /// The password.
    pub password: Option<String>,
}

/// Another registry.
pub struct Upstream {
    http: Client,
    url: Url,
    login: Login,
    /// What manifests may be, for a registry that asks.
    accept: HeaderValue,
}

/// What a reference names.
pub enum Named {
    /// A manifest of this digest.
    Digest(Digest),
    /// One that the registry does not tell the digest of without its bytes.
    Manifest(Box<Manifest>),
}

/// A manifest.
pub struct Manifest {
    /// What the bytes hash to.
    pub digest: Digest,
    /// Its type, as the registry tells it.
    pub media_type: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

/// A blob on its way here.
pub struct Blob {
    /// How many bytes it has, where that is told.
    pub size: Option<u64>,
    /// They, from where they were asked for, or why they broke off.
    pub body: UnsyncBoxBody<Bytes, String>,
}

impl Upstream {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The URL is none, or the system's certificates cannot be read.
    pub fn new(options: Options) -> Result<Upstream, Error> {
        let url = Url::parse(&options.url)
            .map_err(|error| Error::new(Kind::Odd, format!("{} is not a URL: {error}", options.url)))?;
        let http = client()
            .read_timeout(SILENCE)
            .pool_max_idle_per_host(IDLE)
            .redirect(Policy::custom(follow))
            .build()
            .map_err(|error| Error::new(Kind::Odd, format!("requests cannot be sent: {}", causes(error))))?;
        let types = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, "*/*;q=0.1"].join(", ");
        let accept = HeaderValue::try_from(types)
            .map_err(|error| Error::new(Kind::Odd, format!("the types of manifests: {error}")))?;
        let login = Login::new(url.scheme() == "https", options.username, options.password);
        Ok(Upstream { http, url, login, accept })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Whether it is there, and takes the password.
    ///
    /// # Errors
    /// It is not, or does not.
    pub async fn check(&self) -> Result<(), Error> {
        let url = self.at("")?;
        match self.answer(Method::GET, None, url.clone(), HeaderMap::new()).await?.status() {
            StatusCode::NOT_FOUND => Err(Error::odd(&url, "is not there: there is no registry at this URL")),
            _ => Ok(()),
        }
    }

    /// What a tag names now; `None` where there is no such tag.
    pub async fn resolve(&self, name: &RepositoryName, tag: &Tag) -> Result<Option<Named>, Error> {
        let url = self.at(&format!("{name}/manifests/{tag}"))?;
        let digest = match self.ask(Method::HEAD, name, url, self.wanted()).await {
            Ok(None) => return Ok(None),
            Ok(Some(answer)) => {
                answer.headers().get(DIGEST).and_then(|digest| digest.to_str().ok()?.parse().ok())
            }
            // Some know no HEAD.
            Err(error) if error.kind == Kind::Odd => None,
            Err(error) => return Err(error),
        };
        if let Some(digest) = digest {
            return Ok(Some(Named::Digest(digest)));
        }
        let found = self.manifest(name, &Reference::Tag(tag.clone())).await?;
        Ok(found.map(|found| Named::Manifest(Box::new(found))))
    }

    /// A manifest; `None` where there is none of that name.
    pub async fn manifest(
        &self,
        name: &RepositoryName,
        wanted: &Reference,
    ) -> Result<Option<Manifest>, Error> {
        let url = self.at(&format!("{name}/manifests/{wanted}"))?;
        let answer = self.ask(Method::GET, name, url.clone(), self.wanted()).await?;
        let Some(answer) = answer else { return Ok(None) };
        let text = |header: &str| Some(answer.headers().get(header)?.to_str().ok()?.to_owned());
        let (media_type, told) =
            (text(CONTENT_TYPE.as_str()), text(DIGEST).and_then(|text| text.parse().ok()));
        let bytes = read(answer, MANIFEST_LIMIT, &url).await?;
        let wanted = match wanted {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) => told,
        };
        let algorithm = wanted.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let digest = digest_of(algorithm, &bytes);
        match wanted {
            Some(wanted) if wanted != digest => {
                Err(Error::odd(&url, format!("gives a manifest of the digest {digest} for {wanted}")))
            }
            _ => Ok(Some(Manifest { digest, media_type, bytes })),
        }
    }

    /// How many bytes a blob has; `None` where the repository has no such blob.
    pub async fn stat(&self, name: &RepositoryName, digest: &Digest) -> Result<Option<u64>, Error> {
        let url = self.at(&format!("{name}/blobs/{digest}"))?;
        let answer = self.ask(Method::HEAD, name, url.clone(), HeaderMap::new()).await?;
        let Some(answer) = answer else { return Ok(None) };
        match length(answer.headers()) {
            Some(size) => Ok(Some(size)),
            None => Err(Error::odd(&url, "does not tell how many bytes the blob has")),
        }
    }

    /// A blob's bytes, those of them that follow `from`; `None` where the repository has no such blob.
    pub async fn blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        from: u64,
    ) -> Result<Option<Blob>, Error> {
        let url = self.at(&format!("{name}/blobs/{digest}"))?;
        let mut headers = HeaderMap::new();
        if from > 0 {
            headers.insert(
                RANGE,
                HeaderValue::try_from(format!("bytes={from}-")).map_err(|error| Error::odd(&url, error))?,
            );
        }
        let answer = self.ask(Method::GET, name, url.clone(), headers).await?;
        let Some(answer) = answer else { return Ok(None) };
        let is_part = answer.status() == StatusCode::PARTIAL_CONTENT;
        let (begins, size) = match is_part {
            true => content_range(answer.headers()).unwrap_or_default(),
            // Whoever knows no ranges begins at the beginning.
            false => (0, length(answer.headers())),
        };
        if begins > from || is_part && begins != from {
            return Err(Error::odd(&url, format!("gives a blob from {begins} on and not from {from}")));
        }
        let body = http::Response::<Body>::from(answer).into_body();
        let body = Skipping { body: body.map_err(causes).boxed_unsync(), left: from - begins };
        Ok(Some(Blob { size, body: body.boxed_unsync() }))
    }

    /// Where something is.
    fn at(&self, path: &str) -> Result<Url, Error> {
        let whole = format!("{}/v2/{path}", self.url.as_str().trim_end_matches('/'));
        Url::parse(&whole).map_err(|error| Error::new(Kind::Odd, format!("{whole} is not a URL: {error}")))
    }

    fn wanted(&self) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, self.accept.clone())])
    }

    /// Asks for something of a repository; `None` where it is not there.
    async fn ask(
        &self,
        method: Method,
        name: &RepositoryName,
        url: Url,
        headers: HeaderMap,
    ) -> Result<Option<Response>, Error> {
        let answer = self.answer(method, Some(name), url, headers).await?;
        Ok(Some(answer).filter(|answer| answer.status() != StatusCode::NOT_FOUND))
    }

    /// Asks for something, and says who asks if it has to be said. An answer that refuses it is an error, but for one that says
    /// that it is not there.
    async fn answer(
        &self,
        method: Method,
        name: Option<&RepositoryName>,
        url: Url,
        mut headers: HeaderMap,
    ) -> Result<Response, Error> {
        let known = name.and_then(|name| self.login.of(name));
        headers.extend(known.map(|known| (AUTHORIZATION, known)));
        let mut answer = self.send(method.clone(), url.clone(), headers.clone()).await?;
        let is_asked = |answer: &Response| {
            // Not where it sends us: whoever is there has no business with our password.
            answer.status() == StatusCode::UNAUTHORIZED && answer.url().origin() == self.url.origin()
        };
        // Once more, if what we had is not good any more, or we had nothing.
        if is_asked(&answer) {
            let login = self.login.log_in(&self.http, name, answer.headers()).await?;
            headers.insert(AUTHORIZATION, login);
            answer = self.send(method, url.clone(), headers).await?;
            if is_asked(&answer) && login::wants_password(answer.headers()) {
                return Err(Error::login(&url));
            }
        }
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(answer),
            status if status.is_success() => Ok(answer),
            status => {
                let at = answer.url().clone();
                let error = Error::refused(&at, status, &refusal(answer, &at).await);
                // Where it sends us nobody knows what is denied to whom.
                let is_ours = at.origin() == self.url.origin();
                Err(if is_ours { error } else { Error { kind: Kind::Unreachable, ..error } })
            }
        }
    }

    async fn send(&self, method: Method, url: Url, headers: HeaderMap) -> Result<Response, Error> {
        let send = || self.http.request(method.clone(), url.clone()).headers(headers.clone()).send();
        let sent = match send().await {
            // A connection that was kept, and ended there meanwhile.
            Err(error) if error.is_request() && !error.is_timeout() && !error.is_connect() => send().await,
            sent => sent,
        };
        sent.map_err(|error| Error::new(Kind::Unreachable, format!("{url}: {}", causes(error))))
    }
}

/// What this server asks others with, to be told how.
pub fn client() -> ClientBuilder {
    // The one that everything here has. Another one would have come first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("pierhead/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .dns_resolver(Arc::new(resolver::shared()))
        .referer(false)
}

/// Whether it is asked where the registry says that something is: not without TLS where it is asked with it itself, for a password
/// would go there too.
fn follow(attempt: Attempt<'_>) -> Action {
    let last = attempt.previous().last();
    let is_bared = last.is_some_and(|last| {
        last.scheme() == "https" && attempt.url().scheme() == "http" && last.host() == attempt.url().host()
    });
    match attempt.previous().len() > REDIRECTS || is_bared {
        true => attempt.error("it is sent elsewhere again and again, or from https to http"),
        false => attempt.follow(),
    }
}

/// What a refusal says.
async fn refusal(answer: Response, url: &Url) -> Bytes {
    read(answer, MAX_REFUSAL, url).await.unwrap_or_default()
}

/// The whole of an answer.
async fn read(answer: Response, limit: usize, url: &Url) -> Result<Bytes, Error> {
    let body = http::Response::<Body>::from(answer).into_body();
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::odd(url, format!("answers with more than {limit} bytes")))
        }
        Err(error) => Err(Error::new(Kind::Unreachable, format!("{url}: {error}"))),
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// From where on an answer has bytes, and of how many (RFC 9110, 14.4).
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, size) = range.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()))
}

/// A body without its beginning.
struct Skipping {
    body: UnsyncBoxBody<Bytes, String>,
    left: u64,
}

impl http_body::Body for Skipping {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) if self.left > 0 => frame,
                other => return Poll::Ready(other),
            };
            let Ok(mut data) = frame.into_data() else { continue };
            let skipped = data.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= skipped as u64;
            data.advance(skipped);
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_begins_and_of_how_much_it_is() {
        let range = |text: &'static str| {
            content_range(&HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_static(text))]))
        };
        assert_eq!(range("bytes 7-9/10"), Some((7, Some(10))));
        assert_eq!(range("bytes 7-9/*"), Some((7, None)));
        assert_eq!(range("bytes */10"), None);
        assert_eq!(range("lines 7-9/10"), None);
    }

    #[test]
    fn where_something_is_follows_the_url_with_what_stands_in_its_path() {
        let at = |url: &str| {
            let options = Options { url: url.into(), username: None, password: None };
            Upstream::new(options).unwrap().at("a/blobs/b").unwrap().to_string()
        };
        assert_eq!(at("https://r.example"), "https://r.example/v2/a/blobs/b");
        assert_eq!(at("http://r.example:5000/b/c/"), "http://r.example:5000/b/c/v2/a/blobs/b");
    }
}

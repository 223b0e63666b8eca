//! Requests tried again, and what is said of those that are of no use.

use crate::bucket::{Bucket, Fault};
use crate::exchange::{Answer, MAX_ERROR, Unread, Unsent, exchange};
use crate::service::{COPY_STATUS, ERROR_CODE, State};
use objects::{Error, Small};
use platform::{elapsed, random, wait};
use s3::{Budget, Copied, Kind, Method, Request, ServiceError};
use std::cell::Cell;

/// How many bytes the answer about a copy, or about an upload that was begun, has at most.
pub const MAX_SMALL: usize = 64 << 10;
/// How many characters of what a server says for people reach the log.
const MAX_MESSAGE: usize = 200;

/// Why something that is to be done once was not.
pub enum Undone {
    /// It might not be sent any more.
    Late,
    /// Nobody knows whether it will be.
    Unknown(Fault),
    /// It is not done, and will not be.
    Fault(Fault),
}

/// Why a try was of no use.
pub struct Failure {
    kind: Kind,
    /// Whether the bucket said that it was not done. Otherwise it may still be, much later.
    is_undone: bool,
    /// For the log.
    text: String,
}

impl Failure {
    fn new(kind: Kind, text: impl Into<String>) -> Failure {
        Failure { kind, is_undone: false, text: text.into() }
    }

    fn unread(unread: Unread) -> Failure {
        match unread {
            Unread::Cut(why) => Failure::new(Kind::Again, format!("the answer broke off: {why}")),
            Unread::TooLarge => Failure::new(Kind::Failed, "the answer is larger than any of its kind"),
        }
    }

    fn of(bucket: &Bucket, method: Method, status: u16, error: &ServiceError) -> Failure {
        let service = &bucket.settings.service;
        let ServiceError { code, message } = error;
        let message: String = message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
        let said: Vec<&str> =
            [code, message.trim_end_matches('.')].into_iter().filter(|part| !part.is_empty()).collect();
        let text = match service.advice(status, code) {
            "" => format!("{status} {}", said.join(": ")),
            advice => format!("{status} {}; {advice}", said.join(": ")),
        };
        // Of the others it may be somebody in between who says so, and the bucket is still at it.
        let is_undone = matches!(status, 400..=407 | 409..=499 | 503);
        Failure { is_undone, ..Failure::new(service.judge(method, status, code), text) }
    }

    /// What the host could not do.
    fn unsent(bucket: &Bucket, unsent: Unsent) -> Failure {
        let service = &bucket.settings.service;
        let (host, names) = (service.authority(), service.names());
        let endpoint = names.endpoint;
        let (kind, why, advice) = match unsent {
            Unsent::Forbidden(why) => (
                Kind::Refused,
                why,
                format!("this component may not make requests to it; let its host permit that (Spin: allowed_outbound_hosts), or look at {endpoint}"),
            ),
            Unsent::Tls(why) if why.contains("UnknownIssuer") => (
                Kind::Refused,
                why,
                "its certificate is signed by none that this system believes: give the authority to the system, or its certificate in a file that SSL_CERT_FILE names".to_owned(),
            ),
            Unsent::Tls(why) => (Kind::Refused, why, format!("look at {}", names.tls)),
            Unsent::Unsendable(why) => (Kind::Refused, why, format!("look at {endpoint}")),
            Unsent::Failed(why) => (
                Kind::Again,
                why,
                format!("look at {endpoint}, at its scheme, and at what answers there"),
            ),
        };
        Failure::new(kind, format!("{host}: {why}; {advice}"))
    }
}

impl Bucket {
    /// Sends a request until it is answered with success.
    pub async fn ask(&self, request: &Request, body: &[u8]) -> Result<Answer, Fault> {
        self.trying(request, async || self.once(request, body).await).await
    }

    /// The same, with the answer's body, `limit` bytes at most.
    pub async fn ask_all(&self, request: &Request, body: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
        let once = async || self.once(request, body).await?.read(limit).await.map_err(Failure::unread);
        self.trying(request, once).await
    }

    /// The same, with what the answer says of the object.
    pub async fn ask_small(&self, request: &Request, limit: usize) -> Result<Small, Fault> {
        let once = async || {
            let answer = self.once(request, &[]).await?;
            let etag = answer.header("etag").unwrap_or_default();
            let [date, modified] = ["date", "last-modified"].map(|name| answer.header(name));
            let age = s3::age(date.as_deref(), modified.as_deref(), platform::now());
            Ok(Small { bytes: answer.read(limit).await.map_err(Failure::unread)?, etag, age })
        };
        self.trying(request, once).await
    }

    /// The same, with when it was given.
    pub async fn ask_dated(
        &self,
        request: &Request,
        limit: usize,
    ) -> Result<(Vec<u8>, Option<String>), Fault> {
        let once = async || {
            let answer = self.once(request, &[]).await?;
            let date = answer.header("date");
            Ok((answer.read(limit).await.map_err(Failure::unread)?, date))
        };
        self.trying(request, once).await
    }

    /// The same, for something that may fail after it was answered with success: the entity tag of what was made, where there is one,
    /// and whether it is there.
    pub async fn ask_done(&self, request: &Request, body: &[u8]) -> Result<(Option<String>, State), Fault> {
        let once = async || {
            let answer = self.once(request, body).await?;
            let (status, etag) = (answer.status(), answer.header("etag"));
            let state = self.settings.service.state(answer.header(COPY_STATUS));
            let body = answer.read(MAX_SMALL).await.map_err(Failure::unread)?;
            match self.settings.service.copied(etag, &body) {
                Copied::Done(etag) => Ok((etag, state)),
                Copied::Failed(error) => Err(Failure::of(self, request.method, status, &error)),
                Copied::Unreadable => {
                    Err(Failure::new(Kind::Again, "the answer is not what is said of it there"))
                }
            }
        };
        self.trying(request, once).await
    }

    /// Sends a request while it `may` be sent, until it is done; not again where nobody knows whether it will be.
    pub async fn ask_surely(&self, request: &Request, may: impl Fn() -> bool) -> Result<(), Undone> {
        let (unknown, late) = (Cell::new(false), Cell::new(false));
        let once = async || {
            if !may() {
                late.set(true);
                return Err(Failure::new(Kind::Failed, "it is too late for it"));
            }
            match self.once(request, &[]).await {
                Err(failure) if !failure.is_undone => {
                    unknown.set(true);
                    Err(Failure { kind: Kind::Failed, ..failure })
                }
                done => done.map(drop),
            }
        };
        self.trying(request, once).await.map_err(|fault| match (late.get(), unknown.get()) {
            (true, _) => Undone::Late,
            (_, true) => Undone::Unknown(fault),
            _ => Undone::Fault(fault),
        })
    }

    async fn once(&self, request: &Request, body: &[u8]) -> Result<Answer, Failure> {
        let service = &*self.settings.service;
        let Some(signer) = self.signer() else {
            let text = format!("there is no key to sign requests with; give {}", service.names().keys);
            return Err(Failure::new(Kind::Refused, text));
        };
        let signed = signer.sign(request, body.len());
        let signed = signed.map_err(|error| Failure::new(Kind::Failed, error))?;
        let answer = exchange(service, signed, body, request.patience).await;
        let answer = answer.map_err(|unsent| Failure::unsent(self, unsent))?;
        if (200..300).contains(&answer.status()) {
            return Ok(answer);
        }
        let (status, code) = (answer.status(), answer.header(ERROR_CODE));
        // What cannot be read says no more than the status.
        let body = answer.read(MAX_ERROR).await.unwrap_or_default();
        Err(Failure::of(self, request.method, status, &service.error(code, &body)))
    }

    async fn trying<T>(
        &self,
        request: &Request,
        once: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Fault> {
        let mut budget = Budget::new(elapsed(), request.patience);
        loop {
            let failure = match once().await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let kind = match failure.kind {
                Kind::Absent => return Err(Fault::Absent),
                Kind::Changed => return Err(Fault::Changed),
                Kind::Lost => return Err(Fault::Lost),
                Kind::Again => match budget.again(elapsed(), random()) {
                    Some(time) => {
                        wait(time).await;
                        continue;
                    }
                    None => objects::Kind::Unavailable,
                },
                Kind::Refused => objects::Kind::Refused,
                Kind::Full => objects::Kind::Full,
                Kind::Failed | Kind::NotImplemented | Kind::OtherKind => objects::Kind::Failed,
            };
            let error = Error::new(kind, request.method.as_str(), &request.subject, failure.text);
            return Err(match failure.kind {
                Kind::NotImplemented => Fault::NotImplemented(error),
                Kind::OtherKind => Fault::OtherKind(error),
                _ => Fault::Error(error),
            });
        }
    }
}

//! The one place where what went wrong becomes an error on the wire.

use crate::Asked;
use crate::answer::Answer;
use crate::bindings::pierhead::host::config;
use crate::bindings::pierhead::host::http::BodyError;
use crate::bindings::pierhead::registry::auth::{Challenge, RealmHere, Reason, Refusal};
use crate::bindings::pierhead::registry::types::{Failure, RegistryError};
use crate::bindings::pierhead::storage::types::Error;
use crate::place;
use crate::served;
use protocol::error::{Code, ErrorResponse};
use protocol::manifest;
use protocol::route::Route;

/// A request that is not granted: the error, and headers that go with it.
pub struct Refused {
    error: ErrorResponse,
    headers: Vec<(&'static str, String)>,
    user: Option<String>,
}

impl Refused {
    /// Adds a header; its name in lower case.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Refused {
        self.headers.push((name, value.into()));
        self
    }

    /// Says who asked, for the log.
    pub fn asked_by(mut self, user: Option<String>) -> Refused {
        self.user = user;
        self
    }

    /// Names what was asked for, where nothing else is said.
    pub fn about(mut self, route: &Route) -> Refused {
        self.error = self.error.about(route);
        self
    }

    /// Says what else is served where a method is not (RFC 9110, 15.5.6): not there at all, or not enabled.
    pub fn allowing(self, route: &Route, method: &str) -> Refused {
        if self.error.status != ErrorResponse::new(Code::Unsupported).status {
            return self;
        }
        let served = served(route);
        let others: Vec<&str> = served.split(", ").filter(|allowed| *allowed != method).collect();
        self.header("allow", others.join(", "))
    }

    /// What the client sees.
    pub fn answer(self) -> Answer {
        let answer = Answer::new(self.error.status).json(self.error.to_json()).asked_by(self.user);
        self.headers.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value))
    }
}

impl From<ErrorResponse> for Refused {
    fn from(error: ErrorResponse) -> Refused {
        Refused { error, headers: Vec::new(), user: None }
    }
}

impl From<RegistryError> for Refused {
    fn from(told: RegistryError) -> Refused {
        let code = Code::ALL.into_iter().find(|code| code.as_str() == told.code).unwrap_or(Code::Unknown);
        let mut error = ErrorResponse::new(code);
        if !told.message.is_empty() {
            error = error.message(told.message);
        }
        error.details = told.details;
        error.into()
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        match error {
            Error::Full => ErrorResponse::new(Code::Unavailable)
                .message("the registry's storage is full: nothing was lost, try again when there is room")
                .into(),
            Error::ReadOnly => {
                ErrorResponse::new(Code::Unsupported).message("the registry takes no writes").into()
            }
            Error::Unavailable => {
                let message = match config::get("proxy") {
                    Some(_) => {
                        "the registry that this one is a cache of does not give it for the moment: try again"
                    }
                    None => "the registry's storage cannot be reached for the moment: try again",
                };
                let error = ErrorResponse::new(Code::Unavailable).message(message);
                Refused::from(error).header("retry-after", "5")
            }
            Error::Failed => ErrorResponse::new(Code::Unknown)
                .message("the registry failed: its log says why, under X-Request-Id where the answer has one")
                .into(),
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        match failure {
            Failure::Registry(error) => error.into(),
            Failure::Storage(error) => error.into(),
        }
    }
}

impl Refused {
    /// What `auth` says to whoever asked.
    pub fn told(asked: &Asked<'_>, refusal: Refusal) -> Refused {
        let code = match refusal.reason {
            Reason::Unauthorized => Code::Unauthorized,
            Reason::Denied => Code::Denied,
            Reason::TooManyRequests => Code::TooManyRequests,
            Reason::Unavailable => Code::Unavailable,
        };
        let mut error = ErrorResponse::new(code);
        if !refusal.message.is_empty() {
            error = error.message(refusal.message);
        }
        let mut refused = Refused::from(error).asked_by(refusal.user);
        refused = match refusal.challenge {
            Some(Challenge::Whole(challenge)) => refused.header("www-authenticate", challenge),
            Some(Challenge::Here(RealmHere { path, parameters })) => {
                let realm = place::realm(asked, path.as_deref());
                refused.header("www-authenticate", format!("Bearer realm=\"{realm}\",{parameters}"))
            }
            None => refused,
        };
        match refusal.retry_after {
            Some(seconds) => refused.header("retry-after", seconds.to_string()),
            None => refused,
        }
    }
}

/// A manifest's body that could not be read.
impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Refused {
        match error {
            BodyError::TooLarge => manifest::too_large().into(),
            BodyError::Interrupted => ErrorResponse::new(Code::SizeInvalid)
                .message("the manifest did not come whole: it broke off, or took too long")
                .into(),
        }
    }
}

//! Who we are to the other registry: passwords (RFC 7617), and tokens that are given for them
//! (distribution's token authentication).

use crate::error::causes;
use crate::{Error, Kind, read, refusal};
use http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use names::RepositoryName;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// The repositories whose logins are kept.
const KEPT: usize = 10_000;

/// How long a token is good that does not say it.
const GOOD_FOR: u64 = 60;

/// How long before its end a token is used no more.
const EARLY: u64 = 10;

/// How much of an answer with a token is read.
const MAX_TOKEN: usize = 1 << 20;

/// What a token's issuer answers.
#[derive(Deserialize)]
struct Issued {
    token: Option<String>,
    access_token: Option<String>,
    // A number, as a rule; of some a text, or none that can be.
    expires_in: Option<Value>,
}

#[derive(Clone)]
struct Known {
    header: HeaderValue,
    until: Option<Instant>,
}

pub(crate) struct Login {
    /// Whether passwords may only go where nobody listens.
    secure: bool,
    username: Option<String>,
    password: Option<String>,
    known: Mutex<HashMap<String, Known>>,
}

/// What a registry asks for.
enum Asked {
    Password,
    Token { realm: String, service: Option<String>, scope: Option<String> },
}

impl Login {
    pub fn new(secure: bool, username: Option<String>, password: Option<String>) -> Login {
        Login { secure, username, password, known: Mutex::default() }
    }

    /// What was good for a repository lately.
    pub fn of(&self, name: &RepositoryName) -> Option<HeaderValue> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(name.as_str())?;
        known.until.is_none_or(|until| until > Instant::now()).then(|| known.header.clone())
    }

    /// What the registry asks for in an answer, to be sent with the next request: for a repository, or only to see who we are.
    pub async fn log_in(
        &self,
        http: &Client,
        name: Option<&RepositoryName>,
        headers: &HeaderMap,
    ) -> Result<HeaderValue, Error> {
        let known = match asked(headers)? {
            Asked::Password => self.basic(http)?,
            Asked::Token { realm, service, scope } => {
                let scope = scope.or_else(|| name.map(|name| format!("repository:{name}:pull")));
                self.token(http, &realm, service, scope).await?
            }
        };
        if let Some(name) = name {
            let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= KEPT {
                all.clear();
            }
            all.insert(name.as_str().to_owned(), known.clone());
        }
        Ok(known.header)
    }

    fn basic(&self, http: &Client) -> Result<Known, Error> {
        if self.username.is_none() {
            let what = "the registry asks for a password: give proxy.username and proxy.password";
            return Err(Error::new(Kind::Login, what));
        }
        // As reqwest writes it.
        let request = self.with_password(http.get("http://localhost")).build();
        let header = request.ok().and_then(|mut request| request.headers_mut().remove(AUTHORIZATION));
        let unfit = || Error::new(Kind::Login, "proxy.username has characters that no header has");
        let mut header = header.ok_or_else(unfit)?;
        header.set_sensitive(true);
        Ok(Known { header, until: None })
    }

    fn with_password(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.username {
            Some(username) => request.basic_auth(username, self.password.as_ref()),
            None => request,
        }
    }

    async fn token(
        &self,
        http: &Client,
        realm: &str,
        service: Option<String>,
        scope: Option<String>,
    ) -> Result<Known, Error> {
        let mut url = Url::parse(realm).map_err(|error| {
            Error::new(Kind::Odd, format!("the registry asks for a token of {realm:?}: {error}"))
        })?;
        if self.secure && url.scheme() != "https" {
            return Err(Error::odd(&url, "is where the registry sends us for tokens, and is not https"));
        }
        let wanted = [("service", service), ("scope", scope), ("account", self.username.clone())];
        for (name, value) in wanted {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let asked = Instant::now();
        let answer = self.with_password(http.get(url.clone())).send().await;
        let answer =
            answer.map_err(|error| Error::new(Kind::Unreachable, format!("a token: {}", causes(error))))?;
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED && self.username.is_some() {
            return Err(Error::login(&url));
        }
        if !status.is_success() {
            return Err(Error::refused(&url, status, &refusal(answer, &url).await));
        }
        let answer = read(answer, MAX_TOKEN, &url).await?;
        let issued: Issued =
            serde_json::from_slice(&answer).map_err(|_| Error::odd(&url, "answers without a token"))?;
        let token = [issued.token, issued.access_token].into_iter().flatten().find(|token| !token.is_empty());
        let token = token.ok_or_else(|| Error::odd(&url, "answers without a token"))?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Error::odd(&url, "gives a token that no header has"))?;
        header.set_sensitive(true);
        let good_for =
            issued.expires_in.as_ref().and_then(Value::as_u64).unwrap_or(GOOD_FOR).saturating_sub(EARLY);
        // What is good for longer than time goes on is good for ever.
        Ok(Known { header, until: asked.checked_add(Duration::from_secs(good_for)) })
    }
}

/// Whether an answer asks for a password and for nothing else.
pub(crate) fn wants_password(headers: &HeaderMap) -> bool {
    matches!(asked(headers), Ok(Asked::Password))
}

/// What an answer asks for: a token before a password.
fn asked(headers: &HeaderMap) -> Result<Asked, Error> {
    let mut password = false;
    for value in headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()) {
        for challenge in http_auth::parse_challenges(value).unwrap_or_default() {
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                password = true;
            }
            let parameter = |wanted: &str| {
                let found = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                return Ok(Asked::Token { realm, service: parameter("service"), scope: parameter("scope") });
            }
        }
    }
    match password {
        true => Ok(Asked::Password),
        false => Err(Error::new(
            Kind::Denied,
            "the registry answers 401 and asks neither for a token nor for a password",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(challenge: &'static str) -> Result<Asked, Error> {
        asked(&HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))]))
    }

    #[test]
    fn a_registry_asks_for_a_token_or_for_a_password() {
        let hub = "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"";
        let Ok(Asked::Token { realm, service, scope }) = of(hub) else { panic!("no token") };
        assert_eq!(realm, "https://auth.docker.io/token");
        assert_eq!(service.as_deref(), Some("registry.docker.io"));
        assert_eq!(scope.as_deref(), Some("repository:a/b:pull"));
        assert!(matches!(of("basic realm=\"x\""), Ok(Asked::Password)));
        assert!(of("Negotiate").is_err() && of("").is_err());
    }

    #[tokio::test]
    async fn a_password_goes_nowhere_in_clear_where_the_registry_is_spoken_to_with_tls() {
        let login = Login::new(true, Some("u".into()), Some("p".into()));
        let asks = "Bearer realm=\"http://auth.example/token\"";
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_static(asks))]);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let error = login.log_in(&Client::new(), None, &headers).await.unwrap_err();
        assert!(error.to_string().contains("not https"), "{error}");
    }
}

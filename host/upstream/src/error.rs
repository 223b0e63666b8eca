use http::StatusCode;
use std::fmt::Display;
use url::Url;

/// How much of what a registry says of itself goes into an error.
const MAX_WORDS: usize = 256;

/// Why the other registry did not give what it was asked for. The text is for the log: it has no password in it.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    /// What it means to whoever asks.
    pub kind: Kind,
    pub(crate) text: String,
}

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It cannot be reached, or has trouble itself. Trying again may help.
    Unreachable,
    /// It was asked too often.
    TooOften,
    /// It does not give that to who we are.
    Denied,
    /// It does not believe who we are: the password is wrong, or missing.
    Login,
    /// It does something that registries do not.
    Odd,
}

impl Error {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Error {
        Error { kind, text: text.into() }
    }

    /// Of something that was given for a manifest and is none.
    pub fn no_manifest(repository: &str, digest: &str, why: &str) -> Error {
        Error::new(
            Kind::Odd,
            format!("what the upstream registry has of {repository} as {digest} is no manifest: {why}"),
        )
    }

    pub(crate) fn odd(url: &Url, what: impl Display) -> Error {
        Error::new(Kind::Odd, format!("{} {what}", bare(url)))
    }

    /// Where our password is not taken.
    pub(crate) fn login(url: &Url) -> Error {
        let what = "does not take proxy.username with proxy.password, or asks for them and there are none";
        Error::new(Kind::Login, format!("{} {what}", bare(url)))
    }

    /// Of an answer with this status, that says this.
    pub(crate) fn refused(url: &Url, status: StatusCode, said: &[u8]) -> Error {
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Denied,
            StatusCode::TOO_MANY_REQUESTS => Kind::TooOften,
            status if status.is_server_error() => Kind::Unreachable,
            _ => Kind::Odd,
        };
        let words = words(said).map(|words| format!(": {words}")).unwrap_or_default();
        Error::new(kind, format!("{} answers {status}{words}", bare(url)))
    }
}

/// A URL without what may be a secret in it.
fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    // Fails for URLs that have none.
    let _ = url.set_password(None);
    url.to_string()
}

/// What a registry says in its JSON, for a line of a log.
fn words(said: &[u8]) -> Option<String> {
    let said: serde_json::Value = serde_json::from_slice(said).ok()?;
    let words =
        said["errors"][0]["message"].as_str().or(said["details"].as_str()).or(said["message"].as_str())?;
    Some(words.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect())
}

/// All that is said of why a request failed, but for where it went: that may be where a secret is.
pub fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        said += &format!(": {error}");
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_what_the_registry_says_and_no_secret() {
        let url = Url::parse("https://u:secret@r.example/v2/a?token=secret").unwrap();
        let said = br#"{"errors": [{"code": "TOOMANYREQUESTS", "message": "slow\n down"}]}"#;
        let error = Error::refused(&url, StatusCode::TOO_MANY_REQUESTS, said);
        assert_eq!(error.kind, Kind::TooOften);
        assert_eq!(error.to_string(), "https://u@r.example/v2/a answers 429 Too Many Requests: slow down");
        let error = Error::refused(&url, StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!(error.kind, Kind::Unreachable);
        assert_eq!(error.to_string(), "https://u@r.example/v2/a answers 502 Bad Gateway");
    }
}

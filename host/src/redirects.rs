//! Redirects that are followed by hand, for a URL may have a name and a password, and headers a secret, that are for its host alone.

use reqwest::{Response, Url, header::LOCATION};

/// Where an answer says that something is.
pub struct Elsewhere {
    pub url: Url,
    /// Whether it is the same host, and TLS is spoken there where it was spoken before. Then the URL has the name and the password of the
    /// one that was asked for first.
    pub is_same_host: bool,
}

/// Where an answer sends whoever has asked for `first`, or for where that had sent him.
pub fn elsewhere(answer: &Response, first: &Url) -> Option<Elsewhere> {
    let at = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection())?;
    let asked = answer.url();
    let mut url = asked.join(at.to_str().ok()?).ok()?;
    let is_same_host = asked.host() == url.host() && (asked.scheme() == "http" || url.scheme() == "https");
    if is_same_host {
        // They cannot be of a URL that has no host, and this has one.
        let _ = url.set_username(first.username());
        let _ = url.set_password(first.password());
    }
    Some(Elsewhere { url, is_same_host })
}

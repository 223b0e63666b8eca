//! Where this registry is, as it sees itself and as its clients do.

use crate::Asked;
use crate::bindings::pierhead::host::config;
use protocol::location::{self, Origin};
use protocol::route::{Route, collapsed};
use std::sync::OnceLock;

/// What stands before `/v2/` in the paths that come in (`http.prefix`): nothing, or a path without a slash at its end.
fn prefix() -> &'static str {
    static PREFIX: OnceLock<String> = OnceLock::new();
    PREFIX.get_or_init(|| config::get("http.prefix").unwrap_or_default())
}

/// A path without the prefix; `none` where it lies outside. `/` itself is in no prefix: probes find it without one.
pub fn within(path: &str) -> Option<&str> {
    match prefix() {
        "" => Some(path),
        _ if path == "/" => Some(path),
        prefix => path.strip_prefix(prefix).filter(|rest| rest.starts_with('/') && *rest != "/"),
    }
}

/// What a path asks for that has slashes too many, and the path that it has here: with one slash in the place of several,
/// and none at its end.
pub fn tidied(path: &str) -> Option<(String, Route)> {
    let path = collapsed(path);
    let (path, route) = Route::tidied(within(&path)?)?;
    (route != Route::Root).then(|| (path.to_owned(), route))
}

fn told<T>(asked: &Asked<'_>, tell: impl FnOnce(&Origin<'_>) -> T) -> T {
    let (head, configured) = (asked.head, config::get("http.host"));
    tell(&Origin {
        configured: configured.as_deref(),
        prefix: prefix(),
        relative: config::get("http.relativeurls").as_deref() == Some("true"),
        forwarded: head.forwarded.as_deref(),
        x_forwarded_proto: head.x_forwarded_proto.as_deref(),
        x_forwarded_host: head.x_forwarded_host.as_deref(),
        host: head.host.as_deref(),
        scheme: &head.scheme,
    })
}

/// The URL of a path here, as this client has to write it: relative, where the configuration says so.
pub fn url(asked: &Asked<'_>, path: &str) -> String {
    told(asked, location::base) + path
}

/// The URL of a path here, for whoever is elsewhere.
pub fn absolute(asked: &Asked<'_>, path: &str) -> String {
    told(asked, |origin| location::base(&Origin { relative: false, ..*origin })) + path
}

/// A path here, as this client has to write it.
pub fn path(asked: &Asked<'_>, path: &str) -> String {
    told(asked, |origin| location::root(origin).to_owned()) + path
}

/// Where tokens are to be had, as an absolute URL: at a path beside the registry, or else from the registry itself.
pub fn realm(asked: &Asked<'_>, beside: Option<&str>) -> String {
    match beside {
        Some(path) => told(asked, location::site) + path,
        None => absolute(asked, location::TOKEN),
    }
}

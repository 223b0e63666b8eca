//! URLs that answers point to (specification, "Pushing blobs": `Location`).

use crate::percent::encode_query;
use names::{Digest, RepositoryName, UploadId};
use std::borrow::Cow;

/// All that decides under which name the client knows this registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The setting `http.host`, an absolute URL: wins over all else. With the prefix in it, where clients write one.
    pub configured: Option<&'a str>,
    /// The setting `http.prefix`: a path without a slash at its end, or nothing.
    pub prefix: &'a str,
    /// The setting `http.relativeurls`: no origin, only paths.
    pub relative: bool,
    /// The header `Forwarded` (RFC 7239), of which the first element counts. Where it is there,
    /// `X-Forwarded-*` does not count.
    pub forwarded: Option<&'a str>,
    /// The header `X-Forwarded-Proto`, of which the first entry counts.
    pub x_forwarded_proto: Option<&'a str>,
    /// The header `X-Forwarded-Host`, of which the first entry counts. It names the port too.
    pub x_forwarded_host: Option<&'a str>,
    /// The header `Host`, or `:authority`.
    pub host: Option<&'a str>,
    /// `http` or `https`: how the request came in.
    pub scheme: &'a str,
}

impl<'a> Origin<'a> {
    /// Scheme and host of the configured URL, and its path without a slash at the end.
    fn configured(&self) -> Option<(&'a str, &'a str)> {
        let url = self.configured?;
        let host = url.find("://")? + "://".len();
        let path = url[host..].find('/').map_or(url.len(), |at| host + at);
        Some((&url[..path], url[path..].trim_end_matches('/')))
    }
}

/// What stands before `/v2/` in a path that this client uses: nothing, or a path without a slash at its end.
pub fn root<'a>(origin: &Origin<'a>) -> &'a str {
    origin.configured().map_or(origin.prefix, |(_, path)| path)
}

/// What to put before `/v2/` in a URL for this client, such as `https://registry.example:5000/prefix`: without a slash at
/// its end, and only the path where URLs are to be relative.
pub fn base(origin: &Origin<'_>) -> String {
    match origin.configured() {
        None if origin.relative => root(origin).to_owned(),
        _ => site(origin) + root(origin),
    }
}

/// Scheme and host under which the client knows this server, such as `https://registry.example:5000`; nothing where
/// nobody says it.
///
/// Anyone can send these headers, so they shape this answer only, and a value that is no scheme or no
/// `host[:port]` is passed over: it could otherwise smuggle something into the header it ends up in.
pub fn site(origin: &Origin<'_>) -> String {
    if let Some((site, _)) = origin.configured() {
        return site.to_owned();
    }
    let (proto, host) = match origin.forwarded {
        Some(header) => forwarded(header).unwrap_or_default(),
        None => (first_entry(origin.x_forwarded_proto), first_entry(origin.x_forwarded_host)),
    };
    let scheme = proto.as_deref().and_then(scheme).or_else(|| scheme(origin.scheme)).unwrap_or("http");
    let host = host.as_deref().filter(|host| is_host(host)).or(origin.host.filter(|host| is_host(host)));
    match host {
        Some(host) => [scheme, "://", host].concat(),
        None => String::new(),
    }
}

fn first_entry(header: Option<&str>) -> Option<Cow<'_, str>> {
    header.map(|list| Cow::Borrowed(list.split(',').next().unwrap_or_default().trim()))
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme))
}

/// Whether `text` may stand as `host[:port]` in a URL: the characters of names, addresses and ports alone.
fn is_host(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    (1..=261).contains(&text.len()) && text.bytes().all(allowed)
}

type ProtoAndHost<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>);

/// `proto` and `host` of the first element of a `Forwarded` header; none when it cannot be read.
fn forwarded(header: &str) -> Option<ProtoAndHost<'_>> {
    let (mut proto, mut host) = (None, None);
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = forwarded_value(after)?;
        match name.trim() {
            name if name.eq_ignore_ascii_case("proto") => proto = Some(value),
            name if name.eq_ignore_ascii_case("host") => host = Some(value),
            _ => {}
        }
        let after = after.trim_start();
        match after.bytes().next() {
            Some(b';') => rest = after[1..].trim_start(),
            Some(b',') | None => break,
            Some(_) => return None,
        }
    }
    Some((proto, host))
}

/// The token or quoted string that `text` begins with, and what follows it.
fn forwarded_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',', ' ', '\t']).unwrap_or(text.len());
        return Some((Cow::Borrowed(&text[..end]), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((Cow::Owned(value), &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// The path where tokens are to be had.
pub const TOKEN: &str = "/auth/token";

/// The path of the catalogue.
pub const CATALOG: &str = "/v2/_catalog";

/// The path of a repository's list of tags.
pub fn tags(name: &RepositoryName) -> String {
    ["/v2/", name.as_str(), "/tags/list"].concat()
}

/// The path of a manifest, by digest.
pub fn manifest(name: &RepositoryName, digest: &str) -> String {
    ["/v2/", name.as_str(), "/manifests/", digest].concat()
}

/// The path of a manifest's referrers, those of one artifact type where it is given.
pub fn referrers(name: &RepositoryName, digest: &Digest, artifact_type: Option<&str>) -> String {
    let mut path = ["/v2/", name.as_str(), "/referrers/", digest.as_str()].concat();
    if let Some(artifact_type) = artifact_type {
        path.push_str("?artifactType=");
        encode_query(artifact_type, &mut path);
    }
    path
}

/// The path of a blob.
pub fn blob(name: &RepositoryName, digest: &Digest) -> String {
    ["/v2/", name.as_str(), "/blobs/", digest.as_str()].concat()
}

/// The path of an upload under way. All of its state is in the path: some clients drop a query string.
pub fn upload(name: &RepositoryName, id: &UploadId) -> String {
    ["/v2/", name.as_str(), "/blobs/uploads/", id.as_str()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECT: Origin<'_> = Origin {
        configured: None,
        prefix: "",
        relative: false,
        forwarded: None,
        x_forwarded_proto: None,
        x_forwarded_host: None,
        host: Some("localhost:5000"),
        scheme: "http",
    };

    #[test]
    fn the_strongest_source_names_the_origin() {
        let proxied = Origin {
            forwarded: Some("host=f.example;proto=https"),
            x_forwarded_proto: Some("http"),
            x_forwarded_host: Some("x.example"),
            ..DIRECT
        };
        let configured = Some("https://registry.example/");
        for (origin, expected) in [
            (Origin { configured, relative: true, ..proxied }, "https://registry.example"),
            (Origin { relative: true, ..proxied }, ""),
            (Origin { configured: Some(""), ..proxied }, "https://f.example"),
            (Origin { forwarded: None, ..proxied }, "http://x.example"),
            (Origin { x_forwarded_proto: Some("HTTPS, http"), ..DIRECT }, "https://localhost:5000"),
            (Origin { x_forwarded_host: Some(" a.example:443 , b"), ..DIRECT }, "http://a.example:443"),
            (Origin { scheme: "https", ..DIRECT }, "https://localhost:5000"),
            (DIRECT, "http://localhost:5000"),
            (Origin { host: Some("[::1]:5000"), ..DIRECT }, "http://[::1]:5000"),
            (Origin { host: None, ..DIRECT }, ""),
        ] {
            assert_eq!(base(&origin), expected, "{origin:?}");
        }
    }

    #[test]
    fn the_prefix_stands_before_every_path_unless_the_configured_url_has_one() {
        let here = Origin { prefix: "/a/b", ..DIRECT };
        let at = |url| Origin { configured: Some(url), relative: true, ..here };
        for (origin, base_, root_, site_) in [
            (here, "http://localhost:5000/a/b", "/a/b", "http://localhost:5000"),
            (Origin { relative: true, ..here }, "/a/b", "/a/b", "http://localhost:5000"),
            (Origin { host: None, ..here }, "/a/b", "/a/b", ""),
            (at("https://r.example"), "https://r.example", "", "https://r.example"),
            (at("https://r.example/"), "https://r.example", "", "https://r.example"),
            (at("https://r.example:1/c/d/"), "https://r.example:1/c/d", "/c/d", "https://r.example:1"),
        ] {
            assert_eq!(
                (&*base(&origin), root(&origin), &*site(&origin)),
                (base_, root_, site_),
                "{origin:?}"
            );
        }
    }

    #[test]
    fn the_first_element_of_forwarded_counts() {
        for (forwarded, expected) in [
            ("for=1.2.3.4; Proto=https ;HOST=a.example, host=b.example", "https://a.example"),
            (r#"host="[::1]:\5000";proto="https""#, "https://[::1]:5000"),
            ("proto=https", "https://localhost:5000"),
            (r#"for="x;host=evil, y";host=a.example"#, "http://a.example"),
            ("", "http://localhost:5000"),
            ("host", "http://localhost:5000"),
            ("host=\"a.example", "http://localhost:5000"),
            ("host=a.example x", "http://localhost:5000"),
            (r#"host="a\"#, "http://localhost:5000"),
        ] {
            let origin = Origin { forwarded: Some(forwarded), x_forwarded_host: Some("no"), ..DIRECT };
            assert_eq!(base(&origin), expected, "{forwarded}");
        }
    }

    #[test]
    fn a_header_cannot_smuggle_anything_in() {
        for evil in [
            "",
            "a/b",
            "a b",
            "a\r\nX: y",
            "a\0",
            "user@a",
            "a?b",
            "a#b",
            "a%2fb",
            "a\\b",
            "é",
            "<a>",
            "a\"b",
            &"a".repeat(300),
        ] {
            for origin in [
                Origin { x_forwarded_host: Some(evil), ..DIRECT },
                Origin { x_forwarded_proto: Some(evil), ..DIRECT },
                Origin { forwarded: Some(&format!("host={evil}")), ..DIRECT },
                Origin { forwarded: Some(&format!("proto=\"{evil}\"")), ..DIRECT },
            ] {
                // An unquoted value ends at a space: what stands before it is a whole host.
                assert!(["http://localhost:5000", "http://a"].contains(&&*base(&origin)), "{origin:?}");
            }
            assert_eq!(base(&Origin { host: Some(evil), ..DIRECT }), "", "{evil}");
        }
        assert_eq!(
            base(&Origin { x_forwarded_proto: Some("javascript"), ..DIRECT }),
            "http://localhost:5000"
        );
    }

    #[test]
    fn paths_lead_back_to_their_routes() {
        use crate::route::Route;
        let name: RepositoryName = "library/alpine".parse().unwrap();
        let digest = Digest::from_raw(names::Algorithm::Sha512, &[7; 64]);
        let id = UploadId::from_random([7; 16]);
        for (path, route) in [
            (CATALOG.to_owned(), Route::Catalog),
            (tags(&name), Route::Tags(name.clone())),
            (blob(&name, &digest), Route::Blob(name.clone(), digest.clone())),
            (upload(&name, &id), Route::Upload(name.clone(), id)),
            (manifest(&name, digest.as_str()), Route::Manifest(name, names::Reference::Digest(digest))),
        ] {
            assert_eq!(Route::parse(&path), Ok(route), "{path}");
        }
    }
}

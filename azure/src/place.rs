//! Where a container is, and requests to it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::uri::Authority;
use md5::{Digest, Md5};
use s3::{BadSetting, Begin, Condition, Method, Part, Request, SENT, Source, WORKED, in_path};

/// How many names a list tells at once at most.
pub const MAX_PAGE: usize = 5000;

/// Where a container is, and where in it our tree begins.
#[derive(Clone, Debug)]
pub struct Place {
    secure: bool,
    authority: String,
    /// What comes before a key in a request's path: `/container`, behind the account's name where the host does not say that.
    base: String,
    /// What comes before our keys in the container: nothing, or `some/folder/`.
    root: String,
}

impl Place {
    /// The container of this name, with the service at a URL.
    ///
    /// # Errors
    /// No such container, or no such URL, can be.
    pub(crate) fn new(service: &str, container: &str, root: &str) -> Result<Place, BadSetting> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-$".contains(c);
        if container.is_empty() || !container.chars().all(plain) {
            return Err(BadSetting::new("storage.azure.container", "is not the name of a container"));
        }
        let (secure, rest) = match service.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(not_a_service()),
        };
        let rest = rest.trim_end_matches('/');
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let parsed: Authority = authority.parse().map_err(|_| not_a_service())?;
        // A name or a password before the host, or a signature behind it, would reach the log.
        if parsed.host().is_empty() || authority.contains('@') || path.contains(['?', '#']) {
            return Err(not_a_service());
        }
        let base = match path {
            "" => format!("/{container}"),
            account => format!("/{}/{container}", in_path(account)),
        };
        let root = match root.trim_matches('/') {
            "" => String::new(),
            root => format!("{root}/"),
        };
        Ok(Place { secure, authority: authority.to_owned(), base, root })
    }

    /// For people: the container, and what comes before our keys in it.
    pub fn shown(&self) -> String {
        self.url(&[&*self.base, "/", &*self.root].concat())
    }

    /// Whether it is spoken to in TLS.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The host that is spoken to, and its port where it is not the usual one.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What is asked for with this path and query.
    pub fn url(&self, target: &str) -> String {
        let scheme = if self.secure { "https://" } else { "http://" };
        [scheme, &*self.authority, target].concat()
    }

    /// One of our keys as the container has it.
    pub fn key(&self, key: &str) -> String {
        [&*self.root, key].concat()
    }

    pub(crate) fn path(&self, key: &str) -> String {
        [&*self.base, "/", &in_path(&self.key(key))].concat()
    }

    fn about(&self, method: Method, key: &str) -> Request {
        Request::at(self.path(key), method, key)
    }

    /// An object, whole (Get Blob).
    pub fn get(&self, key: &str) -> Request {
        self.about(Method::Get, key)
    }

    /// What there is to know of an object (Get Blob Properties).
    pub fn head(&self, key: &str) -> Request {
        self.about(Method::Head, key)
    }

    /// Writes an object of these bytes, which the service checks (Put Blob).
    pub fn put(&self, key: &str, condition: &Condition, bytes: &[u8]) -> Request {
        let request = self.about(Method::Put, key).patience(SENT).only_if(condition);
        let sum = BASE64_STANDARD.encode(Md5::digest(bytes));
        request.header("content-md5", sum).header("x-ms-blob-type", "BlockBlob".to_owned())
    }

    /// Says nothing of an object, which makes it one that was written just now, if it is the one with this entity tag (Set Blob
    /// Metadata).
    pub fn touch(&self, key: &str, etag: &str) -> Request {
        let request = self.about(Method::Put, key).query(&[("comp", "metadata")]).patience(SENT);
        request.matching(etag)
    }

    /// Removes an object, if there is one (Delete Blob).
    pub fn delete(&self, key: &str) -> Request {
        self.about(Method::Delete, key).header("x-ms-delete-snapshots", "include".to_owned())
    }

    /// Copies an object, if it is the one with this entity tag (Copy Blob). It goes on after it was answered.
    pub fn copy(&self, from: Source, to: &str) -> Request {
        let request = self.about(Method::Put, to).patience(WORKED);
        let source = self.url(&self.path(from.key));
        request.header("x-ms-copy-source", source).header("x-ms-source-if-match", from.etag.to_owned())
    }

    /// A page of a list: what begins with `prefix`, `limit` at most (1 to [`MAX_PAGE`]). With `by_level`, what lies below one
    /// more slash is told as one prefix (List Blobs). No list begins behind a name: such a one begins at the beginning.
    pub fn list(&self, prefix: &str, by_level: bool, from: &Begin, limit: usize) -> Request {
        let (whole, limit) = (self.key(prefix), limit.to_string());
        let mut pairs = vec![("comp", "list")];
        if by_level {
            pairs.push(("delimiter", "/"));
        }
        if let Begin::Token(marker) = from {
            pairs.push(("marker", marker));
        }
        pairs.extend([("maxresults", &*limit), ("prefix", &*whole), ("restype", "container")]);
        Request::at(self.base.clone(), Method::Get, prefix).query(&pairs)
    }

    /// Writes a part of an upload (Put Block), of this name in base64: those of one object's parts have one length. It replaces a
    /// part of the same name, whoever has sent that.
    pub fn upload_part(&self, key: &str, name: &str) -> Request {
        self.about(Method::Put, key).query(&[("blockid", name), ("comp", "block")]).patience(SENT)
    }

    /// Makes an object of the parts that [`complete_body`](Place::complete_body) names (Put Block List). Those of others are
    /// forgotten.
    pub fn complete_upload(&self, key: &str) -> Request {
        self.about(Method::Put, key).query(&[("comp", "blocklist")]).patience(WORKED)
    }

    /// What is sent with [`complete_upload`](Place::complete_upload). The name of a part is its `etag`: Azure gives it none.
    pub fn complete_body(parts: &[Part]) -> String {
        let blocks: String = parts.iter().map(|part| format!("<Latest>{}</Latest>", part.etag)).collect();
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{blocks}</BlockList>")
    }
}

fn not_a_service() -> BadSetting {
    BadSetting::new(
        "storage.azure.serviceurl",
        "has to be the URL of the account's Blob service, without a query: https://account.blob.core.windows.net",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_name_or_the_path_has_the_account() {
        let place = Place::new("https://images.blob.core.windows.net/", "registry", "/a b/").unwrap();
        assert_eq!((place.secure(), place.authority()), (true, "images.blob.core.windows.net"));
        assert_eq!(place.get("k").target(), "/registry/a%20b/k");
        assert_eq!(place.shown(), "https://images.blob.core.windows.net/registry/a b/");
        let place = Place::new("http://127.0.0.1:10000/devstoreaccount1", "registry", "").unwrap();
        assert_eq!((place.secure(), place.authority()), (false, "127.0.0.1:10000"));
        assert_eq!(place.get("k").target(), "/devstoreaccount1/registry/k");
        let copy = place.copy(Source { key: "from", etag: "\"e\"" }, "to");
        let source = "http://127.0.0.1:10000/devstoreaccount1/registry/from";
        assert!(copy.headers.contains(&("x-ms-copy-source", source.to_owned())), "{copy:?}");
    }

    #[test]
    fn what_is_no_service_and_no_container_is_told_by_its_setting() {
        for service in [
            "",
            "images.blob.core.windows.net",
            "ftp://x",
            "http://",
            "https://user:secret@host",
            "https://h/a?sig=s",
        ] {
            let error = Place::new(service, "registry", "").unwrap_err();
            assert!(error.to_string().starts_with("storage.azure.serviceurl has to be"), "{error}");
        }
        for container in ["", "a/b", "Upper", "a b"] {
            let error = Place::new("https://h", container, "").unwrap_err();
            assert_eq!(error.name(), "storage.azure.container");
        }
    }

    #[test]
    fn parts_are_joined_by_their_names_in_order() {
        let part = |number, name: &str| Part { number, length: 1, etag: name.into() };
        let body = Place::complete_body(&[part(2, "b0b0"), part(10_000, "a1a1")]);
        let blocks = "<BlockList><Latest>b0b0</Latest><Latest>a1a1</Latest></BlockList>";
        assert!(body.ends_with(blocks), "{body}");
    }

    #[test]
    fn a_list_goes_on_where_it_was_told_to_and_else_begins_at_the_beginning() {
        let place = Place::new("https://h", "c", "r").unwrap();
        let target = |from| place.list("p/", true, &from, 7).target();
        let begin = "/c?comp=list&delimiter=%2F&maxresults=7&prefix=r%2Fp%2F&restype=container";
        assert_eq!(target(Begin::Start), begin);
        assert_eq!(target(Begin::After("x".into())), begin);
        assert_eq!(
            target(Begin::Token("m!".into())),
            begin.replace("&maxresults", "&marker=m%21&maxresults")
        );
    }
}

//! What a path means (specification, "Endpoints").

use crate::error::{Code, ErrorResponse};
use crate::percent::{Slash, decode_path};
use names::{Digest, Reference, ReferenceError, RepositoryName, UploadId};
use std::borrow::Cow;

/// What a path asks for. The names in it are proven; whether such a thing exists is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/`: empty, for probes.
    Root,
    /// `/v2/`: is this a registry, and may I come in (specification, "Determining Support").
    Version,
    /// `/auth/token`: where tokens are to be had (distribution, "Token Authentication").
    Token,
    /// `/v2/_catalog`: the names of the repositories (distribution's, not the specification's).
    Catalog,
    /// `/v2/<name>/tags/list` (specification, "Listing Tags").
    Tags(RepositoryName),
    /// `/v2/<name>/manifests/<reference>` (specification, "Pulling manifests", "Pushing Manifests").
    Manifest(RepositoryName, Reference),
    /// `/v2/<name>/referrers/<digest>` (specification, "Listing Referrers").
    Referrers(RepositoryName, Digest),
    /// `/v2/<name>/blobs/<digest>` (specification, "Pulling blobs", "Deleting Blobs").
    Blob(RepositoryName, Digest),
    /// `/v2/<name>/blobs/uploads/`: where uploads begin (specification, "Pushing blobs").
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<id>`: an upload under way.
    Upload(RepositoryName, UploadId),
}

impl Route {
    /// What `path` asks for: the path of the URL as sent, from its first slash, without a query and without
    /// the prefix that `http.prefix` adds.
    ///
    /// Read from the right, because `manifests`, `blobs` and `tags` are repository names too. Escapes are
    /// resolved, once; one that stands for a slash may be in the name of a repository, and nowhere else.
    ///
    /// # Errors
    /// NAME_INVALID, TAG_INVALID and DIGEST_INVALID (400) for a name that is none; BLOB_UPLOAD_INVALID (404)
    /// for an upload id that is none; UNSUPPORTED with status 404 for every other path. Not NAME_UNKNOWN:
    /// clients take that for the absence of the repository and stop, where for a bare 404 the specification has
    /// them do without.
    pub fn parse(path: &str) -> Result<Route, ErrorResponse> {
        let path = path.strip_prefix('/').ok_or_else(nothing_here)?;
        let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
        match (&*decoded(first)?, rest) {
            ("", None) => Ok(Route::Root),
            ("v2", None | Some("")) => Ok(Route::Version),
            ("v2", Some(rest)) if !rest.contains('/') && decoded(rest)? == "_catalog" => Ok(Route::Catalog),
            ("v2", Some(rest)) => in_repository(rest),
            ("auth", Some(rest)) if decoded(rest)? == "token" => Ok(Route::Token),
            _ => Err(nothing_here()),
        }
    }

    /// What `path` asks for, or else what it asks for without the slash at its end, and the path that does.
    pub fn tidied(path: &str) -> Option<(&str, Route)> {
        let without = path.strip_suffix('/');
        [Some(path), without].into_iter().flatten().find_map(|path| Some((path, Route::parse(path).ok()?)))
    }

    /// One word for logs and counters: `root`, `version`, `token`, `catalog`, `tags`, `manifest`, `referrers`, `blob`,
    /// `uploads` or `upload`.
    pub fn name(&self) -> &'static str {
        match self {
            Route::Root => "root",
            Route::Version => "version",
            Route::Token => "token",
            Route::Catalog => "catalog",
            Route::Tags(_) => "tags",
            Route::Manifest(..) => "manifest",
            Route::Referrers(..) => "referrers",
            Route::Blob(..) => "blob",
            Route::Uploads(_) => "uploads",
            Route::Upload(..) => "upload",
        }
    }

    /// The repository that the path names.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Route::Root | Route::Version | Route::Token | Route::Catalog => None,
            Route::Tags(name)
            | Route::Manifest(name, _)
            | Route::Referrers(name, _)
            | Route::Blob(name, _)
            | Route::Uploads(name)
            | Route::Upload(name, _) => Some(name),
        }
    }

    /// The tag, digest or upload id that the path names.
    pub fn reference_text(&self) -> Option<&str> {
        match self {
            Route::Root
            | Route::Version
            | Route::Token
            | Route::Catalog
            | Route::Tags(_)
            | Route::Uploads(_) => None,
            Route::Manifest(_, Reference::Tag(tag)) => Some(tag.as_str()),
            Route::Manifest(_, Reference::Digest(digest))
            | Route::Referrers(_, digest)
            | Route::Blob(_, digest) => Some(digest.as_str()),
            Route::Upload(_, id) => Some(id.as_str()),
        }
    }

    /// The methods that are served at this path, as the `Allow` header writes them (RFC 9110 section 10.2.1).
    pub fn methods(&self) -> &'static str {
        match self {
            Route::Root | Route::Version | Route::Catalog | Route::Tags(_) | Route::Referrers(..) => {
                "GET, HEAD, OPTIONS"
            }
            Route::Manifest(..) => "DELETE, GET, HEAD, OPTIONS, PUT",
            Route::Blob(..) => "DELETE, GET, HEAD, OPTIONS",
            Route::Token => "GET, OPTIONS, POST",
            Route::Uploads(_) => "OPTIONS, POST",
            Route::Upload(..) => "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
        }
    }
}

/// A path with one slash in the place of several.
pub fn collapsed(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !out.ends_with('/') {
            out.push(character);
        }
    }
    out
}

/// What is said where there is nothing.
pub fn nothing_here() -> ErrorResponse {
    ErrorResponse::new(Code::Unsupported).status(404).message("nothing is served at this path")
}

/// What lies before the last slash, and what after it.
fn split_last(text: &str) -> (&str, &str) {
    text.rsplit_once('/').unwrap_or(("", text))
}

/// Part of a path, in which every slash has to be plain.
fn decoded(part: &str) -> Result<Cow<'_, str>, ErrorResponse> {
    decode_path(part, Slash::Plain).ok_or_else(bad_escape)
}

fn bad_escape() -> ErrorResponse {
    ErrorResponse::new(Code::NameInvalid).message(
        "the path has an escape that stands for no character, or for a slash outside of the name of a repository",
    )
}

fn in_repository(rest: &str) -> Result<Route, ErrorResponse> {
    let (head, last) = split_last(rest);
    let (head, kind) = split_last(head);
    let last = &*decoded(last)?;
    match (&*decoded(kind)?, last) {
        ("tags", "list") => Ok(Route::Tags(repository(head)?)),
        ("manifests", text) => Ok(Route::Manifest(repository(head)?, reference(text)?)),
        ("referrers", text) => Ok(Route::Referrers(repository(head)?, digest(text)?)),
        ("blobs", "uploads") => Ok(Route::Uploads(repository(head)?)),
        ("blobs", text) => Ok(Route::Blob(repository(head)?, digest(text)?)),
        ("uploads", id) => {
            let (head, kind) = split_last(head);
            match (&*decoded(kind)?, id) {
                ("blobs", "") => Ok(Route::Uploads(repository(head)?)),
                ("blobs", id) => Ok(Route::Upload(repository(head)?, upload(id)?)),
                _ => Err(nothing_here()),
            }
        }
        _ => Err(nothing_here()),
    }
}

fn repository(text: &str) -> Result<RepositoryName, ErrorResponse> {
    let text = decode_path(text, Slash::Escaped).ok_or_else(bad_escape)?;
    text.parse::<RepositoryName>().map_err(|e| invalid(Code::NameInvalid, e))
}

fn reference(text: &str) -> Result<Reference, ErrorResponse> {
    text.parse::<Reference>().map_err(|e| match e {
        ReferenceError::Tag(e) => invalid(Code::TagInvalid, e),
        ReferenceError::Digest(e) => invalid(Code::DigestInvalid, e),
    })
}

fn digest(text: &str) -> Result<Digest, ErrorResponse> {
    text.parse::<Digest>().map_err(|e| invalid(Code::DigestInvalid, e))
}

fn upload(text: &str) -> Result<UploadId, ErrorResponse> {
    text.parse::<UploadId>().map_err(|e| invalid(Code::BlobUploadInvalid, e))
}

fn invalid(code: Code, why: impl std::fmt::Display) -> ErrorResponse {
    ErrorResponse::new(code).message(why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ID: &str = "ffffffff-ffff-4fff-bfff-ffffffffffff";

    fn is(path: &str, name: &str, repository: &str, reference: &str) {
        let route = Route::parse(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(route.name(), name, "{path}");
        assert_eq!(route.repository().map_or("", RepositoryName::as_str), repository, "{path}");
        assert_eq!(route.reference_text().unwrap_or(""), reference, "{path}");
    }

    #[test]
    fn every_endpoint_is_found() {
        is("/", "root", "", "");
        is("/v2", "version", "", "");
        is("/v2/", "version", "", "");
        is("/auth/token", "token", "", "");
        is("/v2/_catalog", "catalog", "", "");
        is("/v2/a/tags/list", "tags", "a", "");
        is("/v2/a/b/manifests/latest", "manifest", "a/b", "latest");
        is(&format!("/v2/a/b/manifests/{DIGEST}"), "manifest", "a/b", DIGEST);
        is(&format!("/v2/a/referrers/{DIGEST}"), "referrers", "a", DIGEST);
        is(&format!("/v2/a/blobs/{DIGEST}"), "blob", "a", DIGEST);
        is("/v2/a/blobs/uploads", "uploads", "a", "");
        is("/v2/a/blobs/uploads/", "uploads", "a", "");
        is(&format!("/v2/a/blobs/uploads/{ID}"), "upload", "a", ID);
    }

    #[test]
    fn repositories_may_be_called_like_endpoints() {
        is("/v2/a/manifests/b/manifests/latest", "manifest", "a/manifests/b", "latest");
        is("/v2/manifests/manifests/manifests", "manifest", "manifests", "manifests");
        is("/v2/tags/tags/list", "tags", "tags", "");
        is("/v2/tags/list/tags/list", "tags", "tags/list", "");
        is("/v2/tags/list/manifests/list", "manifest", "tags/list", "list");
        is("/v2/blobs/uploads/tags/list", "tags", "blobs/uploads", "");
        is("/v2/blobs/uploads/blobs/uploads/", "uploads", "blobs/uploads", "");
        is("/v2/blobs/uploads/manifests/uploads", "manifest", "blobs/uploads", "uploads");
        is(&format!("/v2/uploads/blobs/{DIGEST}"), "blob", "uploads", DIGEST);
        is(&format!("/v2/blobs/blobs/uploads/{ID}"), "upload", "blobs", ID);
        is("/v2/v2/manifests/v2", "manifest", "v2", "v2");
        is(&format!("/v2/referrers/referrers/{DIGEST}"), "referrers", "referrers", DIGEST);
    }

    #[test]
    fn escapes_are_resolved_once() {
        let escaped = DIGEST.replace(':', "%3a");
        is(&format!("/v2/a/blobs/{escaped}"), "blob", "a", DIGEST);
        is("/v2/%61/manifests/%6Catest", "manifest", "a", "latest");
        is("/%76%32/", "version", "", "");
    }

    #[test]
    fn the_slashes_of_a_repositorys_name_may_be_escaped() {
        is("/v2/a%2Fb%2fc/manifests/latest", "manifest", "a/b/c", "latest");
        is("/v2/a/b%2Fc/tags/list", "tags", "a/b/c", "");
        is("/v2/a%2Fmanifests/manifests/latest", "manifest", "a/manifests", "latest");
        is(&format!("/v2/a%2Fb/blobs/uploads/{ID}"), "upload", "a/b", ID);
        is("/v2/a%2Fblobs%2Fuploads/tags/list", "tags", "a/blobs/uploads", "");
    }

    #[test]
    fn a_path_without_the_slashes_that_are_too_many_is_found() {
        for (path, expected) in [
            ("//v2/_catalog", Some(("/v2/_catalog", "catalog"))),
            ("/v2/_catalog/", Some(("/v2/_catalog", "catalog"))),
            ("/v2//a///b/tags/list//", Some(("/v2/a/b/tags/list", "tags"))),
            ("/v2/a%2Fb/tags/list/", Some(("/v2/a%2Fb/tags/list", "tags"))),
            ("//v2", Some(("/v2", "version"))),
            ("/v2//", Some(("/v2/", "version"))),
            ("/v2/a//blobs/uploads/", Some(("/v2/a/blobs/uploads/", "uploads"))),
            ("///", Some(("/", "root"))),
            ("", None),
            ("*", None),
            ("v2//_catalog", None),
            ("/v2/a/manifests/", None),
            ("/v2/A//tags/list", None),
            ("/v2/../v2//", None),
            ("/v2/a/./tags/list", None),
            ("/v2/a/%2F/tags/list", None),
            ("//evil.example", None),
            ("//evil.example/v2/", None),
            ("//evil.example//v2/_catalog", None),
            ("/\\evil.example//v2/_catalog", None),
        ] {
            let path = collapsed(path);
            let found = Route::tidied(&path).map(|(path, route)| (path, route.name()));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn a_bad_path_gives_its_code_and_never_a_route() {
        let long = format!("/v2/{}/tags/list", "a".repeat(256));
        let upper = format!("/v2/a/blobs/{}", DIGEST.to_uppercase());
        let upper_id = format!("/v2/a/blobs/uploads/{}", ID.to_uppercase());
        for (path, status, code) in [
            ("/v2/A/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a%252Fb/manifests/latest", 400, Code::NameInvalid),
            ("/v2/%2Fa/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a%2F/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a%2F/b/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a%2F%2E%2E%2Fb/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a/manifests%2Flatest", 400, Code::NameInvalid),
            ("/v2/a%2Fmanifests/latest", 400, Code::NameInvalid),
            ("/v2/a/manifests/b%2Fc", 400, Code::NameInvalid),
            ("/v2/a%2Ftags%2Flist", 400, Code::NameInvalid),
            ("/v2%2Fa/tags/list", 400, Code::NameInvalid),
            ("/v2%2F_catalog", 400, Code::NameInvalid),
            ("/v2/%2F_catalog", 400, Code::NameInvalid),
            ("/v2/a/../b/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a/%2e%2e/b/manifests/latest", 400, Code::NameInvalid),
            ("/v2/%252e/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a//b/manifests/latest", 400, Code::NameInvalid),
            ("/v2//manifests/latest", 400, Code::NameInvalid),
            ("/v2/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a%00/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a%ff/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a%/manifests/latest", 400, Code::NameInvalid),
            ("/v2/é/manifests/latest", 400, Code::NameInvalid),
            (&long, 400, Code::NameInvalid),
            ("/v2/a/manifests/", 400, Code::TagInvalid),
            ("/v2/a/manifests/..", 400, Code::TagInvalid),
            ("/v2/a/manifests/-x", 400, Code::TagInvalid),
            ("/v2/a/manifests/a%00", 400, Code::TagInvalid),
            ("/v2/a/manifests/sha256:ab", 400, Code::DigestInvalid),
            ("/v2/a/manifests/md5:d41d8cd98f00b204e9800998ecf8427e", 400, Code::DigestInvalid),
            ("/v2/a/blobs/latest", 400, Code::DigestInvalid),
            ("/v2/a/blobs/", 400, Code::DigestInvalid),
            (&upper, 400, Code::DigestInvalid),
            ("/v2/a/blobs/uploads/x", 404, Code::BlobUploadInvalid),
            ("/v2/a/blobs/uploads/..", 404, Code::BlobUploadInvalid),
            (&upper_id, 404, Code::BlobUploadInvalid),
            ("/v2/a/blobs/uploads/x/", 404, Code::Unsupported),
            ("/v2/a/uploads/x", 404, Code::Unsupported),
            ("/v2/uploads/", 404, Code::Unsupported),
            ("/v2/a/referrers/sha256:ab", 400, Code::DigestInvalid),
            ("/v2/a/referrers/latest", 400, Code::DigestInvalid),
            ("/v2/a/referrers/", 400, Code::DigestInvalid),
            ("/v2/_catalog/", 404, Code::Unsupported),
            ("/v2/a/tags/list/", 404, Code::Unsupported),
            ("/v2//", 404, Code::Unsupported),
            ("//v2/", 404, Code::Unsupported),
            ("/v1/_ping", 404, Code::Unsupported),
            ("/v2x", 404, Code::Unsupported),
            ("", 404, Code::Unsupported),
            ("*", 404, Code::Unsupported),
        ] {
            let error = Route::parse(path).expect_err(path);
            assert_eq!((error.status, error.code), (status, code), "{path}: {error}");
        }
    }
}

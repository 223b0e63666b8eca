//! What a path means (specification, "Endpoints").

use crate::error::{Code, ErrorResponse};
use crate::percent::decode_path;
use names::{Digest, Reference, ReferenceError, RepositoryName, UploadId};

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
    /// resolved, once, but a slash must not be escaped.
    ///
    /// # Errors
    /// NAME_INVALID, TAG_INVALID and DIGEST_INVALID (400) for a name that is none; BLOB_UPLOAD_INVALID (404)
    /// for an upload id that is none; UNSUPPORTED with status 404 for every other path. Not NAME_UNKNOWN:
    /// clients take that for the absence of the repository and stop, where for a bare 404 the specification has
    /// them do without.
    pub fn parse(path: &str) -> Result<Route, ErrorResponse> {
        let path = decode_path(path).ok_or_else(|| {
            ErrorResponse::new(Code::NameInvalid)
                .message("the path holds an escaped slash or an escape that stands for no character")
        })?;
        match &*path {
            "/" => Ok(Route::Root),
            "/v2" | "/v2/" => Ok(Route::Version),
            "/auth/token" => Ok(Route::Token),
            "/v2/_catalog" => Ok(Route::Catalog),
            other => other.strip_prefix("/v2/").map_or_else(|| Err(nothing_here()), in_repository),
        }
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

/// What is said where there is nothing.
pub fn nothing_here() -> ErrorResponse {
    ErrorResponse::new(Code::Unsupported).status(404).message("nothing is served at this path")
}

/// What lies before the last slash, and what after it.
fn split_last(text: &str) -> (&str, &str) {
    text.rsplit_once('/').unwrap_or(("", text))
}

fn in_repository(rest: &str) -> Result<Route, ErrorResponse> {
    let (head, last) = split_last(rest);
    let (head, kind) = split_last(head);
    match (kind, last) {
        ("tags", "list") => Ok(Route::Tags(repository(head)?)),
        ("manifests", text) => Ok(Route::Manifest(repository(head)?, reference(text)?)),
        ("referrers", text) => Ok(Route::Referrers(repository(head)?, digest(text)?)),
        ("blobs", "uploads") => Ok(Route::Uploads(repository(head)?)),
        ("blobs", text) => Ok(Route::Blob(repository(head)?, digest(text)?)),
        ("uploads", id) => match split_last(head) {
            (head, "blobs") if id.is_empty() => Ok(Route::Uploads(repository(head)?)),
            (head, "blobs") => Ok(Route::Upload(repository(head)?, upload(id)?)),
            _ => Err(nothing_here()),
        },
        _ => Err(nothing_here()),
    }
}

fn repository(text: &str) -> Result<RepositoryName, ErrorResponse> {
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
    fn a_bad_path_gives_its_code_and_never_a_route() {
        let long = format!("/v2/{}/tags/list", "a".repeat(256));
        let upper = format!("/v2/a/blobs/{}", DIGEST.to_uppercase());
        let upper_id = format!("/v2/a/blobs/uploads/{}", ID.to_uppercase());
        for (path, status, code) in [
            ("/v2/A/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a%2Fb/manifests/latest", 400, Code::NameInvalid),
            ("/v2/a/manifests%2Flatest", 400, Code::NameInvalid),
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

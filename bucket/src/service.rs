//! In what a bucket is asked: S3's words, or those of Azure's Blob service. Requests, what is read from their answers, and which
//! settings mend what.

#[cfg(not(target_family = "wasm"))]
mod azure;
mod s3;

#[cfg(not(target_family = "wasm"))]
pub use azure::Account;
pub use s3::Signing;

use ::s3::{
    Begin, Condition, Copied, Entries, Kind, Listed, Method, Part, Request, ServiceError, Signed, Source,
};
use objects::Error;
use std::time::Duration;

/// For how long a URL can be used to begin a download; distribution has the same.
const GOOD_FOR: Duration = Duration::from_secs(20 * 60);

/// The header in which some services tell the code of an error.
pub const ERROR_CODE: &str = "x-ms-error-code";
/// The header in which some tell what became of a copy.
pub const COPY_STATUS: &str = "x-ms-copy-status";

/// The names of settings that say how a bucket is asked.
pub struct Names {
    /// Where it is.
    pub endpoint: &'static str,
    /// Whether TLS is spoken there, in words.
    pub tls: &'static str,
    /// How large parts of uploads are.
    pub chunksize: &'static str,
    /// What opens it, in words.
    pub keys: &'static str,
}

/// What a success says of the object that was asked for.
pub enum State {
    /// It is there.
    Whole,
    /// It is being copied, and not there yet.
    Pending,
    /// It was to be copied, and was not: there is none.
    Failed,
}

/// Who we are to a service.
pub trait Signer: Send + Sync {
    /// Signs a request with a body of so many bytes, as of now.
    ///
    /// # Errors
    /// It cannot be, or not be sent. The text has no secret.
    fn sign(&self, request: &Request, length: usize) -> Result<Signed, String>;

    /// A URL with which whoever knows it can read an object for a while, where one can be made.
    fn url(&self, key: &str) -> Option<String>;
}

/// In what a bucket is asked.
pub trait Service: Send + Sync {
    /// The names of its settings.
    fn names(&self) -> Names;

    /// For people: the bucket, and what comes before our keys in it.
    fn shown(&self) -> String;

    /// Whether it is spoken to in TLS.
    fn secure(&self) -> bool;

    /// The host that is spoken to, and its port where it is not the usual one.
    fn authority(&self) -> &str;

    /// An object, whole.
    fn get(&self, key: &str) -> Request;

    /// What there is to know of an object.
    fn head(&self, key: &str) -> Request;

    /// What its answer says by the header [`COPY_STATUS`].
    fn state(&self, copy_status: Option<String>) -> State;

    /// Writes an object of these bytes, which the service checks. `hash` is their SHA-256 in hexadecimal, where it is known.
    fn put(&self, key: &str, condition: &Condition, bytes: &[u8], hash: Option<&str>) -> Request;

    /// Makes an object one that was written just now, if it is the one with this entity tag, where that is another thing than
    /// writing it again.
    fn touch(&self, key: &str, etag: &str) -> Option<Request>;

    /// Removes an object, if there is one.
    fn delete(&self, key: &str) -> Request;

    /// Copies an object, if it is the one with this entity tag.
    fn copy(&self, from: Source<'_>, to: &str) -> Request;

    /// A page of a list, of `limit` names, or fewer.
    fn list(&self, prefix: &str, by_level: bool, from: &Begin, limit: usize) -> Request;

    /// The names in such a page; `None` where the answer is none.
    fn listed(&self, body: &[u8], prefix: &str) -> Option<Listed>;

    /// The objects in such a page, not by level; `None` where the answer is none.
    fn entries(&self, body: &[u8], prefix: &str) -> Option<Entries>;

    /// Begins an upload in parts. `None` where the service is not told.
    fn create_upload(&self, key: &str) -> Option<Request>;

    /// Whether uploads of parts of one object have nothing to do with each other. Otherwise who makes the object takes the parts of
    /// others away.
    fn keeps_uploads_apart(&self) -> bool;

    /// Asks for an upload, where the service can forget one.
    fn look_at_upload(&self, key: &str, id: &str) -> Option<Request>;

    /// Writes a part; and what it is called, where that is said in the request and not in the answer, by its entity tag.
    fn upload_part(&self, key: &str, id: &str, number: u32) -> (Request, Option<String>);

    /// Makes a part of `length` bytes of another object from `offset` on.
    ///
    /// # Errors
    /// Nothing is copied in parts there.
    fn copy_part(
        &self,
        key: &str,
        part: (&str, u32),
        from: Source<'_>,
        offset: u64,
        length: u64,
    ) -> Result<Request, Error>;

    /// Makes an object of parts; with the body that names them.
    fn complete_upload(&self, key: &str, id: &str, parts: &[Part]) -> (Request, String);

    /// Forgets an upload and its parts, where that has to be said.
    fn abort_upload(&self, key: &str, id: &str) -> Option<Request>;

    /// What became of something that may fail after it was answered with success, with this entity tag in the head.
    fn copied(&self, etag: Option<String>, body: &[u8]) -> Copied;

    /// The error that an answer tells, in its body, or in this header.
    fn error(&self, code: Option<String>, body: &[u8]) -> ServiceError;

    /// Sorts such an answer.
    fn judge(&self, method: Method, status: u16, code: &str) -> Kind;

    /// What whoever reads the log should look at.
    fn advice(&self, status: u16, code: &str) -> &'static str;
}

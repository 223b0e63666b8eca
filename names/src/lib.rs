//! The names of the registry, parsed once at the edge and carried as types from there on.
//!
//! A value of one of these types is proof that the text obeys the grammar of the OCI Distribution
//! Specification; nothing behind the edge checks it a second time, and only such values may become a
//! part of a path (see the `layout` crate).
#![forbid(unsafe_code)]

mod digest;
mod reference;
mod repository;
mod upload;

pub use digest::{Algorithm, Digest, DigestError};
pub use reference::{Reference, ReferenceError, Tag, TagError};
pub use repository::{RepositoryName, RepositoryNameError};
pub use upload::{UploadId, UploadIdError};

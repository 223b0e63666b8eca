//! Azure's Blob service as data: where objects lie, requests, what answers say, what is worth trying again, and URLs for others. No
//! I/O, no clock, no signatures of requests.
//!
//! Requests and answers are spelled in the words of the crate [`s3`], whose verbs Azure's have all counterparts of: an object
//! is a block blob, a bucket a container, a part of an upload a block.
#![forbid(unsafe_code)]

mod answer;
mod fault;
mod place;
mod settings;
mod urls;

pub use answer::{Copying, copying, entries, listed, service_error};
pub use fault::{advice, judge};
pub use place::{MAX_PAGE, Place};
pub use settings::{Identity, Settings};
pub use urls::Urls;

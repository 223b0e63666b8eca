//! Objects in a bucket: S3's, or a container of Azure's. The tree is our own host's and distribution's, so that servers and others at
//! the edge can have one bucket.
//!
//! What the bucket says is data, and the crates `s3`'s and `azure`'s ([`service`]); here requests are sent ([`Bucket`]), and uploads
//! are put together of parts ([`session`], [`parts`], [`kept`]). How a request gets there differs: components ask wasi:http, our own host has
//! connections ([`exchange`]). Downloads are the bucket's own answers, handed on unread.
#![forbid(unsafe_code)]

mod bucket;
#[cfg(not(target_family = "wasm"))]
mod collect;
mod exchange;
mod kept;
mod memory;
mod multipart;
mod parts;
mod place;
#[cfg(not(target_family = "wasm"))]
mod role;
mod service;
mod session;
mod settings;
mod tries;
mod write;

pub use bucket::Bucket;
#[cfg(not(target_family = "wasm"))]
pub use collect::CollectError;
pub use place::Found;
#[cfg(not(target_family = "wasm"))]
pub use role::Role;
pub use s3::BadSetting;
pub use service::Signer;
pub use settings::Settings;

//! What storage means over a tree as `layout` spells it, wherever its objects lie: a mounted directory, or a bucket.
//!
//! One file per noun. Where the objects lie, [`Objects`] knows. Components make the interfaces of `pierhead:storage` of
//! this (`components/store`), and our own host its bucket.
//!
//! Nothing is believed without a look, for other instances and other programs write to the same tree: only the bytes of a
//! digest are remembered. Nor are there locks: every write is one that another may come before or after,
//! and the order of [`tree::PutManifest::units`] makes each prefix of it harmless. A manifest that is deleted while another
//! request stores what needs it may be missing afterwards.
#![forbid(unsafe_code)]

pub mod blobs;
pub mod catalog;
pub mod collection;
mod error;
pub mod manifests;
mod place;
mod purge;
pub mod referrers;
pub mod uploads;

pub use error::{Error, Kind};
pub use place::{Listing, Object, Objects, Options, Session, SessionError, Small};

/// How many names of a directory are looked at at a time.
const BATCH: usize = 1000;

/// How many objects are asked for at once where several are needed: on a network each takes its time.
const AT_ONCE: usize = 16;

/// A manifest has at most so many bytes: the protocol accepts none that is larger.
const MANIFEST_LIMIT: u64 = protocol::manifest::MANIFEST_LIMIT as u64;

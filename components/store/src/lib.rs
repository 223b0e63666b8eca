//! `pierhead:storage` over a tree as `layout` spells it, wherever its objects lie: what stores that are components share.
//!
//! One file per interface of the seam. Where the objects lie, [`Objects`] knows; a component is that, and
//! `guest_store::bindings::export!(Store with_types_in guest_store::bindings)` of a [`Store`] of it.
//!
//! Nothing is believed without a look, for other instances and other programs write to the same tree: only the bytes of a
//! digest are remembered. Nor are there locks: every write is one that another may come before or after,
//! and the order of [`tree::PutManifest::units`] makes each prefix of it harmless. A manifest that is deleted while another
//! request stores what needs it may be missing afterwards.
#![deny(unsafe_code)]

#[allow(missing_docs, unsafe_code)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "pierhead:registry/store-component",
        path: "../../wit",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "guest_store::bindings",
    });
}
mod blobs;
mod catalog;
mod error;
mod manifests;
mod objects;
mod purge;
mod referrers;
mod uploads;

pub use error::{Error, Kind};
pub use objects::{Listing, Object, Objects, Session, SessionError};

use error::Answer;
use names::Reference;
use objects::Names;
use std::marker::PhantomData;
use std::str::FromStr;

/// A store over some objects.
pub struct Store<O>(PhantomData<O>);

/// How many names of a directory are looked at at a time.
const BATCH: usize = 1000;

/// How many objects are asked for at once where several are needed: on a network each takes its time.
const AT_ONCE: usize = 16;

/// A manifest has at most so many bytes: the protocol accepts none that is larger.
const MANIFEST_LIMIT: u64 = protocol::manifest::MANIFEST_LIMIT as u64;

/// A name in the seam's canonical text. One that is not is the caller's fault, and traps it.
fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text:?} was passed to storage: {error}"))
}
fn reference(reference: bindings::exports::pierhead::storage::manifests::Reference) -> Reference {
    use bindings::exports::pierhead::storage::manifests::Reference as Asked;
    match reference {
        Asked::Tag(text) => Reference::Tag(parsed(&text)),
        Asked::Digest(text) => Reference::Digest(parsed(&text)),
    }
}

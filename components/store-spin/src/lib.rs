//! The storage interfaces over a SQLite database that Spin opens (docs/decisions/0012): blobs as rows of a mebibyte, and in
//! the same database whatever is said of them, so that a publication is one transaction.
//!
//! Nothing here is known without asking the database: what ends in `now` never has an answer.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({
        world: "pierhead:store-spin/store-spin-component",
        path: ["../../wit", "wit"],
        generate_all,
    });
}
mod blobs;
mod catalog;
mod content;
mod database;
mod failure;
mod manifests;
mod path;
mod schema;
mod session;
mod sweep;
mod uploads;

use path::Path;
use std::fmt::Display;
use std::str::FromStr;

struct Store;
bindings::export!(Store with_types_in bindings);

/// A name in the seam's canonical text. One that is not is the caller's fault, and traps it.
fn parsed<T: FromStr<Err: Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text:?} was passed to storage: {error}"))
}

fn path(repository: &str) -> Path {
    parsed::<names::RepositoryName>(repository).into()
}

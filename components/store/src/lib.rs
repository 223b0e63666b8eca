//! The interfaces of `pierhead:storage` over the crate `objects`: what stores that are components share.
//!
//! A component is a [place](Configured), and
//! `guest_store::bindings::export!(Store with_types_in guest_store::bindings)` of a [`Store`] of them.
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
mod answer;
mod blobs;
mod catalog;
mod manifests;
mod uploads;

use bindings::pierhead::host::config;
use objects::{Error, Objects, Options};
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

/// A place for objects that the configuration names.
pub trait Configured: 'static {
    /// The objects.
    type Objects: Objects;

    /// The objects there.
    ///
    /// # Errors
    /// When it names no place that can be used; the text names the setting.
    fn configured() -> Result<&'static Self::Objects, Error>;
}

/// A store over the objects of a place.
pub struct Store<P>(PhantomData<P>);

/// How often old uploads are removed, and what that is where nothing is said: a day, as in distribution.
const INTERVAL: &str = "storage.maintenance.uploadpurging.interval";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the configuration says of any objects.
pub fn options() -> Options {
    Options {
        read_only: config::get("storage.maintenance.readonly.enabled").as_deref() == Some("true"),
        upload_age: settings::upload_age(config::get),
        purging: settings::purges_uploads(config::get)
            .then(|| settings::duration(INTERVAL, config::get, DAY)),
    }
}

/// A name in the seam's canonical text. One that is not is the caller's fault, and traps it.
fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text:?} was passed to storage: {error}"))
}

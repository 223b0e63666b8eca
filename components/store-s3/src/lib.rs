//! `pierhead:storage` in an S3 bucket, spoken to through `wasi:http/client`. The tree is our own host's and distribution's,
//! so that a server and others at the edge can have one bucket.
//!
//! What the bucket says is data, and the crate `s3`'s; here requests are sent ([`bucket`]), and uploads are put together of
//! parts ([`session`], [`parts`], [`kept`]). Downloads are the bucket's own answers, handed on unread.

mod wasi_bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/store-s3-component", path: "../../wit", generate_all });
}
mod bucket;
mod kept;
mod objects;
mod parts;
mod session;
mod task;

use bucket::Bucket;
use guest_store::bindings;

type Store = guest_store::Store<Bucket>;
guest_store::bindings::export!(Store with_types_in bindings);

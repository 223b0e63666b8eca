//! `pierhead:storage` in a directory that the host mounts: `/data`, or what `storage.filesystem.rootdirectory` names.
//! The tree is our own host's and distribution's.
//!
//! wasi:filesystem has no locks, and instances know nothing of each other. Who writes to an upload renames its bytes, and
//! so has them alone ([`claim`]).

mod wasi_bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/store-fs-component", path: "../../wit", generate_all });
}
mod claim;
mod directory;
mod files;
mod object;
mod removal;
mod session;
mod small;

use files::Files;
use guest_store::bindings;

type Store = guest_store::Store<Files>;
guest_store::bindings::export!(Store with_types_in bindings);

//! What every test of the running registry needs: a server of its own, a client that sends exactly the bytes
//! it is told, and images to push.
//!
//! The tests drive the release binary over sockets and look at its data on disk; they link no part of it. The
//! binary is `$PIERHEAD`, or `target/release/pierhead`, which `make build` leaves. `$PIERHEAD_HOST` names another
//! [`Host`], which runs an artefact of `make artefacts`.
#![forbid(unsafe_code)]

mod access;
mod answers;
mod assert;
pub mod between;
mod client;
pub mod component;
mod dialogue;
mod directory;
pub mod docker;
pub mod endpoint;
pub mod garbage;
pub mod host;
mod image;
pub mod inside;
mod login;
mod message;
mod mutation;
mod place;
mod probe;
mod processes;
pub mod program;
mod push;
mod random;
mod server;
mod setup;
mod tls;
mod tmpfs;
mod token;

pub use access::AccessLine;
pub use assert::{assert_error, assert_errors, eventually};
pub use client::Client;
pub use dialogue::converse;
pub use directory::Directory;
pub use host::{Azurite, Bucket, Container, Host};
pub use image::{DOCKER_INDEX, DOCKER_MANIFEST, Image, OCI_INDEX, OCI_MANIFEST, descriptor, index, noise};
pub use login::{ALICE, BOB, BOB_LINE, basic, guard, guarded, with_login};
pub use message::{Request, Response};
pub use mutation::vary_a_part;
pub use place::{files_below, free_port};
pub use probe::Probe;
pub use push::{closing, push_blob, push_manifest, sha256, sha512, start_upload};
pub use random::Random;
pub use server::Server;
pub use setup::{Finished, Setup, run};
pub use tls::{Certificates, Trust};
pub use tmpfs::Tmpfs;
pub use token::{SigningKey, now};

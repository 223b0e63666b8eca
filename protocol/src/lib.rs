//! The registry protocol as data: what a request asks for, what an answer says, what a manifest needs.
//!
//! Everything here is a function of its arguments: no input or output, no clock, no wasm. Texts are parsed
//! once into the types of the `names` crate, and every error that leaves the registry is a row of the one
//! table in [`error`]. "The specification" is the OCI Distribution Specification, version 1.1.
#![forbid(unsafe_code)]

pub mod conditional;
pub mod error;
pub mod location;
pub mod manifest;
pub mod multipart;
pub mod paging;
mod percent;
pub mod query;
pub mod range;
pub mod route;

//! The host: it owns the sockets, the disk and the clock, and runs the registry's components.
//!
//! `pierhead` serves; `compose` joins the components into one artefact when the project is built. Both
//! are made of this library, so that what one compiles the other can run.

pub mod artefact;
pub mod body;
pub mod certificate;
pub mod check;
pub mod collect;
pub mod config;
pub mod connection;
mod debug;
mod draining;
pub mod engine;
pub mod explain;
mod file_error;
mod forwarded;
mod health;
mod imports;
pub mod io;
pub mod listener;
pub mod log;
mod metrics;
pub mod notifications;
pub mod pool;
mod pull_through;
mod redirects;
pub mod serve;
pub mod signing;
pub mod socket;
pub mod state;
mod storage;
mod timer;
pub mod tls;
pub mod trust;

pub use file_error::FileError;

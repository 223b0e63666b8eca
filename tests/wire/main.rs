//! The registry as a client on the wire sees it: every module is a noun of the protocol, or of running it.
#![forbid(unsafe_code)]

mod access_log;
mod admission;
mod blobs;
mod catalog;
mod chunks;
mod configuration;
mod deletion;
mod disk_full;
mod fuzzing;
mod hand_edits;
mod head_limits;
mod http2;
mod isolation;
mod location;
mod manifest_errors;
mod manifests;
mod methods;
mod mount;
mod names;
mod ranges;
mod refusals;
mod resume;
mod shutdown;
mod slow_clients;
mod tags;
mod uploads;
mod version;

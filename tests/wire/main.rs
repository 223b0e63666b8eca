//! The registry as a client on the wire sees it: every module is a noun of the protocol, or of running it.
#![forbid(unsafe_code)]

mod access_log;
mod admission;
mod bad_conditions;
mod bad_digests;
mod bad_manifests;
mod bad_queries;
mod bad_referrers;
mod blobs;
mod catalog;
mod chunks;
mod configuration;
mod deletion;
mod disk_full;
mod hand_edits;
mod head_limits;
mod http2;
mod isolation;
mod lifetime;
mod location;
mod manifest_errors;
mod manifests;
mod methods;
mod mixed_uploads;
mod mount;
mod names;
mod old_trees;
mod ranges;
mod refusals;
mod resume;
mod shutdown;
mod slow_clients;
mod sparse;
mod tags;
mod uploads;
mod version;

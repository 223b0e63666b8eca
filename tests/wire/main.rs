//! The registry as a client on the wire sees it: every module is a noun of the protocol. These tests run on every host;
//! what only our own host has is in `tests/native`.
#![forbid(unsafe_code)]

mod auth_basic;
mod auth_rules;
mod bad_conditions;
mod bad_digests;
mod bad_manifests;
mod bad_queries;
mod bad_referrers;
mod blobs;
mod catalog;
mod chunks;
mod costly_manifests;
mod deletion;
mod foreign_layers;
mod large_layers;
mod lifetime;
mod location;
mod manifest_errors;
mod manifests;
mod methods;
mod mixed_uploads;
mod mount;
mod names;
mod prefix;
mod ranges;
mod refusals;
mod resume;
mod slashes;
mod slow_readers;
mod sparse;
mod tags;
mod uploads;
mod version;

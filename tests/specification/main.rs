//! The distribution specification, requirement by requirement: every module is one of its sections, every test one of
//! its sentences. `docs/conformance.md` says which; `table` keeps that true.
#![forbid(unsafe_code)]

mod api;
mod artifact;
mod canceling;
mod checking;
mod chunks;
mod deleting;
mod enabling_referrers;
mod error_codes;
mod listing_referrers;
mod listing_tags;
mod mounting;
mod proxying;
mod pulling_blobs;
mod pulling_manifests;
mod push;
mod pushing_blobs;
mod pushing_manifests;
mod pushing_with_subject;
mod requirements;
mod table;
mod warnings;

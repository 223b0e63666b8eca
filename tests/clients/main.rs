//! Real clients against a running server: what people type, and what their programs make of our answers.
//!
//! docker, skopeo, podman, buildah and docker-registry come from Debian, crane, regctl, oras, helm and pebble from the
//! Go module proxy at the versions in go.mod. A missing program is a failure that says how to install it.
#![forbid(unsafe_code)]

mod acme;
mod buildah;
mod container;
mod cosign;
mod crane;
mod debian;
mod deploy;
mod docker;
mod drop_in;
mod engine;
mod events;
mod helm;
mod image;
mod layout;
mod login;
mod login_tls;
mod mirror;
mod nginx;
mod oras;
mod pebble;
mod podman;
mod referrers_drill;
mod regctl;
mod robot;
mod skopeo;
mod support;
mod tls;
mod trees;
mod wkg;

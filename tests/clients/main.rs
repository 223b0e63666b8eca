//! Real clients against a running server: what people type, and what their programs make of our answers.
//!
//! docker, skopeo, podman, buildah and docker-registry come from Debian, crane and regctl from the Go module
//! proxy at the versions in go.mod. A missing program is a failure that says how to install it.
#![forbid(unsafe_code)]

mod buildah;
mod crane;
mod docker;
mod engine;
mod layout;
mod podman;
mod regctl;
mod skopeo;
mod support;
mod tls;
mod trees;

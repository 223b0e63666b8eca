//! Running our own host: its connections and certificates, its settings, its log, its bounds, its users, its files. What
//! the protocol is about runs on every host, and is in `tests/wire`.
#![forbid(unsafe_code)]

mod access_log;
mod admission;
mod auth_certificate;
mod auth_issuer;
mod auth_ldap;
mod auth_ldap_away;
mod auth_ldap_tls;
mod auth_passwords;
mod auth_rules;
mod auth_token;
mod bucket;
mod certificates;
mod client_certificates;
mod client_gone;
mod config_check;
mod configuration;
mod debug;
mod disk_full;
mod forwarded;
mod fuzzing;
mod garbage_collection;
mod hand_edits;
mod head_limits;
mod headers;
mod host_header;
mod http2;
mod http2_stalls;
mod isolation;
mod log_formats;
mod notifications;
mod old_trees;
mod prefix;
mod pull_through;
mod pull_through_kept;
mod pull_through_upstream;
mod read_only;
mod refused_bodies;
mod remembered;
mod shutdown;
mod slow_clients;
mod tls;
mod tls_files;
mod unix_socket;

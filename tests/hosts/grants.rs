//! For Spin: what a manifest has to grant the registry, and what is said where it does not.
use crate::support::assert_unavailable;
use tests::{Host, Server};

#[test]
fn without_the_grant_that_the_store_needs_it_is_503_and_the_log_names_it() {
    let grant = match Host::chosen() {
        Host::SpinSqlite => "sqlite_databases",
        Host::SpinS3 => "allowed_outbound_hosts",
        other => panic!("{} grants nothing in a manifest", other.name()),
    };
    let server = Server::with(|setup| setup.without_grant(grant));
    assert_unavailable(&server, &[grant]);
}

//! What a host cannot do: tests of the protocol that are known to fail on it, each with the reason.
use super::Host;

/// A test that fails on some hosts.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The hosts on which it fails.
    pub hosts: &'static [Host],
    /// Its binary, module and name: `wire::uploads::a_blob_goes_up_by_post_and_put`.
    pub test: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// Every exception there is. A test in this table that passes on its host fails the run, as does one that is not there
/// and fails: `on-host` holds the table to be true.
pub const EXCEPTIONS: &[Exception] = &[];

//! One request and its answer.

#[cfg(not(target_family = "wasm"))]
#[path = "exchange/native.rs"]
mod here;
#[cfg(target_family = "wasm")]
#[path = "exchange/wasi.rs"]
mod here;

#[cfg(not(target_family = "wasm"))]
pub use here::client;
pub use here::{Answer, exchange};

use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How many bytes of a body are handed over at a time.
const CHUNK: usize = 256 << 10;

/// How many bytes of an error are read.
pub const MAX_ERROR: usize = 64 << 10;

/// Why there is no answer, and what the host says of that.
pub enum Unsent {
    /// The host does not permit the request. Ours permits any.
    #[cfg_attr(not(target_family = "wasm"), expect(dead_code))]
    Forbidden(String),
    /// Who answers there speaks no TLS, or is not who it should be.
    Tls(String),
    /// It is no request that can be sent.
    Unsendable(String),
    /// Anything else: another try may succeed.
    Failed(String),
}

/// Why a small answer could not be read.
pub enum Unread {
    /// It broke off, for this reason.
    Cut(String),
    /// It is larger than the limit.
    TooLarge,
}

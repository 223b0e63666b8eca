//! The host's side of what components import: one file per package of `wit/`.

mod content;
mod credentials;
mod http;
mod settings;
mod storage;
mod stream;

pub use stream::StoredBody;

use crate::state::{Data, Host};
use bindings::pierhead::storage::types;
use objects::Kind;
use wasmtime::Result;
use wasmtime::component::Linker;

#[allow(missing_docs)]
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "pierhead:registry/host",
        imports: {
            // The hot path: synchronous, never waiting.
            "pierhead:storage/types": trappable,
            "pierhead:storage/types.[method]content.size": trappable,
            "pierhead:storage/blobs.stat-now": trappable,
            "pierhead:storage/blobs.open-now": trappable,
            "pierhead:storage/blobs.holder": trappable,
            "pierhead:storage/manifests.get-now": trappable,
            "pierhead:storage/catalog.tags-now": trappable,
            "pierhead:storage/catalog.referrers-now": trappable,
            "pierhead:host/http.head": trappable,
            "pierhead:host/http.respond-now": trappable,
            "pierhead:host/http.respond-with-content-now": trappable,
            "pierhead:host/config.get": trappable,
            "pierhead:host/credentials.verify-now": trappable,
            "pierhead:host/signer.sign": trappable,
            // Everything else may wait, without holding up what else the instance does.
            default: async | store | trappable,
        },
        with: {
            "wasi:http": wasmtime_wasi_http::p3::bindings::http,
            "wasi:clocks": wasmtime_wasi::p3::bindings::clocks,
            "pierhead:storage/types.content": crate::imports::content::Content,
        },
    });
}

/// Logs what a component is not told, and gives what it is.
fn failed(error: &crate::storage::Error, request: u64) -> types::Error {
    tracing::error!(request = %crate::log::RequestId(request), %error, "storage failed");
    match error.kind() {
        Kind::Full => types::Error::Full,
        Kind::ReadOnly => types::Error::ReadOnly,
        Kind::Unavailable | Kind::Refused => types::Error::Unavailable,
        Kind::Failed => types::Error::Failed,
    }
}

/// Gives a component everything that this host has for it.
pub fn add_to_linker(linker: &mut Linker<Data>) -> Result<()> {
    // Rust's standard library still imports wasi:cli 0.2; here it sees nothing.
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    use bindings::pierhead::{host, storage};
    host::http::add_to_linker::<_, Host>(linker, |data| data)?;
    host::config::add_to_linker::<_, Host>(linker, |data| data)?;
    host::credentials::add_to_linker::<_, Host>(linker, |data| data)?;
    host::signer::add_to_linker::<_, Host>(linker, |data| data)?;
    storage::types::add_to_linker::<_, Host>(linker, |data| data)?;
    storage::blobs::add_to_linker::<_, Host>(linker, |data| data)?;
    storage::manifests::add_to_linker::<_, Host>(linker, |data| data)?;
    storage::catalog::add_to_linker::<_, Host>(linker, |data| data)?;
    storage::uploads::add_to_linker::<_, Host>(linker, |data| data)?;
    storage::blob_writer::add_to_linker::<_, Host>(linker, |data| data)?;
    storage::manifest_writer::add_to_linker::<_, Host>(linker, |data| data)
}

//! What a component can do at best on a host that knows WASI alone: answer a constant, and pass on the bytes of a file.
//! The benchmark compares our artefacts with it.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({
        inline: "
            package pierhead:bench;
            world bare {
                import wasi:http/types@0.3.0;
                import wasi:filesystem/types@0.3.0;
                import wasi:filesystem/preopens@0.3.0;
                export wasi:http/handler@0.3.0;
            }
        ",
        path: "../../../wit",
        world: "pierhead:bench/bare",
        generate_all,
    });
}

use bindings::exports::wasi::http::handler::Guest;
use bindings::wasi::filesystem::preopens;
use bindings::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use bindings::wasi::http::types::{ErrorCode, Fields, Request, Response};
use bindings::{wit_future, wit_stream};
use wit_bindgen::{StreamReader, StreamResult};

struct Bare;
bindings::export!(Bare with_types_in bindings);

/// As many bytes as a manifest has.
const CONSTANT: usize = 1500;

/// How many bytes of a file are passed on at a time, as in store-fs.
const CHUNK: usize = 256 << 10;

fn response(length: u64, body: StreamReader<u8>) -> Response {
    let headers = Fields::new();
    headers.set("content-length", &[length.to_string().into_bytes()]).expect("a header");
    let (_, trailers) = wit_future::new(|| Ok(None));
    Response::new(headers, Some(body), trailers).0
}

fn constant() -> Response {
    let (mut writer, reader) = wit_stream::new();
    guest_task::spawn(async move {
        writer.write_all(vec![b'x'; CONSTANT]).await;
    });
    response(CONSTANT as u64, reader)
}

/// The file `file` of the first directory that is mounted.
async fn file() -> Result<Response, ErrorCode> {
    let gone = |_| ErrorCode::InternalError(Some("there is no /data/file".into()));
    let (root, _) = preopens::get_directories().into_iter().next().ok_or(()).map_err(gone)?;
    let opened = root.open_at(PathFlags::empty(), "file".into(), OpenFlags::empty(), DescriptorFlags::READ);
    let file = opened.await.map_err(|_| gone(()))?;
    let length = file.stat().await.map_err(|_| gone(()))?.size;
    let (mut writer, reader) = wit_stream::new();
    guest_task::spawn(async move {
        let (mut source, _) = file.read_via_stream(0);
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            let (result, read) = source.read(chunk).await;
            chunk = writer.write_all(read).await;
            if result == StreamResult::Dropped || !chunk.is_empty() {
                return;
            }
            chunk.reserve_exact(CHUNK);
        }
    });
    Ok(response(length, reader))
}

impl Guest for Bare {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        match request.get_path_with_query().as_deref() {
            Some("/file") => file().await,
            _ => Ok(constant()),
        }
    }
}

//! What a component can do at best in Spin's SQLite: rows of 1 MiB, 16 per transaction, and one SELECT over all of them. It
//! neither hashes nor keeps anything else. The benchmark compares store-spin with it.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({
        inline: "
            package pierhead:bench;
            world bare-spin {
                import wasi:http/types@0.3.0;
                import spin:sqlite/sqlite@3.1.0;
                export wasi:http/handler@0.3.0;
            }
        ",
        path: ["../../../wit", "../../../components/store-spin/wit/deps/spin-sqlite.wit"],
        world: "pierhead:bench/bare-spin",
        generate_all,
    });
}

use bindings::exports::wasi::http::handler::Guest;
use bindings::spin::sqlite::sqlite::{Connection, Error, Value};
use bindings::wasi::http::types::{ErrorCode, Fields, Method, Request, Response};
use bindings::{wit_future, wit_stream};
use wit_bindgen::{StreamReader, StreamResult};

struct Bare;
bindings::export!(Bare with_types_in bindings);

/// As many bytes as a manifest has.
const CONSTANT: usize = 1500;

/// How many bytes a row has, as in store-spin.
const ROW: usize = 1 << 20;

/// How many rows a transaction has.
const ROWS: i64 = 16;

async fn run(database: &Connection, statement: &str, parameters: Vec<Value>) -> Result<(), Error> {
    let (_, mut rows, ended) = database.execute_async(statement.into(), parameters).await?;
    while rows.next().await.is_some() {}
    ended.await
}

/// Writes a body as the newest file. Older ones stay, as they do in a registry: rows that take the place of others cost half.
async fn write(request: Request) -> Result<(), Error> {
    let database = Connection::open_async("default".into()).await?;
    run(&database, "PRAGMA page_size = 65536", vec![]).await?;
    run(&database, "PRAGMA journal_mode = WAL", vec![]).await?;
    let chunks = "CREATE TABLE IF NOT EXISTS chunks (at INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";
    run(&database, chunks, vec![]).await?;
    run(&database, "CREATE TABLE IF NOT EXISTS newest AS SELECT 0 AS file", vec![]).await?;
    run(&database, "UPDATE newest SET file = file + 1", vec![]).await?;
    let (_, done) = wit_future::new(|| Ok(()));
    let (mut body, _) = Request::consume_body(request, done);
    let (mut row, mut at, mut ended) = (Vec::with_capacity(ROW), 0, false);
    run(&database, "BEGIN IMMEDIATE", vec![]).await?;
    while !ended {
        let (result, read) = body.read(row).await;
        row = read;
        ended = result == StreamResult::Dropped;
        if row.len() == ROW || ended && !row.is_empty() {
            let bytes = std::mem::replace(&mut row, Vec::with_capacity(ROW));
            let parameters = vec![Value::Integer(at), Value::Blob(bytes)];
            run(&database, "INSERT INTO chunks VALUES ((SELECT file << 24 FROM newest) + ?, ?)", parameters)
                .await?;
            at += 1;
            if at % ROWS == 0 {
                run(&database, "COMMIT", vec![]).await?;
                run(&database, "BEGIN IMMEDIATE", vec![]).await?;
            }
        }
    }
    run(&database, "COMMIT", vec![]).await
}

/// All rows of the newest file, in one statement.
fn read() -> StreamReader<u8> {
    let (mut writer, reader) = wit_stream::new();
    guest_task::spawn(async move {
        let Ok(database) = Connection::open_async("default".into()).await else { return };
        let all = "SELECT bytes FROM chunks WHERE at >= (SELECT file << 24 FROM newest) ORDER BY at".into();
        let Ok((_, mut rows, _)) = database.execute_async(all, vec![]).await else { return };
        while let Some(row) = rows.next().await {
            if let Some(Value::Blob(bytes)) = row.values.into_iter().next()
                && !writer.write_all(bytes).await.is_empty()
            {
                return;
            }
        }
    });
    reader
}

fn constant() -> StreamReader<u8> {
    let (mut writer, reader) = wit_stream::new();
    guest_task::spawn(async move {
        writer.write_all(vec![b'x'; CONSTANT]).await;
    });
    reader
}

fn response(status: u16, body: Option<StreamReader<u8>>) -> Response {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), body, trailers);
    response.set_status_code(status).expect("a status");
    response
}

impl Guest for Bare {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let is_file = request.get_path_with_query().as_deref() == Some("/file");
        Ok(match request.get_method() {
            Method::Put => match write(request).await {
                Ok(()) => response(201, None),
                Err(error) => panic!("the database: {error:?}"),
            },
            _ if is_file => response(200, Some(read())),
            _ => response(200, Some(constant())),
        })
    }
}

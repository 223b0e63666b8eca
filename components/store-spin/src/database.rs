//! Spin's SQLite, one statement at a time.
//!
//! Each connection that Spin opens is SQLite's own: what one does in a transaction no other sees before its end, and
//! whoever drops a connection takes back the transaction that was under way on it. A statement outside of a
//! transaction is one of its own.

use crate::bindings::exports::pierhead::storage::types::Error;
pub use crate::bindings::spin::sqlite::sqlite::Value;
use crate::bindings::spin::sqlite::sqlite::{Connection, Error as Fault, RowResult};
use crate::{failure, schema};
use std::cell::RefCell;
use wit_bindgen::{FutureReader, StreamReader};

/// The label of the database in spin.toml and in Spin's runtime configuration.
const LABEL: &str = "default";

/// How many connections an instance keeps open: as many as Spin gives it requests at once.
const IDLE: usize = 16;

/// How many pages the log has before whoever writes many rows empties it: 4 MiB. SQLite's own bound is 1,000.
const LOG: u32 = 64;

/// How often a statement is tried that another writer holds up, five seconds each time: a minute. SQLite looks now and then
/// whether it is free, and who comes at the right moment has it; of a hundred writers some have no luck for long.
const TRIES: u32 = 12;

thread_local! {
    /// Connections that nobody uses. Each has its statements prepared already.
    static POOL: RefCell<Vec<Connection>> = RefCell::default();
}

/// A connection for one purpose.
pub struct Database {
    connection: Option<Connection>,
    /// Whether another one may have it afterwards.
    reusable: bool,
}

impl Database {
    /// A connection on which a statement that changes something has reached the disk when it has ended.
    pub async fn open() -> Result<Database, Error> {
        if let Some(connection) = POOL.with_borrow_mut(Vec::pop) {
            return Ok(Database { connection: Some(connection), reusable: true });
        }
        let database = Database::connect().await?;
        schema::ready(&database).await?;
        Ok(database)
    }

    /// A new connection, to a database that may have no tables yet.
    pub async fn connect() -> Result<Database, Error> {
        let connection = Connection::open_async(LABEL.into()).await;
        let connection = connection.map_err(|fault| failure::of("open", fault))?;
        Ok(Database { connection: Some(connection), reusable: true })
    }

    /// A connection whose changes reach the disk together with the next ones of a connection that
    /// [`open`](Database::open) gave. They are there, or not, in the order in which they were made.
    pub async fn open_relaxed() -> Result<Database, Error> {
        let mut database = Database::open().await?;
        if schema::is_write_ahead() {
            database.reusable = false;
            database.run("PRAGMA synchronous = NORMAL", vec![]).await?;
        }
        Ok(database)
    }

    /// Lets whoever writes many rows on a relaxed connection empty the log often, and each time for a short while.
    pub async fn keep_log_short(&self) -> Result<(), Error> {
        match schema::is_write_ahead() {
            true => self.run(&format!("PRAGMA wal_autocheckpoint = {LOG}"), vec![]).await,
            false => Ok(()),
        }
    }

    /// Begins a transaction, of which there is one at a time, for all who write to the database.
    pub async fn begin(mut self) -> Result<Transaction, Error> {
        self.reusable = false;
        self.run("BEGIN IMMEDIATE", vec![]).await?;
        Ok(Transaction(self))
    }

    /// Executes a statement whose rows are wanted one after the other.
    pub async fn rows(&self, statement: &str, values: Vec<Value>) -> Result<Rows, Error> {
        self.begun(statement, values).await.map_err(|fault| failure::of(statement, fault))
    }

    async fn begun(&self, statement: &str, values: Vec<Value>) -> Result<Rows, Fault> {
        let connection = self.connection.as_ref().expect("it is taken when this is dropped");
        let (_, rows, end) = connection.execute_async(statement.into(), values).await?;
        Ok(Rows { rows, end: Some(end) })
    }

    /// Executes a statement to its end; its first row, where there is one.
    pub async fn row(&self, statement: &str, values: Vec<Value>) -> Result<Option<Row>, Error> {
        let mut tries = 1;
        loop {
            match self.ended(statement, values.clone()).await {
                // Nothing has come of it yet.
                Err(fault) if tries < TRIES && failure::is_locked(&fault) => tries += 1,
                ended => return ended.map_err(|fault| failure::of(statement, fault)),
            }
        }
    }

    async fn ended(&self, statement: &str, values: Vec<Value>) -> Result<Option<Row>, Fault> {
        let mut rows = self.begun(statement, values).await?;
        let first = rows.pull(statement).await?;
        if first.is_some() {
            while rows.pull(statement).await?.is_some() {}
        }
        Ok(first)
    }

    /// Executes a statement to its end; whether it had a row.
    pub async fn has(&self, statement: &str, values: Vec<Value>) -> Result<bool, Error> {
        Ok(self.row(statement, values).await?.is_some())
    }

    /// Executes a statement that has no rows of interest.
    pub async fn run(&self, statement: &str, values: Vec<Value>) -> Result<(), Error> {
        self.row(statement, values).await.map(drop)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().filter(|_| self.reusable) else { return };
        POOL.with_borrow_mut(|pool| {
            if pool.len() < IDLE {
                pool.push(connection);
            }
        });
    }
}

/// A transaction. Dropped, it is taken back.
pub struct Transaction(Database);

impl Transaction {
    /// Makes what was done visible and lasting.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.0.run("COMMIT", vec![]).await?;
        self.0.reusable = true;
        Ok(())
    }
}

impl std::ops::Deref for Transaction {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.0
    }
}

/// The rows of a statement, as they come. Dropped, the statement is ended where it stands.
pub struct Rows {
    rows: StreamReader<RowResult>,
    end: Option<FutureReader<Result<(), Fault>>>,
}

impl Rows {
    /// The next one. Without one, the statement was executed to its end.
    pub async fn next(&mut self, statement: &str) -> Result<Option<Row>, Error> {
        self.pull(statement).await.map_err(|fault| failure::of(statement, fault))
    }

    async fn pull(&mut self, statement: &str) -> Result<Option<Row>, Fault> {
        if let Some(RowResult { values }) = self.rows.next().await {
            return Ok(Some(Row { values: values.into_iter(), statement: statement.into() }));
        }
        match self.end.take() {
            Some(end) => end.await.map(|()| None),
            None => Ok(None),
        }
    }
}

/// A row, whose values are taken in their order.
pub struct Row {
    values: std::vec::IntoIter<Value>,
    statement: String,
}

impl Row {
    /// A number that is none below zero.
    pub fn number(&mut self) -> Result<u64, Error> {
        match self.values.next() {
            Some(Value::Integer(number)) if number >= 0 => Ok(number as u64),
            other => Err(self.unlike("a number", other)),
        }
    }

    /// A text.
    pub fn text(&mut self) -> Result<String, Error> {
        match self.values.next() {
            Some(Value::Text(text)) => Ok(text),
            other => Err(self.unlike("a text", other)),
        }
    }

    /// A text, or NULL.
    pub fn optional_text(&mut self) -> Result<Option<String>, Error> {
        match self.values.next() {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            other => Err(self.unlike("a text or nothing", other)),
        }
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        match self.values.next() {
            Some(Value::Blob(bytes)) => Ok(bytes),
            other => Err(self.unlike("bytes", other)),
        }
    }

    fn unlike(&self, wanted: &str, found: Option<Value>) -> Error {
        let found = match found {
            Some(Value::Integer(number)) => number.to_string(),
            Some(Value::Real(number)) => number.to_string(),
            Some(Value::Text(_)) => "a text".into(),
            Some(Value::Blob(_)) => "bytes".into(),
            Some(Value::Null) | None => "nothing".into(),
        };
        guest_log::log!("the database has {found} where {wanted} should be, in answer to {}", self.statement);
        Error::Failed
    }
}

/// A text as a statement's parameter.
pub fn text<T: std::fmt::Display>(text: T) -> Value {
    Value::Text(text.to_string())
}

/// A number as a statement's parameter; SQLite has none greater than 2^63 - 1.
pub fn number(number: impl TryInto<i64>) -> Value {
    Value::Integer(number.try_into().unwrap_or(i64::MAX))
}

/// What may be absent as a statement's parameter.
pub fn optional(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}

/// Names that hold no character that JSON would escape, as a list for `json_each`.
pub fn list<T: std::fmt::Display>(names: &[T]) -> Value {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    Value::Text(format!("[{}]", quoted.join(",")))
}

//! An open connection: runs statements, and stops those that take too long.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::{FutureExt, TryStreamExt};
use tiberius::error::{Error, IoErrorKind};
use tiberius::{Client, ColumnData, Query, QueryItem, QueryStream, Row, SqlBulkCopyOptions, TokenRow};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::counted::{Counted, Received};
use crate::log;

/// Longest wait for a server to confirm that it has stopped a statement.
const STOPPED: Duration = Duration::from_secs(5);

/// A runtime for one connection.
pub fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the network runtime")
}

/// What a client reads from and writes to.
pub type Wire<S> = Compat<Counted<S>>;

/// A connection before its login.
pub struct Opened<S> {
    pub wire: Wire<S>,
    pub received: Received,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opened<S> {
    pub fn new(stream: S) -> Opened<S> {
        let counted = Counted::new(stream);
        let received = counted.received();
        Opened { wire: counted.compat_write(), received }
    }
}

/// An open connection.
pub struct Server<S = TcpStream>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    client: Client<Wire<S>>,
    received: Received,
    runtime: Runtime,
    /// Host and port as the user gave them.
    address: String,
    timeout: Duration,
    usable: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Server<S> {
    /// A connection after its login. `client` has no timeout of its own, because after one it could not stop the statement.
    pub fn of(
        client: Client<Wire<S>>,
        received: Received,
        runtime: Runtime,
        address: String,
        timeout: Duration,
    ) -> Server<S> {
        Server { client, received, runtime, address, timeout, usable: true }
    }

    /// Whether the connection remains usable: yes after an error of a statement and after one that was stopped in time, no
    /// after an error of the network.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Host and port as the user gave them.
    pub fn name(&self) -> String {
        self.address.clone()
    }

    /// Runs a batch and returns the rows of its first result.
    pub fn rows<'b>(&mut self, sql: impl Into<Cow<'b, str>>) -> Result<Vec<Row>> {
        let sql = sql.into();
        let _span = tracing::debug_span!("batch", sql = log::beginning(&sql), bytes = sql.len()).entered();
        let (client, wait, before) = (&mut self.client, self.timeout, self.received.bytes());
        let results = self.runtime.block_on(async {
            let stream = bounded(wait, client.simple_query(sql)).await?;
            results(wait, stream).await
        });
        Ok(self.note(results, before)?.into_iter().next().unwrap_or_default())
    }

    /// Runs a statement with parameters, @P1 and so on, and returns the rows of its last result.
    pub fn rows_with(&mut self, sql: &str, parameters: Vec<ColumnData<'_>>) -> Result<Vec<Row>> {
        let _span =
            tracing::debug_span!("statement", sql = log::beginning(sql), parameters = parameters.len())
                .entered();
        let mut query = Query::new(sql);
        parameters.into_iter().for_each(|parameter| query.bind(parameter));
        let (client, wait, before) = (&mut self.client, self.timeout, self.received.bytes());
        let results = self.runtime.block_on(async {
            let stream = bounded(wait, query.query(client)).await?;
            results(wait, stream).await
        });
        Ok(self.note(results, before)?.into_iter().next_back().unwrap_or_default())
    }

    /// Runs a batch to its end.
    pub fn run<'b>(&mut self, sql: impl Into<Cow<'b, str>>) -> Result<()> {
        self.rows(sql).map(|_| ())
    }

    /// Runs a batch and passes on what arrives, until the end or until `take` returns false.
    pub fn stream(&mut self, sql: &str, mut take: impl FnMut(QueryItem) -> Result<bool>) -> Result<()> {
        let (client, wait, before) = (&mut self.client, self.timeout, self.received.bytes());
        let _span = tracing::info_span!("stream", bytes = sql.len()).entered();
        let beginning = log::beginning(sql);
        tracing::debug!(sql = beginning, "query");
        let result = self.runtime.block_on(async {
            let mut stream = bounded(wait, client.simple_query(sql)).await?;
            while let Some(item) = next(wait, &mut stream).await? {
                match take(item) {
                    Ok(true) => {}
                    Ok(false) => return Ok(Ok(())),
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(()))
        });
        self.note(result, before)?
    }

    /// Appends rows to a table, whose name and columns are quoted, and returns the number of rows that the server
    /// accepted.
    pub fn bulk<'r>(
        &mut self,
        table: &str,
        columns: &[&str],
        options: SqlBulkCopyOptions,
        rows: impl Iterator<Item = Result<TokenRow<'r>>>,
    ) -> Result<u64> {
        let _span = tracing::info_span!("bulk load", table).entered();
        let (client, wait) = (&mut self.client, self.timeout);
        let (received, mut before) = (&self.received, self.received.bytes());
        let result = self.runtime.block_on(async {
            let start = client.bulk_insert_with_options(table, columns, options, &[]);
            let mut load = bounded(wait, start).await?;
            for (n, row) in rows.enumerate() {
                let row = match row {
                    Ok(row) => row,
                    Err(error) => return Ok(Err(error)),
                };
                match bounded(wait, load.send(row)).await {
                    Err(error @ (Error::BulkInput(_) | Error::Encoding(_) | Error::Conversion(_))) => {
                        return Ok(Err(anyhow!("row {} of the bulk load: {error}", n + 1)));
                    }
                    sent => sent?,
                }
            }
            before = received.bytes();
            let counts = bounded(wait, load.finalize()).await?;
            // Counts of triggers come before it.
            Ok(Ok(counts.rows_affected().last().copied().unwrap_or(0)))
        });
        let loaded = self.note(result, before)?;
        // An abandoned load leaves the server in the middle of a message.
        self.usable &= loaded.is_ok();
        loaded
    }

    /// An error explained, and a statement that takes too long stopped. `before` is what had arrived before the statement.
    fn note<T>(&mut self, result: Result<T, Error>, before: u64) -> Result<T> {
        result.map_err(|error| {
            if matches!(error, Error::Io { kind: IoErrorKind::TimedOut, .. }) {
                return self.stop(before);
            }
            self.usable &= matches!(error, Error::Server(_));
            self.explain(error)
        })
    }

    /// Tells the server to stop the running statement (an attention of TDS), and says whether it did.
    fn stop(&mut self, before: u64) -> anyhow::Error {
        let (address, waited) = (&self.address, self.timeout.as_secs());
        // In the middle of an answer the client does not know where the next one begins.
        let untouched = self.received.bytes() == before;
        let wait = STOPPED.min(self.timeout);
        let client = &mut self.client;
        // It refuses in the middle of what is being sent.
        let stopped = self.runtime.block_on(bounded(wait, client.cancel_query()));
        self.usable &= untouched && stopped.is_ok();
        tracing::debug!(stopped = stopped.is_ok(), usable = self.usable, "attention");
        // The callers report the state that this leaves behind.
        let end = match stopped {
            Ok(()) if self.usable => "it was told to stop, and no longer runs",
            Ok(()) => "it was told to stop, and no longer runs; the connection is closed",
            Err(_) => "it has not confirmed that it stopped, and the connection is closed",
        };
        anyhow!("{address} did not answer within {waited} s: {end}; --timeout waits longer")
    }

    fn explain(&self, error: Error) -> anyhow::Error {
        let address = &self.address;
        match &error {
            Error::Io { message, .. } => anyhow!("the connection to {address} broke ({message})"),
            Error::Server(e) => {
                let advice = advice(e.code()).map(|a| format!(": {a}")).unwrap_or_default();
                let place = match e.procedure() {
                    "" => String::new(),
                    name => format!(" in {name}, line {}", e.line()),
                };
                let text = format!("error {}{place}: {}{advice}", e.code(), e.message());
                StatementError { code: e.code(), message: e.message().into(), text }.into()
            }
            Error::Encoding(message) => Undecoded(message.to_string()).into(),
            _ => anyhow!("{address}: {error}"),
        }
    }
}

/// The rows of each result.
async fn results(wait: Duration, mut stream: QueryStream<'_>) -> Result<Vec<Vec<Row>>, Error> {
    let mut results: Vec<Vec<Row>> = Vec::new();
    while let Some(item) = next(wait, &mut stream).await? {
        match (item, results.last_mut()) {
            (QueryItem::Row(row), Some(rows)) => rows.push(row),
            (QueryItem::Row(row), None) => results.push(vec![row]),
            (QueryItem::Metadata(_), _) => results.push(Vec::new()),
        }
    }
    Ok(results)
}

/// The next item. Most are there already, and need no timer.
async fn next(wait: Duration, stream: &mut QueryStream<'_>) -> Result<Option<QueryItem>, Error> {
    match stream.try_next().now_or_never() {
        Some(item) => item,
        None => bounded(wait, stream.try_next()).await,
    }
}

/// A timeout for one step of a statement.
async fn bounded<T>(wait: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let timed_out = |_| Error::Io { kind: IoErrorKind::TimedOut, message: String::new() };
    tokio::time::timeout(wait, work).await.map_err(timed_out)?
}

/// The server's error for a statement.
#[derive(Debug)]
pub struct StatementError {
    /// Its number.
    pub code: u32,
    /// Its message.
    pub message: String,
    /// Both, with the location and what to do.
    text: String,
}

impl std::fmt::Display for StatementError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for StatementError {}

/// A value of a varchar column whose code page the client does not know, or whose bytes are none of it.
#[derive(Debug)]
pub struct Undecoded(String);

impl std::fmt::Display for Undecoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the text cannot be read in the code page of its collation ({})", self.0)
    }
}

impl std::error::Error for Undecoded {}

/// What to do about an error of a statement.
fn advice(code: u32) -> Option<&'static str> {
    Some(match code {
        229 | 262 | 297 | 300 | 15151 | 15247 => {
            "this login lacks a right; `hart status` lists those that are needed, with the statements that grant them"
        }
        1205 => "another session was in the way; run it again",
        1222 => "another session holds a lock; try again when it is done",
        3906 => "the database is read-only",
        39007 => "run `hart deploy`, and see that the caller is a member of hart_caller",
        39020 | 39021 | 39025 | 39011..=39013 => {
            "see that the Launchpad service runs, wait a minute and repeat"
        }
        39023 => "EXEC sp_configure N'external scripts enabled', 1; RECONFIGURE WITH OVERRIDE;",
        _ => return None,
    })
}

/// A text column of a row; NULL becomes an empty text.
pub fn text(row: &Row, column: usize) -> Result<&str> {
    ensure!(column < row.len(), "the server returned {} columns, expected more than {column}", row.len());
    let value: Option<&str> =
        row.try_get(column).map_err(|e| anyhow!("column {column} of the server's answer: {e}"))?;
    Ok(value.unwrap_or(""))
}

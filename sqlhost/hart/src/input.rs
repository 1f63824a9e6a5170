//! Sources of rows for `hart run` and `hart search`: a file, or a query on a server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use clap::Args;

use crate::data::{self, ReadOptions, Wanted};
use crate::server::{ConnectionOptions, Connector, QueryRows};

/// A file or a query.
#[derive(Args)]
pub struct InputOptions {
    /// Rows: .parquet, .arrow, .csv, .npy or .npz, a folder of such files, or - for standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Rows of this query on --server instead; the kernel runs here, so the server needs nothing of it
    #[arg(long, value_name = "SELECT", conflicts_with = "input")]
    query: Option<String>,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    pub connection: ConnectionOptions,
}

/// Rows that can be read several times.
pub enum Input {
    File { path: PathBuf, options: ReadOptions },
    Query { connector: Box<Connector>, sql: String },
}

impl InputOptions {
    /// The input that the options name, if any.
    pub fn input(&self) -> Result<Option<Input>> {
        Ok(match (&self.input, &self.query) {
            (Some(path), _) => Some(Input::File { path: path.clone(), options: self.read.clone() }),
            (None, Some(sql)) => {
                Some(Input::Query { connector: Box::new(self.connection.connector()?), sql: sql.clone() })
            }
            (None, None) => None,
        })
    }

    /// The file with the rows.
    pub fn path(&self) -> Option<&Path> {
        self.input.as_deref()
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::File { path, .. } => path.display().fmt(f),
            Input::Query { .. } => f.write_str("--query"),
        }
    }
}

impl Input {
    /// Starts reading.
    pub fn open(&self) -> Result<Reader> {
        Ok(match self {
            Input::File { path, options } => Reader::File(Box::new(data::open(path, options)?)),
            Input::Query { connector, sql } => {
                let rows = connector.query(sql.clone()).context("--query")?;
                let all = (0..rows.schema().fields().len()).collect();
                Reader::Query { schema: rows.schema().clone(), rows, columns: all }
            }
        })
    }
}

/// Rows in batches.
pub enum Reader {
    File(Box<data::Reader>),
    Query { rows: QueryRows, schema: SchemaRef, columns: Vec<usize> },
}

impl Reader {
    /// The columns of the batches.
    pub fn schema(&self) -> &SchemaRef {
        match self {
            Reader::File(reader) => reader.schema(),
            Reader::Query { schema, .. } => schema,
        }
    }

    /// The number of rows, if it is known before reading.
    pub fn rows(&self) -> Option<u64> {
        match self {
            Reader::File(reader) => reader.rows(),
            Reader::Query { .. } => None,
        }
    }

    /// The same rows with these columns only.
    pub fn only(self, wanted: &[Wanted]) -> Result<Reader> {
        match self {
            Reader::File(reader) => Ok(Reader::File(Box::new(reader.only(wanted)?))),
            Reader::Query { rows, .. } => {
                let columns: Vec<usize> = wanted.iter().map(|wanted| wanted.column()).collect();
                let schema = rows.schema().project(&columns)?.into();
                Ok(Reader::Query { rows, schema, columns })
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Reader::File(reader) => reader.next(),
            Reader::Query { rows, columns, .. } => {
                let batch = rows.next()?.context("--query");
                Some(batch.and_then(|b| b.project(columns).map_err(|e| anyhow!("--query: {e}"))))
            }
        }
    }
}

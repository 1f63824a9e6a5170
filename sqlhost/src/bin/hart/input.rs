//! Where `hart run` and `hart search` get their rows: a file, or a query on a server.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use clap::Args;

use crate::data;
use crate::server::{ConnectionOptions, Connector, QueryRows};

/// A file or a query.
#[derive(Args)]
pub struct InputOptions {
    /// Rows: .parquet, .arrow, .csv or .npy
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Rows of this query on --server instead; the kernel runs here, so the server needs nothing of it
    #[arg(long, value_name = "SELECT", conflicts_with = "input")]
    query: Option<String>,
    #[command(flatten)]
    pub connection: ConnectionOptions,
}

/// Rows that can be read several times.
pub enum Input {
    File(PathBuf),
    Query { connector: Box<Connector>, sql: String },
}

impl InputOptions {
    /// What was asked for, if anything.
    pub fn input(&self) -> Result<Option<Input>> {
        Ok(match (&self.input, &self.query) {
            (Some(path), _) => Some(Input::File(path.clone())),
            (None, Some(sql)) => {
                Some(Input::Query { connector: Box::new(self.connection.connector()?), sql: sql.clone() })
            }
            (None, None) => None,
        })
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::File(path) => path.display().fmt(f),
            Input::Query { .. } => f.write_str("--query"),
        }
    }
}

impl Input {
    /// Begins to read.
    pub fn open(&self) -> Result<Reader> {
        Ok(match self {
            Input::File(path) => Reader::File(data::open(path)?),
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
    File(data::Reader),
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

    /// The number of rows, where it is known before they are read.
    pub fn rows(&self) -> Option<u64> {
        match self {
            Reader::File(reader) => reader.rows(),
            Reader::Query { .. } => None,
        }
    }

    /// The same rows with these columns only.
    pub fn only(self, names: &[String]) -> Result<Reader> {
        match self {
            Reader::File(reader) => Ok(Reader::File(reader.only(names)?)),
            Reader::Query { rows, .. } => {
                let mut columns = Vec::new();
                for name in names {
                    match data::find(rows.schema(), name) {
                        Ok(column) if columns.contains(&column) => {}
                        Ok(column) => columns.push(column),
                        Err(problem) => bail!("--query: {problem}"),
                    }
                }
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

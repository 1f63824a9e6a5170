//! What the reader of each format gives: the columns of a file and its batches.

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

/// Rows per batch if the file does not define batches; below, the approximate maximum bytes of a batch with several
/// rows.
pub(crate) const BATCH_ROWS: usize = 8192;
pub(super) const BATCH_BYTES: usize = 16 << 20;

/// The batches of one format's reader.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// What a format's reader knows at the start of a file.
pub(super) struct Source {
    /// All columns of the file, wanted or not, with the types that the batches have.
    pub(super) schema: SchemaRef,
    /// The same with the types to compute with, if the file itself has only texts.
    pub(super) typed: SchemaRef,
    pub(super) rows: Option<u64>,
    /// The wanted columns, in the order of the file.
    pub(super) batches: Batches,
}

//! Tables in files and on the terminal, as Arrow record batches: `open` reads a file, `write` writes one, `print` shows
//! a result. docs/FILES.md describes the formats.

pub(crate) mod cell;
mod csv;
mod draft;
mod ipc;
mod json;
mod npy;
mod npz;
mod print;
mod read;
mod source;
mod table;
pub(crate) mod types;
mod wide;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use arrow_schema::{ArrowError, Schema};

pub(crate) use draft::{Kept, apart, check, whole};
pub(crate) use print::{Style, is_closed_pipe, print};
pub(crate) use read::{ReadOptions, Reader, Wanted, find, forget_input, guarded, open, reason};
pub(crate) use source::BATCH_ROWS;
pub(crate) use write::{writable, write};

/// The file formats, by extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    Arrow,
    Csv,
    Npy,
    Npz,
    Json,
}

impl Format {
    /// The format that the extension of `path` names.
    pub(crate) fn of(path: &Path) -> Result<Format> {
        const KNOWN: &str = "known are .parquet, .pq, .arrow, .feather, .ipc, .csv, .tsv, .csv.gz, .tsv.gz, .npy, .npz and .json";
        let Some(extension) = path.extension() else {
            bail!("{}: the file name has no extension to tell its format; {KNOWN}", path.display());
        };
        let extension = extension.to_string_lossy().to_ascii_lowercase();
        let inner = |extension: &str| {
            let stem = Path::new(path.file_stem().unwrap_or_default());
            extension == "gz"
                && stem
                    .extension()
                    .is_some_and(|e| e.eq_ignore_ascii_case("csv") || e.eq_ignore_ascii_case("tsv"))
        };
        Ok(match extension.as_str() {
            "parquet" | "pq" => Format::Parquet,
            "arrow" | "feather" | "ipc" => Format::Arrow,
            "csv" | "tsv" => Format::Csv,
            compressed if inner(compressed) => Format::Csv,
            "npy" => Format::Npy,
            "npz" => Format::Npz,
            "json" => Format::Json,
            _ => bail!("{}: unknown file extension .{extension}; {KNOWN}", path.display()),
        })
    }
}

/// An Arrow error about one value, with its column and row; `before` rows preceded the batch.
fn in_cell(schema: &Schema, column: usize, before: u64, error: &ArrowError) -> anyhow::Error {
    anyhow!("column {}, row {}: {}", schema.field(column).name(), before + 1, reason(error))
}

//! Tables in files and on the terminal, as Arrow record batches: `open` reads a file, `write` makes one, `print` shows
//! a result.

mod cell;
mod csv;
mod json;
mod npy;
mod print;
mod read;
mod table;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Result, bail};

pub(crate) use print::{Style, print};
pub(crate) use read::{BATCH_ROWS, Reader, find, guarded, open, reason};
pub(crate) use write::{check, whole, write};

/// The kinds of file, told apart by their extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    Arrow,
    Csv,
    Npy,
    Json,
}

impl Format {
    /// The format that the extension of `path` names.
    pub(crate) fn of(path: &Path) -> Result<Format> {
        const KNOWN: &str = "known are .parquet, .arrow, .feather, .ipc, .csv, .npy and .json";
        let Some(extension) = path.extension() else {
            bail!("{}: the file name has no extension to tell its format; {KNOWN}", path.display());
        };
        let extension = extension.to_string_lossy().to_ascii_lowercase();
        Ok(match extension.as_str() {
            "parquet" => Format::Parquet,
            "arrow" | "feather" | "ipc" => Format::Arrow,
            "csv" => Format::Csv,
            "npy" => Format::Npy,
            "json" => Format::Json,
            _ => bail!("{}: unknown file extension .{extension}; {KNOWN}", path.display()),
        })
    }
}

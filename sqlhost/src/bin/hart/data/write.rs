//! Writing a file, as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Format, csv, json};

/// Writes the batches, which have the columns of `schema`, to a file of the format that its extension names, and returns
/// the number of rows. The file appears, or replaces an older one, only when all is written; after an error everything
/// is as it was before.
pub(crate) fn write(
    path: &Path,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let format = Format::of(path)?;
    if format == Format::Npy {
        bail!(
            "{}: .npy files can be read but not written; use Parquet, Arrow IPC, CSV or JSON",
            path.display()
        );
    }
    whole(path, |file| {
        encode(format, file, schema, &mut batches.into_iter())
            .with_context(|| format!("cannot write {}", path.display()))
    })
}

/// That a file can be written there: found out before the work is done, not after. `option` is what the path was given with.
pub(crate) fn check(path: &Path, option: &str) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!("{option} {}: there is no folder {}", path.display(), folder.display());
    }
    if path.is_dir() {
        bail!("{option} {}: it is a folder", path.display());
    }
    Ok(())
}

/// Gives `fill` a file to write to. It appears under this name, or replaces an older file, only when all is written; after
/// an error everything is as it was before.
pub(crate) fn whole<T>(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    if path.is_dir() {
        bail!("cannot write {}: it is a folder", path.display());
    }
    // A link stays a link: the file behind it is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (draft, file) = Draft::create(&target).with_context(|| format!("cannot write {}", path.display()))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let filled = fill(&mut file)?;
    let finish = || -> std::io::Result<()> {
        let file = file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        drop(file);
        draft.rename_to(&target)
    };
    finish().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(filled)
}

fn encode(
    format: Format,
    out: &mut (dyn Write + Send),
    schema: &SchemaRef,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let mut rows = 0;
    match format {
        Format::Parquet => {
            let compression = Compression::ZSTD(ZstdLevel::default());
            let properties = WriterProperties::builder().set_compression(compression).build();
            let mut writer = ArrowWriter::try_new(out, schema.clone(), Some(properties))?;
            for batch in batches {
                let batch = batch?;
                writer.write(&batch)?;
                rows += batch.num_rows() as u64;
            }
            writer.close()?;
        }
        Format::Arrow => {
            let mut writer = FileWriter::try_new(out, schema)?;
            for batch in batches {
                let batch = batch?;
                writer.write(&batch)?;
                rows += batch.num_rows() as u64;
            }
            writer.finish()?;
        }
        Format::Csv => rows = csv::encode(out, schema, batches)?,
        Format::Json => rows = json::encode(out, schema, batches)?,
        Format::Npy => bail!(".npy files are not written"),
    }
    Ok(rows)
}

/// A temporary file beside the target. It is gone when this is dropped, unless it was renamed.
struct Draft(PathBuf);

impl Draft {
    fn create(target: &Path) -> std::io::Result<(Draft, File)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = target.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok((Draft(path), file))
    }

    fn rename_to(&self, target: &Path) -> std::io::Result<()> {
        // An older file hands its permissions on.
        if let Ok(older) = fs::metadata(target) {
            fs::set_permissions(&self.0, older.permissions())?;
        }
        fs::rename(&self.0, target)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the renaming there is nothing of this name any more. A failure here must not hide the error before it.
        let _ = fs::remove_file(&self.0);
    }
}

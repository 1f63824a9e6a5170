//! Writes rows to files.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow_array::{RecordBatch, new_null_array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{Schema, SchemaRef};
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Format, csv, draft, guarded, json, reason};

/// Bytes of a row group held until it is written.
const GROUP_BYTES: usize = 64 << 20;

/// Writes the batches as they arrive, which have the columns of `schema`, to a file in the format of its extension, and
/// returns the number of rows. The file appears, or replaces an older one, only when it is complete; after an error
/// everything is as before.
pub(crate) fn write(
    path: &Path,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    writable(path, schema)?;
    draft::whole(path, |file| {
        let mut earlier = None;
        let mut batches = batches.into_iter();
        // Errors of the batches themselves are not errors of writing.
        let mut batches = std::iter::from_fn(|| match batches.next()? {
            Ok(batch) => Some(Ok(batch)),
            Err(error) => {
                earlier = Some(error);
                None
            }
        });
        let written = encode(path, file, schema, &mut batches);
        match earlier.take() {
            Some(error) => Err(error),
            None => written.with_context(|| format!("cannot write {}", path.display())),
        }
    })
}

/// Checks that the extension's format can be written, with these types.
pub(crate) fn writable(path: &Path, schema: &Schema) -> Result<()> {
    let shown = path.display();
    match Format::of(path)? {
        Format::Npy | Format::Npz => {
            bail!("{shown}: NumPy's files can be read but not written; use Parquet, Arrow IPC, CSV or JSON")
        }
        Format::Parquet => {
            for field in schema.fields() {
                // Some types are rejected only with the first value.
                let one = Arc::new(Schema::new(vec![field.as_ref().clone().with_nullable(true)]));
                let convert = || {
                    let null = RecordBatch::try_new(one.clone(), vec![new_null_array(field.data_type(), 1)])?;
                    let mut writer = ArrowWriter::try_new(Vec::new(), one.clone(), None)?;
                    writer.write(&null)?;
                    Ok(writer.close().map(drop)?)
                };
                guarded(convert).map_err(|error| {
                    anyhow!(
                        "{shown}: Parquet has no type for column {} of type {} ({}); use .arrow or .json, or leave it out",
                        field.name(),
                        field.data_type(),
                        reason(&error)
                    )
                })?;
            }
            Ok(())
        }
        Format::Arrow | Format::Csv | Format::Json => Ok(()),
    }
}

fn encode(
    path: &Path,
    out: &mut (dyn Write + Send),
    schema: &SchemaRef,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let mut rows = 0;
    match Format::of(path)? {
        Format::Parquet => {
            let compression = Compression::ZSTD(ZstdLevel::default());
            let properties = WriterProperties::builder().set_compression(compression).build();
            let mut writer = ArrowWriter::try_new(out, schema.clone(), Some(properties))?;
            for batch in batches {
                let batch = batch?;
                guarded(|| Ok(writer.write(&batch)?))?;
                rows += batch.num_rows() as u64;
                if writer.memory_size() >= GROUP_BYTES {
                    writer.flush()?;
                }
            }
            writer.close()?;
        }
        Format::Arrow => {
            let mut writer = FileWriter::try_new(out, schema)?;
            for batch in batches {
                let batch = batch?;
                guarded(|| writer.write(&batch))?;
                rows += batch.num_rows() as u64;
            }
            writer.finish()?;
        }
        Format::Csv => {
            let name = path.to_string_lossy().to_ascii_lowercase();
            let separator = if name.contains(".tsv") { '\t' } else { ',' };
            if name.ends_with(".gz") {
                let mut packed = GzEncoder::new(out, Level::default());
                rows = csv::encode(&mut packed, schema, batches, separator)?;
                packed.finish()?;
            } else {
                rows = csv::encode(out, schema, batches, separator)?;
            }
        }
        Format::Json => rows = json::encode(out, schema, batches)?,
        Format::Npy | Format::Npz => bail!("NumPy's files are not written"),
    }
    Ok(rows)
}

//! Opening a file and reading its rows in batches.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow_array::RecordBatch;
use arrow_cast::cast;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use hart_kernels::registry::nearest;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Format, csv, npy};

/// Rows in a batch where the file itself does not say.
pub(crate) const BATCH_ROWS: usize = 8192;

/// The batches of one format, as its own reader gives them.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// What the reader of one format finds at the start of a file.
pub(super) struct Source {
    /// All columns of the file, whether wanted or not.
    pub(super) schema: SchemaRef,
    pub(super) rows: Option<u64>,
    /// The wanted columns, in the order of the file.
    pub(super) batches: Batches,
}

/// A file of rows. It is read batch by batch while it is iterated; the first error ends the iteration.
pub(crate) struct Reader {
    path: PathBuf,
    format: Format,
    /// All columns of the file.
    all: SchemaRef,
    /// The columns that are returned.
    schema: SchemaRef,
    /// Where those columns stand in a batch of the source.
    order: Vec<usize>,
    rows: Option<u64>,
    batches: Option<Batches>,
}

/// Opens a file of rows. That it is what its extension promises is checked here; damage further in shows while reading.
pub(crate) fn open(path: &Path) -> Result<Reader> {
    let format = Format::of(path)?;
    let source = start(path, format, None)?;
    let all: Vec<usize> = (0..source.schema.fields().len()).collect();
    Ok(Reader::new(path, format, source, &all))
}

impl Reader {
    fn new(path: &Path, format: Format, source: Source, wanted: &[usize]) -> Reader {
        let mut in_file_order = wanted.to_vec();
        in_file_order.sort_unstable();
        let fields: Vec<Field> =
            wanted.iter().map(|&column| plain_field(source.schema.field(column))).collect();
        Reader {
            path: path.to_owned(),
            format,
            all: source.schema,
            schema: Arc::new(Schema::new(fields)),
            order: wanted
                .iter()
                .map(|column| in_file_order.partition_point(|other| other < column))
                .collect(),
            rows: source.rows,
            batches: Some(source.batches),
        }
    }

    /// The columns that the batches have.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of rows, where the file states it.
    pub(crate) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The same file from its first row, with these columns only and in this order. Other columns are not decoded where
    /// the format allows it. A name that comes twice counts once.
    pub(crate) fn only(self, names: &[String]) -> Result<Reader> {
        let mut wanted = Vec::with_capacity(names.len());
        for name in names {
            let column =
                find(&self.all, name).map_err(|problem| anyhow!("{}: {problem}", self.path.display()))?;
            if !wanted.contains(&column) {
                wanted.push(column);
            }
        }
        let source = start(&self.path, self.format, Some(&wanted))?;
        Ok(Reader::new(&self.path, self.format, source, &wanted))
    }

    /// A batch of the source with the columns that were asked for, in their plain types.
    fn arrange(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self
            .order
            .iter()
            .zip(self.schema.fields())
            .map(|(&column, field)| cast(batch.column(column), field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &rows)
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        // After a failure there is no source to go on with.
        let mut source = self.batches.take()?;
        let read = guarded(|| match source.next() {
            Some(batch) => self.arrange(&batch?).map(Some),
            None => Ok(None),
        });
        match read {
            Ok(batch) => {
                self.batches = Some(source);
                batch.map(Ok)
            }
            Err(error) => {
                Some(Err(anyhow!("{}: cannot read the rows: {}", self.path.display(), reason(&error))))
            }
        }
    }
}

/// The column of that name. Case counts only where two names differ in nothing else.
pub(crate) fn find(schema: &Schema, name: &str) -> Result<usize, String> {
    let named = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..schema.fields().len()).filter(|&column| same(schema.field(column).name())).collect()
    };
    let lower = name.to_lowercase();
    let mut matches = named(&|other| other == name);
    if matches.is_empty() {
        matches = named(&|other| other.to_lowercase() == lower);
    }
    let described = |fields: &mut dyn Iterator<Item = &Arc<Field>>| {
        fields
            .map(|field| format!("{} {}", field.name(), type_name(field.data_type())))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match matches[..] {
        [column] => Ok(column),
        [] => {
            let near = nearest(&lower, schema.fields().iter().map(|field| field.name().as_str()));
            let near: Vec<String> = near.iter().map(|other| format!("`{other}`")).collect();
            let hint =
                if near.is_empty() { ".".to_owned() } else { format!("; did you mean {}?", near.join(", ")) };
            let all = described(&mut schema.fields().iter());
            Err(format!("no column is named `{name}`{hint} The columns are: {all}"))
        }
        _ => {
            let same = described(&mut matches.iter().map(|&column| &schema.fields()[column]));
            Err(format!("the column name `{name}` fits more than one: {same}"))
        }
    }
}

/// The name of a type in messages.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::FixedSizeList(item, size) => format!("{}[{size}]", type_name(item.data_type())),
        DataType::List(item) | DataType::LargeList(item) => format!("{}[]", type_name(item.data_type())),
        DataType::Dictionary(_, value) => type_name(value),
        other => other.to_string().to_lowercase(),
    }
}

/// Dictionaries and views are ways to store text and bytes, which are of no concern after reading.
fn plain_field(field: &Field) -> Field {
    let plain = match field.data_type() {
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        other => other.clone(),
    };
    let plain = match plain {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other,
    };
    Field::new(field.name(), plain, field.is_nullable())
}

/// Opens the file with the reader of its format, for the columns of these numbers or for all.
fn start(path: &Path, format: Format, wanted: Option<&[usize]>) -> Result<Source> {
    let shown = path.display();
    let about = std::fs::metadata(path).with_context(|| format!("cannot open {shown}"))?;
    if about.is_dir() {
        bail!("{shown}: expected a file, found a folder");
    }
    let mut file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let (head, tail) = ends(&mut file).with_context(|| format!("cannot read {shown}"))?;
    let found = kind(&head);
    let mut wanted = wanted.map(<[usize]>::to_vec);
    if let Some(wanted) = &mut wanted {
        wanted.sort_unstable();
    }
    match format {
        Format::Parquet => {
            if !head.starts_with(b"PAR1") {
                bail!("{shown}: expected a Parquet file (it begins with PAR1), found {found}");
            }
            if !tail.ends_with(b"PAR1") || about.len() < 12 {
                bail!(
                    "{shown}: expected a Parquet file that ends with PAR1, found the beginning of one: it is cut off"
                );
            }
            guarded(|| Ok(parquet(file, wanted)?))
                .map_err(|error| anyhow!("{shown}: cannot read it as Parquet: {}", reason(&error)))
        }
        Format::Arrow => {
            if !head.starts_with(b"ARROW1") && !head.starts_with(&[0xff; 4]) {
                bail!("{shown}: expected an Arrow IPC file (it begins with ARROW1) or stream, found {found}");
            }
            if head.starts_with(b"ARROW1") && (!tail.ends_with(b"ARROW1") || about.len() < 18) {
                bail!(
                    "{shown}: expected an Arrow IPC file that ends with ARROW1, found the beginning of one: it is cut off"
                );
            }
            guarded(|| ipc(file, &head, wanted))
                .map_err(|error| anyhow!("{shown}: cannot read it as Arrow IPC: {}", reason(&error)))
        }
        Format::Csv => {
            if found != TEXT {
                bail!("{shown}: expected a CSV file (UTF-8 text with a header line), found {found}");
            }
            csv::start(file, &head, wanted)
                .map_err(|error| anyhow!("{shown}: cannot read it as CSV: {}", reason(&error)))
        }
        Format::Npy => {
            if !head.starts_with(npy::MAGIC) {
                bail!("{shown}: expected a NumPy .npy file (it begins with \\x93NUMPY), found {found}");
            }
            npy::start(file, about.len(), wanted).map_err(|error| anyhow!("{shown}: {error:#}"))
        }
        Format::Json => {
            bail!("{shown}: JSON files can be written but not read; use Parquet, Arrow IPC, CSV or NPY")
        }
    }
}

/// The first bytes and the last few bytes of a file, which is left at its beginning.
fn ends(file: &mut File) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut head)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(6)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    file.rewind()?;
    Ok((head, tail))
}

const TEXT: &str = "text";

/// What a file seems to be, by its first bytes.
fn kind(head: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 12] = [
        (b"PAR1", "a Parquet file"),
        (b"PARE", "an encrypted Parquet file"),
        (b"ARROW1", "an Arrow IPC file"),
        (&[0xff; 4], "an Arrow IPC stream"),
        (b"FEA1", "a Feather file of version 1"),
        (npy::MAGIC, "a NumPy .npy file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "a gzip file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"\x89HDF", "an HDF5 file"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
    ];
    if head.is_empty() {
        return "an empty file";
    }
    let named = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    named.unwrap_or(if head.contains(&0) { "binary data" } else { TEXT })
}

fn parquet(file: File, wanted: Option<Vec<usize>>) -> parquet::errors::Result<Source> {
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS);
    let schema = builder.schema().clone();
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
    if let Some(wanted) = wanted {
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        builder = builder.with_projection(mask);
    }
    Ok(Source { schema, rows, batches: Box::new(builder.build()?) })
}

fn ipc(mut file: File, head: &[u8], wanted: Option<Vec<usize>>) -> Result<Source, ArrowError> {
    // A reader with a projection knows the wanted columns only, so another one is asked for the schema.
    let in_blocks = head.starts_with(b"ARROW1");
    let schema = match in_blocks {
        true => FileReader::try_new(BufReader::new(&file), None)?.schema(),
        false => StreamReader::try_new(BufReader::new(&file), None)?.schema(),
    };
    file.rewind()?;
    let file = BufReader::new(file);
    let batches: Batches = match in_blocks {
        true => Box::new(FileReader::try_new(file, wanted)?),
        false => Box::new(StreamReader::try_new(file, wanted)?),
    };
    Ok(Source { schema, rows: None, batches })
}

/// Runs a reader on a file that may be damaged. The crates for Parquet and Arrow check most of what they read, and panic
/// on the rest.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    // What the reader leaves behind after a panic is dropped by the caller and never looked at.
    let outcome = catch_unwind(AssertUnwindSafe(read));
    outcome.unwrap_or_else(|_| Err(ArrowError::ParseError("the file is damaged".to_owned())))
}

/// The first line of an error.
pub(crate) fn reason(error: &ArrowError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

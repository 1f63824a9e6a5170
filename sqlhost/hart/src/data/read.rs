//! Opening a file and reading its rows in batches.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use clap::Args;
use hart_kernels::registry::nearest;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::SchemaDescriptor;

use super::draft::Kept;
use super::source::{BATCH_BYTES, BATCH_ROWS, Batches, Source};
use super::wide::Wide;
use super::{Format, csv, ipc, npy, npz, types};

/// How files are read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReadOptions {
    /// Separator of the fields of CSV files: one character, or tab [default: a comma, in .tsv a tab]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Take the columns PREFIX0, PREFIX1 and so on as one column of vectors, named PREFIX
    #[arg(long, value_name = "PREFIX")]
    wide: Option<String>,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [one] if one.is_ascii() && !one.is_ascii_alphanumeric() && *one != b'"' => Ok(*one),
        _ => Err("expected one ASCII character that is no letter, digit or quote, or tab".into()),
    }
}

/// A requested column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    /// To compute with: the texts of a CSV file become the numbers or bytes that they spell.
    Typed(usize),
    /// As written in the file.
    AsIs(usize),
}

impl Wanted {
    /// Its position among all columns of the file.
    pub(crate) fn column(self) -> usize {
        let (Wanted::Typed(column) | Wanted::AsIs(column)) = self;
        column
    }
}

/// State that does not change while a file is read.
struct Parts {
    shown: String,
    format: Format,
    options: ReadOptions,
    wide: Option<Wide>,
    /// The columns visible to callers, as columns of the file; the index after the last one is the column of `wide`.
    visible: Vec<usize>,
    /// All files.
    parts: Vec<PathBuf>,
}

impl Parts {
    /// The file's columns that these are made from, in the order of the file.
    fn columns(&self, wanted: &[Wanted], width: usize) -> Vec<usize> {
        let mut columns: Vec<usize> = Vec::new();
        for wanted in wanted {
            match &self.wide {
                Some(wide) if wanted.column() == width => columns.extend(&wide.columns),
                _ => columns.push(wanted.column()),
            }
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn start(&self, part: &Path, wanted: &[Wanted], width: usize) -> Result<Source> {
        let shown = if self.parts.len() > 1 { part.display().to_string() } else { self.shown.clone() };
        start(part, &shown, self.format, &self.options, Some(self.columns(wanted, width)))
    }
}

/// A file of rows, or a folder of parts, read batch by batch during iteration; the first error ends the iteration.
pub(crate) struct Reader {
    file: Parts,
    /// The files that remain to be read.
    left: VecDeque<PathBuf>,
    /// All columns of the file, as stored and as computed with.
    all: SchemaRef,
    typed: SchemaRef,
    /// The columns that are returned.
    schema: SchemaRef,
    wanted: Vec<Wanted>,
    rows: Option<u64>,
    /// Number of rows returned so far.
    done: u64,
    batches: Option<Batches>,
}

/// Opens a file of rows, standard input if the path is `-`, or a folder of parts. Checks here that the content matches
/// the extension; damage further in shows while reading.
pub(crate) fn open(path: &Path, options: &ReadOptions) -> Result<Reader> {
    let shown = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
    let (parts, format) = if path == Path::new("-") {
        let (spooled, format) = standard_input()?;
        (vec![spooled], format)
    } else if path.is_dir() {
        let parts = parts(path)?;
        let format = Format::of(&parts[0])?;
        (parts, format)
    } else {
        (vec![path.to_owned()], Format::of(path)?)
    };
    let source = start(&parts[0], &shown, format, options, None)?;
    let width = source.schema.fields().len();
    let mut visible: Vec<usize> = (0..width).collect();
    let wide = options.wide.as_ref().map(|prefix| Wide::of(&source.typed, prefix)).transpose();
    let wide = wide.map_err(|error| anyhow!("{shown}: {error}"))?;
    if let Some(wide) = &wide {
        // The vectors replace the columns that they are made from.
        visible.retain(|column| !wide.columns.contains(column));
        visible.push(width);
    }
    let file = Parts { shown, format, options: options.clone(), wide, visible, parts };
    let wanted = file.visible.iter().map(|column| Wanted::Typed(*column)).collect();
    Ok(Reader::new(file, source, wanted))
}

/// The file that keeps standard input.
static SPOOLED: OnceLock<(Kept, Format)> = OnceLock::new();

/// Standard input copied to a file, because all formats are read from several positions or several times, and its
/// format.
fn standard_input() -> Result<(PathBuf, Format)> {
    if SPOOLED.get().is_none() {
        let spool = || -> std::io::Result<(Kept, Vec<u8>)> {
            let (kept, mut file) = Kept::file(&std::env::temp_dir().join("hart-stdin"), true)?;
            std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
            file.rewind()?;
            Ok((kept, ends(&mut file)?.0))
        };
        let (kept, head) = spool().context("standard input")?;
        let found = kind(&head);
        let format = match found {
            "a Parquet file" => Format::Parquet,
            "an Arrow IPC file" | "an Arrow IPC stream" => Format::Arrow,
            "a NumPy .npy file" => Format::Npy,
            "a zip archive" => Format::Npz,
            TEXT | "a gzip file" => Format::Csv,
            _ => bail!("standard input: expected Parquet, Arrow IPC, CSV, NPY or NPZ, found {found}"),
        };
        let _ = SPOOLED.set((kept, format));
    }
    let (kept, format) = SPOOLED.get().context("standard input was not read")?;
    Ok((kept.path.clone(), *format))
}

/// Removes the copy of standard input: a static is never dropped.
pub(crate) fn forget_input() {
    if let Some((kept, _)) = SPOOLED.get() {
        let _ = std::fs::remove_file(&kept.path);
    }
}

/// The files of a folder, ordered by name. Files whose names begin with a dot or an underscore are skipped, as is
/// usual.
fn parts(folder: &Path) -> Result<Vec<PathBuf>> {
    let shown = folder.display();
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot open {shown}"))? {
        let path = entry.with_context(|| format!("cannot open {shown}"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(['.', '_']) {
            continue;
        }
        ensure!(
            !path.is_dir(),
            "{shown}: expected files, found the folder {name}; name the one with the files (columns in folder names are not read)"
        );
        parts.push(path);
    }
    parts.sort();
    ensure!(!parts.is_empty(), "{shown}: the folder has no files");
    let format = Format::of(&parts[0])?;
    for part in &parts {
        ensure!(
            Format::of(part)? == format,
            "{shown}: expected files of one format, found {} and {}",
            parts[0].display(),
            part.display()
        );
    }
    Ok(parts)
}

impl Reader {
    fn new(file: Parts, source: Source, wanted: Vec<Wanted>) -> Reader {
        let field = |wanted: &Wanted| -> FieldRef {
            match (wanted, &file.wide) {
                (wanted, Some(wide)) if wanted.column() == source.schema.fields().len() => {
                    Arc::new(wide.field())
                }
                (Wanted::Typed(column), _) => source.typed.fields()[*column].clone(),
                (Wanted::AsIs(column), _) => source.schema.fields()[*column].clone(),
            }
        };
        Reader {
            left: file.parts.iter().skip(1).cloned().collect(),
            rows: source.rows.filter(|_| file.parts.len() == 1),
            schema: Arc::new(Schema::new(wanted.iter().map(field).collect::<Vec<_>>())),
            all: source.schema,
            typed: source.typed,
            wanted,
            done: 0,
            batches: Some(source.batches),
            file,
        }
    }

    /// The columns of the batches.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of rows, if the file states it.
    pub(crate) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The same file from its first row, with these of its columns, in this order. Others are not decoded if the format
    /// allows it.
    pub(crate) fn only(self, wanted: &[Wanted]) -> Result<Reader> {
        let in_file = |wanted: &Wanted| match *wanted {
            Wanted::Typed(column) => Wanted::Typed(self.file.visible[column]),
            Wanted::AsIs(column) => Wanted::AsIs(self.file.visible[column]),
        };
        let wanted: Vec<Wanted> = wanted.iter().map(in_file).collect();
        let source = self.file.start(&self.file.parts[0], &wanted, self.all.fields().len())?;
        Ok(Reader::new(self.file, source, wanted))
    }

    /// A batch of the source with the requested columns.
    fn arrange(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let width = self.all.fields().len();
        let there = self.file.columns(&self.wanted, width);
        let column = |wanted: Wanted| {
            let column = batch.column(there.partition_point(|other| *other < wanted.column()));
            match wanted {
                Wanted::Typed(number) if self.file.format == Format::Csv => {
                    csv::typed(column, self.typed.field(number), self.done)
                }
                _ => Ok(column.clone()),
            }
        };
        let mut columns = Vec::with_capacity(self.wanted.len());
        for wanted in &self.wanted {
            columns.push(match &self.file.wide {
                Some(wide) if wanted.column() == width => {
                    let parts = wide.columns.iter().map(|number| column(Wanted::Typed(*number)));
                    wide.gather(&parts.collect::<Result<Vec<_>, _>>()?, self.done)?
                }
                _ => column(*wanted)?,
            });
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &rows)
    }

    /// The rows of the next part, which has the same columns as the first one.
    fn next_part(&mut self) -> Result<Option<Batches>> {
        let Some(part) = self.left.pop_front() else { return Ok(None) };
        let width = self.all.fields().len();
        // Compares its columns before any is requested.
        let source = start(&part, &part.display().to_string(), self.file.format, &self.file.options, None)?;
        for column in self.file.columns(&self.wanted, width) {
            let first = self.all.field(column);
            let found = source.schema.fields().get(column);
            let name = |field: &Field| format!("{} {}", field.name(), type_name(field.data_type()));
            ensure!(
                found.is_some_and(
                    |found| found.name() == first.name() && found.data_type() == first.data_type()
                ),
                "{}: column {} is {}, but {} in {}",
                part.display(),
                column + 1,
                found.map_or("not there".into(), |found| name(found)),
                name(first),
                self.file.parts[0].display()
            );
        }
        Ok(Some(self.file.start(&part, &self.wanted, width)?.batches))
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // After a failure there is no source to continue with.
            let mut source = self.batches.take()?;
            let read = guarded(|| match source.next() {
                Some(batch) => self.arrange(&batch?).map(Some),
                None => Ok(None),
            });
            match read {
                Ok(Some(batch)) => {
                    self.batches = Some(source);
                    self.done += batch.num_rows() as u64;
                    return Some(Ok(batch));
                }
                Ok(None) => match self.next_part() {
                    Ok(next) => self.batches = Some(next?),
                    Err(error) => return Some(Err(error)),
                },
                Err(error) => {
                    return Some(Err(anyhow!(
                        "{}: cannot read the rows: {}",
                        self.file.shown,
                        reason(&error)
                    )));
                }
            }
        }
    }
}

/// The column with that name. Case matters only if two names differ in nothing else.
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
    let plain = types::plain_type(data_type);
    match plain {
        _ if types::is_text(plain) => "text".to_owned(),
        DataType::FixedSizeList(item, size) => format!("{}[{size}]", type_name(item.data_type())),
        _ => match types::item_type(plain) {
            Some(item) => format!("{}[]", type_name(item)),
            None => plain.to_string().to_lowercase(),
        },
    }
}

/// Opens the file with the reader for its format, for the columns with these indexes or for all.
fn start(
    path: &Path,
    shown: &str,
    format: Format,
    options: &ReadOptions,
    wanted: Option<Vec<usize>>,
) -> Result<Source> {
    let about = std::fs::metadata(path).with_context(|| format!("cannot open {shown}"))?;
    if about.is_dir() {
        bail!("{shown}: expected a file, found a folder");
    }
    let mut file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let (head, tail) = ends(&mut file).with_context(|| format!("cannot read {shown}"))?;
    let found = kind(&head);
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
            guarded(|| ipc::start(&file, head.starts_with(b"ARROW1"), wanted))
                .map_err(|error| anyhow!("{shown}: cannot read it as Arrow IPC: {}", reason(&error)))
        }
        Format::Csv => {
            if found != TEXT && found != "a gzip file" {
                bail!("{shown}: expected a CSV file (UTF-8 text with a header line), found {found}");
            }
            let name = path.to_string_lossy().to_ascii_lowercase();
            let tabs = name.ends_with(".tsv") || name.ends_with(".tsv.gz");
            csv::start(&file, options.delimiter.or(tabs.then_some(b'\t')), wanted)
                .map_err(|error| anyhow!("{shown}: cannot read it as CSV: {}", reason(&error)))
        }
        Format::Npy => {
            if !head.starts_with(npy::MAGIC) {
                bail!("{shown}: expected a NumPy .npy file (it begins with \\x93NUMPY), found {found}");
            }
            npy::start(file, about.len(), wanted).map_err(|error| anyhow!("{shown}: {error:#}"))
        }
        Format::Npz => {
            if found != "a zip archive" {
                bail!("{shown}: expected a NumPy .npz file (a zip archive), found {found}");
            }
            npz::start(&file, wanted).map_err(|error| anyhow!("{shown}: {error:#}"))
        }
        Format::Json => {
            bail!("{shown}: JSON files can be written but not read; use Parquet, Arrow IPC, CSV or NPY")
        }
    }
}

/// The first bytes and the last few bytes of a file; rewinds it.
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

/// The apparent kind of a file, by its first bytes.
fn kind(head: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 13] = [
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
        (b"version https://git-lfs", "a Git LFS pointer, which stands for a file that has not been fetched"),
    ];
    if head.is_empty() {
        return "an empty file";
    }
    let named = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    named.unwrap_or(if head.contains(&0) { "binary data" } else { TEXT })
}

fn parquet(file: File, wanted: Option<Vec<usize>>) -> parquet::errors::Result<Source> {
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let schema = builder.schema().clone();
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
    let step = batch_rows(builder.metadata(), builder.parquet_schema(), wanted.as_deref());
    builder = builder.with_batch_size(step);
    if let Some(wanted) = wanted {
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        builder = builder.with_projection(mask);
    }
    Ok(Source { typed: schema.clone(), schema, rows, batches: Box::new(builder.build()?) })
}

/// The number of rows of about [`BATCH_BYTES`]: a row with long vectors takes as much as thousands of others.
fn batch_rows(about: &ParquetMetaData, schema: &SchemaDescriptor, wanted: Option<&[usize]>) -> usize {
    let (mut bytes, mut rows) = (0i64, 0i64);
    for group in about.row_groups() {
        rows = rows.saturating_add(group.num_rows());
        for (leaf, column) in group.columns().iter().enumerate() {
            if wanted.is_none_or(|wanted| wanted.contains(&schema.get_column_root_idx(leaf))) {
                // Dictionary values take more space in memory than in the file.
                let values = column.num_values().saturating_mul(4);
                bytes = bytes.saturating_add(column.uncompressed_size().max(values));
            }
        }
    }
    let row_bytes = usize::try_from(bytes / rows.max(1)).unwrap_or(0);
    (BATCH_BYTES / row_bytes.max(1)).clamp(1, BATCH_ROWS)
}

/// Runs a reader on a file that may be damaged. The crates for Parquet and Arrow check most of what they read, and
/// panic on the rest.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    // State left by a panic is dropped by the caller and never read. The command's own hook keeps the panic from
    // writing anything: the error says it all.
    let outcome = catch_unwind(AssertUnwindSafe(read));
    outcome.unwrap_or_else(|_| Err(ArrowError::ParseError("the file is damaged".to_owned())))
}

/// The first line of an error.
pub(crate) fn reason(error: &ArrowError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

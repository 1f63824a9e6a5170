//! `hart run`: a kernel on the rows of a file or of a query.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use clap::Args;
use hart_kernels::Element;
use hart_kernels::registry::{self, ANY_NAME, Kernel, Kind, ParamKind};
use hart_sqlhost::columns::{CType, LARGE_OBJECT};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::local::{Chunk, HostColumn};
use hart_sqlhost::session::{ROWS_IN, ROWS_OUT};
use hart_sqlhost::tsql::is_row_by_row;

use crate::data::{self, Format};
use crate::engine::{EngineOptions, Request};
use crate::feed::{arrow_column, carried_type, host_column, host_field, pieces, vector_element};
use crate::input::{Input, InputOptions};
use crate::partition;
use crate::server::{LEFT_OUT, LoadOptions, Target};

/// Options of `hart run`.
#[derive(Args)]
pub struct RunOptions {
    /// Kernel name, as `hart list` shows it
    kernel: String,
    #[command(flatten)]
    input: InputOptions,
    /// Take a declared column from a column of another name; may be repeated
    #[arg(long, value_name = "DECLARED=COLUMN", value_parser = pair)]
    bind: Vec<(String, String)>,
    /// Return this input column too, unchanged; may be repeated
    #[arg(long, value_name = "COLUMN")]
    carry: Vec<String>,
    /// Set a parameter; may be repeated. Bytes and vectors may come from a file: --param basis=@FILE
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// Give the kernel N rows at a time, as @r_rowsPerRead does [default: all at once]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    rows_per_read: Option<u32>,
    /// Run the kernel once for each value of this column, in ascending order
    #[arg(long, value_name = "COLUMN")]
    partition_by: Option<String>,
    /// Format on standard output
    #[arg(long, value_enum, default_value = "table", conflicts_with = "output")]
    format: data::Style,
    /// Write the result to a file instead: .parquet, .arrow, .csv or .json
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Append the result to this table of --server instead, which has its columns: all rows or none. Values take the form of its
    /// types where nothing is lost by that
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["output", "format"])]
    into: Option<String>,
    #[command(flatten)]
    load: LoadOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.is_empty() { Err("the name before = is empty".into()) } else { Ok((name.into(), value.into())) }
}

/// An input column and what the kernel knows it as.
struct Source {
    column: usize,
    declared: String,
}

/// Runs the kernel and writes what it gives.
pub fn run(options: RunOptions) -> Result<()> {
    let kernel = registry::find(&options.kernel)?;
    // What cannot be written is found out before the work is done, not after.
    if let Some(path) = &options.output {
        Format::of(path)?;
    }
    let input = options.input.input()?;
    let target = options.into.as_ref().map(|table| target(&options, input.as_ref(), table)).transpose()?;
    let Some(input) = input else {
        ensure!(
            kernel.inputs.is_empty(),
            "{} needs --input FILE or --query SELECT with {}",
            kernel.name,
            Kernel::signature(kernel.inputs)
        );
        let params = params(kernel, &options.param, None)?;
        if let Some(target) = &target {
            target.expect(&result_columns(kernel, None, &[]))?;
        }
        let request = Request { script: kernel.name.into(), fields: Vec::new(), params };
        let batch = options.engine.run(request, |execute| batch_of(kernel, &execute(0, &[])?, None, &[]))?;
        return write(&[batch], &options, target.as_ref());
    };
    let reader = input.open()?;
    let schema = reader.schema().clone();
    let mut sources = sources(kernel, &schema, &options).with_context(|| input.to_string())?;
    let partition = options.partition_by.as_ref().map(|name| column(&schema, name)).transpose()?;
    if let Some(column) = partition
        && !sources.iter().any(|s| s.column == column)
    {
        sources.push(Source { column, declared: schema.field(column).name().clone() });
    }
    let element = element(kernel, &schema, &sources, &options.param)?;
    let fields = sources
        .iter()
        .enumerate()
        .map(|(n, source)| {
            // Carried columns go without a name, lest one be taken for a declared column; results are named here.
            let carried = n >= kernel.inputs.len() && !kernel.inputs.is_empty();
            let name = if carried { "" } else { &source.declared };
            host_field(name, schema.field(source.column).data_type(), partition == Some(source.column))
        })
        .collect::<Result<Vec<_>>>()?;
    let carried: Vec<String> = sources.iter().skip(kernel.inputs.len()).map(|s| s.declared.clone()).collect();
    if let Some(target) = &target {
        let types = sources.iter().skip(kernel.inputs.len()).map(|s| schema.field(s.column).data_type());
        let carried: Vec<_> = carried.iter().cloned().zip(types.map(carried_type)).collect();
        target.expect(&result_columns(kernel, element, &carried))?;
    }
    let mut params = params(kernel, &options.param, element)?;
    if let Some(rows) = options.rows_per_read {
        params.push(param("r_rowsPerRead", CType::Int, rows.to_le_bytes().to_vec()));
    }
    // A column that is bound twice is read once.
    let mut read: Vec<usize> = sources.iter().map(|s| s.column).collect();
    read.sort_unstable();
    read.dedup();
    let names: Vec<String> = read.iter().map(|&c| schema.field(c).name().clone()).collect();
    let bar = crate::progress(reader.rows());
    let projected: SchemaRef = schema.project(&read)?.into();
    let mut rows = reader.only(&names)?.peekable();
    let host_columns = |part: &RecordBatch, before: usize| {
        let columns = sources.iter().map(|source| {
            let column = part.column(read.partition_point(|&c| c < source.column));
            host_column(&source.declared, column, before)
        });
        columns.collect::<Result<Vec<HostColumn>>>()
    };
    // Rows that do not depend on each other are computed as they come, and need not be held.
    let as_they_come = is_row_by_row(kernel) && options.partition_by.is_none() && rows.peek().is_some();
    let all_at_once = !as_they_come && options.partition_by.is_none() && options.rows_per_read.is_none();
    let request = Request { script: kernel.name.into(), fields, params };
    let results = options.engine.run(request, |execute| {
        let mut results = Vec::new();
        let mut done = 0;
        if all_at_once {
            // They are held once: as the kernel gets them.
            let mut all = host_columns(&RecordBatch::new_empty(projected.clone()), 0)?;
            for part in rows {
                let part = part?;
                for (all, part) in all.iter_mut().zip(host_columns(&part, done)?) {
                    all.bytes.extend(part.bytes);
                    all.indicators.extend(part.indicators);
                }
                done += part.num_rows();
                bar.inc(part.num_rows() as u64);
            }
            return batches_of(kernel, &execute(done, &all)?, element, &carried);
        }
        let chunks: Box<dyn Iterator<Item = Result<RecordBatch>>> = match &options.partition_by {
            None if as_they_come => Box::new(rows),
            partition => {
                let whole = whole(&projected, rows)?;
                match partition {
                    Some(name) => Box::new(partition::by(&whole, name)?.into_iter().map(Ok)),
                    None => Box::new(std::iter::once(Ok(whole))),
                }
            }
        };
        for chunk in chunks {
            let chunk = chunk?;
            let step = options.rows_per_read.map_or(chunk.num_rows().max(1), |n| n as usize);
            let mut start = 0;
            loop {
                let part = chunk.slice(start, step.min(chunk.num_rows() - start));
                let columns = host_columns(&part, done)?;
                results.extend(batches_of(kernel, &execute(part.num_rows(), &columns)?, element, &carried)?);
                start += part.num_rows();
                done += part.num_rows();
                bar.inc(part.num_rows() as u64);
                if start >= chunk.num_rows() {
                    break;
                }
            }
        }
        Ok(results)
    })?;
    bar.finish_and_clear();
    write(&one_schema(results)?, &options, target.as_ref())
}

/// All rows as one batch. Columns of text and bytes get the longer offsets, because all of them may be longer than each batch.
fn whole(schema: &SchemaRef, rows: impl Iterator<Item = Result<RecordBatch>>) -> Result<RecordBatch> {
    let long = |field: &Arc<ArrowField>| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::LargeUtf8),
        DataType::Binary => field.as_ref().clone().with_data_type(DataType::LargeBinary),
        DataType::List(item) => field.as_ref().clone().with_data_type(DataType::LargeList(item.clone())),
        _ => field.as_ref().clone(),
    };
    let schema = Arc::new(Schema::new(schema.fields().iter().map(long).collect::<Vec<_>>()));
    let batches = rows.map(|batch| {
        let batch = batch?;
        let columns = batch.columns().iter().zip(schema.fields()).map(|(c, f)| cast(c, f.data_type()));
        Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?)?)
    });
    Ok(concat_batches(&schema, &batches.collect::<Result<Vec<_>>>()?)?)
}

/// The table of --into, by the connection of --query if there is one.
fn target(options: &RunOptions, input: Option<&Input>, table: &str) -> Result<Target> {
    let connector = match input {
        Some(Input::Query { connector, .. }) => connector.as_ref().clone(),
        _ => options.input.connection.connector().context("--into")?,
    };
    Target::open(connector, table, options.load.clone())
}

/// The columns of the result, as far as they are known before it is computed.
fn result_columns(
    kernel: &Kernel,
    element: Option<Element>,
    carried: &[(String, DataType)],
) -> Vec<(String, DataType)> {
    let item = match element.unwrap_or_default().of_result() {
        Element::F64 => DataType::Float64,
        Element::F16 => DataType::Float16,
        _ => DataType::Float32,
    };
    let declared = kernel.outputs.iter().map(|column| {
        let data_type = match column.kind {
            Kind::Id | Kind::BigInt => DataType::Int64,
            Kind::Int => DataType::Int32,
            Kind::Float => DataType::Float64,
            Kind::Text | Kind::LongText => DataType::Utf8,
            Kind::Binary | Kind::Point => DataType::Binary,
            Kind::Vector => DataType::new_list(item.clone(), true),
        };
        (column.name.to_string(), data_type)
    });
    declared.chain(carried.iter().cloned()).collect()
}

fn write(batches: &[RecordBatch], options: &RunOptions, target: Option<&Target>) -> Result<()> {
    if let (Some(target), Some(table)) = (target, &options.into) {
        let rows = target.load(batches)?;
        eprintln!("hart: {rows} rows appended to {table}");
        return Ok(());
    }
    let schema = batches.first().map_or_else(|| Schema::empty().into(), RecordBatch::schema);
    let rows = batches.iter().cloned().map(Ok);
    match &options.output {
        Some(path) => data::write(path, &schema, rows)?,
        None => data::print(options.format, &schema, rows)?,
    };
    Ok(())
}

/// Vectors of one dimension make a column of another type than vectors of several, and chunks may differ in that: then all
/// take the more general type.
fn one_schema(mut batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
    if batches.windows(2).all(|pair| pair[0].schema() == pair[1].schema()) {
        return Ok(batches);
    }
    for batch in &mut batches {
        let general = |field: &Arc<ArrowField>| match field.data_type() {
            DataType::FixedSizeList(item, _) => {
                Arc::new(ArrowField::new_list(field.name(), item.clone(), true))
            }
            _ => field.clone(),
        };
        let schema = Arc::new(Schema::new(batch.schema().fields().iter().map(general).collect::<Vec<_>>()));
        let columns = batch.columns().iter().zip(schema.fields()).map(|(c, f)| cast(c, f.data_type()));
        *batch = RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?)?;
    }
    Ok(batches)
}

/// The position of a column, whatever the case of its name.
pub fn column(schema: &SchemaRef, name: &str) -> Result<usize> {
    data::find(schema, name).map_err(|problem| anyhow!(left_out(schema, name).unwrap_or(problem)))
}

/// Why a query's column of this name is none of the schema's.
fn left_out(schema: &SchemaRef, name: &str) -> Option<String> {
    let is_it = |key: &String| key.strip_prefix(LEFT_OUT).is_some_and(|c| c.eq_ignore_ascii_case(name));
    schema.metadata().iter().find(|(key, _)| is_it(key)).map(|(_, why)| why.clone())
}

/// The file's columns that the kernel gets: bound by hand, by name, or, where the counts match, by position.
fn sources(kernel: &Kernel, schema: &SchemaRef, options: &RunOptions) -> Result<Vec<Source>> {
    for (declared, _) in &options.bind {
        let known = kernel.inputs.iter().any(|c| c.name.eq_ignore_ascii_case(declared));
        ensure!(known, "--bind {declared}: {} takes {}", kernel.name, Kernel::signature(kernel.inputs));
    }
    let mut out = Vec::new();
    for column in kernel.inputs {
        let bound = options.bind.iter().find(|(declared, _)| column.name.eq_ignore_ascii_case(declared));
        let found = match bound {
            Some((_, name)) => Some(self::column(schema, name)?),
            None => match left_out(schema, column.name) {
                Some(why) => bail!(why),
                None => data::find(schema, column.name).ok(),
            },
        };
        out.extend(found.map(|found| Source { column: found, declared: column.name.into() }));
    }
    let carried = |name: &String| {
        let column = column(schema, name)?;
        Ok(Source { column, declared: schema.field(column).name().clone() })
    };
    if out.len() == kernel.inputs.len() {
        if kernel.inputs.is_empty() && options.carry.is_empty() {
            // A kernel without columns of its own gets them all.
            return Ok(all(schema));
        }
        out.extend(options.carry.iter().map(carried).collect::<Result<Vec<_>>>()?);
        return Ok(out);
    }
    if options.bind.is_empty() && options.carry.is_empty() && schema.fields().len() == kernel.inputs.len() {
        return Ok(all(schema));
    }
    let missing: Vec<&str> =
        kernel.inputs.iter().map(|c| c.name).filter(|n| !out.iter().any(|s| s.declared == *n)).collect();
    let found: Vec<String> =
        schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    bail!(
        "{} takes {}; no column for {} (use --bind {}=COLUMN); found {}",
        kernel.name,
        Kernel::signature(kernel.inputs),
        missing.join(", "),
        missing.first().unwrap_or(&""),
        found.join(", ")
    )
}

fn all(schema: &SchemaRef) -> Vec<Source> {
    let fields = schema.fields().iter().enumerate();
    fields.map(|(column, field)| Source { column, declared: field.name().clone() }).collect()
}

/// Element type of the vectors sent: the columns' own, where they say one.
fn element(
    kernel: &Kernel,
    schema: &SchemaRef,
    sources: &[Source],
    given: &[(String, String)],
) -> Result<Option<Element>> {
    let vectors = kernel.inputs.iter().zip(sources).filter(|(column, _)| column.kind == Kind::Vector);
    let given = given.iter().find(|(name, _)| name.trim_start_matches('@').eq_ignore_ascii_case("element"));
    let given = given.and_then(|(_, word)| Element::parse(word));
    let mut out = given;
    for (_, source) in vectors {
        let field = schema.field(source.column);
        if let Some(own) = vector_element(field.data_type()) {
            if out.is_some_and(|other| other != own) {
                let other = out.map_or("", Element::name);
                bail!(
                    "column {} holds {} elements, not {other}; all vectors must have one type",
                    field.name(),
                    own.name()
                );
            }
            out = Some(own);
        }
    }
    Ok(out)
}

/// A parameter with a value.
pub fn param(name: &str, ctype: CType, value: Vec<u8>) -> ParamField {
    let size = ctype.fixed_size().map_or(LARGE_OBJECT, |s| s as u64);
    ParamField { name: name.into(), ctype, size, digits: 0, value: Some(value), output: false }
}

/// The parameters in the types that a T-SQL caller would declare. What a type cannot hold is left to the kernel as text, so
/// that its message is the one that is seen.
fn params(kernel: &Kernel, given: &[(String, String)], element: Option<Element>) -> Result<Vec<ParamField>> {
    let mut out = Vec::new();
    for (name, value) in given {
        let name = name.strip_prefix('@').unwrap_or(name);
        let declared = kernel.params.iter().find(|p| p.name.eq_ignore_ascii_case(name));
        out.push(match declared.map(|p| p.kind) {
            Some(ParamKind::Int { .. }) if value.parse::<i64>().is_ok() => {
                param(name, CType::BigInt, value.parse::<i64>()?.to_le_bytes().to_vec())
            }
            Some(ParamKind::Float { .. }) if value.parse::<f64>().is_ok() => {
                param(name, CType::Double, value.parse::<f64>()?.to_le_bytes().to_vec())
            }
            Some(kind @ (ParamKind::Binary | ParamKind::Vector)) if value.starts_with('@') => {
                let file = &value[1..];
                let content = std::fs::read(file).with_context(|| format!("@{name}: cannot read {file}"))?;
                // A vector may be text as well.
                let text = kind == ParamKind::Vector && content.trim_ascii_start().starts_with(b"[");
                param(name, if text { CType::Char } else { CType::Binary }, content)
            }
            _ => param(name, CType::Char, value.clone().into_bytes()),
        });
    }
    let takes_element = kernel.params.iter().any(|p| p.name == "element");
    let said = given.iter().any(|(name, _)| name.trim_start_matches('@').eq_ignore_ascii_case("element"));
    if let Some(element) = element.filter(|_| takes_element && !said) {
        out.push(param("element", CType::Char, element.name().into()));
    }
    let any = kernel.params.iter().any(|p| p.name == ANY_NAME);
    if !any {
        for name in [ROWS_IN, ROWS_OUT] {
            out.push(ParamField { value: None, output: true, ..param(name, CType::BigInt, Vec::new()) });
        }
    }
    Ok(out)
}

/// A chunk's result under the kernel's column names, followed by those of the carried columns.
pub fn batch_of(
    kernel: &Kernel,
    chunk: &Chunk,
    element: Option<Element>,
    carried: &[String],
) -> Result<RecordBatch> {
    let batches = batches_of(kernel, chunk, element, carried)?;
    let [batch] = <[RecordBatch; 1]>::try_from(batches).map_err(|_| {
        anyhow!("the result has more than {} MiB in one column; ask for fewer rows", PIECE >> 20)
    })?;
    Ok(batch)
}

/// Most bytes of a column of a batch, unless one value has more. Arrow's shorter offsets end at twice that.
const PIECE: usize = 1 << 30;

/// The same in as many batches as its size needs.
fn batches_of(
    kernel: &Kernel,
    chunk: &Chunk,
    element: Option<Element>,
    carried: &[String],
) -> Result<Vec<RecordBatch>> {
    let element = element.unwrap_or_default().of_result();
    let batch = |rows: std::ops::Range<usize>| {
        let mut fields = Vec::new();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for (n, (field, column)) in chunk.fields.iter().zip(&chunk.columns).enumerate() {
            let declared = kernel.outputs.get(n);
            let vectors = declared.filter(|c| c.kind == Kind::Vector).map(|_| element);
            let array = arrow_column(field, column, rows.clone(), vectors)?;
            let name = match declared {
                Some(column) => column.name,
                None => carried
                    .get(n - kernel.outputs.len())
                    .context("the extension returned a column too many")?,
            };
            fields.push(ArrowField::new(name, array.data_type().clone(), true));
            columns.push(array);
        }
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(Schema::new(fields).into(), columns, &options);
        batch.map_err(|e| anyhow!("the result's columns do not fit together: {e}"))
    };
    pieces(chunk, PIECE).into_iter().map(batch).collect()
}

/// A column that can be an id: whole numbers.
pub fn is_integer(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(data_type, Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32)
}

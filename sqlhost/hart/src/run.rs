//! `hart run`: a kernel on the rows of a file or query.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use clap::Args;
use hart_kernels::Element;
use hart_kernels::registry::{self, ANY_NAME, Kernel, Kind, ParamKind, Streaming};
use hart_sqlhost::columns::{CType, LARGE_OBJECT};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::local::Chunk;
use hart_sqlhost::session::{ROWS_IN, ROWS_OUT};

use crate::best::Best;
use crate::call::{Call, Origin, Plan, Rows, check_carried, declared_columns, nothing, too_large};
use crate::data::{self, Format, Wanted, cell, guarded, types};
use crate::engine::{EngineOptions, Request};
use crate::feed::{VectorShape, arrow_column, vector_element};
use crate::id;
use crate::input::{Input, InputOptions};
use crate::memory;
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
    /// Set a parameter; may be repeated. Bytes, vectors and texts may come from a file: --param basis=@FILE; a text that begins
    /// with @ has it twice
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

/// The file's columns in use, and their names in the kernel.
struct Sources {
    /// The kernel's columns in its order, with the file's column for each.
    declared: Vec<(String, Origin)>,
    carried: Vec<usize>,
    partition: Option<usize>,
}

/// Runs the kernel and writes its result.
pub fn run(options: RunOptions) -> Result<()> {
    let kernel = registry::find(&options.kernel).map_err(hart_sqlhost::session::Fault::from)?;
    // Checks the output before the work is done rather than after.
    if let Some(path) = &options.output {
        Format::of(path)?;
        data::check(path, "--output")?;
        let files = options.param.iter().filter_map(|(_, value)| value.strip_prefix('@')).map(Path::new);
        data::apart(path, "--output", options.input.path().into_iter().chain(files))?;
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
            target.expect(&declared_columns(kernel, Element::F32))?;
        }
        let request = Request { script: kernel.name.into(), fields: Vec::new(), params };
        let batch = options.engine.run(request, |execute| batch_of(kernel, &execute(0, &[])?, None))?;
        return deliver(std::iter::once(Ok(batch)), &options, target.as_ref());
    };
    ensure!(!kernel.takes_nothing(), "{input}: {} takes no rows; leave the input out", kernel.name);
    let reader = input.open()?;
    let schema = reader.schema().clone();
    let sources = sources(kernel, &input, &schema, &options).with_context(|| input.to_string())?;
    check_carried(kernel, !sources.carried.is_empty())?;
    let element = element(kernel, &schema, &sources, &options.param)?;
    let mut params = params(kernel, &options.param, element)?;
    if let Some(rows) = options.rows_per_read {
        params.push(param("r_rowsPerRead", CType::Int, rows.to_le_bytes().to_vec()));
    }
    let places = Places::new(kernel, &schema, &sources);
    let bar = crate::progress::of_rows(reader.rows());
    let rows = reader.only(&places.wanted)?;
    let schema = rows.schema().clone();
    if let Some(path) = &options.output {
        data::writable(path, &schema.project(&places.carried)?)?;
    }
    let call = Call::new(
        kernel,
        &schema,
        &Plan {
            declared: &places.declared,
            partition: places.partition,
            carried: &places.carried,
            hidden: &[],
            vectors: VectorShape {
                element: result_element(kernel, element, &options.param),
                dimensions: places.dimensions,
            },
        },
    )?;
    if let Some(target) = &target {
        target.expect(&call.columns(&schema))?;
    }
    let rows = rows.inspect(|batch| {
        if let Ok(batch) = batch {
            bar.inc(batch.num_rows() as u64);
        }
    });
    let request = Request { script: kernel.name.into(), fields: call.fields.clone(), params };
    options.engine.run(request, |execute| {
        let target = target.as_ref();
        let mut run = |batch: RecordBatch, before: usize, group: usize, beside: u64| {
            let mut host = call.start();
            call.feed(&batch, before, group, beside, &mut host)?;
            let chunk = execute(batch.num_rows(), &host)?;
            drop(host);
            Ok((call.result(&chunk, &Rows::of(batch), before)?, chunk))
        };
        if let Some(place) = places.partition {
            let (mut held, mut bytes) = (Vec::new(), 0);
            for batch in rows {
                let batch = batch?;
                bytes += memory::of_batch(&batch, 0..batch.num_columns());
                memory::check(bytes, || "holding the rows of --partition-by".into())?;
                held.push(batch);
            }
            let groups = partition::by(&held, &schema, place)?;
            let mut groups = groups.flat_map(|group| steps(group, options.rows_per_read)).peekable();
            if groups.peek().is_none() {
                let result = run(nothing(&schema), 0, 0, 0)?.0;
                return deliver(std::iter::once(Ok(result)), &options, target);
            }
            let mut done = 0;
            let results = groups.enumerate().map(|(group, batch)| {
                let batch = batch?;
                let before = done;
                done += batch.num_rows();
                let keys = batch.column(place).clone();
                let partition = || {
                    let key = cell::text(&keys, 0).unwrap_or_else(|_| "NULL".into());
                    format!("{} = {key}", schema.field(place).name())
                };
                Ok(run(batch, before, group, bytes).with_context(partition)?.0)
            });
            return deliver(results, &options, target);
        }
        let best = options.rows_per_read.is_none() && kernel.name == TOP_K;
        if best
            || options.rows_per_read.is_some()
            || kernel.streaming == Streaming::Rows && !kernel.inputs.is_empty()
        {
            // Independent rows are computed as they arrive, and need not be held.
            let mut chunks = Chunks::new(rows, schema.clone(), options.rows_per_read.map(|n| n as usize));
            let mut done = 0;
            let mut results = std::iter::from_fn(|| {
                let batch = match chunks.next()? {
                    Ok(batch) => batch,
                    Err(error) => return Some(Err(error)),
                };
                let before = done;
                done += batch.num_rows();
                Some(run(batch, before, 0, 0))
            });
            if best {
                let mut found = Best::new(rows_wanted(kernel, &options.param));
                for result in results {
                    let (result, chunk) = result?;
                    found.add(&result, call.keys(&chunk)?)?;
                }
                return deliver(std::iter::once(found.finish()), &options, target);
            }
            return deliver(&mut results.by_ref().map(|result| Ok(result?.0)), &options, target);
        }
        let (mut host, mut held, mut count, mut beside) = (call.start(), Rows::default(), 0, 0);
        for batch in rows {
            let batch = batch?;
            beside += memory::of_batch(&batch, call.held());
            call.feed(&batch, count, 0, beside, &mut host)?;
            held.push(&batch, &call.held())?;
            count += batch.num_rows();
        }
        if count == 0 {
            held.push(&nothing(&schema), &call.held())?;
        }
        let chunk = execute(count, &host)?;
        drop(host);
        deliver(std::iter::once(call.result(&chunk, &held, 0)), &options, target)
    })?;
    bar.finish_and_clear();
    Ok(())
}

/// The kernel whose best rows of several chunks are merged here.
const TOP_K: &str = "vector_top_k";

/// The parameter @k, if it is a number; the kernel rejects anything else.
fn rows_wanted(kernel: &Kernel, given: &[(String, String)]) -> usize {
    given_or_default(kernel, given, "k").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX)
}

/// The value given for a parameter.
fn value<'a>(given: &'a [(String, String)], param: &str) -> Option<&'a str> {
    let is_it = |name: &str| name.trim_start_matches('@').eq_ignore_ascii_case(param);
    given.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value.as_str())
}

fn given_or_default<'a>(kernel: &Kernel, given: &'a [(String, String)], param: &str) -> Option<&'a str> {
    let default = || kernel.params.iter().find(|p| p.name == param).and_then(|p| p.default);
    value(given, param).or_else(default)
}

/// The columns to read, and the positions of those in use among them.
struct Places {
    wanted: Vec<Wanted>,
    declared: Vec<(String, Origin)>,
    carried: Vec<usize>,
    partition: Option<usize>,
    /// Dimensions of the vectors, if their type fixes them.
    dimensions: Option<i32>,
}

impl Places {
    fn new(kernel: &Kernel, schema: &SchemaRef, sources: &Sources) -> Places {
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut place = |column: Wanted| {
            let found = wanted.iter().position(|other| *other == column);
            found.unwrap_or_else(|| {
                wanted.push(column);
                wanted.len() - 1
            })
        };
        // Numbers that are not computed with stay as written.
        let key = |column: usize| {
            let whole = types::is_integer(schema.field(column).data_type());
            if whole { Wanted::Typed(column) } else { Wanted::AsIs(column) }
        };
        let (mut declared, mut dimensions) = (Vec::new(), None);
        for (n, (label, origin)) in sources.declared.iter().enumerate() {
            let kind = kernel.columns().nth(n).map(|input| input.kind);
            let origin = match *origin {
                Origin::Column(column) => {
                    if let (Some(Kind::Vector), DataType::FixedSizeList(_, n)) =
                        (kind, schema.field(column).data_type())
                    {
                        dimensions = Some(*n);
                    }
                    Origin::Column(place(match kind {
                        Some(Kind::Id) => key(column),
                        Some(_) => Wanted::Typed(column),
                        None => Wanted::AsIs(column),
                    }))
                }
                rows => rows,
            };
            declared.push((label.clone(), origin));
        }
        let mut carried: Vec<usize> =
            sources.carried.iter().map(|&column| place(Wanted::AsIs(column))).collect();
        let partition = sources.partition.map(|column| {
            let bound = sources.declared.iter().position(|(_, origin)| *origin == Origin::Column(column));
            match bound.map(|n| declared[n].1) {
                Some(Origin::Column(place)) => place,
                _ => {
                    let own = place(key(column));
                    // Its values identify the groups.
                    if !sources.carried.contains(&column) {
                        carried.push(own);
                    }
                    own
                }
            }
        });
        Places { wanted, declared, carried, partition, dimensions }
    }
}

/// A group in steps of `step` rows.
fn steps(group: Result<RecordBatch>, step: Option<u32>) -> Vec<Result<RecordBatch>> {
    let (Ok(batch), Some(step)) = (&group, step) else { return vec![group] };
    let (rows, step) = (batch.num_rows(), step as usize);
    (0..rows).step_by(step).map(|from| Ok(batch.slice(from, step.min(rows - from)))).collect()
}

/// The rows as they arrive, or a fixed number at a time; at least one batch, possibly empty.
struct Chunks<I> {
    rows: I,
    schema: SchemaRef,
    step: Option<usize>,
    held: Vec<RecordBatch>,
    any: bool,
}

impl<I: Iterator<Item = Result<RecordBatch>>> Chunks<I> {
    fn new(rows: I, schema: SchemaRef, step: Option<usize>) -> Chunks<I> {
        Chunks { rows, schema, step, held: Vec::new(), any: false }
    }
}

impl<I: Iterator<Item = Result<RecordBatch>>> Iterator for Chunks<I> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(step) = self.step else {
            return match self.rows.next() {
                None if self.any => None,
                next => {
                    self.any = true;
                    Some(next.unwrap_or_else(|| Ok(nothing(&self.schema))))
                }
            };
        };
        let count = |held: &[RecordBatch]| held.iter().map(RecordBatch::num_rows).sum::<usize>();
        while count(&self.held) < step {
            match self.rows.next() {
                Some(Ok(batch)) => self.held.push(batch),
                Some(Err(error)) => return Some(Err(error)),
                None if self.held.is_empty() && self.any => return None,
                None => break,
            }
        }
        self.any = true;
        let (mut taken, mut left) = (Vec::new(), step);
        while left > 0 && !self.held.is_empty() {
            let first = self.held[0].num_rows();
            if first <= left {
                taken.push(self.held.remove(0));
            } else {
                taken.push(self.held[0].slice(0, left));
                self.held[0] = self.held[0].slice(left, first - left);
            }
            left -= first.min(left);
        }
        Some(
            guarded(|| concat_batches(&self.schema, &taken)).map_err(|e| too_large("of --rows-per-read", &e)),
        )
    }
}

/// The table of --into, over the connection of --query if there is one.
fn target(options: &RunOptions, input: Option<&Input>, table: &str) -> Result<Target> {
    let connector = match input {
        Some(Input::Query { connector, .. }) => connector.as_ref().clone(),
        _ => options.input.connection.connector().context("--into")?,
    };
    Target::open(connector, table, options.load.clone())
}

/// Writes results as they arrive.
fn deliver(
    batches: impl Iterator<Item = Result<RecordBatch>>,
    options: &RunOptions,
    target: Option<&Target>,
) -> Result<()> {
    if let (Some(target), Some(table)) = (target, &options.into) {
        let rows = target.load(&batches.map(|batch| plain(&batch?)).collect::<Result<Vec<_>>>()?)?;
        eprintln!("hart: {rows} rows appended to {table}");
        return Ok(());
    }
    let mut batches = batches.peekable();
    // The first result determines the columns.
    let schema = match batches.peek() {
        Some(Ok(first)) => first.schema(),
        Some(Err(_)) => return batches.next().map_or(Ok(()), |first| first.map(drop)),
        None => Schema::empty().into(),
    };
    match &options.output {
        Some(path) => data::write(path, &schema, batches)?,
        None => data::print(options.format, &schema, batches)?,
    };
    Ok(())
}

/// A batch without dictionaries, which tables do not have.
fn plain(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let column = |(field, column): (&Arc<ArrowField>, &ArrayRef)| {
        let column = types::plain(column)?;
        Ok((field.as_ref().clone().with_data_type(column.data_type().clone()), column))
    };
    let columns = schema.fields().iter().zip(batch.columns()).map(column).collect::<Result<Vec<_>>>()?;
    let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    Ok(RecordBatch::try_new(Schema::new(fields).into(), columns)?)
}

/// The position of a column, ignoring case.
pub fn column(schema: &SchemaRef, name: &str) -> Result<usize> {
    data::find(schema, name).map_err(|problem| anyhow!(left_out(schema, name).unwrap_or(problem)))
}

/// Why a query's column of this name is not in the schema.
fn left_out(schema: &SchemaRef, name: &str) -> Option<String> {
    let is_it = |key: &String| key.strip_prefix(LEFT_OUT).is_some_and(|c| c.eq_ignore_ascii_case(name));
    schema.metadata().iter().find(|(key, _)| is_it(key)).map(|(_, why)| why.clone())
}

/// The file's columns for the kernel: matched by option, by name, or, if the counts match, by position. A missing id is
/// found by the rule for all commands.
fn sources(kernel: &Kernel, input: &Input, schema: &SchemaRef, options: &RunOptions) -> Result<Sources> {
    for (declared, _) in &options.bind {
        let known = kernel.columns().any(|c| c.name.eq_ignore_ascii_case(declared));
        ensure!(known, "--bind {declared}: {} takes {}", kernel.name, kernel.expected());
    }
    let partition = options.partition_by.as_ref().map(|name| column(schema, name)).transpose()?;
    let mut carried = Vec::new();
    for name in &options.carry {
        let column = column(schema, name)?;
        if !carried.contains(&column) {
            carried.push(column);
        }
    }
    let all = |named: bool| -> Vec<(String, Origin)> {
        let label =
            |n: usize| if named { schema.field(n).name().clone() } else { kernel.inputs[n].name.into() };
        (0..schema.fields().len()).map(|n| (label(n), Origin::Column(n))).collect()
    };
    if kernel.inputs.is_empty() {
        // A kernel that declares no columns gets them all, or those to return.
        let mut declared = all(true);
        if !carried.is_empty() {
            let asked = |n: usize| carried.contains(&n) || partition == Some(n);
            declared.retain(|(_, origin)| matches!(origin, Origin::Column(n) if asked(*n)));
        }
        return Ok(Sources { declared, carried: Vec::new(), partition });
    }
    let mut found: Vec<Option<Origin>> = Vec::new();
    for declared in kernel.inputs {
        let bound = options.bind.iter().find(|(name, _)| declared.name.eq_ignore_ascii_case(name));
        let ambiguous =
            schema.fields().iter().filter(|field| field.name().eq_ignore_ascii_case(declared.name)).count()
                > 1;
        let column = match bound {
            Some((_, name)) => Some(column(schema, name)?),
            None if ambiguous || left_out(schema, declared.name).is_some() => {
                Some(column(schema, declared.name)?)
            }
            None => data::find(schema, declared.name).ok(),
        };
        found.push(column.map(Origin::Column));
    }
    let missing: Vec<usize> = (0..found.len()).filter(|n| found[*n].is_none()).collect();
    if !missing.is_empty()
        && options.bind.is_empty()
        && options.carry.is_empty()
        && schema.fields().len() == kernel.inputs.len()
    {
        for (place, declared) in kernel.inputs.iter().enumerate().filter(|_| missing.len() < found.len()) {
            let name = schema.field(place).name();
            if !name.eq_ignore_ascii_case(declared.name) {
                eprintln!("hart: {}: {} is column {name}, by its position", kernel.name, declared.name);
            }
        }
        return Ok(Sources { declared: all(false), carried, partition });
    }
    if let [only] = missing[..]
        && kernel.inputs[only].kind == Kind::Id
    {
        let taken: Vec<usize> = found
            .iter()
            .filter_map(|origin| match origin {
                Some(Origin::Column(column)) => Some(*column),
                _ => None,
            })
            .collect();
        found[only] = Some(id::choose(input, schema, &taken)?);
    }
    let missing: Vec<&str> = kernel
        .inputs
        .iter()
        .zip(&found)
        .filter(|(_, origin)| origin.is_none())
        .map(|(c, _)| c.name)
        .collect();
    if missing.is_empty() {
        let mut declared: Vec<(String, Origin)> = Vec::new();
        for (column, origin) in kernel.inputs.iter().zip(found.into_iter().flatten()) {
            declared.push((column.name.to_owned(), origin));
        }
        for optional in kernel.optional {
            let bound = options.bind.iter().find(|(name, _)| optional.name.eq_ignore_ascii_case(name));
            let there = match bound {
                Some((_, name)) => Some(column(schema, name)?),
                None => data::find(schema, optional.name).ok().filter(|place| partition != Some(*place)),
            };
            ensure!(
                there.is_none() || there != partition,
                "--bind {}: the rows are partitioned by this column",
                optional.name
            );
            declared.extend(there.map(|place| (optional.name.to_owned(), Origin::Column(place))));
        }
        return Ok(Sources { declared, carried, partition });
    }
    let found: Vec<String> =
        schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    bail!(
        "{} takes {}; no column for {} (use --bind {}=COLUMN); found {}",
        kernel.name,
        kernel.expected(),
        missing.join(", "),
        missing.first().unwrap_or(&""),
        found.join(", ")
    )
}

/// Element type of the vectors sent: the columns' own, if they have one.
fn element(
    kernel: &Kernel,
    schema: &SchemaRef,
    sources: &Sources,
    given: &[(String, String)],
) -> Result<Option<Element>> {
    let vectors =
        kernel.inputs.iter().zip(&sources.declared).filter(|(column, _)| column.kind == Kind::Vector);
    let mut out = value(given, "element").and_then(Element::parse);
    for (_, (_, origin)) in vectors {
        let Origin::Column(column) = origin else { continue };
        let field = schema.field(*column);
        if let Some(own) = vector_element(field.data_type()) {
            if out.is_some_and(|other| other != own) {
                let other = out.map_or("", Element::name);
                bail!(
                    "{}: column {} holds {} elements, not {other}; all vectors must have one type, which the column tells without --param element",
                    kernel.name,
                    field.name(),
                    own.name()
                );
            }
            out = Some(own);
        }
    }
    Ok(out)
}

/// Element type of the result's vectors.
fn result_element(kernel: &Kernel, input: Option<Element>, given: &[(String, String)]) -> Element {
    input.unwrap_or_default().of_result_as(given_or_default(kernel, given, "result_element"))
}

/// A parameter with a value.
pub fn param(name: &str, ctype: CType, value: Vec<u8>) -> ParamField {
    let size = ctype.fixed_size().map_or(LARGE_OBJECT, |s| s as u64);
    ParamField { name: name.into(), ctype, size, digits: 0, value: Some(value), output: false }
}

/// The parameters in the types that a T-SQL caller would declare. Values that do not fit a type go to the kernel as
/// text, so that its error message is shown.
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
            // In a text, `@@` at the start stands for `@`.
            Some(ParamKind::Binary | ParamKind::Vector | ParamKind::Text) if value.starts_with("@@") => {
                param(name, CType::Char, value.as_bytes()[1..].to_vec())
            }
            Some(kind @ (ParamKind::Binary | ParamKind::Vector | ParamKind::Text))
                if value.starts_with('@') =>
            {
                let file = &value[1..];
                let content = std::fs::read(file).with_context(|| format!("@{name}: cannot read {file}"))?;
                // A vector may also be text.
                let text = kind == ParamKind::Text
                    || kind == ParamKind::Vector && content.trim_ascii_start().starts_with(b"[");
                if kind == ParamKind::Text && std::str::from_utf8(&content).is_err() {
                    bail!("@{name}: {file} is no UTF-8 text");
                }
                param(name, if text { CType::Char } else { CType::Binary }, content)
            }
            _ => param(name, CType::Char, value.clone().into_bytes()),
        });
    }
    let takes_element = kernel.params.iter().any(|p| p.name == "element");
    if let Some(element) = element.filter(|_| takes_element && value(given, "element").is_none()) {
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

/// A chunk's result under the kernel's column names.
pub fn batch_of(kernel: &Kernel, chunk: &Chunk, element: Option<Element>) -> Result<RecordBatch> {
    let vectors = VectorShape { element: element.unwrap_or_default().of_result(), dimensions: None };
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for ((field, column), declared) in chunk.fields.iter().zip(&chunk.columns).zip(kernel.outputs) {
        let array = arrow_column(field, column, (declared.kind == Kind::Vector).then_some(vectors))?;
        fields.push(ArrowField::new(declared.name, array.data_type().clone(), true));
        columns.push(array);
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(chunk.rows));
    let batch = RecordBatch::try_new_with_options(Schema::new(fields).into(), columns, &options);
    batch.map_err(|e| anyhow!("the result's columns do not fit together: {e}"))
}

//! `hart search`: the rows of a file or of a query that are nearest to one of them.

use std::cmp::Ordering;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use clap::Args;
use hart_kernels::registry;
use hart_kernels::{Element, Metric};
use hart_sqlhost::columns::CType;

use crate::data;
use crate::engine::{EngineOptions, Request};
use crate::feed::{host_column, host_field, vector_element};
use crate::input::{Input, InputOptions};
use crate::run::{batch_of, column, is_integer, param};

/// Options of `hart search`.
#[derive(Args)]
pub struct SearchOptions {
    #[command(flatten)]
    input: InputOptions,
    /// The row to start from: the one whose COLUMN is VALUE. It is part of the result, at distance 0
    #[arg(long, value_name = "COLUMN=VALUE")]
    like: String,
    /// Rows wanted
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    k: u32,
    /// cosine = 1 − similarity, euclidean = unsquared, dot = negated dot product
    #[arg(long, default_value = "cosine", value_parser = clap::builder::PossibleValuesParser::new(Metric::NAMES))]
    metric: String,
    /// Column of vectors [default: the only one]
    #[arg(long, value_name = "COLUMN")]
    vectors: Option<String>,
    /// Column of ids [default: the first of whole numbers]
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: data::Style,
    #[command(flatten)]
    engine: EngineOptions,
}

/// Columns of the file that take part.
struct Plan {
    like: usize,
    vectors: usize,
    id: usize,
    /// Text columns, shown with every hit.
    texts: Vec<usize>,
    element: Element,
}

/// Finds the start row, then the nearest rows, then prints them.
pub fn search(options: SearchOptions) -> Result<()> {
    let (like, value) = options.like.split_once('=').context("--like takes COLUMN=VALUE")?;
    let input =
        options.input.input()?.context("which rows? Say --input FILE, or --server and --query SELECT")?;
    let mut reader = input.open()?;
    let schema = reader.schema().clone();
    let vectors = match &options.vectors {
        Some(name) => Some(name.clone()),
        // A VECTOR column of a query arrives as text.
        None => reader.next().transpose()?.and_then(|rows| json_column(&rows)),
    };
    // A query that is not read to its end holds its connection.
    drop(reader);
    let plan = plan(&schema, &options, vectors.as_deref(), like).with_context(|| input.to_string())?;
    let name = |column: usize| schema.field(column).name().clone();

    let start = find_start(&input, &name(plan.like), value, &name(plan.vectors))?;
    let mut columns = vec![plan.id, plan.vectors];
    columns.extend(&plan.texts);
    let fields = columns
        .iter()
        .enumerate()
        .map(|(n, &column)| {
            // Carried columns go without a name, lest one be taken for a declared column.
            let known_as = ["id", "v"].get(n).copied().unwrap_or("");
            host_field(known_as, schema.field(column).data_type(), false)
        })
        .collect::<Result<Vec<_>>>()?;
    let params = vec![
        param("query", if fields[1].ctype == CType::Binary { CType::Binary } else { CType::Char }, start),
        param("k", CType::Int, options.k.to_le_bytes().to_vec()),
        param("metric", CType::Char, options.metric.clone().into_bytes()),
        param("element", CType::Char, plan.element.name().into()),
        param("r_rowsPerRead", CType::Int, (data::BATCH_ROWS as i32).to_le_bytes().to_vec()),
    ];
    let kernel = registry::find("vector_top_k")?;
    let names: Vec<String> = columns.iter().map(|&c| name(c)).collect();
    let carried: Vec<String> = plan.texts.iter().map(|&c| name(c)).collect();
    let reader = input.open()?;
    let bar = crate::progress(reader.rows());
    let rows = reader.only(&names)?;
    let request = Request { script: kernel.name.into(), fields, params };
    let best = options.engine.run(request, |execute| {
        // Each chunk gives its own best; only the best of all are kept.
        let mut best: Option<RecordBatch> = None;
        let mut done = 0;
        for batch in rows {
            let batch = batch?;
            let host: Vec<_> = names
                .iter()
                .zip(batch.columns())
                .map(|(n, a)| host_column(n, a, done))
                .collect::<Result<_>>()?;
            let found = batch_of(kernel, &execute(batch.num_rows(), &host)?, Some(plan.element), &carried)?;
            best = Some(match best {
                None => found,
                Some(best) => merge(&best, &found, options.k as usize)?,
            });
            done += batch.num_rows();
            bar.inc(batch.num_rows() as u64);
        }
        Ok(best)
    })?;
    bar.finish_and_clear();
    let best = best.with_context(|| format!("{input} has no rows"))?;
    let ranked = ranked(&best)?;
    data::print(options.format, &ranked.schema(), [Ok(ranked.clone())])?;
    Ok(())
}

/// The columns that were named, or the ones whose type leaves no choice.
fn plan(schema: &SchemaRef, options: &SearchOptions, vectors: Option<&str>, like: &str) -> Result<Plan> {
    let fields = schema.fields();
    let like = column(schema, like)?;
    let (vectors, element) = vectors_of(schema, vectors)?;
    let id = match &options.id {
        Some(name) => column(schema, name)?,
        None => (0..fields.len())
            .find(|&c| is_integer(fields[c].data_type()))
            .context("no column of whole numbers to use as id; say --id COLUMN")?,
    };
    ensure!(
        is_integer(fields[id].data_type()),
        "column {} has type {}; an id is a whole number, because equal distances are ordered by it",
        fields[id].name(),
        fields[id].data_type()
    );
    let texts =
        (0..fields.len()).filter(|&c| is_text(fields[c].data_type()) && c != vectors && c != id).collect();
    Ok(Plan { like, vectors, id, texts, element })
}

/// The column of vectors, named or the only one, and the type of their elements.
pub fn vectors_of(schema: &SchemaRef, named: Option<&str>) -> Result<(usize, Element)> {
    let fields = schema.fields();
    let names = |columns: &[usize]| {
        let names: Vec<&str> = columns.iter().map(|&c| fields[c].name().as_str()).collect();
        if names.is_empty() { "none".to_string() } else { names.join(", ") }
    };
    let vectors = match named {
        Some(name) => column(schema, name)?,
        None => {
            let lists: Vec<usize> =
                (0..fields.len()).filter(|&c| vector_element(fields[c].data_type()).is_some()).collect();
            let binaries: Vec<usize> = (0..fields.len())
                .filter(|&c| matches!(fields[c].data_type(), DataType::Binary | DataType::LargeBinary))
                .collect();
            let candidates = if lists.is_empty() { binaries } else { lists };
            let texts: Vec<usize> = (0..fields.len()).filter(|&c| is_text(fields[c].data_type())).collect();
            let text = if candidates.is_empty() && !texts.is_empty() {
                format!(", or one of JSON arrays among {}", names(&texts))
            } else {
                String::new()
            };
            ensure!(
                candidates.len() == 1,
                "which column holds the vectors? Say --vectors COLUMN; candidates: {}{text}",
                names(&candidates)
            );
            candidates[0]
        }
    };
    let data_type = fields[vectors].data_type();
    let element = match vector_element(data_type) {
        Some(element) => element,
        None if is_text(data_type) || matches!(data_type, DataType::Binary | DataType::LargeBinary) => {
            Element::F32
        }
        None => bail!(
            "column {} has type {data_type}; vectors are lists of numbers, binary, or JSON text",
            fields[vectors].name()
        ),
    };
    Ok((vectors, element))
}

/// The name of the only text column whose first values are JSON arrays of numbers, where no other column can hold vectors.
fn json_column(rows: &RecordBatch) -> Option<String> {
    /// Values that are looked at.
    const FIRST: usize = 10;
    let schema = rows.schema();
    let holds_vectors =
        |t: &DataType| vector_element(t).is_some() || matches!(t, DataType::Binary | DataType::LargeBinary);
    if schema.fields().iter().any(|f| holds_vectors(f.data_type())) {
        return None;
    }
    let is_json = |column: &ArrayRef| {
        let Ok(texts) = cast(column, &DataType::Utf8) else { return false };
        let texts: &StringArray = texts.as_string();
        let mut first = texts.iter().flatten().take(FIRST).peekable();
        first.peek().is_some() && first.all(|t| hart_kernels::text::parse_singles(t.as_bytes()).is_ok())
    };
    let mut found = schema
        .fields()
        .iter()
        .zip(rows.columns())
        .filter(|(field, column)| is_text(field.data_type()) && is_json(column))
        .map(|(field, _)| field.name().clone());
    let name = found.next()?;
    found.next().is_none().then_some(name)
}

pub fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The vector of the row whose `column` is `value`.
fn find_start(input: &Input, column: &str, value: &str, vectors_name: &str) -> Result<Vec<u8>> {
    let mut wanted = vec![column.to_string()];
    if column != vectors_name {
        wanted.push(vectors_name.to_string());
    }
    let mut found: Option<(usize, Vec<u8>)> = None;
    let mut others: Vec<String> = Vec::new();
    let (mut matches, mut before) = (0usize, 0usize);
    for batch in input.open()?.only(&wanted)? {
        let batch = batch?;
        let texts = cast(batch.column(0), &DataType::Utf8)
            .with_context(|| format!("column {column} cannot be compared with a text"))?;
        let texts: &StringArray = texts.as_string();
        for i in 0..batch.num_rows() {
            if texts.is_null(i) {
                continue;
            }
            if texts.value(i) == value {
                matches += 1;
                if found.is_none() {
                    let vectors = batch.column(wanted.len() - 1).slice(i, 1);
                    let row = before + i + 1;
                    ensure!(!vectors.is_null(0), "row {row}, where {column} = {value}, has no vector");
                    found = Some((row, host_column(vectors_name, &vectors, row - 1)?.bytes));
                }
            } else if others.len() < 3 && texts.value(i).to_lowercase().contains(&value.to_lowercase()) {
                others.push(texts.value(i).to_string());
            }
        }
        before += batch.num_rows();
    }
    let Some((row, vector)) = found else {
        let hint =
            if others.is_empty() { String::new() } else { format!("; there is {}", others.join(", ")) };
        bail!("{input}: no row where {column} = {value}{hint}");
    };
    if matches > 1 {
        eprintln!("hart: {matches} rows have {column} = {value}; starting from the first, row {row}");
    }
    Ok(vector)
}

/// The best `k` rows of two results, in the order that `vector_top_k` gives: distance, NULL last, then id.
fn merge(a: &RecordBatch, b: &RecordBatch, k: usize) -> Result<RecordBatch> {
    let all = concat_batches(&a.schema(), [a, b])?;
    let distance = column_of(&all, "distance", &DataType::Float64)?;
    let distance = distance.as_primitive::<Float64Type>();
    let id = column_of(&all, "id", &DataType::Int64)?;
    let id = id.as_primitive::<Int64Type>();
    let key = |i: usize| (distance.is_null(i), distance.value(i), id.is_null(i), id.value(i));
    let mut order: Vec<u32> = (0..u32::try_from(all.num_rows())?).collect();
    order.sort_by(|&x, &y| {
        let (x, y) = (key(x as usize), key(y as usize));
        let by_distance = || if x.0 { Ordering::Equal } else { x.1.total_cmp(&y.1) };
        x.0.cmp(&y.0).then_with(by_distance).then((x.2, x.3).cmp(&(y.2, y.3)))
    });
    order.truncate(k);
    Ok(take_record_batch(&all, &UInt32Array::from(order))?)
}

fn column_of(batch: &RecordBatch, name: &str, data_type: &DataType) -> Result<ArrayRef> {
    let column = batch.column_by_name(name).with_context(|| format!("the result has no column {name}"))?;
    Ok(cast(column, data_type)?)
}

/// Rank, id, distance and the carried columns: what a reader wants, without the number of the one query.
fn ranked(best: &RecordBatch) -> Result<RecordBatch> {
    let rank: ArrayRef = Arc::new(Int32Array::from_iter_values(1..=i32::try_from(best.num_rows())?));
    let mut fields = vec![ArrowField::new("rank", DataType::Int32, false)];
    let mut columns = vec![rank];
    for (field, column) in best.schema().fields().iter().zip(best.columns()) {
        if field.name() != "query" && field.name() != "rank" {
            fields.push(field.as_ref().clone());
            columns.push(column.clone());
        }
    }
    Ok(RecordBatch::try_new(Schema::new(fields).into(), columns)?)
}

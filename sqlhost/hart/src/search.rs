//! `hart search`: the rows of a file or query that are nearest to one of them.

use anyhow::{Context, Result, bail, ensure};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema, SchemaRef};
use clap::Args;
use hart_kernels::registry;
use hart_kernels::{Element, Metric};
use hart_sqlhost::columns::CType;

use crate::best::Best;
use crate::call::{Call, Origin, Plan as CallPlan, Rows};
use crate::data::{self, Wanted, cell, types};
use crate::engine::{EngineOptions, Request};
use crate::feed::{
    Column, VectorShape, append, empty_column, host_field, is_of_floats, json_of, vector_element,
};
use crate::id;
use crate::input::{Input, InputOptions};
use crate::run::{column, param};

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
    /// Column of ids [default: the one named id, else the only one of whole numbers if they are unique, else the rows' numbers]
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: data::Style,
    #[command(flatten)]
    engine: EngineOptions,
}

/// The file's columns in use.
struct Plan {
    like: usize,
    vectors: usize,
    id: Origin,
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
        Some(name) => Some(column(&schema, name).with_context(|| input.to_string())?),
        // A VECTOR column of a query arrives as text.
        None => reader.next().transpose()?.and_then(|rows| json_column(&rows)),
    };
    // A query that is not read to its end blocks its connection.
    drop(reader);
    let plan = plan(&input, &schema, &options, vectors, like).with_context(|| input.to_string())?;
    let start = find_start(&input, &schema, plan.like, value, plan.vectors)?;

    let kernel = registry::find("vector_top_k")?;
    let mut wanted = vec![Wanted::Typed(plan.vectors)];
    let id = match plan.id {
        Origin::Column(column) => {
            // Ids that are not whole numbers are shown as written.
            let whole = types::is_integer(schema.field(column).data_type());
            wanted.push(if whole { Wanted::Typed(column) } else { Wanted::AsIs(column) });
            Origin::Column(1)
        }
        rows => rows,
    };
    let mut declared = vec![("id".to_owned(), id), ("v".to_owned(), Origin::Column(0))];
    for optional in kernel.optional {
        if let Ok(column) = data::find(&schema, optional.name) {
            declared.push((optional.name.to_owned(), Origin::Column(wanted.len())));
            wanted.push(Wanted::Typed(column));
        }
    }
    let carried: Vec<usize> = (wanted.len()..wanted.len() + plan.texts.len()).collect();
    wanted.extend(plan.texts.iter().map(|&column| Wanted::AsIs(column)));
    let reader = input.open()?;
    let bar = crate::progress::of_rows(reader.rows());
    let rows = reader.only(&wanted)?;
    let call = Call::new(
        kernel,
        rows.schema(),
        &CallPlan {
            declared: &declared,
            partition: None,
            carried: &carried,
            // There is only one query.
            hidden: &["query"],
            vectors: VectorShape { element: plan.element, dimensions: None },
        },
    )?;
    let packed = call.fields[1].ctype == CType::Binary;
    let params = vec![
        param("query", if packed { CType::Binary } else { CType::Char }, start),
        param("k", CType::Int, options.k.to_le_bytes().to_vec()),
        param("metric", CType::Char, options.metric.clone().into_bytes()),
        param("element", CType::Char, plan.element.name().into()),
        param("r_rowsPerRead", CType::Int, (data::BATCH_ROWS as i32).to_le_bytes().to_vec()),
    ];
    let request = Request { script: kernel.name.into(), fields: call.fields.clone(), params };
    let best = options.engine.run(request, |execute| {
        // Each chunk returns its own best rows; only the best of all are kept.
        let mut best: Option<Best> = None;
        let mut done = 0;
        for batch in rows {
            let batch = batch?;
            let mut host = call.start();
            call.feed(&batch, done, 0, 0, &mut host)?;
            let chunk = execute(batch.num_rows(), &host)?;
            let count = batch.num_rows();
            let found = call.result(&chunk, &Rows::of(batch), done)?;
            best.get_or_insert_with(|| Best::new(options.k as usize)).add(&found, call.keys(&chunk)?)?;
            done += count;
            bar.inc(count as u64);
        }
        best.map(|best| best.finish()).transpose()
    })?;
    bar.finish_and_clear();
    let best = best.with_context(|| format!("{input} has no rows"))?;
    // Omits the number of the single query.
    let shown: Vec<usize> = (1..best.num_columns()).collect();
    let best = best.project(&shown)?;
    data::print(options.format, &best.schema(), [Ok(best.clone())])?;
    Ok(())
}

/// The named columns, or those whose type leaves no choice.
fn plan(
    input: &Input,
    schema: &SchemaRef,
    options: &SearchOptions,
    vectors: Option<usize>,
    like: &str,
) -> Result<Plan> {
    let fields = schema.fields();
    let like = column(schema, like)?;
    let (vectors, element) = vectors_of(schema, vectors)?;
    let id = match &options.id {
        Some(name) => Origin::Column(column(schema, name)?),
        None => id::choose(input, schema, &[vectors])?,
    };
    let texts = (0..fields.len())
        .filter(|&c| types::is_text(fields[c].data_type()) && c != vectors && id != Origin::Column(c))
        .collect();
    Ok(Plan { like, vectors, id, texts, element })
}

/// The vector column, named or the only one, and its element type.
pub fn vectors_of(schema: &Schema, named: Option<usize>) -> Result<(usize, Element)> {
    let fields = schema.fields();
    let names = |columns: &[usize]| {
        let names: Vec<&str> = columns.iter().map(|&c| fields[c].name().as_str()).collect();
        if names.is_empty() { "none".to_string() } else { names.join(", ") }
    };
    let vectors = match named {
        Some(column) => column,
        None => {
            let of = |fits: &dyn Fn(&DataType) -> bool| -> Vec<usize> {
                (0..fields.len()).filter(|&c| fits(fields[c].data_type())).collect()
            };
            // Lists of whole numbers may be anything, so they count only if nothing else does.
            let kinds = [of(&is_of_floats), of(&|t| vector_element(t).is_some()), of(&types::is_binary)];
            let candidates = kinds.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
            let texts = of(&types::is_text);
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
        None if types::is_text(data_type) || types::is_binary(data_type) => Element::F32,
        None => bail!(
            "column {} has type {data_type}; vectors are lists of numbers, binary, or JSON text",
            fields[vectors].name()
        ),
    };
    Ok((vectors, element))
}

/// The only text column whose first values are vectors, if no other column can hold them.
pub fn json_column(rows: &RecordBatch) -> Option<usize> {
    /// Number of values examined.
    const FIRST: usize = 10;
    let schema = rows.schema();
    let holds_vectors = |t: &DataType| vector_element(t).is_some() || types::is_binary(t);
    if schema.fields().iter().any(|f| holds_vectors(f.data_type())) {
        return None;
    }
    let is_json = |column: &ArrayRef| {
        let Ok(column) = types::plain(column) else { return false };
        let there = (0..column.len()).filter(|row| !cell::is_null(&column, *row));
        let mut first = there.take(FIRST).filter_map(|row| cell::text(&column, row).ok()).peekable();
        first.peek().is_some()
            && first.all(|t| hart_kernels::text::parse_singles(json_of(&t).as_bytes()).is_ok())
    };
    let fields = schema.fields().iter().zip(rows.columns()).enumerate();
    let mut found = fields
        .filter(|(_, (field, column))| types::is_text(field.data_type()) && is_json(column))
        .map(|(number, _)| number);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The vector of the row whose `column` is `value`.
fn find_start(
    input: &Input,
    schema: &SchemaRef,
    column: usize,
    value: &str,
    vectors: usize,
) -> Result<Vec<u8>> {
    let (name, vectors_name) = (schema.field(column).name(), schema.field(vectors).name());
    let ctype = host_field(vectors_name, schema.field(vectors).data_type(), false)?.ctype;
    let mut found: Option<(usize, Vec<u8>)> = None;
    let mut others: Vec<String> = Vec::new();
    let (mut matches, mut before) = (0usize, 0usize);
    for batch in input.open()?.only(&[Wanted::AsIs(column), Wanted::Typed(vectors)])? {
        let batch = batch?;
        let values = types::plain(batch.column(0))?;
        for i in 0..batch.num_rows() {
            if cell::is_null(&values, i) {
                continue;
            }
            let row = before + i + 1;
            let text = cell::text(&values, i)
                .with_context(|| format!("column {name}, row {row}: it cannot be compared with a text"))?;
            if text == value {
                matches += 1;
                if found.is_none() {
                    let vector = batch.column(1).slice(i, 1);
                    ensure!(!cell::is_null(&vector, 0), "row {row}, where {name} = {value}, has no vector");
                    let mut out = empty_column(ctype);
                    append(
                        &Column {
                            name: vectors_name,
                            kind: Some(registry::Kind::Vector),
                            before: row - 1,
                            beside: 0,
                        },
                        &vector,
                        &mut out,
                    )?;
                    found = Some((row, out.bytes));
                }
            } else if others.len() < 3 && text.to_lowercase().contains(&value.to_lowercase()) {
                others.push(text);
            }
        }
        before += batch.num_rows();
    }
    let Some((row, vector)) = found else {
        let hint =
            if others.is_empty() { String::new() } else { format!("; there is {}", others.join(", ")) };
        bail!("{input}: no row where {name} = {value}{hint}");
    };
    if matches > 1 {
        eprintln!("hart: {matches} rows have {name} = {value}; starting from the first, row {row}");
    }
    Ok(vector)
}

//! `hart recall`: the share of true neighbours that a search through space keeps, per basis and order.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use clap::Args;
use hart_kernels::Metric;
use hart_sqlhost::columns::CType;

use super::basis::{Choice, FitOptions, Kind, choice};
use super::{Source, Vectors, numbers, whole, word};
use crate::data::{self, Format, ReadOptions};
use crate::engine::EngineOptions;
use crate::plot::{self, COLOURS, Colour, GREY, Marks, Plot};
use crate::run::param;

/// Default numbers of axes, as far as the vectors have that many dimensions.
const AXES: [u64; 4] = [3, 8, 16, 64];
/// Orders in which candidates are picked, and their names in the picture.
const ORDERS: [(&str, &str); 5] = [
    ("bound", "order bound: by the proven bound"),
    ("axes", "order axes: by distance on all axes"),
    ("xyz", "order xyz: by distance on three axes"),
    ("xy", "order xy: by distance on two, as STDistance"),
    ("cells", "order cells: by cells, then on all axes"),
];

/// Options of `hart recall`.
#[derive(Args)]
#[command(after_help = "\
Candidates are the rows that space picks and whose exact distances are computed then. The table says for each basis and each \
order of picking them which share of the true neighbours is among the first N (recall_N), and how many candidates it takes for \
90, 95, 99 and 100 % of them (need_…). For the proven order, left is the number of rows that its bound cannot exclude, and \
proven the number that the search without any loss examines, starting with as many candidates as neighbours, both on average. The order cells is that of a search in stages: the \
nearest by the cells of x, y and z, and of those the nearest on all axes.")]
pub struct RecallOptions {
    /// Rows with vectors: .parquet, .arrow, .csv, .npy or .npz, a folder of such files, or - for standard input
    file: PathBuf,
    /// Vectors to search for: those of another file
    #[arg(long, value_name = "FILE", conflicts_with = "held_out")]
    queries: Option<PathBuf>,
    /// Vectors to search for: so many evenly spaced rows of the file itself, which are no candidates then
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    held_out: u32,
    /// True neighbours of each query
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    k: u32,
    /// What true neighbours are nearest by
    #[arg(long, default_value = "cosine", value_parser = clap::builder::PossibleValuesParser::new(Metric::NAMES))]
    metric: String,
    /// Basis to measure: a kind, or a file that `hart project --save-basis` wrote; several with commas [default: all kinds that fit
    /// the vectors]
    #[arg(long, value_name = "BASIS", value_parser = choice, value_delimiter = ',')]
    basis: Vec<Choice>,
    /// Number of axes to measure each basis with; several with commas [default: 3,8,16,64]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=1024))]
    axes: Vec<u64>,
    /// Rows that the cells leave in the order cells, or as many as there are candidates where that is more [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    coarse: Option<u32>,
    /// Edge of the cells [default: a sixteenth of the widest extent of x, y and z]
    #[arg(long, value_name = "LENGTH")]
    cell: Option<f64>,
    /// Column of vectors [default: the only one]
    #[arg(long, value_name = "COLUMN")]
    vectors: Option<String>,
    /// Write a picture of the recall against the number of candidates
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Write all that was measured, one row a number of candidates: .parquet, .arrow, .csv or .json
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Format of the table on standard output
    #[arg(long, value_enum, default_value = "table")]
    format: data::Style,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    fit: FitOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

/// The measurements of one basis.
struct Measured {
    basis: String,
    axes: usize,
    variance: Option<f64>,
    /// The kernel's result.
    lines: RecordBatch,
}

/// Measures every basis and shows the result.
pub fn recall(options: &RecallOptions) -> Result<()> {
    let inputs = || options.queries.iter().chain([&options.file]).map(|path| path.as_path());
    if let Some(path) = &options.svg {
        plot::check(path)?;
        data::apart(path, "--svg", inputs())?;
    }
    if let Some(path) = &options.output {
        data::check(path, "--output")?;
        data::apart(path, "--output", inputs().chain(options.svg.as_deref()))?;
        Format::of(path)?;
    }
    if !options.basis.is_empty() {
        options.fit.check(&options.basis, !options.axes.is_empty())?;
    }
    let (rows, queries) = vectors(options)?;
    let jobs = jobs(options, &rows)?;
    let queries_at = options.queries.as_ref().unwrap_or(&options.file).display();
    let query = queries.bytes().with_context(|| {
        format!("{queries_at}: the vectors to search for must all be there and have one dimension")
    })?;
    let bar = crate::progress::of_rows(Some((rows.len() * jobs.len()) as u64));
    let mut measured = Vec::with_capacity(jobs.len());
    for (choice, axes) in jobs {
        let basis = options.fit.basis(&options.engine, &rows, &choice, axes)?;
        let mut params = vec![
            param("query", CType::Binary, query.to_vec()),
            whole("query_count", queries.len() as u64),
            whole("k", options.k.into()),
            word("metric", &options.metric),
            param("basis", CType::Binary, basis.bytes),
            word("pad", options.fit.padding()),
        ];
        params.extend(options.coarse.map(|rows| whole("coarse_candidates", rows.into())));
        params.extend(options.cell.map(|edge| param("cell", CType::Double, edge.to_le_bytes().to_vec())));
        let lines = rows.call(&options.engine, "spatial_recall", params)?;
        bar.inc(rows.len() as u64);
        measured.push(Measured { basis: choice.name(), axes: basis.axes, variance: basis.variance, lines });
    }
    bar.finish_and_clear();
    if let Some(path) = &options.output {
        let all = all(&measured)?;
        data::write(path, &all.schema(), [Ok(all.clone())])?;
    }
    if let Some(path) = &options.svg {
        picture(path, &measured, options)?;
    }
    let summary = summary(&measured)?;
    data::print(options.format, &summary.schema(), [Ok(summary.clone())])?;
    Ok(())
}

/// The rows to search, and the queries.
fn vectors(options: &RecallOptions) -> Result<(Vectors, Vectors)> {
    let read = |path| Source::open(path, &options.read, options.vectors.as_deref())?.whole();
    let rows = read(&options.file)?;
    if let Some(path) = &options.queries {
        return Ok((rows, read(path)?));
    }
    let (present, count) = (rows.present(), options.held_out as usize);
    ensure!(
        present > count,
        "{}: {present} rows have a vector, so that --held-out {count} leaves none to search",
        options.file.display(),
    );
    rows.split(|n| (n + 1) * count / present > n * count / present)
}

/// Each basis with each number of axes.
fn jobs(options: &RecallOptions, rows: &Vectors) -> Result<Vec<(Choice, u64)>> {
    let (dimension, there) = (rows.dimension(), rows.present());
    ensure!(there > 0, "{}: no row has a vector", options.file.display());
    let mut choices = options.basis.clone();
    if choices.is_empty() {
        choices = [Kind::Pca, Kind::Random, Kind::Landmarks, Kind::Trilateration].map(Choice::Kind).into();
        if options.fit.suits_clr(dimension) {
            choices.push(Choice::Kind(Kind::ClrV1));
        }
    }
    let mut axes = options.axes.clone();
    if axes.is_empty() {
        let most = dimension.min(there) as u64;
        axes.extend(AXES.iter().filter(|axes| **axes <= most));
        if axes.is_empty() {
            axes.push(most);
        }
    }
    let mut jobs = Vec::new();
    for choice in choices {
        if choice.has_axes_to_choose() {
            jobs.extend(axes.iter().map(|axes| (choice.clone(), *axes)));
        } else {
            if !options.axes.is_empty() && !options.basis.is_empty() {
                eprintln!("hart: {}: its own number of axes, whatever --axes says", choice.name());
            }
            jobs.push((choice, 3));
        }
    }
    Ok(jobs)
}

/// All lines of all bases.
fn all(measured: &[Measured]) -> Result<RecordBatch> {
    let mut batches = Vec::with_capacity(measured.len());
    for one in measured {
        let rows = one.lines.num_rows();
        let mut fields = vec![
            Field::new("basis", DataType::Utf8, true),
            Field::new("axes", DataType::Int32, true),
            Field::new("variance", DataType::Float64, true),
        ];
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![one.basis.as_str(); rows])),
            Arc::new(Int32Array::from(vec![i32::try_from(one.axes)?; rows])),
            Arc::new(Float64Array::from(vec![one.variance; rows])),
        ];
        fields.extend(one.lines.schema().fields().iter().map(|field| field.as_ref().clone()));
        columns.extend(one.lines.columns().iter().cloned());
        batches.push(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?);
    }
    let schema = batches.first().context("nothing was measured")?.schema();
    Ok(concat_batches(&schema, &batches)?)
}

/// The candidates and the recall of each line of an order.
fn lines<'a>(lines: &'a RecordBatch, order: &str) -> Result<Vec<(&'a str, f64, f64)>> {
    let texts = |name: &str| {
        let column = lines.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        column.with_context(|| format!("the result has no column {name}"))
    };
    let (orders, measures) = (texts("order")?, texts("measure")?);
    let candidates = numbers::<Float64Type>(lines, "candidates")?;
    let recall = numbers::<Float64Type>(lines, "recall")?;
    let rows = (0..lines.num_rows()).filter(|row| orders.value(*row) == order);
    Ok(rows.map(|row| (measures.value(row), candidates.value(row), recall.value(row))).collect())
}

/// One line per basis and order: recalls rounded to four places, row counts rounded to whole numbers.
fn summary(measured: &[Measured]) -> Result<RecordBatch> {
    let (mut bases, mut axes, mut variances, mut orders) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut found = Vec::new();
    for one in measured {
        for (order, _) in ORDERS {
            let lines = lines(&one.lines, order)?;
            if !lines.is_empty() {
                bases.push(one.basis.as_str());
                axes.push(i32::try_from(one.axes)?);
                variances.push(one.variance.map(rounded));
                orders.push(order);
                found.push(lines);
            }
        }
    }
    let mut fields = vec![
        Field::new("basis", DataType::Utf8, true),
        Field::new("axes", DataType::Int32, true),
        Field::new("variance", DataType::Float64, true),
        Field::new("order", DataType::Utf8, true),
    ];
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(bases)),
        Arc::new(Int32Array::from(axes)),
        Arc::new(Float64Array::from(variances)),
        Arc::new(StringArray::from(orders)),
    ];
    let steps = found.first().map(|lines| steps(lines)).unwrap_or_default();
    for step in steps {
        let of = |lines: &Vec<(&str, f64, f64)>| {
            lines
                .iter()
                .find(|(measure, n, _)| *measure == "recall" && *n == step)
                .map(|line| rounded(line.2))
        };
        fields.push(Field::new(format!("recall_{step}"), DataType::Float64, true));
        columns.push(Arc::new(found.iter().map(of).collect::<Float64Array>()));
    }
    for measure in ["need_90", "need_95", "need_99", "need_100", "left", "proven"] {
        let of = |lines: &Vec<(&str, f64, f64)>| {
            lines.iter().find(|line| line.0 == measure).map(|line| line.1.round() as i64)
        };
        fields.push(Field::new(measure, DataType::Int64, true));
        columns.push(Arc::new(found.iter().map(of).collect::<Int64Array>()));
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Candidate counts for the table: k and the powers of ten above it, without the count of all rows, which loses
/// nothing.
fn steps(lines: &[(&str, f64, f64)]) -> Vec<f64> {
    let steps: Vec<f64> = lines.iter().filter(|line| line.0 == "recall").map(|line| line.1).collect();
    let inner = steps.len().saturating_sub(1).max(1).min(steps.len());
    let power = |n: f64| 10f64.powf(n.log10().round()) == n;
    (0..inner).filter(|i| *i == 0 || power(steps[*i])).map(|i| steps[i]).collect()
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// One plot per order, with one curve per basis.
fn picture(path: &std::path::Path, measured: &[Measured], options: &RecallOptions) -> Result<()> {
    let colour = |n: usize| -> Colour { COLOURS.get(n).copied().unwrap_or_else(|| mixed(n, measured.len())) };
    let mut plots = Vec::new();
    for (order, title) in ORDERS {
        let mut curves = Vec::new();
        for (n, one) in measured.iter().enumerate() {
            let points: Vec<(f64, f64)> = lines(&one.lines, order)?
                .into_iter()
                .filter(|(measure, n, _)| *measure == "recall" && *n >= 1.0)
                .map(|(_, candidates, recall)| (candidates, recall))
                .collect();
            if !points.is_empty() {
                curves.push((colour(n), points));
            }
        }
        let ends = curves.iter().flat_map(|(_, points)| points).map(|(candidates, _)| *candidates);
        let (least, most) = ends.fold((f64::INFINITY, 2.0), |(a, b): (f64, f64), n| (a.min(n), b.max(n)));
        if curves.is_empty() {
            continue;
        }
        plots.push(Plot {
            title: title.into(),
            labels: ["candidates".into(), format!("recall of {} nearest", options.k)],
            x: least.min(most / 2.0)..most,
            y: 0.0..1.0,
            logarithmic: true,
            marks: Marks::Curves(curves),
        });
    }
    let name = |one: &Measured| format!("{}, {} axes", one.basis, one.axes);
    let legend: Vec<(Colour, String)> =
        measured.iter().enumerate().map(|(n, one)| (colour(n), name(one))).collect();
    plot::write(path, &plots, &legend)
}

/// A colour for curves beyond the list: around the circle of hues, darker than the list.
fn mixed(n: usize, count: usize) -> Colour {
    let turn = 6.0 * n as f64 / count.max(1) as f64;
    let part = |shift: f64| {
        let at = (turn + shift).rem_euclid(6.0);
        (170.0 * (2.0 - (at - 3.0).abs()).clamp(0.0, 1.0)) as u8
    };
    let colour = [part(3.0), part(1.0), part(5.0)];
    if colour == [0; 3] { GREY } else { colour }
}

//! `hart project`: the vectors of a file as points in space.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use clap::Args;
use hart_kernels::registry::{self, free_name};
use hart_sqlhost::columns::CType;

use super::basis::{Choice, FitOptions, choice};
use super::colours::Coloured;
use super::{Source, colours, numbers, word};
use crate::data::{self, Format, ReadOptions, Wanted};
use crate::engine::EngineOptions;
use crate::plot::{self, ASPECT, COLOURS, Marks, Plot};
use crate::run::{batch_of, param};

/// Axes of a fitted basis.
const AXES: u64 = 3;

/// Options of `hart project`.
#[derive(Args)]
pub struct ProjectOptions {
    /// Rows with vectors: .parquet, .arrow, .csv, .npy or .npz, a folder of such files, or - for standard input
    file: PathBuf,
    /// pca, random, landmarks or trilateration, fitted to the vectors; clr-v1; or a file that --save-basis wrote
    #[arg(long, value_name = "BASIS", value_parser = choice)]
    basis: Choice,
    /// Axes of the basis that is fitted; x, y and z are the first three [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    axes: Option<u64>,
    /// Write the points, with the other columns of the file, to a file: .parquet, .arrow, .csv or .json
    #[arg(long, value_name = "FILE", required_unless_present_any = ["svg", "save_basis"])]
    output: Option<PathBuf>,
    /// Write a picture of the points
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Colour the points of the picture by this column
    #[arg(long, value_name = "COLUMN", alias = "color", requires = "svg")]
    colour: Option<String>,
    /// Points in the picture at most: of more, evenly spaced ones
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..))]
    points: u32,
    /// Column of the file to keep; may be repeated [default: all but the vectors]
    #[arg(long, value_name = "COLUMN")]
    carry: Vec<String>,
    /// Write the basis, to project other rows the same way: here with --basis FILE, in SQL as @basis
    #[arg(long, value_name = "FILE")]
    save_basis: Option<PathBuf>,
    /// Column of vectors [default: the only one]
    #[arg(long, value_name = "COLUMN")]
    vectors: Option<String>,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    fit: FitOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

/// Fits or reads the basis, projects the rows as they are read, and writes the requested files.
pub fn project(options: &ProjectOptions) -> Result<()> {
    let inputs = || {
        let basis = match &options.basis {
            Choice::File(path) => Some(path.as_path()),
            Choice::Kind(_) => None,
        };
        [options.file.as_path()].into_iter().chain(basis)
    };
    if let Some(path) = &options.svg {
        plot::check(path)?;
        data::apart(path, "--svg", inputs())?;
    }
    if let Some(path) = &options.output {
        data::check(path, "--output")?;
        data::apart(path, "--output", inputs().chain(options.svg.as_deref()))?;
        Format::of(path)?;
    }
    if let Some(path) = &options.save_basis {
        data::check(path, "--save-basis")?;
        data::apart(
            path,
            "--save-basis",
            inputs().chain(options.svg.as_deref()).chain(options.output.as_deref()),
        )?;
    }
    options.fit.check(std::slice::from_ref(&options.basis), options.axes.is_some())?;
    let source = Source::open(&options.file, &options.read, options.vectors.as_deref())?;
    let kept = kept(options, &source)?;
    let colour = match &options.colour {
        Some(name) => {
            let column = find(options, &source, name)?;
            Some(colours::of(source.schema.field(column).name(), &source.other(column)?)?)
        }
        None => None,
    };
    let kept_schema = source.parts(&kept)?.rest()?;
    if let Some(path) = &options.output {
        data::writable(path, &kept_schema)?;
    }
    let axes = options.axes.unwrap_or(AXES);
    let basis = options.fit.basis_of_file(&options.engine, &source, &options.basis, axes)?;
    if let Some(variance) = basis.variance {
        let (name, share) = (options.basis.name(), variance * 100.0);
        eprintln!("hart: {name}: {} axes keep {share:.1} % of the variance", basis.axes);
    }
    let params = vec![param("basis", CType::Binary, basis.bytes.clone()), word("pad", options.fit.padding())];
    let kernel = registry::find("spatial_project")?;
    // The coordinates of all rows, for the picture.
    let mut shown: Vec<RecordBatch> = Vec::new();
    options.engine.run(source.request(kernel, params)?, |execute| {
        let mut parts = source.parts(&kept)?.map(|part| {
            let (host, rest) = part?;
            let points = batch_of(kernel, &execute(rest.num_rows(), &host)?, Some(source.element))?;
            if options.svg.is_some() {
                shown.push(points.project(&[1, 2, 3])?);
            }
            Ok((rest, points))
        });
        let Some(path) = &options.output else { return parts.try_for_each(|part: Result<_>| part.map(drop)) };
        let mut parts = parts.peekable();
        let schema = match parts.peek() {
            Some(Ok((_, points))) => schema(&kept_schema, points),
            // The iterator returns the error first.
            _ => kept_schema.clone(),
        };
        data::write(path, &schema, parts.map(|part| joined(part?, &schema)))?;
        Ok(())
    })?;
    if let Some(path) = &options.save_basis {
        data::whole(path, |file| {
            file.write_all(&basis.bytes).with_context(|| format!("cannot write {}", path.display()))
        })?;
    }
    if let Some(path) = &options.svg {
        let first = shown.first().context("there are no points")?;
        let points = concat_batches(&first.schema(), &shown)?;
        picture(path, &points, colour, options.points as usize, basis.axes < 3)?;
    }
    Ok(())
}

/// The position of the file's column with that name.
fn find(options: &ProjectOptions, source: &Source<'_>, name: &str) -> Result<usize> {
    data::find(&source.schema, name).map_err(|problem| anyhow!("{}: {problem}", options.file.display()))
}

/// The file's columns to keep, as written: those of the option, or all but the vectors.
fn kept(options: &ProjectOptions, source: &Source<'_>) -> Result<Vec<Wanted>> {
    let mut kept: Vec<usize> = Vec::new();
    for name in &options.carry {
        let column = find(options, source, name)?;
        if !kept.contains(&column) {
            kept.push(column);
        }
    }
    if kept.is_empty() {
        kept = (0..source.schema.fields().len()).filter(|column| *column != source.column).collect();
    }
    if options.output.is_none() {
        kept.clear();
    }
    Ok(kept.into_iter().map(Wanted::AsIs).collect())
}

/// The file's other columns, then the points' without the ids, which are row numbers. A column whose name one of the
/// points' columns has gets another name.
fn schema(kept: &Schema, points: &RecordBatch) -> SchemaRef {
    let results = points.schema();
    let results = &results.fields()[1..];
    let mut taken: Vec<String> = results.iter().map(|field| field.name().clone()).collect();
    let mut fields: Vec<Arc<Field>> = Vec::new();
    for field in kept.fields() {
        let name = free_name(field.name(), &taken);
        taken.push(name.clone());
        fields.push(Arc::new(field.as_ref().clone().with_name(name)));
    }
    fields.extend(results.iter().cloned());
    Arc::new(Schema::new(fields))
}

/// Rows of that table.
fn joined((rest, points): (RecordBatch, RecordBatch), schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = rest.columns().iter().chain(&points.columns()[1..]).cloned().collect();
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

/// Two plots: x and y, and x and z.
fn picture(
    path: &Path,
    points: &RecordBatch,
    colour: Option<Coloured>,
    most: usize,
    flat: bool,
) -> Result<()> {
    let axis = |name: &str| numbers::<Float64Type>(points, name);
    let (x, y, z) = (axis("x")?, axis("y")?, axis("z")?);
    let there: Vec<usize> = (0..points.num_rows()).filter(|row| x.is_valid(*row)).collect();
    let shown: Vec<usize> = if there.len() <= most {
        there.clone()
    } else {
        (0..most).map(|n| there[n * there.len() / most]).collect()
    };
    let of_row = |row: usize| colour.as_ref().map_or(COLOURS[0], |colour| colour.rows[row]);
    let all = if shown.len() < there.len() {
        format!(", {} of {} points", shown.len(), there.len())
    } else {
        String::new()
    };
    let plot = |title: &str, name: &str, other: &arrow_array::Float64Array| {
        // One scale for both axes, so that distances look as long as they are.
        let range = |values: &arrow_array::Float64Array| {
            let ends =
                |(a, b): (f64, f64), row: &usize| (a.min(values.value(*row)), b.max(values.value(*row)));
            shown.iter().fold((f64::INFINITY, f64::NEG_INFINITY), ends)
        };
        let (across, up) = (range(x), range(other));
        let length = (up.1 - up.0).max((across.1 - across.0) / ASPECT) * 1.04;
        let length = if length > 0.0 && length.is_finite() { length } else { 1.0 };
        let around = |(a, b): (f64, f64), length: f64| {
            let middle = a / 2.0 + b / 2.0;
            if middle.is_finite() { middle - length / 2.0..middle + length / 2.0 } else { 0.0..1.0 }
        };
        Plot {
            title: format!("{title}{all}"),
            labels: ["x".into(), name.into()],
            x: around(across, length * ASPECT),
            y: around(up, length),
            logarithmic: false,
            marks: Marks::Points(
                shown.iter().map(|row| (of_row(*row), (x.value(*row), other.value(*row)))).collect(),
            ),
        }
    };
    let mut plots = vec![plot("x and y", "y", y)];
    if !flat {
        plots.push(plot("x and z", "z", z));
    }
    plot::write(path, &plots, colour.as_ref().map_or(&[], |colour| &colour.legend))
}

//! `hart tensor compare`: two models, tensor by tensor.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{Shown, elements, matrix};
use anyhow::{Result, ensure};
use arrow_array::{ArrayRef, Float64Array, StringArray};
use clap::Args;
use hart_kernels::tensor::{Difference, error};

use super::Threads;
use super::source::Source;
use crate::data::Style;

/// Options of `hart tensor compare`.
#[derive(Args)]
pub struct CompareOptions {
    /// The model that errors are relative to: a model file, or a folder that `atomize` has written
    a: PathBuf,
    /// The other one
    b: PathBuf,
    /// Format on standard output
    #[arg(long, value_enum, default_value = "table")]
    format: Style,
    #[command(flatten)]
    threads: Threads,
}

/// A tensor in one of the two models, or in both.
struct Line<'a> {
    tensor: &'a str,
    shape: &'a [usize],
    status: String,
    difference: Option<Difference>,
}

/// Prints the distances between tensors of the same names.
pub fn run(options: &CompareOptions) -> Result<()> {
    let limit = options.threads.limit()?;
    let (a, b) = (Source::open(&options.a, limit)?, Source::open(&options.b, limit)?);
    let lines = options.threads.run(|| compare(&a, &b))?;
    let numbers = |of: &dyn Fn(&Difference) -> Option<f64>| -> ArrayRef {
        Arc::new(lines.iter().map(|line| line.difference.as_ref().and_then(of)).collect::<Float64Array>())
    };
    super::print(
        options.format,
        vec![
            ("tensor", Arc::new(StringArray::from_iter_values(lines.iter().map(|line| line.tensor)))),
            ("shape", super::shapes(lines.iter().map(|line| line.shape))),
            ("status", Arc::new(StringArray::from_iter_values(lines.iter().map(|line| &line.status)))),
            ("relative_error", numbers(&|d| Some(d.relative))),
            ("max_error", numbers(&|d| Some(d.largest))),
            ("cosine", numbers(&|d| d.cosine)),
        ],
    )
}

fn compare<'a>(a: &'a Source, b: &'a Source) -> Result<Vec<Line<'a>>> {
    let (of_a, of_b) = (a.tensors(), b.tensors());
    let numbers: HashMap<&str, usize> = of_b.iter().enumerate().map(|(n, (name, _))| (*name, n)).collect();
    let size = |shape: &[usize]| elements(shape).unwrap_or(usize::MAX);
    let bar = crate::progress::of_elements(
        of_a.iter().fold(0usize, |sum, (_, shape)| sum.saturating_add(size(shape))),
    );
    let mut both = vec![false; of_b.len()];
    let mut lines = Vec::new();
    for (n, (tensor, shape)) in of_a.into_iter().enumerate() {
        bar.set_message(Shown(tensor).to_string());
        let mut line = Line { tensor, shape, status: "only in A".into(), difference: None };
        if let Some(&other) = numbers.get(tensor) {
            both[other] = true;
            if of_b[other].1 != shape {
                line.status = format!("shape {:?} in B", of_b[other].1);
            } else if let Some(name) = a.undecoded(n).or(b.undecoded(other)) {
                line.status = format!("type {name}");
            } else {
                let (own, others) = (a.load(n)?, b.load(other)?);
                // The innermost dimensions combined, as in `atomize`.
                let columns = matrix(shape).1;
                let wrong = |side, values: &[f32]| {
                    let (value, row, column) = super::not_finite(values, columns)?;
                    Some(format!("{value} in {side}, row {row}, column {column}"))
                };
                if let Some(status) = wrong("A", &own).or(wrong("B", &others)) {
                    line.status = status;
                } else {
                    line.status = "compared".into();
                    line.difference = Some(error(&own, &others)?);
                }
            }
        }
        lines.push(line);
        bar.inc(size(shape) as u64);
    }
    bar.finish_and_clear();
    ensure!(both.contains(&true), "the two have no tensor of the same name");
    for ((tensor, shape), _) in of_b.into_iter().zip(both).filter(|(_, both)| !both) {
        lines.push(Line { tensor, shape, status: "only in B".into(), difference: None });
    }
    Ok(lines)
}

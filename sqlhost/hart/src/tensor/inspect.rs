//! `hart tensor inspect`: the tensors of a model file.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{ElementType, Model, Shown, Tensor};
use anyhow::{Context, Result};
use arrow_array::{ArrayRef, Float64Array, StringArray, UInt64Array};
use clap::Args;

use super::Threads;
use crate::data::Style;

/// Options of `hart tensor inspect`.
#[derive(Args)]
pub struct InspectOptions {
    /// Model file, safetensors or GGUF, told apart by its contents
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Read the elements too, for minimum, maximum, mean and deviation; integers and undecoded types have none
    #[arg(long)]
    statistics: bool,
    /// Format on standard output
    #[arg(long, value_enum, default_value = "table")]
    format: Style,
    #[command(flatten)]
    threads: Threads,
}

/// Prints the tensors in the order of the file.
pub fn run(options: &InspectOptions) -> Result<()> {
    let model = super::open(&options.model)?;
    let tensors = model.tensors();
    let numbers = |of: &dyn Fn(&Tensor) -> usize| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(tensors.iter().map(|t| of(t) as u64)))
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("name", Arc::new(StringArray::from_iter_values(tensors.iter().map(|t| &t.name)))),
        ("type", Arc::new(StringArray::from_iter_values(tensors.iter().map(|t| t.element_type.name())))),
        ("shape", super::shapes(tensors.iter().map(|t| &t.shape[..]))),
        ("bytes", numbers(&|t| t.bytes.len())),
        ("parameters", numbers(&Tensor::elements)),
    ];
    if options.statistics {
        let all = options.threads.run(|| statistics(&model));
        let all = all.with_context(|| options.model.display().to_string())?;
        let column = |of: &dyn Fn(&Statistics) -> f64| -> ArrayRef {
            Arc::new(all.iter().map(|s| s.as_ref().map(of)).collect::<Float64Array>())
        };
        columns.extend([
            ("min", column(&|s| s.min.into())),
            ("max", column(&|s| s.max.into())),
            ("mean", column(&|s| s.mean)),
            ("deviation", column(&|s| (s.squares / s.count).sqrt())),
        ]);
    }
    super::print(options.format, columns)
}

fn statistics(model: &Model) -> Result<Vec<Option<Statistics>>> {
    let bar = crate::progress::of_elements(model.tensors().iter().map(Tensor::elements).sum());
    let of = |tensor: &Tensor| -> Result<Option<Statistics>> {
        bar.set_message(Shown(&tensor.name).to_string());
        let mut out: Option<Statistics> = None;
        if let ElementType::Payload(_) = tensor.element_type {
            model.for_each_part(tensor, |part| {
                let part = Statistics::of(part);
                out = Some(match &out {
                    Some(before) => before.and(&part),
                    None => part,
                });
            })?;
        }
        bar.inc(tensor.elements() as u64);
        Ok(out)
    };
    let all = model.tensors().iter().map(of).collect();
    bar.finish_and_clear();
    all
}

/// Statistics of at least one element; all NaN if an element is NaN.
struct Statistics {
    count: f64,
    min: f32,
    max: f32,
    mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
}

impl Statistics {
    fn of(elements: &[f32]) -> Statistics {
        let count = elements.len() as f64;
        let sum: f64 = elements.iter().map(|v| f64::from(*v)).sum();
        let mean = sum / count;
        let squares = elements.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum();
        let fold = |pick: fn(f32, f32) -> f32, none| elements.iter().copied().fold(none, keep_nan(pick));
        Statistics {
            count,
            min: fold(f32::min, f32::INFINITY),
            max: fold(f32::max, f32::NEG_INFINITY),
            mean,
            squares,
        }
    }

    /// The statistics of both together: Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm for
    /// computing sample variances".
    fn and(&self, other: &Statistics) -> Statistics {
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        Statistics {
            count,
            min: keep_nan(f32::min)(self.min, other.min),
            max: keep_nan(f32::max)(self.max, other.max),
            mean: self.mean + distance * (other.count / count),
            squares: self.squares + other.squares + distance * distance * (self.count * other.count / count),
        }
    }
}

fn keep_nan(pick: fn(f32, f32) -> f32) -> impl Fn(f32, f32) -> f32 {
    move |a, b| {
        if a.is_nan() {
            a
        } else if b.is_nan() {
            b
        } else {
            pick(a, b)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_together_are_the_whole() {
        let values: Vec<f32> = (0..1000).map(|i| 1e4 + ((i * 37) % 101) as f32 / 8.0).collect();
        let whole = Statistics::of(&values);
        let parts = values.chunks(7).map(Statistics::of).reduce(|a, b| a.and(&b)).unwrap();
        assert_eq!((whole.min, whole.max, whole.count), (parts.min, parts.max, parts.count));
        assert!((whole.mean - parts.mean).abs() < 1e-9 && (whole.squares - parts.squares).abs() < 1e-6);
        // By hand: 1, 2, 3, 4 has the mean 2.5 and squares 5.
        let small = Statistics::of(&[1.0, 4.0]).and(&Statistics::of(&[3.0, 2.0]));
        assert_eq!((small.min, small.max, small.mean, small.squares), (1.0, 4.0, 2.5, 5.0));
        let nan = Statistics::of(&[1.0, f32::NAN]).and(&Statistics::of(&[3.0]));
        assert!(nan.min.is_nan() && nan.max.is_nan() && nan.mean.is_nan() && nan.squares.is_nan());
    }
}

//! The basis that is asked for, fitted to the vectors of a file or read from one.

use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use clap::ValueEnum;

use super::{Vectors, numbers, whole, word};
use crate::engine::EngineOptions;

/// Where axes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Principal axes of the vectors
    Pca,
    /// Random axes
    Random,
    /// Vectors far from each other, orthonormalized
    Landmarks,
    /// No axes: distances from vectors far from each other
    Trilateration,
    /// The three axes for 1998 dimensions of the replaced assembly
    ClrV1,
}

impl Kind {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Pca => "pca",
            Kind::Random => "random",
            Kind::Landmarks => "landmarks",
            Kind::Trilateration => "trilateration",
            Kind::ClrV1 => "clr-v1",
        }
    }
}

/// A kind, or a file with a basis.
#[derive(Clone, Debug)]
pub enum Choice {
    Kind(Kind),
    File(PathBuf),
}

/// What the command line says: the name of a kind, else of a file.
pub fn choice(text: &str) -> Result<Choice, String> {
    if let Ok(kind) = Kind::from_str(text, true) {
        return Ok(Choice::Kind(kind));
    }
    let path = PathBuf::from(text);
    let kinds: Vec<&str> = Kind::value_variants().iter().map(|kind| kind.name()).collect();
    if path.is_file() {
        Ok(Choice::File(path))
    } else {
        Err(format!("expected {}, or a file with a basis, and there is no such file", kinds.join(", ")))
    }
}

/// How bases are fitted.
#[derive(Clone, Debug, clap::Args)]
pub struct FitOptions {
    /// Fill up vectors that are shorter than the basis with zeros
    #[arg(long)]
    pub pad: bool,
    /// Seed of random axes
    #[arg(long, value_name = "N", default_value_t = 42, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
    /// Rows that principal axes are fitted to, at most
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(2..=1 << 24))]
    sample: u64,
}

/// A basis as bytes, and what is known of it.
pub struct Basis {
    pub bytes: Vec<u8>,
    pub axes: usize,
    /// The share of the vectors' variance that the coordinates keep.
    pub variance: Option<f64>,
}

impl FitOptions {
    /// Fits a basis to the vectors. Landmarks and anchors are chosen from the vectors, far from each other.
    pub fn fit(&self, engine: &EngineOptions, vectors: &Vectors, kind: Kind, axes: u64) -> Result<Basis> {
        let chosen;
        let sample = if matches!(kind, Kind::Landmarks | Kind::Trilateration) {
            let found = vectors.call(engine, "spatial_landmarks", vec![whole("count", axes)])?;
            let rows = numbers::<Int64Type>(&found, "id")?.values().iter().map(|id| *id as u32);
            chosen = vectors.take(&rows.collect::<Vec<_>>())?;
            &chosen
        } else {
            vectors
        };
        let params = vec![
            word("kind", &kind.name().replace('-', "_")),
            whole("axes", axes),
            whole("seed", self.seed),
            whole("sample", self.sample),
            word("pad", self.padding()),
        ];
        let found = sample.call(engine, "spatial_fit", params)?;
        let axes = numbers::<Int32Type>(&found, "axes")?;
        let variance = numbers::<Float64Type>(&found, "variance")?;
        let bytes = found.column_by_name("basis").and_then(|c| c.as_binary_opt::<i32>());
        let bytes = bytes.filter(|bytes| bytes.len() == 1).context("spatial_fit gave no basis")?;
        Ok(Basis {
            bytes: bytes.value(0).to_vec(),
            axes: usize::try_from(axes.value(0))?,
            variance: variance.iter().next().flatten(),
        })
    }

    /// The kernels' parameter @pad.
    pub fn padding(&self) -> &'static str {
        if self.pad { "yes" } else { "no" }
    }
}

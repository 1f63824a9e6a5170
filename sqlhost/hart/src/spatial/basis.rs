//! The requested basis, fitted to the vectors of a file or read from one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use clap::ValueEnum;
use hart_kernels::{Compute, registry, spatial};
use hart_sqlhost::session::Fault;

use super::{Source, Vectors, numbers, whole, word};
use crate::engine::EngineOptions;

/// Bytes of vectors that are held rather than read again for each landmark.
const HELD: usize = 128 << 20;
/// Dimensions of the replaced assembly's axes.
const CLR_DIMENSION: usize = 1998;

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

impl Choice {
    /// The name of the kind, or of the file.
    pub fn name(&self) -> String {
        match self {
            Choice::Kind(kind) => kind.name().into(),
            Choice::File(path) => path.display().to_string(),
        }
    }

    /// Whether its number of axes can be chosen.
    pub fn has_axes_to_choose(&self) -> bool {
        !matches!(self, Choice::Kind(Kind::ClrV1) | Choice::File(_))
    }
}

/// Parses the option: the name of a kind, else of a file.
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
    /// Seed of random axes [default: 42]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Rows that principal axes are fitted to, at most [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=1 << 24))]
    sample: Option<u64>,
}

/// A basis as bytes, and facts about it.
pub struct Basis {
    pub bytes: Vec<u8>,
    pub axes: usize,
    /// The share of the vectors' variance that the coordinates keep.
    pub variance: Option<f64>,
}

impl Basis {
    /// Reads a file.
    fn read(path: &Path) -> Result<Basis> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let basis = spatial::Basis::from_bytes(&bytes).with_context(|| path.display().to_string())?;
        Ok(Basis { bytes, axes: basis.axes(), variance: None })
    }
}

impl FitOptions {
    /// Whether clr-v1 is a basis for vectors of that dimension.
    pub fn suits_clr(&self, dimension: usize) -> bool {
        dimension == CLR_DIMENSION || (self.pad && dimension < CLR_DIMENSION)
    }

    /// Rejects options that none of the bases would use.
    pub fn check(&self, bases: &[Choice], axes_given: bool) -> Result<()> {
        let names = || bases.iter().map(Choice::name).collect::<Vec<_>>().join(", ");
        let any = |wanted| bases.iter().any(|basis| matches!(basis, Choice::Kind(kind) if *kind == wanted));
        let chosen = bases.iter().any(Choice::has_axes_to_choose);
        ensure!(!axes_given || chosen, "--axes: {} has its own number of axes", names());
        ensure!(self.seed.is_none() || any(Kind::Random), "--seed: there is nothing random in {}", names());
        ensure!(self.sample.is_none() || any(Kind::Pca), "--sample: {} is fitted to no sample", names());
        Ok(())
    }

    /// As [`FitOptions::basis`], for vectors that are not in memory. Principal axes are fitted to a sample; landmarks and
    /// anchors are chosen among all vectors, which are held for that if they are few.
    pub fn basis_of_file(
        &self,
        engine: &EngineOptions,
        source: &Source<'_>,
        choice: &Choice,
        axes: u64,
    ) -> Result<Basis> {
        let sample = match choice {
            Choice::File(path) => return Basis::read(path),
            Choice::Kind(kind @ (Kind::Landmarks | Kind::Trilateration)) => {
                return match chosen_rows(engine, source, axes, HELD)? {
                    None => self.basis(engine, &source.whole()?, choice, axes),
                    Some(rows) => {
                        let basis = self.fit_to(engine, &source.rows_at(&rows)?, *kind, axes)?;
                        report(*kind, &basis, axes);
                        Ok(basis)
                    }
                };
            }
            Choice::Kind(Kind::Pca) => source.sample(self.sample_rows()?)?,
            // The first vector tells the dimension.
            Choice::Kind(Kind::Random | Kind::ClrV1) => source.sample(1)?,
        };
        let basis = self.basis(engine, &sample, choice, axes)?;
        drop(sample);
        self.measured(engine, source, &basis)
    }

    /// Rows that principal axes are fitted to, at most: the option, or the kernel's default.
    fn sample_rows(&self) -> Result<usize> {
        if let Some(rows) = self.sample {
            return Ok(usize::try_from(rows)?);
        }
        let sample = registry::find("spatial_fit")?.params.iter().find(|param| param.name == "sample");
        let default =
            sample.and_then(|param| param.default).context("spatial_fit has no default for @sample")?;
        Ok(default.parse()?)
    }

    /// The basis with the bounds and the variance of all vectors of a file.
    fn measured(&self, engine: &EngineOptions, source: &Source<'_>, basis: &Basis) -> Result<Basis> {
        let start = spatial::Basis::from_bytes(&basis.bytes)?;
        let mut measuring = spatial::Measuring::new(Compute::new(), start, self.pad).with_variance();
        engine.compute(|| {
            for part in source.parts(&[])? {
                let ([_, vectors], _) = part?;
                let add =
                    hart_kernels::Vectors::packed("v", source.element, &vectors.bytes, &vectors.indicators)
                        .and_then(|vectors| measuring.add(&vectors));
                add.map_err(Fault::from).context("spatial_fit")?;
            }
            Ok(())
        })?;
        let variance = measuring.variance();
        Ok(Basis { bytes: measuring.finish().to_bytes(), axes: basis.axes, variance })
    }

    /// Reads the basis of a file, or fits one to the vectors, and reports if it has fewer axes than requested.
    pub fn basis(
        &self,
        engine: &EngineOptions,
        vectors: &Vectors,
        choice: &Choice,
        axes: u64,
    ) -> Result<Basis> {
        match choice {
            Choice::Kind(kind) => {
                let dimension = vectors.dimension();
                if *kind == Kind::ClrV1 && dimension > 0 && !self.suits_clr(dimension) {
                    let rest =
                        if dimension < CLR_DIMENSION { ", or --pad to fill up with zeros" } else { "" };
                    bail!(
                        "clr-v1: the vectors have {dimension} dimensions, but the basis has {CLR_DIMENSION}; \
                         take pca, random or landmarks{rest}"
                    );
                }
                let basis = self.fit(engine, vectors, *kind, axes)?;
                report(*kind, &basis, axes);
                Ok(basis)
            }
            Choice::File(path) => Basis::read(path),
        }
    }

    /// Fits a basis to the vectors. Landmarks and anchors are chosen among the vectors, far from each other.
    fn fit(&self, engine: &EngineOptions, vectors: &Vectors, kind: Kind, axes: u64) -> Result<Basis> {
        if !matches!(kind, Kind::Landmarks | Kind::Trilateration) {
            return self.fit_to(engine, vectors, kind, axes);
        }
        let found = vectors.call(engine, "spatial_landmarks", vec![whole("count", axes)])?;
        let rows = numbers::<Int64Type>(&found, "id")?.values().iter().map(|id| *id as u32);
        self.fit_to(engine, &vectors.take(&rows.collect::<Vec<_>>())?, kind, axes)
    }

    /// Fits a basis to the vectors; landmarks and anchors are these vectors.
    fn fit_to(&self, engine: &EngineOptions, sample: &Vectors, kind: Kind, axes: u64) -> Result<Basis> {
        let mut params = vec![
            word("kind", &kind.name().replace('-', "_")),
            whole("axes", axes),
            word("pad", self.padding()),
        ];
        params.extend(self.seed.map(|seed| whole("seed", seed)));
        params.extend(self.sample.map(|sample| whole("sample", sample)));
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

/// Reports if a basis has fewer axes than requested.
fn report(kind: Kind, basis: &Basis, axes: u64) {
    if Choice::Kind(kind).has_axes_to_choose() && (basis.axes as u64) < axes {
        let (name, there) = (kind.name(), basis.axes);
        eprintln!("hart: {name}: {there} axes, not {axes}, because only {there} vectors differ");
    }
}

/// Rows of a file that are far from each other, as `spatial_landmarks` chooses them, from a file that is read once for each of them
/// and three times more; `None` if its vectors have no more than `held` bytes.
fn chosen_rows(
    engine: &EngineOptions,
    source: &Source<'_>,
    count: u64,
    held: usize,
) -> Result<Option<Vec<usize>>> {
    let mut choosing = spatial::Landmarking::new(Compute::new(), usize::try_from(count)?);
    engine.compute(|| {
        while choosing.wants_rows() {
            for part in source.parts(&[])? {
                let ([_, vectors], _) = part?;
                let add =
                    hart_kernels::Vectors::packed("v", source.element, &vectors.bytes, &vectors.indicators)
                        .and_then(|vectors| choosing.add(&vectors));
                add.map_err(Fault::from).context("spatial_landmarks")?;
            }
            if choosing.bytes() <= held {
                return Ok(None);
            }
            choosing.end_pass();
        }
        Ok(Some(choosing.chosen().iter().map(|(row, _)| *row).collect()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ReadOptions;

    /// The rows that are chosen from a file in many batches are those of the kernel.
    #[test]
    fn rows_of_a_file_that_is_read_again_and_again() {
        const ROWS: usize = 20_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.npy");
        let mut header =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({ROWS}, 3), }}").into_bytes();
        header.resize(117, b' ');
        header.push(b'\n');
        let mut bytes = [&b"\x93NUMPY\x01\x00"[..], &118u16.to_le_bytes(), &header].concat();
        let number = |n: usize| ((n * 2_654_435_761) % 1_000_003) as f32;
        bytes.extend((0..3 * ROWS).flat_map(|n| number(n).to_le_bytes()));
        std::fs::write(&path, bytes).unwrap();
        let read = ReadOptions::default();
        let source = Source::open(&path, &read, None).unwrap();
        assert!(source.parts(&[]).unwrap().count() > 2);
        let engine = EngineOptions { in_process: true, library: None, threads: None };
        let held = ROWS * 12;
        assert_eq!(chosen_rows(&engine, &source, 5, held).unwrap(), None);
        let chosen = chosen_rows(&engine, &source, 5, held - 1).unwrap().unwrap();
        let whole = source.whole().unwrap();
        let found = whole.call(&engine, "spatial_landmarks", vec![super::whole("count", 5)]).unwrap();
        let ids = numbers::<Int64Type>(&found, "id").unwrap();
        assert_eq!(chosen, ids.values().iter().map(|id| *id as usize).collect::<Vec<_>>());
        let places: Vec<u32> = chosen.iter().map(|row| *row as u32).collect();
        assert_eq!(source.rows_at(&chosen).unwrap().bytes(), whole.take(&places).unwrap().bytes());
    }
}

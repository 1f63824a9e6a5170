//! `hart tensor atomize`: a model file to atoms and coefficients.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{ElementType, Model, Shown, Tensor};
use anyhow::{Context, Result, bail, ensure};
use arrow_array::{Float64Array, StringArray, UInt64Array};
use clap::{Args, ValueEnum};
use hart_kernels::tensor::quant::PayloadType;
use hart_kernels::tensor::{Svd, SvdMethod, SvdOptions, error, reconstruct, svd};

use super::Threads;
use super::picture::{self, Curve};
use super::tables::{Atom, Numbering, Role, Tables, coefficients};
use crate::data::Style;
use crate::plot;

/// What the column ModelLayers.LayerName holds, in UTF-16 units.
const LAYER_NAME: usize = 100;

/// Options of `hart tensor atomize`.
#[derive(Args)]
pub struct AtomizeOptions {
    /// Model file, safetensors or GGUF, told apart by its contents
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Only this tensor, or those of a pattern with * for any characters and ? for one; may be repeated [default: all but those
    /// of integers]
    #[arg(long, value_name = "NAME")]
    tensor: Vec<String>,
    /// Leave out tensors whose type is not decoded, and say which
    #[arg(long)]
    skip_unsupported: bool,
    #[command(flatten)]
    target: Target,
    /// New folder for the Parquet files, one for each table
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Draw the singular values, and the error against the rank
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// How matrices are factored. randomized is faster for a low --rank, in less memory, and approximate: docs/TENSOR-MODELS.md says
    /// how far
    #[arg(long, value_enum, default_value = "exact")]
    method: Method,
    /// Seed of the randomized factorization
    #[arg(long, value_name = "N", default_value_t = SvdOptions::default().seed)]
    seed: u64,
    #[command(flatten)]
    numbering: Numbering,
    /// Format of the summary on standard output
    #[arg(long, value_enum, default_value = "table")]
    format: Style,
    #[command(flatten)]
    threads: Threads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    Exact,
    Randomized,
}

/// How much of a matrix is kept.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Keep at most R components of each matrix, or `all`
    #[arg(long, value_name = "R", value_parser = rank)]
    rank: Option<usize>,
    /// Keep as few components as give this relative error (Frobenius norm), between 0 and 1; rounding adds some
    /// 2e-8 times the root of their number
    #[arg(long, value_name = "E", value_parser = below_one)]
    error: Option<f64>,
    /// Keep as few components as explain this fraction of the energy (sum of squares), up to 1
    #[arg(long, value_name = "F", value_parser = fraction)]
    energy: Option<f64>,
}

/// All components; 0 to the kernel.
const ALL: usize = 0;

fn rank(text: &str) -> Result<usize, String> {
    let number = || text.parse().ok().filter(|n| *n > 0);
    if text == "all" { Some(ALL) } else { number() }.ok_or("expected a whole number above 0, or all".into())
}

fn fraction(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|n| *n > 0.0 && *n <= 1.0).ok_or("expected a number above 0 and up to 1".into())
}

fn below_one(text: &str) -> Result<f64, String> {
    fraction(text).ok().filter(|n| *n < 1.0).ok_or("expected a number above 0 and below 1".into())
}

/// The outcome for a tensor.
struct Line<'a> {
    tensor: &'a Tensor,
    components: usize,
    error: f64,
    stored: usize,
}

/// Factors the chosen tensors one after the other.
pub fn run(options: &AtomizeOptions) -> Result<()> {
    if options.method == Method::Randomized && options.target.rank.is_none_or(|rank| rank == ALL) {
        bail!("--method randomized: expected --rank R with it, a whole number");
    }
    let model = super::open(&options.model)?;
    if let Some(path) = &options.svg {
        // Checked before the work is done rather than after.
        plot::check(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize();
        if let (Ok(folder), Ok(output)) = (folder, options.output.canonicalize()) {
            let shown = path.display();
            ensure!(!folder.starts_with(output), "--svg {shown}: expected a place outside of --output");
        }
    }
    let shown = || options.model.display().to_string();
    let chosen = chosen(&model, &options.tensor, options.skip_unsupported).with_context(shown)?;
    if let Some(rank) = options.target.rank {
        let sides = chosen.iter().filter_map(|t| factored(t).map(|(rows, columns)| (t, rows.min(columns))));
        let largest = sides.max_by_key(|(_, side)| *side);
        if let Some((largest, side)) = largest.filter(|(_, side)| rank > *side) {
            bail!(
                "--rank {rank}: expected at most {side}, the smaller side of {}, the largest matrix of {}",
                Shown(&largest.name),
                shown()
            );
        }
    }
    let lines = options.threads.run(|| write(&model, &chosen, options).with_context(shown))?;
    summary(&lines, options.format)
}

/// The tensors to be written.
fn chosen<'a>(model: &'a Model, names: &[String], skip: bool) -> Result<Vec<&'a Tensor>> {
    let tensors = model.tensors();
    let mut out = Vec::new();
    if names.is_empty() {
        let (weights, integers): (Vec<_>, Vec<_>) =
            tensors.iter().partition(|t| !matches!(t.element_type, ElementType::Integer(_)));
        for tensor in integers {
            eprintln!(
                "hart: tensor {} is left out: {} are no weights",
                Shown(&tensor.name),
                tensor.element_type.name()
            );
        }
        out = weights;
    }
    for name in names {
        let exact = tensors.iter().any(|tensor| tensor.name == *name);
        let fitting: Vec<&Tensor> = if !exact && name.contains(['*', '?']) {
            let fitting: Vec<_> = tensors.iter().filter(|tensor| fits(name, &tensor.name)).collect();
            ensure!(!fitting.is_empty(), "no tensor has a name like `{}`", Shown(name));
            fitting
        } else {
            vec![&tensors[super::position("tensor", name, tensors.iter().map(|t| t.name.as_str()))?]]
        };
        for tensor in fitting {
            if !out.contains(&tensor) {
                out.push(tensor);
            }
        }
    }
    if skip {
        out.retain(|tensor| {
            let decoded = matches!(tensor.element_type, ElementType::Payload(_));
            if !decoded {
                let found = tensor.element_type.name();
                eprintln!("hart: tensor {} is left out: {found} is not decoded", Shown(&tensor.name));
            }
            decoded
        });
    }
    ensure!(!out.is_empty(), "the file has no tensor of weights");
    for tensor in &out {
        // Checked before the first tensor is factored.
        let name = Shown(&tensor.name);
        match tensor.element_type {
            ElementType::Payload(_) => {}
            ElementType::Integer(found) => bail!("tensor {name} holds {found}, which are no weights"),
            ElementType::Other(found) => {
                let more = "; choose others with --tensor, or say --skip-unsupported";
                let known = PayloadType::ALL.into_iter().filter(|t| !t.name().starts_with("legacy_"));
                let known: Vec<_> = known.map(PayloadType::name).collect();
                bail!("tensor {name} is of type {found}; expected one of {}{more}", known.join(", "))
            }
        }
        let length = tensor.name.encode_utf16().count();
        if length > LAYER_NAME {
            eprintln!(
                "hart: tensor {}: LayerName holds {LAYER_NAME} characters, the name has {length}",
                Shown(&tensor.name)
            );
        }
    }
    Ok(out)
}

/// Whether a name matches a pattern: `*` stands for any characters, `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((at, from)) = star {
            // The last star matches one more character.
            star = Some((at, from + 1));
            (p, n) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The rows and columns of a tensor that is factored; `None` if it is stored whole.
fn factored(tensor: &Tensor) -> Option<(usize, usize)> {
    (tensor.shape.len() >= 2 && tensor.elements() > 0).then(|| tensor.matrix())
}

fn write<'a>(model: &Model, chosen: &[&'a Tensor], options: &AtomizeOptions) -> Result<Vec<Line<'a>>> {
    let limit = options.threads.limit()?;
    let mut tables = Tables::create(&options.output, options.numbering)?;
    let bar = crate::progress::of_elements(chosen.iter().map(|t| t.elements()).sum());
    let (mut lines, mut curves) = (Vec::new(), Vec::new());
    for &tensor in chosen {
        let about = || format!("tensor {}", Shown(&tensor.name));
        bar.set_message(Shown(&tensor.name).to_string());
        let (rows, columns) = tensor.matrix();
        let svd_options = options.svd(rows.min(columns));
        let beside = if factored(tensor).is_some() { svd_options.memory(rows, columns) } else { 0 };
        super::available("its factorization", tensor.elements(), beside, limit).with_context(about)?;
        let elements = model.decode(tensor)?;
        finite(tensor, &elements, columns)?;
        let line = if factored(tensor).is_some() {
            let mut svd = svd(&elements, rows, columns, &svd_options).with_context(about)?;
            if options.svg.is_some() {
                curves.push(Curve::of(tensor, &svd));
            }
            // From here on, values as written to the files.
            for sigma in &mut svd.singular_values {
                let (left, right) = coefficients(*sigma);
                *sigma = f64::from(left) * f64::from(right);
            }
            let components = svd.singular_values.len();
            let (atoms, stored) = (atoms(&svd), svd.u.len() + svd.v.len() + components);
            let error = distance(&elements, &svd).with_context(about)?;
            // Only the factors are needed from here on.
            drop(elements);
            tables.write(tensor, components, error, &atoms)?;
            Line { tensor, components, error, stored }
        } else {
            let atom = Atom {
                role: Role::Whole,
                component: 1,
                coefficient: 1.0,
                importance: 1.0,
                elements: &elements,
            };
            tables.write(tensor, 1, 0.0, &[atom])?;
            Line { tensor, components: 1, error: 0.0, stored: elements.len() }
        };
        lines.push(line);
        bar.inc(tensor.elements() as u64);
    }
    bar.finish_and_clear();
    // Before the folder appears, so that there is no folder if the picture cannot be written.
    if let Some(path) = &options.svg {
        picture::write(path, &curves)?;
    }
    tables.finish()?;
    Ok(lines)
}

/// The relative error of a matrix reconstructed from its components: see `synthesize`.
fn distance(elements: &[f32], svd: &Svd) -> Result<f64> {
    let back = reconstruct(svd)?;
    if let Some((value, row, column)) = super::not_finite(&back, svd.columns) {
        bail!("row {row}, column {column} of what is put together again: {value}; expected a finite number");
    }
    Ok(error(elements, &back)?.relative)
}

impl AtomizeOptions {
    /// The kernel's options for a matrix with that full rank.
    fn svd(&self, full: usize) -> SvdOptions {
        let Target { rank, error, energy } = self.target;
        SvdOptions::default()
            .rank(rank.unwrap_or(ALL).min(full))
            .error(error.unwrap_or(0.0))
            .energy(energy.unwrap_or(1.0))
            .method(match self.method {
                Method::Exact => SvdMethod::Exact,
                Method::Randomized => SvdMethod::Randomized,
            })
            .seed(self.seed)
    }
}

/// Checks that all elements are finite: otherwise neither a factorization nor a sum has a meaning.
fn finite(tensor: &Tensor, elements: &[f32], columns: usize) -> Result<()> {
    if let Some((value, row, column)) = super::not_finite(elements, columns) {
        let of = match tensor.shape.len() {
            0..=2 => String::new(),
            _ => format!(" of the matrix {} × {columns}", tensor.shape[0]),
        };
        bail!(
            "tensor {}, row {row}, column {column}{of}: {value}; expected a finite number",
            Shown(&tensor.name)
        );
    }
    Ok(())
}

fn atoms(svd: &Svd) -> Vec<Atom<'_>> {
    let mut atoms = Vec::with_capacity(2 * svd.singular_values.len());
    for (component, sigma) in svd.singular_values.iter().enumerate() {
        let importance = svd.explained(component) as f32;
        let (left, right) = coefficients(*sigma);
        for (role, coefficient, vectors, length) in
            [(Role::Right, right, &svd.v, svd.columns), (Role::Left, left, &svd.u, svd.rows)]
        {
            let elements = &vectors[component * length..][..length];
            atoms.push(Atom { role, component: component + 1, coefficient, importance, elements });
        }
    }
    atoms
}

fn summary(lines: &[Line<'_>], style: Style) -> Result<()> {
    let stored_as = |line: &Line<'_>| match factored(line.tensor) {
        Some((rows, columns)) => format!("matrix {rows} × {columns}"),
        None => "whole".to_owned(),
    };
    let ratio = |line: &Line<'_>| line.stored as f64 / line.tensor.elements().max(1) as f64;
    super::print(
        style,
        vec![
            ("tensor", Arc::new(StringArray::from_iter_values(lines.iter().map(|l| &l.tensor.name)))),
            ("shape", super::shapes(lines.iter().map(|l| &l.tensor.shape[..]))),
            ("stored_as", Arc::new(StringArray::from_iter_values(lines.iter().map(stored_as)))),
            (
                "components",
                Arc::new(UInt64Array::from_iter_values(lines.iter().map(|l| l.components as u64))),
            ),
            ("relative_error", Arc::new(Float64Array::from_iter_values(lines.iter().map(|l| l.error)))),
            ("stored_ratio", Arc::new(Float64Array::from_iter_values(lines.iter().map(ratio)))),
        ],
    )
}

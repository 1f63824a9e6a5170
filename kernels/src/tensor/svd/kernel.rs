//! The decomposition as a kernel.

use super::{MAX_POWER_ITERATIONS, SvdMethod, SvdOptions, svd};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::tensor::layer;
use crate::tensor::matrix::{COLUMNS, Matrix, ROWS};
use crate::tensor::payload::{CHUNK, PAYLOAD, TYPE};

fn options(call: &Call<'_>) -> Result<SvdOptions, Error> {
    let size = |name: &str| usize::try_from(call.params.int(name)).unwrap_or(usize::MAX);
    let method = |word: &str| match word {
        "exact" => Some(SvdMethod::Exact),
        "randomized" => Some(SvdMethod::Randomized),
        _ => None,
    };
    Ok(SvdOptions {
        rank: size(RANK.name),
        error: call.params.float(ERROR.name),
        energy: call.params.float(ENERGY.name),
        method: call.chosen(&METHOD, method)?,
        // The bits matter, not the sign.
        seed: call.params.int(SEED.name) as u64,
        oversampling: size(OVERSAMPLING.name),
        power_iterations: size(POWER_ITERATIONS.name),
    })
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let options = options(call)?;
    let mut factors = None;
    if call.rows > 0 {
        let memory = |rows, columns| Ok(options.memory(rows, columns));
        let what = match options.method {
            SvdMethod::Exact => "the exact decomposition (method = randomized with a low rank takes less)",
            SvdMethod::Randomized => "the decomposition",
        };
        let matrix = Matrix::of_call(call, what, memory)?;
        factors = Some(svd(&matrix.values, matrix.rows, matrix.columns, &options)?);
    }
    let count = factors.as_ref().map_or(0, |f| f.singular_values.len());
    let number = |of: &dyn Fn(&super::Svd, usize) -> f64| {
        Values::Float(factors.iter().flat_map(|f| (0..count).map(|k| Some(of(f, k)))).collect())
    };
    let packed = |of: &dyn Fn(&super::Svd) -> (&[f32], usize)| {
        let vectors = factors.iter().flat_map(|f| {
            let (vectors, length) = of(f);
            vectors
                .chunks_exact(length.max(1))
                .map(|v| Some(v.iter().flat_map(|x| x.to_le_bytes()).collect()))
        });
        Values::Binary(vectors.collect())
    };
    Ok(Output {
        columns: vec![
            // At most min(rows, columns), which are 32-bit parameters.
            Values::Int((1..=count as i32).map(Some).collect()),
            number(&|f, k| f.singular_values[k]),
            packed(&|f| (&f.u, f.rows)),
            packed(&|f| (&f.v, f.columns)),
            number(&super::Svd::explained),
            number(&super::Svd::cumulative),
            Values::BigInt(vec![Some(0); count]),
        ],
        picked: None,
    })
}

const RANK: Param = Param {
    name: "rank",
    kind: ParamKind::Int { min: 0, max: i32::MAX as i64 },
    default: Some("0"),
    summary: "Most components; 0 is all.",
};
const ERROR: Param = Param {
    name: "error",
    kind: ParamKind::Float { min: 0.0, max: 1.0 },
    default: Some("0"),
    summary: "No more components than bring the relative Frobenius error down to this; 0 is no target. Below 1.",
};
const ENERGY: Param = Param {
    name: "energy",
    kind: ParamKind::Float { min: 0.0, max: 1.0 },
    default: Some("1"),
    summary: "No more components than explain this share of the energy, above 0; 1 is no target.",
};
const METHOD: Param = Param {
    name: "method",
    kind: ParamKind::Choice(&["exact", "randomized"]),
    default: Some("exact"),
    summary: "exact: for every size whose decomposition fits the memory allowed, else an error. randomized: several times faster for a low `rank`, which it needs, in less memory, and approximate.",
};
const SEED: Param = Param {
    name: "seed",
    kind: ParamKind::Int { min: i64::MIN, max: i64::MAX },
    default: Some("0"),
    summary: "Seed of the randomized method: the same seed gives the same bits.",
};
const OVERSAMPLING: Param = Param {
    name: "oversampling",
    kind: ParamKind::Int { min: 0, max: 10_000 },
    default: Some("0"),
    summary: "Random directions of the randomized method beyond `rank`; 0 is a quarter of `rank`, but at least 16.",
};
const POWER_ITERATIONS: Param = Param {
    name: "power_iterations",
    kind: ParamKind::Int { min: 0, max: MAX_POWER_ITERATIONS as i64 },
    default: Some("4"),
    summary: "Power iterations of the randomized method: more come nearer to the optimum.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_svd",
    family: Family::Tensor,
    summary: "Singular value decomposition of a matrix, truncated by rank, error or energy.",
    details: "A ≈ Σ σ·u·vᵀ. One row for each component, the greatest singular value first; the largest entry of each u by magnitude \
              (the first of equals) is positive. Where singular values are equal or nearly so, their vectors are one of many equally \
              good choices. Of several limits the components meet all targets, but are never more than `rank`. The variances are \
              shares of the energy, the sum of the squares of all singular values, also of those left out; 1 − cumulative_variance \
              is the squared relative Frobenius error of what has been taken so far. A matrix with an element has one component at \
              least, also where it is zero. One matrix in a call.",
    inputs: &[CHUNK, PAYLOAD],
    optional: &[],
    params: &[TYPE, COLUMNS, ROWS, RANK, ERROR, ENERGY, METHOD, SEED, OVERSAMPLING, POWER_ITERATIONS],
    outputs: &[
        Column { name: "component", kind: Kind::Int, unit: "number from 1", summary: "The component." },
        Column {
            name: "singular_value",
            kind: Kind::Float,
            unit: "that of the matrix",
            summary: "Singular value σ ≥ 0.",
        },
        Column {
            name: "u",
            kind: Kind::Binary,
            unit: "1",
            summary: "Left vector: a packed single (f32, little-endian) for each row of the matrix.",
        },
        Column {
            name: "v",
            kind: Kind::Binary,
            unit: "1",
            summary: "Right vector: a packed single for each column of the matrix.",
        },
        Column {
            name: "explained_variance",
            kind: Kind::Float,
            unit: "1",
            summary: "σ² as a share of the energy; 0 for a zero matrix.",
        },
        Column {
            name: "cumulative_variance",
            kind: Kind::Float,
            unit: "1",
            summary: "Share of the energy in this component and those before; 1 for a zero matrix.",
        },
        Column {
            summary: "Always 0: the vectors come in one piece. It makes the result an input of tensor_reconstruct.",
            ..layer::CHUNK
        },
    ],
    rows: RowShape::Made,
    nulls: "NULL bytes are an error that names the row; a NULL chunk is allowed where there is only one.",
    empty: "No rows and empty payloads give no result rows.",
    nan: "NaN or an infinity in the matrix is an error that names its row and column.",
    accuracy: "Computed in double precision, vectors rounded to single precision. At full rank the components give the matrix back \
               with a relative Frobenius error below 1e-7 where they are multiplied in double precision; tensor_reconstruct, whose sums are singles, adds what its accuracy says, on weights about 2e-8 · √rank. By the exact method singular values are off by at most \
               (rows + columns)·2⁻⁵² of the largest one. By the randomized method they are too small by what its sample misses, which nothing bounds for a single matrix: on weights and noise the first by up to \
               1 %, the last by up to 5 %, with an error up to 1 % above the optimum (Eckart and Young); on the hardest spectra found, of up to 2,000 values, 11 %, 21 % and 2 %. The same bits for any chunks and any number of threads; between \
               processors the last digits may differ.",
    streaming: Streaming::Whole("the whole matrix"),
    source: "Golub and Van Loan, Matrix Computations, 8.6; Halko, Martinsson and Tropp 2011, \"Finding structure with randomness\"; \
             clr_SvdDecompose of the replaced functions, which lost the left vectors.",
    elements: "",
    sql: "Several matrices: one partition each.",
    example: Example {
        inputs: &[&[Cell::Null, Cell::Vector(&[0.0, 3.0, 4.0, 0.0])]],
        params: &[("columns", Cell::Int(2))],
        outputs: &[
            &[
                Cell::Int(1),
                Cell::Float(4.0),
                Cell::Vector(&[0.0, 1.0]),
                Cell::Vector(&[1.0, 0.0]),
                Cell::Float(0.64),
                Cell::Float(0.64),
                Cell::Int(0),
            ],
            &[
                Cell::Int(2),
                Cell::Float(3.0),
                Cell::Vector(&[1.0, 0.0]),
                Cell::Vector(&[0.0, 1.0]),
                Cell::Float(0.36),
                Cell::Float(1.0),
                Cell::Int(0),
            ],
        ],
    },
    run,
};

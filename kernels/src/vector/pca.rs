//! Principal components.

use super::principal::{Search, Take, too_few};
use crate::column::vectors::{PackedVectors, Vectors, narrow};
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::number::element::Element;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::Accumulate;

/// A direction along which rows vary.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Component {
    /// Of length 1; its largest component, the first among equals, is positive.
    pub axis: Vec<f64>,
    /// The variance along it, divided by one less than the number of rows.
    pub variance: f64,
    /// Its share of the sum of all variances; NaN where nothing varies.
    pub share: f64,
    /// The singular value of the centred rows.
    pub singular_value: f64,
}

/// What [`pca()`] finds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Components {
    /// The mean of the rows.
    pub mean: Vec<f64>,
    /// By descending variance.
    pub components: Vec<Component>,
    /// Rows that are not NULL.
    pub rows: u64,
}

/// ‖C·a − λ·a‖ at which an axis has converged, as a share of the largest variance.
const SETTLED: f64 = 1e-10;
/// Components at most.
const MOST: i64 = 1024;

/// Principal components (Pearson 1901, Hotelling 1933): the orthonormal directions along which the rows vary most.
///
/// A row x has the coordinates (x − mean)·axis.
///
/// # Shapes
///
/// m vectors of n dimensions, NULL ones left out, and `components` ≤ n, < m; that many axes of n numbers.
///
/// # Errors
///
/// [`Error::Value`] where there are no more vectors than components, and for a number that is not finite;
/// [`Error::Dimensions`]; [`Error::ParameterValue`] for no components, or more than dimensions; [`Error::Memory`].
///
/// # Accuracy
///
/// The mean is that of exact sums. Subspace iteration on the covariance matrix of the centred rows or, with fewer rows than
/// dimensions, on the products of the rows, in double precision over a power of two, until ‖C·a − λ·a‖ ≤ 1e-10·λ₁ for every axis: variances are off by at most that,
/// and usually by its square; an axis by 1e-10·λ₁ over the distance of its variance from the next one. Where a subspace does not
/// converge it is widened, at last to the whole smaller side; where it is a quarter of that at least, all eigenvectors are
/// computed at once, by Jacobi rotations or a tridiagonal form. Random directions beyond the wanted ones make it unlikely that a
/// larger variance is missed, but no residual proves it. Sums of products are in the order of `order`, or of the
/// input; same bits for any threads and levels.
///
/// # Complexity
///
/// O(m·n·min(m, n)), and O(min(m, n)³) for all components; 8 bytes of memory for each number, and 16 for each pair on the
/// smaller side.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Vectors, vector};
/// let rows = Vectors::matrix(&[1.0, 1.0, 3.0, 3.0, 2.0, 2.0], 2)?;
/// let found = vector::pca(Compute::new(), &rows, None, 1)?;
/// assert_eq!(found.mean, [2.0, 2.0]);
/// assert!((found.components[0].variance - 2.0).abs() < 1e-12);
/// assert!((found.components[0].axis[0] - 0.5f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn pca(
    compute: Compute,
    vectors: &Vectors<'_>,
    order: Option<&[usize]>,
    components: usize,
) -> Result<Components, Error> {
    within(compute, vectors, order, components, &|_| Ok(()))
}

fn within(
    compute: Compute,
    vectors: &Vectors<'_>,
    order: Option<&[usize]>,
    components: usize,
    take: Take<'_>,
) -> Result<Components, Error> {
    let mut list: Vec<usize> = match order {
        Some(order) => order.to_vec(),
        None => (0..vectors.len()).collect(),
    };
    list.retain(|row| vectors.row(*row).is_some());
    let n = list.first().and_then(|row| vectors.dimensions(*row)).unwrap_or(0);
    if list.len() <= components {
        return Err(too_few(vectors.place(), list.len(), components));
    }
    if components == 0 || components > n {
        return Err(Error::ParameterValue {
            name: COMPONENTS.name.into(),
            value: components.to_string(),
            expected: format!("from 1 to {n}, the dimensions of the vectors"),
        });
    }
    let compute = compute.accumulate(Accumulate::F64);
    let found = Search { compute, tolerance: SETTLED, take }.axes(vectors, &list, components)?;
    let (rows, rest) = (list.len() as f64, list.len() as f64 - 1.0);
    let component = |((axis, variance), share): ((Vec<f64>, f64), f64)| Component {
        axis,
        variance: variance * rows / rest,
        share,
        singular_value: (variance * rows).sqrt(),
    };
    Ok(Components {
        mean: found.mean,
        components: found.axes.into_iter().zip(found.variances).zip(found.shares).map(component).collect(),
        rows: list.len() as u64,
    })
}

const COMPONENTS: Param = Param {
    name: "components",
    kind: ParamKind::Int { min: 1, max: MOST },
    default: Some("3"),
    summary: "Number of components, fewer than rows and no more than dimensions.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_pca",
    family: Family::Vector,
    summary: "Principal components of vectors: the directions in which they vary most, with the variance that each explains.",
    details: "Row 0 has the mean, rows from 1 the components by descending variance. A vector x has the coordinates (x − mean)·axis: vector_subtract and vector_dot_product; or, for many, spatial_fit with kind = landmarks from the axes in the order of their numbers makes a basis for spatial_project, whose coordinates are those of x less those of the mean.",
    inputs: &[ID, V],
    optional: &[],
    params: &[COMPONENTS, ELEMENT],
    outputs: &[
        Column {
            name: "component",
            kind: Kind::Int,
            unit: "number from 1",
            summary: "The component; 0 for the mean.",
        },
        Column {
            name: "axis",
            kind: Kind::Vector,
            unit: "1",
            summary: "Its direction, of length 1, with the largest component positive; in row 0 the mean. f32 where the elements are i8.",
        },
        Column {
            name: "variance",
            kind: Kind::Float,
            unit: "that of the vectors squared",
            summary: "The variance along it, divided by one less than the number of rows; NULL in row 0.",
        },
        Column {
            name: "share",
            kind: Kind::Float,
            unit: "share of 1",
            summary: "Its share of the sum of all components' variances; NULL in row 0, and where nothing varies.",
        },
        Column {
            name: "singular_value",
            kind: Kind::Float,
            unit: "that of the vectors",
            summary: "The singular value of the centred rows; NULL in row 0.",
        },
    ],
    rows: RowShape::Made,
    nulls: "A row whose vector is NULL is left out. A NULL id comes last.",
    empty: "No more vectors than components are an error.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Double precision: ‖C·a − λ·a‖ ≤ 1e-10·λ₁ for every axis before it is rounded to the element type, by subspace iteration on the centred rows, or all axes at once. Rows are centred by the mean of exact sums, so that what varies little far from 0 keeps its digits. That axes of larger variance have not been missed is made likely by random directions beyond the wanted ones. Sums are by rising id: same bits for any order of rows with distinct integer ids, number of threads and instruction set.",
    streaming: Streaming::Whole("all rows"),
    source: "Pearson 1901, \"On lines and planes of closest fit to systems of points in space\"; Golub and Van Loan 2013, Matrix Computations, section 8.2.4.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0, 1.0])],
            &[Cell::Int(2), Cell::Vector(&[2.0, 1.0])],
            &[Cell::Int(3), Cell::Vector(&[4.0, 1.0])],
        ],
        params: &[("components", Cell::Int(1))],
        outputs: &[
            &[Cell::Int(0), Cell::Vector(&[2.0, 1.0]), Cell::Null, Cell::Null, Cell::Null],
            &[
                Cell::Int(1),
                Cell::Vector(&[1.0, 0.0]),
                Cell::Float(4.0),
                Cell::Float(1.0),
                Cell::Float(2.8284271247461903),
            ],
        ],
    },
    run: |call| {
        let vectors = call.vectors(0)?;
        let components = call.params.int(COMPONENTS.name) as usize;
        let mut order: Vec<usize> = (0..call.rows).collect();
        if let Some(ids) = call.keys() {
            order.sort_by_key(|row| (ids[*row].is_none(), ids[*row]));
        }
        let take = |bytes| call.check_memory("the principal axes", bytes);
        let found = within(call.compute, vectors, Some(&order), components, &take)?;
        let axes = std::iter::once(&found.mean).chain(found.components.iter().map(|c| &c.axis));
        let element = vectors.element().of_result();
        let mut packed = PackedVectors { element, ..PackedVectors::default() };
        for axis in axes {
            // Whether a zero has a sign depends on the axis's random start.
            let axis: Vec<f64> = axis.iter().map(|v| v + 0.0).collect();
            let bytes: Vec<u8> = match element {
                Element::F64 => axis.iter().flat_map(|v| v.to_le_bytes()).collect(),
                _ => {
                    narrow(element, &axis.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect::<Vec<_>>())
                }
            };
            // A row is no longer than a value of the host.
            packed.lengths.push(bytes.len() as i32);
            packed.bytes.extend(bytes);
        }
        let column = |of: fn(&Component) -> Option<f64>| {
            Values::Float(std::iter::once(None).chain(found.components.iter().map(of)).collect())
        };
        Ok(Output {
            columns: vec![
                Values::Int((0..=components as i32).map(Some).collect()),
                Values::Vectors(packed),
                column(|c| Some(c.variance)),
                column(|c| Some(c.share).filter(|share| share.is_finite())),
                column(|c| Some(c.singular_value)),
            ],
            picked: None,
        })
    },
};

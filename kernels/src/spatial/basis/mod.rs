//! Bases, which define coordinates.

pub(crate) mod describe;
pub(crate) mod farthest;
pub(crate) mod fit;
pub(crate) mod landmarks;
pub(crate) mod measured;
pub(crate) mod project;

mod bytes;
mod clr_v1;
mod orthonormal;
mod random;

use crate::column::vectors::{Vectors, decode};
use crate::error::{Error, Place};
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::Accumulate;
use crate::vector::orthonormal::gram_schmidt;
use crate::vector::principal::{Search, Take, too_few};

pub(crate) use bytes::MAX_AXES;

/// How close to principal the axes of [`Basis::pca`] are before they are rounded, as a share of the largest variance.
const SETTLED: f64 = 1e-6;

/// How a basis was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BasisKind {
    /// The three random axes for 1998 dimensions of the SQLCLR assembly that this library replaces.
    ClrV1,
    /// Given vectors, orthonormalized in their order.
    Landmarks,
    /// Principal axes of a sample.
    Pca,
    /// Random axes from a seed.
    Random,
    /// Distances to given anchors: no axes, and no bound on distances between vectors.
    Trilateration,
}

impl BasisKind {
    /// Every kind, in the order of its number in the bytes.
    pub const ALL: [BasisKind; 5] =
        [BasisKind::ClrV1, BasisKind::Landmarks, BasisKind::Pca, BasisKind::Random, BasisKind::Trilateration];

    /// Names as [`BasisKind::parse`] takes them, in the order of [`BasisKind::ALL`].
    pub const NAMES: &[&str] = &["clr_v1", "landmarks", "pca", "random", "trilateration"];

    /// `clr_v1`, `landmarks`, `pca`, `random` or `trilateration`.
    pub const fn name(self) -> &'static str {
        BasisKind::NAMES[self as usize]
    }

    /// The kind with that name.
    pub fn parse(name: &str) -> Option<BasisKind> {
        BasisKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A map from vectors to coordinates: orthonormal axes, or anchors from which distances are measured.
///
/// The axes are stored in single precision, so that the coordinates have the bits of
/// [`vector::dot_product_with`](crate::vector::dot_product_with) for the vector and the axis. How far they are from
/// orthonormal after that rounding is known exactly enough to prove bounds ([`Basis::defect`]).
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, spatial::Basis};
///
/// let landmarks = Vectors::matrix(&[0.0, 3.0, 0.0, 4.0, 5.0, 0.0], 3)?;
/// let basis = Basis::landmarks(&landmarks)?;
/// assert_eq!((basis.dimension(), basis.axes()), (3, 2));
/// assert_eq!(basis.axis(1), [1.0, 0.0, 0.0]);
/// assert_eq!(Basis::from_bytes(&basis.to_bytes())?, basis);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    kind: BasisKind,
    dimension: usize,
    /// Row-major: one axis or anchor after the other.
    axes: Vec<f32>,
    /// The divisor of distances to anchors; 1 for axes.
    scale: f64,
    /// Rows of the sample to which it was fitted or on which its bounds were measured.
    sample: u64,
    /// Least and greatest coordinate of the sample on each axis; empty where there was no sample.
    bounds: Vec<[f64; 2]>,
    defect: f64,
}

impl Basis {
    /// The basis of the SQLCLR assembly that this library replaces: three axes for 1998 dimensions.
    ///
    /// `System.Random(42)` of .NET Framework (Knuth's subtractive generator) draws 3 × 1998 numbers r in \[0, 1); a
    /// component is 2r − 1 rounded to single precision, and the rows are orthonormalized in their order. Here that is
    /// done in double precision and the axes are rounded at the end.
    ///
    /// The original did it in single precision: each row is scaled to unit length, its part along each preceding axis
    /// is subtracted, and it is scaled again. Its dot products add the products chunk by chunk to a total: on
    /// processors without AVX2 chunks of four, ((p₀ + p₁) + p₂) + p₃, and with AVX2 chunks of eight, ((p₀ + p₁) + (p₂ +
    /// p₃)) + ((p₄ + p₅) + (p₆ + p₇)). So its stored points differ from one machine to another by up to 1e-6 per unit
    /// of component range. Coordinates on this basis agree with both orders within 3e-6 × the range of the components.
    pub fn clr_v1() -> Basis {
        clr_v1::basis()
    }

    /// The given vectors, orthonormalized in their order by the modified Gram–Schmidt process, done twice.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] that names the row where a vector is NULL, not finite, or in the span of those before it (less
    /// than 1e-6 of its length is outside of it), and where there are none, more than 1024 or more than dimensions;
    /// [`Error::Dimensions`] where a row's dimensions differ from the first row's.
    pub fn landmarks(vectors: &Vectors<'_>) -> Result<Basis, Error> {
        Basis::landmarks_in(vectors, &Vec::from_iter(0..vectors.len()))
    }

    /// [`Basis::landmarks`] of rows in a given order.
    pub(crate) fn landmarks_in(vectors: &Vectors<'_>, order: &[usize]) -> Result<Basis, Error> {
        let dimension = check_count(vectors, order, "landmarks")?;
        if dimension > 0 && order.len() > dimension {
            return Err(Error::Value {
                place: vectors.place().clone(),
                row: 0,
                found: format!("{} landmarks of {dimension} dimensions", order.len()),
                expected: "at most as many as dimensions: more are not linearly independent".into(),
            });
        }
        let rows = finite_rows(vectors, order)?;
        let axes = gram_schmidt(rows).map_err(|collinear| Error::Value {
            place: vectors.place().clone(),
            row: order[collinear.row] as u64 + 1,
            found: format!(
                "collinear with the landmarks before it ({:.1e} of its length lies outside of their span)",
                collinear.rest
            ),
            expected: "linearly independent landmarks".into(),
        })?;
        Basis::of_axes(BasisKind::Landmarks, dimension, &axes)
    }

    /// The axes along which a sample varies most, by descending variance; coordinates are not centred.
    ///
    /// The largest component of each axis, the first among equals, is positive. NULL rows are left out. If there are
    /// more rows than `limit`, evenly spaced ones are taken.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] where a row is not finite, or there are fewer than axes + 1 rows; [`Error::Dimensions`] where a
    /// row's dimensions differ from the first row's; [`Error::ParameterValue`] where `axes` is 0 or exceeds the
    /// dimensions.
    ///
    /// # Accuracy
    ///
    /// Subspace iteration on the covariance matrix of the centred sample or, with fewer rows than dimensions, on the
    /// products of the rows, in double precision over a power of two, until ‖C·a − λ·a‖ ≤ 1e-6·λ₁ for every axis before
    /// it is rounded to singles: axes whose variances are closer than that may be mixed. If they do not converge, the
    /// subspace is widened, at last to the whole smaller side. Every axis is then within 1e-6·λ₁ of a principal one of
    /// that variance; random directions beyond the wanted ones make it unlikely that a larger one is missed, but no
    /// residual proves it. Same bits on every machine.
    pub fn pca(compute: Compute, sample: &Vectors<'_>, axes: usize, limit: usize) -> Result<Basis, Error> {
        Basis::pca_within(compute, sample, axes, limit, &|_| Ok(()))
    }

    /// [`Basis::pca`] with a check before each allocation.
    pub(crate) fn pca_within(
        compute: Compute,
        sample: &Vectors<'_>,
        axes: usize,
        limit: usize,
        take: Take<'_>,
    ) -> Result<Basis, Error> {
        let there: Vec<usize> = (0..sample.len()).filter(|i| sample.row(*i).is_some()).collect();
        let taken = there.len().min(limit.max(1));
        // Evenly spaced: row ⌊i·n/taken⌋. The product of two row counts in memory fits 128 bits.
        let place = |i: usize| (i as u128 * there.len() as u128 / taken as u128) as usize;
        let picked: Vec<usize> = (0..taken).map(|i| there[place(i)]).collect();
        let dimension = picked.first().and_then(|row| sample.dimensions(*row)).unwrap_or(0);
        if taken < axes.saturating_add(1) {
            return Err(too_few(sample.place(), taken, axes));
        }
        check_dimension(sample.place(), dimension)?;
        check_shape("dimension", dimension, axes)?;
        let search = Search { compute, tolerance: SETTLED, take };
        let axes = search.axes(sample, &picked, axes)?.axes;
        Ok(Basis { sample: taken as u64, ..Basis::of_axes(BasisKind::Pca, dimension, &axes)? })
    }

    /// Random directions, orthonormalized: components uniform in \[−1, 1) from SplitMix64 (Steele, Lea and Flood 2014).
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where `axes` is 0 or exceeds `dimension`, or either exceeds the limits of a basis;
    /// [`Error::Memory`].
    pub fn random(dimension: usize, axes: usize, seed: u64) -> Result<Basis, Error> {
        check_shape("dimension", dimension, axes)?;
        Basis::of_axes(BasisKind::Random, dimension, &random::axes(dimension, axes, seed)?)
    }

    /// Coordinates that are Euclidean distances to anchors, divided by the largest distance between two anchors or by
    /// 1, whichever is greater, as computed by the procedure `sp_ComputeSpatialProjection` of the replaced system until
    /// November 2025.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] where an anchor is NULL, not finite in single precision or equal to another, and where there
    /// are none or more than 1024; [`Error::Dimensions`] where a row's dimensions differ from the first row's.
    pub fn trilateration(compute: Compute, anchors: &Vectors<'_>) -> Result<Basis, Error> {
        Basis::trilateration_in(compute, anchors, &Vec::from_iter(0..anchors.len()))
    }

    /// [`Basis::trilateration`] of rows in a given order.
    pub(crate) fn trilateration_in(
        compute: Compute,
        anchors: &Vectors<'_>,
        order: &[usize],
    ) -> Result<Basis, Error> {
        let dimension = check_count(anchors, order, "anchors")?;
        let rows = finite_rows(anchors, order)?;
        let axes: Vec<f32> = rows.iter().flatten().map(|v| *v as f32).collect();
        if let Some(large) = axes.iter().position(|v| !v.is_finite()) {
            return Err(Error::Value {
                place: anchors.place().clone(),
                row: order[large / dimension] as u64 + 1,
                found: format!("{:?}", rows[large / dimension][large % dimension]),
                expected: "numbers that f32 holds, as anchors are stored".into(),
            });
        }
        let compute = compute.accumulate(Accumulate::F64);
        let mut scale = 1.0f64;
        for (i, a) in axes.chunks(dimension).enumerate() {
            for b in axes.chunks(dimension).take(i) {
                let distance = crate::vector::euclidean_distance_with(compute, a, b)?;
                if distance == 0.0 || !distance.is_finite() {
                    return Err(Error::Value {
                        place: anchors.place().clone(),
                        row: order[i] as u64 + 1,
                        found: format!("an anchor at distance {distance} from another"),
                        expected: "different anchors of finite distance".into(),
                    });
                }
                scale = scale.max(distance);
            }
        }
        Ok(Basis {
            kind: BasisKind::Trilateration,
            dimension,
            axes,
            scale,
            sample: 0,
            bounds: Vec::new(),
            defect: f64::INFINITY,
        })
    }

    /// Rounds orthonormal axes to single precision.
    fn of_axes(kind: BasisKind, dimension: usize, axes: &[Vec<f64>]) -> Result<Basis, Error> {
        let axes: Vec<f32> = axes.iter().flatten().map(|v| *v as f32).collect();
        let defect = orthonormal::defect(&axes, dimension)?;
        Ok(Basis { kind, dimension, axes, scale: 1.0, sample: 0, bounds: Vec::new(), defect })
    }

    /// How it was made.
    pub fn kind(&self) -> BasisKind {
        self.kind
    }

    /// Dimensions of the vectors that it projects.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of axes, or anchors.
    pub fn axes(&self) -> usize {
        self.axes.len() / self.dimension
    }

    /// Axis or anchor `i`, from 0.
    ///
    /// # Panics
    ///
    /// If there is no such axis.
    pub fn axis(&self, i: usize) -> &[f32] {
        &self.axes[i * self.dimension..][..self.dimension]
    }

    /// The divisor of distances to anchors; 1 for axes.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Rows of the sample to which it was fitted or on which its bounds were measured; 0 if there was none.
    pub fn sample(&self) -> u64 {
        self.sample
    }

    /// Least and greatest coordinate of the sample on each axis; empty if there was no sample.
    pub fn bounds(&self) -> &[[f64; 2]] {
        &self.bounds
    }

    /// An upper bound of ‖A·Aᵀ − I‖ for the matrix A of the stored axes; infinite for anchors.
    pub fn defect(&self) -> f64 {
        self.defect
    }

    /// All axes as packed elements of that width.
    pub(crate) fn packed(&self, width: Width) -> Vec<u8> {
        match width {
            Width::F32 => bytemuck::cast_slice(&self.axes).to_vec(),
            Width::F64 => self.axes.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect(),
        }
    }
}

/// The rows in that order as doubles; an error if one is NULL, not finite or of another dimension.
fn finite_rows(vectors: &Vectors<'_>, order: &[usize]) -> Result<Vec<Vec<f64>>, Error> {
    let bad = |row: usize, found: &str| Error::Value {
        place: vectors.place().clone(),
        row: row as u64 + 1,
        found: found.into(),
        expected: "a vector of finite numbers".into(),
    };
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(order.len());
    for &i in order {
        let row = decode(vectors.wide_element(), vectors.row(i).ok_or_else(|| bad(i, "NULL"))?);
        if let Some(first) = rows.first().filter(|first| first.len() != row.len()) {
            return Err(vectors.mismatch(i, Place::Whole(format!("row {}", order[0] + 1)), first.len()));
        }
        if !row.iter().all(|v| v.is_finite()) {
            return Err(bad(i, "a number that is not finite"));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Checks the number of landmarks or anchors before reading any; returns their dimension, 0 where all are NULL.
fn check_count(vectors: &Vectors<'_>, order: &[usize], what: &str) -> Result<usize, Error> {
    if order.is_empty() || order.len() > MAX_AXES {
        return Err(Error::Value {
            place: vectors.place().clone(),
            row: 0,
            found: format!("{} {what}", order.len()),
            expected: format!("from 1 to {MAX_AXES}"),
        });
    }
    let Some(dimension) = order.iter().find_map(|row| vectors.dimensions(*row)) else { return Ok(0) };
    check_dimension(vectors.place(), dimension)?;
    Ok(dimension)
}

/// Checks the dimension of a column's vectors.
fn check_dimension(place: &Place, dimension: usize) -> Result<(), Error> {
    if (1..=bytes::MAX_DIMENSION).contains(&dimension) {
        return Ok(());
    }
    Err(Error::Value {
        place: place.clone(),
        row: 0,
        found: format!("vectors of {dimension} dimensions"),
        expected: format!("from 1 to {} dimensions", bytes::MAX_DIMENSION),
    })
}

/// Checks that the axes are no more than the dimensions.
fn check_shape(what: &str, dimension: usize, axes: usize) -> Result<(), Error> {
    check_limits(what, dimension, axes)?;
    if axes > dimension {
        return Err(Error::ParameterValue {
            name: "axes".into(),
            value: axes.to_string(),
            expected: format!("at most {dimension}, the dimension of the vectors"),
        });
    }
    Ok(())
}

/// Checks the limits of the serialized form.
fn check_limits(what: &str, dimension: usize, axes: usize) -> Result<(), Error> {
    let wrong = |name: &str, value: usize, expected: String| {
        Err(Error::ParameterValue { name: name.into(), value: value.to_string(), expected })
    };
    if dimension == 0 || dimension > bytes::MAX_DIMENSION {
        return wrong(what, dimension, format!("from 1 to {} dimensions", bytes::MAX_DIMENSION));
    }
    if axes == 0 || axes > MAX_AXES {
        return wrong("axes", axes, format!("from 1 to {MAX_AXES}"));
    }
    Ok(())
}

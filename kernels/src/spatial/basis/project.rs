//! Projects vectors to points.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::Range;

use crate::arch::{Part, Simd, Task, zeros};
use crate::column::vectors::{Vectors, decode};
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, PackedBytes, RowShape, Streaming, Values,
};
use crate::error::{Error, Place};
use crate::number::canonical::canonical_number;
use crate::number::element::Width;
use crate::number::range;
use crate::pairwise::compute::Compute;
use crate::pairwise::lane_major::Packed;
use crate::pairwise::one_to_many::{OneToMany, Wanted};
use crate::pairwise::precision::{Accumulate, Precision, with_precision};
use crate::pairwise::reduce::{self, Dot, Pair};
use crate::pairwise::tiles::Tiles;
use crate::parallel;
use crate::parallel::PANEL;
use crate::spatial::basis::{Basis, BasisKind};
use crate::spatial::columns::{self, SRID};
use crate::spatial::geometry::SpatialType;
use crate::spatial::geometry::points;
use crate::spatial::params::XY;
use crate::spatial::params::{self, ACCUMULATE_POINTS, BASIS, PAD, X, Y, Z};
use crate::vector::rows;

/// Coordinates of many vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    axes: usize,
    /// Row-major; NaN for a NULL row.
    coordinates: Vec<f64>,
    /// Σ vᵢ² of each row; negative for a NULL row.
    squares: Vec<f64>,
    /// Rows whose square left the range of doubles, with their lengths, by row.
    extreme: Vec<(usize, f64)>,
}

impl Projection {
    /// Number of rows, NULL rows included.
    pub fn len(&self) -> usize {
        self.squares.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.squares.is_empty()
    }

    /// The coordinates of row `i`, one per axis; `None` where the vector is NULL or out of range.
    pub fn point(&self, i: usize) -> Option<&[f64]> {
        self.square(i).map(|_| &self.coordinates[i * self.axes..][..self.axes])
    }

    /// The squared length of vector `i`; `None` where it is NULL or out of range.
    pub fn square(&self, i: usize) -> Option<f64> {
        // NaN is a valid square: that of a vector with NaN.
        self.squares.get(i).copied().filter(|square| *square >= 0.0 || square.is_nan())
    }

    /// The length of vector `i`, even if its square leaves the range of doubles; `None` where it is NULL or out of
    /// range.
    pub fn length(&self, i: usize) -> Option<f64> {
        let square = self.square(i)?;
        let extreme = self.extreme.binary_search_by_key(&i, |(row, _)| *row);
        Some(extreme.map_or(square.sqrt(), |at| self.extreme[at].1))
    }

    /// The distance of vector `i` from the span of orthonormal axes, √(Σ vᵢ² − Σ cᵢ²): the part that the coordinates do
    /// not cover.
    ///
    /// # Accuracy
    ///
    /// The difference of the squares has an error of about [`Basis::defect`] times Σ vᵢ². So a residual r has an error
    /// of about defect·‖v‖² / (2r), and one that should be 0 may be as large as √defect·‖v‖: some 3e-4·‖v‖ for a defect
    /// of 1e-7.
    pub fn residual(&self, i: usize) -> Option<f64> {
        let point = self.point(i)?;
        // Rounding may make the difference slightly negative; NaN stays NaN.
        let root = |rest: f64| if rest < 0.0 { 0.0 } else { rest.sqrt() };
        let squares = |unit: f64| point.iter().map(|c| (c / unit) * (c / unit)).sum::<f64>();
        if !range::is_suspect(self.squares[i]) {
            return Some(root(self.squares[i] - squares(1.0)));
        }
        let length = self.length(i)?;
        let unit = range::unit([length].into_iter());
        Some(root((length / unit) * (length / unit) - squares(unit)) * unit)
    }

    /// All coordinates, row-major; NaN for a NULL row.
    pub fn coordinates(&self) -> &[f64] {
        &self.coordinates
    }
}

/// Coordinates of vectors on a basis, in double precision.
///
/// # Shapes
///
/// m vectors of the basis's dimension; returns m × axes coordinates. With `pad`, shorter vectors are padded with zeros.
///
/// # Errors
///
/// [`Error::Dimensions`] where a vector is longer than the basis's dimension or, without `pad`, shorter.
///
/// # Accuracy
///
/// The dot product of vector and axis with [`Accumulate::F64`], or the Euclidean distance from the anchor over the
/// scale, with the bits of [`crate::vector::dot_product_with`] and [`crate::vector::euclidean_distance_with`]. The axes
/// are singles. A NaN is the canonical one.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, spatial};
/// let basis = spatial::Basis::landmarks(&Vectors::matrix(&[2.0, 0.0, 0.0, 0.0, 0.0, 0.5], 3)?)?;
/// let points = spatial::project(&basis, &Vectors::matrix(&[1.0, 2.0, 3.0], 3)?, false)?;
/// assert_eq!(points.point(0), Some(&[1.0, 3.0][..]));
/// assert_eq!(points.residual(0), Some(2.0));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn project(basis: &Basis, vectors: &Vectors<'_>, pad: bool) -> Result<Projection, Error> {
    project_with(Compute::new().accumulate(Accumulate::F64), basis, vectors, pad)
}

/// [`project`] with a chosen precision or level.
///
/// # Errors
///
/// As [`project`].
pub fn project_with(
    compute: Compute,
    basis: &Basis,
    vectors: &Vectors<'_>,
    pad: bool,
) -> Result<Projection, Error> {
    let axes = basis.axes();
    let mut coordinates = zeros("the coordinates", vectors.len() * axes)?;
    let mut squares = vec![-1.0; vectors.len()];
    fill(compute, basis, vectors, pad, &mut coordinates, Some(&mut squares))?;
    // Squares of singles are in the range of doubles, and so is the square of a zero vector.
    let suspect = |i: &usize| vectors.width() == Width::F64 && range::is_suspect(squares[*i]);
    let length = |i: usize| {
        let row = decode(vectors.wide_element(), vectors.row(i)?);
        Some((i, range::norm(row.into_iter()))).filter(|(_, length)| *length > 0.0)
    };
    let extreme = (0..vectors.len()).filter(suspect).filter_map(length).collect();
    Ok(Projection { axes, coordinates, squares, extreme })
}

/// As [`project`], the coordinates alone, into the caller's memory.
///
/// # Errors
///
/// As [`project`], and [`Error::ParameterValue`] where `coordinates` does not have m × axes elements. After an error
/// its content is unspecified.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, spatial};
/// let basis = spatial::Basis::landmarks(&Vectors::matrix(&[2.0, 0.0, 0.0, 0.0, 0.0, 0.5], 3)?)?;
/// let mut out = [0.0; 2];
/// spatial::project_into(&basis, &Vectors::matrix(&[1.0, 2.0, 3.0], 3)?, false, &mut out)?;
/// assert_eq!(out, [1.0, 3.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn project_into(
    basis: &Basis,
    vectors: &Vectors<'_>,
    pad: bool,
    coordinates: &mut [f64],
) -> Result<(), Error> {
    project_into_with(Compute::new().accumulate(Accumulate::F64), basis, vectors, pad, coordinates)
}

/// [`project_into`] with a chosen precision or level.
///
/// # Errors
///
/// As [`project_into`].
pub fn project_into_with(
    compute: Compute,
    basis: &Basis,
    vectors: &Vectors<'_>,
    pad: bool,
    coordinates: &mut [f64],
) -> Result<(), Error> {
    if Some(coordinates.len()) != vectors.len().checked_mul(basis.axes()) {
        return Err(Error::ParameterValue {
            name: "coordinates".into(),
            value: format!("{} numbers", coordinates.len()),
            expected: format!("{} for each of {} rows", basis.axes(), vectors.len()),
        });
    }
    fill(compute, basis, vectors, pad, coordinates, None)
}

/// Computes all coordinates, and if wanted the squares of the rows that are not NULL.
fn fill(
    compute: Compute,
    basis: &Basis,
    vectors: &Vectors<'_>,
    pad: bool,
    mut coordinates: &mut [f64],
    mut squares: Option<&mut [f64]>,
) -> Result<(), Error> {
    let packed = basis.packed(vectors.width());
    let axes: Vec<&[u8]> = packed.chunks(basis.dimension() * vectors.width().bytes()).collect();
    let axes = &axes[..];
    let count = axes.len();
    // More axes are more work, so fewer rows make a block worth its hand-over; but each block copies all axes once.
    let bytes = vectors.bytes().len();
    let work = bytes.saturating_mul(count.div_ceil(8).min(2));
    let copied = &Packed::default();
    let mut pieces = Vec::new();
    for rows in parallel::ranges(vectors.len(), work.min(FEW_BLOCKS).max(bytes)) {
        let coordinates = coordinates.split_off_mut(..rows.len() * count).expect("those of all rows");
        let squares =
            squares.as_mut().map(|squares| squares.split_off_mut(..rows.len()).expect("those of all rows"));
        let accumulate = compute.accumulate;
        pieces.push(Block { basis, axes, copied, accumulate, vectors, pad, rows, coordinates, squares });
    }
    parallel::each(pieces, work, |block| compute.level.run(block))
}

/// Checks that a row's point is finite.
///
/// # Errors
///
/// [`Error::Value`] that names the row and the axis.
pub(crate) fn check_finite(place: &Place, row: usize, point: &[f64]) -> Result<(), Error> {
    let Some(axis) = point.iter().position(|c| !c.is_finite()) else { return Ok(()) };
    let name = match axis {
        0 => "x".to_string(),
        1 => "y".to_string(),
        2 => "z".to_string(),
        more => format!("number {}", more + 1),
    };
    Err(Error::Value {
        place: place.clone(),
        row: row as u64 + 1,
        found: format!("coordinate {name} is {}", point[axis]),
        expected: "finite coordinates, as a point has".into(),
    })
}

/// Bytes of rows that more than a few axes may split into smaller blocks.
const FEW_BLOCKS: usize = 1 << 25;

/// Axes per pass over a row that streams from memory.
const STREAMED: usize = 3;

/// A block of rows against all axes.
struct Block<'a> {
    basis: &'a Basis,
    axes: &'a [&'a [u8]],
    copied: &'a Packed,
    accumulate: Accumulate,
    vectors: &'a Vectors<'a>,
    pad: bool,
    rows: Range<usize>,
    /// The coordinates of its rows, to be written.
    coordinates: &'a mut [f64],
    /// The squares of its rows, to be written if wanted and the row is not NULL.
    squares: Option<&'a mut [f64]>,
}

impl<'a> Block<'a> {
    /// The row's bytes, checked; `None` for NULL.
    fn row(&self, i: usize) -> Result<Option<&'a [u8]>, Error> {
        let Some(row) = self.vectors.row(i) else { return Ok(None) };
        let full = self.basis.dimension() * self.vectors.width().bytes();
        if row.len() > full || (row.len() < full && !self.pad) {
            return Err(self.vectors.mismatch(i, Place::whole("the basis"), self.basis.dimension()));
        }
        Ok(Some(row))
    }

    /// The coordinates of the row at that index of the block.
    fn point(&mut self, place: usize) -> &mut [f64] {
        let count = self.axes.len();
        &mut self.coordinates[place * count..][..count]
    }

    fn set_square(&mut self, place: usize, square: f64) {
        if let Some(squares) = &mut self.squares {
            squares[place] = square;
        }
    }

    /// Dot products of one row with all axes.
    #[inline(always)]
    fn single<M: Precision, S: Simd>(&mut self, simd: S, place: usize, row: &[u8]) {
        let (axes, count) = (self.axes, self.axes.len());
        let point = &mut self.coordinates[place * count..][..count];
        let square = self.squares.as_mut().map(|squares| &mut squares[place]);
        simd.run(OneByOne::<M> { axes, row, point, square, mode: PhantomData });
    }

    /// Dot products of equally long rows with [`STREAMED`] axes.
    #[inline(always)]
    fn streamed<M: Precision, S: Simd, const R: usize>(&mut self, simd: S, place: usize, rows: [&[u8]; R]) {
        let axes: [&[u8]; STREAMED] = self.axes.try_into().expect("so many axes");
        let axes = axes.map(|axis| &axis[..rows[0].len()]);
        let found = if self.squares.is_some() {
            simd.run(Streamed::<M, R, true> { axes, rows, mode: PhantomData })
        } else {
            simd.run(Streamed::<M, R, false> { axes, rows, mode: PhantomData })
        };
        for (r, (dots, square)) in found.into_iter().enumerate() {
            for (c, dot) in self.point(place + r).iter_mut().zip(dots) {
                *c = canonical_number(dot);
            }
            self.set_square(place + r, square);
        }
    }

    /// Points of rows on up to [`STREAMED`] axes, two rows at once where the registers hold the sums of both.
    #[inline(always)]
    fn few<M: Precision, S: Simd>(&mut self, simd: S) -> Result<(), Error> {
        let mut next = self.rows.clone();
        while let Some(i) = next.next() {
            let place = i - self.rows.start;
            let Some(row) = self.row(i)? else {
                self.point(place).fill(f64::NAN);
                continue;
            };
            // The constant keeps this out of builds for levels that never need it.
            if S::WIDE_TILE && self.axes.len() == STREAMED {
                let second = if next.is_empty() { None } else { self.row(i + 1)? };
                match second.filter(|second| second.len() == row.len()) {
                    Some(second) => {
                        self.streamed::<M, S, 2>(simd, place, [row, second]);
                        next.next();
                    }
                    None => self.streamed::<M, S, 1>(simd, place, [row]),
                }
            } else {
                self.single::<M, S>(simd, place, row);
            }
        }
        Ok(())
    }

    /// Points of rows on more axes.
    #[inline(always)]
    fn many<M: Precision, S: Simd>(&mut self, simd: S) -> Result<(), Error> {
        let axes = self.axes;
        let mut tiles = Tiles::<M, S>::new(simd, axes, Some(self.copied));
        let mut dots = vec![0.0; axes.len() * PANEL];
        let mut panel: Vec<(usize, &[u8])> = Vec::with_capacity(PANEL);
        let mut next = 0;
        while next < self.rows.len() {
            panel.clear();
            while next < self.rows.len() && panel.len() < PANEL {
                match self.row(self.rows.start + next)? {
                    // Tiles take rows of one length; other rows are processed alone.
                    Some(row) if row.len() == axes[0].len() => panel.push((next, row)),
                    Some(row) => self.single::<M, S>(simd, next, row),
                    None => self.point(next).fill(f64::NAN),
                }
                next += 1;
            }
            tiles.dots(simd, &panel, self.squares.is_some(), &mut dots);
            for (n, (place, _)) in panel.iter().enumerate() {
                for (c, dots) in self.point(*place).iter_mut().zip(dots.chunks_exact(PANEL)) {
                    *c = canonical_number(dots[n]);
                }
                self.set_square(*place, tiles.squares()[n]);
            }
        }
        Ok(())
    }

    /// Distances of rows from anchors.
    #[inline(always)]
    fn distances<M: Precision, S: Simd>(&mut self, simd: S) -> Result<(), Error> {
        let scale = self.basis.scale();
        let anchors: Vec<(usize, &[u8])> = self.axes.iter().copied().enumerate().collect();
        for (place, i) in self.rows.clone().enumerate() {
            let Some(row) = self.row(i)? else {
                self.point(place).fill(f64::NAN);
                continue;
            };
            // The missing end is zeros.
            let mut padded = Cow::Borrowed(row);
            if row.len() < self.axes[0].len() {
                padded.to_mut().resize(self.axes[0].len(), 0);
            }
            let pairs = (&padded[..], &anchors[..]);
            let point = self.point(place);
            simd.run(OneToMany::<M>::new(pairs, Wanted::EuclideanDistance, point, &mut []));
            point.iter_mut().for_each(|c| *c = canonical_number(*c / scale));
            if self.squares.is_some() {
                let (width, accumulate) = (self.vectors.width(), self.accumulate);
                self.set_square(place, simd.run(Pair { form: Dot, width, accumulate, a: row, b: row }));
            }
        }
        Ok(())
    }
}

/// One row against all axes, one after the other.
struct OneByOne<'a, M> {
    axes: &'a [&'a [u8]],
    row: &'a [u8],
    point: &'a mut [f64],
    /// Written if present.
    square: Option<&'a mut f64>,
    mode: PhantomData<M>,
}

impl<M: Precision, S: Simd> Part<S> for OneByOne<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run(mut self, simd: S) {
        let row = self.row;
        for (a, (axis, c)) in self.axes.iter().zip(self.point).enumerate() {
            let axis = &axis[..row.len()];
            // The first axis reads the row from memory, the others from a cache.
            let dot = match &mut self.square {
                Some(square) if a == 0 => {
                    let (dot, found) = reduce::dot_and_square::<M, S, true>(simd, axis, row);
                    **square = found;
                    dot
                }
                None if a == 0 => reduce::stream_dot::<M, S>(simd, axis, row),
                _ => reduce::dot::<M, S>(simd, axis, row),
            };
            *c = canonical_number(dot);
        }
    }
}

/// `R` equally long rows against [`STREAMED`] axes; `SQUARES`: also the rows' squares.
struct Streamed<'a, M, const R: usize, const SQUARES: bool> {
    axes: [&'a [u8]; STREAMED],
    rows: [&'a [u8]; R],
    mode: PhantomData<M>,
}

impl<M: Precision, S: Simd, const R: usize, const SQUARES: bool> Part<S> for Streamed<'_, M, R, SQUARES> {
    type Output = [([f64; STREAMED], f64); R];
    #[inline(always)]
    fn run(self, simd: S) -> Self::Output {
        reduce::stream_dots_and_squares::<M, S, STREAMED, R, SQUARES>(simd, self.axes, self.rows)
    }
}

impl Task for Block<'_> {
    type Output = Result<(), Error>;
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> Self::Output {
        with_precision!(self.vectors.width(), self.accumulate, M => {
            if self.basis.kind() == BasisKind::Trilateration {
                self.distances::<M, S>(simd)
            } else if self.axes.len() <= STREAMED {
                self.few::<M, S>(simd)
            } else {
                self.many::<M, S>(simd)
            }
        })
    }
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let basis = params::basis_of(call)?;
    let vectors = call.vectors(0)?;
    // Coordinates while they are computed and when they are merged; then five columns and one of NULLs, and the points'
    // bytes, in blocks and whole, with their lengths.
    let bytes = (call.rows as u64).saturating_mul(16 * (basis.axes() as u64 + 1) + 6 * 16 + 2 * 42);
    call.check_memory("the points", bytes)?;
    let projection = project_with(rows::compute_of(call)?, &basis, vectors, params::pad_of(call))?;
    for i in 0..call.rows {
        check_finite(vectors.place(), i, projection.point(i).unwrap_or_default())?;
    }
    let [x, y, z] = [0, 1, 2].map(|axis| -> Vec<Option<f64>> {
        let of = |i| projection.point(i).map(|point| params::coordinate(point, axis));
        (0..call.rows).map(of).collect()
    });
    let (srid, m) = (columns::srid_of(call), vec![None; call.rows]);
    let (bytes, lengths) = points::encode_columns([&x, &y, &z, &m], srid, SpatialType::Geometry)?;
    let norm = (0..call.rows).map(|i| projection.length(i)).collect();
    // Anchors span no space outside of which a vector could lie.
    let orthonormal = basis.kind() != BasisKind::Trilateration;
    let residual = (0..call.rows).map(|i| projection.residual(i).filter(|_| orthonormal)).collect();
    Ok(Output {
        columns: vec![
            Values::Float(x),
            Values::Float(y),
            Values::Float(z),
            Values::Packed(PackedBytes { bytes, lengths }),
            Values::Float(norm),
            Values::Float(residual),
        ],
        picked: None,
    })
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_project",
    family: Family::Spatial,
    summary: "Vectors to points in space, as numbers and as serialized points.",
    details: "A coordinate is the dot product with an axis of the basis or, with a basis of trilateration, the distance from an \
              anchor over the basis's scale. x, y and z are the first three; those that the basis does not have are 0. The bytes are a POINT with Z. The residual is the vector's distance from the span of the \
              axes, √(norm² − Σ cᵢ²) over all axes: what the point does not show of it.",
    inputs: &[ID, V],
    optional: &[],
    params: &[BASIS, PAD, SRID, ELEMENT, ACCUMULATE_POINTS],
    outputs: &[
        ID,
        X,
        Y,
        Z,
        Column {
            name: "geometry",
            kind: Kind::Point,
            unit: "1",
            summary: "POINT (x y z), serialized in 30 bytes.",
        },
        Column { name: "norm", kind: Kind::Float, unit: "that of the vectors", summary: "Length of the vector." },
        Column {
            name: "residual",
            kind: Kind::Float,
            unit: "that of the vectors",
            summary: "Distance from the span of the axes; NULL for trilateration.",
        },
    ],
    rows: RowShape::Same,
    nulls: "A NULL vector gives NULL in all columns.",
    empty: "An empty vector is of the wrong dimension, or, with pad = yes, the origin.",
    nan: "A coordinate that is not finite is an error that names the row: a point has none.",
    accuracy: "The bits of vector_dot_product of vector and axis with the same `accumulate`, so the error is that of the dot product. \
               A residual r is off by about d·norm² / (2r), and one that should be 0 may be √d·norm, where d, at most 1.2e-7·axes, is how far the axes, \
               rounded to singles, are from orthonormal. norm has a relative error of at most (dimension/64 + 8)·2⁻⁵³ with accumulate = f64 and of any size. clr_v1 agrees with the original within 3e-6 × the range of the components; the original itself differs \
               between processors by a third of that. Same bits on every instruction set and for any number of threads.",
    streaming: Streaming::Rows,
    source: "fn_ProjectTo3D and clr_ProjectToPoint of the replaced functions; [MS-SSCLRT] section 2.1.",
    elements: "",
    sql: columns::SQL_WRITES,
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[3.0, 4.0, 12.0])], &[Cell::Int(2), Cell::Null]],
        params: &[("basis", Cell::Binary(XY))],
        outputs: &[
            &[
                Cell::Int(1),
                Cell::Float(3.0),
                Cell::Float(4.0),
                Cell::Float(0.0),
                Cell::Binary(b"\x00\x00\x00\x00\x01\x0d\x00\x00\x00\x00\x00\x00\x08\x40\x00\x00\x00\x00\x00\x00\x10\x40\x00\x00\x00\x00\x00\x00\x00\x00"),
                Cell::Float(13.0),
                Cell::Float(12.0),
            ],
            &[Cell::Int(2), Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null],
        ],
    },
    run,
};

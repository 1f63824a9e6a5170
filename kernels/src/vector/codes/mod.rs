//! Codes of vectors, a byte a component, that bound the distance which exact search computes.
//!
//! A code needs a quarter of the memory of singles. A row whose lower bound is greater than the upper bounds of `k`
//! others cannot be among the `k` nearest; only the few rows that remain are computed from the vectors. The hits have
//! the rows, bits, ties and order of the search without codes (the VA-file's filter and refine: Weber, Schek and Blott
//! 1998, "A Quantitative Analysis and Performance Study for Similarity-Search Methods in High-Dimensional Spaces").
//!
//! # The code
//!
//! A row x has a scale s ≥ 0, which is a single, and integers qᵢ in [−128, 127]; r = x − s·q is what the code leaves
//! out. With them go R ≥ ‖r‖, X ≥ ‖x‖ and κ ≥ |q·r|/√Q, rounded up to singles, and Q = Σ qᵢ². Because s is a single,
//! s·qᵢ is exact in double precision, so R, X and κ hold whatever s and q are; good ones make R small. Bytes are coded
//! with s = 1 and without residual. A row with NaN or an infinity, or whose norm is no single, has X = ∞: nothing is
//! proven for it, and it is always computed. A code bounds no Manhattan distance, whose search is that without codes.
//!
//! # The bounds
//!
//! A query is coded like a row: y = t·p + w, with W, Y, λ ≥ |p·w|/√P and P. Then
//!
//! > y·x = s·t·(p·q) + w·(s·q) + y·r,
//!
//! where I = p·q is an exact integer, so y·x differs from A = s·t·I by at most E, the lesser of W·s·√Q + Y·R and
//!
//! > sin(p, q)·(W·s·√Q + t·√P·R) + W·R + λ·s·|I|/√P + κ·t·|I|/√Q.
//!
//! The second splits w along p, and r along q. It is the sharper one for rows near the query, where the sine is small;
//! λ and κ are rounding only, as t and s are those of least squares. [`bound`] adds what the computed
//! distance may differ from the true one ([`crate::vector`]) and its own rounding.
//!
//! # The search
//!
//! Rows lie in blocks of 32, four bytes of each side by side, so that a register adds up the products of several rows
//! ([`search`]). A row that a linear bound in single precision excludes is not looked at further ([`filter`]).

mod bound;
mod checksum;
mod encode;
mod few;
mod filter;
mod layout;
mod quantize;
pub(crate) mod search;

pub(crate) use few::Few;
pub use quantize::quantize;
pub(crate) use quantize::{packed_codes, packed_size, quantize_with};
pub use search::Bounded;
use search::Source;

use crate::arch::{CODE_GROUPS, CodeGroup, LANES, zeros};
use crate::column::vectors::Vectors;
use crate::error::{Error, Place};
use crate::number::element::Element;
use crate::pairwise::compute::Compute;
use crate::vector::distance::Metric;
use crate::vector::nearest_rows::Wanted;

use bytemuck::{Pod, Zeroable};

/// Greatest dimension of a vector that has a code.
pub(crate) const MOST_DIMENSIONS: usize = 4 * CODE_GROUPS;

/// A code's numbers, and the checksum of its vector.
#[derive(Clone, Copy, Debug, PartialEq, Zeroable, Pod)]
#[repr(C)]
pub(crate) struct Numbers {
    /// s
    scale: f32,
    /// R
    residual: f32,
    /// X; infinite where nothing is proven, NaN where the row is NULL.
    norm: f32,
    /// κ
    alignment: f32,
    /// Q
    square: u32,
    checksum: u32,
}

impl Numbers {
    /// A row that is NULL.
    const NULL: Numbers =
        Numbers { scale: 0.0, residual: 0.0, norm: f32::NAN, alignment: 0.0, square: 0, checksum: 0 };

    /// The numbers of a row of which nothing is known but its checksum.
    fn unknown(checksum: u32) -> Numbers {
        Numbers { residual: f32::INFINITY, norm: f32::INFINITY, checksum, ..Numbers::NULL }
    }

    fn is_null(&self) -> bool {
        self.norm.is_nan()
    }

    /// s·√Q, or up to 2⁻⁵⁰ more.
    fn spread(&self) -> f64 {
        f64::from(self.scale) * f64::from(self.square).sqrt() * (1.0 + (-50f64).exp2())
    }
}

/// The least single that is not smaller.
fn up(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) < value { nearest.next_up() } else { nearest }
}

/// What the filter needs of a block's rows, row beside row.
#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(C, align(64))]
struct Lanes {
    scale: [f32; LANES],
    spread: [f32; LANES],
    residual: [f32; LANES],
    norm: [f32; LANES],
}

/// A group of bytes on a boundary of cache lines.
#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(C, align(64))]
struct Group(CodeGroup);

/// The codes of a column of vectors, as search reads them.
///
/// They take n + 40 bytes a row for n dimensions, and belong to the vectors they were made from ([`quantize`]): search
/// compares a checksum and the bounds for every row whose vector it computes.
///
/// # Examples
///
/// ```
/// use hart_kernels::{TopK, Vectors, vector};
/// let rows = Vectors::matrix(&[1.0, 0.0, 0.0, 1.0, 0.6, 0.8], 2)?;
/// let query = Vectors::matrix(&[1.0, 0.0], 2)?;
/// let codes = vector::quantize(&rows)?;
/// let hits = TopK::new(2).codes(&codes).search(&rows, &query)?;
/// assert_eq!(hits, TopK::new(2).search(&rows, &query)?);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone)]
pub struct Codes {
    element: Element,
    dimensions: usize,
    numbers: Vec<Numbers>,
    lanes: Vec<Lanes>,
    /// The groups of the first block, of the second, …
    groups: Vec<Group>,
}

impl std::fmt::Debug for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Codes of {} rows of {} {}", self.len(), self.dimensions, self.element.name())
    }
}

/// One block of [`LANES`] rows while it is made.
struct Block<'a> {
    numbers: &'a mut [Numbers],
    lanes: &'a mut Lanes,
    groups: &'a mut [Group],
}

impl Block<'_> {
    /// Puts a row's code in its place.
    fn place(&mut self, row: usize, numbers: Numbers, bytes: &[u8]) {
        let (fours, rest) = bytes.as_chunks::<4>();
        for (group, four) in self.groups.iter_mut().zip(fours) {
            group.0[4 * row..][..4].copy_from_slice(four);
        }
        if let Some(group) = self.groups.get_mut(fours.len()) {
            group.0[4 * row..][..rest.len()].copy_from_slice(rest);
        }
        self.set(row, numbers);
    }

    fn set(&mut self, row: usize, numbers: Numbers) {
        self.numbers[row] = numbers;
        let [scale, spread, residual, norm] = filter::lane(&numbers);
        self.lanes.scale[row] = scale;
        self.lanes.spread[row] = spread;
        self.lanes.residual[row] = residual;
        self.lanes.norm[row] = norm;
    }
}

impl Codes {
    /// Room for `rows` codes, and its blocks.
    fn room(element: Element, dimensions: usize, rows: usize) -> Result<Codes, Error> {
        const WHAT: &str = "the codes";
        let (blocks, groups) = (rows.div_ceil(LANES), dimensions.div_ceil(4));
        let codes = Codes {
            element,
            dimensions,
            numbers: zeros(WHAT, rows)?,
            lanes: zeros(WHAT, blocks)?,
            groups: zeros(WHAT, blocks.saturating_mul(groups))?,
        };
        Ok(codes)
    }

    /// Bytes of [`Codes`] of that shape.
    pub(crate) fn size(rows: usize, dimensions: usize) -> u64 {
        let rows = rows.next_multiple_of(LANES) as u64;
        rows.saturating_mul(dimensions.next_multiple_of(4) as u64 + 16 + size_of::<Numbers>() as u64)
    }

    fn blocks_mut(&mut self) -> impl ExactSizeIterator<Item = Block<'_>> {
        let groups = self.dimensions.div_ceil(4);
        // Vectors of no dimensions have no groups.
        let mut rest = self.groups.as_mut_slice();
        self.numbers.chunks_mut(LANES).zip(&mut self.lanes).map(move |(numbers, lanes)| {
            let (groups, others) = std::mem::take(&mut rest).split_at_mut(groups);
            rest = others;
            Block { numbers, lanes, groups }
        })
    }

    /// The groups of a block.
    #[inline(always)]
    fn block(&self, block: usize) -> &[CodeGroup] {
        let groups = self.dimensions.div_ceil(4);
        bytemuck::cast_slice(&self.groups[block * groups..][..groups])
    }

    /// Number of rows, NULL rows included.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Dimensions of the vectors; 0 where all are NULL.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Element type of the vectors.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Row `i`'s code as it travels, n + 40 bytes; `None` where the row is NULL.
    ///
    /// | byte | holds |
    /// |---|---|
    /// | 0 | `HC` |
    /// | 2 | version: 1 |
    /// | 3 | element type of the vector: 0 f32, 1 f64, 2 f16, 3 bf16, 4 i8 |
    /// | 4 | dimensions n, 32 bits |
    /// | 8 | scale s, single |
    /// | 12 | residual R, single, rounded up |
    /// | 16 | norm X, single, rounded up; infinite where nothing is proven |
    /// | 20 | alignment κ, single, rounded up |
    /// | 24 | Q = Σ qᵢ², 64 bits |
    /// | 32 | checksum of the vector: of its components as little-endian singles, or doubles of f64 |
    /// | 36 | CRC-32 of the code without this field |
    /// | 40 | n bytes qᵢ + 128 |
    ///
    /// All numbers are little-endian.
    ///
    /// # Panics
    ///
    /// If `i` is out of range.
    pub fn row(&self, i: usize) -> Option<Vec<u8>> {
        let numbers = self.numbers[i];
        if numbers.is_null() {
            return None;
        }
        let fours = self.block(i / LANES).iter().map(|group| &group[4 * (i % LANES)..][..4]);
        let bytes: Vec<u8> = fours.flatten().copied().take(self.dimensions).collect();
        Some(layout::write(self.element, &numbers, &bytes))
    }

    /// Reads codes: the rows' bytes back to back, `lengths` in bytes, −1 for NULL.
    ///
    /// # Errors
    ///
    /// [`Error::Buffer`] where `bytes` is shorter than the lengths say; [`Error::Value`] where a row holds no code, or
    /// one of another version, or is damaged; [`Error::Dimensions`] and [`Error::Value`] where the dimensions or the
    /// element types of two rows differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::{Codes, Vectors, vector};
    /// let rows = Vectors::matrix(&[1.0, 0.0, 0.0, 1.0, 0.6, 0.8], 2)?;
    /// let codes = vector::quantize(&rows)?;
    /// let bytes: Vec<u8> = (0..3).flat_map(|i| codes.row(i).unwrap()).collect();
    /// let read = Codes::from_bytes("codes", &bytes, &[42; 3])?;
    /// assert_eq!(read.row(2), codes.row(2));
    /// # Ok::<(), hart_kernels::Error>(())
    /// ```
    pub fn from_bytes(name: &str, bytes: &[u8], lengths: &[i32]) -> Result<Codes, Error> {
        let expected = lengths.iter().filter_map(|length| usize::try_from(*length).ok()).sum();
        let mut rest = bytes.get(..expected).ok_or_else(|| Error::Buffer {
            place: name.into(),
            found: bytes.len(),
            expected,
        })?;
        let rows: Vec<Option<&[u8]>> =
            lengths.iter().map(|length| rest.split_off(..usize::try_from(*length).ok()?)).collect();
        Codes::from_rows(name, &rows)
    }

    /// [`Codes::from_bytes`] of rows that lie anywhere.
    pub(crate) fn from_rows(name: &str, rows: &[Option<&[u8]>]) -> Result<Codes, Error> {
        let first = rows.iter().position(Option::is_some);
        let Some((first, Some(bytes))) = first.map(|first| (first, rows[first])) else {
            let mut codes = Codes::room(Element::default(), 0, rows.len())?;
            codes.numbers.fill(Numbers::NULL);
            return Ok(codes);
        };
        let shape = layout::read(name, first, bytes)?;
        let mut codes = Codes::room(shape.element, shape.bytes.len(), rows.len())?;
        let pieces = codes.blocks_mut().zip(rows.chunks(LANES)).zip((0..).step_by(LANES));
        let pieces: Vec<_> = pieces.collect();
        crate::parallel::each(
            pieces,
            rows.len().saturating_mul(bytes.len()),
            |((mut block, rows), start)| {
                for (place, bytes) in rows.iter().enumerate() {
                    let Some(bytes) = bytes else {
                        block.place(place, Numbers::NULL, &[]);
                        continue;
                    };
                    let row = layout::read(name, start + place, bytes)?;
                    shape.check(name, first, start + place, &row)?;
                    block.place(place, row.numbers, row.bytes);
                }
                Ok(())
            },
        )?;
        Ok(codes)
    }

    /// The rows that may be among the `k` nearest to each query, with bounds of their distances, by rising lower bound and
    /// then by position: the `k` nearest of [`crate::TopK`] are certainly among them.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where `k` is 0, a query is NULL or of another width; [`Error::Dimensions`] where the
    /// dimensions differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::{Metric, Vectors, vector};
    /// let rows = Vectors::matrix(&[1.0, 0.0, 0.0, 1.0, 0.6, 0.8], 2)?;
    /// let query = Vectors::matrix(&[1.0, 0.0], 2)?;
    /// let found = vector::quantize(&rows)?.candidates(&query, 1, Metric::Cosine)?;
    /// assert_eq!(found[0].len(), 1);
    /// assert!(found[0][0].row == 0 && found[0][0].lower <= 0.0 && found[0][0].upper >= 0.0);
    /// # Ok::<(), hart_kernels::Error>(())
    /// ```
    pub fn candidates(
        &self,
        queries: &Vectors<'_>,
        k: usize,
        metric: Metric,
    ) -> Result<Vec<Vec<Bounded>>, Error> {
        search::candidates(Compute::new(), self, queries, Wanted::nearest(k), metric)
    }

    /// Checks that the codes are of a column of that shape.
    fn check(&self, rows: &Source<'_>) -> Result<(), Error> {
        let wrong = |value: String, expected: String| {
            Err(Error::ParameterValue { name: "codes".into(), value, expected })
        };
        if self.len() != rows.rows {
            return wrong(format!("{} codes", self.len()), format!("{}, one for each row", rows.rows));
        }
        if self.dimensions > 0 && self.element != rows.element {
            return wrong(
                format!("made from {} elements", self.element.name()),
                format!("{}, as {}", rows.element.name(), rows.place),
            );
        }
        Ok(())
    }
}

/// The error for a code that does not belong to its vector.
fn stranger(place: &Place, row: usize) -> Error {
    Error::Value {
        place: place.clone(),
        row: row as u64 + 1,
        found: "the code was made from another vector".into(),
        expected: "the code that vector_quantize makes from this one".into(),
    }
}

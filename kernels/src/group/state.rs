//! What has been seen of a group, as bytes that can be put together with others.

use super::aggregate::{Aggregate, LARGE, Source};
use super::extremes::Update;
use super::sum::Add;
use super::sums::{Plain, Row, SquareOfDouble, SquareOfSingle, Sums, Term, Unfit};
use super::{By, GROUP_KEY, GROUP_KEY_OF, LEFT_OUT, NOT_FINITE, VECTORS};
use crate::arch::Level;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::error::Error;
use crate::memory::check_memory;
use crate::number::element::Width;
use crate::number::exact::{self, DIGITS};
use crate::parallel;

/// Kind and version of the bytes.
pub(super) const MAGIC: &[u8; 4] = b"HVG\x01";
/// Bytes before the components.
const HEADER: usize = 24;
/// A count is a number of rows, which results have as a signed integer of 64 bits.
const MOST: u64 = i64::MAX as u64;
/// Least bytes of a component, and those of one that has been read: two sums of digits and two extremes.
const LEAST_BYTES: usize = 20;
pub(super) const READ_BYTES: u64 = 2 * 8 * DIGITS as u64 + 16;

/// A group's exact sums of numbers and squares, and their extremes.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) count: u64,
    pub(super) left_out: u64,
    /// [`DIGITS`] for each component, carried.
    pub(super) sums: Vec<i64>,
    pub(super) squares: Vec<i64>,
    pub(super) least: Vec<f64>,
    pub(super) greatest: Vec<f64>,
}

impl State {
    pub(super) fn n(&self) -> usize {
        self.least.len()
    }

    /// The bytes: magic, dimensions, both counts; for each component both extremes, then both sums, each as its sign, the
    /// number of its digits and that of those left out below, and the digits; a CRC-32 of all that. Little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + 64 * self.n());
        out.extend(MAGIC);
        // A vector has fewer than 2³¹ components.
        out.extend((self.n() as u32).to_le_bytes());
        out.extend(self.count.to_le_bytes());
        out.extend(self.left_out.to_le_bytes());
        for j in 0..self.n() {
            out.extend(self.least[j].to_le_bytes());
            out.extend(self.greatest[j].to_le_bytes());
            for digits in [&self.sums, &self.squares] {
                let (negative, magnitude) = exact::magnitude(&digits[j * DIGITS..][..DIGITS]);
                let end = magnitude.iter().rposition(|d| *d != 0).map_or(0, |at| at + 1);
                let start = magnitude.iter().position(|d| *d != 0).unwrap_or(0);
                out.extend([(end - start) as u8 | u8::from(negative) << 7, start as u8]);
                out.extend(magnitude[start..end].iter().flat_map(|d| d.to_le_bytes()));
            }
        }
        let crc = crc32fast::hash(&out);
        out.extend(crc.to_le_bytes());
        out
    }

    /// The dimensions that these bytes speak of, as far as there are bytes for them.
    pub(super) fn dimensions(bytes: &[u8]) -> usize {
        let n = bytes.get(MAGIC.len()..).and_then(|rest| rest.first_chunk());
        let most = bytes.len().saturating_sub(HEADER + size_of::<u32>()) / LEAST_BYTES;
        // Where there are not, the state is refused before it is read.
        n.map(|n| u32::from_le_bytes(*n) as usize).filter(|n| *n <= most).unwrap_or(0)
    }

    /// The state in these bytes; what is wrong with them otherwise.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<State, String> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(|| format!("{} bytes", bytes.len()))?;
        let (magic, rest) = body.split_first_chunk::<4>().ok_or_else(|| format!("{} bytes", bytes.len()))?;
        if magic[..3] != MAGIC[..3] {
            return Err("bytes that are no state of vectors".into());
        }
        if magic[3] != MAGIC[3] {
            return Err(format!("a state of version {}", magic[3]));
        }
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err("a state with another checksum than its own".into());
        }
        let mut reader = Reader(rest);
        let ends = || "a state that ends early".to_string();
        let n = u32::from_le_bytes(reader.take().ok_or_else(ends)?) as usize;
        let count = u64::from_le_bytes(reader.take().ok_or_else(ends)?);
        let left_out = u64::from_le_bytes(reader.take().ok_or_else(ends)?);
        for (number, of) in [(count, "vectors"), (left_out, "rows left out")] {
            if number > MOST {
                return Err(format!("a state of {number} {of}"));
            }
        }
        if reader.0.len() < LEAST_BYTES.saturating_mul(n) {
            return Err(ends());
        }
        let mut state = State::of(n, count, left_out);
        for j in 0..n {
            state.least[j] = f64::from_le_bytes(reader.take().ok_or_else(ends)?);
            state.greatest[j] = f64::from_le_bytes(reader.take().ok_or_else(ends)?);
            for digits in [&mut state.sums, &mut state.squares] {
                let [about, start] = reader.take().ok_or_else(ends)?;
                let (length, start) = (usize::from(about & 0x7f), usize::from(start));
                let digits = &mut digits[j * DIGITS..][..DIGITS];
                let Some(digits) = digits.get_mut(start..start + length) else {
                    return Err(format!("a state with a sum of {} digits", start + length));
                };
                for digit in digits {
                    let value = i64::from(u32::from_le_bytes(reader.take().ok_or_else(ends)?));
                    *digit = if about >> 7 == 1 { -value } else { value };
                }
            }
        }
        if !reader.0.is_empty() {
            return Err(format!("a state with {} bytes more", reader.0.len()));
        }
        state.sums.chunks_mut(DIGITS).chain(state.squares.chunks_mut(DIGITS)).for_each(exact::carry);
        Ok(state)
    }

    pub(super) fn of(n: usize, count: u64, left_out: u64) -> State {
        State {
            count,
            left_out,
            sums: vec![0; n * DIGITS],
            squares: vec![0; n * DIGITS],
            least: vec![f64::INFINITY; n],
            greatest: vec![f64::NEG_INFINITY; n],
        }
    }

    /// Both together; they have the same dimensions, or one has no vectors. What is wrong with their counts otherwise.
    pub(super) fn merged(mut self, other: State) -> Result<State, String> {
        let sum = |a: u64, b: u64, of: &str| {
            let sum = a.checked_add(b).filter(|sum| *sum <= MOST);
            sum.ok_or_else(|| format!("a state of {b} {of}, beside others of {a}"))
        };
        let count = sum(self.count, other.count, "vectors")?;
        let left_out = sum(self.left_out, other.left_out, "rows left out")?;
        if self.count == 0 || other.count == 0 {
            let some = if self.count == 0 { other } else { self };
            return Ok(State { count, left_out, ..some });
        }
        for (own, other) in [(&mut self.sums, &other.sums), (&mut self.squares, &other.squares)] {
            for (own, other) in own.chunks_mut(DIGITS).zip(other.chunks(DIGITS)) {
                exact::merge(own, other);
            }
        }
        self.least.iter_mut().zip(&other.least).for_each(|(own, v)| *own = own.min(*v));
        self.greatest.iter_mut().zip(&other.greatest).for_each(|(own, v)| *own = own.max(*v));
        Ok(State { count, left_out, ..self })
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
}

/// The state of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupState {
    /// The group.
    pub key: Option<i64>,
    /// Its state.
    pub state: Vec<u8>,
    /// Vectors that count.
    pub vectors: i64,
    /// Rows left out.
    pub left_out: i64,
}

/// States of each group's vectors, which [`super::merge()`] puts together: of chunks, servers or days.
///
/// # Shapes
///
/// Those of [`super::sum()`]; for each group bytes that hold the exact sums and squares and the extremes of its
/// components, about 50 for each.
///
/// # Errors
///
/// Those of [`super::variance()`].
///
/// # Accuracy
///
/// Exact; of doubles, squares are cut off below 2⁻¹⁰⁷⁴. The bytes are the same for any order of rows, threads and levels.
///
/// # Complexity
///
/// That of [`super::variance()`].
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By, Divisor}};
/// let first = group::state(&By::new(&[Some(7)]), &Vectors::matrix(&[1.0, 2.0], 2)?)?;
/// let second = group::state(&By::new(&[Some(7)]), &Vectors::matrix(&[3.0, 6.0], 2)?)?;
/// let states = [Some(first[0].state.as_slice()), Some(second[0].state.as_slice())];
/// let merged = group::merge(&[Some(7), Some(7)], &states, Divisor::Sample)?;
/// assert_eq!((merged[0].vectors, &merged[0].average), (2, &vec![2.0, 4.0]));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn state(by: &By<'_>, vectors: &Vectors<'_>) -> Result<Vec<GroupState>, Error> {
    let source = Source::new(by, vectors, None)?;
    match vectors.width() {
        Width::F32 => states(&source, &Everything::<Plain<2>, SquareOfSingle>(std::marker::PhantomData)),
        Width::F64 => states(&source, &Everything::<Plain<3>, SquareOfDouble>(std::marker::PhantomData)),
    }
}

fn states<P: Term, Q: Term>(
    source: &Source<'_>,
    everything: &Everything<P, Q>,
) -> Result<Vec<GroupState>, Error> {
    let groups = &source.groups;
    let (all, width) = (source.vectors.bytes().len(), source.vectors.width().bytes());
    let most = (0..groups.len()).map(|g| source.dimensions(g)).max().unwrap_or(0);
    let states = everything.bytes(most).saturating_mul(2 * parallel::workers(all) as u64 + 1);
    let bytes: u64 = (0..groups.len()).map(|g| 300 + 200 * source.dimensions(g) as u64).sum();
    check_memory("the states", states.saturating_add(bytes), source.by.limit)?;
    let is_large = |g: usize| groups.places(g).len() * source.dimensions(g) * width > LARGE;
    let made = |group: usize, state: Seen<P, Q>, count: u64| {
        let left_out = groups.places(group).len() as u64 - count;
        let state = state.into_state(count, left_out);
        GroupState {
            key: groups.keys[group],
            state: state.to_bytes(),
            vectors: count as i64,
            left_out: left_out as i64,
        }
    };
    let blocks = parallel::blocks(groups.len(), all, |range| {
        let one = |group: usize| {
            let n = source.dimensions(group);
            let mut state = everything.state(n);
            let count = source.add(everything, &mut state, groups.places(group), n)?;
            Ok(Some(made(group, state, count)))
        };
        range
            .map(|group| if is_large(group) { Ok(None) } else { one(group) })
            .collect::<Result<Vec<_>, Error>>()
    })?;
    let each = blocks.into_iter().flatten().enumerate().map(|(group, small)| match small {
        Some(small) => Ok(small),
        None => {
            let (state, count) = source.large(everything, group, source.dimensions(group))?;
            Ok(made(group, state, count))
        }
    });
    each.collect()
}

struct Everything<P, Q>(std::marker::PhantomData<(P, Q)>);

struct Seen<P, Q> {
    sums: Sums<P>,
    squares: Sums<Q>,
    least: Vec<f64>,
    /// The greatest numbers negated.
    greatest: Vec<f64>,
}

impl<P: Term, Q: Term> Seen<P, Q> {
    fn into_state(self, count: u64, left_out: u64) -> State {
        let greatest = self.greatest.into_iter().map(|v| -v + 0.0).collect();
        let (sums, squares) = (self.sums.into_digits(), self.squares.into_digits());
        State { count, left_out, sums, squares, least: self.least, greatest }
    }
}

impl<P: Term, Q: Term> Aggregate for Everything<P, Q> {
    type State = Seen<P, Q>;
    const RESULTS: usize = 0;

    fn state(&self, n: usize) -> Self::State {
        let extreme = || vec![f64::INFINITY; n];
        Seen { sums: Sums::new(n), squares: Sums::new(n), least: extreme(), greatest: extreme() }
    }

    fn bytes(&self, n: usize) -> u64 {
        Sums::<P>::bytes(n) + Sums::<Q>::bytes(n) + 16 * n as u64
    }

    fn clear(&self, state: &mut Self::State, n: usize) {
        *state = self.state(n);
    }

    fn add(
        &self,
        level: Level,
        state: &mut Self::State,
        width: Width,
        rows: &[Row<'_>],
    ) -> Result<(), Unfit> {
        level.run(Add { sums: &mut state.sums, width, rows })?;
        level.run(Add { sums: &mut state.squares, width, rows })?;
        level.run(Update { least: &mut state.least, sign: 1.0, width, rows })?;
        level.run(Update { least: &mut state.greatest, sign: -1.0, width, rows })
    }

    fn merge(&self, a: Self::State, b: Self::State) -> Self::State {
        let least = |mut a: Vec<f64>, b: Vec<f64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a = a.min(b));
            a
        };
        Seen {
            sums: a.sums.merged(b.sums),
            squares: a.squares.merged(b.squares),
            least: least(a.least, b.least),
            greatest: least(a.greatest, b.greatest),
        }
    }

    fn finish(&self, _: &mut Self::State, _: u64, _: &mut [Vec<f64>]) -> bool {
        true
    }
}

pub(super) const STATE: Column = Column {
    name: "state",
    kind: Kind::Binary,
    unit: "1",
    summary: "The group's exact sums, squares and extremes, for vector_merge.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_state",
    family: Family::Vector,
    summary: "States of each group's vectors, which vector_merge puts together without loss.",
    details: "A state holds the exact sums, sums of squares and extremes of a group's components, in about 50 bytes for each. Store the states of chunks, servers or days, and merge them in any order and grouping: the result has the bits of one call over all rows. Vectors of one group must have the same dimensions.",
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[ELEMENT, NOT_FINITE],
    outputs: &[GROUP_KEY_OF, STATE, VECTORS, LEFT_OUT],
    rows: RowShape::Made,
    nulls: "A NULL vector is left out and counted. A group without vectors has a state of none. A NULL key is a group of its own.",
    empty: "No rows give no groups.",
    nan: super::variance::NAN_SQUARES,
    accuracy: "Exact; of f64 vectors squares are cut off below 2⁻¹⁰⁷⁴. The same bytes for any order of the rows, number of threads and instruction set. O(rows · dimensions).",
    streaming: Streaming::Parts(
        "Each chunk or partition gives states of its own; vector_merge puts them together, with the result of one call over all rows.",
    ),
    source: "As vector_sum.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(7), Cell::Vector(&[1.0])], &[Cell::Int(7), Cell::Vector(&[3.0])]],
        params: &[],
        outputs: &[&[Cell::Int(7), Cell::Binary(EXAMPLE), Cell::Int(2), Cell::Int(0)]],
    },
    run: |call| {
        let found = state(&By::of_rows(call)?, call.vectors(0)?)?;
        let integers = |of: fn(&GroupState) -> Option<i64>| Values::BigInt(found.iter().map(of).collect());
        let (keys, vectors) = (integers(|g| g.key), integers(|g| Some(g.vectors)));
        let left_out = integers(|g| Some(g.left_out));
        let states = Values::Binary(found.into_iter().map(|g| Some(g.state)).collect());
        Ok(Output { columns: vec![keys, states, vectors, left_out], picked: None })
    },
};

/// The state of (1) and (3).
pub(super) const EXAMPLE: &[u8] = &[
    0x48, 0x56, 0x47, 0x01, 0x01, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0x08, 0x40, 0x01, 0x21, 0, 0, 0x10, 0, 0x01, 0x21, 0, 0, 0x28, 0, 0x7f,
    0x58, 0x80, 0x0a,
];

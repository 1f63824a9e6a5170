//! Results of states put together.

use std::sync::atomic::{AtomicU64, Ordering};

use super::keys::Groups;
use super::state::{EXAMPLE, MAGIC, READ_BYTES, STATE, State};
use super::variance::{DIVISOR, Divisor, of_sums};
use super::{GROUP_KEY, GROUP_KEY_OF, LEFT_OUT, VECTORS, result};
use crate::column::vectors::PackedVectors;
use crate::contract::{Cell, Example, Family, Kernel, Output, Param, ParamKind, RowShape, Streaming, Values};
use crate::error::{Error, Place};
use crate::memory::{check_memory, default_memory_limit};
use crate::number::element::Element;
use crate::number::exact::{self, DIGITS};
use crate::parallel;

/// What the states of a group say.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Merged {
    /// The group.
    pub key: Option<i64>,
    /// Vectors that count.
    pub vectors: i64,
    /// Rows left out.
    pub left_out: i64,
    /// As [`super::sum()`]. This and the following lists have a number for each component; all are empty without vectors.
    pub sum: Vec<f64>,
    /// As [`super::average()`].
    pub average: Vec<f64>,
    /// As [`super::variance()`]; `None` where the vectors have none.
    pub variance: Option<Vec<f64>>,
    /// As [`super::minimum()`].
    pub minimum: Vec<f64>,
    /// As [`super::maximum()`].
    pub maximum: Vec<f64>,
    /// The state of all: to be merged with others later.
    pub state: Vec<u8>,
}

/// Puts the states of each group together, and reads the results.
///
/// # Shapes
///
/// m states of [`super::state()`], NULL ones left out, and a key for each.
///
/// # Errors
///
/// [`Error::Value`] for bytes that are no state, of another version, or damaged; [`Error::Dimensions`] where states of one
/// group have different dimensions; [`Error::ParameterValue`] where there is not one key for each state; [`Error::Memory`].
///
/// # Accuracy
///
/// The bits of the functions named, over all the vectors that the states were made of: states are exact.
///
/// # Complexity
///
/// O(m·n). 2,208 bytes of memory for each component and thread, 48 for each component of a result, and the merged states.
///
/// # Examples
///
/// See [`super::state()`].
pub fn merge(keys: &[Option<i64>], states: &[Option<&[u8]>], divisor: Divisor) -> Result<Vec<Merged>, Error> {
    within(keys, states, divisor, 0, default_memory_limit())
}

/// [`merge`] with a limit, in bytes, on memory, of which the caller takes `output` bytes for each component of a result.
fn within(
    keys: &[Option<i64>],
    states: &[Option<&[u8]>],
    divisor: Divisor,
    output: u64,
    limit: u64,
) -> Result<Vec<Merged>, Error> {
    if keys.len() != states.len() {
        return Err(Error::ParameterValue {
            name: "keys".into(),
            value: format!("{} values", keys.len()),
            expected: format!("{}, one for each state", states.len()),
        });
    }
    let groups = Groups::of(keys)?;
    let bytes = states.iter().flatten().map(|s| s.len()).sum::<usize>() * 8;
    let dimensions = |group: usize| {
        let states = groups.rows(group).filter_map(|row| states[row]);
        states.map(State::dimensions).max().unwrap_or(0) as u64
    };
    let sizes = || (0..groups.len()).map(dimensions);
    // The state so far and the one that is put to it, for each group in work; the numbers of all results.
    let at_once = parallel::workers(bytes).min(groups.len()) as u64;
    let work = sizes().max().unwrap_or(0).saturating_mul(2 * READ_BYTES * at_once);
    let numbers = sizes().fold(0, u64::saturating_add).saturating_mul(48 + output);
    let known = work.saturating_add(numbers).saturating_add(200 * groups.len() as u64);
    check_memory("the states", known, limit)?;
    // How long a merged state is shows only when it is there.
    let taken = AtomicU64::new(known);
    let blocks = parallel::blocks(groups.len(), bytes, |range| {
        let one = |group: usize| {
            let found = merged(&groups, group, states, divisor)?;
            let own = found.state.capacity() as u64;
            check_memory("the states", taken.fetch_add(own, Ordering::Relaxed).saturating_add(own), limit)?;
            Ok(found)
        };
        range.map(one).collect::<Result<Vec<_>, _>>()
    })?;
    Ok(blocks.into_iter().flatten().collect())
}

fn merged(
    groups: &Groups,
    group: usize,
    states: &[Option<&[u8]>],
    divisor: Divisor,
) -> Result<Merged, Error> {
    let mut all: Option<State> = None;
    for row in groups.rows(group) {
        let Some(bytes) = states[row] else { continue };
        let wrong = |found: String, expected: String| Error::Value {
            place: STATE.name.into(),
            row: row as u64 + 1,
            found,
            expected,
        };
        let state = State::from_bytes(bytes)
            .map_err(|found| wrong(found, format!("a state of vector_state, version {}", MAGIC[3])))?;
        all = Some(match all {
            None => state,
            Some(all) if all.count > 0 && state.count > 0 && all.n() != state.n() => {
                return Err(Error::Dimensions {
                    place: STATE.name.into(),
                    row: row as u64 + 1,
                    found: state.n(),
                    other: Place::whole("an earlier state of the group"),
                    expected: all.n(),
                });
            }
            Some(all) => all
                .merged(state)
                .map_err(|found| wrong(found, format!("a group of at most {} together", i64::MAX)))?,
        });
    }
    let state = all.unwrap_or_else(|| State::of(0, 0, 0));
    Ok(read(groups.keys[group], &state, divisor))
}

fn read(key: Option<i64>, state: &State, divisor: Divisor) -> Merged {
    let (count, by) = (state.count as f64, divisor.of(state.count));
    let n = if state.count == 0 { 0 } else { state.n() };
    let digits = |of: &'_ [i64], j: usize| -> (f64, f64) { exact::split(&of[j * DIGITS..][..DIGITS]) };
    let sums: Vec<(f64, f64)> = (0..n).map(|j| digits(&state.sums, j)).collect();
    let average = |(j, (sum, _)): (usize, &(f64, f64))| {
        if sum.is_finite() {
            return sum / count;
        }
        exact::rounded(&state.sums[j * DIGITS..][..DIGITS], -64) / count * (1u128 << 64) as f64
    };
    let variance =
        |(j, sum): (usize, &(f64, f64))| of_sums(count, by as f64, *sum, digits(&state.squares, j));
    Merged {
        key,
        vectors: state.count as i64,
        left_out: state.left_out as i64,
        sum: sums.iter().map(|sum| sum.0).collect(),
        average: sums.iter().enumerate().map(average).collect(),
        variance: (by > 0).then(|| sums.iter().enumerate().map(variance).collect()),
        minimum: state.least[..n].to_vec(),
        maximum: state.greatest[..n].to_vec(),
        state: state.to_bytes(),
    }
}

const RESULT: Param = Param {
    name: "result_element",
    kind: ParamKind::Choice(&["f32", "f64"]),
    default: Some("f32"),
    summary: "Element type of the result vectors, which are JSON.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_merge",
    family: Family::Vector,
    summary: "Sums, averages, variances and extremes of the states that vector_state gave for each group.",
    details: "States are exact, so the results have the bits of vector_sum, vector_average, vector_variance, vector_minimum and vector_maximum over all rows that the states were made of, whatever the order and grouping. The merged state comes back, to be merged with later ones.",
    inputs: &[GROUP_KEY, STATE],
    optional: &[],
    params: &[DIVISOR, RESULT],
    outputs: &[
        GROUP_KEY_OF,
        result("sum", "The sums."),
        result("average", "The averages."),
        result("variance", "The variances."),
        result("deviation", "The standard deviations."),
        result("minimum", "The least numbers."),
        result("maximum", "The greatest numbers."),
        VECTORS,
        LEFT_OUT,
        STATE,
    ],
    rows: RowShape::Made,
    nulls: "A NULL state is left out. A group without vectors has NULL in all vectors, and one of a single vector in variance and deviation with divisor = sample.",
    empty: "No rows give no groups.",
    nan: "States hold finite numbers. A result beyond its element type is infinite; JSON cannot hold it, so it is NULL there.",
    accuracy: "As the kernels named. O(states · dimensions).",
    streaming: Streaming::Whole("all states of a group"),
    source: "As vector_sum.",
    elements: "",
    sql: "The vectors are packed with @result_vectors = 'packed'.",
    example: Example {
        inputs: &[&[Cell::Int(7), Cell::Binary(EXAMPLE)]],
        params: &[("divisor", Cell::Text("population"))],
        outputs: &[&[
            Cell::Int(7),
            Cell::Vector(&[4.0]),
            Cell::Vector(&[2.0]),
            Cell::Vector(&[1.0]),
            Cell::Vector(&[1.0]),
            Cell::Vector(&[1.0]),
            Cell::Vector(&[3.0]),
            Cell::Int(2),
            Cell::Int(0),
            Cell::Binary(EXAMPLE),
        ]],
    },
    run: |call| {
        let element = if call.params.word(RESULT.name) == "f64" { Element::F64 } else { Element::F32 };
        let states = call.binary(STATE.name);
        let divisor = call.chosen(&DIVISOR, Divisor::parse)?;
        // The deviations, and six result vectors.
        let output = 8 + 6 * element.size() as u64;
        let found = within(call.integers(GROUP_KEY.name), states, divisor, output, call.limit())?;
        let deviations: Vec<Option<Vec<f64>>> = found
            .iter()
            .map(|g| g.variance.as_ref().map(|variance| variance.iter().map(|v| v.sqrt()).collect()))
            .collect();
        let vectors = |of: fn(&Merged) -> &[f64]| {
            Values::Vectors(PackedVectors::of_doubles(
                element,
                found.iter().map(|g| if g.vectors > 0 { Some(of(g)) } else { None }),
            ))
        };
        let integers = |of: fn(&Merged) -> Option<i64>| Values::BigInt(found.iter().map(of).collect());
        Ok(Output {
            columns: vec![
                integers(|g| g.key),
                vectors(|g| &g.sum),
                vectors(|g| &g.average),
                Values::Vectors(PackedVectors::of_doubles(
                    element,
                    found.iter().map(|g| g.variance.as_deref()),
                )),
                Values::Vectors(PackedVectors::of_doubles(element, deviations.iter().map(Option::as_deref))),
                vectors(|g| &g.minimum),
                vectors(|g| &g.maximum),
                integers(|g| Some(g.vectors)),
                integers(|g| Some(g.left_out)),
                Values::Binary(found.into_iter().map(|g| Some(g.state)).collect()),
            ],
            picked: None,
        })
    },
};

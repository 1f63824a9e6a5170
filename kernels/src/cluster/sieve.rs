//! Rows to the nearest centroids by their codes: distances are computed only where codes leave a choice.

// Loops over lanes by number are those that the compiler turns into registers.
#![allow(clippy::needless_range_loop)]

use crate::arch::{LANES, Simd, Task};
use crate::column::vectors::Vectors;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::with_precision;
use crate::pairwise::reduce;
use crate::vector::codes::Few;

/// Rows that a thread takes at once: whole blocks of codes.
pub(super) const PIECE: usize = 32 * LANES;

/// Where a row belongs, and what is known of its distances.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Its centroid; `u32::MAX` for a NULL row.
    pub(super) label: u32,
    /// Its own centroid is no farther.
    pub(super) upper: f64,
    /// No other centroid is nearer.
    pub(super) lower: f64,
}

impl Place {
    /// A NULL row.
    pub(super) const NONE: Place = Place { label: u32::MAX, upper: 0.0, lower: f64::INFINITY };
    /// A row of which nothing is known.
    pub(super) const OPEN: Place = Place { label: 0, upper: f64::INFINITY, lower: 0.0 };

    pub(super) fn label(&self) -> Option<u32> {
        Some(self.label).filter(|label| *label != u32::MAX)
    }

    /// Whether another centroid may be as near, with the relative error `slack` of computed distances.
    #[inline(always)]
    pub(super) fn is_open(&self, slack: f64) -> bool {
        // Written so that a bound that is NaN proves nothing.
        let stays = self.upper * (1.0 + 2.0 * slack) < self.lower * (1.0 - 2.0 * slack);
        !stays && self.label != u32::MAX
    }
}

/// One piece of rows, from row `first` on, against all centroids; whether a row has moved.
pub(super) struct Assign<'a> {
    pub(super) compute: Compute,
    pub(super) vectors: &'a Vectors<'a>,
    pub(super) few: &'a Few<'a>,
    pub(super) centroids: &'a [&'a [u8]],
    pub(super) slack: f64,
    pub(super) first: usize,
    pub(super) places: &'a mut [Place],
}

impl Task for Assign<'_> {
    type Output = bool;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        let Assign { compute, vectors, few, centroids, slack, first, places } = self;
        let mut estimates = vec![[0f32; LANES]; centroids.len()];
        let mut moved = false;
        with_precision!(vectors.width(), compute.accumulate, M => {
            for (places, first) in places.chunks_mut(LANES).zip((first..).step_by(LANES)) {
                let mut open = 0u32;
                for (j, place) in places.iter().enumerate() {
                    open |= u32::from(place.is_open(slack)) << j;
                }
                if open == 0 {
                    continue;
                }
                few.estimates(simd, first / LANES, &mut estimates);
                let Least { first: nearest, second, at } = Least::of(&estimates);
                let mut near = [Near { label: 0, distance: 0.0, other: f64::INFINITY }; LANES];
                let mut limits = [f32::NEG_INFINITY; LANES];
                for j in bits(open) {
                    let upper = few.most(first + j, nearest[j]);
                    let lower = few.least(first + j, second[j]);
                    if upper < lower {
                        // The codes alone prove it, and the row is not read.
                        moved |= places[j].label != at[j];
                        places[j] = Place { label: at[j], upper, lower };
                        open &= !(1 << j);
                        continue;
                    }
                    let row = vectors.row(first + j).unwrap_or_default();
                    let distance = reduce::euclidean::<M, S, false>(simd, centroids[at[j] as usize], row);
                    near[j] = Near { label: at[j], distance, other: f64::INFINITY };
                    limits[j] = few.limit(first + j, distance);
                }
                if open == 0 {
                    continue;
                }
                let guess = near;
                for (label, estimates) in (0..).zip(&estimates) {
                    for j in bits(within(estimates, &limits) & open) {
                        if label == at[j] {
                            continue;
                        }
                        let row = vectors.row(first + j).unwrap_or_default();
                        let distance = reduce::euclidean::<M, S, false>(simd, centroids[label as usize], row);
                        near[j].offer(label, distance);
                    }
                }
                for j in bits(open) {
                    let Near { label, distance, other } = near[j];
                    // Centroids that were not computed are farther than the first guess.
                    let mut lower = other.min(guess[j].distance);
                    if label == at[j] {
                        lower = lower.max(few.least(first + j, second[j]));
                    }
                    moved |= places[j].label != label;
                    places[j] = Place { label, upper: distance, lower };
                }
            }
        });
        moved
    }
}

/// The nearest centroid so far, of equal ones the first, and the distance of the next one.
#[derive(Clone, Copy)]
struct Near {
    label: u32,
    distance: f64,
    other: f64,
}

impl Near {
    #[inline(always)]
    fn offer(&mut self, label: u32, distance: f64) {
        if distance < self.distance || distance == self.distance && label < self.label {
            *self = Near { label, distance, other: self.distance };
        } else {
            self.other = self.other.min(distance);
        }
    }
}

/// The least estimates of each row of a block.
struct Least {
    first: [f32; LANES],
    second: [f32; LANES],
    at: [u32; LANES],
}

impl Least {
    #[inline(always)]
    fn of(estimates: &[[f32; LANES]]) -> Least {
        let mut least =
            Least { first: [f32::INFINITY; LANES], second: [f32::INFINITY; LANES], at: [0; LANES] };
        for (i, estimates) in (0u32..).zip(estimates) {
            for j in 0..LANES {
                let (value, first, second) = (estimates[j], least.first[j], least.second[j]);
                let nearer = value < first;
                least.at[j] = if nearer { i } else { least.at[j] };
                least.first[j] = if nearer { value } else { first };
                let rest = if nearer { first } else { value };
                least.second[j] = if rest < second { rest } else { second };
            }
        }
        least
    }
}

/// The rows whose estimate does not exceed their limit, or is NaN, as a mask.
#[inline(always)]
fn within(estimates: &[f32; LANES], limits: &[f32; LANES]) -> u32 {
    let mut some = 0u32;
    for j in 0..LANES {
        let beyond = estimates[j] > limits[j];
        some |= u32::from(!beyond);
    }
    if some == 0 {
        return 0;
    }
    let mut mask = 0;
    for j in 0..LANES {
        let beyond = estimates[j] > limits[j];
        mask |= u32::from(!beyond) << j;
    }
    mask
}

/// The places of the bits that are set.
#[inline(always)]
fn bits(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (at < 32).then_some(at as usize)
    })
}

/// One piece of rows, from row `first` on, whose distances are lowered to those from one centroid.
pub(super) struct Spread<'a> {
    pub(super) compute: Compute,
    pub(super) vectors: &'a Vectors<'a>,
    pub(super) few: &'a Few<'a>,
    pub(super) centroid: &'a [u8],
    pub(super) first: usize,
    pub(super) distances: &'a mut [f64],
}

impl Task for Spread<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Spread { compute, vectors, few, centroid, first, distances } = self;
        let mut estimates = [[0f32; LANES]];
        with_precision!(vectors.width(), compute.accumulate, M => {
            for (distances, first) in distances.chunks_mut(LANES).zip((first..).step_by(LANES)) {
                few.estimates(simd, first / LANES, &mut estimates);
                for ((distance, estimate), row) in distances.iter_mut().zip(estimates[0]).zip(first..) {
                    let beyond = estimate > few.limit(row, *distance);
                    if let Some(vector) = vectors.row(row).filter(|_| !beyond) {
                        let new = reduce::euclidean::<M, S, false>(simd, centroid, vector);
                        *distance = distance.min(new);
                    }
                }
            }
        });
    }
}

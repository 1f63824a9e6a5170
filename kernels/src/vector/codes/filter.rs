//! A linear bound in single precision that excludes most rows with a few operations a row.
//!
//! A row is excluded where
//!
//! > s·I + V·(β − ω·V) + R·(γ + ρ·R) + X·δ < θ,
//!
//! V = s·√Q, with weights that depend on the query and on the limit T. They are such that the row's lower bound
//! ([`super::bound`]) is then greater than T, with E ≤ W·V + Y·R:
//!
//! - dot: L > T where A + W·V + Y·R + G·Y·X < −T; here divided by t.
//! - cosine: L > T where A + W·V + Y·R + (ν·V·√P·t) + (3·G + 2⁻⁴⁸)·X·Y < (1 − T)·X·Y; divided by t.
//! - Euclidean: L > T where t²·P + V² − 2·A > (T' + W + R)², T' = (T + τ')/(1 − G); divided by 2·t.
//!
//! |s·I| ≤ V·√P, so a part of 2⁻²⁰ of V·√P (for the Euclidean distance, of V² + t²·P ≥ 2·t·V·√P), and of 2⁻¹⁸ of all other
//! terms, covers the rounding. Numbers must keep away from the ends of the single range: rows that do not are never
//! excluded, and such queries are searched for without codes. A comparison with NaN excludes nothing.

use super::bound::{Bounds, Side};
use super::{Lanes, Numbers};
use crate::arch::LANES;
use crate::vector::distance::Metric;

/// Norms and spreads for which no number of the filter leaves the range of singles.
const SAFE: std::ops::RangeInclusive<f64> = 1e-12..=1e12;

/// The filter's numbers of a row: scale, spread, residual and norm.
#[inline(always)]
pub(super) fn lane(numbers: &Numbers) -> [f32; 4] {
    let spread = numbers.spread();
    if SAFE.contains(&spread) && SAFE.contains(&f64::from(numbers.norm)) {
        // The spread is rounded to nearest: the filter's margins are wider.
        [numbers.scale, spread as f32, numbers.residual, numbers.norm]
    } else {
        [0.0, 0.0, f32::INFINITY, 0.0]
    }
}

/// Whether the filter works for a query.
pub(super) fn suits(query: &Side) -> bool {
    SAFE.contains(&query.norm) && SAFE.contains(&query.scale)
}

/// The weights for a query and a limit.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    spread: f32,
    spread_slope: f32,
    residual: f32,
    residual_slope: f32,
    norm: f32,
    least: f32,
}

/// A single near the number, never +∞: a limit beyond all numbers excludes nothing that is not beyond it too. −∞ excludes
/// nothing.
fn finite(value: f64) -> f32 {
    (value as f32).min(f32::MAX)
}

impl Filter {
    /// Excludes nothing.
    pub(super) const NONE: Filter = Filter {
        spread: 0.0,
        spread_slope: 0.0,
        residual: 0.0,
        residual_slope: 0.0,
        norm: 0.0,
        least: f32::NEG_INFINITY,
    };

    /// Rows whose lower bound is greater than `limit`, which is not NaN, need not pass.
    pub(super) fn new(bounds: &Bounds, query: &Side, limit: f64) -> Filter {
        let wider = 1.0 + (-18f64).exp2();
        let margin = (-20f64).exp2();
        let t = query.scale;
        let codes = query.square.sqrt();
        let none = Filter { residual: (query.norm / t * wider) as f32, least: 0.0, ..Filter::NONE };
        let spread = query.residual / t * wider + margin * codes;
        match bounds.metric {
            Metric::Manhattan => Filter::NONE,
            Metric::Dot => {
                let least = -limit / t;
                Filter {
                    spread: spread as f32,
                    norm: (bounds.sum * query.norm / t * wider) as f32,
                    least: finite(least - least.abs() * margin),
                    ..none
                }
            }
            Metric::Cosine => {
                let (fixed, similarity) = (3.0 * bounds.sum + (-48f64).exp2(), 1.0 - limit);
                let norm = fixed * wider * wider - similarity + similarity.abs() * 4.0 * margin;
                Filter {
                    spread: (spread * wider + 2.0 * bounds.quotient * codes) as f32,
                    norm: (norm * query.norm / t) as f32,
                    ..none
                }
            }
            Metric::Euclidean => {
                let reach = (limit + bounds.tau_root) / (1.0 - bounds.difference - (-48f64).exp2());
                let around = (reach + query.residual) * wider;
                let own = t * t * query.square * (2.0 - wider);
                Filter {
                    spread_slope: ((1.0 - (-17f64).exp2()) / (2.0 * t)) as f32,
                    residual: (around / t * wider) as f32,
                    residual_slope: (wider / (2.0 * t)) as f32,
                    least: finite((own - around * around * wider) / (2.0 * t)),
                    ..none
                }
            }
        }
    }

    /// The rows of a block that are not excluded, as a mask; `sums` are their products p·q.
    #[inline(always)]
    pub(super) fn passes<const EUCLIDEAN: bool>(&self, rows: &Lanes, sums: &[i32; LANES]) -> u32 {
        let mut all = [0f32; LANES];
        for j in 0..LANES {
            let [scale, spread, residual, norm] =
                [rows.scale[j], rows.spread[j], rows.residual[j], rows.norm[j]];
            let dot = scale * sums[j] as f32;
            all[j] = if EUCLIDEAN {
                dot - spread * (self.spread_slope * spread)
                    + residual * (self.residual + self.residual_slope * residual)
            } else {
                dot + spread * self.spread + residual * self.residual + norm * self.norm
            };
        }
        let mut some = 0u32;
        for value in all {
            let excluded = value < self.least;
            some |= u32::from(!excluded);
        }
        if some == 0 {
            return 0;
        }
        let mut mask = 0;
        for (j, value) in all.into_iter().enumerate() {
            let excluded = value < self.least;
            mask |= u32::from(!excluded) << j;
        }
        mask
    }
}

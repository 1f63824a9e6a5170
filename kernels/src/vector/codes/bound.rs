//! Bounds of the computed distance of two coded vectors.
//!
//! With u = 2⁻²⁴ for single and 2⁻⁵³ for double lanes, v = 2⁻⁵³, m = ⌈n/32⌉ and
//!
//! > G(k) = k·u/(1 − k·u) + 7v + (n + 31)·2⁻⁴⁸ (the last part with single lanes only),
//!
//! a computed dot product differs from the true one by at most G(m)·‖y‖·‖x‖ + τ, a Euclidean distance δ by at most
//! G(m + 2)·δ + τ', and a cosine distance by at most 3·G(m) + v; τ = (n + 31)·2⁻¹⁰⁷⁴ and τ' = (n + 31)·2⁻⁵³⁷ for doubles,
//! 0 for singles. The parts of G are those of [`crate::vector`], rounded up; sums that are computed again have smaller
//! errors. Single lanes are assumed for all vectors of singles, whatever the precision of the search.
//!
//! Everything here is computed in double precision. The factors 1 + 2⁻⁴⁰, the parts 2⁻⁴⁸·|A| and their like are more
//! than what the few roundings take. No product underflows to less than it should be: scales and norms are 0 or at
//! least 2⁻¹⁴⁹.

use super::Numbers;
use crate::number::element::Width;
use crate::vector::distance::Metric;

/// 2 to the power of `e`.
fn power(e: i32) -> f64 {
    f64::from(e).exp2()
}

/// What bounds need of a row, or of a query.
#[derive(Clone, Copy)]
pub(super) struct Side {
    /// s or t.
    pub(super) scale: f64,
    /// s·√Q or t·√P, or slightly more.
    pub(super) spread: f64,
    /// R or W.
    pub(super) residual: f64,
    /// X or Y; infinite where nothing is proven.
    pub(super) norm: f64,
    alignment: f64,
    /// Q or P.
    pub(super) square: f64,
}

impl Side {
    pub(super) fn new(numbers: &Numbers) -> Side {
        Side {
            scale: numbers.scale.into(),
            spread: numbers.spread(),
            residual: numbers.residual.into(),
            norm: numbers.norm.into(),
            alignment: numbers.alignment.into(),
            square: numbers.square.into(),
        }
    }

    /// Whether the norm is so small that rounding it to a single may have changed it by more than 2⁻²³ of it.
    fn is_faint(&self) -> bool {
        self.norm > 0.0 && self.norm < f64::from(f32::MIN_POSITIVE)
    }
}

/// The bounds of the distances of two vectors of `n` dimensions in one metric.
pub(super) struct Bounds {
    pub(super) metric: Metric,
    /// G(m)
    pub(super) sum: f64,
    /// G(m + 2)
    pub(super) difference: f64,
    /// ν: what the quotient of a dot product and two norms may be off, relative to it.
    pub(super) quotient: f64,
    tau: f64,
    pub(super) tau_root: f64,
}

impl Bounds {
    pub(super) fn new(metric: Metric, width: Width, n: usize) -> Bounds {
        let (m, n) = (n.div_ceil(32) as f64, n as f64);
        let (unit, lost) = match width {
            Width::F32 => (power(-24), (n + 31.0) * power(-48)),
            Width::F64 => (power(-53), 0.0),
        };
        let g = |k: f64| (k * unit / (1.0 - k * unit) + 7.0 * power(-53) + lost) * (1.0 + power(-40));
        let doubles = if width == Width::F64 { n + 31.0 } else { 0.0 };
        Bounds {
            metric,
            sum: g(m),
            difference: g(m + 2.0),
            // Each norm may be too great by 2⁻²³ of it, as a single that was rounded up, and by 2⁻²¹ for how it was computed.
            quotient: (n + 8.0) * power(-51) + power(-44) + power(-19),
            tau: doubles * power(-1074),
            tau_root: doubles * power(-537),
        }
    }

    /// Bounds of the computed distance of a query and a row, where p·q = `dot`; `None` where nothing is proven.
    pub(super) fn of(&self, query: &Side, row: &Side, dot: i32) -> Option<[f64; 2]> {
        if !(query.norm.is_finite() && row.norm.is_finite()) {
            return None;
        }
        let dot = f64::from(dot);
        let about = query.scale * row.scale * dot;
        let error = error(query, row, dot) * (1.0 + power(-40));
        let near = about.abs() * power(-48);
        let [lower, upper] = match self.metric {
            Metric::Dot => {
                let lanes = self.sum * query.norm * row.norm;
                let e = (error + lanes + near + self.tau) * (1.0 + power(-40));
                [-about - e, -about + e]
            }
            // A zero vector has distance 1 from every finite one.
            Metric::Cosine if query.norm == 0.0 || row.norm == 0.0 => [1.0, 1.0],
            Metric::Cosine => {
                if query.is_faint() || row.is_faint() {
                    return None;
                }
                let norms = query.norm * row.norm;
                let cosine = about / norms;
                let nu = self.quotient;
                let e = error / norms + nu * cosine.abs() + 3.0 * self.sum + power(-48);
                let e = e * (1.0 + power(-20) + 2.0 * nu);
                [1.0 - cosine - e, (1.0 - cosine + e).min(2.0)]
            }
            Metric::Euclidean => self.euclidean(query, row, about, error + near),
            // Nothing is known of the sizes of single differences.
            Metric::Manhattan => return None,
        };
        (!(lower.is_nan() || upper.is_nan())).then_some([lower, upper])
    }

    /// `about` is A, and `error` at least the difference of A, as computed, from the true dot product.
    fn euclidean(&self, query: &Side, row: &Side, about: f64, error: f64) -> [f64; 2] {
        let codes = query.scale * query.scale * query.square + row.scale * row.scale * row.square;
        // The squared distance of the codes, and what its rounding takes.
        let between = codes - 2.0 * about;
        let rounding = power(-48) * (codes + 2.0 * about.abs());
        let residuals = (query.residual + row.residual) * (1.0 + power(-50));
        let root = |square: f64| square.max(0.0).sqrt();
        let low = root(between - rounding) * (1.0 - power(-50)) - residuals;
        let high = root(between + rounding) * (1.0 + power(-50)) + residuals;
        // ‖y − x‖² = ‖y‖² + ‖x‖² − 2·y·x
        let norms = query.norm * query.norm + row.norm * row.norm;
        let far = if query.is_faint() || row.is_faint() {
            0.0
        } else {
            let most = 2.0 * (about + error) + power(-48) * (about.abs() + error);
            root(norms * (1.0 - self.quotient - power(-48)) - most) * (1.0 - power(-50))
        };
        let least = 2.0 * (about - error) - power(-48) * (about.abs() + error);
        let close = root(norms * (1.0 + power(-48)) - least) * (1.0 + power(-50));
        let g = self.difference + power(-50);
        let lower = low.max(far - self.tau_root) * (1.0 - g) - self.tau_root;
        let upper = high.min(close + self.tau_root) * (1.0 + g) + self.tau_root;
        [lower.max(0.0), upper]
    }
}

/// E: what y·x may differ from s·t·(p·q), before this function's own rounding.
fn error(query: &Side, row: &Side, dot: f64) -> f64 {
    let apart = query.residual * row.spread + query.norm * row.residual;
    let squares = query.square * row.square;
    if squares == 0.0 {
        return apart;
    }
    let cosine = dot / squares.sqrt();
    // The cosine is computed with a few roundings; the added part is more than they take.
    let sine = ((1.0 - cosine * cosine).max(0.0) + power(-48)).sqrt();
    let across = sine * (query.residual * row.spread + query.spread * row.residual);
    let along = query.alignment * row.scale * dot.abs() / query.square.sqrt()
        + row.alignment * query.scale * dot.abs() / row.square.sqrt();
    apart.min(across + along + query.residual * row.residual)
}

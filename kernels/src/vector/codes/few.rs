//! Rows' codes against a few vectors, each of which may be the nearest: estimates for all pairs, and what they prove.
//!
//! With D the squared distance of two codes, and R and W their residuals, the true distance δ differs from √D by at most
//! R + W. An estimate is D in single precision, s²·Q + t²·P − 2·s·t·I: it differs from D by less than 2⁻¹⁹ of
//! s²·Q + t²·P, because |2·s·t·I| never exceeds that sum, and each of the few roundings takes 2⁻²⁴ of a number of that
//! size.

use super::bound::{Bounds, Side};
use super::search::{Query, TILE, Tile, tiles};
use super::{Codes, filter};
use crate::arch::{LANES, Simd};
use crate::column::vectors::Vectors;
use crate::pairwise::compute::Compute;
use crate::vector::distance::Metric;

/// A few vectors, coded, beside the codes of many rows.
pub(crate) struct Few<'a> {
    codes: &'a Codes,
    queries: Vec<Query>,
    tiles: Vec<Tile>,
    /// t and t²·P of each vector.
    weights: Vec<[f32; 2]>,
    /// The greatest W, and the greatest t²·P.
    residual: f64,
    square: f64,
    bounds: Bounds,
}

impl<'a> Few<'a> {
    /// `None` where a vector's code proves nothing, or is not as long as those of the rows.
    pub(crate) fn new(compute: Compute, codes: &'a Codes, vectors: &Vectors<'_>) -> Option<Few<'a>> {
        let query = |i| Query::new(compute, codes, vectors, vectors.row(i)?);
        let queries: Vec<Query> = (0..vectors.len()).map(query).collect::<Option<_>>()?;
        if !queries.iter().all(|query| filter::suits(&query.side)) {
            return None;
        }
        let square = |side: &Side| side.scale * side.scale * side.square;
        Some(Few {
            codes,
            tiles: tiles(&queries, codes.dimensions.div_ceil(4)),
            weights: queries.iter().map(|q| [q.side.scale as f32, square(&q.side) as f32]).collect(),
            residual: queries.iter().map(|q| q.side.residual).fold(0.0, f64::max),
            square: queries.iter().map(|q| square(&q.side)).fold(0.0, f64::max),
            bounds: Bounds::new(Metric::Euclidean, codes.element.width(), codes.dimensions),
            queries,
        })
    }

    /// The estimates for a block of [`LANES`] rows: one array for each vector. Those of rows that are NULL, or whose codes
    /// prove nothing, mean nothing, and may be NaN.
    #[inline(always)]
    pub(crate) fn estimates<S: Simd>(&self, simd: S, block: usize, out: &mut [[f32; LANES]]) {
        for tile in &self.tiles {
            let own = &mut out[tile.first..tile.first + tile.count];
            match tile.width {
                1 => self.tile::<S, 1>(simd, block, tile, own),
                2 => self.tile::<S, 2>(simd, block, tile, own),
                3 => self.tile::<S, 3>(simd, block, tile, own),
                4 => self.tile::<S, 4>(simd, block, tile, own),
                6 => self.tile::<S, 6>(simd, block, tile, own),
                8 => self.tile::<S, 8>(simd, block, tile, own),
                _ => self.tile::<S, TILE>(simd, block, tile, own),
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const Q: usize>(&self, simd: S, block: usize, tile: &Tile, out: &mut [[f32; LANES]]) {
        let range = tile.first..tile.first + tile.count;
        let (queries, weights) = (&self.queries[range.clone()], &self.weights[range]);
        let mut sums = [[0; LANES]; Q];
        for (sums, query) in sums.iter_mut().zip(queries) {
            *sums = [query.start; LANES];
        }
        simd.add_codes(self.codes.block(block), tile.packed.as_chunks().0, &mut sums);
        let rows = &self.codes.lanes[block];
        for ((out, sums), [scale, square]) in out.iter_mut().zip(&sums).zip(weights) {
            for j in 0..LANES {
                let own = rows.spread[j] * rows.spread[j] + square;
                out[j] = own - (sums[j] as f32 * rows.scale[j]) * (2.0 * scale);
            }
        }
    }

    /// What the estimates of a row may be off.
    fn slack(&self, spread: f64) -> f64 {
        (spread * spread + self.square) * (-19f64).exp2()
    }

    /// The numbers of a row; `None` where its code proves nothing.
    fn side(&self, row: usize) -> Option<Side> {
        let numbers = &self.codes.numbers[row];
        let side = Side::new(numbers);
        let [scale, ..] = filter::lane(numbers);
        (scale > 0.0 && filter::suits(&side)).then_some(side)
    }

    /// A vector whose estimate is greater is farther from the row than `distance`, as computed.
    pub(crate) fn limit(&self, row: usize, distance: f64) -> f32 {
        let Some(side) = self.side(row) else { return f32::INFINITY };
        let reach = (distance + self.bounds.tau_root) / (1.0 - self.bounds.difference - (-48f64).exp2());
        let reach = reach + side.residual + self.residual;
        // The factor covers this function's own rounding.
        let limit = reach * reach * (1.0 + (-40f64).exp2()) + self.slack(side.spread);
        (limit as f32).next_up()
    }

    /// The computed distance of a vector with that estimate, or a smaller one, from the row is not greater.
    pub(crate) fn most(&self, row: usize, estimate: f32) -> f64 {
        let Some(side) = self.side(row) else { return f64::INFINITY };
        let square = f64::from(estimate) + self.slack(side.spread);
        let root = square.max(0.0).sqrt() + side.residual + self.residual;
        root * (1.0 + self.bounds.difference + (-40f64).exp2()) + self.bounds.tau_root
    }

    /// The computed distance of a vector with that estimate, or a greater one, from the row is not less.
    pub(crate) fn least(&self, row: usize, estimate: f32) -> f64 {
        let Some(side) = self.side(row) else { return 0.0 };
        let square = f64::from(estimate) - self.slack(side.spread);
        let root = square.max(0.0).sqrt() * (1.0 - (-40f64).exp2()) - side.residual - self.residual;
        let least = (root - self.bounds.tau_root) * (1.0 - self.bounds.difference - (-40f64).exp2());
        least.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{Level, Task};
    use crate::number::element::Element;
    use crate::number::random::SplitMix;
    use crate::vector::codes::quantize_with;
    use crate::vector::distance::of_packed;

    struct All<'a>(&'a Few<'a>, &'a mut [[f32; LANES]], usize);

    impl Task for All<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            self.0.estimates(simd, self.2, self.1);
        }
    }

    #[test]
    fn what_estimates_prove_holds_for_computed_distances() {
        let mut random = SplitMix(11);
        for (n, scale) in [(1, 1.0), (3, 1e-9), (40, 1.0), (384, 1e9), (1000, 3e-6)] {
            // Rows near and far, and copies of the vectors, whose distance is 0.
            let vectors: Vec<Vec<f64>> = (0..13).map(|_| random.row(n)).collect();
            let rows: Vec<Vec<f64>> = (0..75)
                .map(|i| match i % 5 {
                    0 => vectors[i % 13].clone(),
                    1 => vectors[i % 13].iter().map(|v| v + 1e-3 * random.symmetric()).collect(),
                    2 => random.row(n).iter().map(|v| v * 1e-3).collect(),
                    _ => random.row(n),
                })
                .collect();
            for element in [Element::F32, Element::F64] {
                let pack = |rows: &[Vec<f64>]| -> Vec<u8> {
                    let all = rows.iter().flatten().map(|v| v * scale);
                    match element {
                        Element::F64 => all.flat_map(f64::to_le_bytes).collect(),
                        _ => all.flat_map(|v| (v as f32).to_le_bytes()).collect(),
                    }
                };
                let (rows, vectors) = (pack(&rows), pack(&vectors));
                let rows = Vectors::packed_matrix("rows", element, &rows, n).unwrap();
                let vectors = Vectors::packed_matrix("vectors", element, &vectors, n).unwrap();
                for level in Level::available() {
                    let compute = Compute::new().level(level);
                    let codes = quantize_with(compute, &rows).unwrap();
                    let few = Few::new(compute, &codes, &vectors).unwrap();
                    let mut estimates = [[0f32; LANES]; 13];
                    let (mut pairs, mut certain) = (0, 0);
                    for block in 0..rows.len().div_ceil(LANES) {
                        level.run(All(&few, &mut estimates, block));
                        for row in block * LANES..rows.len().min((block + 1) * LANES) {
                            let distance = |i: usize| {
                                let (a, b) = (vectors.row(i).unwrap(), rows.row(row).unwrap());
                                of_packed(compute, Metric::Euclidean, rows.width(), a, b)
                            };
                            for (i, estimates) in estimates.iter().enumerate() {
                                let (own, estimate) = (distance(i), estimates[row % LANES]);
                                assert!(estimate <= few.limit(row, own), "{n}, {scale}: {estimate} {own}");
                                let most = few.most(row, estimate);
                                assert!(most >= own, "{n}, {scale}: {most} {own}");
                                let least = few.least(row, estimate);
                                assert!(least <= own, "{n}, {scale}: {least} {own}");
                                pairs += 1;
                                certain += usize::from(least >= 0.9 * own && own > 0.0);
                            }
                        }
                    }
                    // And it is not too cautious.
                    assert!(certain * 2 > pairs, "{n}, {scale}: {certain} of {pairs}");
                }
            }
        }
    }
}

//! Lloyd's algorithm: steps from a start until no row moves.

use std::sync::atomic::{AtomicBool, Ordering};

use super::points::{Points, counted};
use super::sieve::{Assign, PIECE, Place, Spread};
use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::{Param, ParamKind};
use crate::error::Error;
use crate::group::{self, By, Running};
use crate::number::exact::{self, DIGITS};
use crate::number::random::SplitMix;
use crate::number::range;
use crate::pairwise::compute::Compute;
use crate::pairwise::reduce::{Euclidean, Pair};
use crate::parallel;
use crate::vector::Metric;
use crate::vector::codes::{Codes, Few};
use crate::vector::targets::Targets;

/// Sums of the clusters that take no more memory, in bytes, are kept from one step to the next, and more where the vectors
/// take more.
const KEPT: u64 = 16 << 20;

/// What [`KMeans::fit`](super::KMeans::fit) finds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Clusters {
    /// Each row's cluster, from 0; `None` for a NULL row.
    pub labels: Vec<Option<u32>>,
    /// The centroids, in the width in which the vectors are computed with: `f32`, or `f64`.
    pub centroids: PackedVectors,
    /// Rows in each cluster.
    pub members: Vec<i64>,
    /// Sums of squared distances from each centroid.
    pub within: Vec<f64>,
    /// The sum of all squared distances.
    pub inertia: f64,
    /// Steps made: assignments of all rows.
    pub iterations: u32,
    /// Whether the last step moved no row.
    pub settled: bool,
}

/// What is asked for.
pub(super) struct Plan<'a> {
    pub(super) clusters: usize,
    pub(super) seed: u64,
    pub(super) iterations: u32,
    pub(super) spherical: bool,
    /// The centroids to begin with; `None`: k-means++.
    pub(super) start: Option<&'a Vectors<'a>>,
}

pub(super) const START: Param = Param {
    name: "start_centroids",
    kind: ParamKind::Vector,
    default: Some("[]"),
    summary: "Centroids to begin with, one after the other in one packed value or JSON array; none: k-means++.",
};

/// Bytes of the sums of `k` clusters of vectors of `n` dimensions that are kept; 0 where they are not.
pub(super) fn kept_bytes(vectors: &Vectors<'_>, k: usize, n: usize) -> u64 {
    let bytes = Running::bytes(vectors.width(), k, n);
    if bytes <= KEPT.max(vectors.bytes().len() as u64) { bytes } else { 0 }
}

/// A search for clusters.
pub(super) struct Search<'a> {
    pub(super) compute: Compute,
    pub(super) vectors: &'a Vectors<'a>,
    pub(super) points: Points,
    /// The rows' codes, where they pay.
    pub(super) codes: Option<Codes>,
    pub(super) of: Plan<'a>,
}

impl Search<'_> {
    pub(super) fn run(self) -> Result<Clusters, Error> {
        let k = self.of.clusters;
        let mut centroids = self.start()?;
        let mut places = vec![Place::NONE; self.vectors.len()];
        self.points.list.iter().for_each(|row| places[*row] = Place::OPEN);
        self.step(&centroids, &mut places)?;
        let mut sums = (kept_bytes(self.vectors, k, self.dimensions()) > 0)
            .then(|| Running::new(self.compute, self.vectors, k, self.dimensions()));
        let (mut iterations, mut settled) = (1, false);
        loop {
            self.fill_empty(&centroids, &mut places)?;
            let moved = self.averages(sums.as_mut(), &places, &centroids)?;
            let moves = self.moves(&centroids, &moved)?;
            centroids = moved;
            self.widen(&moves, &mut places);
            if iterations == self.of.iterations {
                // The labels that are returned are those of the centroids that are returned.
                self.step(&centroids, &mut places)?;
                break;
            }
            iterations += 1;
            if !self.step(&centroids, &mut places)? {
                settled = true;
                break;
            }
        }
        let distances = self.own_distances(&centroids, &places)?;
        let mut sums = vec![[0i64; DIGITS]; k];
        let mut members = vec![0i64; k];
        for row in &self.points.list {
            let cluster = places[*row].label as usize;
            members[cluster] += 1;
            if members[cluster] % (1 << 30) == 0 {
                exact::carry(&mut sums[cluster]);
            }
            exact::add_square(&mut sums[cluster], distances[*row]);
        }
        let mut all = [0; DIGITS];
        sums.iter_mut().for_each(|sum| {
            exact::carry(sum);
            exact::merge(&mut all, sum);
        });
        Ok(Clusters {
            labels: places.iter().map(|place| place.label()).collect(),
            members,
            within: sums.iter().map(|sum| exact::rounded(sum, 0)).collect(),
            inertia: exact::rounded(&all, 0),
            centroids,
            iterations,
            settled,
        })
    }

    fn dimensions(&self) -> usize {
        self.points.row_bytes / self.vectors.width().bytes()
    }

    fn rows_of<'b>(&self, centroids: &'b PackedVectors) -> Vec<&'b [u8]> {
        centroids.bytes.chunks(self.points.row_bytes.max(1)).collect()
    }

    fn targets<'b>(&self, vectors: &'b [&'b [u8]]) -> Targets<'b> {
        Targets { compute: self.compute, metric: Metric::Euclidean, vectors, name: "a centroid" }
    }

    fn packed(&self, bytes: Vec<u8>) -> PackedVectors {
        let lengths =
            vec![self.points.row_bytes as i32; bytes.len().checked_div(self.points.row_bytes).unwrap_or(0)];
        PackedVectors { element: self.vectors.wide_element(), bytes, lengths }
    }

    /// The centroids to begin with.
    fn start(&self) -> Result<PackedVectors, Error> {
        let k = self.of.clusters;
        if let Some(start) = self.of.start {
            let n = self.dimensions();
            if start.len() != k
                || start.width() != self.vectors.width()
                || (0..k).any(|i| start.dimensions(i) != Some(n))
            {
                return Err(Error::ParameterValue {
                    name: START.name.into(),
                    value: format!(
                        "{} vectors of {} {}",
                        start.len(),
                        start.dimensions(0).unwrap_or(0),
                        start.element().name()
                    ),
                    expected: format!("{k} of {n}, as wide as those of column {}", self.vectors.name()),
                });
            }
            return Ok(self.packed((0..k).flat_map(|i| start.row(i).unwrap_or_default()).copied().collect()));
        }
        let list = &self.points.list;
        let mut random = SplitMix(self.of.seed);
        let mut chosen = (random.uniform() * list.len() as f64) as usize;
        let mut distances = vec![f64::INFINITY; self.vectors.len()];
        let mut bytes = Vec::with_capacity(k * self.points.row_bytes);
        loop {
            let row = self.vectors.row(list[chosen]).unwrap_or_default();
            bytes.extend_from_slice(row);
            if bytes.len() == k * self.points.row_bytes {
                return Ok(self.packed(bytes));
            }
            self.approach(row, &mut distances)?;
            // Over a power of two, squares stay in the range of doubles. Beside an infinite distance the others vanish.
            let unit = range::unit(list.iter().map(|row| distances[*row]));
            let square = |row: &usize| {
                if unit.is_infinite() {
                    return f64::from(u8::from(distances[*row].is_infinite()));
                }
                let scaled = distances[*row] / unit;
                scaled * scaled
            };
            let squares = || list.iter().map(square);
            let Some(last) = list.iter().rposition(|row| distances[*row] > 0.0) else {
                let found = counted(bytes.len() / self.points.row_bytes, "different vector");
                return Err(Error::Value {
                    place: self.vectors.place().clone(),
                    row: 0,
                    found: format!("{found} among {}", list.len()),
                    expected: format!("{k} or more, as clusters says"),
                });
            };
            let mut rest = random.uniform() * squares().sum::<f64>();
            chosen = last;
            for (i, square) in squares().enumerate() {
                rest -= square;
                if rest < 0.0 {
                    chosen = i;
                    break;
                }
            }
        }
    }

    /// Lowers each row's distance to that from a new centroid where it is nearer.
    fn approach(&self, centroid: &[u8], distances: &mut [f64]) -> Result<(), Error> {
        let one = self.packed(centroid.to_vec());
        let column = Vectors::packed("centroids", one.element, &one.bytes, &one.lengths)?;
        let few = self.codes.as_ref().and_then(|codes| Few::new(self.compute, codes, &column));
        let Some(few) = few else {
            let list = &self.points.list;
            let found = self.targets(&[centroid]).nearest(self.vectors, list)?;
            for (row, found) in list.iter().zip(found) {
                distances[*row] = distances[*row].min(found.distance);
            }
            return Ok(());
        };
        let bytes = self.vectors.bytes().len();
        parallel::each(distances.chunks_mut(PIECE).enumerate(), bytes, |(piece, distances)| {
            let (compute, vectors, first) = (self.compute, self.vectors, piece * PIECE);
            compute.level.run(Spread { compute, vectors, few: &few, centroid, first, distances });
            Ok(())
        })
    }

    /// The averages of the clusters' rows, in the vectors' width; of a cluster without rows the centroid as it was.
    fn averages(
        &self,
        sums: Option<&mut Running>,
        places: &[Place],
        before: &PackedVectors,
    ) -> Result<PackedVectors, Error> {
        let mut out = before.clone();
        if let Some(sums) = sums {
            sums.update(self.vectors, &self.points.list, |row| places[row].label)?;
            sums.averages(&mut out.bytes)?;
        } else {
            let keys: Vec<Option<i64>> = places.iter().map(|place| place.label().map(i64::from)).collect();
            let by = By::new(&keys).compute(self.compute).results_as(self.vectors.wide_element());
            let found = group::average(&by, self.vectors)?;
            let size = self.points.row_bytes;
            let mut rest = found.results[0].bytes.as_slice();
            for (key, length) in found.keys.iter().zip(&found.results[0].lengths) {
                // The group of NULL rows has no average.
                let (own, others) = rest.split_at((*length).max(0) as usize);
                rest = others;
                if let Some(key) = key.filter(|_| *length >= 0) {
                    out.bytes[key as usize * size..][..size].copy_from_slice(own);
                }
            }
        }
        if self.of.spherical {
            let rows = Vectors::packed("centroids", out.element, &out.bytes, &out.lengths)?;
            return Points::new(&rows, None)?.normalized(&rows, self.compute);
        }
        Ok(out)
    }

    /// How far each centroid has moved.
    fn moves(&self, before: &PackedVectors, after: &PackedVectors) -> Result<Vec<f64>, Error> {
        let pairs = self.rows_of(before).into_iter().zip(self.rows_of(after));
        Ok(pairs.map(|(a, b)| self.distance(a, b)).collect())
    }

    fn distance(&self, a: &[u8], b: &[u8]) -> f64 {
        let (width, accumulate) = (self.vectors.width(), self.compute.accumulate);
        self.compute.level.run(Pair { form: Euclidean, width, accumulate, a, b })
    }

    /// Each row's distance from its centroid; 0 for NULL rows.
    fn own_distances(&self, centroids: &PackedVectors, places: &[Place]) -> Result<Vec<f64>, Error> {
        let rows = self.rows_of(centroids);
        let mut out = vec![0.0; places.len()];
        parallel::rows_into(places.len(), self.vectors.bytes().len(), &mut out, |range, out| {
            for (row, out) in range.zip(out) {
                if let (Some(vector), Some(label)) = (self.vectors.row(row), places[row].label()) {
                    *out = self.distance(rows[label as usize], vector);
                }
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Lets the bounds hold for centroids that have moved so far.
    fn widen(&self, moves: &[f64], places: &mut [Place]) {
        // The relative error of a computed distance, and some.
        let slack = 1.0 + self.slack();
        // The farthest move, and that of the others for the cluster that made it.
        let (mut first, mut second, mut at) = (0.0, 0.0, 0);
        for (i, moved) in moves.iter().enumerate() {
            if *moved > first {
                (second, first, at) = (first, *moved, i);
            } else if *moved > second {
                second = *moved;
            }
        }
        for row in &self.points.list {
            let place = &mut places[*row];
            let own = place.label as usize;
            place.upper += moves[own] * slack;
            place.lower -= if own == at { second } else { first } * slack;
        }
    }

    fn slack(&self) -> f64 {
        (self.dimensions() as f64 / 32.0 + 16.0) * 2f64.powi(-24)
    }

    /// Assigns all rows whose bounds do not prove that they stay; whether one has moved.
    fn step(&self, centroids: &PackedVectors, places: &mut [Place]) -> Result<bool, Error> {
        let column = Vectors::packed("centroids", centroids.element, &centroids.bytes, &centroids.lengths)?;
        let rows = &self.rows_of(centroids);
        let few = self.codes.as_ref().and_then(|codes| Few::new(self.compute, codes, &column));
        let slack = self.slack();
        let Some(few) = few else {
            let list = self.points.list.iter().copied();
            let open: Vec<usize> = list.filter(|row| places[*row].is_open(slack)).collect();
            let mut moved = false;
            for (row, found) in open.iter().zip(self.targets(rows).nearest(self.vectors, &open)?) {
                moved |= places[*row].label != found.index;
                places[*row] = Place { label: found.index, upper: found.distance, lower: found.second };
            }
            return Ok(moved);
        };
        let moved = AtomicBool::new(false);
        let bytes = self.vectors.bytes().len();
        parallel::each(places.chunks_mut(PIECE).enumerate(), bytes, |(piece, places)| {
            let (compute, vectors, first) = (self.compute, self.vectors, piece * PIECE);
            let assign = Assign { compute, vectors, few: &few, centroids: rows, slack, first, places };
            if compute.level.run(assign) {
                moved.store(true, Ordering::Relaxed);
            }
            Ok(())
        })?;
        Ok(moved.into_inner())
    }

    /// Gives each cluster without rows the one that is farthest from its centroid.
    fn fill_empty(&self, centroids: &PackedVectors, places: &mut [Place]) -> Result<(), Error> {
        let mut members = vec![0usize; self.of.clusters];
        self.points.list.iter().for_each(|row| members[places[*row].label as usize] += 1);
        let empty: Vec<usize> = (0..members.len()).filter(|i| members[*i] == 0).collect();
        if empty.is_empty() {
            return Ok(());
        }
        let distances = self.own_distances(centroids, places)?;
        let mut far: Vec<(f64, usize)> = self.points.list.iter().map(|row| (distances[*row], *row)).collect();
        // A stable sort: of equal distances the first row.
        far.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut far = far.into_iter().filter(|(distance, _)| *distance > 0.0);
        for cluster in empty {
            let Some((_, row)) = far.find(|(_, row)| members[places[*row].label as usize] > 1) else { break };
            members[places[row].label as usize] -= 1;
            // Nothing is known of its distances.
            places[row] = Place { label: cluster as u32, ..Place::OPEN };
        }
        Ok(())
    }
}

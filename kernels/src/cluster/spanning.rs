//! The minimum spanning tree of rows by mutual reachability.

use super::sieve::PIECE;
use crate::arch::{LANES, Simd, Task};
use crate::column::vectors::Vectors;
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::Metric;
use crate::vector::codes::{Codes, Few};
use crate::vector::distance::of_packed;

/// Rows of a block from which on their codes are looked at first.
const FEWEST: u32 = 4;

/// An edge: the places of two rows and the distance at which they are connected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) ends: [u32; 2],
    pub(super) weight: f64,
}

/// How a row that is not in the tree yet is best connected to it.
#[derive(Clone, Copy)]
struct Link {
    /// Infinite at first, and negative infinity once the row is in the tree.
    weight: f64,
    from: u32,
}

impl Link {
    const IN_TREE: Link = Link { weight: f64::NEG_INFINITY, from: 0 };

    fn is_open(&self) -> bool {
        self.weight != f64::NEG_INFINITY
    }
}

/// What the search for a tree reads.
pub(super) struct Rows<'a> {
    pub(super) compute: Compute,
    /// None of which is NULL.
    pub(super) points: &'a Vectors<'a>,
    pub(super) codes: Option<&'a Codes>,
    /// Each row's core distance.
    pub(super) cores: &'a [f64],
    pub(super) metric: Metric,
}

impl Rows<'_> {
    /// The edges in the order in which Prim's algorithm (1957) finds them from the first row; of equal ones the one of the first
    /// row. The distance of two rows is the greatest of theirs and of both core distances; it is computed only where the
    /// core distances and the codes allow it to be less than what connects the row already.
    pub(super) fn tree(&self) -> Result<Vec<Edge>, Error> {
        let m = self.points.len();
        let mut links = vec![Link { weight: f64::INFINITY, from: 0 }; m];
        let mut edges = Vec::with_capacity(m.saturating_sub(1));
        let mut current = 0;
        while edges.len() + 1 < m {
            links[current] = Link::IN_TREE;
            let (weight, next) = self.connect(current, &mut links)?;
            edges.push(Edge { ends: [links[next].from, next as u32], weight });
            current = next;
        }
        Ok(edges)
    }

    /// Connects the rows to one that has come into the tree, and finds the nearest.
    fn connect(&self, current: usize, links: &mut [Link]) -> Result<(f64, usize), Error> {
        let one = [current];
        let column = self.points.picked(&one);
        let few = match (self.codes, self.metric) {
            (Some(codes), Metric::Euclidean) => Few::new(self.compute, codes, &column),
            _ => None,
        };
        let mut found = vec![(f64::INFINITY, usize::MAX); links.len().div_ceil(PIECE)];
        // A step looks at a few numbers of each row, and at few whole rows.
        let work = size_of_val(links) * 4;
        let pieces = links.chunks_mut(PIECE).zip(&mut found).enumerate();
        parallel::each(pieces, work, |(piece, (links, found))| {
            let own = self.points.row(current).unwrap_or_default();
            let first = piece * PIECE;
            *found =
                self.compute.level.run(Step { rows: self, current, own, few: few.as_ref(), first, links });
            Ok(())
        })?;
        let nearest = found.into_iter().min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Ok(nearest.unwrap_or((f64::INFINITY, 0)))
    }
}

/// One piece of rows, from `first` on.
struct Step<'a> {
    rows: &'a Rows<'a>,
    current: usize,
    own: &'a [u8],
    few: Option<&'a Few<'a>>,
    first: usize,
    links: &'a mut [Link],
}

impl Task for Step<'_> {
    type Output = (f64, usize);
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> (f64, usize) {
        let Step { rows, current, own, few, first, links } = self;
        let core = rows.cores[current];
        let mut estimates = [[0f32; LANES]];
        let mut nearest = (f64::INFINITY, usize::MAX);
        for (links, first) in links.chunks_mut(LANES).zip((first..).step_by(LANES)) {
            let cores = &rows.cores[first..][..links.len()];
            let mut open = 0u32;
            for (j, (link, other)) in links.iter().zip(cores).enumerate() {
                open |= u32::from(core.max(*other) < link.weight) << j;
            }
            let few = few.filter(|_| open.count_ones() >= FEWEST);
            if let Some(few) = few {
                few.estimates(simd, first / LANES, &mut estimates);
            }
            for (j, (link, other)) in links.iter_mut().zip(cores).enumerate() {
                if open >> j & 1 == 1 {
                    let row = first + j;
                    let beyond = few.is_some_and(|few| estimates[0][j] > few.limit(row, link.weight));
                    if !beyond {
                        let vector = rows.points.row(row).unwrap_or_default();
                        let width = rows.points.width();
                        let distance = of_packed(rows.compute, rows.metric, width, own, vector);
                        let weight = distance.max(core).max(*other);
                        if weight < link.weight {
                            *link = Link { weight, from: current as u32 };
                        }
                    }
                }
                if link.is_open() && (link.weight < nearest.0 || nearest.1 == usize::MAX) {
                    nearest = (link.weight, first + j);
                }
            }
        }
        nearest
    }
}

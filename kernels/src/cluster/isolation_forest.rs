//! Isolation forests.

use super::points::{Points, not_enough};
use crate::column::vectors::{Vectors, decode};
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::number::exp::exp;
use crate::number::random::SplitMix;
use crate::parallel;

/// An isolation forest (Liu, Ting and Zhou 2008) and its options: how easily random cuts separate a row from others.
///
/// Each tree gets `sample` rows, drawn without replacement. A node draws a component that varies among its rows and a
/// place between its least and greatest number uniformly, and cuts there, down to ⌈log₂ sample⌉ levels. The score of a
/// row is 2^(−h/c): h the mean over the trees of the levels that it passes plus c(rows) of the node where it ends, c(n) =
/// 2·H(n − 1) − 2·(n − 1)/n the mean number of levels of an unsuccessful search among n rows.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, cluster::IsolationForest};
/// let rows: Vec<f32> = (0..100).map(|i| (i % 10) as f32).chain([1000.0]).collect();
/// let scores = IsolationForest::default().scores(&Vectors::matrix(&rows, 1)?, None)?;
/// assert!(scores[100] > Some(0.8) && scores[0] < Some(0.6));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct IsolationForest {
    /// Trees.
    pub trees: u32,
    /// Rows for a tree; of fewer rows all.
    pub sample: usize,
    /// Seed of SplitMix64.
    pub seed: u64,
}

impl Default for IsolationForest {
    /// 100 trees of 256 rows, seed 42: the paper's numbers.
    fn default() -> IsolationForest {
        IsolationForest { trees: 100, sample: 256, seed: 42 }
    }
}

enum Node {
    /// Levels from the root on, and those that more cuts would have added.
    Leaf(f64),
    /// Rows below the place go to the next node, the others to that number.
    Cut { component: usize, place: f64, other: usize },
}

impl IsolationForest {
    /// Each row's score: near 1 for outliers, below 0.5 for others; `None` for a NULL row.
    ///
    /// # Shapes
    ///
    /// m vectors of n dimensions; `order`, where given, says in which order rows are drawn.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a single vector, and for one that is empty or not finite; [`Error::Dimensions`];
    /// [`Error::ParameterValue`] for no trees or a sample below 2.
    ///
    /// # Accuracy
    ///
    /// Double precision; same bits for any threads and levels. Another seed gives other scores: of 100 trees they differ by
    /// some hundredths.
    ///
    /// # Complexity
    ///
    /// O(trees·(sample·(n + log sample) + m·log sample)): where draws find no component that varies, a node looks at all that
    /// may, which leaves fewer for the nodes below. 32 bytes for each node; a copy of the sample for each thread.
    pub fn scores(&self, vectors: &Vectors<'_>, order: Option<&[usize]>) -> Result<Vec<Option<f64>>, Error> {
        for (param, value, least) in [(&TREES, self.trees as usize, 1), (&SAMPLE, self.sample, 2)] {
            if value < least {
                let expected = param.kind.describe();
                return Err(Error::ParameterValue {
                    name: param.name.into(),
                    value: value.to_string(),
                    expected,
                });
            }
        }
        let list = Points::new(vectors, order)?.list;
        if list.is_empty() {
            return Ok(vec![None; vectors.len()]);
        }
        if list.len() < 2 {
            return Err(not_enough(vectors, list.len(), "2 or more, to tell one from others"));
        }
        let size = self.sample.min(list.len());
        let depth = (size as u64).next_power_of_two().trailing_zeros();
        let trees = parallel::blocks(self.trees as usize, self.trees as usize * size * 256, |range| {
            Ok(range.map(|tree| self.tree(vectors, &list, tree as u64, size, depth)).collect::<Vec<_>>())
        })?;
        let trees: Vec<Vec<Node>> = trees.into_iter().flatten().collect();
        let usual = levels(size);
        let element = vectors.wide_element();
        let score = |row: usize| {
            let bytes = vectors.row(row)?;
            let numbers = decode(element, bytes);
            let sum: f64 = trees.iter().map(|tree| passed(tree, &numbers)).sum();
            Some(exp(-sum / trees.len() as f64 / usual * std::f64::consts::LN_2))
        };
        let work = vectors.len().saturating_mul(trees.len() * 64);
        Ok(parallel::blocks(vectors.len(), work, |range| Ok(range.map(score).collect::<Vec<_>>()))?.concat())
    }

    fn tree(&self, vectors: &Vectors<'_>, list: &[usize], tree: u64, size: usize, depth: u32) -> Vec<Node> {
        // Sequences of neighbouring trees start far from each other.
        let mut random = SplitMix(self.seed.wrapping_add(tree.wrapping_mul(0xd129_2e15_1a2c_4cf5)));
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(size);
        let mut moved = std::collections::HashMap::new();
        for i in 0..size {
            // The first steps of a shuffle, of which only the moved places are kept.
            let at = i + below(&mut random, list.len() - i);
            let chosen = moved.get(&at).copied().unwrap_or(at);
            let here = moved.get(&i).copied().unwrap_or(i);
            moved.insert(at, here);
            rows.push(decode(vectors.wide_element(), vectors.row(list[chosen]).unwrap_or_default()));
        }
        let mut nodes = Vec::with_capacity(2 * size - 1);
        grow(&mut nodes, &mut random, &mut rows, None, 0, depth);
        nodes
    }
}

/// Adds the nodes of a tree for these rows, of whose components only those of `may_vary` may vary; `None`: all may.
fn grow(
    nodes: &mut Vec<Node>,
    random: &mut SplitMix,
    rows: &mut [Vec<f64>],
    may_vary: Option<&[u32]>,
    level: u32,
    depth: u32,
) {
    let cut = if level < depth && rows.len() > 1 { cut(random, rows, may_vary) } else { None };
    let Some(Cut { component, place, varying }) = cut else {
        nodes.push(Node::Leaf(f64::from(level) + levels(rows.len())));
        return;
    };
    let at = nodes.len();
    nodes.push(Node::Cut { component, place, other: 0 });
    rows.sort_by_key(|row| row[component] >= place);
    let middle = rows.partition_point(|row| row[component] < place);
    let (low, high) = rows.split_at_mut(middle);
    let may_vary = varying.as_deref().or(may_vary);
    grow(nodes, random, low, may_vary, level + 1, depth);
    let next = nodes.len();
    if let Node::Cut { other, .. } = &mut nodes[at] {
        *other = next;
    }
    grow(nodes, random, high, may_vary, level + 1, depth);
}

struct Cut {
    component: usize,
    place: f64,
    /// All components that vary, where the node had to look.
    varying: Option<Vec<u32>>,
}

/// Those of some components that vary; of all for `None`.
fn varying(rows: &[Vec<f64>], among: Option<&[u32]>) -> Vec<u32> {
    let (first, rest) = (&rows[0], &rows[1..]);
    let mut varies = vec![false; among.map_or(first.len(), <[u32]>::len)];
    for row in rest {
        match among {
            Some(among) => varies.iter_mut().zip(among).for_each(|(varies, j)| {
                *varies |= row[*j as usize] != first[*j as usize];
            }),
            None => {
                varies.iter_mut().zip(row.iter().zip(first)).for_each(|(varies, (a, b))| *varies |= a != b)
            }
        }
    }
    // A vector has fewer than 2³¹ components.
    let name = |at: usize| among.map_or(at as u32, |among| among[at]);
    (0..varies.len()).filter(|at| varies[*at]).map(name).collect()
}

/// A component that varies, drawn uniformly among those, and a place in it; `None` where none varies. Draws among all
/// components come first: where many vary, they find one at once.
fn cut(random: &mut SplitMix, rows: &[Vec<f64>], may_vary: Option<&[u32]>) -> Option<Cut> {
    let n = rows[0].len();
    let extremes = |j: usize| {
        let all = rows.iter().map(|row| row[j]);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let drawn = (0..16).map(|_| below(random, n)).find(|j| extremes(*j).0 < extremes(*j).1);
    let (component, varying) = match drawn {
        Some(component) => (component, None),
        None => {
            let varying = varying(rows, may_vary);
            if varying.is_empty() {
                return None;
            }
            (varying[below(random, varying.len())] as usize, Some(varying))
        }
    };
    let (low, high) = extremes(component);
    let share = random.uniform();
    let place = low * (1.0 - share) + high * share;
    // Both sides get a row, also where rounding reaches an end.
    let place = if place > low && place <= high { place } else { high };
    Some(Cut { component, place, varying })
}

/// Uniform below a number.
fn below(random: &mut SplitMix, n: usize) -> usize {
    ((random.uniform() * n as f64) as usize).min(n - 1)
}

/// Levels that a row passes in a tree.
fn passed(tree: &[Node], row: &[f64]) -> f64 {
    let mut at = 0;
    loop {
        match &tree[at] {
            Node::Leaf(levels) => return *levels,
            Node::Cut { component, place, other } => {
                at = if row[*component] < *place { at + 1 } else { *other }
            }
        }
    }
}

/// The mean number of levels of an unsuccessful search in a binary tree of that many rows.
fn levels(rows: usize) -> f64 {
    if rows < 2 {
        return 0.0;
    }
    let harmonic: f64 = (1..rows).map(|i| 1.0 / i as f64).sum();
    2.0 * harmonic - 2.0 * (rows - 1) as f64 / rows as f64
}

const TREES: Param = Param {
    name: "trees",
    kind: ParamKind::Int { min: 1, max: 100_000 },
    default: Some("100"),
    summary: "Trees.",
};
const SAMPLE: Param = Param {
    name: "sample",
    kind: ParamKind::Int { min: 2, max: 1 << 20 },
    default: Some("256"),
    summary: "Rows for a tree; of fewer rows all.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_isolation_forest",
    family: Family::Vector,
    summary: "Isolation forest: how easily random cuts separate a row from others.",
    details: "Each tree gets `sample` rows, drawn without replacement. A node draws a component that varies among its rows and a place between its least and greatest number uniformly, and cuts there, down to ⌈log₂ sample⌉ levels. The score is 2^(−h/c): h the mean over the trees of the levels that a row passes plus c(rows) of the node where it ends, c(n) = 2·H(n − 1) − 2·(n − 1)/n. Near 1 for outliers, below 0.5 for others.",
    inputs: &[ID, V],
    optional: &[],
    params: &[TREES, SAMPLE, super::kmeans::SEED, ELEMENT],
    outputs: &[
        ID,
        Column { name: "score", kind: Kind::Float, unit: "1", summary: "The score, between 0 and 1." },
    ],
    rows: RowShape::Same,
    nulls: "A NULL vector gives NULL. A NULL id comes last.",
    empty: "No rows give no rows. A single vector is an error; so is an empty one.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Double precision. Rows are drawn by rising id with SplitMix64 from `seed`: same bits for any order of rows with distinct integer ids, number of threads and instruction set. Another seed gives other scores, of 100 trees by some hundredths. O(trees · (sample · dimensions + (sample + rows) · log sample)).",
    streaming: Streaming::Whole("all rows"),
    source: "Liu, Ting and Zhou 2008, \"Isolation forest\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0])],
            &[Cell::Int(2), Cell::Vector(&[1.0])],
            &[Cell::Int(3), Cell::Null],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(1), Cell::Float(0.5)],
            &[Cell::Int(2), Cell::Float(0.5)],
            &[Cell::Int(3), Cell::Null],
        ],
    },
    run: |call| {
        let forest = IsolationForest {
            trees: call.params.int(TREES.name) as u32,
            sample: call.params.int(SAMPLE.name) as usize,
            seed: call.params.int(super::kmeans::SEED.name) as u64,
        };
        let n = (0..call.rows).find_map(|row| call.given_vectors(0).dimensions(row)).unwrap_or(0) as u64;
        // A worker's sample, and the lists of components that vary, of a node and those above it.
        let sample = (8 * (forest.sample as u64).min(call.rows as u64) + 128) * n;
        let sample = sample * parallel::workers(usize::MAX) as u64;
        let trees = u64::from(forest.trees) * 64 * (forest.sample.min(call.rows) as u64);
        call.check_memory("the trees", sample.saturating_add(trees))?;
        Ok(Output::same(Values::Float(forest.scores(call.vectors(0)?, Some(&call.by_id()))?)))
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_components_that_vary_are_passed_down_and_change_nothing() {
        let n = 3000;
        // A third of the rows are equal, each other one has a component of its own.
        let rows: Vec<Vec<f64>> = (0..30)
            .map(|i| (0..n).map(|j| f64::from(u8::from(i % 3 > 0 && j == 90 * i + 7))).collect())
            .collect();
        let expected: Vec<u32> = (0..30).filter(|i| i % 3 > 0).map(|i| 90 * i + 7).collect();
        assert_eq!(varying(&rows, None), expected);
        let few = &rows[..6];
        assert_eq!(varying(few, Some(&expected)), varying(few, None));
        assert_eq!(varying(&rows[3..4], None), [0; 0]);
        let mut looked = 0;
        for seed in 0..20 {
            let cut = |among| cut(&mut SplitMix(seed), few, among).map(|c| (c.component, c.place, c.varying));
            assert_eq!(cut(None), cut(Some(&expected)));
            // Where the node looked, those below look at what it found alone.
            let found = cut(None).unwrap();
            looked += usize::from(found.2.is_some_and(|list| list == varying(few, None)));
        }
        assert!(looked > 15, "{looked}");
    }
}

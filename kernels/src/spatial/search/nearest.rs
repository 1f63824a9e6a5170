//! The nearest neighbours of every position.

use rstar::{AABB, Envelope, PointDistance, RTree, RTreeObject};

use crate::contract::shared::ID;
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::number::range;
use crate::parallel;
use crate::spatial::curve::{self, AXES};

const K: Param = Param {
    name: "k",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: Some("10"),
    summary: "Neighbours of each position at most.",
};

/// Distances between coordinates beyond this may leave the range of doubles.
const LARGEST: f64 = 1e307;

/// A position with all its rows, by id, then row.
struct Place {
    at: [f64; 3],
    rows: Vec<usize>,
}

impl RTreeObject for Place {
    type Envelope = Around;
    fn envelope(&self) -> Around {
        Around(AABB::from_point(self.at))
    }
}

impl PointDistance for Place {
    fn distance_2(&self, point: &[f64; 3]) -> f64 {
        range::norm([0, 1, 2].map(|i| self.at[i] - point[i]).into_iter())
    }
}

/// A box whose distances are not squared, as the tree's own are: squares may leave the range of doubles. The tree needs
/// distances for their order alone.
#[derive(Clone, Debug, PartialEq)]
struct Around(AABB<[f64; 3]>);

impl Around {
    /// The distance to the point that `corner` picks, per axis, from the box's bounds and the query's coordinate.
    fn way(&self, point: &[f64; 3], corner: impl Fn(f64, f64, f64) -> f64) -> f64 {
        let (low, high) = (self.0.lower(), self.0.upper());
        range::norm([0, 1, 2].map(|i| corner(low[i], high[i], point[i]) - point[i]).into_iter())
    }
}

impl Envelope for Around {
    type Point = [f64; 3];

    fn new_empty() -> Self {
        Around(AABB::new_empty())
    }
    fn contains_point(&self, point: &[f64; 3]) -> bool {
        self.0.contains_point(point)
    }
    fn contains_envelope(&self, other: &Self) -> bool {
        self.0.contains_envelope(&other.0)
    }
    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }
    fn merged(&self, other: &Self) -> Self {
        Around(self.0.merged(&other.0))
    }
    fn intersects(&self, other: &Self) -> bool {
        self.0.intersects(&other.0)
    }
    fn intersection_area(&self, other: &Self) -> f64 {
        self.0.intersection_area(&other.0)
    }
    fn area(&self) -> f64 {
        self.0.area()
    }
    fn distance_2(&self, point: &[f64; 3]) -> f64 {
        self.way(point, |low, high, at| at.max(low).min(high))
    }
    fn min_max_dist_2(&self, point: &[f64; 3]) -> f64 {
        // No place in the box is farther than its farthest corner.
        self.way(point, |low, high, at| if at - low > high - at { low } else { high })
    }
    fn center(&self) -> [f64; 3] {
        self.0.center()
    }
    fn perimeter_value(&self) -> f64 {
        self.0.perimeter_value()
    }
    fn sort_envelopes<T: RTreeObject<Envelope = Self>>(axis: usize, envelopes: &mut [T]) {
        let low = |object: &T| object.envelope().0.lower()[axis];
        envelopes.sort_unstable_by(|a, b| low(a).total_cmp(&low(b)));
    }
    fn partition_envelopes<T: RTreeObject<Envelope = Self>>(axis: usize, envelopes: &mut [T], size: usize) {
        let low = |object: &T| object.envelope().0.lower()[axis];
        envelopes.select_nth_unstable_by(size, |a, b| low(a).total_cmp(&low(b)));
    }
}

/// A neighbour: distance, NULL ids last, id, row.
type Found = (f64, (bool, i64), usize);

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_nearest",
    family: Family::Spatial,
    summary: "The k nearest other positions of every position, by distance in space.",
    details: "For every row its k nearest other rows, nearest first, by Euclidean distance in three dimensions. Equal distances are ordered by the smaller id, then by \
              row. A row is no neighbour of itself, but other rows at the same place are. For one query against many rows see vector_top_k.",
    inputs: curve::INPUTS,
    optional: &[],
    params: &[K],
    outputs: &[
        ID,
        Column { name: "rank", kind: Kind::Int, unit: "1", summary: "1 for the nearest." },
        Column { name: "neighbor", kind: Kind::BigInt, unit: "1", summary: "Id of the neighbour." },
        Column { name: "distance", kind: Kind::Float, unit: "length", summary: "Distance to it." },
    ],
    rows: RowShape::Picked,
    nulls: "Rows with NULL in a coordinate have no neighbours and are none. NULL ids come after all others.",
    empty: "No rows give no rows, and a single one has no neighbours.",
    nan: "NaN, infinities and coordinates beyond 1e307 are errors.",
    accuracy: "The search is exact in the computed distances, whose relative error is at most 4·2⁻⁵³ for coordinates of any size; below the range of normal doubles half a unit in the last place comes on top. The same result for any number of threads, on every machine.",
    streaming: Streaming::Whole("all rows"),
    source: "Roussopoulos, Kelley and Vincent 1995, \"Nearest neighbor queries\", by the crate rstar.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Float(0.0), Cell::Float(0.0), Cell::Float(0.0)],
            &[Cell::Int(2), Cell::Float(1.0), Cell::Float(2.0), Cell::Float(2.0)],
            &[Cell::Int(3), Cell::Float(0.0), Cell::Float(0.0), Cell::Float(1.0)],
        ],
        params: &[("k", Cell::Int(1))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(1), Cell::Int(3), Cell::Float(1.0)],
            &[Cell::Int(2), Cell::Int(1), Cell::Int(3), Cell::Float(2.449489742783178)],
            &[Cell::Int(3), Cell::Int(1), Cell::Int(1), Cell::Float(1.0)],
        ],
    },
    run,
};

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let keys = call.keys().ok_or_else(|| Error::ColumnType {
        place: ID.name.into(),
        found: "no integer type".into(),
        expected: "an integer type, because neighbours are named by id".into(),
    })?;
    let axes = AXES.map(|name| call.floats(name));
    let k = usize::try_from(call.params.int(K.name)).unwrap_or(usize::MAX).min(call.rows.saturating_sub(1));
    let pairs = (call.rows as u64).saturating_mul(k as u64);
    if pairs > i32::MAX as u64 {
        let most = i32::MAX as u64 / call.rows as u64;
        return Err(Error::ParameterValue {
            name: K.name.into(),
            value: call.params.int(K.name).to_string(),
            expected: format!("at most {most} for {} rows, so that the result has less than 2³¹", call.rows),
        });
    }
    // Places with their lists, the tree over them, and the neighbours with their columns.
    call.check_memory("the neighbours", (call.rows as u64).saturating_mul(160 + 96 * k as u64))?;
    let position = |row: usize| match (axes[0][row], axes[1][row], axes[2][row]) {
        (Some(x), Some(y), Some(z)) => Some([x, y, z]),
        _ => None,
    };
    let mut rows: Vec<([f64; 3], usize)> = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let Some(p) = position(row) else { continue };
        for (name, v) in AXES.into_iter().zip(p) {
            if v.is_nan() || v.abs() > LARGEST {
                return Err(Error::Value {
                    place: name.into(),
                    row: row as u64 + 1,
                    found: format!("{v:?}"),
                    expected: "a number from -1e307 to 1e307".into(),
                });
            }
        }
        // −0 and 0 are the same place.
        rows.push((p.map(|v| v + 0.0), row));
    }
    let id = |row: usize| (keys[row].is_none(), keys[row].unwrap_or(0));
    rows.sort_unstable_by(|(p, a), (q, b)| {
        let order = (0..3).fold(std::cmp::Ordering::Equal, |order, i| order.then(p[i].total_cmp(&q[i])));
        order.then_with(|| id(*a).cmp(&id(*b))).then(a.cmp(b))
    });
    // One entry per place: many rows at one place would otherwise all be ties.
    let places: Vec<Place> = rows
        .chunk_by(|a, b| a.0 == b.0)
        .map(|at| Place { at: at[0].0, rows: at.iter().map(|(_, row)| *row).collect() })
        .collect();
    drop(rows);
    let tree = RTree::bulk_load(places);
    let blocks = parallel::blocks(call.rows, call.rows.saturating_mul(1000), |range| {
        let mut out: Vec<(usize, i32, Found)> = Vec::new();
        for row in range {
            let Some(query) = position(row).map(|p| p.map(|v| v + 0.0)) else { continue };
            let neighbours = neighbours(&tree, query, row, k, id);
            out.extend(neighbours.into_iter().zip(1..).map(|(found, rank)| (row, rank, found)));
        }
        Ok(out)
    })?;
    let all: Vec<_> = blocks.into_iter().flatten().collect();
    Ok(Output {
        columns: vec![
            Values::Int(all.iter().map(|(_, rank, _)| Some(*rank)).collect()),
            Values::BigInt(all.iter().map(|(_, _, found)| keys[found.2]).collect()),
            Values::Float(all.iter().map(|(_, _, found)| Some(found.0)).collect()),
        ],
        picked: Some(all.iter().map(|(row, _, _)| *row).collect()),
    })
}

fn neighbours(
    tree: &RTree<Place>,
    query: [f64; 3],
    row: usize,
    k: usize,
    id: impl Fn(usize) -> (bool, i64),
) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut limit = f64::INFINITY;
    for place in tree.nearest_neighbor_iter(&query) {
        let distance = place.distance_2(&query);
        if distance > limit {
            break;
        }
        // A place's rows are sorted, so no more than k of them can count.
        found.extend(
            place
                .rows
                .iter()
                .filter(|other| **other != row)
                .take(k)
                .map(|other| (distance, id(*other), *other)),
        );
        if found.len() >= k {
            limit = distance;
        }
    }
    // Places come by distance; ids break ties.
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    found.truncate(k);
    found
}

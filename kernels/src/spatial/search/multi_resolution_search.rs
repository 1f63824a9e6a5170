//! Search in stages: coarse cells, all axes, exact distances.

use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, V};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::spatial::basis::Basis;
use crate::spatial::basis::project::Projection;
use crate::spatial::curve::buckets::cell;
use crate::spatial::params::XY;
use crate::spatial::params::{self, BASIS, NAN_SEARCH, PAD, SEARCH_NULLS};
use crate::spatial::search::hybrid_search::check_memory;
use crate::spatial::search::order::{Points, Space};
use crate::vector::distance::{METRIC, metric_of};
use crate::vector::nearest_rows::{self, Best, Candidate, Key};
use crate::vector::rows;
use crate::vector::top_k::{self, DISTANCE, K, QUERY, QUERY_COUNT, QUERY_NUMBER, RANK};

/// Points of rows that are first ranked by their cells of x, y and z.
pub(crate) struct Stages<'a> {
    points: Points<'a>,
    /// Edge of a cell.
    cell: f64,
}

impl<'a> Stages<'a> {
    /// The stages that the call's parameters describe.
    pub(crate) fn new(
        call: &Call<'_>,
        compute: Compute,
        basis: &'a Basis,
        rows: &Vectors<'_>,
    ) -> Result<Stages<'a>, Error> {
        let points = Points::new(compute, basis, rows, params::pad_of(call), basis.axes())?;
        let cell = match call.params.float(CELL.name) {
            0.0 => default_cell(points.rows()),
            given => given,
        };
        let stages = Stages { points, cell };
        stages.check_cell(stages.points.rows())?;
        Ok(stages)
    }

    /// The queries' coordinates.
    pub(crate) fn prepare(&self, queries: &Vectors<'_>) -> Result<Projection, Error> {
        let points = self.points.prepare(queries)?;
        self.check_cell(&points)?;
        Ok(points)
    }

    /// Rejects cells so small that neighbouring cells get the same number.
    fn check_cell(&self, points: &Projection) -> Result<(), Error> {
        let mut all = (0..points.len()).filter_map(|i| points.point(i)).flat_map(|p| p.iter().take(3));
        match all.find(|v| v.is_finite() && cell(**v, self.cell).is_none()) {
            Some(v) => Err(Error::ParameterValue {
                name: CELL.name.into(),
                value: format!("{:?}", self.cell),
                expected: format!("0, or cells of which {v} is less than 2⁵³ from 0"),
            }),
            None => Ok(()),
        }
    }

    /// Distance between a row's cell and a point's; NaN where the row is NULL.
    fn coarse_distance(&self, target: &[f64], row: usize) -> f64 {
        self.points.rows().point(row).map_or(f64::NAN, |p| coarse_distance(self.cell, target, p))
    }

    /// The `n` rows whose cells are nearest.
    pub(crate) fn coarse(
        &self,
        target: &[f64],
        rows: &Vectors<'_>,
        key: Key<'_>,
        n: usize,
    ) -> Vec<Candidate> {
        let distances: Vec<f64> = (0..rows.len()).map(|row| self.coarse_distance(target, row)).collect();
        Space::first(&distances, rows, key, n)
    }

    /// The `n` of these rows whose points are nearest on all axes.
    pub(crate) fn fine(&self, target: &[f64], first: &[Candidate], key: Key<'_>, n: usize) -> Vec<Candidate> {
        let mut near = Best::new(n);
        for c in first {
            near.offer(Candidate::new(self.points.distance(target, c.row), key(c.row), c.row));
        }
        near.into_sorted()
    }
}

/// The result of one query: rows with their coarse and fine distances, and how many rows each stage left.
struct Found {
    list: Vec<(Candidate, f64, f64)>,
    coarse: usize,
    fine: usize,
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let (rows, ids) = (call.vectors(0)?, top_k::integer_keys(call)?);
    let metric = metric_of(call)?;
    let basis = params::basis_of(call)?;
    let queries = top_k::queries_of(call)?;
    let size = |name| usize::try_from(call.params.int(name)).unwrap_or(usize::MAX).min(call.rows);
    let (k, coarse, fine) = (size(K.name).max(1), size(COARSE.name), size(FINE.name));
    if call.rows > 0 && (fine > coarse || k > fine) {
        return Err(Error::ParameterValue {
            name: FINE.name.into(),
            value: call.params.int(FINE.name).to_string(),
            expected: "from k to coarse_candidates rows".into(),
        });
    }
    check_memory(call, &queries, basis.axes(), coarse + fine, k)?;
    let (compute, key) = (rows::compute_of(call)?, |row: usize| ids[row]);
    let stages = Stages::new(call, compute, &basis, rows)?;
    let (packed, targets) = (nearest_rows::packed(&queries)?, stages.prepare(&queries)?);
    let work = rows.len().saturating_mul(8 * packed.len());
    let blocks = parallel::blocks(packed.len(), work, |range| {
        let one = |q: usize| {
            let target = targets.point(q).unwrap_or_default();
            let first = stages.coarse(target, rows, &key, coarse);
            let near = stages.fine(target, &first, &key, fine);
            let list: Vec<usize> = near.iter().map(|c| c.row).collect();
            let mut best = Best::new(k);
            let query = (queries.place(), packed[q]);
            nearest_rows::offer_rows(compute, rows, &key, query, metric, &list, &mut best)?;
            let with = |c: Candidate| {
                (c, stages.coarse_distance(target, c.row), stages.points.distance(target, c.row))
            };
            let list = best.into_sorted().into_iter().map(with).collect();
            Ok(Found { list, coarse: first.len(), fine: near.len() })
        };
        range.map(one).collect::<Result<Vec<Found>, Error>>()
    })?;
    let mut integers = [const { Vec::new() }; 4];
    let mut floats = [const { Vec::new() }; 3];
    let mut picked = Vec::new();
    for (query, found) in blocks.into_iter().flatten().enumerate() {
        for (rank, (candidate, coarse, fine)) in found.list.into_iter().enumerate() {
            let counts = [query + 1, rank + 1, found.coarse, found.fine];
            integers.iter_mut().zip(counts).for_each(|(column, n)| column.push(params::count(n)));
            let distances = [candidate.distance, coarse, fine];
            floats.iter_mut().zip(distances).for_each(|(column, d)| column.push(Some(d)));
            picked.push(candidate.row);
        }
    }
    let [query, rank, coarse_rows, fine_rows] = integers.map(Values::Int);
    let [distance, coarse, fine] = floats.map(Values::Float);
    Ok(Output {
        columns: vec![query, rank, distance, coarse, fine, coarse_rows, fine_rows],
        picked: Some(picked),
    })
}

/// A sixteenth of the widest extent of x, y and z, but wide enough that cell numbers stay distinct; 1 where all points
/// coincide.
fn default_cell(points: &Projection) -> f64 {
    let (mut widest, mut farthest) = (0.0f64, 0.0f64);
    for axis in 0..3 {
        let all = (0..points.len()).filter_map(|i| points.point(i)).map(|p| params::coordinate(p, axis));
        let finite = all.filter(|v| v.is_finite());
        let (least, most) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), v| (l.min(v), m.max(v)));
        // Divided before subtracting, because the difference might leave the range of doubles.
        widest = widest.max(most / 16.0 - least / 16.0);
        farthest = farthest.max(most.max(-least));
    }
    let cell = widest.max(farthest / (1u64 << 50) as f64);
    if cell > 0.0 && cell.is_finite() { cell } else { 1.0 }
}

/// Distance between the centres of two points' cells of x, y and z.
fn coarse_distance(cell: f64, a: &[f64], b: &[f64]) -> f64 {
    let centre = |p: &[f64], axis| (params::coordinate(p, axis) / cell).floor();
    (0..3).map(|axis| (centre(a, axis) - centre(b, axis)).powi(2)).sum::<f64>().sqrt() * cell
}

pub(crate) const COARSE: Param = Param {
    name: "coarse_candidates",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: Some("1000"),
    summary: "Rows that the first stage leaves: the nearest by the cells of x, y and z.",
};
const FINE: Param = Param {
    name: "fine_candidates",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: Some("100"),
    summary: "Rows that the second stage leaves: the nearest of those on all axes of the basis.",
};
pub(crate) const CELL: Param = Param {
    name: "cell",
    kind: ParamKind::Float { min: 0.0, max: f64::MAX },
    default: Some("0"),
    summary: "Edge of the coarse cells; 0: a sixteenth of the widest extent of the rows in x, y and z.",
};

const fn distance(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Float, unit: "that of the coordinates", summary }
}

const fn stage(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Int, unit: "rows", summary }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_multi_resolution_search",
    family: Family::Spatial,
    summary: "Search in three stages: coarse cells, points on all axes, exact distances.",
    details: "Stage one keeps the rows whose cell of x, y and z is nearest to that of the query; rows and query lie on one grid, \
              as they did not in the procedure that it replaces. Stage two keeps the nearest of those by the distance on all axes of \
              the basis. Stage three ranks these by the exact distance of the vectors, which the original left out. Neighbours may \
              be lost in both first stages: spatial_recall with order = cells measures how many, and spatial_hybrid_search with sieve = proven loses none.",
    inputs: &[ID, V],
    optional: &[],
    params: &[QUERY, QUERY_COUNT, K, METRIC, BASIS, PAD, COARSE, FINE, CELL, ELEMENT, ACCUMULATE],
    outputs: &[
        QUERY_NUMBER,
        RANK,
        ID,
        DISTANCE,
        distance("coarse_distance", "Distance of the centres of the cells."),
        distance("fine_distance", "Distance of the points on all axes."),
        stage("coarse_rows", "Rows that stage one left for this query."),
        stage("fine_rows", "Rows that stage two left, whose exact distances were computed."),
    ],
    rows: RowShape::Picked,
    nulls: SEARCH_NULLS,
    empty: "No rows give no result rows.",
    nan: NAN_SEARCH,
    accuracy: "Distances have the bits of vector_distance. Of coarse_distance and fine_distance the relative error is at most (axes + 4)·2⁻⁵³ as distances of the computed cells and coordinates. Same bits on every instruction set and for any number of threads.",
    streaming: Streaming::Whole("all rows"),
    source: "Procedure sp_MultiResolutionSearch, with a vector stage.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[0.0, 0.0, 4.0])],
            &[Cell::Int(8), Cell::Vector(&[3.0, 4.0, 0.0])],
            &[Cell::Int(9), Cell::Vector(&[6.0, 8.0, 0.0])],
        ],
        params: &[
            ("query", Cell::Vector(&[3.0, 4.0, 1.0])),
            ("k", Cell::Int(1)),
            ("metric", Cell::Text("euclidean")),
            ("basis", Cell::Binary(XY)),
            ("coarse_candidates", Cell::Int(2)),
            ("fine_candidates", Cell::Int(1)),
            ("cell", Cell::Float(2.0)),
        ],
        outputs: &[&[
            Cell::Int(1),
            Cell::Int(1),
            Cell::Int(8),
            Cell::Float(1.0),
            Cell::Float(0.0),
            Cell::Float(0.0),
            Cell::Int(2),
            Cell::Int(1),
        ]],
    },
    run,
};

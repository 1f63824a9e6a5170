//! The nearest among stored points.

use crate::contract::shared::ID;
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::number::range;
use crate::spatial::columns;
use crate::spatial::params::{X, Y, Z};
use crate::vector::nearest_rows::{Best, Candidate};
use crate::vector::top_k::{self, RANK};

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let ids = top_k::integer_keys(call)?;
    let number = |name| call.params.float(name);
    let query = [number(QUERY_X.name), number(QUERY_Y.name), number(QUERY_Z.name)];
    let flat = call.params.word(MEASURE.name) == "xy";
    let n = usize::try_from(call.params.int(COUNT.name)).unwrap_or(usize::MAX);
    let bytes = (n.min(call.rows) as u64).saturating_mul(2 * size_of::<Candidate>() as u64);
    call.check_memory("the candidates of the search", bytes)?;
    let (x, y, z) = (call.floats(X.name), call.floats(Y.name), call.floats(Z.name));
    let mut best = Best::new(n);
    for (row, ((x, y), z)) in x.iter().zip(y).zip(z).enumerate() {
        for (name, v) in [X.name, Y.name, Z.name].into_iter().zip([x, y, z]) {
            v.map_or(Ok(()), |v| columns::check_finite(name, row, v))?;
        }
        let (Some(x), Some(y)) = (x, y) else { continue };
        let height = if flat { 0.0 } else { z.unwrap_or(0.0) - query[2] };
        let distance = range::norm([x - query[0], y - query[1], height].into_iter());
        best.offer(Candidate::new(distance, ids[row], row));
    }
    let found = best.into_sorted();
    Ok(Output {
        columns: vec![
            Values::Int((1..=found.len()).map(|rank| Some(rank as i32)).collect()),
            Values::Float(found.iter().map(|c| Some(c.distance)).collect()),
        ],
        picked: Some(found.iter().map(|c| c.row).collect()),
    })
}

const QUERY_X: Param = Param {
    name: "query_x",
    kind: ParamKind::FINITE,
    default: None,
    summary: "Where to look from: x, as spatial_project gives it for the query's vector.",
};
const QUERY_Y: Param =
    Param { name: "query_y", kind: ParamKind::FINITE, default: None, summary: "Where to look from: y." };
const QUERY_Z: Param = Param {
    name: "query_z",
    kind: ParamKind::FINITE,
    default: Some("0"),
    summary: "Where to look from: z. Not used where `measure` is xy.",
};
const COUNT: Param = Param {
    name: "count",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: Some("100"),
    summary: "Rows wanted.",
};
const MEASURE: Param = Param {
    name: "measure",
    kind: ParamKind::Choice(&["xyz", "xy"]),
    default: Some("xyz"),
    summary: "xyz: true distance in space; xy: distance in the plane, which ignores z.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_candidates",
    family: Family::Spatial,
    summary: "The nearest of stored points.",
    details: "Euclidean distance in three dimensions or, with measure = xy, in two. \
              Nearest first; equal distances are ordered by the smaller id, then by input order. How many true neighbours such \
              candidates contain is measured by spatial_recall, and is less than one would hope.",
    inputs: &[ID, X, Y, Z],
    optional: &[],
    params: &[QUERY_X, QUERY_Y, QUERY_Z, COUNT, MEASURE],
    outputs: &[
        RANK,
        ID,
        Column {
            name: "distance",
            kind: Kind::Float,
            unit: "that of the coordinates",
            summary: "Distance from the query's point.",
        },
    ],
    rows: RowShape::Picked,
    nulls: "A point whose x or y is NULL is no candidate; a NULL z counts as 0. A NULL id is kept and loses every tie.",
    empty: "No rows give no result rows.",
    nan: "NaN and infinities are errors that name the row. A distance that leaves the range of doubles is infinite and comes last.",
    accuracy: "Relative error at most 4·2⁻⁵³, for coordinates of any size; below the range of normal doubles half a unit in the last place comes on top. Same bits on every machine.",
    streaming: Streaming::Parts(
        "Each chunk gives its own nearest; the caller merges them, by distance and then id.",
    ),
    source: "OGC 06-103r4, distance of points.",
    elements: "",
    sql: "measure = xy is STDistance of geometry, which ignores Z.",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Float(0.0), Cell::Float(0.0), Cell::Float(5.0)],
            &[Cell::Int(2), Cell::Float(3.0), Cell::Float(4.0), Cell::Float(0.0)],
            &[Cell::Int(3), Cell::Float(6.0), Cell::Float(0.0), Cell::Null],
            &[Cell::Int(4), Cell::Null, Cell::Float(0.0), Cell::Float(0.0)],
        ],
        params: &[
            ("query_x", Cell::Float(0.0)),
            ("query_y", Cell::Float(0.0)),
            ("query_z", Cell::Float(1.0)),
            ("count", Cell::Int(2)),
        ],
        outputs: &[
            &[Cell::Int(1), Cell::Int(1), Cell::Float(4.0)],
            &[Cell::Int(2), Cell::Int(2), Cell::Float(5.0990195135927845)],
        ],
    },
    run,
};

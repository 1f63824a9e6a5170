//! Exact search for the nearest rows.

use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, ID, LEFT_OUT, V};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::memory::{check_memory, default_memory_limit};
use crate::number::element::Element;
use crate::pairwise::compute::Compute;
use crate::vector::codes::Codes;
use crate::vector::codes::search::search_column;
use crate::vector::distance::{METRIC, Metric, metric_of};
use crate::vector::narrow_rows::search_rows;
use crate::vector::nearest_rows::{CANDIDATES, Candidate, Wanted, candidates_bytes};
use crate::vector::rows;

/// A row found by a search.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// The row's id.
    pub id: i64,
    /// Its distance from the query; NaN where the distance is undefined.
    pub distance: f64,
    /// Its position in the input, from 0.
    pub row: usize,
}

impl Hit {
    /// A row with that id and distance, at that position.
    pub fn new(id: i64, distance: f64, row: usize) -> Hit {
        Hit { id, distance, row }
    }
}

/// An exact nearest-row search and its options: those of [`top_k`], and those that it leaves at their defaults.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Accumulate, Compute, Metric, TopK, Vectors};
/// let rows = Vectors::matrix(&[0.0, 0.0, 3.0, 4.0, 6.0, 8.0], 2)?;
/// let query = Vectors::matrix(&[3.0, 4.0], 2)?;
/// let exact = Compute::new().accumulate(Accumulate::F64);
/// let hits = TopK::new(2).metric(Metric::Euclidean).compute(exact).search(&rows, &query)?;
/// // Without ids a row's id is its position.
/// assert_eq!((hits[0][0].id, hits[0][1].id, hits[0][1].distance), (1, 0, 5.0));
/// let named = TopK::new(1).ids(&[7, 8, 9]).search(&rows, &query)?;
/// assert_eq!((named[0][0].id, named[0][0].row), (8, 1));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TopK<'a> {
    pub(super) k: usize,
    pub(super) metric: Metric,
    pub(super) ids: Option<&'a [i64]>,
    pub(super) compute: Option<Compute>,
    pub(super) codes: Option<&'a Codes>,
    pub(super) left_out: Option<&'a [bool]>,
    beyond: Option<f64>,
}

impl<'a> TopK<'a> {
    /// A search for the `k` nearest rows by cosine distance, identified by their position.
    pub fn new(k: usize) -> TopK<'a> {
        TopK {
            k,
            metric: Metric::default(),
            ids: None,
            compute: None,
            codes: None,
            left_out: None,
            beyond: None,
        }
    }

    /// The same with another distance.
    #[must_use]
    pub fn metric(self, metric: Metric) -> TopK<'a> {
        TopK { metric, ..self }
    }

    /// The same with an id per row, which also breaks ties between equal distances.
    #[must_use]
    pub fn ids(self, ids: &'a [i64]) -> TopK<'a> {
        TopK { ids: Some(ids), ..self }
    }

    /// The same with a chosen precision or level.
    #[must_use]
    pub fn compute(self, compute: Compute) -> TopK<'a> {
        TopK { compute: Some(compute), ..self }
    }

    /// The same with the rows' [codes](crate::Codes): the same hits, several times faster where the codes exclude most
    /// rows.
    #[must_use]
    pub fn codes(self, codes: &'a Codes) -> TopK<'a> {
        TopK { codes: Some(codes), ..self }
    }

    /// The same among the rows at a greater distance than that: the next page after its last distance, or, with 0, rows
    /// other than the query. A row whose distance is NaN is not left out.
    #[must_use]
    pub fn min_distance(self, distance: f64) -> TopK<'a> {
        TopK { beyond: Some(distance), ..self }
    }

    /// The same without the rows whose flag is `true`, one flag a row.
    #[must_use]
    pub fn left_out(self, rows: &'a [bool]) -> TopK<'a> {
        TopK { left_out: Some(rows), ..self }
    }

    pub(super) fn wanted(&self) -> Wanted<'a> {
        Wanted { k: self.k, beyond: self.beyond, within: None, left_out: self.left_out }
    }

    /// Checks what is given for each row.
    pub(super) fn check_counts(&self, rows: usize) -> Result<(), Error> {
        self.ids.map_or(Ok(()), |ids| check_count("ids", "numbers", ids.len(), rows))?;
        self.left_out.map_or(Ok(()), |flags| check_count("left_out", "flags", flags.len(), rows))
    }

    /// Searches the rows for each query.
    ///
    /// # Shapes
    ///
    /// As [`top_k`].
    ///
    /// # Errors
    ///
    /// As [`top_k`]; [`Error::Memory`] where the hits of all queries, one copy
    /// per thread and one more, may exceed [`default_memory_limit`]. With codes [`Error::ParameterValue`] where they are
    /// of another number of rows or another element type, and [`Error::Value`] where a row's code turns out to be that
    /// of another vector.
    pub fn search(&self, rows: &Vectors<'_>, queries: &Vectors<'_>) -> Result<Vec<Vec<Hit>>, Error> {
        self.check_counts(rows.len())?;
        let compute = self.compute.unwrap_or_default();
        check_memory(
            CANDIDATES,
            candidates_bytes(rows.len(), rows.given_bytes().len(), queries, self.k),
            default_memory_limit(),
        )?;
        // A column in memory has fewer than 2⁶³ rows.
        let id = |row: usize| self.ids.map_or(row as i64, |ids| ids[row]);
        let key = |row: usize| Some(id(row));
        let found = match self.codes {
            Some(codes) => search_column(compute, rows, codes, &key, queries, self.wanted(), self.metric)?,
            None => search_rows(compute, rows, &key, queries, self.wanted(), self.metric)?,
        };
        Ok(found.into_iter().map(|list| self.hits(list)).collect())
    }

    /// [`TopK::search`] over rows of packed elements, back to back, `dimensions` each. Narrow elements are read as they are:
    /// the hits match those of the rows as singles bit for bit, without a converted copy of all rows.
    ///
    /// # Errors
    ///
    /// As [`TopK::search`] and [`Vectors::packed_matrix`].
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::{Element, Metric, TopK, Vectors, text};
    /// let rows = text::pack(Element::F16, &[0.0, 0.0, 3.0, 4.0]);
    /// let query = Vectors::matrix(&[3.0, 4.0], 2)?;
    /// let hits = TopK::new(1).metric(Metric::Euclidean).search_packed(Element::F16, &rows, 2, &query)?;
    /// assert_eq!((hits[0][0].row, hits[0][0].distance), (1, 0.0));
    /// # Ok::<(), hart_kernels::Error>(())
    /// ```
    pub fn search_packed(
        &self,
        element: Element,
        rows: &[u8],
        dimensions: usize,
        queries: &Vectors<'_>,
    ) -> Result<Vec<Vec<Hit>>, Error> {
        self.search(&Vectors::packed_matrix("rows", element, rows, dimensions)?, queries)
    }

    fn hits(&self, found: Vec<Candidate>) -> Vec<Hit> {
        let id = |row: usize| self.ids.map_or(row as i64, |ids| ids[row]);
        found.into_iter().map(|c| Hit { id: id(c.row), distance: c.distance, row: c.row }).collect()
    }
}

/// The `k` rows nearest to each query, nearest first. Exact: it examines every row. [`TopK`] has more options.
///
/// # Shapes
///
/// `rows`: m vectors of n dimensions, `ids`: m numbers, `queries`: q vectors of n dimensions; returns a list of min(k,
/// m) hits per query. NULL rows are skipped. Equal distances are ordered by smaller id, then by position; NaN comes
/// last.
///
/// # Errors
///
/// [`Error::Dimensions`] where a row's dimensions differ from the query's, or the queries' dimensions differ;
/// [`Error::ParameterValue`] where `k` is 0, a query is NULL, or `ids` does not have one number per row.
///
/// # Accuracy
///
/// Distances have the same bits as [`crate::vector::distance()`] for the pair, for any number of queries and threads.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Metric, Vectors, vector::top_k};
/// let rows = Vectors::matrix(&[0.0, 0.0, 3.0, 4.0, 6.0, 8.0], 2)?;
/// let queries = Vectors::matrix(&[3.0, 4.0, 9.0, 9.0], 2)?;
/// let hits = top_k(&rows, &[7, 8, 9], &queries, 2, Metric::Euclidean)?;
/// assert_eq!((hits[0][0].id, hits[0][0].distance), (8, 0.0));
/// assert_eq!((hits[1][0].id, hits[1][1].id), (9, 8));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn top_k(
    rows: &Vectors<'_>,
    ids: &[i64],
    queries: &Vectors<'_>,
    k: usize,
    metric: Metric,
) -> Result<Vec<Vec<Hit>>, Error> {
    TopK::new(k).metric(metric).ids(ids).search(rows, queries)
}

/// The caller's keys, which a search requires to be integers.
pub(crate) fn integer_keys<'a>(call: &'a Call<'_>) -> Result<&'a [Option<i64>], Error> {
    call.keys().ok_or_else(|| Error::ColumnType {
        place: ID.name.into(),
        found: "no integer".into(),
        expected: "an integer type, because equal distances are ordered by id".into(),
    })
}

/// The queries of the parameters [`QUERY`] and [`QUERY_COUNT`].
pub(crate) fn queries_of<'a>(call: &'a Call<'_>) -> Result<Vectors<'a>, Error> {
    let given = call.params.vector(QUERY.name)?;
    let count = call.params.int(QUERY_COUNT.name) as usize;
    let total = given.dimensions(0).unwrap_or(0);
    if !total.is_multiple_of(count) || total == 0 {
        return Err(Error::ParameterValue {
            name: QUERY.name.into(),
            value: format!("{total} numbers"),
            expected: format!("a positive multiple of query_count = {count}"),
        });
    }
    Ok(given.reshape(total / count))
}

/// The distance of the parameter [`MIN_DISTANCE`]; `None` where it leaves nothing out.
pub(super) fn min_distance_of(call: &Call<'_>) -> Option<f64> {
    Some(call.params.float(MIN_DISTANCE.name)).filter(|distance| *distance > f64::MIN)
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let rows = call.given_vectors(0);
    let ids = integer_keys(call)?;
    let metric = metric_of(call)?;
    let queries = queries_of(call)?;
    let k = usize::try_from(call.params.int(K.name)).unwrap_or(usize::MAX);
    call.check_memory(CANDIDATES, candidates_bytes(call.rows, rows.given_bytes().len(), &queries, k))?;
    let left_out = call.left_out();
    let left_out = left_out.as_deref();
    let wanted = Wanted { beyond: min_distance_of(call), left_out, ..Wanted::nearest(k) };
    let found = search_rows(rows::compute_of(call)?, rows, &|row| ids[row], &queries, wanted, metric)?;
    Ok(output_of(found))
}

/// The rows found, as the columns [`QUERY_NUMBER`], [`RANK`] and [`DISTANCE`].
pub(super) fn output_of(found: Vec<Vec<Candidate>>) -> Output {
    let mut output = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (query, list) in found.into_iter().enumerate() {
        for (rank, candidate) in list.into_iter().enumerate() {
            output.0.push(Some(query as i32 + 1));
            output.1.push(Some(rank as i32 + 1));
            output.2.push(Some(candidate.distance));
            output.3.push(candidate.row);
        }
    }
    Output {
        columns: vec![Values::Int(output.0), Values::Int(output.1), Values::Float(output.2)],
        picked: Some(output.3),
    }
}

pub(crate) const QUERY: Param = Param {
    name: "query",
    kind: ParamKind::Vector,
    default: None,
    summary: "The query vector; with query_count > 1 all of them, one after the other in one packed value or JSON array.",
};
pub(crate) const QUERY_COUNT: Param = Param {
    name: "query_count",
    kind: ParamKind::Int { min: 1, max: 1_000_000 },
    default: Some("1"),
    summary: "Number of queries in `query`.",
};
pub(crate) const K: Param = Param {
    name: "k",
    kind: ParamKind::Int { min: 1, max: i32::MAX as i64 },
    default: Some("10"),
    summary: "Rows wanted for each query.",
};
/// A parameter without a value cannot be told from its default, so the default is a number that leaves nothing out.
pub(super) const MIN_DISTANCE: Param = Param {
    name: "min_distance",
    kind: ParamKind::FINITE,
    default: Some("-1.7976931348623157e308"),
    summary: "Only rows at a greater distance: the last distance of a page gives the next page, 0 leaves out the query itself.",
};
pub(crate) const QUERY_NUMBER: Column =
    Column { name: "query", kind: Kind::Int, unit: "number from 1", summary: "Which query." };
/// Checks that there is one id per row.
pub(crate) fn check_ids(ids: &[i64], rows: &Vectors<'_>) -> Result<(), Error> {
    check_count("ids", "numbers", ids.len(), rows.len())
}

pub(super) fn check_count(name: &str, what: &str, found: usize, rows: usize) -> Result<(), Error> {
    if found == rows {
        return Ok(());
    }
    Err(Error::ParameterValue {
        name: name.into(),
        value: format!("{found} {what}"),
        expected: format!("{rows}, one for each row"),
    })
}

pub(crate) const RANK: Column =
    Column { name: "rank", kind: Kind::Int, unit: "number from 1", summary: "1 is the nearest." };
pub(crate) const DISTANCE: Column = Column {
    name: "distance",
    kind: Kind::Float,
    unit: "that of the metric",
    summary: "As vector_distance.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_top_k",
    family: Family::Vector,
    summary: "The k rows nearest to one or many query vectors, exactly.",
    details: "Looks at every row: no index, no approximation. Nearest first; equal distances are ordered by the smaller id, then \
              by input order. Several queries come in one parameter, one after the other.",
    inputs: &[ID, V],
    optional: &[LEFT_OUT],
    params: &[QUERY, QUERY_COUNT, K, METRIC, MIN_DISTANCE, ELEMENT, ACCUMULATE],
    outputs: &[QUERY_NUMBER, RANK, ID, DISTANCE],
    rows: RowShape::Picked,
    nulls: "A row whose vector is NULL is no candidate. A NULL id is kept and loses every tie.",
    empty: "No rows give no result rows.",
    nan: "A row whose distance is NaN comes after all others; it is never dropped. Finite f32 vectors always have finite \
          distances, and f64 ones where the distance is no greater than the greatest double; infinite distances rank by their value.",
    accuracy: "The distances have the bits of vector_distance, so the order is the same on every machine, for any number of \
               threads and queries.",
    streaming: Streaming::Parts(
        "Each chunk gives its own best k; the caller merges them, by distance and then id.",
    ),
    source: "Exhaustive search.",
    elements: "",
    sql: "A WHERE in @source leaves rows out just as well. To merge the best of several parts: SELECT TOP (k) … ORDER BY CASE WHEN distance IS NULL THEN 1 ELSE 0 END, distance, id. NULL stands for NaN and for infinity, so both come last.",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[0.0, 0.0])],
            &[Cell::Int(8), Cell::Vector(&[3.0, 4.0])],
            &[Cell::Int(9), Cell::Vector(&[6.0, 8.0])],
        ],
        params: &[
            ("query", Cell::Vector(&[3.0, 4.0])),
            ("k", Cell::Int(2)),
            ("metric", Cell::Text("euclidean")),
        ],
        outputs: &[
            &[Cell::Int(1), Cell::Int(1), Cell::Int(8), Cell::Float(0.0)],
            &[Cell::Int(1), Cell::Int(2), Cell::Int(7), Cell::Float(5.0)],
        ],
    },
    run,
};

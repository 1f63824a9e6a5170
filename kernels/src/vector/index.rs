//! Rows that come and go, known by id, with exact search.
//!
//! Rows lie in segments that never change but for flags of removed rows, and in a small open one, which takes new rows
//! singly. A search takes the list of segments as it is and looks at it without a lock; a change makes a new list, or
//! changes what no search looks at. Segments of similar size are joined (the logarithmic method: Bentley and Saxe 1980,
//! "Decomposable Searching Problems I: Static-to-Dynamic Transformation"), so there are few, and a row is copied about
//! log₂(65,536/256) = 8 times. Ids are unique, so where a row lies decides no tie.

use std::cmp::Reverse;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};

use crate::column::vectors::Vectors;
use crate::error::{Error, Place};
use crate::memory::{check_memory, default_memory_limit, room};
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::vector::codes::search::search_column;
use crate::vector::codes::{Codes, MOST_DIMENSIONS, quantize_with};
use crate::vector::distance::Metric;
use crate::vector::nearest_rows::{
    CANDIDATES, Candidate, Wanted, candidates_bytes, check_k, packed, search_for,
};

/// Rows of the open segment: as few as a change may have to copy, because a search looks at them.
const OPEN: usize = 256;
/// Maximum rows of a segment.
const LARGEST: usize = 1 << 16;
/// Fewer rows are found as fast without codes.
const CODED: usize = 1024;

/// A row that [`Index::search`] has found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Neighbour {
    /// The row's id.
    pub id: i64,
    /// Its distance from the query; NaN where the distance is undefined.
    pub distance: f64,
}

/// Vectors of singles that the index owns, known by unique ids, with exact search.
///
/// All methods take `&self`: threads share an index, and none waits for a search. A search sees the rows of one moment:
/// those that are added or removed while it runs make no difference to it. Changes wait for each other.
///
/// Memory: 4 bytes for each component, 9 for each row; n + 40 bytes more for each row with codes. Removed rows keep
/// theirs until half of their segment is removed; while two segments are joined, their rows are there twice. Adding a
/// row copies others now and then; the average is a few times the row itself.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Index, Metric, Vectors};
/// let index = Index::new(2)?;
/// index.add_all(&[10, 20], &[1.0, 0.0, 0.0, 1.0])?;
/// index.add(30, &[0.6, 0.8])?;
/// let query = Vectors::matrix(&[1.0, 0.0], 2)?;
/// let ids = |found: &[hart_kernels::vector::Neighbour]| found.iter().map(|n| n.id).collect::<Vec<_>>();
/// assert_eq!(ids(&index.search(&query, 2, Metric::Cosine)?[0]), [10, 30]);
/// assert_eq!(ids(&index.search_where(&query, 2, Metric::Cosine, |id| id > 10)?[0]), [30, 20]);
/// assert!(index.remove(10));
/// assert_eq!(ids(&index.search(&query, 2, Metric::Cosine)?[0]), [30, 20]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub struct Index {
    dimensions: usize,
    compute: Compute,
    with_codes: bool,
    /// Locked to take the rows as they are, or to put others in their place: never while work is done on many of them.
    state: RwLock<Arc<State>>,
    /// Held for the whole of a change.
    changes: Mutex<()>,
}

/// The rows of one moment.
#[derive(Clone, Default)]
struct State {
    /// Largest first.
    closed: Vec<Segment>,
    open: Arc<Rows>,
}

#[derive(Clone, Default)]
struct Rows {
    ids: Vec<i64>,
    values: Vec<f32>,
}

/// A row with its id.
type Row<'a> = (i64, &'a [f32]);

impl Rows {
    fn iter(&self, dimensions: usize) -> impl Iterator<Item = Row<'_>> {
        self.ids.iter().copied().zip(self.values.chunks_exact(dimensions))
    }

    fn push(&mut self, (id, values): Row<'_>) {
        self.ids.push(id);
        self.values.extend_from_slice(values);
    }
}

/// Rows in the order of their ids.
#[derive(Clone)]
struct Segment {
    rows: Arc<Rows>,
    /// One flag a row.
    removed: Arc<Vec<bool>>,
    /// Rows that are not removed.
    live: usize,
    codes: Option<Arc<Codes>>,
}

impl Segment {
    fn find(&self, id: i64) -> Option<usize> {
        self.rows.ids.binary_search(&id).ok().filter(|row| !self.removed[*row])
    }

    fn iter(&self, dimensions: usize) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter(dimensions).zip(&*self.removed).filter_map(|(row, removed)| (!removed).then_some(row))
    }
}

impl State {
    fn len(&self) -> usize {
        self.closed.iter().map(|segment| segment.live).sum::<usize>() + self.open.ids.len()
    }

    /// Where the row of an id lies.
    fn find(&self, id: i64) -> Option<(&Rows, usize)> {
        let open = self.open.ids.iter().position(|other| *other == id).map(|row| (&*self.open, row));
        open.or_else(|| self.closed.iter().find_map(|segment| Some((&*segment.rows, segment.find(id)?))))
    }
}

impl Index {
    /// An index without rows, for vectors of that many dimensions.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where `dimensions` is 0.
    pub fn new(dimensions: usize) -> Result<Index, Error> {
        if dimensions == 0 {
            return Err(dimensions_must(0, "an integer ≥ 1".into()));
        }
        Ok(Index {
            dimensions,
            compute: Compute::new(),
            with_codes: false,
            state: RwLock::default(),
            changes: Mutex::default(),
        })
    }

    /// An index that keeps [codes](Codes) with its rows: the same rows and bits, several times faster where codes exclude
    /// most rows, for a quarter more memory and slower additions.
    ///
    /// # Errors
    ///
    /// As [`Index::new`]; [`Error::ParameterValue`] beyond 65,536 dimensions, which codes do not have.
    pub fn with_codes(dimensions: usize) -> Result<Index, Error> {
        if dimensions > MOST_DIMENSIONS {
            return Err(dimensions_must(
                dimensions,
                format!("at most {MOST_DIMENSIONS}, which a code holds"),
            ));
        }
        Ok(Index { with_codes: true, ..Index::new(dimensions)? })
    }

    /// The same index with a chosen precision or level.
    #[must_use]
    pub fn compute(self, compute: Compute) -> Index {
        Index { compute, ..self }
    }

    /// Dimensions of the vectors.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.snapshot().len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is a row of that id.
    pub fn contains(&self, id: i64) -> bool {
        self.snapshot().find(id).is_some()
    }

    /// A copy of the row of that id.
    pub fn get(&self, id: i64) -> Option<Vec<f32>> {
        let state = self.snapshot();
        let (rows, row) = state.find(id)?;
        Some(rows.values[row * self.dimensions..][..self.dimensions].to_vec())
    }

    /// Adds a row. Searches that start after the return see it.
    ///
    /// # Errors
    ///
    /// [`Error::Dimensions`] where the vector has other dimensions than the index; [`Error::ParameterValue`] where the
    /// index has a row of that id ([`Index::remove`] it first); [`Error::Memory`]. The index is then as it was.
    pub fn add(&self, id: i64, vector: &[f32]) -> Result<(), Error> {
        if vector.len() != self.dimensions {
            return Err(self.mismatch(Place::parameter("vector"), 0, vector.len()));
        }
        self.add_all(&[id], vector)
    }

    /// Adds many rows at once: much faster than one after the other, and a search sees all of them or none.
    ///
    /// # Shapes
    ///
    /// `ids`: m numbers in any order; `rows`: m vectors, one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where `rows` has another length, or an id is given twice or is that of a row that is
    /// there; [`Error::Memory`]. The index is then as it was.
    pub fn add_all(&self, ids: &[i64], rows: &[f32]) -> Result<(), Error> {
        let wrong = |name: &str, value: String, expected: String| {
            Err(Error::ParameterValue { name: name.into(), value, expected })
        };
        if Some(rows.len()) != ids.len().checked_mul(self.dimensions) {
            let expected = format!("{} for each of {} ids", self.dimensions, ids.len());
            return wrong("rows", format!("{} numbers", rows.len()), expected);
        }
        let _change = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.snapshot();
        let mut new: Vec<Row<'_>> = room("the new rows", ids.len() + OPEN)?;
        new.extend(ids.iter().copied().zip(rows.chunks_exact(self.dimensions)));
        new.sort_unstable_by_key(|(id, _)| *id);
        if let Some(pair) = new.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return wrong("id", pair[0].0.to_string(), "each id once; it is given twice".into());
        }
        if let Some((id, _)) = new.iter().find(|(id, _)| state.find(*id).is_some()) {
            return wrong(
                "id",
                id.to_string(),
                "an id that the index does not have; remove its row first".into(),
            );
        }
        if state.open.ids.len() + new.len() <= OPEN {
            // What nobody else holds is changed in its place.
            drop(state);
            let mut state = self.write();
            let open = Arc::make_mut(&mut Arc::make_mut(&mut state).open);
            new.into_iter().for_each(|row| open.push(row));
            return Ok(());
        }
        new.extend(state.open.iter(self.dimensions));
        new.sort_unstable_by_key(|(id, _)| *id);
        let mut closed = state.closed.clone();
        for rows in new.chunks(LARGEST) {
            closed.push(self.segment(rows)?);
        }
        self.join(&mut closed)?;
        *self.write() = Arc::new(State { closed, open: Arc::default() });
        Ok(())
    }

    /// Removes the row of that id; `false` where there is none. Searches that start after the return do not see it.
    pub fn remove(&self, id: i64) -> bool {
        let _change = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.contains(id) {
            return false;
        }
        let mut state = self.write();
        let State { closed, open } = Arc::make_mut(&mut state);
        if let Some(row) = open.ids.iter().position(|other| *other == id) {
            let Rows { ids, values } = Arc::make_mut(open);
            ids.swap_remove(row);
            let last = ids.len() * self.dimensions;
            values.copy_within(last.., row * self.dimensions);
            values.truncate(last);
            return true;
        }
        let mut sparse = false;
        for segment in closed {
            if let Some(row) = segment.find(id) {
                Arc::make_mut(&mut segment.removed)[row] = true;
                segment.live -= 1;
                sparse = segment.live * 2 < segment.removed.len();
            }
        }
        drop(state);
        if sparse {
            self.tidy();
        }
        true
    }

    /// The `k` rows nearest to each query, nearest first; equal distances are ordered by the smaller id.
    ///
    /// # Shapes
    ///
    /// `queries`: q vectors of the index's dimensions; returns a list per query, of `k` rows or as many as there are.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where `k` is 0, or a query is NULL or of doubles; [`Error::Dimensions`] where a query has
    /// other dimensions than the index; [`Error::Memory`] where the rows found may exceed [`default_memory_limit`].
    ///
    /// # Accuracy
    ///
    /// The rows, bits and order of [`crate::TopK`] over the same rows, with or without codes, in whatever order they came.
    pub fn search(
        &self,
        queries: &Vectors<'_>,
        k: usize,
        metric: Metric,
    ) -> Result<Vec<Vec<Neighbour>>, Error> {
        self.nearest(queries, k, metric, None)
    }

    /// [`Index::search`] among the rows whose ids `keep` accepts. It is asked once for each row, and may use the index.
    ///
    /// # Errors
    ///
    /// As [`Index::search`].
    pub fn search_where(
        &self,
        queries: &Vectors<'_>,
        k: usize,
        metric: Metric,
        keep: impl Fn(i64) -> bool,
    ) -> Result<Vec<Vec<Neighbour>>, Error> {
        self.nearest(queries, k, metric, Some(&keep))
    }

    fn nearest(
        &self,
        queries: &Vectors<'_>,
        k: usize,
        metric: Metric,
        keep: Option<&dyn Fn(i64) -> bool>,
    ) -> Result<Vec<Vec<Neighbour>>, Error> {
        check_k(k)?;
        packed(queries)?;
        if queries.width() != Width::F32 {
            return Err(Error::ParameterValue {
                name: queries.name().into(),
                value: queries.element().name().into(),
                expected: "singles, as the index has".into(),
            });
        }
        if let Some(found) = queries.dimensions(0).filter(|found| *found != self.dimensions) {
            return Err(self.mismatch(queries.place().clone(), 1, found));
        }
        let state = self.snapshot();
        let bytes = state.len() * self.dimensions * size_of::<f32>();
        check_memory(CANDIDATES, candidates_bytes(state.len(), bytes, queries, k), default_memory_limit())?;
        let closed = state.closed.iter();
        let closed =
            closed.map(|segment| (&*segment.rows, Some(&segment.removed[..]), segment.codes.as_deref()));
        let mut nearest: Vec<Vec<Neighbour>> = vec![Vec::new(); queries.len()];
        for (Rows { ids, values }, removed, codes) in closed.chain([(&*state.open, None, None)]) {
            let removed = removed.filter(|removed| removed.contains(&true));
            let left_out: Option<Vec<bool>> = (keep.is_some() || removed.is_some()).then(|| {
                let row = |(row, id): (usize, &i64)| {
                    removed.is_some_and(|removed| removed[row]) || keep.is_some_and(|keep| !keep(*id))
                };
                ids.iter().enumerate().map(row).collect()
            });
            if left_out.as_ref().is_some_and(|left_out| !left_out.contains(&false)) {
                continue;
            }
            let rows = Vectors::matrix(values, self.dimensions)?;
            let wanted =
                Wanted { within: limit(&nearest, k), left_out: left_out.as_deref(), ..Wanted::nearest(k) };
            let key = |row: usize| Some(ids[row]);
            let found = match codes {
                Some(codes) => search_column(self.compute, &rows, codes, &key, queries, wanted, metric)?,
                None => search_for(self.compute, &rows, &key, queries, wanted, metric)?,
            };
            for (list, found) in nearest.iter_mut().zip(found) {
                list.extend(found.into_iter().map(|c| Neighbour { id: ids[c.row], distance: c.distance }));
                list.sort_unstable_by_key(|n| Candidate::new(n.distance, Some(n.id), 0));
                list.truncate(k);
            }
        }
        Ok(nearest)
    }

    fn snapshot(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Arc<State>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn mismatch(&self, place: Place, row: u64, found: usize) -> Error {
        Error::Dimensions { place, row, found, other: Place::whole("the index"), expected: self.dimensions }
    }

    /// A segment of rows that are in the order of their ids.
    fn segment(&self, rows: &[Row<'_>]) -> Result<Segment, Error> {
        const WHAT: &str = "a segment of the index";
        let values = room(WHAT, rows.len() * self.dimensions)?;
        let mut copied = Rows { ids: room(WHAT, rows.len())?, values };
        rows.iter().for_each(|row| copied.push(*row));
        let codes = if self.with_codes && rows.len() >= CODED {
            let matrix = Vectors::matrix(&copied.values, self.dimensions)?;
            Some(Arc::new(quantize_with(self.compute, &matrix)?))
        } else {
            None
        };
        Ok(Segment {
            rows: Arc::new(copied),
            removed: Arc::new(vec![false; rows.len()]),
            live: rows.len(),
            codes,
        })
    }

    /// Joins segments until each is more than twice as large as the next, or too large to be joined with it.
    fn join(&self, closed: &mut Vec<Segment>) -> Result<(), Error> {
        loop {
            closed.retain(|segment| segment.live > 0);
            closed.sort_by_key(|segment| Reverse(segment.live));
            let pair = closed
                .windows(2)
                .rposition(|pair| pair[0].live <= 2 * pair[1].live && pair[0].live + pair[1].live <= LARGEST);
            let Some(first) = pair else { return Ok(()) };
            let joined = self.joined(&closed[first..first + 2])?;
            closed.splice(first..first + 2, [joined]);
        }
    }

    /// One segment of the rows of some that are not removed.
    fn joined(&self, segments: &[Segment]) -> Result<Segment, Error> {
        let mut rows: Vec<Row<'_>> = segments.iter().flat_map(|s| s.iter(self.dimensions)).collect();
        // Fast where some runs are in order.
        rows.sort_by_key(|(id, _)| *id);
        self.segment(&rows)
    }

    /// Rewrites the segments of which more than half is removed.
    fn tidy(&self) {
        let State { mut closed, open } = State::clone(&self.snapshot());
        let tidied = (|| {
            for segment in closed.iter_mut().filter(|segment| segment.live * 2 < segment.removed.len()) {
                *segment = self.joined(std::slice::from_ref(segment))?;
            }
            self.join(&mut closed)
        })();
        // Where there is no memory for it, removed rows keep their place until another change in the same segment.
        if tidied.is_ok() {
            *self.write() = Arc::new(State { closed, open });
        }
    }
}

impl Clone for Index {
    /// The rows of this moment, shared until one of the two changes.
    fn clone(&self) -> Index {
        Index { state: RwLock::new(self.snapshot()), changes: Mutex::default(), ..*self }
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index of {} rows of {} f32", self.len(), self.dimensions)
    }
}

fn dimensions_must(dimensions: usize, expected: String) -> Error {
    Error::ParameterValue { name: "dimensions".into(), value: dimensions.to_string(), expected }
}

/// A distance that no row among the `k` nearest to any query exceeds; `None` where there is no such number yet.
fn limit(nearest: &[Vec<Neighbour>], k: usize) -> Option<f64> {
    let farthest = |list: &Vec<Neighbour>| list.get(k - 1).map(|n| n.distance).filter(|d| !d.is_nan());
    let all: Option<Vec<f64>> = nearest.iter().map(farthest).collect();
    all?.into_iter().reduce(f64::max)
}

//! Handles: numbers that stand for objects of the library. A table of the live ones rejects every other number, and a
//! release waits for the calls that use its object.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hart_kernels::vector::batch::canonical_number;
use hart_kernels::{Codes, Element, Hit, Metric, PerProcess, TopK, Vectors, vector};

use crate::abi::{HartHit, HartIndex};
use crate::failure::Failure;
use crate::state;

/// Rows for repeated searches.
pub(crate) struct Index {
    rows: Rows,
    pub row_count: usize,
    pub dimensions: usize,
    /// `None` if the positions are the ids.
    ids: Option<Vec<i64>>,
    codes: Option<Codes>,
}

/// Where an index keeps its rows.
pub(crate) enum Rows {
    Owned(Vec<f32>),
    /// The caller promises to keep them until the release has returned; the release waits for running searches.
    Borrowed(&'static [f32]),
}

impl Rows {
    fn get(&self) -> &[f32] {
        match self {
            Rows::Owned(rows) => rows,
            Rows::Borrowed(rows) => rows,
        }
    }
}

/// The values in memory of their own, or a failure if there is not enough of it.
pub(crate) fn collected<T>(
    what: &'static str,
    values: impl ExactSizeIterator<Item = T>,
) -> Result<Vec<T>, Failure> {
    let mut out = Vec::new();
    out.try_reserve_exact(values.len())
        .map_err(|_| Failure::OutOfMemory { what, bytes: values.len().saturating_mul(size_of::<T>()) })?;
    out.extend(values);
    Ok(out)
}

/// An index behind a lock that searches share and the release takes exclusively: once taken out, no search uses it.
type Live = Arc<RwLock<Option<Arc<Index>>>>;

/// The live indexes by their handles.
type Table = RwLock<BTreeMap<usize, Live>>;

/// A fork's child has its parent's indexes too. It gets new locks for them, because searches in the parent's other
/// threads hold the old ones for ever.
fn table() -> &'static Table {
    static TABLE: PerProcess<Table> = PerProcess::new();
    TABLE.get(|parent| {
        let mut live = BTreeMap::new();
        // An index that another thread was just adding or releasing at the fork is lost to the child.
        if let Some(table) = parent.and_then(|table| table.try_read().ok()) {
            for (handle, old) in table.iter() {
                if let Some(index) = old.try_read().ok().and_then(|index| index.clone()) {
                    live.insert(*handle, Arc::new(RwLock::new(Some(index))));
                }
            }
        }
        RwLock::new(live)
    })
}

pub(crate) fn insert(index: Index) -> Result<*mut HartIndex, Failure> {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    // Looks like an address in a debugger, is never 0 and never reused, so a released handle stays invalid.
    let next = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| last.checked_add(16));
    let handle = next.map_err(|_| Failure::OutOfMemory { what: "a handle", bytes: 16 })? + 16;
    let live = Arc::new(RwLock::new(Some(Arc::new(index))));
    table().write().unwrap_or_else(PoisonError::into_inner).insert(handle, live);
    Ok(std::ptr::without_provenance_mut(handle))
}

/// Uses an index and keeps it from being released meanwhile.
pub(crate) fn with<T>(
    handle: *const HartIndex,
    work: impl FnOnce(&Index) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if handle.is_null() {
        return Err(Failure::NullPointer { name: "index" });
    }
    let table = table().read().unwrap_or_else(PoisonError::into_inner);
    let live = table.get(&handle.addr()).cloned();
    drop(table);
    let live = live.ok_or(Failure::Handle)?;
    let index = live.read().unwrap_or_else(PoisonError::into_inner);
    work(index.as_ref().ok_or(Failure::Handle)?)
}

/// Removes an index as soon as no search uses it.
pub(crate) fn remove(handle: *const HartIndex) -> Result<(), Failure> {
    let removed = table().write().unwrap_or_else(PoisonError::into_inner).remove(&handle.addr());
    let live = removed.ok_or(Failure::Handle)?;
    let index = live.write().unwrap_or_else(PoisonError::into_inner).take();
    // Freed here, outside the locks.
    drop(index);
    Ok(())
}

/// The query side of a search.
pub(crate) struct Search<'a> {
    pub queries: &'a [f32],
    pub k: usize,
    pub metric: Metric,
}

impl Search<'_> {
    fn options<'a>(&self, ids: Option<&'a [i64]>) -> TopK<'a> {
        let options = TopK::new(self.k).metric(self.metric);
        ids.map_or(options, |ids| options.ids(ids))
    }
}

/// Hits per query: as many as there are rows, but no more than `k`.
pub(crate) fn hits_of_query(rows: usize, k: usize) -> usize {
    rows.min(k)
}

/// A matrix under the name that its caller knows.
pub(crate) fn named<'a>(name: &str, values: &'a [f32], dimensions: usize) -> Result<Vectors<'a>, Failure> {
    Ok(Vectors::packed_matrix(name, Element::F32, bytemuck::cast_slice(values), dimensions)?)
}

/// Searches rows and writes the hits query by query, back to back.
pub(crate) fn search(
    rows: &[f32],
    dimensions: usize,
    ids: Option<&[i64]>,
    search: &Search<'_>,
    hits: &mut [HartHit],
) -> Result<(), Failure> {
    let matrix = named("rows", rows, dimensions)?;
    let queries = named("queries", search.queries, dimensions)?;
    let options = search.options(ids);
    write(state::run(|| options.search(&matrix, &queries))?, hits);
    Ok(())
}

/// As [`search`], over rows of halves.
pub(crate) fn search_halves(
    rows: &[u16],
    dimensions: usize,
    ids: Option<&[i64]>,
    search: &Search<'_>,
    hits: &mut [HartHit],
) -> Result<(), Failure> {
    let queries = named("queries", search.queries, dimensions)?;
    let options = search.options(ids);
    let bytes = bytemuck::cast_slice(rows);
    write(state::run(|| options.search_packed(Element::F16, bytes, dimensions, &queries))?, hits);
    Ok(())
}

fn write(found: Vec<Vec<Hit>>, hits: &mut [HartHit]) {
    for (hit, target) in found.into_iter().flatten().zip(hits) {
        let distance = canonical_number(hit.distance);
        *target = HartHit { id: hit.id, distance, row: hit.row as u64 };
    }
}

impl Index {
    /// An index; `coded`: with a code of each row.
    pub(crate) fn new(
        rows: Rows,
        row_count: usize,
        dimensions: usize,
        ids: Option<Vec<i64>>,
        coded: bool,
    ) -> Result<Index, Failure> {
        let codes = if coded {
            let matrix = named("rows", rows.get(), dimensions)?;
            Some(state::run(|| vector::quantize(&matrix))?)
        } else {
            None
        };
        Ok(Index { rows, row_count, dimensions, ids, codes })
    }

    /// As [`search`], without the rows whose flag is `true`.
    pub(crate) fn search(
        &self,
        search: &Search<'_>,
        left_out: Option<&[bool]>,
        hits: &mut [HartHit],
    ) -> Result<(), Failure> {
        let matrix = named("rows", self.rows.get(), self.dimensions)?;
        let queries = named("queries", search.queries, self.dimensions)?;
        let options = search.options(self.ids.as_deref());
        let options = self.codes.as_ref().map_or(options, |codes| options.codes(codes));
        let options = left_out.map_or(options, |flags| options.left_out(flags));
        write(state::run(|| options.search(&matrix, &queries))?, hits);
        Ok(())
    }
}

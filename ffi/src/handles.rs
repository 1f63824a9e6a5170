//! Handles: numbers that stand for what the library keeps. A table of the live ones catches every other number, and a release
//! waits for the calls that use what it takes away.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use hart_kernels::vector::batch::canonical_number;
use hart_kernels::{Metric, TopK, Vectors};

use crate::abi::{HartHit, HartIndex};
use crate::failure::Failure;
use crate::state;

/// Rows for repeated searches.
pub(crate) struct Index {
    pub rows: Rows,
    pub row_count: usize,
    pub dimensions: usize,
    /// `None` where the positions are the ids.
    pub ids: Option<Vec<i64>>,
}

/// Where an index finds its rows.
pub(crate) enum Rows {
    Owned(Vec<f32>),
    /// The caller promised to keep them until the release has returned, which waits for the searches that run.
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

/// A slice's copy, or a failure where there is not enough memory.
pub(crate) fn copy<T: Copy>(what: &'static str, values: &[T]) -> Result<Vec<T>, Failure> {
    let mut out = Vec::new();
    out.try_reserve_exact(values.len())
        .map_err(|_| Failure::OutOfMemory { what, bytes: size_of_val(values) })?;
    out.extend_from_slice(values);
    Ok(out)
}

/// An index behind a lock that searches share and the release takes for itself: what it takes out is in no search any more.
type Live = Arc<RwLock<Option<Index>>>;

struct Table {
    live: BTreeMap<usize, Live>,
    last: usize,
}

static TABLE: RwLock<Table> = RwLock::new(Table { live: BTreeMap::new(), last: 0 });

pub(crate) fn insert(index: Index) -> Result<*mut HartIndex, Failure> {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    // Looks like an address in a debugger, is never 0, and never used twice: so a released handle stays one.
    let handle = table.last.checked_add(16).ok_or(Failure::OutOfMemory { what: "a handle", bytes: 16 })?;
    table.last = handle;
    table.live.insert(handle, Arc::new(RwLock::new(Some(index))));
    Ok(std::ptr::without_provenance_mut(handle))
}

/// Uses an index, which is not released meanwhile.
pub(crate) fn with<T>(
    handle: *const HartIndex,
    work: impl FnOnce(&Index) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if handle.is_null() {
        return Err(Failure::NullPointer { name: "index" });
    }
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let live = table.live.get(&handle.addr()).cloned();
    drop(table);
    let live = live.ok_or(Failure::Handle)?;
    let index = live.read().unwrap_or_else(PoisonError::into_inner);
    work(index.as_ref().ok_or(Failure::Handle)?)
}

/// Takes an index away, once no search uses it any more.
pub(crate) fn remove(handle: *const HartIndex) -> Result<(), Failure> {
    let removed = TABLE.write().unwrap_or_else(PoisonError::into_inner).live.remove(&handle.addr());
    let live = removed.ok_or(Failure::Handle)?;
    let index = live.write().unwrap_or_else(PoisonError::into_inner).take();
    // Freed here, outside of the locks.
    drop(index);
    Ok(())
}

/// A search's query side.
pub(crate) struct Search<'a> {
    pub queries: &'a [f32],
    pub k: usize,
    pub metric: Metric,
}

/// Hits for each query: as many as there are rows, but no more than `k`.
pub(crate) fn hits_of_query(rows: usize, k: usize) -> usize {
    rows.min(k)
}

/// Searches rows and writes each query's hits behind those of the one before.
pub(crate) fn search(
    rows: &[f32],
    dimensions: usize,
    ids: Option<&[i64]>,
    search: &Search<'_>,
    hits: &mut [HartHit],
) -> Result<(), Failure> {
    let matrix = Vectors::matrix(rows, dimensions)?;
    let queries = Vectors::matrix(search.queries, dimensions)?;
    let options = TopK::new(search.k).metric(search.metric);
    let options = ids.map_or(options, |ids| options.ids(ids));
    let found = state::run(|| options.search(&matrix, &queries))?;
    for (hit, target) in found.into_iter().flatten().zip(hits) {
        let distance = canonical_number(hit.distance);
        *target = HartHit { id: hit.id, distance, row: hit.row as u64 };
    }
    Ok(())
}

impl Index {
    /// As [`search`].
    pub(crate) fn search(&self, queries: &Search<'_>, hits: &mut [HartHit]) -> Result<(), Failure> {
        search(self.rows.get(), self.dimensions, self.ids.as_deref(), queries, hits)
    }
}

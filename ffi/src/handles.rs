//! Handles: numbers that stand for what the library keeps. A table of the live ones catches every other number, and what a
//! running call uses lives until that call ends, even where another thread releases it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hart_kernels::vector::batch::canonical_number;
use hart_kernels::{Metric, Vectors};

use crate::abi::{HartHit, HartIndex};
use crate::failure::Failure;
use crate::state;

/// Rows for repeated searches.
pub(crate) struct Index {
    pub rows: Rows,
    pub dimensions: usize,
    pub ids: Vec<i64>,
}

/// Where an index finds its rows.
pub(crate) enum Rows {
    Owned(Vec<f32>),
    /// The caller promised to keep them until the release.
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

/// The ids of that many rows: the caller's, or their positions.
pub(crate) fn ids(given: Option<&[i64]>, rows: usize) -> Result<Vec<i64>, Failure> {
    if let Some(ids) = given {
        return copy("ids", ids);
    }
    let mut out = Vec::new();
    let bytes = rows.saturating_mul(size_of::<i64>());
    out.try_reserve_exact(rows).map_err(|_| Failure::OutOfMemory { what: "ids", bytes })?;
    out.extend(0..rows as i64);
    Ok(out)
}

static LIVE: RwLock<BTreeMap<usize, Arc<Index>>> = RwLock::new(BTreeMap::new());
static NEXT: AtomicUsize = AtomicUsize::new(1);

pub(crate) fn insert(index: Index) -> *mut HartIndex {
    // Looks like an address in a debugger, and is never 0 nor used twice.
    let handle = NEXT.fetch_add(1, Ordering::Relaxed) << 4;
    LIVE.write().unwrap_or_else(PoisonError::into_inner).insert(handle, Arc::new(index));
    std::ptr::without_provenance_mut(handle)
}

pub(crate) fn get(handle: *const HartIndex) -> Result<Arc<Index>, Failure> {
    if handle.is_null() {
        return Err(Failure::NullPointer { name: "index" });
    }
    let live = LIVE.read().unwrap_or_else(PoisonError::into_inner);
    live.get(&handle.addr()).cloned().ok_or(Failure::Handle)
}

pub(crate) fn remove(handle: *const HartIndex) -> Result<(), Failure> {
    let removed = LIVE.write().unwrap_or_else(PoisonError::into_inner).remove(&handle.addr());
    // Freed here, outside of the lock.
    removed.map(drop).ok_or(Failure::Handle)
}

/// A search's query side.
pub(crate) struct Search<'a> {
    pub queries: &'a [f32],
    pub query_count: usize,
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
    ids: &[i64],
    search: &Search<'_>,
    hits: &mut [HartHit],
) -> Result<(), Failure> {
    let matrix = Vectors::matrix(rows, dimensions)?;
    let queries = Vectors::matrix(search.queries, dimensions)?;
    let bytes = size_of_val(rows).saturating_mul(search.query_count.max(1));
    let found = state::run(bytes, false, || {
        hart_kernels::vector::top_k(&matrix, ids, &queries, search.k, search.metric)
    })?;
    for (hit, target) in found.into_iter().flatten().zip(hits) {
        let distance = canonical_number(hit.distance);
        *target = HartHit { id: hit.id, distance, row: hit.row as u64 };
    }
    Ok(())
}

impl Index {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// As [`search`].
    pub(crate) fn search(&self, queries: &Search<'_>, hits: &mut [HartHit]) -> Result<(), Failure> {
        search(self.rows.get(), self.dimensions, &self.ids, queries, hits)
    }
}

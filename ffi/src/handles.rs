//! Handles: numbers that stand for what the library keeps. A table of the live ones catches every other number, and a release
//! waits for the calls that use what it takes away.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hart_kernels::vector::batch::canonical_number;
use hart_kernels::{Element, Hit, Metric, PerProcess, TopK, Vectors};

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
type Live = Arc<RwLock<Option<Arc<Index>>>>;

/// The live indexes by their handles.
type Table = RwLock<BTreeMap<usize, Live>>;

/// A fork's child has its parent's indexes too. It gets locks of its own for them, because searches of its parent's other threads
/// hold the old ones for ever.
fn table() -> &'static Table {
    static TABLE: PerProcess<Table> = PerProcess::new();
    TABLE.get(|parent| {
        let mut live = BTreeMap::new();
        // What another thread was about to add or release at the fork is in neither process's hands.
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
    // Looks like an address in a debugger, is never 0, and never used twice: so a released handle stays one.
    let next = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| last.checked_add(16));
    let handle = next.map_err(|_| Failure::OutOfMemory { what: "a handle", bytes: 16 })? + 16;
    let live = Arc::new(RwLock::new(Some(Arc::new(index))));
    table().write().unwrap_or_else(PoisonError::into_inner).insert(handle, live);
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
    let table = table().read().unwrap_or_else(PoisonError::into_inner);
    let live = table.get(&handle.addr()).cloned();
    drop(table);
    let live = live.ok_or(Failure::Handle)?;
    let index = live.read().unwrap_or_else(PoisonError::into_inner);
    work(index.as_ref().ok_or(Failure::Handle)?)
}

/// Takes an index away, once no search uses it any more.
pub(crate) fn remove(handle: *const HartIndex) -> Result<(), Failure> {
    let removed = table().write().unwrap_or_else(PoisonError::into_inner).remove(&handle.addr());
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

/// A matrix by the name that its caller knows it by.
pub(crate) fn named<'a>(name: &str, values: &'a [f32], dimensions: usize) -> Result<Vectors<'a>, Failure> {
    Ok(Vectors::packed_matrix(name, Element::F32, bytemuck::cast_slice(values), dimensions)?)
}

/// Searches rows and writes each query's hits behind those of the one before.
pub(crate) fn search(
    rows: &[f32],
    dimensions: usize,
    ids: Option<&[i64]>,
    search: &Search<'_>,
    hits: &mut [HartHit],
) -> Result<(), Failure> {
    let matrix = named("rows", rows, dimensions)?;
    let queries = named("queries", search.queries, dimensions)?;
    let options = TopK::new(search.k).metric(search.metric);
    let options = ids.map_or(options, |ids| options.ids(ids));
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
    let options = TopK::new(search.k).metric(search.metric);
    let options = ids.map_or(options, |ids| options.ids(ids));
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
    /// As [`search`].
    pub(crate) fn search(&self, queries: &Search<'_>, hits: &mut [HartHit]) -> Result<(), Failure> {
        search(self.rows.get(), self.dimensions, self.ids.as_deref(), queries, hits)
    }
}

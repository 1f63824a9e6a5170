//! Exact search for the nearest rows: in the caller's memory, or in an index.
#![allow(unsafe_code)]

use hart_kernels::{Error, Place};

use crate::abi::{HART_INDEX_BORROW_ROWS, HART_INDEX_CODES, HartHit, HartIndex, HartIndexOptions};
use crate::failure::{Failure, guard};
use crate::handles::{self, Index, Rows, Search, hits_of_query};
use crate::{params, raw};

/// The queries and the room for their hits, checked against each other.
struct Request<'a> {
    queries: raw::In<f32>,
    query_count: usize,
    k: usize,
    metric: i32,
    hits: raw::Out<HartHit>,
    capacity: usize,
    written: raw::Out<usize>,
    inputs: &'a [raw::Span],
}

impl Request<'_> {
    /// Runs `search` with the memory of the request.
    ///
    /// # Safety
    ///
    /// `queries`, `hits` and `written` point to as many elements as said; nobody writes the queries, or touches the
    /// others, during the call.
    unsafe fn run(
        self,
        rows: usize,
        search: impl FnOnce(&Search<'_>, &mut [HartHit]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut inputs = vec![self.queries.span()];
        inputs.extend_from_slice(self.inputs);
        raw::apart(&[self.hits.span(), self.written.span()], &inputs)?;
        let metric = params::metric(self.metric)?;
        if self.k == 0 {
            return Err(Error::ParameterValue {
                name: "k".into(),
                value: "0".into(),
                expected: "an integer ≥ 1".into(),
            }
            .into());
        }
        let needed = raw::product::<HartHit>("hits", self.query_count, hits_of_query(rows, self.k))?;
        // SAFETY: the exports' callers guarantee as many elements as they say; nobody writes `queries`, or touches
        // `hits` and `written`, during the call.
        let (queries, hits) = unsafe {
            self.written.write(needed);
            (self.queries.slice(), self.hits.slice())
        };
        let Some(hits) = hits.get_mut(..needed) else {
            return Err(Failure::Capacity { name: "hits", capacity: self.capacity, needed });
        };
        search(&Search { queries, k: self.k, metric }, hits)
    }
}

/// Searches rows of one element type, with the kernel for that type; the rest is [`hart_vector_top_k_f32`].
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written,
/// during the call.
unsafe fn top_k<T>(
    kernel: impl Fn(&[T], usize, Option<&[i64]>, &Search<'_>, &mut [HartHit]) -> Result<(), Failure>,
    rows: *const T,
    row_count: usize,
    dimensions: usize,
    ids: *const i64,
    queries: *const f32,
    query_count: usize,
    k: usize,
    metric: i32,
    hits: *mut HartHit,
    capacity: usize,
    written: *mut usize,
) -> i32 {
    guard(|| {
        let rows = raw::matrix("rows", rows, row_count, dimensions)?;
        let given = raw::input("ids", ids, if ids.is_null() { 0 } else { row_count })?;
        let request = Request {
            queries: raw::matrix("queries", queries, query_count, dimensions)?,
            query_count,
            k,
            metric,
            hits: raw::output("hits", hits, capacity)?,
            capacity,
            written: raw::output("written", written, 1)?,
            inputs: &[rows.span(), given.span()],
        };
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or touches
        // what is written during the call.
        unsafe {
            request.run(row_count, |search, hits| {
                let ids = (!ids.is_null()).then(|| given.slice());
                kernel(rows.slice(), dimensions, ids, search, hits)
            })
        }
    })
}

/// The `k` rows nearest to each query, nearest first: exact, by looking at every row.
///
/// Each query gets min(k, row_count) hits, behind those of the query before; their number in all goes to `written`, also where
/// `capacity` hits are too few for it (`HART_STATUS_CAPACITY`). Equal distances are ordered by the smaller id, then by the
/// position; NaN comes last. Same result on every machine, for any number of threads and queries.
///
/// `rows`: row_count · dimensions singles, row-major. `ids`: row_count numbers, or NULL for the positions. `queries`:
/// query_count · dimensions singles. `metric`: `HART_METRIC_…`.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_top_k_f32(
    rows: *const f32,
    row_count: usize,
    dimensions: usize,
    ids: *const i64,
    queries: *const f32,
    query_count: usize,
    k: usize,
    metric: i32,
    hits: *mut HartHit,
    capacity: usize,
    written: *mut usize,
) -> i32 {
    let kernel = handles::search;
    // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or touches what is
    // written during the call.
    unsafe {
        top_k(
            kernel,
            rows,
            row_count,
            dimensions,
            ids,
            queries,
            query_count,
            k,
            metric,
            hits,
            capacity,
            written,
        )
    }
}

/// As `hart_vector_top_k_f32`, over rows of halves: the bits of IEEE 754 binary16. They are converted to singles a few at a time,
/// exactly, so the hits are those of the converted rows, without a copy of them all. The queries are singles.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_top_k_f16(
    rows: *const u16,
    row_count: usize,
    dimensions: usize,
    ids: *const i64,
    queries: *const f32,
    query_count: usize,
    k: usize,
    metric: i32,
    hits: *mut HartHit,
    capacity: usize,
    written: *mut usize,
) -> i32 {
    let kernel = handles::search_halves;
    // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or touches what is
    // written during the call.
    unsafe {
        top_k(
            kernel,
            rows,
            row_count,
            dimensions,
            ids,
            queries,
            query_count,
            k,
            metric,
            hits,
            capacity,
            written,
        )
    }
}

/// Makes an index of rows for repeated searches. It keeps a copy of the ids and, unless `options` say otherwise, of the rows.
///
/// `rows`: row_count · dimensions singles, row-major; dimensions ≥ 1. `ids`: row_count numbers, or NULL for the positions.
/// `options`: NULL for the default. `index` is NULL after a failure, but as it was where a pointer or a length is refused: so set it to
/// NULL before the call. Searches may run in many threads at once. Every index is released with `hart_index_release`.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read during the call, or, with
/// `HART_INDEX_BORROW_ROWS`, before the release.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_index_create_f32(
    rows: *const f32,
    row_count: usize,
    dimensions: usize,
    ids: *const i64,
    options: *const HartIndexOptions,
    index: *mut *mut HartIndex,
) -> i32 {
    guard(|| {
        let target = raw::output("index", index, 1)?;
        let rows = raw::matrix("rows", rows, row_count, dimensions)?;
        let given = raw::input("ids", ids, if ids.is_null() { 0 } else { row_count })?;
        let mut read = vec![rows.span(), given.span()];
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes them during the call or,
        // with `HART_INDEX_BORROW_ROWS`, before the release.
        unsafe {
            let options = if options.is_null() { Ok(None) } else { raw::read(options).map(Some) };
            read.extend(options.iter().flatten().map(|(_, span)| *span));
            raw::apart(&[target.span()], &read)?;
            target.write(std::ptr::null_mut());
            let flags = options?.map_or(0, |(options, _)| options.flags);
            if flags & !(HART_INDEX_BORROW_ROWS | HART_INDEX_CODES) != 0 {
                return Err(Failure::Constant {
                    name: "HartIndexOptions.flags",
                    value: flags.into(),
                    expected: "a sum of HART_INDEX_BORROW_ROWS and HART_INDEX_CODES, or 0".into(),
                });
            }
            if dimensions == 0 {
                return Err(Error::ParameterValue {
                    name: "dimensions".into(),
                    value: "0".into(),
                    expected: "an integer ≥ 1".into(),
                }
                .into());
            }
            let ids = if ids.is_null() {
                None
            } else {
                Some(handles::collected("ids", given.slice().iter().copied())?)
            };
            let rows = if flags & HART_INDEX_BORROW_ROWS == 0 {
                Rows::Owned(handles::collected("the index", rows.slice().iter().copied())?)
            } else {
                Rows::Borrowed(rows.slice())
            };
            let index = Index::new(rows, row_count, dimensions, ids, flags & HART_INDEX_CODES != 0)?;
            target.write(handles::insert(index)?);
        }
        Ok(())
    })
}

/// As `hart_vector_top_k_f32`, over the rows of an index. `dimensions` are those of the queries and must be the index's.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the
/// call. `index` may be anything: what is not the handle of an index is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_index_top_k_f32(
    index: *const HartIndex,
    queries: *const f32,
    query_count: usize,
    dimensions: usize,
    k: usize,
    metric: i32,
    hits: *mut HartHit,
    capacity: usize,
    written: *mut usize,
) -> i32 {
    let all = std::ptr::null();
    // SAFETY: the caller guarantees what `# Safety` says; a `left_out` of NULL is not read.
    unsafe {
        hart_index_top_k_filtered_f32(
            index,
            queries,
            query_count,
            dimensions,
            k,
            metric,
            all,
            hits,
            capacity,
            written,
        )
    }
}

/// As `hart_index_top_k_f32`, without some rows: each query gets min(k, rows that are left) hits. `left_out`: a byte for each row of
/// the index, in the order that it was made from, 0 for a row to search and any other number for one to leave out; or NULL, which
/// leaves none out.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the
/// call. `index` may be anything: what is not the handle of an index is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_index_top_k_filtered_f32(
    index: *const HartIndex,
    queries: *const f32,
    query_count: usize,
    dimensions: usize,
    k: usize,
    metric: i32,
    left_out: *const u8,
    hits: *mut HartHit,
    capacity: usize,
    written: *mut usize,
) -> i32 {
    let search = |index: &Index| {
        if dimensions != index.dimensions {
            return Err(Error::Dimensions {
                place: "queries".into(),
                row: 0,
                found: dimensions,
                other: Place::whole("the index"),
                expected: index.dimensions,
            }
            .into());
        }
        let bytes = raw::input("left_out", left_out, if left_out.is_null() { 0 } else { index.row_count })?;
        let request = Request {
            queries: raw::matrix("queries", queries, query_count, dimensions)?,
            query_count,
            k,
            metric,
            hits: raw::output("hits", hits, capacity)?,
            capacity,
            written: raw::output("written", written, 1)?,
            inputs: &[bytes.span()],
        };
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or touches
        // what is written during the call.
        unsafe {
            let flags = (!left_out.is_null())
                .then(|| handles::collected("left_out", bytes.slice().iter().map(|byte| *byte != 0)))
                .transpose()?;
            let left =
                flags.as_ref().map_or(index.row_count, |flags| flags.iter().filter(|out| !**out).count());
            request.run(left, |search, hits| index.search(search, flags.as_deref(), hits))
        }
    };
    guard(|| handles::with(index, search))
}

/// Releases an index and sets the caller's handle to NULL. Releasing NULL does nothing. Waits for the searches that run in other
/// threads: once it has returned, nobody reads the rows of an index that borrowed them. Searches that start later fail.
///
/// # Safety
///
/// `index` is NULL or points to a writable handle, which may be anything: what is not the handle of an index is refused and set to NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_index_release(index: *mut *mut HartIndex) -> i32 {
    guard(|| {
        let target = raw::output("index", index, 1)?;
        // SAFETY: `output` has checked NULL; the caller guarantees that `index` points to a writable handle.
        let handle = unsafe { std::mem::replace(&mut target.slice()[0], std::ptr::null_mut()) };
        if handle.is_null() { Ok(()) } else { handles::remove(handle) }
    })
}

"""Exact search for the nearest rows."""

import ctypes

import numpy as np

from . import _arrays, _native
from ._library import check, library

#: One hit: the row's id, its distance from the query, its position.
HIT = np.dtype([("id", np.int64), ("distance", np.float64), ("row", np.uint64)])


def _ids(ids, rows):
    if ids is None:
        return None
    ids = _arrays.array("ids", ids, np.int64)
    if ids.shape != (rows,):
        raise ValueError(f"ids: expected {rows} numbers, one for each row, found the shape {ids.shape}")
    return ids


def _search(call, rows, queries, k):
    queries, one = _arrays.matrix("queries", queries)
    each = min(k, rows)
    hits = np.empty((queries.shape[0], each), HIT)
    written = ctypes.c_size_t()
    check(call(queries, hits, ctypes.byref(written)))
    return hits[0] if one else hits


def top_k(rows, queries, k, metric="cosine", ids=None):
    """The `k` rows nearest to each query, nearest first: an array of `HIT`, min(k, rows) for one query, queries × that for many.

    Rows of float16 are searched where they lie, with the hits that they have as float32."""
    if isinstance(rows, np.ndarray) and rows.dtype == np.float16 and rows.ndim == 2 and not np.ma.isMaskedArray(rows):
        rows, search = np.ascontiguousarray(rows), library.hart_vector_top_k_f16
    else:
        rows, search = _arrays.matrix("rows", rows)[0], library.hart_vector_top_k_f32
    ids = _ids(ids, rows.shape[0])
    metric = _arrays.metric(metric)
    k = _arrays.integer("k", k, ctypes.c_size_t, least=1)

    def call(queries, hits, written):
        if queries.shape[1] != rows.shape[1]:
            raise ValueError(f"queries: expected {rows.shape[1]} dimensions as rows have, found {queries.shape[1]}")
        return search(
            _arrays.address(rows), rows.shape[0], rows.shape[1], None if ids is None else _arrays.address(ids),
            _arrays.address(queries), queries.shape[0], k, metric, _arrays.address(hits), hits.size, written,
        )  # fmt: skip

    return _search(call, rows.shape[0], queries, k)


class Index:
    """Rows for repeated searches. With `copy=False` the array is read where it lies: do not write to it while the index lives."""

    def __init__(self, rows, ids=None, copy=True):
        rows, _ = _arrays.matrix("rows", rows)
        ids = _ids(ids, rows.shape[0])
        options = _native.HartIndexOptions(
            ctypes.sizeof(_native.HartIndexOptions), 0 if copy else _native.HART_INDEX_BORROW_ROWS
        )
        self._handle = ctypes.c_void_p()
        # What is borrowed must live as long as the index.
        self._rows = None if copy else rows
        self.rows, self.dimensions = rows.shape
        check(
            library.hart_index_create_f32(
                rows.ctypes.data, rows.shape[0], rows.shape[1], None if ids is None else ids.ctypes.data,
                ctypes.byref(options), ctypes.byref(self._handle),
            )
        )  # fmt: skip

    def top_k(self, queries, k, metric="cosine"):
        """As the function `top_k`, over the rows of the index."""
        metric = _arrays.metric(metric)
        k = _arrays.integer("k", k, ctypes.c_size_t, least=1)
        # Another thread may close the index while the library searches: what it borrowed must outlive this call.
        borrowed = self._rows

        def call(queries, hits, written):
            return library.hart_index_top_k_f32(
                self._handle, _arrays.address(queries), queries.shape[0], queries.shape[1], k, metric,
                _arrays.address(hits), hits.size, written,
            )  # fmt: skip

        hits = _search(call, self.rows, queries, k)
        del borrowed
        return hits

    def close(self):
        """Releases the memory. A second call does nothing."""
        if getattr(self, "_handle", None):
            check(library.hart_index_release(ctypes.byref(self._handle)))
            self._rows = None

    __del__ = close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

"""Exact search for the nearest rows."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NoReturn, Optional

import numpy as np
import numpy.typing as npt

from . import _arrays, _native
from ._library import check, library

#: One hit: the row's id, its distance from the query, its position.
HIT = np.dtype([("id", np.int64), ("distance", np.float64), ("row", np.uint64)])


def _of_rows(name: str, given: Any, dtype: npt.DTypeLike, rows: int, what: str) -> npt.NDArray[Any]:
    """An array with a value for each row."""
    found = _arrays.array(name, given, dtype)
    if found.shape != (rows,):
        raise ValueError(f"{name}: expected {rows} {what}, one for each row, found the shape {found.shape}")
    return found


def _ids(ids: Any, rows: int) -> Optional[npt.NDArray[np.int64]]:
    return None if ids is None else _of_rows("ids", ids, np.int64, rows, "numbers")


def _flags(left_out: Any, rows: int) -> tuple[Optional[npt.NDArray[np.bool_]], int]:
    """The flags, and how many rows they leave."""
    if left_out is None:
        return None, rows
    # NumPy takes an empty list for one of floats.
    given = left_out if np.size(left_out) else np.empty(np.shape(left_out), np.bool_)
    flags = _of_rows("left_out", given, np.bool_, rows, "flags")
    return flags, rows - int(np.count_nonzero(flags))


def _search(call: Callable[..., int], rows: int, queries: Any, k: int) -> npt.NDArray[np.void]:
    queries, one = _arrays.matrix("queries", queries)
    each = min(k, rows)
    hits = np.empty((queries.shape[0], each), HIT)
    written = ctypes.c_size_t()
    check(call(queries, hits, ctypes.byref(written)))
    return hits[0] if one else hits


def top_k(
    rows: npt.ArrayLike,
    queries: npt.ArrayLike,
    k: int,
    metric: str = "cosine",
    ids: Optional[npt.ArrayLike] = None,
) -> npt.NDArray[np.void]:
    """The k rows nearest to each query, nearest first, by looking at every row.

    Parameters
    ----------
    rows : array_like of float32 or float16, (m, n)
        What is searched. Contiguous rows of float32, and of float16, are read where they lie; halves give the hits that they have as
        singles.
    queries : array_like of float32, (n,) or (q, n)
        One query or many.
    k : int
        How many rows to find, from 1.
    metric : {"cosine", "euclidean", "dot", "manhattan"}
        The distance, as `distance` computes it.
    ids : array_like of int64, (m,), optional
        Keys of the rows; the rows' positions if not given. Of equal distances the smaller id comes first.

    Returns
    -------
    ndarray of `HIT`, (min(k, m),) or (q, min(k, m))
        Distances have the bits of `distance`; one that is NaN comes last.

    Examples
    --------
    >>> top_k([[0, 0], [3, 4], [6, 8]], [3, 4], k=2, metric="euclidean")["row"]
    array([1, 0], dtype=uint64)
    """
    matrix: npt.NDArray[Any]
    if isinstance(rows, np.ndarray) and rows.dtype == np.float16 and rows.ndim == 2 and not np.ma.isMaskedArray(rows):
        matrix, search = np.ascontiguousarray(rows), library.hart_vector_top_k_f16
    else:
        matrix, search = _arrays.matrix("rows", rows)[0], library.hart_vector_top_k_f32
    keys = _ids(ids, matrix.shape[0])
    constant = _arrays.metric(metric)
    k = _arrays.integer("k", k, ctypes.c_size_t, least=1)

    def call(queries: npt.NDArray[Any], hits: npt.NDArray[Any], written: Any) -> int:
        if queries.shape[1] != matrix.shape[1]:
            raise ValueError(f"queries: expected {matrix.shape[1]} dimensions as rows have, found {queries.shape[1]}")
        return search(  # type: ignore[no-any-return]
            _arrays.address(matrix), matrix.shape[0], matrix.shape[1], None if keys is None else _arrays.address(keys),
            _arrays.address(queries), queries.shape[0], k, constant, _arrays.address(hits), hits.size, written,
        )  # fmt: skip

    return _search(call, matrix.shape[0], queries, k)


class Index:
    """Rows for repeated searches; a context manager. Threads may search one index at once.

    Parameters
    ----------
    rows : array_like of float32, (m, n)
        What is searched.
    ids : array_like of int64, (m,), optional
        Keys of the rows; the rows' positions if not given.
    copy : bool
        Whether the index keeps a copy. With False the array is read where it lies: do not write to it while the index lives.
    codes : bool
        Whether the index also keeps a code of each row, a byte a component. Searches are then several times as fast, with the
        same hits, bit for bit; only the manhattan metric gains nothing.

    Attributes
    ----------
    rows, dimensions : int
        m and n.

    Examples
    --------
    >>> with Index([[0, 0], [3, 4], [6, 8]], ids=[7, 8, 9]) as index:
    ...     index.top_k([3, 4], k=2, metric="euclidean")["id"]
    array([8, 7])
    """

    rows: int
    dimensions: int

    def __init__(self, rows: npt.ArrayLike, ids: Optional[npt.ArrayLike] = None, copy: bool = True, codes: bool = False) -> None:
        matrix, _ = _arrays.matrix("rows", rows)
        keys = _ids(ids, matrix.shape[0])
        options = _native.HartIndexOptions(
            ctypes.sizeof(_native.HartIndexOptions),
            (0 if copy else _native.HART_INDEX_BORROW_ROWS) | (_native.HART_INDEX_CODES if codes else 0),
        )
        self._handle = ctypes.c_void_p()
        # What is borrowed must live as long as the index.
        self._rows = None if copy else matrix
        self.rows, self.dimensions = matrix.shape
        check(
            library.hart_index_create_f32(
                matrix.ctypes.data, *matrix.shape, None if keys is None else keys.ctypes.data,
                ctypes.byref(options), ctypes.byref(self._handle),
            )
        )  # fmt: skip

    def __repr__(self) -> str:
        closed = "" if self._handle else ", closed"
        return f"Index(rows={self.rows}, dimensions={self.dimensions}{closed})"

    def top_k(
        self, queries: npt.ArrayLike, k: int, metric: str = "cosine", left_out: Optional[npt.ArrayLike] = None
    ) -> npt.NDArray[np.void]:
        """The k rows of the index nearest to each query, nearest first.

        Parameters
        ----------
        queries : array_like of float32, (n,) or (q, n)
            One query or many.
        k : int
            How many rows to find, from 1.
        metric : {"cosine", "euclidean", "dot", "manhattan"}
            The distance, as `distance` computes it.
        left_out : array_like of bool, (m,), optional
            True for each row that the search leaves out.

        Returns
        -------
        ndarray of `HIT`, (min(k, m),) or (q, min(k, m))
            As the function `top_k` finds them. With `left_out`, m is the number of the rows that are left.
        """
        if not self._handle:
            raise ValueError("the index is closed")
        constant = _arrays.metric(metric)
        k = _arrays.integer("k", k, ctypes.c_size_t, least=1)
        # Another thread may close the index while the library searches: what it borrowed must outlive this call.
        borrowed = self._rows
        flags, left = _flags(left_out, self.rows)

        def call(queries: npt.NDArray[Any], hits: npt.NDArray[Any], written: Any) -> int:
            return library.hart_index_top_k_filtered_f32(  # type: ignore[no-any-return]
                self._handle, _arrays.address(queries), queries.shape[0], queries.shape[1], k, constant,
                None if flags is None else _arrays.address(flags), _arrays.address(hits), hits.size, written,
            )  # fmt: skip

        hits = _search(call, left, queries, k)
        del borrowed
        return hits

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Index lies in the library's memory and cannot be pickled; pickle its rows and ids")

    def close(self) -> None:
        """Releases the memory. A second call does nothing."""
        if getattr(self, "_handle", None):
            check(library.hart_index_release(ctypes.byref(self._handle)))
            self._rows = None

    __del__ = close

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

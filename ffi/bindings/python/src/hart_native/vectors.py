"""Kernels of vectors. Each takes one vector (n) or many (m × n); of two arguments one may be one vector for all rows of the other.

Results have the same bits on every processor, for any number of threads and any number of rows in a call. Where a function states its
error, u = 2⁻²⁴ and γ(k) = k·u / (1 − k·u) + 8·2⁻⁵³.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from . import _arrays
from ._library import check, library

_rows, _address = _arrays.rows, _arrays.address

#: Rows of singles: what a function gives that gives vectors, and where it writes them.
Singles = npt.NDArray[np.float32]
#: One number of one vector or pair, an array of them of many. Type checkers take it for either.
Doubles = Union[np.float64, npt.NDArray[np.float64], Any]
Integers = Union[np.int64, npt.NDArray[np.int64], Any]


@functools.cache
def _functions(operation: str) -> tuple[Any, Any]:
    """The functions of an operation: for one vector or pair, and for many."""
    name = f"hart_vector_{operation}_f32"
    return getattr(library, name), getattr(library, name + "_batch")


def _call(
    operation: str,
    arguments: Sequence[tuple[str, npt.ArrayLike]],
    dtype: Any,
    extra: Sequence[float] = (),
    first: Sequence[int] = (),
    result: Optional[npt.NDArray[Any]] = None,
) -> Any:
    # Written for small batches, which take less time than what is done here for them.
    arrays, given, counts = [], [], []
    n: Any = None
    for name, value in arguments:
        array = _rows(name, value)
        shape = array.shape
        if n is None:
            n = shape[-1]
        elif shape[-1] != n:
            raise ValueError(f"{name}: expected {n} dimensions as {arguments[0][0]} has, found {shape[-1]}")
        # The arrays live as long as their addresses are used.
        arrays.append(array)
        given.append(_address(array))
        if len(shape) == 2:
            counts.append(shape[0])
            given.append(shape[0])
        else:
            given.append(1)
    single, batch = _functions(operation)
    if counts:
        # One vector goes with many, and with none.
        rows = 0 if 0 in counts else max(counts)
        values = _arrays.out(result, (rows, n) if dtype is np.float32 else (rows,), dtype)
        status = batch(*first, *given, n, *extra, _address(values), rows)
    else:
        values = _arrays.out(result, (n,) if dtype is np.float32 else (), dtype)
        status = single(*first, *given[::2], n, *extra, _address(values))
    if status:
        check(status)
    return values if values.ndim else values[()]


def add(a: npt.ArrayLike, b: npt.ArrayLike, out: Optional[Singles] = None) -> Singles:
    """a + b, element by element.

    Parameters
    ----------
    a, b : array_like of float32, (n,) or (m, n)
        Vectors of one length. One of them may be one vector for all rows of the other.
    out : ndarray of float32, optional
        Contiguous, with the result's shape; it may be `a` or `b` itself. Any other overlap is an error.

    Returns
    -------
    ndarray of float32, (n,) or (m, n)
        Each element correctly rounded.

    Examples
    --------
    >>> add([1, 2], [4, 5])
    array([5., 7.], dtype=float32)
    """
    return _call("add", (("a", a), ("b", b)), np.float32, result=out)  # type: ignore[no-any-return]


def subtract(a: npt.ArrayLike, b: npt.ArrayLike, out: Optional[Singles] = None) -> Singles:
    """a − b, element by element.

    Parameters
    ----------
    a, b : array_like of float32, (n,) or (m, n)
        Vectors of one length. One of them may be one vector for all rows of the other.
    out : ndarray of float32, optional
        Contiguous, with the result's shape; it may be `a` or `b` itself. Any other overlap is an error.

    Returns
    -------
    ndarray of float32, (n,) or (m, n)
        Each element correctly rounded.

    Examples
    --------
    >>> subtract([[4, 5], [6, 7]], [1, 2])
    array([[3., 3.],
           [5., 5.]], dtype=float32)
    """
    return _call("subtract", (("a", a), ("b", b)), np.float32, result=out)  # type: ignore[no-any-return]


def scale(v: npt.ArrayLike, factor: float, out: Optional[Singles] = None) -> Singles:
    """v · factor, element by element.

    Parameters
    ----------
    v : array_like of float32, (n,) or (m, n)
        Vectors.
    factor : float
        One number for all of them.
    out : ndarray of float32, optional
        Contiguous, with the shape of `v`; it may be `v` itself. Any other overlap is an error.

    Returns
    -------
    ndarray of float32, (n,) or (m, n)
        The correctly rounded products with the factor rounded to float32. Where an element is computed in double precision, it is
        the product with the factor as given, within 0.5 + 2⁻²⁹ units in the last place.

    Examples
    --------
    >>> scale([1, 2], 1.5)
    array([1.5, 3. ], dtype=float32)
    """
    return _call("scale", (("v", v),), np.float32, (float(factor),), result=out)  # type: ignore[no-any-return]


def lerp(a: npt.ArrayLike, b: npt.ArrayLike, t: float, out: Optional[Singles] = None) -> Singles:
    """Linear interpolation: (1 − t)·a + t·b, which is a at t = 0 and b at t = 1, exactly.

    Parameters
    ----------
    a, b : array_like of float32, (n,) or (m, n)
        Vectors of one length. One of them may be one vector for all rows of the other.
    t : float
        Where between them, or beyond.
    out : ndarray of float32, optional
        Contiguous, with the result's shape; it may be `a` or `b` itself. Any other overlap is an error.

    Returns
    -------
    ndarray of float32, (n,) or (m, n)
        |error| ≤ 4u·(|aᵢ|·(1 + |t|) + |bᵢ·t|) + 2⁻¹⁴⁹.

    Examples
    --------
    >>> lerp([0, 2], [4, 4], 0.25)
    array([1. , 2.5], dtype=float32)
    """
    return _call("lerp", (("a", a), ("b", b)), np.float32, (float(t),), result=out)  # type: ignore[no-any-return]


def normalize(v: npt.ArrayLike, out: Optional[Singles] = None) -> Singles:
    """v over its Euclidean length.

    Parameters
    ----------
    v : array_like of float32, (n,) or (m, n)
        Vectors.
    out : ndarray of float32, optional
        Contiguous, with the shape of `v`; it may be `v` itself. Any other overlap is an error.

    Returns
    -------
    ndarray of float32, (n,) or (m, n)
        Relative error of an element ≤ u + γ(⌈n/32⌉)/2, and half the least positive number where it becomes subnormal. A vector of
        zeros stays as it is.

    Examples
    --------
    >>> normalize([3, 4])
    array([0.6, 0.8], dtype=float32)
    """
    return _call("normalize", (("v", v),), np.float32, result=out)  # type: ignore[no-any-return]


def softmax(v: npt.ArrayLike, out: Optional[Singles] = None) -> Singles:
    """exp(vᵢ) over the sum of all exp(vⱼ): positive numbers whose sum is 1.

    Parameters
    ----------
    v : array_like of float32, (n,) or (m, n)
        Vectors.
    out : ndarray of float32, optional
        Contiguous, with the shape of `v`; it may be `v` itself. Any other overlap is an error.

    Returns
    -------
    ndarray of float32, (n,) or (m, n)
        Within 0.51 units in the last place for n ≤ 1.6·10⁸.

    Examples
    --------
    >>> softmax([0, 0])
    array([0.5, 0.5], dtype=float32)
    """
    return _call("softmax", (("v", v),), np.float32, result=out)  # type: ignore[no-any-return]


def dot_product(a: npt.ArrayLike, b: npt.ArrayLike, out: Optional[npt.NDArray[np.float64]] = None) -> Doubles:
    """Σ aᵢ·bᵢ.

    Parameters
    ----------
    a, b : array_like of float32, (n,) or (m, n)
        Vectors of one length. One of them may be one vector for all rows of the other.
    out : ndarray of float64, (m,), optional
        Contiguous memory for the result.

    Returns
    -------
    float64, or ndarray of float64, (m,)
        |error| ≤ γ(⌈n/32⌉)·Σ|aᵢ·bᵢ|. Finite wherever the vectors are.

    Examples
    --------
    >>> float(dot_product([1, 2, 3], [4, 5, 6]))
    32.0
    """
    return _call("dot_product", (("a", a), ("b", b)), np.float64, result=out)


def cosine_similarity(a: npt.ArrayLike, b: npt.ArrayLike, out: Optional[npt.NDArray[np.float64]] = None) -> Doubles:
    """The cosine of the angle between a and b, from −1 to 1; 0 where one of them has no direction.

    Parameters
    ----------
    a, b : array_like of float32, (n,) or (m, n)
        Vectors of one length. One of them may be one vector for all rows of the other.
    out : ndarray of float64, (m,), optional
        Contiguous memory for the result.

    Returns
    -------
    float64, or ndarray of float64, (m,)
        |error| ≤ 3γ(⌈n/32⌉), however small or great the elements are.

    Examples
    --------
    >>> float(cosine_similarity([1, 0], [0, 2]))
    0.0
    """
    return _call("cosine_similarity", (("a", a), ("b", b)), np.float64, result=out)


def euclidean_distance(
    a: npt.ArrayLike, b: npt.ArrayLike, out: Optional[npt.NDArray[np.float64]] = None
) -> Doubles:
    """The straight-line distance √(Σ (aᵢ − bᵢ)²).

    Parameters
    ----------
    a, b : array_like of float32, (n,) or (m, n)
        Vectors of one length. One of them may be one vector for all rows of the other.
    out : ndarray of float64, (m,), optional
        Contiguous memory for the result.

    Returns
    -------
    float64, or ndarray of float64, (m,)
        Relative error ≤ u + γ(⌈n/32⌉ + 2)/2. Finite wherever the vectors are.

    Examples
    --------
    >>> float(euclidean_distance([0, 0], [3, 4]))
    5.0
    """
    return _call("euclidean_distance", (("a", a), ("b", b)), np.float64, result=out)


def distance(
    a: npt.ArrayLike, b: npt.ArrayLike, metric: str = "cosine", out: Optional[npt.NDArray[np.float64]] = None
) -> Doubles:
    """The distance by a metric: the smaller, the more alike.

    Parameters
    ----------
    a, b : array_like of float32, (n,) or (m, n)
        Vectors of one length. One of them may be one vector for all rows of the other.
    metric : {"cosine", "euclidean", "dot"}
        1 − the cosine similarity (0 to 2), the straight-line distance, or the negated dot product.
    out : ndarray of float64, (m,), optional
        Contiguous memory for the result.

    Returns
    -------
    float64, or ndarray of float64, (m,)
        As accurate as the function of the metric, and 2⁻⁵³ for 1 − x.

    Examples
    --------
    >>> float(distance([1, 2], [3, 4], "dot"))
    -11.0
    """
    return _call("distance", (("a", a), ("b", b)), np.float64, first=(_arrays.metric(metric),), result=out)


def norm(v: npt.ArrayLike, out: Optional[npt.NDArray[np.float64]] = None) -> Doubles:
    """The Euclidean length √(Σ vᵢ²).

    Parameters
    ----------
    v : array_like of float32, (n,) or (m, n)
        Vectors.
    out : ndarray of float64, (m,), optional
        Contiguous memory for the result.

    Returns
    -------
    float64, or ndarray of float64, (m,)
        Relative error ≤ γ(⌈n/32⌉)/2. Finite wherever the vector is.

    Examples
    --------
    >>> float(norm([3, 4]))
    5.0
    """
    return _call("norm", (("v", v),), np.float64, result=out)


def arg_max(v: npt.ArrayLike, out: Optional[npt.NDArray[np.int64]] = None) -> Integers:
    """Position of the greatest element, of equal ones the first.

    Parameters
    ----------
    v : array_like of float32, (n,) or (m, n)
        Vectors.
    out : ndarray of int64, (m,), optional
        Contiguous memory for the result.

    Returns
    -------
    int64, or ndarray of int64, (m,)
        From 0; −1 where there is none (an empty vector, or NaN alone). Exact; −0 and 0 are equal.

    Examples
    --------
    >>> int(arg_max([1, 7, 7]))
    1
    """
    return _call("arg_max", (("v", v),), np.int64, result=out)

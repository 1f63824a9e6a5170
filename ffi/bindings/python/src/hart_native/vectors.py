"""Kernels of vectors. Each takes one vector (n) or many (m × n); of two arguments one may be one vector for all rows of the other."""

import numpy as np

from . import _arrays
from ._library import check, library


def _call(operation, arguments, dtype, extra=(), first=(), result=None):
    arrays, counts, n = [], [], None
    for name, value in arguments:
        array = _arrays.rows(name, value)
        shape = array.shape
        if arrays and shape[-1] != n:
            raise ValueError(f"{name}: expected {n} dimensions as {arguments[0][0]} has, found {shape[-1]}")
        n = shape[-1]
        if len(shape) == 2:
            counts.append(shape[0])
        arrays.append(array)
    # One vector goes with many, and with none.
    rows = () if not counts else (0,) if 0 in counts else (max(counts),)
    values = _arrays.out(result, rows + ((n,) if dtype is np.float32 else ()), dtype)
    given = []
    for array in arrays:
        given.append(_arrays.address(array))
        if rows:
            given.append(array.shape[0] if array.ndim == 2 else 1)
    function = getattr(library, f"hart_vector_{operation}_f32" + ("_batch" if rows else ""))
    check(function(*first, *given, n, *extra, _arrays.address(values), *rows))
    return values if values.ndim else values[()]


def add(a, b, out=None):
    """a + b."""
    return _call("add", (("a", a), ("b", b)), np.float32, result=out)


def subtract(a, b, out=None):
    """a − b."""
    return _call("subtract", (("a", a), ("b", b)), np.float32, result=out)


def scale(v, factor, out=None):
    """v · factor."""
    return _call("scale", (("v", v),), np.float32, (float(factor),), result=out)


def lerp(a, b, t, out=None):
    """a + (b − a) · t."""
    return _call("lerp", (("a", a), ("b", b)), np.float32, (float(t),), result=out)


def normalize(v, out=None):
    """v over its length."""
    return _call("normalize", (("v", v),), np.float32, result=out)


def softmax(v, out=None):
    """exp(v) over its sum."""
    return _call("softmax", (("v", v),), np.float32, result=out)


def dot_product(a, b, out=None):
    """Σ aᵢ bᵢ."""
    return _call("dot_product", (("a", a), ("b", b)), np.float64, result=out)


def cosine_similarity(a, b, out=None):
    """The cosine of the angle between a and b."""
    return _call("cosine_similarity", (("a", a), ("b", b)), np.float64, result=out)


def euclidean_distance(a, b, out=None):
    """The straight-line distance."""
    return _call("euclidean_distance", (("a", a), ("b", b)), np.float64, result=out)


def distance(a, b, metric="cosine", out=None):
    """The distance by `metric`: `cosine` (1 − similarity), `euclidean`, or `dot` (the negated product)."""
    return _call("distance", (("a", a), ("b", b)), np.float64, first=(_arrays.metric(metric),), result=out)


def norm(v, out=None):
    """The length √(Σ vᵢ²)."""
    return _call("norm", (("v", v),), np.float64, result=out)


def arg_max(v, out=None):
    """Position of the largest element; −1 where there is none (an empty vector, or NaN alone)."""
    return _call("arg_max", (("v", v),), np.int64, result=out)

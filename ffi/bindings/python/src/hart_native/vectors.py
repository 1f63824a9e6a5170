"""Kernels of vectors. Each takes one vector (n) or many (m × n); of two arguments one may be one vector for all rows of the other."""

import functools

import numpy as np

from . import _arrays
from ._library import check, library

_rows, _address = _arrays.rows, _arrays.address


@functools.cache
def _functions(operation):
    """The functions of an operation: for one vector or pair, and for many."""
    name = f"hart_vector_{operation}_f32"
    return getattr(library, name), getattr(library, name + "_batch")


def _call(operation, arguments, dtype, extra=(), first=(), result=None):
    # Written for small batches, which take less time than what is done here for them.
    arrays, given, counts, n = [], [], [], None
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

"""NumPy arrays for C: their types, shapes and addresses."""

import numpy as np

METRICS = ("cosine", "euclidean", "dot")


def array(name, value, dtype):
    """A contiguous array; only what is none, or has another type, is copied. Complex numbers and texts are refused."""
    found = np.asarray(value)
    if found.dtype != dtype and not np.can_cast(found.dtype, dtype, "same_kind"):
        # Whole numbers become floats too, which NumPy calls safe or same_kind; floats never become whole numbers.
        raise TypeError(f"{name}: expected {np.dtype(dtype)}, found {found.dtype}")
    return np.ascontiguousarray(found, dtype=dtype) if found.ndim else found.astype(dtype).reshape(1)


def rows(name, value):
    """A matrix of singles, and whether it was given as one vector."""
    found = array(name, value, np.float32)
    if found.ndim not in (1, 2):
        raise ValueError(f"{name}: expected one or two dimensions, found {found.ndim}")
    return (found.reshape(1, -1), True) if found.ndim == 1 else (found, False)


def metric(name):
    """The constant of a metric."""
    if name not in METRICS:
        raise ValueError(f"metric: expected one of {', '.join(METRICS)}, found {name!r}")
    return METRICS.index(name)


def out(value, shape, dtype):
    """The caller's array for the result, or a new one."""
    if value is None:
        return np.empty(shape, dtype)
    if not isinstance(value, np.ndarray) or value.shape != shape or value.dtype != dtype:
        found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"out: expected an array of {np.dtype(dtype)} with the shape {shape}, found {found}")
    if not value.flags.c_contiguous or not value.flags.writeable:
        raise ValueError("out: expected a contiguous array that can be written")
    return value

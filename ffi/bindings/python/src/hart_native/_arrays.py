"""What Python passes to C: arrays with their types and shapes, whole numbers within their types, texts without a zero."""

from __future__ import annotations

import ctypes
import operator
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from . import _native

#: The constant of each metric, by its name.
METRICS: dict[str, int] = {
    name[len("HART_METRIC_") :].lower(): value
    for name, value in vars(_native).items()
    if name.startswith("HART_METRIC_")
}


def array(name: str, value: Any, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """A contiguous array; only what is none, or has another type, is copied. Complex numbers and texts are refused, and numbers that the
    type does not hold: masked ones, integers that a float would round, doubles beyond the range of singles."""
    if np.ma.is_masked(value):
        count = int(np.ma.getmaskarray(value).sum())
        raise ValueError(f"{name}: expected no masked elements, found {count}; fill them, or leave out their rows")
    found = np.asarray(value)
    if found.dtype != dtype and not np.can_cast(found.dtype, dtype, "same_kind"):
        # Whole numbers become floats too, which NumPy calls safe or same_kind; floats never become whole numbers.
        raise TypeError(f"{name}: expected {np.dtype(dtype)}, found {found.dtype}")
    if dtype == np.int64 and found.dtype == np.uint64 and found.size and found.max() > np.iinfo(np.int64).max:
        # NumPy calls this same_kind too, and wraps.
        raise ValueError(f"{name}: expected integers up to {np.iinfo(np.int64).max}, found {found.max()}")
    if found.dtype != dtype and np.dtype(dtype).kind == "f" and found.size:
        _held(name, found, np.dtype(dtype))
    return np.ascontiguousarray(found, dtype=dtype) if found.ndim else found.astype(dtype).reshape(1)


def _held(name: str, found: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Raises where a float type does not hold the numbers: all integers, and of other floats all that it rounds to a normal number."""
    limits = np.finfo(dtype)
    if found.dtype.kind in "iu":
        most = 1 << limits.nmant + 1
        if found.max() > most or found.min() < -most:
            beyond = found.max() if found.max() > most else found.min()
            raise ValueError(
                f"{name}: expected integers from {-most} to {most}, which {dtype} holds exactly, found {beyond}; "
                f"convert them with .astype({dtype}) to round them"
            )
    elif found.dtype.kind == "f" and found.dtype.itemsize > dtype.itemsize:
        size = np.abs(found)
        lost = ((size < limits.tiny) & (size > 0)) | ((size > limits.max) & np.isfinite(size))
        if lost.any():
            raise ValueError(
                f"{name}: expected numbers that {dtype} holds ({limits.tiny:.3g} to {limits.max:.3g}), found {found[lost].flat[0]!r}; "
                f"scale them, or convert them with .astype({dtype})"
            )


_SINGLES = np.dtype(np.float32)


def rows(name: str, value: Any) -> npt.NDArray[np.float32]:
    """One vector of singles, or a matrix of them."""
    # Arrays of a class of their own, as masked ones, take the longer way.
    if type(value) is np.ndarray and value.dtype is _SINGLES and 0 < value.ndim < 3 and value.flags.c_contiguous:
        # What mostly comes, without the time that the questions below take.
        return value
    found = array(name, value, np.float32)
    if found.ndim not in (1, 2):
        raise ValueError(f"{name}: expected one or two dimensions, found {found.ndim}")
    return found


def matrix(name: str, value: Any) -> tuple[npt.NDArray[np.float32], bool]:
    """A matrix of singles, and whether it was given as one vector."""
    found = rows(name, value)
    return (found.reshape(1, -1), True) if found.ndim == 1 else (found, False)


#: Elements of any type and number, as an argument that is a pointer.
_elements = (ctypes.c_char * 0).from_buffer


def address(values: npt.NDArray[Any]) -> Any:
    """Where the elements of a contiguous array are, as an argument of a call."""
    try:
        # A fifth of the time that `values.ctypes` takes.
        return _elements(values)  # type: ignore[arg-type]
    except TypeError:
        # It may not be written.
        return values.ctypes.data


def metric(name: str) -> int:
    """The constant of a metric."""
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(f"metric: expected one of {', '.join(METRICS)}, found {name!r}")
    return METRICS[name]


def integer(name: str, value: Any, ctype: Any, least: Optional[int] = None) -> int:
    """A whole number that the C type holds, which ctypes itself would wrap; what it means is for the library to judge."""
    try:
        found = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, found {type(value).__name__}") from None
    bits, signed = 8 * ctypes.sizeof(ctype), ctype(-1).value < 0
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    low = low if least is None else least
    if not low <= found <= high:
        raise ValueError(f"{name}: expected an integer from {low} to {high}, found {found}")
    return found


def text(name: str, value: Any) -> bytes:
    """A text for C, which ends at its first zero."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a text, found {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"{name}: expected a text without a zero character, found {value!r}")
    return value.encode()


def out(value: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The caller's array for the result, or a new one."""
    if value is None:
        return np.empty(shape, dtype)
    if not isinstance(value, np.ndarray) or value.shape != shape or value.dtype != dtype:
        found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"out: expected an array of {np.dtype(dtype)} with the shape {shape}, found {found}")
    flags = value.flags
    if not flags.c_contiguous or not flags.writeable:
        raise ValueError("out: expected a contiguous array that can be written")
    return value

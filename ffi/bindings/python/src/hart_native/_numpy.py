"""Columns of a batch as NumPy arrays."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native

_FIXED: dict[str, Any] = {
    "c": np.int8, "C": np.uint8, "s": np.int16, "S": np.uint16, "i": np.int32, "I": np.uint32, "l": np.int64, "L": np.uint64,
    "e": np.float16, "f": np.float32, "g": np.float64,
    "tdD": "datetime64[D]", "tdm": "datetime64[ms]",
    "tDs": "timedelta64[s]", "tDm": "timedelta64[ms]", "tDu": "timedelta64[us]", "tDn": "timedelta64[ns]",
}  # fmt: skip
# A time zone says how to print a moment; NumPy's moments are in UTC.
_MOMENTS = {"tss": "datetime64[s]", "tsm": "datetime64[ms]", "tsu": "datetime64[us]", "tsn": "datetime64[ns]"}
_VARIABLE = {"u": np.int32, "U": np.int64, "z": np.int32, "Z": np.int64, "+l": np.int32, "+L": np.int64}


def _children(structure: Any, of: Any) -> list[Any]:
    pointers = ctypes.cast(structure.children, ctypes.POINTER(ctypes.POINTER(of)))
    return [pointers[i].contents for i in range(structure.n_children)]


def _buffer(array: Any, i: int, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any]:
    """A copy of a buffer's elements behind the array's offset."""
    dtype = np.dtype(dtype)
    pointer = ctypes.cast(array.buffers, ctypes.POINTER(ctypes.c_void_p))[i]
    if not count or not pointer:
        return np.zeros(count, dtype)
    raw = ctypes.string_at(pointer + array.offset * dtype.itemsize, count * dtype.itemsize)
    values: npt.NDArray[Any] = np.frombuffer(raw, dtype).copy()
    return values


def _bits(array: Any, i: int) -> npt.NDArray[np.bool_]:
    pointer = ctypes.cast(array.buffers, ctypes.POINTER(ctypes.c_void_p))[i]
    if not pointer:
        return np.ones(array.length, bool)
    raw = np.frombuffer(ctypes.string_at(pointer, (array.offset + array.length + 7) // 8), np.uint8)
    return np.unpackbits(raw, bitorder="little")[array.offset : array.offset + array.length].astype(bool)


def _column(name: str, schema: Any, array: Any) -> npt.NDArray[Any]:
    form = schema.format.decode()
    dtype = _FIXED.get(form) or _MOMENTS.get(form.split(":")[0])
    if schema.dictionary:
        dtype = None
    missing = ~_bits(array, 0) if array.null_count and array.n_buffers else np.zeros(array.length, bool)
    if dtype or (form == "b" and not schema.dictionary):
        values = _buffer(array, 1, dtype, array.length) if dtype else _bits(array, 1)
        return np.ma.MaskedArray(values, missing) if missing.any() else values
    if form not in _VARIABLE or schema.dictionary:
        raise TypeError(f"column {name} has the Arrow format {form}, which is no NumPy type; ask for result='capsule' or 'pyarrow'")
    ends = _buffer(array, 1, _VARIABLE[form], array.length + 1)
    if form in ("+l", "+L"):
        item_schema, item = _children(schema, _native.ArrowSchema)[0], _children(array, _native.ArrowArray)[0]
        values = _column(name, item_schema, item)
        lengths = np.diff(ends)
        if array.length and not missing.any() and (lengths == lengths[0]).all():
            return values[ends[0] : ends[-1]].reshape(array.length, lengths[0])
        parts: list[Any] = [values[start:end] for start, end in zip(ends, ends[1:])]
    else:
        pointer = ctypes.cast(array.buffers, ctypes.POINTER(ctypes.c_void_p))[2]
        data = ctypes.string_at(pointer, int(ends[-1])) if pointer and ends[-1] else b""
        parts = [data[start:end] for start, end in zip(ends, ends[1:])]
        if form in ("u", "U"):
            parts = [part.decode() for part in parts]
    out = np.empty(array.length, object)
    for i, part in enumerate(parts):
        out[i] = None if missing[i] else part
    return out


def columns(schema: Any, array: Any) -> dict[str, npt.NDArray[Any]]:
    """The columns of a batch by their names: numbers as arrays, masked where some are NULL; lists of one length as a matrix, others, texts
    and bytes as objects, None where they are NULL."""
    schemas, arrays = _children(schema, _native.ArrowSchema), _children(array, _native.ArrowArray)
    names = [(of.name or b"").decode() for of in schemas]
    return {name: _column(name, *pair) for name, pair in zip(names, zip(schemas, arrays))}

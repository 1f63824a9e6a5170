"""Kernels of tensors and of space."""

import ctypes
from typing import NamedTuple

import numpy as np

from . import _arrays, _native
from ._library import check, library


class Svd(NamedTuple):
    """Components of a matrix: matrix ≈ (u * singular_values) @ v."""

    u: np.ndarray
    singular_values: np.ndarray
    v: np.ndarray


def svd(matrix, rank, method="exact", seed=0):
    """The `rank` largest singular values of a matrix m × n, and their vectors: u is m × rank, v is rank × n.

    `method`: exact, where values are off by at most (m + n)·2⁻⁵² of the largest one; or randomized, several times faster for a low rank and
    approximate, from a `seed` of 0 to 2⁶⁴ − 1. Its values are too small by what a random sample misses, which nothing bounds for a single
    matrix: on weights and noise the first by up to 1 %, the last by up to 5 %, with an error up to 1 % above the least possible; on the
    hardest spectra found 11 %, 21 % and 2 %.
    """
    if method not in ("exact", "randomized"):
        raise ValueError(f"method: expected exact or randomized, found {method!r}")
    seed = _arrays.integer("seed", seed, ctypes.c_uint64)
    matrix = _arrays.array("matrix", matrix, np.float32)
    if matrix.ndim != 2:
        raise ValueError(f"matrix: expected two dimensions, found {matrix.ndim}")
    (m, n), count = matrix.shape, ctypes.c_size_t()
    rank = _arrays.integer("rank", rank, ctypes.c_size_t)
    # Room for what can be; the library says what is wrong with a rank beyond that.
    room = min(rank, m, n)
    values, u, v = np.empty(room), np.empty((room, m), np.float32), np.empty((room, n), np.float32)
    results = values.ctypes.data, u.ctypes.data, v.ctypes.data, ctypes.byref(count)
    if method == "exact":
        check(library.hart_tensor_svd_f32(matrix.ctypes.data, m, n, rank, *results))
    else:
        check(library.hart_tensor_svd_randomized_f32(matrix.ctypes.data, m, n, rank, seed, *results))
    return Svd(u[: count.value].T, values[: count.value], v[: count.value])


def decode_payload(payload_type, payload):
    """A quantized payload, such as `q4_k` in GGUF's layout, as singles. `payload`: anything with a buffer of bytes."""
    payload = np.frombuffer(payload, np.uint8)
    name, count = _arrays.text("payload_type", payload_type), ctypes.c_size_t()
    check(library.hart_tensor_payload_elements(name, payload.size, ctypes.byref(count)))
    out = np.empty(count.value, np.float32)
    check(library.hart_tensor_decode_payload_f32(name, payload.ctypes.data, payload.size, out.ctypes.data, out.size))
    return out


def project(basis, rows):
    """Coordinates of vectors on a basis (bytes, as `invoke("spatial_fit", …)` gives them), rows × axes."""
    basis = np.frombuffer(basis, np.uint8)
    rows, one = _arrays.matrix("rows", rows)
    axes = ctypes.c_size_t()

    def call(out):
        return library.hart_spatial_project_f32(
            basis.ctypes.data, basis.size, rows.ctypes.data, rows.shape[0], rows.shape[1],
            out.ctypes.data, out.size, ctypes.byref(axes),
        )  # fmt: skip

    status = call(np.empty(0))
    if status not in (_native.HART_OK, _native.HART_STATUS_CAPACITY):
        check(status)
    out = np.empty((rows.shape[0], axes.value))
    check(call(out))
    return out[0] if one else out


def _columns(*named):
    columns = [(name, _arrays.array(name, value, np.float64).reshape(-1)) for name, value in named]
    for name, column in columns:
        if column.size != columns[0][1].size:
            raise ValueError(f"{name}: expected {columns[0][1].size} numbers as x has, found {column.size}")
    return [column for _, column in columns]


def hilbert(x, y, z, minimum, maximum, bits=21, clamp=False):
    """Keys of points on Skilling's Hilbert curve through the box from `minimum` to `maximum`, 2^bits cells along each axis."""
    x, y, z = _columns(("x", x), ("y", y), ("z", z))
    corners = [_arrays.array(name, corner, np.float64) for name, corner in (("minimum", minimum), ("maximum", maximum))]
    for name, corner in zip(("minimum", "maximum"), corners):
        if corner.shape != (3,):
            raise ValueError(f"{name}: expected three numbers, found the shape {corner.shape}")
    bits = _arrays.integer("bits", bits, ctypes.c_uint32)
    keys = np.empty(x.size, np.int64)
    outside = _native.HART_OUTSIDE_CLAMP if clamp else _native.HART_OUTSIDE_ERROR
    check(
        library.hart_spatial_hilbert(
            x.ctypes.data, y.ctypes.data, z.ctypes.data, x.size, corners[0].ctypes.data, corners[1].ctypes.data,
            bits, outside, keys.ctypes.data,
        )
    )  # fmt: skip
    return keys


def encode_points(x, y, z=None, m=None, srid=None, geography=False):
    """Points as SQL Server stores them: an array of bytes, points × 22, 30 or 38. `srid`: 0, or 4326 for geography."""
    named = [("x", x), ("y", y)] + [(name, value) for name, value in (("z", z), ("m", m)) if value is not None]
    columns = dict(zip((name for name, _ in named), _columns(*named)))
    default = 4326 if geography else 0
    srid = _arrays.integer("srid", default if srid is None else srid, ctypes.c_int32)
    stride = 22 + 8 * (z is not None) + 8 * (m is not None)
    out, found = np.empty((columns["x"].size, stride), np.uint8), ctypes.c_size_t()
    kind = _native.HART_SPATIAL_GEOGRAPHY if geography else _native.HART_SPATIAL_GEOMETRY
    address = {name: column.ctypes.data for name, column in columns.items()}
    check(
        library.hart_spatial_encode_points(
            address["x"], address["y"], address.get("z"), address.get("m"), columns["x"].size, srid, kind,
            out.ctypes.data, out.size, ctypes.byref(found),
        )
    )  # fmt: skip
    return out

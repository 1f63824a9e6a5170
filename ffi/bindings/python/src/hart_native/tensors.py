"""Kernels of tensors and of space."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from . import _arrays, _native
from ._library import check, library


class Svd(NamedTuple):
    """Components of a matrix m × n: matrix ≈ (u * singular_values) @ v.

    Attributes
    ----------
    u : ndarray of float32, (m, r)
        Left vectors, one for each column. The largest entry of each is positive.
    singular_values : ndarray of float64, (r,)
        Largest first.
    v : ndarray of float32, (r, n)
        Right vectors, one for each row.
    """

    u: npt.NDArray[np.float32]
    singular_values: npt.NDArray[np.float64]
    v: npt.NDArray[np.float32]

    def __repr__(self) -> str:
        (m, r), n = self.u.shape, self.v.shape[1]
        return f"Svd(u={m}×{r}, singular_values={self.singular_values!r}, v={r}×{n})"


def svd(matrix: npt.ArrayLike, rank: int, method: str = "exact", seed: int = 0) -> Svd:
    """The largest singular values of a matrix, and their vectors.

    Parameters
    ----------
    matrix : array_like of float32, (m, n)
        Finite numbers.
    rank : int
        How many, from 1 to min(m, n).
    method : {"exact", "randomized"}
        Randomized is several times faster for a low rank, and approximate.
    seed : int
        Of the random sample, from 0 to 2⁶⁴ − 1.

    Returns
    -------
    Svd
        Exact values are off by at most (m + n)·2⁻⁵² of the largest one. Randomized ones are too small by what a random sample misses,
        which nothing bounds for a single matrix: on weights and noise the first by up to 1 %, the last by up to 5 %, with an error up to
        1 % above the least possible; on the hardest spectra found 11 %, 21 % and 2 %. The same bits for any number of threads; between
        processors the last digits may differ.

    Examples
    --------
    >>> svd([[3, 0], [0, 4]], rank=1).singular_values
    array([4.])
    """
    if method not in ("exact", "randomized"):
        raise ValueError(f"method: expected exact or randomized, found {method!r}")
    seed = _arrays.integer("seed", seed, ctypes.c_uint64)
    given = _arrays.array("matrix", matrix, np.float32)
    if given.ndim != 2:
        raise ValueError(f"matrix: expected two dimensions, found {given.ndim}")
    (m, n), count = given.shape, ctypes.c_size_t()
    rank = _arrays.integer("rank", rank, ctypes.c_size_t)
    # Room for what can be; the library says what is wrong with a rank beyond that.
    room = min(rank, m, n)
    values, u, v = np.empty(room), np.empty((room, m), np.float32), np.empty((room, n), np.float32)
    results = values.ctypes.data, u.ctypes.data, v.ctypes.data, ctypes.byref(count)
    if method == "exact":
        check(library.hart_tensor_svd_f32(given.ctypes.data, m, n, rank, *results))
    else:
        check(library.hart_tensor_svd_randomized_f32(given.ctypes.data, m, n, rank, seed, *results))
    return Svd(u[: count.value].T, values[: count.value], v[: count.value])


def decode_payload(payload_type: str, payload: Any) -> npt.NDArray[np.float32]:
    """The numbers of a quantized payload.

    Parameters
    ----------
    payload_type : str
        Such as `"q4_k"`, in GGUF's layout.
    payload : object with a buffer of bytes
        A whole number of blocks.

    Returns
    -------
    ndarray of float32, (n,)
        Each as the type defines it, with the same bits on every machine.
    """
    data = np.frombuffer(payload, np.uint8)
    name, count = _arrays.text("payload_type", payload_type), ctypes.c_size_t()
    check(library.hart_tensor_payload_elements(name, data.size, ctypes.byref(count)))
    out = np.empty(count.value, np.float32)
    check(library.hart_tensor_decode_payload_f32(name, data.ctypes.data, data.size, out.ctypes.data, out.size))
    return out


def project(basis: Any, rows: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Coordinates of vectors on a basis.

    Parameters
    ----------
    basis : object with a buffer of bytes
        As `invoke("spatial_fit", …)` gives it.
    rows : array_like of float32, (n,) or (m, n)
        Vectors, n as the basis has it.

    Returns
    -------
    ndarray of float64, (axes,) or (m, axes)
        The same bits on every machine.
    """
    data = np.frombuffer(basis, np.uint8)
    matrix, one = _arrays.matrix("rows", rows)
    axes = ctypes.c_size_t()

    def call(out: npt.NDArray[np.float64]) -> int:
        return library.hart_spatial_project_f32(  # type: ignore[no-any-return]
            data.ctypes.data, data.size, matrix.ctypes.data, *matrix.shape,
            out.ctypes.data, out.size, ctypes.byref(axes),
        )  # fmt: skip

    status = call(np.empty(0))
    if status not in (_native.HART_OK, _native.HART_STATUS_CAPACITY):
        check(status)
    out = np.empty((matrix.shape[0], axes.value))
    check(call(out))
    return out[0] if one else out


def _columns(*named: tuple[str, npt.ArrayLike]) -> list[npt.NDArray[np.float64]]:
    columns = [(name, _arrays.array(name, value, np.float64).reshape(-1)) for name, value in named]
    for name, column in columns:
        if column.size != columns[0][1].size:
            raise ValueError(f"{name}: expected {columns[0][1].size} numbers as x has, found {column.size}")
    return [column for _, column in columns]


def hilbert(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    z: npt.ArrayLike,
    minimum: Sequence[float],
    maximum: Sequence[float],
    bits: int = 21,
    clamp: bool = False,
) -> npt.NDArray[np.int64]:
    """Keys of points on Skilling's Hilbert curve through a box: points with near keys are near in space.

    Parameters
    ----------
    x, y, z : array_like of float64, (m,)
        The points.
    minimum, maximum : sequences of three floats
        Corners of the box.
    bits : int
        From 1 to 21; there are 2^bits cells along each axis.
    clamp : bool
        Whether a point outside of the box gets the key of the cell at the edge, or is an error.

    Returns
    -------
    ndarray of int64, (m,)
        From 0 to 2^(3·bits) − 1.

    Examples
    --------
    >>> hilbert([0, 7], [0, 0], [0, 0], (0, 0, 0), (8, 8, 8), bits=1)
    array([0, 7])
    """
    points = _columns(("x", x), ("y", y), ("z", z))
    corners = [_arrays.array(name, corner, np.float64) for name, corner in (("minimum", minimum), ("maximum", maximum))]
    for name, corner in zip(("minimum", "maximum"), corners):
        if corner.shape != (3,):
            raise ValueError(f"{name}: expected three numbers, found the shape {corner.shape}")
    bits = _arrays.integer("bits", bits, ctypes.c_uint32)
    keys = np.empty(points[0].size, np.int64)
    outside = _native.HART_OUTSIDE_CLAMP if clamp else _native.HART_OUTSIDE_ERROR
    check(
        library.hart_spatial_hilbert(
            *(column.ctypes.data for column in points), keys.size,
            *(corner.ctypes.data for corner in corners), bits, outside, keys.ctypes.data,
        )
    )  # fmt: skip
    return keys


def encode_points(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    z: Optional[npt.ArrayLike] = None,
    m: Optional[npt.ArrayLike] = None,
    srid: Optional[int] = None,
    geography: bool = False,
) -> npt.NDArray[np.uint8]:
    """Points as SQL Server stores them.

    Parameters
    ----------
    x, y : array_like of float64, (m,)
        For geography, the longitude and the latitude in degrees.
    z, m : array_like of float64, (m,), optional
        Height and measure.
    srid : int, optional
        The spatial reference: 0, or 4326 for geography, if not given.
    geography : bool
        Whether the points are `geography`, the globe, or `geometry`, the plane.

    Returns
    -------
    ndarray of uint8, (m, 22), (m, 30) or (m, 38)
        The bytes of each point: 8 more with z, and 8 more with m. Exact.
    """
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

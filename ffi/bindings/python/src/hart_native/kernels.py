"""Every kernel by name, on Arrow columns."""

from __future__ import annotations

import ctypes
import json
from typing import Any, Optional

import numpy as np

from . import _arrays, _capsules, _native
from ._library import check, library, text_of


def kernels() -> list[str]:
    """Names of all kernels, in the order of their description.

    Returns
    -------
    list of str

    Examples
    --------
    >>> kernels()[0]
    'vector_add'
    """
    return [
        text_of(lambda *room, i=i: library.hart_kernel_name(i, *room)) for i in range(capabilities()["kernels"])
    ]


def describe(kernel: str) -> dict[str, Any]:
    """What a kernel takes and gives.

    Parameters
    ----------
    kernel : str
        One of `kernels()`.

    Returns
    -------
    dict
        Its columns, parameters, defaults and bounds; its accuracy, and what NULL and NaN mean to it.

    Examples
    --------
    >>> [column["name"] for column in describe("vector_norm")["inputs"]]
    ['id', 'v']
    """
    name = _arrays.text("kernel", kernel)
    found: dict[str, Any] = json.loads(text_of(lambda *room: library.hart_kernel_describe(name, *room)))
    return found


def capabilities() -> dict[str, Any]:
    """What the loaded library is and uses.

    Returns
    -------
    dict
        `version` (str), `abi_version`, `level` (the instruction sets in use: `"scalar"`, `"avx2"`, `"avx512"`, `"neon"`), `lanes`,
        `threads`, and `kernels`, how many there are.
    """
    found = _native.HartCapabilities(ctypes.sizeof(_native.HartCapabilities))
    check(library.hart_capabilities(ctypes.byref(found)))
    values = {name: getattr(found, name) for name, *_ in found._fields_ if name not in ("size", "reserved")}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def set_threads(threads: int) -> None:
    """Sets how many threads large calls use. The number never changes a result.

    Parameters
    ----------
    threads : int
        From 0, which is one for each processor.
    """
    check(library.hart_set_threads(_arrays.integer("threads", threads, ctypes.c_uint32)))


def shutdown() -> None:
    """Ends the library's threads and waits for them; a later large call starts them anew, and so does one in a child of `os.fork`."""
    check(library.hart_shutdown())


def _json(name: str, numbers: Any) -> bytes:
    # Texts carry no element type, so that the library reads them in the precision of the column beside them.
    try:
        return json.dumps(numbers, allow_nan=False, default=lambda number: number.item()).encode()
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{name}: expected finite numbers, because a vector is passed as JSON ({error}); others go as packed bytes"
        ) from error


def _value(name: str, value: Any) -> tuple[int, Any]:
    """Kind of a parameter, and its value: a number or bytes."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if value is None:
        return _native.HART_PARAM_NULL, 0
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return _native.HART_PARAM_INTEGER, _arrays.integer(name, int(value), ctypes.c_int64)
    if isinstance(value, (float, np.floating)):
        return _native.HART_PARAM_NUMBER, float(value)
    if isinstance(value, str):
        return _native.HART_PARAM_TEXT, value.encode()
    if isinstance(value, (list, tuple)):
        return _native.HART_PARAM_TEXT, _json(name, value)
    if isinstance(value, np.ndarray) and value.dtype != np.uint8:
        if value.ndim != 1 or value.dtype.kind not in "fiu":
            raise TypeError(f"{name}: expected a vector of numbers, found {value.dtype} of the shape {value.shape}")
        return _native.HART_PARAM_TEXT, _json(name, value.tolist())
    try:
        view = memoryview(value)
    except TypeError:
        view = None
    if view is None or view.format not in ("B", "b", "c"):
        found = type(value).__name__ if view is None else f"{type(value).__name__} of the format {view.format!r}"
        raise TypeError(f"{name}: expected None, a number, a text, a list, a NumPy array or bytes, found {found}")
    return _native.HART_PARAM_BYTES, view.tobytes()


def _param(name: str, value: Any) -> _native.HartParam:
    kind, value = _value(name, value)
    param = _native.HartParam(ctypes.sizeof(_native.HartParam), kind, _arrays.text("a parameter's name", name))
    if kind == _native.HART_PARAM_INTEGER:
        param.integer = value
    elif kind == _native.HART_PARAM_NUMBER:
        param.number = value
    elif kind != _native.HART_PARAM_NULL:
        param.data, param.length = ctypes.cast(ctypes.c_char_p(value), ctypes.c_void_p), len(value)
        # The structure holds the address only.
        param.owner = value
    return param


def invoke(
    kernel: str, batch: Any = None, /, *, memory_limit: int = 0, result: Optional[str] = None, **params: Any
) -> Any:
    """Runs a kernel on the columns of a batch.

    Parameters
    ----------
    kernel : str
        One of `kernels()`.
    batch : object with the Arrow PyCapsule protocol, optional
        A batch or table of pyarrow, a reader, a data frame of polars or pandas, a relation of DuckDB; all of it is taken. Kernels
        without columns need none. Columns bind by name, without regard to case; other columns, of any type, are carried.
    memory_limit : int
        Most bytes that the call may take beside its input; 0 is half of the memory that the process can have.
    result : {None, "pyarrow", "capsule", "numpy"}
        A `pyarrow.RecordBatch`, a batch of the same protocol, or a dictionary of arrays; None is pyarrow where it is installed, else a
        capsule.
    **params
        The kernel's parameters, as `describe(kernel)` names them: numbers, texts, vectors (lists or arrays of numbers, of any type), or
        bytes; None takes the default. An array of `uint8` is bytes.

    Returns
    -------
    pyarrow.RecordBatch, dict of ndarray, or an object with the protocol
        As `result` says. Result vectors have the form of the first vector column; `result_vectors="packed"` or `"json"` selects bytes
        or text.

    Raises
    ------
    HartError
        Where the library refuses something; the text names the column, parameter or row, and what was expected.

    Examples
    --------
    >>> import pyarrow as pa
    >>> vectors = pa.array([[3.0, 4.0], None], pa.list_(pa.float32()))
    >>> invoke("vector_norm", pa.record_batch({"id": pa.array([1, 2]), "v": vectors})).to_pydict()
    {'id': [1, 2], 'norm': [5.0, None]}
    """
    if result not in (None, "pyarrow", "capsule", "numpy"):
        raise ValueError(f"result: expected None, 'pyarrow', 'capsule' or 'numpy', found {result!r}")
    given = [_param(name, value) for name, value in params.items()]
    array = (_native.HartParam * len(given))(*given)
    memory_limit = _arrays.integer("memory_limit", memory_limit, ctypes.c_uint64)
    options = _native.HartInvokeOptions(ctypes.sizeof(_native.HartInvokeOptions), 0, memory_limit)
    # The capsules own the input and release it when they go; the library only reads it.
    schema, columns = _capsules.of("batch", batch)
    with _capsules.Room() as room:
        check(
            library.hart_invoke(
                _arrays.text("kernel", kernel), _capsules.address(schema, _capsules.SCHEMA),
                _capsules.address(columns, _capsules.ARRAY), array, len(given), ctypes.byref(options), *room.targets(),
            )
        )  # fmt: skip
        return room.result(result)

"""Every kernel by name, on Arrow columns."""

import ctypes
import json

import numpy as np

from . import _arrays, _capsules, _native
from ._library import check, library, text_of


def kernels():
    """Names of all kernels."""
    return [
        text_of(lambda *room, i=i: library.hart_kernel_name(i, *room)) for i in range(capabilities()["kernels"])
    ]


def describe(kernel):
    """What a kernel takes and gives: a dictionary of its columns, parameters, defaults and bounds."""
    name = _arrays.text("kernel", kernel)
    return json.loads(text_of(lambda *room: library.hart_kernel_describe(name, *room)))


def capabilities():
    """Version, instruction-set level, threads and number of kernels of the library."""
    found = _native.HartCapabilities(ctypes.sizeof(_native.HartCapabilities))
    check(library.hart_capabilities(ctypes.byref(found)))
    values = {name: getattr(found, name) for name, _ in found._fields_ if name not in ("size", "reserved")}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def set_threads(threads):
    """Threads that large calls use; 0 is one for each processor. The number never changes a result."""
    check(library.hart_set_threads(_arrays.integer("threads", threads, ctypes.c_uint32)))


def shutdown():
    """Ends the library's threads and waits for them; a later large call starts them anew, and so does one in a child of `os.fork`."""
    check(library.hart_shutdown())


def _json(name, numbers):
    # Texts carry no element type, so that the library reads them in the precision of the column beside them.
    try:
        return json.dumps(numbers, allow_nan=False, default=lambda number: number.item()).encode()
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{name}: expected finite numbers, because a vector is passed as JSON ({error}); others go as packed bytes"
        ) from error


def _value(name, value):
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


def _param(name, value):
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


def invoke(kernel, batch=None, /, *, memory_limit=0, result=None, **params):
    """Runs a kernel on the columns of `batch`.

    `batch` is anything that speaks the Arrow PyCapsule protocol: a batch or table of pyarrow, a reader, a data frame of polars or pandas,
    a relation of DuckDB; all of it is taken. Kernels without columns need none. Columns bind by name, without regard to case;
    other columns, of any type, are carried. Parameters are numbers, texts, vectors (lists or arrays of numbers, of any type), or
    bytes; None takes the default. An array of `uint8` is bytes. `memory_limit`: most bytes that the call may take beside its input; 0 is
    half of the memory that the process can have.

    `result`: `"pyarrow"` for a `pyarrow.RecordBatch`, `"capsule"` for a batch of the same protocol, `"numpy"` for a dictionary of arrays;
    None is pyarrow where it is installed, else a capsule.
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

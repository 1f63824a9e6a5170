"""Every kernel by name, on Arrow columns."""

import ctypes
import json

from . import _native
from ._library import check, library, text_of


def kernels():
    """Names of all kernels."""
    return [
        text_of(lambda *room, i=i: library.hart_kernel_name(i, *room)) for i in range(capabilities()["kernels"])
    ]


def describe(kernel):
    """What a kernel takes and gives: a dictionary of its columns, parameters, defaults and bounds."""
    return json.loads(text_of(lambda *room: library.hart_kernel_describe(kernel.encode(), *room)))


def capabilities():
    """Version, instruction-set level, threads and number of kernels of the library."""
    found = _native.HartCapabilities(ctypes.sizeof(_native.HartCapabilities))
    check(library.hart_capabilities(ctypes.byref(found)))
    values = {name: getattr(found, name) for name, _ in found._fields_ if name not in ("size", "reserved")}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def set_threads(threads):
    """Threads that large calls use; 0 is one for each processor. The number never changes a result."""
    check(library.hart_set_threads(threads))


def _param(name, value):
    param = _native.HartParam(ctypes.sizeof(_native.HartParam), _native.HART_PARAM_NULL, name.encode())
    if value is None:
        return param
    if isinstance(value, bool):
        param.kind, param.integer = _native.HART_PARAM_INTEGER, int(value)
    elif isinstance(value, int):
        param.kind, param.integer = _native.HART_PARAM_INTEGER, value
    elif isinstance(value, float):
        param.kind, param.number = _native.HART_PARAM_NUMBER, value
    elif isinstance(value, (str, list, tuple)):
        # A list is a vector, which the library takes as a JSON array too.
        data = (value if isinstance(value, str) else json.dumps(value)).encode()
        param.kind, param.length = _native.HART_PARAM_TEXT, len(data)
        param.data = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p)
        param.owner = data
    else:
        data = memoryview(value).tobytes()
        param.kind, param.length = _native.HART_PARAM_BYTES, len(data)
        param.data = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p)
        param.owner = data
    return param


def invoke(kernel, batch, memory_limit=0, **params):
    """Runs a kernel on a `pyarrow.RecordBatch` and returns one.

    Columns bind by name, without regard to case; other columns are carried. Parameters are numbers, texts, lists of
    numbers, or bytes-like (an array of singles for a vector); None takes the default.
    """
    import pyarrow

    given = [_param(name, value) for name, value in params.items()]
    array = (_native.HartParam * len(given))(*given)
    options = _native.HartInvokeOptions(ctypes.sizeof(_native.HartInvokeOptions), 0, memory_limit)
    input_schema, input_array = _native.ArrowSchema(), _native.ArrowArray()
    schema, out = _native.ArrowSchema(), _native.ArrowArray()
    batch._export_to_c(ctypes.addressof(input_array), ctypes.addressof(input_schema))
    try:
        check(
            library.hart_invoke(
                kernel.encode(), ctypes.byref(input_schema), ctypes.byref(input_array), array, len(given),
                ctypes.byref(options), ctypes.byref(schema), ctypes.byref(out),
            )
        )  # fmt: skip
    finally:
        # The library reads the input and leaves it to its owner.
        check(library.hart_arrow_release(ctypes.byref(input_schema), ctypes.byref(input_array)))
    return pyarrow.RecordBatch._import_from_c(ctypes.addressof(out), ctypes.addressof(schema))

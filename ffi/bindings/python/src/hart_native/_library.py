"""Finds and loads the shared library, and turns statuses into exceptions."""

import ctypes
import os
import pathlib
import sys

from . import _native

_NAME = {"win32": "hart_native.dll", "darwin": "libhart_native.dylib"}.get(sys.platform, "libhart_native.so")


class HartError(ValueError):
    """A call that failed: `status` is one of `HART_STATUS_…` of hart.h, the text says what was wrong and what was expected."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status

    def __reduce__(self):
        # An exception is made anew from its arguments, also in the process that a pool's worker answers to.
        return type(self), (self.status, str(self))


def _load():
    named = os.environ.get("HART_NATIVE_LIBRARY")
    beside = pathlib.Path(__file__).with_name(_NAME)
    path = named or (str(beside) if beside.exists() else _NAME)
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"the C library cannot be loaded: {error}; set HART_NATIVE_LIBRARY to the path of {_NAME}"
        ) from error
    version = library.hart_abi_version()
    if version < _native.HART_ABI_VERSION:
        raise ImportError(
            f"{path} has interface version {version}; this package needs {_native.HART_ABI_VERSION} or later"
        )
    for name, (result, arguments) in _native.PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


library = _load()


def check(status):
    """Raises where a call has failed. The text is of the calling thread."""
    if status == _native.HART_OK:
        return
    size = library.hart_last_error(None, 0)
    text = ctypes.create_string_buffer(size)
    library.hart_last_error(text, size)
    raise HartError(status, text.value.decode())


def text_of(call):
    """The text of a function that writes one: asks for its size first."""
    needed = ctypes.c_size_t()
    check(call(None, 0, ctypes.byref(needed)))
    buffer = ctypes.create_string_buffer(needed.value)
    check(call(buffer, needed.value, None))
    return buffer.value.decode()

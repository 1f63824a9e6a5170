"""Finds and loads the shared library, and turns statuses into exceptions."""

from __future__ import annotations

import ctypes
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, Optional

from . import _native

_NAME = {"win32": "hart_native.dll", "darwin": "libhart_native.dylib"}.get(sys.platform, "libhart_native.so")


class HartError(ValueError):
    """A call of the library that failed. The text says what was wrong and what was expected.

    Attributes
    ----------
    status : int
        One of `HART_STATUS_…` of hart.h.
    """

    status: int

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    def __repr__(self) -> str:
        return f"HartError({self.status}, {str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is made anew from its arguments, also in the process that a pool's worker answers to.
        return type(self), (self.status, str(self))


def _candidates() -> list[pathlib.Path]:
    """Where the library is: in this package, as wheels have it; or where cargo builds it, if this is the project's source tree."""
    here = pathlib.Path(__file__).resolve()
    found = [here.with_name(_NAME)]
    if len(here.parents) > 5 and (here.parents[4] / "cbindgen.toml").exists():
        built = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or here.parents[5] / "target")
        found += [built / profile / _NAME for profile in ("release", "debug")]
    return found


def _load() -> ctypes.CDLL:
    candidates = _candidates()
    path = os.environ.get("HART_NATIVE_LIBRARY") or next((str(file) for file in candidates if file.exists()), _NAME)
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        build = "; in the source tree, cargo build --release -p hart-ffi makes it" if len(candidates) > 1 else ""
        raise ImportError(
            f"the C library cannot be loaded: {error}; set HART_NATIVE_LIBRARY to the path of {_NAME}{build}"
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


def check(status: int) -> None:
    """Raises where a call has failed. The text is of the calling thread."""
    if status == _native.HART_OK:
        return
    size = library.hart_last_error(None, 0)
    text = ctypes.create_string_buffer(size)
    library.hart_last_error(text, size)
    raise HartError(status, text.value.decode())


def text_of(call: Callable[[Optional[Any], int, Optional[Any]], int]) -> str:
    """The text of a function that writes one: asks for its size first."""
    needed = ctypes.c_size_t()
    check(call(None, 0, ctypes.byref(needed)))
    buffer = ctypes.create_string_buffer(needed.value)
    check(call(buffer, needed.value, None))
    return buffer.value.decode()

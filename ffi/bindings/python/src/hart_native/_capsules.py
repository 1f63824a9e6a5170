"""Batches across the border by the Arrow PyCapsule protocol: what any library of columns gives and takes."""

import ctypes

from . import _native
from ._library import check, library

# Names that the protocol gives to capsules; a capsule keeps the address of its name, so these must stay.
SCHEMA, ARRAY = b"arrow_schema", b"arrow_array"

_get = ctypes.pythonapi.PyCapsule_GetPointer
_get.restype, _get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


def of(name, batch):
    """The capsules of a batch's schema and array; none of no batch."""
    if batch is None:
        return None, None
    if not hasattr(batch, "__arrow_c_array__"):
        raise TypeError(
            f"{name}: expected a batch with __arrow_c_array__, such as a pyarrow.RecordBatch, found {type(batch).__name__}"
        )
    return batch.__arrow_c_array__()


def address(capsule, name):
    """Where the structure of a capsule lies."""
    return None if capsule is None else _get(capsule, name)


class Room:
    """Room for a batch that the library makes. What nobody took over is released at the end."""

    def __enter__(self):
        self._schema, self._array = _native.ArrowSchema(), _native.ArrowArray()
        return self

    def __exit__(self, *_):
        check(library.hart_arrow_release(*self.targets()))

    def targets(self):
        """Arguments for the library."""
        return ctypes.byref(self._schema), ctypes.byref(self._array)

    def __arrow_c_array__(self, requested_schema=None):
        # Without a destructor, for the room outlives them: they go to `batch` alone.
        return (
            _new(ctypes.addressof(self._schema), SCHEMA, None),
            _new(ctypes.addressof(self._array), ARRAY, None),
        )

    def batch(self):
        """The batch, taken over by pyarrow."""
        import pyarrow

        return pyarrow.record_batch(self)

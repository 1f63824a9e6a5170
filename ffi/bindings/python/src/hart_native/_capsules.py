"""Columns across the border by the Arrow PyCapsule protocol: what any library of columns gives and takes."""

from __future__ import annotations

import ctypes
from typing import Any, Optional

from . import _native, _numpy
from ._library import check, library

# Names that the protocol gives to capsules; a capsule keeps the address of its name, so these must stay.
SCHEMA, ARRAY, STREAM = b"arrow_schema", b"arrow_array", b"arrow_array_stream"

_get = ctypes.pythonapi.PyCapsule_GetPointer
_get.restype, _get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class _Stream(ctypes.Structure):
    """A stream of the Arrow C stream interface."""


_Stream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.c_void_p)),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.c_void_p)),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_Stream))),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]


def of(name: str, batch: Any) -> tuple[Any, Any]:
    """The capsules of a batch's schema and array, and what keeps them; none of no batch."""
    if batch is None:
        return None, None
    if hasattr(batch, "__arrow_c_array__"):
        both: tuple[Any, Any] = batch.__arrow_c_array__()
        return both
    if not hasattr(batch, "__arrow_c_stream__"):
        raise TypeError(
            f"{name}: expected columns by the Arrow PyCapsule protocol, such as a pyarrow.Table or a data frame of polars or pandas, "
            f"found {type(batch).__name__}"
        )
    try:
        import pyarrow
    except ImportError:
        return _only_chunk(name, batch.__arrow_c_stream__()).__arrow_c_array__()
    reader = pyarrow.RecordBatchReader.from_stream(batch)
    # pyarrow cannot combine some empty chunks.
    table = pyarrow.Table.from_batches([chunk for chunk in reader if chunk.num_rows], reader.schema)
    both = _whole(pyarrow, name, table).__arrow_c_array__()
    return both


def _whole(pyarrow: Any, name: str, table: Any) -> Any:
    """A table in one piece."""
    table = table.combine_chunks()
    batches = table.to_batches()
    if not batches:
        return pyarrow.RecordBatch.from_pylist([], schema=table.schema)
    if len(batches) > 1:
        # Offsets of 32 bits end at 2 GiB of one column.
        sizes = [column.nbytes for column in table.columns]
        widest = table.schema.field(sizes.index(max(sizes))).name
        raise ValueError(
            f"{name}: {table.num_rows} rows stay in {len(batches)} chunks, because column {widest} has more than its type's offsets can "
            f"say; cast it to its large type (large_string, large_binary, large_list)"
        )
    return batches[0]


def _only_chunk(name: str, capsule: Any) -> Room:
    """The chunk of a stream, which has no more: without pyarrow nobody here puts chunks together."""
    stream = ctypes.cast(_get(capsule, STREAM), ctypes.POINTER(_Stream))
    first, second = Room(), Room()

    def call(function: Any, target: Any) -> None:
        if function(stream, target):
            text = stream.contents.get_last_error(stream) or b"no reason given"
            raise ValueError(f"{name}: the stream failed: {text.decode(errors='replace')}")

    schema, array = first.targets()
    call(stream.contents.get_schema, schema)
    call(stream.contents.get_next, array)
    if not first.array.release:
        raise ValueError(f"{name}: the stream has no chunk, which needs pyarrow; install it, or give a batch")
    call(stream.contents.get_next, second.targets()[1])
    if second.array.release:
        raise ValueError(f"{name}: the stream has several chunks, which needs pyarrow; install it, or rechunk before")
    return first


def address(capsule: Any, name: bytes) -> Any:
    """Where the structure of a capsule lies."""
    return None if capsule is None else _get(capsule, name)


#: Structures that a capsule owns, by their address.
_owned: dict[int, ctypes.Structure] = {}


def _release(of_schema: bool, name: bytes) -> Any:
    @ctypes.PYFUNCTYPE(None, ctypes.c_void_p)  # type: ignore[untyped-decorator]
    def destroy(capsule: Any) -> None:
        pointer = _pointer(capsule, name)
        structure = _owned.pop(pointer)
        targets = (ctypes.byref(structure), None) if of_schema else (None, ctypes.byref(structure))
        library.hart_arrow_release(*targets)

    return destroy


# A capsule that is being destroyed is an object no more: only its address is passed on.
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
_destroy_schema, _destroy_array = _release(True, SCHEMA), _release(False, ARRAY)


def _capsule(structure: ctypes.Structure, name: bytes, destroy: Any) -> Any:
    pointer = ctypes.addressof(structure)
    _owned[pointer] = structure
    return _new(pointer, name, ctypes.cast(destroy, ctypes.c_void_p))


class Room:
    """Room for a batch that the library makes; as a result it is the batch. What nobody takes over is released at the end."""

    def __init__(self) -> None:
        self.schema, self.array = _native.ArrowSchema(), _native.ArrowArray()

    def __repr__(self) -> str:
        if not self.array.release:
            return "<batch of Arrow columns, taken over>"
        return f"<batch of Arrow columns: {self.array.length} rows, {self.schema.n_children} columns>"

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        if library is not None:
            library.hart_arrow_release(*self.targets())

    def targets(self) -> tuple[Any, Any]:
        """Arguments for the library."""
        return ctypes.byref(self.schema), ctypes.byref(self.array)

    def _moved(self) -> tuple[_native.ArrowSchema, _native.ArrowArray]:
        """The structures, which are then in somebody else's hands."""
        schema, array = _native.ArrowSchema(), _native.ArrowArray()
        for mine, other in ((self.schema, schema), (self.array, array)):
            ctypes.memmove(ctypes.byref(other), ctypes.byref(mine), ctypes.sizeof(other))
            mine.release = None
        return schema, array

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        """The batch, once: it then belongs to the capsules."""
        if not self.array.release:
            raise ValueError("the batch has been taken over already")
        schema, array = self._moved()
        return _capsule(schema, SCHEMA, _destroy_schema), _capsule(array, ARRAY, _destroy_array)

    def result(self, kind: Optional[str]) -> Any:
        """The batch as a caller of `invoke` wants it."""
        if kind == "numpy":
            return _numpy.columns(self.schema, self.array)
        if kind != "capsule":
            try:
                import pyarrow
            except ImportError:
                if kind == "pyarrow":
                    raise
            else:
                return pyarrow.record_batch(self)
        batch = Room()
        batch.schema, batch.array = self._moved()
        return batch

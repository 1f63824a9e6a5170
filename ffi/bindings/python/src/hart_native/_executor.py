"""What executors of Apache Spark run: each function takes the settings that the driver has sent, then what Spark gives it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import TaskContext

from .kernels import invoke, set_threads

#: Result of `nearest`, beside the ids, whose type is the data frame's.
HITS = {"query": pa.int32(), "rank": pa.int32(), "distance": pa.float64()}


def _begin() -> None:
    """Takes as many threads as Spark has given to the task, which knows what else runs on this machine."""
    task = TaskContext.get()
    set_threads(task.cpus() if task is not None else 1)


def cast(batch: Any, schema: pa.Schema) -> pa.RecordBatch:
    """The columns in the types that Spark reads."""
    return pa.RecordBatch.from_arrays([column.cast(field.type) for column, field in zip(batch.columns, schema)], schema=schema)


def rows(settings: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A kernel that computes row by row, batch after batch."""
    _begin()
    for batch in batches:
        yield cast(invoke(settings["kernel"], batch, **settings["params"]), settings["schema"])


def group(settings: dict[str, Any], key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
    """A kernel on all rows of a group. The group's key comes back beside each row of the result."""
    _begin()
    found = invoke(settings["kernel"], table.select(settings["columns"]), **settings["params"])
    keys = [pa.repeat(value, found.num_rows) for value in key]
    whole = pa.RecordBatch.from_arrays([*keys, *found.columns], names=settings["schema"].names)
    return pa.Table.from_batches([cast(whole, settings["schema"])])


def best(found: pa.Table, k: int) -> pa.Table:
    """The first k hits of each query, in order: by distance, NaN and then NULL last, and by id, NULL last."""
    order = [("query", "ascending"), ("distance", "ascending"), ("id", "ascending")]
    found = found.sort_by(order)
    queries = found["query"].to_numpy()
    starts = np.flatnonzero(np.diff(queries, prepend=queries[:1] - 1))
    counts = np.diff(np.append(starts, queries.size))
    ranks = np.arange(queries.size) - np.repeat(starts, counts) + 1
    kept = found.filter(pa.array(ranks <= k))
    place = kept.schema.get_field_index("rank")
    return kept.set_column(place, "rank", pa.array(ranks[ranks <= k], pa.int32())).combine_chunks()


def nearest(settings: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The k nearest of a partition. Holds one batch of rows, and k hits of each query."""
    _begin()
    schema, state = settings["schema"], None
    for batch in batches:
        # The kernel itself orders by an id of 64 bits.
        wide = batch.set_column(0, "id", batch.column(0).cast(pa.int64()))
        hits = pa.Table.from_batches([invoke("vector_top_k", wide, **settings["params"])])
        state = hits if state is None else best(pa.concat_tables([state, hits]), settings["params"]["k"])
    yield from (cast(hits, schema) for hits in (state.to_batches() if state is not None else ()))


def merge(settings: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The k nearest of what partitions have found for the same queries."""
    state = None
    for batch in batches:
        more = pa.Table.from_batches([batch])
        state = best(more if state is None else pa.concat_tables([state, more]), settings["k"])
    yield from (cast(hits, settings["schema"]) for hits in (state.to_batches() if state is not None else ()))


def _plain(value: Any) -> Any:
    # Spark's SQL reads 0.5 as a decimal.
    return float(value) if isinstance(value, Decimal) else value


def _each(params: dict[str, pa.Array], length: int) -> list[tuple[dict[str, Any], Any]]:
    """The values that parameters have together, and the rows where they do: mostly one of all."""
    codes = [np.zeros(length, np.int64)]
    for name, column in params.items():
        if pa.types.is_nested(column.type):
            raise TypeError(f"parameter {name}: expected a number, a text or bytes, found {column.type}")
        codes.append(column.dictionary_encode("encode").indices.to_numpy())
    _, firsts, places = np.unique(np.stack(codes, axis=1), axis=0, return_index=True, return_inverse=True)
    return [
        ({name: _plain(column[first].as_py()) for name, column in params.items()}, np.flatnonzero(places.reshape(-1) == i))
        for i, first in enumerate(firsts.tolist())
    ]


def column(settings: dict[str, Any], *given: pa.Array, **named: pa.Array) -> pa.Array:
    """A function of Spark's SQL: columns, then parameters in the kernel's order, or by name."""
    _begin()
    kernel, result, inputs, params = (settings[name] for name in ("kernel", "result", "inputs", "params"))
    values = dict(zip(inputs + params, given))
    # What stands here twice, or has no such name, Spark's analyzer cannot know.
    wrong = [name for name in named if name not in inputs + params or name in values]
    values.update(named)
    if len(given) > len(inputs + params) or wrong or not values.keys() >= set(inputs):
        raise TypeError(
            f"hart_{kernel}: expected {', '.join(inputs)} and then, if wanted, {', '.join(params) or 'nothing'}; found {len(given)} arguments"
            + (f" and {', '.join(named)} by name" if named else "")
        )
    columns = {name: values.pop(name) for name in inputs}
    length = len(columns[inputs[0]])
    batch = pa.record_batch({"id": pa.array(np.arange(length)), **columns})
    parts, places = [pa.array([], result)], [np.empty(0, np.int64)]
    for constants, here in _each(values, length):
        some = batch if len(here) == length else batch.take(pa.array(here))
        parts.append(_result(settings, invoke(kernel, some, **constants).columns[1:], columns[inputs[0]].type))
        places.append(here)
    order = np.argsort(np.concatenate(places))
    return pa.concat_arrays(parts).take(pa.array(order)) if len(parts) > 2 else parts[-1]


def _result(settings: dict[str, Any], found: list[pa.Array], given: pa.DataType) -> pa.Array:
    kernel, result = settings["kernel"], settings["result"]
    if len(found) > 1:
        return pa.StructArray.from_arrays([part.cast(field.type) for part, field in zip(found, result)], fields=list(result))
    only = found[0]
    if pa.types.is_list(result) and not (pa.types.is_large_list(only.type) and only.type.value_type == result.value_type):
        raise TypeError(
            f"hart_{kernel}: the vectors are {given}, so that the result is {only.type}; expected array<float>. Cast them, or use "
            f"hart_native.spark.apply, which gives every type"
        )
    return only.cast(result)

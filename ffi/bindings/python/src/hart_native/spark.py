"""The kernels on data frames of Apache Spark, by PySpark's Arrow functions (PySpark 4.1 or later).

Results have the same rows and bits as on one machine, for any partitions, batches and number of executors. The package must be installed
on the executors too. A task holds one batch of rows (`spark.sql.execution.arrow.maxRecordsPerBatch`), and a grouped kernel a whole group.
Each task uses as many threads as `spark.task.cpus` gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.pandas.types import from_arrow_schema, from_arrow_type, to_arrow_schema

from . import __version__, _arrays
from .kernels import describe, invoke, kernels

__all__ = ["apply", "register", "top_k"]

#: Arrow types of a kernel's results, by what `describe` calls them.
_KINDS = {
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "varbinary": pa.binary(),
    "vector": pa.list_(pa.float32()),
}


def _remote(name: str, **settings: Any) -> Callable[..., Any]:
    """A function of `_executor`. It travels by value, so that it runs, and can say so, where the package is missing."""
    version = __version__

    def run(*given: Any, **named: Any) -> Any:
        import socket

        where = f"the executor on {socket.gethostname()}"
        try:
            import hart_native
            from hart_native import _executor
        except (ImportError, OSError) as error:
            raise ImportError(
                f"{where} cannot load hart_native: {error}. Install the wheel hart_native {version} in the Python of every executor, or send it "
                f"along with spark.archives"
            ) from error
        if hart_native.__version__ != version:
            raise ImportError(f"{where} has hart_native {hart_native.__version__}; expected {version}, as the driver has")
        return getattr(_executor, name)(settings, *given, **named)

    return run


def _column(name: str) -> Column:
    """The column of that very name, whatever characters it has."""
    return F.col("`" + name.replace("`", "``") + "`")


def _sparks(schema: pa.Schema) -> tuple[T.StructType, pa.Schema]:
    """A kernel's schema as Spark has it, and the Arrow types that Spark reads for it."""
    spark = from_arrow_schema(pa.schema([field.with_nullable(True) for field in schema]))
    return spark, to_arrow_schema(spark)


def _flat(queries: npt.ArrayLike, of: T.DataType, element: Optional[str]) -> tuple[Any, int]:
    """The queries as the kernel's parameter, in the precision of the vectors that they are compared with; and how many there are."""
    if isinstance(of, T.ArrayType):
        element = {"float": "f32", "double": "f64"}.get(of.elementType.simpleString())
    elif not isinstance(of, (T.BinaryType, T.StringType)):
        raise TypeError(f"vectors: expected a column of arrays of numbers, of packed vectors (binary) or of JSON (string), found {of.simpleString()}")
    packed = element in ("f32", "f64") or (isinstance(of, T.BinaryType) and element is None)
    matrix = _arrays.array("queries", queries, np.float32 if packed and element != "f64" else np.float64)
    if matrix.ndim not in (1, 2) or not matrix.size:
        raise ValueError(f"queries: expected one vector, or queries × dimensions, found the shape {matrix.shape}")
    flat = matrix.reshape(-1)
    # Text carries no element type, so that packed bytes are for the types that they are read in.
    return (flat.tobytes() if packed else flat), 1 if matrix.ndim == 1 else len(matrix)


def top_k(
    df: DataFrame,
    queries: npt.ArrayLike,
    k: int = 10,
    metric: str = "cosine",
    id: str = "id",
    vectors: str = "v",
    *,
    element: Optional[str] = None,
    accumulate: Optional[str] = None,
) -> DataFrame:
    """The k rows nearest to each query, by looking at every row.

    Each partition keeps its own k hits of each query; these are merged by distance, NaN last, and then by id, NULL last.

    Parameters
    ----------
    df : DataFrame
        Rows with an id and a vector. A row whose vector is NULL is no candidate.
    queries : array_like, (n,) or (q, n)
        One query or many. They take the precision of the vectors.
    k : int
        How many rows to find for each query, from 1.
    metric : {"cosine", "euclidean", "dot"}
        The distance, as `hart_native.distance` computes it.
    id : str
        The column of keys, integers of any size.
    vectors : str
        The column of vectors of n numbers: `array<float>`, `array<double>`, arrays of integers, packed elements (`binary`), or JSON.
        Packed vectors travel to Python about twice as fast as arrays.
    element : {"f32", "f64", "f16", "bf16", "i8"}, optional
        What packed vectors hold; float32 if not given.
    accumulate : {"f32", "f64"}, optional
        Precision of the sums; float32 if not given.

    Returns
    -------
    DataFrame
        `query` (int) and `rank` (int), both from 1, `id` (as in `df`) and `distance` (double), with the bits of `hart_native.distance`. It
        is partitioned by query and in no order; sort it by query and rank.

    Raises
    ------
    TypeError, ValueError
        If a column or a parameter is none that the search takes.

    Examples
    --------
    >>> from pyspark.sql import SparkSession
    >>> spark = SparkSession.active()
    >>> df = spark.createDataFrame([(7, [0.0, 0.0]), (8, [3.0, 4.0]), (9, [6.0, 8.0])], "id long, v array<float>")
    >>> top_k(df, [3, 4], k=2, metric="euclidean").sort("query", "rank").show()
    +-----+----+---+--------+
    |query|rank| id|distance|
    +-----+----+---+--------+
    |    1|   1|  8|     0.0|
    |    1|   2|  7|     5.0|
    +-----+----+---+--------+
    <BLANKLINE>
    """
    rows = df.select(_column(id).alias("id"), _column(vectors).alias("v"))
    key = rows.schema["id"].dataType
    if not isinstance(key, T.IntegralType):
        raise TypeError(
            f"id: expected a column of integers, found {id}: {key.simpleString()}; F.monotonically_increasing_id() or F.xxhash64() makes one, "
            f"which a join takes back to yours"
        )
    packed, count = _flat(queries, rows.schema["v"].dataType, element)
    params = {"query": packed, "query_count": count, "k": k, "metric": metric}
    params.update((name, value) for name, value in (("element", element), ("accumulate", accumulate)) if value is not None)
    # What is wrong with a parameter is said here and not by an executor.
    found = invoke("vector_top_k", to_arrow_schema(rows.schema).empty_table(), **params).schema
    spark, arrow = _sparks(found)
    each = rows.mapInArrow(_remote("nearest", schema=arrow, params=params), spark)
    return each.repartition("query").mapInArrow(_remote("merge", schema=arrow, k=k), spark)


def apply(
    kernel: str,
    df: DataFrame,
    *,
    by: Optional[Union[str, Sequence[str]]] = None,
    schema: Optional[Union[T.StructType, str]] = None,
    **params: Any,
) -> DataFrame:
    """Runs a kernel on a data frame, row by row or on each group of rows.

    Parameters
    ----------
    kernel : str
        One of `hart_native.kernels()`.
    df : DataFrame
        Columns bind by name, without regard to case; other columns are carried.
    by : str or sequence of str, optional
        Columns whose equal values make a group. Each group is one call of the kernel, with all of its rows in the memory of one
        executor; `by=[]` makes all rows one group. Needed for kernels that do not compute row by row.
    schema : StructType or str, optional
        Of the result without the columns of `by`, for the few kernels that cannot tell it without rows (`spatial_fit`).
    **params
        The kernel's parameters, as for `hart_native.invoke`.

    Returns
    -------
    DataFrame
        The columns of `by`, the kernel's results as `hart_native.describe` lists them, and the columns carried. Result vectors are arrays
        where the input's are.

    Examples
    --------
    >>> from pyspark.sql import SparkSession
    >>> spark = SparkSession.active()
    >>> df = spark.createDataFrame([(1, [3.0, 4.0], "a"), (2, None, "b")], "id long, v array<float>, name string")
    >>> apply("vector_norm", df).sort("id").show()
    +---+----+----+
    | id|norm|name|
    +---+----+----+
    |  1| 5.0|   a|
    |  2|NULL|   b|
    +---+----+----+
    <BLANKLINE>
    """
    description = describe(kernel)
    if by is None and not description["streaming"].startswith("Row by row"):
        hint = "; hart_native.spark.top_k searches all rows" if kernel == "vector_top_k" else ""
        raise ValueError(
            f"{kernel} does not compute row by row; expected by=[…], the columns that make the groups on each of which it is called "
            f"(by=[]: all rows in one call){hint}"
        )
    keys = [by] if isinstance(by, str) else list(by or ())
    columns = [name for name in df.columns if name not in keys]
    inputs = df.select(*map(_column, columns))
    fields: Any = T.StructType.fromDDL(schema) if isinstance(schema, str) else schema
    if fields is None:
        fields = _sparks(invoke(kernel, to_arrow_schema(inputs.schema).empty_table(), **params).schema)[0]
    if by is None:
        return df.mapInArrow(_remote("rows", kernel=kernel, params=params, schema=to_arrow_schema(fields)), fields)
    result = T.StructType([*(df.select(_column(key)).schema[0] for key in keys), *fields])
    run = _remote("group", kernel=kernel, params=params, columns=columns, schema=to_arrow_schema(result))

    # Spark counts the arguments.
    def group(key: Any, table: Any) -> Any:
        return run(key, table)

    return df.groupBy(*map(_column, keys)).applyInArrow(group, result)


def register(spark: SparkSession, names: Optional[Iterable[str]] = None) -> list[str]:
    """Makes the kernels that compute one row from one row functions of Spark's SQL.

    A function takes the kernel's columns without the id, then its parameters in the order of `hart_native.describe`, or by name. Vectors
    are `array<float>` or, where the result is none, anything that the kernel takes; a kernel with several results gives a struct.

    Parameters
    ----------
    spark : SparkSession
        Where the functions are registered until it ends.
    names : iterable of str, optional
        Kernels; all of them if not given.

    Returns
    -------
    list of str
        Names of the functions: `hart_` and the kernel's name.

    Examples
    --------
    >>> from pyspark.sql import SparkSession
    >>> spark = SparkSession.active()
    >>> register(spark, ["vector_distance"])
    ['hart_vector_distance']
    >>> spark.sql("SELECT hart_vector_distance(array(1, 0), array(3, 4), 'cosine') AS d").show()
    +---+
    |  d|
    +---+
    |0.4|
    +---+
    <BLANKLINE>
    """
    # Its annotations lack the form in which the function's own say what it takes.
    convert: Any = arrow_udf
    registered = []
    for kernel in kernels() if names is None else names:
        description = describe(kernel)
        if description["rows"] != "same" or not description["outputs"]:
            if names is not None:
                raise ValueError(f"{kernel} does not make one row of each row; expected such kernels. hart_native.spark.apply runs the others")
            continue
        outputs = [pa.field(output["name"], _KINDS[output["kind"]]) for output in description["outputs"][1:]]
        result = outputs[0].type if len(outputs) == 1 else pa.struct(outputs)
        run = _remote(
            "column",
            kernel=kernel,
            inputs=[column["name"] for column in description["inputs"][1:]],
            params=[param["name"] for param in description["params"]],
            result=result,
        )
        spark.udf.register(f"hart_{kernel}", convert(_function(run), from_arrow_type(result)))
        registered.append(f"hart_{kernel}")
    return registered


def _function(run: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the annotations from which Spark tells what it takes."""

    def function(*given: pa.Array, **named: pa.Array) -> pa.Array:
        return run(*given, **named)

    return function

"""Searches on Apache Spark with two workers: `hart_native.spark.top_k` beside the same search in Spark's own expressions.

    python benches/spark/top_k.py [--rows 1000000] [--peer-rows 20000] [--dimensions 384] [--queries 64] [--rounds 3]

Needs pyspark, Java and the package hart_native (HART_NATIVE_LIBRARY names its library in the source tree). The rows lie in Parquet files, as arrays of
floats and as packed bytes. The peer's time grows with the rows, so it may get fewer; both then search these too, in turns. Every answer
is compared with that of one call on one machine. Prints medians, ratios, and what reading, sending to Python and the kernel take.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

import hart_native as hart
import hart_native.spark

K, FILES = 10, 8


def write(folder, rows, dimensions):
    """The same rows as arrays and packed, in files of equal size."""
    rng = np.random.default_rng(0)
    for form in ("arrays", "packed"):
        (folder / form).mkdir()
    whole = []
    for file in range(FILES):
        first, last = rows * file // FILES, rows * (file + 1) // FILES
        matrix = rng.standard_normal((last - first, dimensions), dtype=np.float32)
        whole.append(matrix)
        ids = pa.array(np.arange(first, last))
        arrays = pa.ListArray.from_arrays(pa.array(np.arange(len(matrix) + 1, dtype=np.int32) * dimensions), pa.array(matrix.reshape(-1)))
        packed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(4 * dimensions), len(matrix), [None, pa.py_buffer(matrix)]).cast(pa.binary())
        for form, vectors in (("arrays", arrays), ("packed", packed)):
            pa.parquet.write_table(
                pa.table({"id": ids, "v": vectors}), folder / form / f"{file}.parquet",
                use_dictionary=False, compression="none", row_group_size=1 << 14,
            )  # fmt: skip
    return whole


def ours(frame, queries):
    return hart.spark.top_k(frame, queries, K)


def expressions(spark, frame, queries):
    """1 − the cosine, in doubles, by aggregate and zip_with; the vectors' lengths once for each."""
    length = lambda v: F.sqrt(F.aggregate(v, F.lit(0.0), lambda sum, x: sum + x.cast("double") * x))
    given = spark.createDataFrame([(i + 1, query.tolist()) for i, query in enumerate(queries)], "query int, q array<double>")
    given = F.broadcast(given.withColumn("lq", length(F.col("q"))))
    dot = F.aggregate(F.zip_with("v", "q", lambda x, y: x * y), F.lit(0.0), lambda sum, x: sum + x)
    pairs = frame.withColumn("lv", length(F.col("v"))).crossJoin(given)
    distances = pairs.select("query", "id", (1 - dot / (F.col("lv") * F.col("lq"))).alias("distance"))
    rank = F.row_number().over(Window.partitionBy("query").orderBy("distance", "id"))
    return distances.withColumn("rank", rank).where(F.col("rank") <= K).select("query", "rank", "id", "distance")


def sent(frame):
    """What it takes to read the rows and hand them to Python, which does nothing with them."""

    def count(batches):
        yield pa.record_batch({"n": pa.array([sum(batch.num_rows for batch in batches)])})

    return frame.mapInArrow(count, "n long").agg(F.sum("n"))


def timed(work):
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 1_000_000), ("peer-rows", 20_000), ("dimensions", 384), ("queries", 64), ("rounds", 3)):
        options.add_argument(f"--{name}", type=int, default=default)
    options = options.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    folder = pathlib.Path(tempfile.mkdtemp())
    builder = SparkSession.builder.master("local-cluster[2,1,2048]").config("spark.executor.memory", "2g").config("spark.log.level", "OFF")
    for key, value in {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.sql.shuffle.partitions": "2",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "spark.executorEnv.HART_NATIVE_LIBRARY": hart._library.library._name,
    }.items():  # fmt: skip
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    queries = np.random.default_rng(1).standard_normal((options.queries, options.dimensions), dtype=np.float32)
    try:
        for rows in dict.fromkeys((options.peer_rows, options.rows)):
            place = folder / str(rows)
            place.mkdir()
            whole = write(place, rows, options.dimensions)
            expected = hart.top_k(np.concatenate(whole), queries, K)
            # The kernel alone, in batches as Spark makes them, on one core.
            hart.set_threads(1)
            batches = [pa.ListArray.from_arrays(pa.array(np.arange(len(part) + 1, dtype=np.int32) * part.shape[1]), pa.array(part.reshape(-1)))
                       for matrix in whole for part in np.array_split(matrix, max(1, len(matrix) // 10_000))]  # fmt: skip
            batches = [pa.record_batch({"id": pa.array(np.arange(len(vectors))), "v": vectors}) for vectors in batches]
            kernel = lambda: [hart.invoke("vector_top_k", batch, query=queries.tobytes(), query_count=len(queries), k=K) for batch in batches]
            frames = {form: spark.read.parquet(str(place / form)) for form in ("arrays", "packed")}
            works = {"kernel alone, one core": kernel}
            for form, frame in frames.items():
                works[f"top_k, {form}"] = lambda frame=frame: ours(frame, queries).collect()
                works[f"reading and sending alone, {form}"] = lambda frame=frame: sent(frame).collect()
            if rows == options.peer_rows:
                works["Spark's expressions, arrays"] = lambda: expressions(spark, frames["arrays"], queries).collect()
            times = {name: [] for name in works}
            # The first round starts workers and has Java compile what it runs.
            for turn in range(options.rounds + 1):
                for name, work in works.items():
                    seconds, found = timed(work)
                    if turn:
                        times[name].append(seconds)
                    if "top_k" in name or "expressions" in name:
                        found = sorted(tuple(row) for row in found)
                        assert [row[2] for row in found] == expected["id"].reshape(-1).tolist(), name
                    if "top_k" in name:
                        assert [row[3] for row in found] == expected["distance"].reshape(-1).tolist(), name
            print(f"{rows} rows × {options.dimensions}, {options.queries} queries, k = {K}; medians of {options.rounds} rounds in turns")
            medians = {name: statistics.median(each) for name, each in times.items()}
            for name, median in medians.items():
                print(f"  {name:40} {median:9.2f} s")
            for form in ("arrays", "packed"):
                mine = medians[f"top_k, {form}"]
                share = (medians[f"reading and sending alone, {form}"] + medians["kernel alone, one core"] / 2) / mine
                print(f"  {form}: reading, sending and the kernel on two cores are {share:.0%} of top_k")
                if rows == options.peer_rows:
                    ratios = [peer / own for peer, own in zip(times["Spark's expressions, arrays"], times[f"top_k, {form}"])]
                    print(f"  {form}: Spark's expressions take {statistics.median(ratios):.1f} times as long")
            sys.stdout.flush()
            shutil.rmtree(place)
    finally:
        spark.stop()
        shutil.rmtree(folder)


main()

"""hart_native.spark on two separate workers: python -m unittest test_spark. Needs pyspark and Java; with HART_NEED_TOOLS they must be there."""

import contextlib
import doctest
import os
import pathlib
import shutil
import struct
import sys
import tempfile
import unittest
import weakref

import numpy as np

import hart_native as hart

try:
    import pyarrow as pa
    import pyspark
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F
except ImportError as error:
    if os.environ.get("HART_NEED_TOOLS"):
        raise
    raise unittest.SkipTest(f"Spark is not here: {error}") from error
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    if os.environ.get("HART_NEED_TOOLS"):
        raise FileNotFoundError("Spark needs Java, and neither java nor JAVA_HOME is here")
    raise unittest.SkipTest("Spark needs Java, and neither java nor JAVA_HOME is here")

from hart_native import _executor, spark as hart_spark

PACKAGE = pathlib.Path(hart.__file__).resolve().parent
LIBRARY = pathlib.Path(hart._library.library._name).resolve()


@contextlib.contextmanager
def session(environment=None, **settings):
    """Spark with two workers, each a process of its own, whose Python processes find what `environment` says."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    if environment is None:
        environment = {"PYTHONPATH": str(PACKAGE.parent), "HART_NATIVE_LIBRARY": str(LIBRARY)}
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("hart")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.log.level": "OFF",
        "spark.sql.shuffle.partitions": "3",
        "spark.ui.showConsoleProgress": "false",
        **{f"spark.executorEnv.{name}": value for name, value in environment.items()},
        **settings,
    }.items():
        builder = builder.config(key, value)
    # Executors inherit the driver's variables; what a test does not give them must not come that way.
    kept = {name: os.environ.pop(name, None) for name in ("PYTHONPATH", "HART_NATIVE_LIBRARY")}
    spark = builder.getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()
        # The process of Java outlives its session, with the variables that it started with.
        with pyspark.SparkContext._lock:
            gateway, pyspark.SparkContext._gateway, pyspark.SparkContext._jvm = pyspark.SparkContext._gateway, None, None
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(60)
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def bits(rows):
    """Rows with their numbers as bits, so that NaN equals NaN and nothing else equals what it is not."""
    return [tuple(struct.pack("<d", value) if isinstance(value, float) else value for value in row) for row in rows]


def example(rows=1500, dimensions=24):
    """Vectors with ids in no order, among them NULL vectors, NULL ids, NaN distances and ties."""
    rng = np.random.default_rng(3)
    vectors = rng.integers(-3, 4, (rows, dimensions)).astype(np.float32)
    vectors[::7] = vectors[0]
    vectors[11::100, 0] = np.nan
    ids = rng.permutation(rows) - rows // 2
    return pa.table(
        {
            "key": pa.array([None if i % 13 == 5 else int(id) for i, id in enumerate(ids)], pa.int32()),
            "v": pa.array([None if i % 17 == 3 else row for i, row in enumerate(vectors)], pa.list_(pa.float32())),
            "name": pa.array([f"n{i}" if i % 5 else None for i in range(rows)]),
        }
    )


TABLE = example()
QUERIES = np.random.default_rng(4).integers(-3, 4, (5, 24)).astype(np.float32)


def on_one_machine(table, queries, **params):
    """The rows that one call gives for the whole table."""
    wide = table.select(["key", "v"]).rename_columns(["id", "v"])
    query = np.atleast_2d(queries).astype(np.float32)
    if pa.types.is_list(wide["v"].type) and wide["v"].type.value_type == pa.float64():
        query = query.astype(np.float64)
    found = hart.invoke("vector_top_k", wide, query=query.tobytes(), query_count=len(query), **params)
    return bits(zip(*(column.to_pylist() for column in found.columns)))


def collected(frame):
    return bits(tuple(row) for row in frame.sort("query", "rank").collect())


class Spark(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.spark = stack.enter_context(session())

    def frame(self, table=TABLE, partitions=3, batch=200):
        self.spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(batch))
        return self.spark.createDataFrame(table).repartition(partitions)

    def test_top_k_finds_the_same_bits_whatever_the_partitions(self):
        expected = on_one_machine(TABLE, QUERIES, k=9)
        # Distances that are NaN, and NULL ids, are among what is found.
        everything = on_one_machine(TABLE, QUERIES[0], k=2000)
        self.assertTrue(any(row[3] == struct.pack("<d", np.nan) for row in everything))
        self.assertTrue(any(row[2] is None for row in everything))
        for partitions, batch in ((1, 10000), (2, 100), (7, 33)):
            found = hart_spark.top_k(self.frame(TABLE, partitions, batch), QUERIES, 9, id="key")
            self.assertEqual(collected(found), expected, (partitions, batch))
        found = hart_spark.top_k(self.frame(), QUERIES[0], 2000, id="key")
        self.assertEqual(collected(found), everything)
        self.assertEqual(found.dtypes, [("query", "int"), ("rank", "int"), ("id", "int"), ("distance", "double")])

    def test_top_k_takes_every_form_of_a_vector(self):
        some = TABLE.filter(pa.compute.is_valid(TABLE["v"])).slice(12, 200)
        singles = some["v"].to_pylist()
        finite = [[0.0 if np.isnan(x) else x for x in row] for row in singles]
        forms = {
            "array<double>": (pa.array(finite, pa.list_(pa.float64())), {}),
            "array<tinyint>": (pa.array(finite, pa.list_(pa.float32())).cast(pa.list_(pa.int8())), {}),
            "binary": (pa.array([np.float32(row).tobytes() for row in finite]), {}),
            "halves": (pa.array([np.float16(row).tobytes() for row in finite]), {"element": "f16"}),
            "doubles": (pa.array([np.float64(row).tobytes() for row in finite]), {"element": "f64"}),
            "string": (pa.array([str(row) for row in finite]), {}),
        }
        for metric in ("euclidean", "dot"):
            for name, (column, params) in forms.items():
                table = some.set_column(1, "v", column)
                expected = hart.invoke(
                    "vector_top_k", table.select(["key", "v"]).rename_columns(["id", "v"]), query=QUERIES.reshape(-1).astype(np.float64),
                    query_count=5, k=4, metric=metric, **params,
                )  # fmt: skip
                expected = bits(zip(*(part.to_pylist() for part in expected.columns)))
                found = hart_spark.top_k(self.frame(table, 2), QUERIES, 4, metric, id="key", **params)
                self.assertEqual(collected(found), expected, (metric, name))

    def test_nothing_to_find(self):
        empty = self.frame(TABLE.slice(0, 0), 2)
        self.assertEqual(hart_spark.top_k(empty, QUERIES, id="key").collect(), [])
        nowhere = self.frame(TABLE).where("v IS NULL")
        self.assertEqual(hart_spark.top_k(nowhere, QUERIES, id="key").collect(), [])

    def test_what_is_wrong_is_said_at_once(self):
        frame = self.frame()
        for error, part, call in (
            (TypeError, "id: expected a column of integers, found name: string", lambda: hart_spark.top_k(frame, QUERIES, id="name")),
            (TypeError, "vectors: expected .*, found int", lambda: hart_spark.top_k(frame, QUERIES, id="key", vectors="key")),
            (hart.HartError, "parameter k is 0", lambda: hart_spark.top_k(frame, QUERIES, 0, id="key")),
            (hart.HartError, "'taxi'; expected one of cosine", lambda: hart_spark.top_k(frame, QUERIES, 1, "taxi", id="key")),
            (ValueError, r"found the shape \(0,\)", lambda: hart_spark.top_k(frame, [], id="key")),
            (hart.HartError, "parameter factor is missing", lambda: hart_spark.apply("vector_scale", frame.withColumnRenamed("key", "id"))),
            (ValueError, "vector_top_k does not compute row by row; .*top_k searches", lambda: hart_spark.apply("vector_top_k", frame)),
            (ValueError, "tensor_svd does not make one row", lambda: hart_spark.register(self.spark, ["tensor_svd"])),
        ):
            with self.assertRaisesRegex(error, part):
                call()
        with self.assertRaisesRegex(Exception, "dimension"):
            hart_spark.top_k(frame, QUERIES[:, :5], id="key").collect()

    def test_row_kernels_carry_the_other_columns(self):
        table = TABLE.rename_columns(["id", "v", "name"])
        frame = self.frame(table, 3, 77)
        for kernel, params in (("vector_norm", {}), ("vector_normalize", {}), ("vector_scale", {"factor": 0.1})):
            expected = hart.invoke(kernel, table, **params)
            found = hart_spark.apply(kernel, frame, **params)
            self.assertEqual(found.columns, expected.schema.names)
            rows = sorted(map(repr, zip(*(column.to_pylist() for column in expected.columns))))
            self.assertEqual(sorted(repr(tuple(row)) for row in found.collect()), rows)
        self.assertEqual(dict(found.dtypes)["result"], "array<float>")
        points = self.frame(pa.table({"id": [1, 2], "x": [0.0, 7.0], "y": [0.0, 0.0], "z": [0.0, 0.0]}), 2)
        cells = hart_spark.apply("spatial_hilbert", points, max="8", bits=1).sort("id").collect()
        self.assertEqual([row["key"] for row in cells], [0, 7])

    def test_grouped_kernels_take_a_whole_group(self):
        rng = np.random.default_rng(9)
        matrices = {(model, layer): rng.standard_normal((6, 4)).astype(np.float32) for model in "ab" for layer in (1, 2)}
        halves = [
            {"model": model, "layer": layer, "chunk": chunk, "payload": half.tobytes()}
            for (model, layer), matrix in matrices.items()
            for chunk, half in enumerate((matrix[:3], matrix[3:]))
        ]
        frame = self.frame(pa.Table.from_pylist(halves), 4, 1)
        found = hart_spark.apply("tensor_svd", frame, by=["model", "layer"], columns=4, rank=2)
        self.assertEqual(found.columns[:4], ["model", "layer", "component", "singular_value"])
        rows = found.sort("model", "layer", "component").collect()
        self.assertEqual(len(rows), 8)
        for (model, layer), matrix in matrices.items():
            expected = hart.svd(matrix, 2)
            mine = [row for row in rows if (row["model"], row["layer"]) == (model, layer)]
            self.assertEqual([row["singular_value"] for row in mine], expected.singular_values.tolist())
            self.assertEqual(np.frombuffer(mine[0]["v"], np.float32).tolist(), expected.v[0].tolist())
        whole = TABLE.rename_columns(["id", "v", "name"]).filter(pa.compute.is_valid(TABLE["v"])).slice(0, 300)
        # All rows as one group; a kernel that cannot tell its result without rows.
        vectors = whole.set_column(1, "v", pa.array(np.nan_to_num(np.stack(whole["v"].to_numpy())).tolist(), pa.list_(pa.float32())))
        basis = hart.invoke("spatial_fit", vectors, kind="random", axes=3, seed=5)
        schema = ", ".join(f"{f.name} {f.dataType.simpleString()}" for f in hart_spark._sparks(basis.schema)[0])
        fitted = hart_spark.apply("spatial_fit", self.frame(vectors), by=[], schema=schema, kind="random", axes=3, seed=5).collect()
        self.assertEqual([bytes(row["basis"]) for row in fitted], [basis["basis"][0].as_py()])

    def test_functions_of_sql(self):
        names = hart_spark.register(self.spark)
        self.assertIn("hart_vector_distance", names)
        self.assertNotIn("hart_vector_top_k", names)
        self.frame().createOrReplaceTempView("rows")
        self.spark.createDataFrame([(QUERIES[0].tolist(),)], "q array<float>").createOrReplaceTempView("one")
        found = self.spark.sql("SELECT key, hart_vector_distance(v, q, 'cosine') AS d FROM rows CROSS JOIN one WHERE key IS NOT NULL")
        pairs = [(key, v) for key, v in zip(TABLE["key"].to_pylist(), TABLE["v"].to_pylist()) if key is not None]
        expected = [(key, None if v is None else float(hart.distance(v, QUERIES[0]))) for key, v in pairs]
        self.assertEqual(bits(tuple(row) for row in found.sort("key").collect()), bits(sorted(expected, key=lambda pair: pair[0])))

        one = lambda text: self.spark.sql(f"SELECT {text} AS r").collect()[0][0]
        self.assertEqual(one("hart_vector_distance(array(1, 2), array(3, 4), metric => 'dot')"), -11.0)
        self.assertEqual(one("hart_vector_scale(array(1F, 2F), 1.5)"), [1.5, 3.0])
        self.assertIsNone(one("hart_vector_norm(CAST(NULL AS array<float>))"))
        self.assertEqual(one("hart_spatial_hilbert(7D, 0D, 0D, '0', '8', bits => 1)"), 7)
        self.assertEqual(one("hart_spatial_hilbert_inverse(0L, '0', '8', 1)").asDict(), {"x": 2.0, "y": 2.0, "z": 2.0})
        for text, part in (
            ("hart_vector_distance(array(1), array(2), 'taxi')", "expected one of cosine"),
            ("hart_vector_distance(array(1))", "expected a, b and then, if wanted, metric"),
            ("hart_vector_distance(array(1), array(2), colour => 'red')", "colour by name"),
            ("hart_vector_normalize(array(1D, 2D))", "expected array<float>"),
        ):
            with self.assertRaisesRegex(Exception, part):
                one(text)
        # Parameters may be of a row; those of several rows in a batch are put together.
        metrics = [("dot", -2.0), ("cosine", 0.0), (None, 0.0), ("euclidean", 1.0)] * 3
        given = self.spark.createDataFrame([(i, metric) for i, (metric, _) in enumerate(metrics)], "i int, m string").coalesce(1)
        found = given.selectExpr("i", "hart_vector_distance(array(1), array(2), m) AS d").sort("i").collect()
        self.assertEqual([row["d"] for row in found], [expected for _, expected in metrics])

    def test_the_examples_of_the_module(self):
        result = unittest.TestResult()
        doctest.DocTestSuite(hart_spark).run(result)
        self.assertEqual((result.failures, result.errors), ([], []))
        self.assertEqual(result.testsRun, 3)

    def kill(self, find):
        """A step before the search that ends a process, once, when its second batch has gone."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "killed")

        def step(batches):
            import os
            import signal

            for i, batch in enumerate(batches):
                yield batch
                if i == 1:
                    try:
                        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
                    except FileExistsError:
                        continue
                    os.kill(find(), signal.SIGKILL)

        return step, path

    def test_a_killed_worker_changes_nothing(self):
        def executor():
            import os
            import re

            def read(process, file):
                with open(f"/proc/{process}/{file}") as text:
                    return text.read()

            process = os.getpid()
            while "CoarseGrainedExecutorBackend" not in read(process, "cmdline"):
                process = int(re.search(r"PPid:\s*(\d+)", read(process, "status"))[1])
                assert process > 1
            return process

        def python():
            import os

            return os.getpid()

        expected = on_one_machine(TABLE, QUERIES, k=9)
        for find in (python, executor):
            step, path = self.kill(find)
            frame = self.frame(TABLE, 4, 50)
            found = hart_spark.top_k(frame.mapInArrow(step, frame.schema), QUERIES, 9, id="key")
            self.assertEqual(collected(found), expected, find.__name__)
            self.assertTrue(os.path.exists(path), find.__name__)


class Memory(unittest.TestCase):
    def test_a_partition_never_holds_more_than_two_batches(self):
        alive, most = weakref.WeakValueDictionary(), 0

        def batches():
            nonlocal most
            for i in range(20):
                batch = pa.record_batch({"id": pa.array(np.arange(100)), "v": pa.array(list(np.ones((100, 8), np.float32)), pa.list_(pa.float32()))})
                alive[i] = batch
                most = max(most, len(alive))
                yield batch
                del batch

        params = {"query": np.ones(8, np.float32).tobytes(), "query_count": 1, "k": 3}
        schema = pa.schema({"query": pa.int32(), "rank": pa.int32(), "id": pa.int64(), "distance": pa.float64()})
        found = list(_executor.nearest({"params": params, "schema": schema}, batches()))
        self.assertEqual([batch.num_rows for batch in found], [3])
        self.assertLessEqual(most, 2)


class Executors(unittest.TestCase):
    """What executors must have."""

    def search(self, spark):
        return collected(hart_spark.top_k(spark.createDataFrame(TABLE.slice(0, 100)), QUERIES, 2, id="key"))

    def failure(self, spark):
        with self.assertRaises(Exception) as caught:
            self.search(spark)
        # Java knows the text, as long as it runs.
        return str(caught.exception)

    def test_an_executor_without_the_package_says_so(self):
        # An installed package, as in an environment made from the wheel, is found without a path; a Python without it stands in.
        with tempfile.TemporaryDirectory() as folder:
            hidden = pathlib.Path(folder) / "hart_native"
            hidden.mkdir()
            (hidden / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'hart_native'\")\n")
            with session({"PYTHONPATH": folder}) as spark:
                text = self.failure(spark)
        self.assertRegex(text, "the executor on .* cannot load hart_native: No module named 'hart_native'. Install the wheel")

    def test_an_executor_without_the_library_says_so(self):
        with session({"PYTHONPATH": str(PACKAGE.parent), "HART_NATIVE_LIBRARY": "/nowhere/libhart_native.so"}) as spark:
            text = self.failure(spark)
        self.assertRegex(text, "the executor on .* cannot load hart_native: the C library cannot be loaded: /nowhere")

    def test_the_package_may_travel_with_the_job(self):
        with tempfile.TemporaryDirectory() as folder:
            package = pathlib.Path(folder) / "site" / "hart_native"
            shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(LIBRARY, package / "libhart_native.so")
            archive = shutil.make_archive(str(pathlib.Path(folder) / "hart"), "zip", package.parent)
            with session({"PYTHONPATH": "./hart"}, **{"spark.archives": f"{archive}#hart"}) as spark:
                self.assertEqual(self.search(spark), on_one_machine(TABLE.slice(0, 100), QUERIES, k=2))


if __name__ == "__main__":
    unittest.main()

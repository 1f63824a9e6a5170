"""Runs the Python of docs/ENGINES.md, section by section: python -m unittest test_engines.

An engine that is not installed is skipped with its name; with HART_NEED_TOOLS it must be there. HART_ENGINES names the page if this file does not
lie in the project.
"""

import contextlib
import importlib.util
import os
import pathlib
import re
import tempfile
import unittest

import numpy as np
import pyarrow as pa
import pyarrow.parquet

import hart_native as hart

PAGE = pathlib.Path(os.environ.get("HART_ENGINES") or pathlib.Path(__file__).resolve().parents[4] / "docs/ENGINES.md")


def sections():
    """Blocks of Python by the heading that they stand below; those before the first heading are for all."""
    found, heading = {}, ""
    for line in re.split(r"^(#+ [^\n]*|```python\n.*?^```)$", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL):
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("```python"):
            found.setdefault(heading, []).append(line[len("```python\n") : -len("```")])
    return found


class Recipes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        matrix = np.random.default_rng(8).standard_normal((500, 384)).astype(np.float32)
        table = pa.table(
            {
                "id": pa.array(np.arange(500)),
                "title": pa.array([f"title {i}" for i in range(500)]),
                "v": pa.array(list(matrix), pa.list_(pa.float32())),
            }
        )
        pa.parquet.write_table(table, "docs.parquet", row_group_size=200)
        self.matrix, self.names = matrix, {"__name__": "__main__"}
        self.sections = sections()
        self.run_section(next(iter(self.sections)))

    def run_section(self, heading):
        for block in self.sections[heading]:
            exec(compile(block, f"docs/ENGINES.md: {heading}", "exec"), self.names)

    def need(self, *modules):
        for module in modules:
            if importlib.util.find_spec(module) is None:
                if os.environ.get("HART_NEED_TOOLS"):
                    self.fail(f"{module} is not installed")
                self.skipTest(f"{module} is not installed")

    def test_every_block_is_run_by_a_test(self):
        self.assertEqual(
            list(self.sections)[1:], ["polars", "DuckDB", "DataFusion", "Apache Spark", "SQL Server by JDBC"]
        )

    def test_polars(self):
        self.need("polars")
        self.run_section("polars")
        self.assertEqual(self.names["nearest"]["id"].to_list(), self.nearest(self.matrix, 3))

    def test_duckdb_and_datafusion(self):
        self.need("duckdb", "datafusion")
        self.run_section("DuckDB")
        self.assertEqual(self.names["hits"]["id"].to_pylist(), self.nearest(self.matrix, 3))
        self.assertEqual(len(self.names["pairs"]), 499)
        self.run_section("DataFusion")
        self.assertEqual(self.names["nearest"]["id"].to_pylist(), self.nearest(self.matrix, 3))

    def nearest(self, matrix, k):
        hits = hart.top_k(matrix, self.names["query"], k)
        return hits["id"].tolist()

    def test_spark(self):
        self.need("pyspark")
        import test_spark

        distances = hart.distance(self.matrix[:-1], self.matrix[1:])
        self.names["pairs"] = [(i, i + 1, float(distance)) for i, distance in enumerate(distances)]
        with test_spark.session() as spark:
            self.names["spark"] = spark
            self.run_section("Apache Spark")

    def test_jdbc(self):
        self.need("pyspark")
        import test_spark

        with contextlib.ExitStack() as stack:
            # Derby's tables live in the memory of one process, so the tasks run there too.
            spark = stack.enter_context(test_spark.session(**{"spark.master": "local[2]"}))
            self.names.update(spark=spark, password="none", top_k=__import__("hart_native.spark").spark.top_k)
            derby = "jdbc:derby:memory:docs"
            connect = spark._jvm.java.sql.DriverManager.getConnection
            spark._jvm.java.lang.Class.forName("org.apache.derby.iapi.jdbc.AutoloadedDriver")
            connection = connect(derby + ";create=true", "reader", "none")
            run = connection.createStatement().execute
            run("CREATE SCHEMA dbo")
            run("CREATE TABLE dbo.Docs (id BIGINT, v VARCHAR(1536) FOR BIT DATA)")
            run("CREATE TABLE dbo.Hits (query INT, rank INT, id BIGINT, distance DOUBLE)")
            for i, row in enumerate(self.matrix[:40]):
                run(f"INSERT INTO dbo.Docs VALUES ({i}, X'{row.tobytes().hex()}')")
            [block] = self.sections["SQL Server by JDBC"]
            url = re.search(r'url = "(.*?)"', block)[1]
            self.assertTrue(url.startswith("jdbc:sqlserver:"))
            self.sections["SQL Server by JDBC"] = [block.replace(url, derby)]
            self.run_section("SQL Server by JDBC")
            found = spark.read.format("jdbc").options(**self.names["server"]).option("dbtable", "dbo.Hits").load()
            self.assertEqual([row["ID"] for row in found.sort("RANK").collect()], self.nearest(self.matrix[:40], 10))


if __name__ == "__main__":
    unittest.main()

"""What a notebook does with the package, and what it says when something is wrong: python -m unittest."""

import ctypes
import doctest
import multiprocessing
import os
import pickle
import sys
import unittest
import warnings
import weakref
from unittest import mock

import numpy as np

import hart_native as hart
from hart_native import _native, vectors
from hart_native._library import library

RNG = np.random.default_rng(1)
ROWS = RNG.standard_normal((300, 64)).astype(np.float32)


def spy(function):
    """The library's function of that name, with its arguments kept in a list."""
    real, calls = getattr(library, function), []

    def call(*arguments):
        calls.append(arguments)
        return real(*arguments)

    vectors._functions.cache_clear()
    return mock.patch.object(library, function, call), calls


def load_tests(loader, tests, pattern):
    """The examples in the functions' own texts, too."""
    for module in ("vectors", "search", "tensors", "kernels"):
        module = sys.modules[f"hart_native.{module}"]
        tests.addTests(doctest.DocTestSuite(module))
    return tests


class Package(unittest.TestCase):
    def test_it_says_what_it_is(self):
        self.assertEqual(hart.__version__, hart.capabilities()["version"])
        index = hart.Index(ROWS)
        self.assertEqual(repr(index), "Index(rows=300, dimensions=64)")
        index.close()
        self.assertEqual(repr(index), "Index(rows=300, dimensions=64, closed)")
        batch = hart.invoke("system_info", result="capsule")
        self.assertRegex(repr(batch), r"<batch of Arrow columns: \d+ rows, \d+ columns>")
        self.assertRegex(repr(hart.svd([[3, 0], [0, 4]], 2)), r"Svd\(u=2×2, singular_values=array\(\[4\., 3\.\]\), v=2×2\)")
        self.assertEqual(repr(hart.HartError(7, "a text")), "HartError(7, 'a text')")

    def test_every_function_states_shapes_and_types(self):
        for name in hart.__all__:
            member = getattr(hart, name)
            if callable(member) and name not in ("HartError", "shutdown", "capabilities", "Svd"):
                for part in ("Parameters\n---", "Returns\n---"):
                    if (name, part[0]) not in (("kernels", "P"), ("Index", "R"), ("set_threads", "R")):
                        self.assertIn(part, member.__doc__.replace("\n    ", "\n"), name)


class Vectors(unittest.TestCase):
    def test_they_agree_with_numpy(self):
        a, b = ROWS[:100].astype(np.float64), ROWS[100:200].astype(np.float64)
        np.testing.assert_allclose(hart.dot_product(ROWS[:100], ROWS[100:200]), (a * b).sum(1), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(hart.norm(ROWS[:100]), np.linalg.norm(a, axis=1), rtol=1e-6)
        np.testing.assert_array_equal(hart.add(ROWS[:100], ROWS[100:200]), ROWS[:100] + ROWS[100:200])
        np.testing.assert_array_equal(hart.arg_max(ROWS), ROWS.argmax(1))
        np.testing.assert_allclose(hart.softmax(ROWS).sum(1), 1, rtol=1e-6)

    def test_one_row_serves_all(self):
        np.testing.assert_array_equal(hart.distance(ROWS, ROWS[0]), hart.distance(ROWS, np.tile(ROWS[0], (300, 1))))
        self.assertIsInstance(float(hart.dot_product(ROWS[0], ROWS[1])), float)
        for a, b in ((ROWS[:0], ROWS[0]), (ROWS[0], ROWS[:0])):
            self.assertEqual(len(hart.dot_product(a, b)), 0)
        for a, b in ((ROWS[:0], ROWS[:2]), (ROWS[:2], ROWS[:0]), (ROWS[:3], ROWS[:2])):
            with self.assertRaisesRegex(hart.HartError, "is 128 numbers; expected"):
                hart.dot_product(a, b)

    def test_the_result_goes_where_it_is_asked_to(self):
        out = np.empty_like(ROWS)
        self.assertIs(hart.normalize(ROWS, out=out), out)
        for wrong in (np.empty((300, 63), np.float32), np.empty((300, 64)), np.empty((64, 300), np.float32).T):
            with self.assertRaisesRegex(ValueError, "^out: expected"):
                hart.normalize(ROWS, out=wrong)

    def test_nothing_is_copied(self):
        # A part of the caller's memory, with neighbours that must stay as they are.
        whole = np.full((302, 64), 7, np.float32)
        out = whole[1:301]
        patch, calls = spy("hart_vector_add_f32_batch")
        with patch:
            self.assertIs(hart.add(ROWS, ROWS[5], out=out), out)
        vectors._functions.cache_clear()
        a, a_rows, b, b_rows, n, target, rows = calls[0]
        a, b, target = map(ctypes.addressof, (a, b, target))
        self.assertEqual((a, b, target), (ROWS.ctypes.data, ROWS[5].ctypes.data, whole.ctypes.data + 4 * 64))
        self.assertEqual((a_rows, b_rows, n, rows), (300, 1, 64, 300))
        np.testing.assert_array_equal(out, ROWS + ROWS[5])
        self.assertTrue((whole[[0, -1]] == 7).all())

    def test_overlapping_memory_is_refused(self):
        rows = ROWS.copy()
        with self.assertRaisesRegex(hart.HartError, "out overlaps v") as caught:
            hart.normalize(rows[1:], out=rows[:-1])
        self.assertEqual(caught.exception.status, _native.HART_STATUS_OVERLAP)
        np.testing.assert_array_equal(rows, ROWS)

    def test_a_result_may_replace_its_argument(self):
        for call in (hart.normalize, hart.softmax, lambda v, out=None: hart.scale(v, 3, out=out)):
            rows = ROWS.copy()
            self.assertIs(call(rows, out=rows), rows)
            np.testing.assert_array_equal(rows, call(ROWS))
        for a, b in ((0, 1), (1, 0), (0, 0)):
            pair = [ROWS.copy(), ROWS[::-1].copy()]
            expected = hart.lerp(pair[a], pair[b], 0.25)
            np.testing.assert_array_equal(hart.lerp(pair[a], pair[b], 0.25, out=pair[0]), expected)
        rows = ROWS.copy()
        np.testing.assert_array_equal(hart.subtract(rows, ROWS[0], out=rows), ROWS - ROWS[0])
        # More than one block of a copy.
        large = np.arange(40000 * 64, dtype=np.float32).reshape(40000, 64)
        expected = hart.add(large, large)
        np.testing.assert_array_equal(hart.add(large, large, out=large), expected)

    def test_numbers_that_singles_do_not_hold_are_refused(self):
        masked = np.ma.masked_greater(ROWS[:3].copy(), 1)
        with self.assertRaisesRegex(ValueError, f"v: expected no masked elements, found {masked.mask.sum()}"):
            hart.norm(masked)
        np.testing.assert_array_equal(hart.norm(np.ma.array(ROWS[:3])), hart.norm(ROWS[:3]))
        for wrong, part in (
            ([1e-40, 1.0], "expected numbers that float32 holds .* found .*1e-40"),
            ([1e300, 1.0], ".*found .*1e.300"),
            ([3, 2**24 + 1], "expected integers from -16777216 to 16777216, .* found 16777217"),
            (np.array([-(2**62)]), ".*found -4611686018427387904"),
        ):
            with self.assertRaisesRegex(ValueError, "v: " + part):
                hart.norm(wrong)
        with self.assertRaisesRegex(ValueError, "x: expected integers from -9007199254740992"):
            hart.encode_points([2**60], [2])
        self.assertEqual(float(hart.norm([2**24, 0])), 2**24)
        self.assertEqual(float(hart.norm([0.0, 3.0, np.inf])), np.inf)

    def test_what_is_wrong_is_named(self):
        with self.assertRaisesRegex(ValueError, "b: expected 64 dimensions as a has, found 63"):
            hart.dot_product(ROWS, ROWS[:, :63])
        with self.assertRaisesRegex(hart.HartError, "rows"):
            hart.dot_product(ROWS, ROWS[:7])
        with self.assertRaisesRegex(TypeError, "v: expected float32, found complex"):
            hart.norm(ROWS.astype(np.complex64))
        with self.assertRaisesRegex(ValueError, "metric: expected one of cosine, euclidean, dot, manhattan, found 'minkowski'"):
            hart.distance(ROWS, ROWS, "minkowski")

    def test_no_rows_and_no_dimensions(self):
        self.assertEqual(hart.norm(ROWS[:0]).shape, (0,))
        self.assertEqual(hart.dot_product(ROWS[:0], ROWS[0]).shape, (0,))
        self.assertEqual(float(hart.dot_product(np.empty(0, np.float32), np.empty(0, np.float32))), 0.0)


class Search(unittest.TestCase):
    def test_halves_are_searched_where_they_lie(self):
        halves = ROWS.astype(np.float16)
        patch, calls = spy("hart_vector_top_k_f16")
        with patch:
            found = hart.top_k(halves, ROWS[:5], 4, ids=np.arange(300)[::-1])
        self.assertEqual(ctypes.addressof(calls[0][0]), halves.ctypes.data)
        np.testing.assert_array_equal(found, hart.top_k(halves.astype(np.float32), ROWS[:5], 4, ids=np.arange(300)[::-1]))
        with self.assertRaisesRegex(ValueError, "queries: expected 64 dimensions"):
            hart.top_k(halves, ROWS[0, :63], 4)

    def test_it_finds_what_numpy_finds(self):
        hits = hart.top_k(ROWS, ROWS[:5], 4, "euclidean")
        exact = np.linalg.norm(ROWS[None].astype(np.float64) - ROWS[:5, None].astype(np.float64), axis=2)
        np.testing.assert_array_equal(hits["row"], exact.argsort(1, kind="stable")[:, :4])
        self.assertEqual(hart.top_k(ROWS[:3], ROWS[0], 10).shape, (3,))

    def test_an_index_gives_the_same_with_and_without_a_copy(self):
        expected = hart.top_k(ROWS, ROWS[:5], 4)
        for copy in (True, False):
            with hart.Index(ROWS, copy=copy) as index:
                np.testing.assert_array_equal(index.top_k(ROWS[:5], 4), expected)
            index.close()
            with self.assertRaisesRegex(ValueError, "the index is closed"):
                index.top_k(ROWS[:5], 4)
            with self.assertRaisesRegex(TypeError, "pickle its rows and ids"):
                pickle.dumps(index)

    def test_an_index_with_codes_gives_the_same(self):
        for metric in ("cosine", "euclidean", "dot", "manhattan"):
            with hart.Index(ROWS, codes=True) as index:
                np.testing.assert_array_equal(index.top_k(ROWS[:5], 4, metric), hart.top_k(ROWS, ROWS[:5], 4, metric))

    def test_rows_are_left_out(self):
        left_out = np.arange(300) % 3 == 0
        kept = np.flatnonzero(~left_out)
        for codes in (False, True):
            with hart.Index(ROWS, codes=codes) as index:
                found = index.top_k(ROWS[:5], 4, left_out=left_out)
                np.testing.assert_array_equal(kept[hart.top_k(ROWS[kept], ROWS[:5], 4)["row"]], found["row"])
                self.assertEqual(index.top_k(ROWS[:2], 400, left_out=list(left_out)).shape, (2, 200))
                self.assertEqual(index.top_k(ROWS[0], 4, left_out=np.ones(300, bool)).shape, (0,))
                with self.assertRaisesRegex(ValueError, "left_out: expected 300 flags, one for each row, found the shape .299,."):
                    index.top_k(ROWS[0], 4, left_out=left_out[1:])
                with self.assertRaisesRegex(TypeError, "left_out: expected bool, found int64"):
                    index.top_k(ROWS[0], 4, left_out=kept)
                with self.assertRaisesRegex(ValueError, "left_out: expected no masked elements"):
                    index.top_k(ROWS[0], 4, left_out=np.ma.masked_array(left_out, left_out))

    def test_a_borrowing_index_reads_the_rows_where_they_lie(self):
        for copy, flags in ((False, _native.HART_INDEX_BORROW_ROWS), (True, 0)):
            patch, calls = spy("hart_index_create_f32")
            with patch, hart.Index(ROWS, copy=copy):
                pass
            # The library gets the array's own address either way; the flag says whether it may keep that.
            self.assertEqual(calls[0][:3], (ROWS.ctypes.data, 300, 64))
            self.assertEqual(calls[0][4]._obj.flags, flags)

    def test_closing_during_a_search_keeps_the_borrowed_rows(self):
        rows = ROWS.copy()
        alive, seen = weakref.ref(rows), []
        index = hart.Index(rows, copy=False)
        del rows

        def close_first(*_):
            index.close()
            seen.append(alive() is not None)
            return _native.HART_OK

        # What another thread may do while the library reads.
        with mock.patch.object(library, "hart_index_top_k_filtered_f32", close_first):
            index.top_k(ROWS[0], 1)
        self.assertEqual(seen, [True])
        self.assertIsNone(alive(), "and nothing keeps them longer")

    def test_numbers_are_not_wrapped(self):
        for wrong in (0, -1, 2**64 + 1):
            with self.assertRaisesRegex(ValueError, f"k: expected an integer from 1 to .*, found {wrong}"):
                hart.top_k(ROWS, ROWS[0], wrong)
        with self.assertRaisesRegex(TypeError, "k: expected an integer, found float"):
            hart.top_k(ROWS, ROWS[0], 1.0)
        self.assertEqual(hart.top_k(ROWS, ROWS[0], np.int64(3)).shape, (3,))
        self.assertEqual(hart.top_k(ROWS, ROWS[0], 2**63).shape, (300,))
        with self.assertRaisesRegex(ValueError, "ids: expected integers up to 9223372036854775807, found"):
            hart.top_k(ROWS[:2], ROWS[0], 1, ids=np.array([1, 2**63], np.uint64))

    def test_what_is_wrong_is_named(self):
        with self.assertRaisesRegex(ValueError, "metric: expected one of cosine, euclidean, dot, manhattan, found 0"):
            hart.top_k(ROWS, ROWS[0], 1, metric=0)
        with self.assertRaisesRegex(ValueError, "ids: expected 300 numbers"):
            hart.top_k(ROWS, ROWS[0], 1, ids=[1, 2])
        with self.assertRaisesRegex(TypeError, "ids: expected int64, found float64"):
            hart.top_k(ROWS[:2], ROWS[0], 1, ids=[1.5, 2.5])


class Tensors(unittest.TestCase):
    def test_svd_gives_the_matrix_back(self):
        matrix = ROWS[:80]
        found = hart.svd(matrix, 64)
        back = (found.u * found.singular_values) @ found.v
        self.assertLess(np.linalg.norm(back - matrix) / np.linalg.norm(matrix), 1e-6)
        np.testing.assert_allclose(found.singular_values, np.linalg.svd(matrix, compute_uv=False), rtol=1e-5)
        # A low rank is exact too, but where the randomized method is asked for.
        wide = np.random.default_rng(1).standard_normal((300, 200)).astype(np.float32)
        truth = np.linalg.svd(wide.astype(np.float64), compute_uv=False)[:10]
        np.testing.assert_allclose(hart.svd(wide, 10).singular_values, truth, rtol=1e-13)
        sampled = hart.svd(wide, 10, method="randomized", seed=7)
        self.assertTrue(truth[9] * 0.85 < sampled.singular_values[9] < truth[9] * (1 - 1e-9))
        again = hart.svd(wide, 10, method="randomized", seed=7)
        np.testing.assert_array_equal(sampled.singular_values, again.singular_values)
        with self.assertRaisesRegex(ValueError, "method: expected exact or randomized, found 'auto'"):
            hart.svd(wide, 10, method="auto")
        with self.assertRaisesRegex(hart.HartError, "rank.*65|65.*rank"):
            hart.svd(matrix, 65)
        with self.assertRaisesRegex(ValueError, "rank: expected an integer from 0 to .*, found -1"):
            hart.svd(matrix, -1)

    def test_payloads(self):
        halves = ROWS[0].astype(np.float16)
        np.testing.assert_array_equal(hart.decode_payload("f16", halves.tobytes()), halves.astype(np.float32))
        with self.assertRaisesRegex(hart.HartError, "q9_9"):
            hart.decode_payload("q9_9", b"")
        with self.assertRaisesRegex(ValueError, "payload_type: expected a text without a zero"):
            hart.decode_payload("f16\0x", halves.tobytes())


class Space(unittest.TestCase):
    def test_projection_on_a_fitted_basis(self):
        import pyarrow as pa

        column = pa.FixedSizeListArray.from_arrays(pa.array(ROWS.reshape(-1)), 64)
        batch = pa.record_batch({"id": pa.array(range(300)), "v": column})
        fitted = hart.invoke("spatial_fit", batch, kind="random", axes=3).to_pydict()
        basis = fitted["basis"][0]
        points = hart.project(basis, ROWS)
        projected = hart.invoke("spatial_project", batch, basis=basis)
        np.testing.assert_array_equal(points[:, 0], projected.column("x").to_numpy())
        with self.assertRaisesRegex(hart.HartError, "63"):
            hart.project(basis, ROWS[:, :63])
        with self.assertRaisesRegex(hart.HartError, "basis"):
            hart.project(basis[:-1], ROWS)

    def test_points(self):
        self.assertEqual(hart.encode_points([1], [2], geography=True)[0, :2].tobytes(), (4326).to_bytes(2, "little"))
        with self.assertRaisesRegex(hart.HartError, "srid is -5; expected 0 to 999999"):
            hart.encode_points([1], [2], srid=-5)
        out = hart.encode_points([1, 4], [2, 5])
        self.assertEqual(out[0].tobytes().hex(), "00000000010c000000000000f03f0000000000000040")
        with self.assertRaisesRegex(hart.HartError, "srid"):
            hart.encode_points([1], [2], srid=-1)
        with self.assertRaisesRegex(ValueError, "srid: expected an integer from -2147483648 to 2147483647, found"):
            hart.encode_points([1], [2], srid=2**32 + 4326)

    def test_keys(self):
        keys = hart.hilbert([0, 7], [0, 0], [0, 0], (0, 0, 0), (8, 8, 8), bits=3)
        self.assertEqual(keys[0], 0)
        with self.assertRaises(hart.HartError):
            hart.hilbert([9], [0], [0], (0, 0, 0), (8, 8, 8))
        hart.hilbert([9], [0], [0], (0, 0, 0), (8, 8, 8), clamp=True)
        with self.assertRaisesRegex(ValueError, "bits: expected an integer from 0 to 4294967295, found 4294967299"):
            hart.hilbert([0], [0], [0], (0, 0, 0), (8, 8, 8), bits=2**32 + 3)


class Kernels(unittest.TestCase):
    def test_all_are_listed_and_described(self):
        names = hart.kernels()
        self.assertEqual(len(names), hart.capabilities()["kernels"])
        for name in names:
            self.assertEqual(hart.describe(name)["name"], name)

    def test_names_and_numbers_are_not_cut(self):
        for call in (hart.describe, hart.invoke):
            with self.assertRaisesRegex(ValueError, "kernel: expected a text without a zero"):
                call("vector_norm\0x")
        for wrong in (-1, 2**32 + 1):
            with self.assertRaisesRegex(ValueError, f"threads: expected an integer from 0 to 4294967295, found {wrong}"):
                hart.set_threads(wrong)
        with self.assertRaisesRegex(ValueError, "memory_limit: expected an integer from 0 to .*, found -1"):
            hart.invoke("system_info", memory_limit=-1)

    def test_threads_can_be_ended_and_come_back(self):
        hart.set_threads(2)
        rows = np.zeros((5000, 64), np.float32)
        for _ in range(2):
            self.assertEqual(hart.norm(rows).sum(), 0)
            hart.shutdown()
        hart.set_threads(0)

    def test_other_columns_are_carried_and_nulls_stay(self):
        import pyarrow as pa

        vectors = pa.array([[9.0, 9.0], [3.0, 4.0], None, [0.0, 1.0]], pa.list_(pa.float32()))
        ids, names = pa.array([0, 1, 2, 3]), pa.array(["z", "a", "b", None])
        batch = pa.record_batch({"id": ids, "v": vectors, "name": names})
        out = hart.invoke("vector_norm", batch.slice(1, 3)).to_pydict()
        self.assertEqual(list(out.values()), [[1, 2, 3], [5.0, None, 1.0], ["a", "b", None]])
        with self.assertRaisesRegex(hart.HartError, "qery"):
            hart.invoke("vector_top_k", batch, qery=[1.0])

    def test_a_carried_column_does_not_hide_a_result(self):
        import pyarrow as pa

        v = pa.array([[3.0, 4.0], [0.0, 1.0]], pa.list_(pa.float32()))
        batch = pa.record_batch({"id": pa.array([1, 2]), "v": v, "norm": pa.array([7, 7])})
        found = hart.invoke("vector_norm", batch, result="numpy")
        self.assertEqual([found["norm"].tolist(), found["input_norm"].tolist()], [[5.0, 1.0], [7, 7]])

    def test_kernels_without_columns_need_no_batch(self):
        self.assertGreater(hart.invoke("system_info").num_rows, 0)
        with self.assertRaisesRegex(TypeError, "batch: expected columns by the Arrow PyCapsule protocol.*found dict"):
            hart.invoke("vector_norm", {"id": [1]})

    def test_any_batch_of_the_protocol_serves(self):
        import pyarrow as pa

        batch = pa.record_batch({"id": pa.array([1]), "v": pa.array([[3.0, 4.0]], pa.list_(pa.float32()))})

        class Other:
            def __arrow_c_array__(self, requested_schema=None):
                return batch.__arrow_c_array__(requested_schema)

        for _ in range(3):
            self.assertEqual(hart.invoke("vector_norm", Other()).to_pydict(), {"id": [1], "norm": [5.0]})


    def test_all_chunks_of_a_stream_are_taken(self):
        import pyarrow as pa

        column = pa.chunked_array([[[3.0, 4.0]], [], [[0.0, 1.0], [5.0, 12.0]]], pa.list_(pa.float32()))
        table = pa.table({"id": pa.chunked_array([[1, 2], [3]]), "v": column})
        expected = {"id": [1, 2, 3], "norm": [5.0, 1.0, 13.0]}
        reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
        for given in (table, reader):
            self.assertEqual(hart.invoke("vector_norm", given).to_pydict(), expected, type(given))
        self.assertEqual(hart.invoke("vector_norm", table.slice(0, 0)).num_rows, 0)
        nearest = hart.invoke("vector_top_k", table, query=[5, 12], k=1)
        self.assertEqual(nearest["id"].to_pylist(), [3])

    def test_data_frames_are_columns(self):
        rows = {"id": [1, 2], "v": [[3.0, 4.0], [5.0, 12.0]], "word": ["a", None]}
        tried = []
        for module in ("polars", "pandas", "duckdb"):
            try:
                library_of = __import__(module)
            except ImportError:
                continue
            tried.append(module)
            if module == "duckdb":
                given = library_of.sql("SELECT * FROM (VALUES (1, [3.0::FLOAT, 4.0], 'a'), (2, [5.0, 12.0], NULL)) AS t(id, v, word)")
            else:
                given = library_of.DataFrame(rows)
            if not hasattr(given, "__arrow_c_stream__"):
                continue
            found = hart.invoke("vector_norm", given).to_pydict()
            self.assertEqual(list(found.values())[:3], [[1, 2], [5.0, 13.0], ["a", None]], module)

    def test_columns_of_any_type_are_carried(self):
        import pyarrow as pa

        n = 6
        views = pa.array(["short", "more than twelve bytes", None, "", "another long text here", "x"])
        odd = {
            "dictionary": pa.array(["a", "b", None, "a", "c", "b"]).dictionary_encode(),
            "structs": pa.array([{"x": i, "y": [str(i)] * i} if i != 2 else None for i in range(n)]),
            "maps": pa.array([[("k", i)] * i for i in range(n)], pa.map_(pa.string(), pa.int32())),
            "lists": pa.array([[None] * i for i in range(n)], pa.list_(pa.string())),
            "nested": pa.array([[[i], None, []] for i in range(n)], pa.large_list(pa.list_(pa.int16()))),
            "fixed": pa.array([["a", None]] * n, pa.list_(pa.string(), 2)),
            "nothing": pa.nulls(n),
            "intervals": pa.array([(1, 2, 3)] * n, pa.month_day_nano_interval()),
            "moments": pa.array([-(10**10)] * n, pa.timestamp("s", "UTC")),
            "bool_lists": pa.array([[True, None]] * n, pa.list_(pa.bool_())),
            "runs": pa.RunEndEncodedArray.from_arrays([2, 5, 6], ["a", None, "b"]),
            "dense": pa.UnionArray.from_dense(pa.array([0, 1, 0, 1, 1, 0], pa.int8()), pa.array([0, 0, 1, 1, 2, 2], pa.int32()),
                                              [pa.array([1, 2, 3]), pa.array(["x", "y", None])]),
            "sparse": pa.UnionArray.from_sparse(pa.array([0, 1, 0, 1, 1, 0], pa.int8()), [pa.array(range(n)), pa.array(["x"] * n)]),
        }
        if hasattr(pa, "string_view"):
            odd["views"] = views.cast(pa.string_view())
        if hasattr(pa, "ListViewArray"):
            odd["list_views"] = pa.ListViewArray.from_arrays([4, 0, 2, 0, 1, 3], [1, 2, 0, 3, 1, 2], pa.array(range(6)))
        vectors = pa.array([[float(i), 0.0] for i in range(n)], pa.list_(pa.float32()))
        batch = pa.record_batch({"id": pa.array(range(n)), "v": vectors, **odd})
        for part in (batch, batch.slice(1, 4)):
            found = hart.invoke("vector_norm", part)
            found.validate(full=True)
            nearest = hart.invoke("vector_top_k", part, query=[9, 0], k=3, metric="euclidean")
            nearest.validate(full=True)
            picks = [part["id"].to_pylist().index(i) for i in nearest["id"].to_pylist()]
            for name in odd:
                self.assertEqual(found.schema.field(name), part.schema.field(name), name)
                self.assertEqual(found[name].to_pylist(), part[name].to_pylist(), name)
                self.assertEqual(nearest[name].to_pylist(), [part[name].to_pylist()[i] for i in picks], name)

    def test_integers_are_vectors_where_that_is_exact(self):
        import pyarrow as pa

        expected = [5.0, None, 13.0]
        for item in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()):
            for of in (pa.list_(item), pa.large_list(item)):
                vectors = pa.array([[3, 4], None, [5, 12]], of)
                batch = pa.record_batch({"id": pa.array([1, 2, 3]), "v": vectors, "w": vectors})
                out = hart.invoke("vector_norm", batch)
                self.assertEqual((out["norm"].to_pylist(), out["w"]), (expected, vectors), of)
        batch = lambda values: pa.record_batch({"id": pa.array([1]), "v": pa.array([values], pa.list_(pa.int64()))})
        large = 2**53 - 1
        self.assertEqual(hart.invoke("vector_norm", batch([large, 0]))["norm"].to_pylist(), [float(large)])
        with self.assertRaisesRegex(hart.HartError, r"column v, row 1: 9007199254740993; expected integers from"):
            hart.invoke("vector_norm", batch([2**53 + 1]))
        with self.assertRaisesRegex(hart.HartError, "NULL among the elements"):
            hart.invoke("vector_norm", batch([1, None]))

    def test_results_as_capsules_and_as_numpy(self):
        import pyarrow as pa

        vectors = pa.array([[3.0, 4.0], None, [0.0, 1.0]], pa.list_(pa.float32()))
        batch = pa.record_batch({"id": pa.array([1, 2, 3]), "v": vectors, "word": pa.array(["a", "b", None])})
        expected = hart.invoke("vector_norm", batch)
        for name in ("pyarrow", "capsule"):
            found = hart.invoke("vector_norm", batch, result=name)
            self.assertEqual(pa.record_batch(found), expected)
        with self.assertRaisesRegex(ValueError, "taken over already"):
            found.__arrow_c_array__()
        arrays = hart.invoke("vector_norm", batch, result="numpy")
        self.assertEqual(arrays["norm"].tolist(), [5.0, None, 1.0])
        self.assertEqual((arrays["id"].tolist(), arrays["word"].tolist()), ([1, 2, 3], ["a", "b", None]))
        unit = hart.invoke("vector_normalize", batch.slice(2, 1), result="numpy")
        self.assertEqual([column.tolist() for column in unit.values()][1], [[0.0, 1.0]])
        with self.assertRaisesRegex(ValueError, "result: expected None, .*found 'pandas'"):
            hart.invoke("vector_norm", batch, result="pandas")

    def test_without_pyarrow(self):
        import pyarrow as pa

        batch = pa.record_batch({"id": pa.array([1]), "v": pa.array([[3.0, 4.0]], pa.list_(pa.float32()))})
        one, two = pa.Table.from_batches([batch]), pa.Table.from_batches([batch, batch])
        with mock.patch.dict("sys.modules", {"pyarrow": None}):
            for given in (batch, one):
                found = hart.invoke("vector_norm", given)
                self.assertTrue(hasattr(found, "__arrow_c_array__"))
                self.assertEqual(hart.invoke("vector_norm", given, result="numpy")["norm"].tolist(), [5.0])
            with self.assertRaisesRegex(ValueError, "batch: the stream has several chunks, which needs pyarrow"):
                hart.invoke("vector_norm", two)
        self.assertEqual(pa.record_batch(found).to_pydict(), {"id": [1], "norm": [5.0]})


def large_call(rows):
    """In a worker of a pool: what the library's own threads compute."""
    return float(hart.norm(rows).sum())


def failing_call(status):
    raise hart.HartError(status, "a text")


@unittest.skipUnless(hasattr(os, "fork"), "this system does not fork")
class Processes(unittest.TestCase):
    def test_a_pool_of_forked_workers_computes(self):
        rows = np.ones((20000, 64), np.float32)
        expected = large_call(rows)
        with warnings.catch_warnings():
            # Python warns of threads, which a child does not have; the library starts its own there.
            warnings.simplefilter("ignore", DeprecationWarning)
            with multiprocessing.get_context("fork").Pool(8) as pool:
                self.assertEqual(pool.map_async(large_call, [rows] * 16).get(60), [expected] * 16)
                for result in [pool.apply_async(failing_call, (status,)) for status in range(1000)]:
                    with self.assertRaisesRegex(hart.HartError, "^a text$"):
                        result.get(60)

    def test_errors_are_pickled(self):
        with self.assertRaises(hart.HartError) as caught:
            hart.describe("vector_nrom")
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual((type(again), again.status, str(again)), (hart.HartError, caught.exception.status, str(caught.exception)))


class Parameters(unittest.TestCase):
    """Every Python and NumPy value becomes the parameter that it means, or is refused."""

    def batch(self, item):
        import pyarrow as pa

        vectors = pa.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], pa.list_(item))
        return pa.record_batch({"id": pa.array([10, 20, 30]), "v": vectors})

    def test_numbers_of_numpy_are_numbers(self):
        import pyarrow as pa

        batch = self.batch(pa.float32())
        expected = hart.invoke("vector_scale", batch, factor=3)
        for three in (3.0, np.float32(3), np.float64(3), np.int64(3), np.uint8(3), np.array(3.0)):
            self.assertEqual(hart.invoke("vector_scale", batch, factor=three), expected, repr(three))
        nearest = hart.invoke("vector_top_k", batch, query=[1, 0], k=np.int16(2))
        self.assertEqual(nearest.num_rows, 2)
        with self.assertRaisesRegex(ValueError, "k: expected an integer from -9223372036854775808 to .*, found 18446744073709551618"):
            hart.invoke("vector_top_k", batch, query=[1, 0], k=2**64 + 2)
        with self.assertRaisesRegex(ValueError, "found 9223372036854775808"):
            hart.invoke("vector_top_k", batch, query=[1, 0], k=np.uint64(2**63))

    def test_result_vectors_are_written_as_asked(self):
        import pyarrow as pa

        batch = self.batch(pa.float32())
        text = hart.invoke("vector_scale", batch, factor=2, result_vectors="json").column(1)
        self.assertEqual(text.to_pylist(), ["[2,0]", "[0,2]", "[1.2,1.6]"])
        packed = hart.invoke("vector_scale", batch, factor=2, result_vectors="packed").column(1)
        self.assertEqual(np.frombuffer(packed[2].as_py(), np.float32).tolist(), np.float32([1.2, 1.6]).tolist())
        with self.assertRaisesRegex(hart.HartError, "parameter result_vectors is 'xml'; expected one of packed, json"):
            hart.invoke("vector_scale", batch, factor=2, result_vectors="xml")

    def test_arrays_of_any_type_are_the_same_vector(self):
        import pyarrow as pa

        query = [0.6, 0.8]
        for item in (pa.float32(), pa.float64()):
            batch = self.batch(item)
            expected = hart.invoke("vector_top_k", batch, query=query, k=3, metric="euclidean")
            for given in (np.array(query), np.array([0.6, 9, 0.8])[::2], tuple(query), [np.float64(0.6), 0.8]):
                found = hart.invoke("vector_top_k", batch, query=given, k=3, metric="euclidean")
                self.assertEqual(found, expected, repr(given))
        # Singles are the singles that they are, to the last bit, beside singles or doubles.
        single = np.array(query, np.float32)
        for item, packed in ((pa.float32(), single), (pa.float64(), single.astype(np.float64))):
            expected = hart.invoke("vector_top_k", self.batch(item), query=packed.tobytes(), k=3)
            self.assertEqual(hart.invoke("vector_top_k", self.batch(item), query=single, k=3), expected)
        whole = hart.invoke("vector_top_k", batch, query=np.array([1, 0], np.int8), k=1)
        self.assertEqual(whole, hart.invoke("vector_top_k", batch, query=[1, 0], k=1))

    def test_bytes_are_bytes(self):
        import pyarrow as pa

        batch, query = self.batch(pa.float32()), np.array([1, 0], np.float32)
        expected = hart.invoke("vector_top_k", batch, query=query, k=1)
        packed = query.tobytes()
        for given in (packed, bytearray(packed), memoryview(packed), query.view(np.uint8), pa.py_buffer(packed)):
            self.assertEqual(hart.invoke("vector_top_k", batch, query=given, k=1), expected, type(given))

    def test_what_is_no_parameter_is_refused(self):
        import pyarrow as pa

        batch = self.batch(pa.float32())
        for wrong, error, part in (
            (np.zeros((2, 2)), TypeError, "query: expected a vector of numbers, found float64 of the shape"),
            (np.zeros(2, complex), TypeError, "query: expected a vector of numbers, found complex128"),
            (memoryview(np.zeros(2)), TypeError, "query: expected None, .*found memoryview of the format 'd'"),
            ({1.0}, TypeError, "query: expected None, .*found set"),
            ([1.0, float("nan")], ValueError, "query: expected finite numbers"),
            (np.array([1.0, np.inf]), ValueError, "query: expected finite numbers"),
        ):
            with self.assertRaisesRegex(error, part):
                hart.invoke("vector_top_k", batch, query=wrong, k=1)
        with self.assertRaisesRegex(ValueError, "a parameter's name: expected a text without a zero"):
            hart.invoke("vector_top_k", batch, **{"k\0x": 1})


if __name__ == "__main__":
    unittest.main()

"""What a notebook does with the package, and what it says when something is wrong: python -m unittest."""

import ctypes
import unittest
import weakref
from unittest import mock

import numpy as np

import hart_native as hart
from hart_native import _native
from hart_native._library import library

RNG = np.random.default_rng(1)
ROWS = RNG.standard_normal((300, 64)).astype(np.float32)


def spy(function):
    """The library's function of that name, with its arguments kept in a list."""
    real, calls = getattr(library, function), []

    def call(*arguments):
        calls.append(arguments)
        return real(*arguments)

    return mock.patch.object(library, function, call), calls


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
        a, a_rows, b, b_rows, n, target, rows = calls[0]
        a, b, target = map(ctypes.addressof, (a, b, target))
        self.assertEqual((a, b, target), (ROWS.ctypes.data, ROWS[5].ctypes.data, whole.ctypes.data + 4 * 64))
        self.assertEqual((a_rows, b_rows, n, rows), (300, 1, 64, 300))
        np.testing.assert_array_equal(out, ROWS + ROWS[5])
        self.assertTrue((whole[[0, -1]] == 7).all())

    def test_overlapping_memory_is_refused(self):
        with self.assertRaisesRegex(hart.HartError, "overlap") as caught:
            hart.normalize(ROWS, out=ROWS)
        self.assertEqual(caught.exception.status, _native.HART_STATUS_OVERLAP)

    def test_what_is_wrong_is_named(self):
        with self.assertRaisesRegex(ValueError, "b: expected 64 dimensions as a has, found 63"):
            hart.dot_product(ROWS, ROWS[:, :63])
        with self.assertRaisesRegex(hart.HartError, "rows"):
            hart.dot_product(ROWS, ROWS[:7])
        with self.assertRaisesRegex(TypeError, "v: expected float32, found complex"):
            hart.norm(ROWS.astype(np.complex64))
        with self.assertRaisesRegex(ValueError, "metric: expected one of cosine, euclidean, dot, found 'manhattan'"):
            hart.distance(ROWS, ROWS, "manhattan")

    def test_no_rows_and_no_dimensions(self):
        self.assertEqual(hart.norm(ROWS[:0]).shape, (0,))
        self.assertEqual(hart.dot_product(ROWS[:0], ROWS[0]).shape, (0,))
        self.assertEqual(float(hart.dot_product(np.empty(0, np.float32), np.empty(0, np.float32))), 0.0)


class Search(unittest.TestCase):
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
            with self.assertRaisesRegex(hart.HartError, "index"):
                index.top_k(ROWS[:5], 4)

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
        with mock.patch.object(library, "hart_index_top_k_f32", close_first):
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
        with self.assertRaisesRegex(ValueError, "metric: expected one of cosine, euclidean, dot, found 0"):
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

    def test_kernels_without_columns_need_no_batch(self):
        self.assertGreater(hart.invoke("system_info").num_rows, 0)
        with self.assertRaisesRegex(TypeError, "batch: expected a batch with __arrow_c_array__.*found dict"):
            hart.invoke("vector_norm", {"id": [1]})

    def test_any_batch_of_the_protocol_serves(self):
        import pyarrow as pa

        batch = pa.record_batch({"id": pa.array([1]), "v": pa.array([[3.0, 4.0]], pa.list_(pa.float32()))})

        class Other:
            def __arrow_c_array__(self, requested_schema=None):
                return batch.__arrow_c_array__(requested_schema)

        for _ in range(3):
            self.assertEqual(hart.invoke("vector_norm", Other()).to_pydict(), {"id": [1], "norm": [5.0]})


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

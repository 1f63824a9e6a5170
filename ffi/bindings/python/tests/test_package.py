"""What a notebook does with the package, and what it says when something is wrong: python -m unittest."""

import unittest

import numpy as np

import hart_native as hart
from hart_native import _native

RNG = np.random.default_rng(1)
ROWS = RNG.standard_normal((300, 64)).astype(np.float32)


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

    def test_the_result_goes_where_it_is_asked_to(self):
        out = np.empty_like(ROWS)
        self.assertIs(hart.normalize(ROWS, out=out), out)
        for wrong in (np.empty((300, 63), np.float32), np.empty((300, 64)), np.empty((64, 300), np.float32).T):
            with self.assertRaisesRegex(ValueError, "^out: expected"):
                hart.normalize(ROWS, out=wrong)

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

    def test_what_is_wrong_is_named(self):
        with self.assertRaisesRegex(ValueError, "k: expected an integer ≥ 1, found 0"):
            hart.top_k(ROWS, ROWS[0], 0)
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
        with self.assertRaisesRegex(hart.HartError, "rank.*65|65.*rank"):
            hart.svd(matrix, 65)

    def test_payloads(self):
        halves = ROWS[0].astype(np.float16)
        np.testing.assert_array_equal(hart.decode_payload("f16", halves.tobytes()), halves.astype(np.float32))
        with self.assertRaisesRegex(hart.HartError, "q9_9"):
            hart.decode_payload("q9_9", b"")


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
        out = hart.encode_points([1, 4], [2, 5])
        self.assertEqual(out[0].tobytes().hex(), "00000000010c000000000000f03f0000000000000040")
        with self.assertRaisesRegex(hart.HartError, "SRID"):
            hart.encode_points([1], [2], srid=-1)

    def test_keys(self):
        keys = hart.hilbert([0, 7], [0, 0], [0, 0], (0, 0, 0), (8, 8, 8), bits=3)
        self.assertEqual(keys[0], 0)
        with self.assertRaises(hart.HartError):
            hart.hilbert([9], [0], [0], (0, 0, 0), (8, 8, 8))
        hart.hilbert([9], [0], [0], (0, 0, 0), (8, 8, 8), clamp=True)


class Kernels(unittest.TestCase):
    def test_all_are_listed_and_described(self):
        names = hart.kernels()
        self.assertEqual(len(names), hart.capabilities()["kernels"])
        for name in names:
            self.assertEqual(hart.describe(name)["name"], name)

    def test_other_columns_are_carried_and_nulls_stay(self):
        import pyarrow as pa

        vectors = pa.array([[3.0, 4.0], None, [0.0, 1.0]], pa.list_(pa.float32()))
        batch = pa.record_batch({"id": pa.array([1, 2, 3]), "v": vectors, "name": pa.array(["a", "b", None])})
        out = hart.invoke("vector_norm", batch.slice(0, 3)).to_pydict()
        self.assertEqual(list(out.values()), [[1, 2, 3], [5.0, None, 1.0], ["a", "b", None]])
        with self.assertRaisesRegex(hart.HartError, "qery"):
            hart.invoke("vector_top_k", batch, qery=[1.0])


if __name__ == "__main__":
    unittest.main()

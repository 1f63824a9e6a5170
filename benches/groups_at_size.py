"""Averages at size: the exact average of ten million rows, and many small groups beside the read bandwidth.

Needs numpy, pyarrow and the package hart_native; HART_NATIVE_LIBRARY names the library where it is not installed. `--groups` groups
of ten rows × 384 take 15 kB each as input: a million of them 15.4 GB.
"""

import argparse
import math
import statistics
import time

import hart_native
import numpy as np
import pyarrow as pa


def column(vectors):
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])


def average(keys, vectors, element):
    batch = pa.record_batch({"group_key": pa.array(keys), "v": column(vectors)})
    return hart_native.invoke("vector_average", batch, result="pyarrow", result_element="f64", element=element)


def seconds(work, turns):
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--groups", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    hart_native.set_threads(given.threads)
    random = np.random.default_rng(5)
    # Numbers that nearly cancel: a sum in plain doubles loses digits.
    vectors = (random.standard_normal((given.rows, 8)) * 10.0 ** random.integers(-6, 7, (given.rows, 1))).astype(np.float32)
    own = np.asarray(average(np.zeros(given.rows, np.int64), vectors, "f32").column("average").flatten())
    exact = np.array([math.fsum(vectors[:, j].astype(np.float64)) / given.rows for j in range(8)])
    error, plain = (float(np.max(np.abs(v / exact - 1))) for v in (own, vectors.mean(axis=0, dtype=np.float64)))
    print(f"average of {given.rows} rows: relative error {error:.1e} (numpy in doubles {plain:.1e})")
    assert error < 1e-12

    vectors = random.standard_normal((given.groups * 10, 384), dtype=np.float32)
    keys = np.arange(len(vectors)) // 10
    read = seconds(lambda: vectors.sum(), given.turns)
    work = seconds(lambda: average(keys, vectors, "f32"), given.turns)
    rate = vectors.nbytes / 1e9
    print(f"{given.groups} groups of 10 × 384: {rate / work:.1f} GB/s; numpy's plain sum of the same in one thread {rate / read:.1f} GB/s")


if __name__ == "__main__":
    main()

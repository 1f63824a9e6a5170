"""Exact search from Python, with codes and without, beside FAISS's IndexFlatIP and usearch's exact search: the same hits, and times, in one run.

Arguments: two Parquet files with a column `embedding` of lists of singles, the rows' and the queries'. Needs numpy, pyarrow, faiss-cpu,
usearch and the package hart_native; HART_NATIVE_LIBRARY names the library where it is not installed. Contestants take turns; times are
medians.
"""

import argparse
import statistics
import time

import faiss
import hart_native
import numpy as np
import pyarrow.parquet as pq
from usearch.index import MetricKind, search

K = 10


def embeddings(path):
    lists = pq.read_table(path, columns=["embedding"]).column("embedding").combine_chunks()
    return np.asarray(lists.flatten(), np.float32).reshape(len(lists), -1)


def made(vectors, count, dimensions, noise, random):
    """As many vectors of unit length as wanted: embeddings again and again, each with noise of its own. More dimensions are an orthonormal map."""
    rows = vectors[np.arange(count) % len(vectors)]
    if dimensions != rows.shape[1]:
        # The same map for rows and queries.
        basis, _ = np.linalg.qr(np.random.default_rng(dimensions).standard_normal((dimensions, rows.shape[1])))
        rows = rows @ basis.T.astype(np.float32)
    rows = rows + random.standard_normal(rows.shape, np.float32) * np.float32(noise / np.sqrt(dimensions))
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def same(distances, expected, tolerance):
    """Equal up to rounding, rank by rank: the others add in another order."""
    worst = float(np.max(np.abs(np.sort(distances, axis=1) - expected)))
    assert worst <= tolerance, worst
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows")
    parser.add_argument("queries")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    random = np.random.default_rng(7)
    sources = embeddings(given.rows), embeddings(given.queries)
    print("| dimensions | queries | threads | hart, codes | hart | FAISS | usearch | FAISS / codes | usearch / codes | FAISS / hart |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for dimensions in (384, 1998):
        rows = made(sources[0], given.count, dimensions, 0.4, random)
        every = made(sources[1], 256, dimensions, 0.1, random)
        flat = faiss.IndexFlatIP(dimensions)
        flat.add(rows)
        for threads in given.threads:
            hart_native.set_threads(threads)
            faiss.omp_set_num_threads(threads)
            with hart_native.Index(rows, copy=False, codes=True) as coded, hart_native.Index(rows, copy=False) as plain:
                for queries in (every[:1], every[:64], every):
                    work = [
                        lambda: coded.top_k(queries, K, "dot"),
                        lambda: plain.top_k(queries, K, "dot"),
                        lambda: flat.search(queries, K),
                        lambda: search(rows, queries, K, MetricKind.IP, exact=True, threads=threads),
                    ]
                    times = [[] for _ in work]
                    found = [None for _ in work]
                    for _ in range(given.turns):
                        for i, one in enumerate(work):
                            start = time.perf_counter()
                            found[i] = one()
                            times[i].append(time.perf_counter() - start)
                    np.testing.assert_array_equal(found[0], found[1])
                    expected = found[1]["distance"]
                    same(-found[2][0], expected, 1e-5)
                    same(found[3].distances.reshape(len(queries), -1) - 1, expected, 1e-5)
                    codes, own, other, third = (statistics.median(t) * 1e3 for t in times)
                    print(
                        f"| {dimensions} | {len(queries)} | {threads} | {codes:.2f} ms | {own:.2f} ms | {other:.2f} ms | {third:.2f} ms "
                        f"| {other / codes:.1f} | {third / codes:.1f} | {other / own:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()

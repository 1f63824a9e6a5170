"""Aggregates, clusters and outliers beside NumPy, SciPy and scikit-learn: agreement and times, in one run.

Argument: a Parquet file with a column `embedding` of lists of singles. Needs numpy, scipy, scikit-learn, pyarrow and the package
hart_native; HART_NATIVE_LIBRARY names the library where it is not installed. FAISS is compared where it is installed.
OMP_NUM_THREADS limits the peers' threads, and `--threads` the library's. Contestants take turns; times are medians, with `--processor`
of the processor time of all threads, which other programs on the machine disturb less.
"""

import argparse
import math
import statistics
import sys
import time

import hart_native
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import adjusted_rand_score, silhouette_samples
from sklearn.neighbors import LocalOutlierFactor
from sklearn.random_projection import SparseRandomProjection, johnson_lindenstrauss_min_dim

try:
    import faiss
except ImportError:
    faiss = None

failures = []
clock = time.perf_counter


def column(vectors):
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def rows(vectors):
    return pa.record_batch({"id": pa.array(np.arange(len(vectors))), "v": column(vectors)})


def grouped(vectors, keys):
    return pa.record_batch({"group_key": pa.array(keys.astype(np.int64)), "v": column(vectors)})


def matrix(batch, name):
    lists = batch.column(name)
    return np.asarray(lists.flatten()).reshape(len(lists), -1)


def numbers(batch, name):
    return np.asarray(batch.column(name))


def turns(count, ours, theirs):
    """Results of both, and the median seconds of each, in turns."""
    times = ([], [])
    for _ in range(count):
        for own, work in zip(times, (ours, theirs)):
            start = clock()
            result = work()
            own.append(clock() - start)
            if work is ours:
                first = result
            else:
                second = result
    return first, second, statistics.median(times[0]), statistics.median(times[1])


def report(what, peer, agreement, fits, own, other):
    print(f"| {what} | {peer} | {agreement} | {own * 1e3:.1f} | {other * 1e3:.1f} | {other / own:.1f} |", flush=True)
    if not fits:
        failures.append(f"{what}: {agreement}")


def off(a, b):
    """Greatest difference, relative to the greatest magnitude."""
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))


def aggregates(count, vectors):
    keys = np.arange(len(vectors)) // 10
    one = grouped(vectors, np.zeros(len(vectors)))
    many = grouped(vectors, keys)
    wide = vectors.astype(np.float64)

    def by_key(kernel, batch, **params):
        return hart_native.invoke(kernel, batch, result="pyarrow", result_element="f64", **params)

    found, theirs, *t = turns(count, lambda: by_key("vector_average", one), lambda: vectors.mean(axis=0, dtype=np.float64))
    own = matrix(found, "average")[0]
    exact = np.array([math.fsum(wide[:, j]) / len(wide) for j in range(wide.shape[1])])
    error = float(np.max(np.abs((own - exact) / exact)))
    report("average, one group", "numpy, float64", f"relative error {error:.1e} (numpy {np.max(np.abs((theirs - exact) / exact)):.1e})", error < 1e-12, *t)
    found, theirs, *t = turns(
        count, lambda: by_key("vector_variance", one), lambda: vectors.var(axis=0, ddof=1, dtype=np.float64)
    )
    error = off(matrix(found, "variance")[0], theirs)
    report("variance, one group", "numpy, float64", f"differs by {error:.1e}", error < 1e-10, *t)
    found, theirs, *t = turns(
        count,
        lambda: by_key("vector_average", many),
        lambda: np.add.reduceat(wide, np.flatnonzero(np.diff(keys, prepend=-1))) / np.bincount(keys)[:, None],
    )
    error = off(matrix(found, "average"), theirs)
    report("average, groups of 10", "numpy reduceat, float64", f"differs by {error:.1e}", error < 1e-12, *t)
    found, theirs, *t = turns(count, lambda: by_key("vector_median", one), lambda: np.median(wide, axis=0))
    error = off(matrix(found, "median")[0], theirs)
    report("median", "numpy, float64", f"differs by {error:.1e}", error < 1e-6, *t)
    found, theirs, *t = turns(count, lambda: by_key("vector_covariance", one), lambda: np.cov(wide.T))
    error = off(matrix(found, "covariance"), theirs)
    report("covariance", "numpy cov, float64", f"differs by {error:.1e}", error < 1e-10, *t)

    few = wide[:500, :8]

    def geometric():
        return by_key("vector_geometric_median", grouped(few, np.zeros(len(few))), element="f64")

    def distances(place):
        return np.sqrt(((few - place) ** 2).sum(axis=1)).sum()

    def gradient(place):
        rest = place - few
        return (rest / np.sqrt((rest**2).sum(axis=1))[:, None]).sum(axis=0)

    found, theirs, *t = turns(
        count, geometric, lambda: minimize(distances, few.mean(axis=0), jac=gradient, method="BFGS", options={"gtol": 1e-9})
    )
    error = off(matrix(found, "median")[0], theirs.x)
    report("geometric median, 500 × 8", "scipy minimize BFGS", f"differs by {error:.1e}", error < 1e-6, *t)


def kmeans(count, vectors, k, steps):
    start = vectors[np.random.default_rng(1).choice(len(vectors), k, replace=False)]
    batch = rows(vectors)

    def ours():
        found = hart_native.invoke(
            "vector_kmeans", batch, result="pyarrow", clusters=k, iterations=steps, start_centroids=start.tobytes()
        )
        return found

    def theirs():
        return KMeans(k, init=start, n_init=1, max_iter=steps, tol=0, algorithm="lloyd").fit(vectors)

    found, other, *t = turns(count, ours, theirs)
    centroids = matrix(found, "centroid").astype(np.float32)
    labels = hart_native.invoke(
        "vector_assign", batch, result="pyarrow", centroids=centroids.tobytes(), centroid_count=k
    )
    rand = adjusted_rand_score(other.labels_, numbers(labels, "cluster"))
    inertia = numbers(found, "inertia").sum() / other.inertia_ - 1
    made = numbers(found, "iterations")[0]
    report(
        f"k-means, {len(vectors)} × {vectors.shape[1]}, k = {k}, {made} steps",
        f"scikit-learn lloyd, {other.n_iter_} steps",
        f"Rand index {rand:.4f}, inertia {inertia:+.1e}",
        abs(inertia) < 0.01,
        *t,
    )


def faiss_kmeans(count, vectors, k, steps):
    if faiss is None:
        print("FAISS is not installed: k-means is not compared with it", file=sys.stderr)
        return
    start = vectors[np.random.default_rng(1).choice(len(vectors), k, replace=False)]
    batch = rows(vectors)

    def ours():
        return hart_native.invoke(
            "vector_kmeans", batch, result="pyarrow", clusters=k, iterations=steps, start_centroids=start.tobytes()
        )

    def theirs():
        search = faiss.Kmeans(vectors.shape[1], k, niter=steps, max_points_per_centroid=len(vectors))
        search.train(vectors, init_centroids=start)
        return search

    found, other, *t = turns(count, ours, theirs)
    inertia = numbers(found, "inertia").sum()
    # FAISS gives the objective of the last step before its centroids moved.
    squares, _ = other.index.search(vectors, 1)
    off = inertia / float(squares.astype(np.float64).sum()) - 1
    size = f"{len(vectors)} × {vectors.shape[1]}"
    report(f"k-means, {size}, k = {k}, {steps} steps", "FAISS", f"inertia {off:+.1e}", abs(off) < 0.01, *t)


def silhouettes(count, vectors):
    batch = rows(vectors)
    found = KMeans(10, n_init=1, max_iter=5, random_state=1).fit(vectors).labels_ + 1
    found[::50] = 0
    labelled = pa.record_batch({"id": batch.column("id"), "v": batch.column("v"), "cluster": pa.array(found.astype(np.int32))})
    there = found > 0

    def ours():
        return hart_native.invoke("vector_silhouette", labelled, result="pyarrow", accumulate="f64")

    own, other, *t = turns(count, ours, lambda: silhouette_samples(vectors[there].astype(np.float64), found[there]))
    values = np.array(own.column("silhouette").to_pylist(), dtype=float)
    error = float(np.max(np.abs(values[there] - other)))
    mean = abs(own.column("mean").drop_null()[0].as_py() - other.mean())
    fits = error < 1e-6 and mean < 1e-6 and bool(np.isnan(values[~there]).all())
    size = f"{len(vectors)} × {vectors.shape[1]}"
    report(f"silhouettes, {size}, float64", "scikit-learn", f"differ by {error:.1e}, the mean by {mean:.1e}", fits, *t)


def same_up_to_renaming(a, b):
    pairs = set(zip(a.tolist(), b.tolist()))
    return len(pairs) == len(set(a.tolist())) == len(set(b.tolist()))


def hierarchy(count, vectors):
    heaps, _ = make_blobs(2000, 5, centers=6, cluster_std=[0.3, 0.5, 0.8, 0.4, 1.0, 0.6], random_state=4)
    some = vectors[: min(len(vectors), 5000)]
    # In double precision, as scikit-learn computes. Of equal distances, which comes first is anybody's choice, and clusters depend on it: equal
    # rows are left out, and only with samples = 1, where distances are not raised to those of neighbours, must the results be the same.
    real = np.unique(some, axis=0).astype(np.float64)
    for what, given, least, samples in [("heaps", heaps, 10, 1), ("heaps", heaps, 10, 10), ("real vectors", real, 5, 1), ("real vectors", real, 5, 5)]:
        batch = rows(given)
        own, other, *t = turns(
            count,
            lambda: hart_native.invoke("vector_hdbscan", batch, result="pyarrow", minimum=least, samples=samples, element="f64"),
            lambda: HDBSCAN(min_cluster_size=least, min_samples=samples, algorithm="brute", n_jobs=-1, copy=True).fit(given),
        )
        labels = numbers(own, "cluster")
        rand = adjusted_rand_score(other.labels_, labels)
        same = same_up_to_renaming(labels, other.labels_)
        error = float(np.max(np.abs(numbers(own, "probability") - other.probabilities_)))
        text = f"labels {'the same' if same else f'differ, Rand index {rand:.5f}'}, probabilities by {error:.1e}, {labels.max()} clusters"
        size = f"{len(given)} × {given.shape[1]}, samples = {samples}"
        fits = same and error < 1e-6 if samples == 1 else rand > 0.98
        report(f"HDBSCAN, {what}, {size}", "scikit-learn brute, float64", text, fits, *t)


def reductions(count, vectors):
    batch = rows(vectors)
    size = f"{len(vectors)} × {vectors.shape[1]}"
    wide = vectors.astype(np.float64)
    own, other, *t = turns(
        count,
        lambda: hart_native.invoke("vector_pca", rows(wide), result="pyarrow", components=10, element="f64"),
        lambda: PCA(10, svd_solver="full").fit(wide),
    )
    axes = matrix(own, "axis")
    error = max(
        off(axes[0], other.mean_),
        off(np.asarray(own.column("variance"))[1:].astype(float), other.explained_variance_),
        off(np.asarray(own.column("share"))[1:].astype(float), other.explained_variance_ratio_),
        off(np.asarray(own.column("singular_value"))[1:].astype(float), other.singular_values_),
    )
    along = float(np.min(np.sum(axes[1:] * other.components_, axis=1)))
    text = f"mean, variances and singular values differ by {error:.1e}, axes by {1 - along:.1e} of a cosine"
    report(f"PCA, 10 components, {size}", "scikit-learn full SVD, float64", text, error < 1e-9 and along > 1 - 1e-9, *t)

    k = hart_native.invoke("vector_johnson_lindenstrauss", pa.record_batch({}), result="pyarrow", rows=1000, distortion=0.5)
    k = numbers(k, "dimensions")[0]
    assert k in (johnson_lindenstrauss_min_dim(1000, eps=0.5) + i for i in (0, 1))
    own, other, *t = turns(
        count,
        lambda: hart_native.invoke("vector_random_projection", batch, result="pyarrow", dimensions=int(k), entries="li"),
        lambda: SparseRandomProjection(int(k), random_state=1).fit_transform(vectors),
    )

    def change(projected):
        before = cdist(wide[:1000], wide[:1000], "sqeuclidean")
        after = cdist(projected[:1000].astype(np.float64), projected[:1000].astype(np.float64), "sqeuclidean")
        some = before > 0
        return float(np.max(np.abs(after[some] / before[some] - 1)))

    changes = change(matrix(own, "result")), change(other)
    text = f"squared distances change by {changes[0]:.2f} at most (peer {changes[1]:.2f})"
    report(f"random projection to {k}, {size}", "scikit-learn sparse", text, changes[0] < 0.5, *t)


def clusters(count, vectors):
    heaps, truth = make_blobs(5000, 16, centers=8, cluster_std=0.5, random_state=3)
    heaps = heaps.astype(np.float32)

    def ours():
        found = hart_native.invoke("vector_kmeans", rows(heaps), result="pyarrow", clusters=8)
        packed = matrix(found, "centroid").astype(np.float32).tobytes()
        return hart_native.invoke("vector_assign", rows(heaps), result="pyarrow", centroids=packed, centroid_count=8)

    found, other, *t = turns(count, ours, lambda: KMeans(8, n_init=1, random_state=3).fit(heaps))
    rand = adjusted_rand_score(truth, numbers(found, "cluster"))
    report("k-means++, heaps of known labels", "scikit-learn", f"Rand index {rand:.4f}", rand > 0.999, *t)

    batch = rows(vectors)
    radius = 0.6
    found, other, *t = turns(
        count,
        lambda: hart_native.invoke("vector_dbscan", batch, result="pyarrow", radius=radius, minimum=5),
        lambda: DBSCAN(eps=radius, min_samples=5, algorithm="brute", n_jobs=-1).fit(vectors),
    )
    own = numbers(found, "cluster")
    noise = ((own == 0) != (other.labels_ == -1)).sum()
    rand = adjusted_rand_score(other.labels_, own)
    what = f"Rand index {rand:.6f}, {own.max()} clusters, noise differs in {noise} rows"
    report(f"DBSCAN, {len(vectors)} × {vectors.shape[1]}", "scikit-learn brute", what, rand > 0.9999 and noise < 3, *t)


def outliers(count, vectors):
    batch = rows(vectors)
    size = f"{len(vectors)} × {vectors.shape[1]}"
    def factors(**params):
        return hart_native.invoke("vector_local_outlier_factor", batch, result="pyarrow", neighbors=20, **params)

    def peer(rows):
        return -LocalOutlierFactor(20, algorithm="brute", n_jobs=-1).fit(rows).negative_outlier_factor_

    # Times of singles, agreement of doubles.
    _, _, *t = turns(count, factors, lambda: peer(vectors))
    found, other = factors(accumulate="f64"), peer(vectors.astype(np.float64))
    own = numbers(found, "factor")
    fits = np.isfinite(own) & (other < 1e6)
    error = np.abs(own[fits] / other[fits] - 1)
    # Of equal distances either may be among the nearest.
    share = float((error < 1e-6).mean())
    what = f"median difference {np.median(error):.1e}, within 1e-6: {share:.4f}, rows with equal places {(~fits).sum()}"
    report(f"local outlier factor, {size}", "scikit-learn brute", what, share > 0.97, *t)

    wide = vectors.astype(np.float64)

    def theirs():
        inverse = np.linalg.inv(np.cov(wide.T))
        return cdist(wide, wide.mean(axis=0)[None], "mahalanobis", VI=inverse)[:, 0]

    found, other, *t = turns(count, lambda: hart_native.invoke("vector_mahalanobis", batch, result="pyarrow"), theirs)
    error = off(numbers(found, "distance"), other)
    report(f"Mahalanobis distance, {size}", "scipy cdist, float64", f"differs by {error:.1e}", error < 1e-6, *t)

    found, other, *t = turns(
        count,
        lambda: hart_native.invoke("vector_isolation_forest", batch, result="pyarrow"),
        lambda: -IsolationForest(n_estimators=100, max_samples=256, random_state=1).fit(vectors).score_samples(vectors),
    )
    own = numbers(found, "score")
    again = numbers(hart_native.invoke("vector_isolation_forest", batch, result="pyarrow", seed=7), "score")
    rank, level = spearmanr(own, other).statistic, spearmanr(own, again).statistic
    what = f"rank correlation {rank:.3f} (two seeds {level:.3f}), means {own.mean():.4f} and {other.mean():.4f}"
    report(f"isolation forest, {size}", "scikit-learn", what, rank > level - 0.1, *t)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parquet")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--processor", action="store_true")
    given = parser.parse_args()
    if given.processor:
        global clock
        clock = time.process_time
    hart_native.set_threads(given.threads)
    about = hart_native.capabilities()
    print(f"level {about['level']}, {about['threads']} threads\n")
    vectors = matrix(pq.read_table(given.parquet, columns=["embedding"]).combine_chunks().to_batches()[0], "embedding")
    print("| what | peer | agreement | hart, ms | peer, ms | peer / hart |\n|---|---|---|---|---|---|")
    aggregates(given.turns, vectors)
    many = np.concatenate([vectors + np.float32(0.001 * i) for i in range(10)])
    kmeans(given.turns, vectors, 64, 10)
    kmeans(max(1, given.turns // 2), many, 64, 10)
    faiss_kmeans(max(1, given.turns // 2), many, 64, 10)
    clusters(given.turns, vectors)
    silhouettes(max(1, given.turns // 2), vectors)
    hierarchy(max(1, given.turns // 2), vectors)
    reductions(max(1, given.turns // 2), vectors)
    outliers(given.turns, vectors)
    for failure in failures:
        print(f"disagreement: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

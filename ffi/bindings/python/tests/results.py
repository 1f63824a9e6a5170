"""Writes the file of results as ffi/tests/c/results.c does, through the Python package: python results.py FILE."""

import struct
import sys

import numpy as np
import pyarrow as pa

import hart_native as hart

METRICS = ("cosine", "euclidean", "dot", "manhattan")
LINES = []


def hashed(array):
    h = 14695981039346656037
    for byte in np.ascontiguousarray(array).tobytes():
        h = ((h ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return h


def line(name, n, result):
    LINES.append(f"{name} {n} {result & 0xFFFFFFFFFFFFFFFF:016x}")


def bits(number):
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def mixed(seed, n):
    with np.errstate(over="ignore"):
        x = np.arange(n, dtype=np.uint32) * np.uint32(2654435761) + np.uint32((seed * 40503 + 12345) & 0xFFFFFFFF)
        x ^= x >> np.uint32(15)
        x *= np.uint32(2246822519)
        x ^= x >> np.uint32(13)
    return x


def vector(seed, *shape):
    n = int(np.prod(shape))
    whole = (mixed(seed, n) >> np.uint32(8)).astype(np.int64) - 8388608
    return (whole.astype(np.float32) / np.float32(1048576)).reshape(shape)


def single(a, b):
    n = a.size
    line("dot_product", n, bits(hart.dot_product(a, b)))
    line("cosine_similarity", n, bits(hart.cosine_similarity(a, b)))
    line("euclidean_distance", n, bits(hart.euclidean_distance(a, b)))
    for metric in METRICS:
        line(metric, n, bits(hart.distance(a, b, metric)))
    line("norm", n, bits(hart.norm(a)))
    line("arg_max", n, int(hart.arg_max(a)))
    line("add", n, hashed(hart.add(a, b)))
    line("subtract", n, hashed(hart.subtract(a, b)))
    line("scale", n, hashed(hart.scale(a, 1.5)))
    line("lerp", n, hashed(hart.lerp(a, b, 0.25)))
    line("normalize", n, hashed(hart.normalize(a)))
    line("softmax", n, hashed(hart.softmax(a)))


def singles():
    for n in (0, 1, 2, 31, 32, 33, 64, 384, 1000, 1998):
        single(vector(1, n), vector(2, n))
    a = vector(1, 35)
    a.view(np.uint32)[1] = 0xFFC00001
    single(a, vector(2, 35))


def batches(rows, n):
    a, b = vector(3, rows, n), vector(4, rows, n)
    line("dot_product_batch", rows, hashed(hart.dot_product(a, b)))
    line("cosine_similarity_batch", rows, hashed(hart.cosine_similarity(a, b[0])))
    line("norm_batch", rows, hashed(hart.norm(a)))
    line("add_batch", rows, hashed(hart.add(a, b)))
    line("softmax_batch", rows, hashed(hart.softmax(a)))


def searches(rows, n):
    a, queries = vector(5, rows, n), vector(6, 3, n)
    ids = np.arange(rows, dtype=np.int64) * 7 % 1009
    with hart.Index(a, ids, codes=True) as index:
        for metric in METRICS:
            hits = hart.top_k(a, queries, 4, metric, ids).reshape(-1)
            for i, hit in enumerate(hits):
                line("top_k_id", i, int(hit["id"]))
                line("top_k_row", i, int(hit["row"]))
                line("top_k_distance", i, bits(hit["distance"]))
            found = index.top_k(queries, 4, metric).reshape(-1)
            line("index_top_k", found.size, bits(found[-1]["distance"]))


def payloads():
    for name, size in (("f16", 2), ("q8_0", 34), ("q4_0", 18), ("q5_1", 24), ("q4_k", 144), ("q6_k", 210)):
        payload = (mixed(7, size * 300) >> np.uint32(24)).astype(np.uint8)
        out = hart.decode_payload(name, payload)
        line(name, out.size, hashed(out))


def spaces():
    n = 500
    x, y, z = (vector(seed, n).astype(np.float64) for seed in (10, 11, 12))
    line("hilbert", n, hashed(hart.hilbert(x, y, z, (-8, -8, -8), (8, 8, 8), 21)))
    line("encode_points", n, hashed(hart.encode_points(x, y, z, srid=4326)))


def projections(axes):
    rows, n = 70, 384
    matrix = vector(13, rows, n)
    column = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), n)
    batch = pa.record_batch({"id": pa.array(np.arange(rows)), "v": column})
    fitted = hart.invoke("spatial_fit", batch, kind="random", axes=axes, seed=5)
    basis = fitted.column("basis")[0].as_py()
    line("basis", axes, hashed(np.frombuffer(basis, np.uint8)))
    line("project", axes, hashed(hart.project(basis, matrix)))


def invokes():
    rows, n = 11, 50
    a, b = vector(8, rows, n), vector(9, rows, n)

    def column(matrix, missing=()):
        valid = np.array([row not in missing for row in range(len(matrix))])
        return pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), n, mask=pa.array(~valid))

    ids = pa.array(100 - np.arange(rows))
    out = hart.invoke(
        "vector_cosine_similarity", pa.record_batch({"id": ids, "a": column(a), "b": column(b, {4})})
    )
    for i, (key, value) in enumerate(zip(out.column(0).to_pylist(), out.column(1).to_pylist())):
        line("invoke_id", i, key)
        line(*(("invoke_null", i, 0) if value is None else ("invoke_cosine_similarity", i, bits(value))))
    out = hart.invoke("vector_top_k", pa.record_batch({"id": ids, "v": column(a)}), query=b[0], k=3, metric="dot")
    for i, (key, value) in enumerate(zip(out.column(2).to_pylist(), out.column(3).to_pylist())):
        line("invoke_top_k_id", i, key)
        line("invoke_top_k_distance", i, bits(value))
    try:
        hart.invoke("vector_nrom", pa.record_batch({"id": ids}))
    except hart.HartError as error:
        LINES.append(str(error))


singles()
batches(1000, 96)
batches(6000, 384)
searches(3000, 100)
payloads()
spaces()
projections(3)
projections(40)
invokes()
with open(sys.argv[1], "wb") as file:
    file.write("".join(f"{text}\n" for text in LINES).encode())

"""Calls of the C library through the Python package, as c_calls.c makes them."""

import ctypes
import os
import struct
import sys
import time

import hart_native as hart
import numpy as np

N, ROWS = 1998, 20_000
rows = (((np.arange(N * ROWS, dtype=np.int64) * 37 % 1009) - 504).astype(np.float32) / np.float32(64)).reshape(ROWS, N)
result = np.empty(ROWS)
direct = ctypes.CDLL(os.environ["HART_DIRECT_LIBRARY"]).hart_direct
direct.restype = ctypes.c_double
direct.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_uint64]
print(struct.pack(">d", hart.dot_product(rows[0], rows[1])).hex(), flush=True)
for line in sys.stdin:
    times, count, calls = map(int, line.split())
    if calls == 0:
        print(f"{direct(rows.ctypes.data, count, N, result.ctypes.data, times):.9f}", flush=True)
        continue
    # What a caller has before the call; C and C# pass addresses.
    first, second, batch, out = rows[0], rows[1], rows[:count], result[:count]
    start = time.perf_counter()
    for _ in range(times):
        if count == 0:
            hart.dot_product(first, second)
        else:
            hart.cosine_similarity(batch, first, out=out)
    print(f"{time.perf_counter() - start:.9f}", flush=True)

"""NumPy's singular value decomposition, for the bench tensor_svd.

Arguments: rows and columns. Standard input: the matrix as packed singles, row after row; then lines, each a number of
decompositions to make. Standard output: the singular values as packed doubles; then for each line the seconds that they took.
"""

import sys
import time

import numpy

rows, columns = int(sys.argv[1]), int(sys.argv[2])
matrix = numpy.frombuffer(sys.stdin.buffer.read(rows * columns * 4), dtype="<f4").reshape(rows, columns)
sys.stdout.buffer.write(numpy.linalg.svd(matrix, full_matrices=False).S.astype("<f8").tobytes())
sys.stdout.flush()
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line)):
        numpy.linalg.svd(matrix, full_matrices=False)
    print(time.perf_counter() - start, flush=True)

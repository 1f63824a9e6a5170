"""The vector results, computed from kernels/src/arch/definition.md and the functions' documentation alone: no line of the library,
no NumPy, and no operation of singles but the rounding of an exact number.

    python3 definition.py RESULTS CASES

checks the lines of vectors in the file of results, and every line of CASES: `name element accumulate a b result`, the numbers as the
bits of doubles, the vectors' with commas between them.
"""

import math
import struct
import sys
from fractions import Fraction

INF, NAN = math.inf, math.nan


def single(x):
    """fl to a single."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.copysign(INF, x)


def fma(x, y, c):
    """fl(x·y + c) of singles. The product is an exact double, so only the sum is ever rounded twice."""
    product = x * y
    total = product + c
    part = total - product
    error = (product - (total - part)) + (c - part)
    rounded = single(total)
    if error == 0 or not math.isfinite(total):
        return rounded
    other = single(math.nextafter(total, math.copysign(INF, error)))
    if other == rounded:
        return rounded
    # The exact sum lies beside the middle of two singles.
    exact = Fraction(x) * Fraction(y) + Fraction(c)
    middle = (Fraction(*limited(rounded)) + Fraction(*limited(other))) / 2
    return min(rounded, other) if exact < middle else max(rounded, other)


def limited(x):
    """An infinite single stands where the next one would be."""
    return (int(math.copysign(2**128, x)), 1) if math.isinf(x) else x.as_integer_ratio()


def tree(lanes):
    """Step 3."""
    lanes = list(lanes)
    for step in (16, 8, 4, 2, 1):
        for j in range(step):
            lanes[j] += lanes[j + step]
    return lanes[0]


def plain(terms, single_lanes):
    """Steps 1 to 3 for pairs of factors."""
    lanes = [0.0] * 32
    if single_lanes:
        for i, (x, y) in enumerate(terms):
            lanes[i & 31] = fma(x, y, lanes[i & 31])
    else:
        for i, (x, y) in enumerate(terms):
            lanes[i & 31] += x * y
    return tree(lanes)


def power(x, exponent):
    """x·2^exponent, rounded once."""
    if x == 0 or not math.isfinite(x):
        return x
    try:
        return float(Fraction(x) * Fraction(2) ** exponent)
    except OverflowError:
        return math.copysign(INF, x)


def split(z):
    """m(z) and e(z)."""
    mantissa, exponent = math.frexp(z)
    return 2 * mantissa, exponent - 1


def proper(z):
    return z != 0 and math.isfinite(z)


def scaled(terms):
    """T and E of step 5."""
    exponents = [split(x)[1] + split(y)[1] for x, y in terms if proper(x) and proper(y)]
    greatest = max(exponents, default=0)
    lanes = [0.0] * 32
    for i, (x, y) in enumerate(terms):
        if proper(x) and proper(y):
            (x, own), (y, others) = split(x), split(y)
            below = own + others - greatest
            lanes[i & 31] += 0.0 if below < -1000 else math.ldexp(x * y, below)
        else:
            lanes[i & 31] += x * y
    return tree(lanes), greatest


def outside(value, low, high=INF):
    return not low <= abs(value) < high


def root(x):
    return NAN if math.isnan(x) else math.sqrt(x)


class Sums:
    """The definition for vectors of an element type, with `accumulate`."""

    def __init__(self, element="f32", accumulate="f32"):
        self.double = element == "f64"
        self.single_lanes = not self.double and accumulate == "f32"
        self.least = 2.0**-960 if self.double else 2.0**-100

    def dot_or_scaled(self, a, b):
        """S, or T and E where it was computed again with a scale."""
        terms = list(zip(a, b))
        total = plain(terms, self.single_lanes)
        if not outside(total, self.least) or not (self.double or self.single_lanes):
            return total, None
        return scaled(terms) if self.double else (plain(terms, False), None)

    def dot_product(self, a, b):
        total, exponent = self.dot_or_scaled(a, b)
        return total if exponent is None else power(total, exponent)

    def norm(self, a, _=None):
        total, exponent = self.dot_or_scaled(a, a)
        return root(total) if exponent is None else power(root(total), exponent // 2)

    def euclidean_distance(self, a, b):
        fl = single if self.single_lanes else float
        differences = [fl(x - y) for x, y in zip(a, b)]
        total = plain([(d, d) for d in differences], self.single_lanes)
        if not outside(total, self.least) or not (self.double or self.single_lanes):
            return root(total)
        if not self.double:
            return root(plain([(x - y, x - y) for x, y in zip(a, b)], False))
        if not math.isfinite(total):
            differences = [x / 2 - y / 2 for x, y in zip(a, b)]
        again, exponent = scaled([(d, d) for d in differences])
        return power(root(again), exponent // 2 + (not math.isfinite(total)))

    def cosine_similarity(self, a, b):
        ab, aa, bb = self.dot_product(a, b), self.dot_product(a, a), self.dot_product(b, b)
        if not (self.double and any(outside(x, 2.0**-480, 2.0**480) for x in (aa, bb))):
            divisor, exponent = root(aa * bb), 0
        else:
            (ab, own), (aa, first), (bb, second) = (scaled(list(zip(*v))) for v in ((a, b), (a, a), (b, b)))
            divisor, exponent = root(aa * bb), own - first // 2 - second // 2
        if divisor == 0:
            return 0.0
        cosine = power(ab / divisor, exponent)
        return cosine if math.isnan(cosine) else min(max(cosine, -1.0), 1.0)

    def cosine(self, a, b):
        return 1.0 - self.cosine_similarity(a, b)

    def dot(self, a, b):
        return 0.0 - self.dot_product(a, b)

    euclidean = euclidean_distance

    def manhattan_distance(self, a, b):
        fl = single if self.single_lanes else float
        lanes = [0.0] * 32
        for i, (x, y) in enumerate(zip(a, b)):
            lanes[i & 31] = fl(lanes[i & 31] + abs(fl(x - y)))
        total = tree(lanes)
        if math.isfinite(total) or not self.single_lanes:
            return total
        return Sums("f32", "f64").manhattan_distance(a, b)

    manhattan = manhattan_distance


# What is no sum: the functions' documentation.


def arg_max(v):
    best = None
    for i, x in enumerate(v):
        if not math.isnan(x) and (best is None or x > v[best]):
            best = i
    return (1 << 64) - 1 if best is None else best


def add(a, b):
    return [single(x + y) for x, y in zip(a, b)]


def subtract(a, b):
    return [single(x - y) for x, y in zip(a, b)]


def scale(a, factor):
    return [single(x * factor) for x in a]


def lerp(a, b, t):
    return [single(single(x * (1 - t)) + single(y * t)) for x, y in zip(a, b)]


def normalize(v):
    norm = SINGLES.norm(v)
    return v if norm == 0 else [single(x * (1.0 / norm)) for x in v]


def exp(x):
    if x < -708.0:
        return 0.0
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = (x - k * 6.931471803691238e-1) - k * 1.9082149292705877e-10
    p = 1.0 / math.factorial(13)
    for n in range(12, -1, -1):
        p = p * r + 1.0 / math.factorial(n)
    return math.ldexp(p, int(k))


def softmax(v):
    if any(math.isnan(x) for x in v):
        return [NAN] * len(v)
    top = max(v, default=0.0)
    lanes = [0.0] * 32
    terms = [exp(x - top) for x in v]
    for i, term in enumerate(terms):
        lanes[i & 31] += term
    total = tree(lanes)
    inverse = 1.0 / total if v else 0.0
    return [single(term * inverse) for term in terms]


# The file of results.


def mixed(seed, i):
    x = (i * 2654435761 + seed * 40503 + 12345) & 0xFFFFFFFF
    x = ((x ^ x >> 15) * 2246822519) & 0xFFFFFFFF
    return x ^ x >> 13


def vector(seed, n, start=0):
    return [((mixed(seed, i) >> 8) - 8388608) / 1048576.0 for i in range(start, start + n)]


def bits(x):
    """Of a double, all NaNs being one."""
    return 0x7FF8000000000000 if math.isnan(x) else struct.unpack("<Q", struct.pack("<d", x))[0]


def hashed(values, form):
    """FNV-1a over the bytes of numbers, all NaNs being one."""
    state = 14695981039346656037
    for byte in struct.pack(f"<{len(values)}{form}", *(NAN if math.isnan(x) else x for x in values)):
        state = (state ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return state


SINGLES = Sums()
NUMBERS = ("dot_product", "cosine_similarity", "euclidean_distance", "cosine", "euclidean", "dot", "manhattan", "norm")


def pair(a, b):
    for name in NUMBERS:
        yield name, len(a), bits(getattr(SINGLES, name)(a, b))
    yield "arg_max", len(a), arg_max(a)
    vectors = (add(a, b), subtract(a, b), scale(a, 1.5), lerp(a, b, 0.25), normalize(a), softmax(a))
    for name, values in zip(("add", "subtract", "scale", "lerp", "normalize", "softmax"), vectors):
        yield name, len(a), hashed(values, "f")


def batch(rows, n):
    a = [vector(3, n, i * n) for i in range(rows)]
    b = [vector(4, n, i * n) for i in range(rows)]
    yield "dot_product_batch", rows, hashed([SINGLES.dot_product(x, y) for x, y in zip(a, b)], "d")
    yield "cosine_similarity_batch", rows, hashed([SINGLES.cosine_similarity(x, b[0]) for x in a], "d")
    yield "norm_batch", rows, hashed([SINGLES.norm(x) for x in a], "d")
    yield "add_batch", rows, hashed([s for x, y in zip(a, b) for s in add(x, y)], "f")
    yield "softmax_batch", rows, hashed([s for x in a for s in softmax(x)], "f")


def hits(lines, at):
    """The distances of the rows that the searches found: three queries, four hits each, in four metrics."""
    for name in ("cosine", "euclidean", "dot", "manhattan"):
        for i in range(12):
            row = int(lines[at + 1].split()[2], 16)
            query, found = vector(6, 100, i // 4 * 100), vector(5, 100, row * 100)
            yield "top_k_distance", i, bits(getattr(SINGLES, name)(query, found)), at + 2
            at += 3
        at += 1


def check_results(path):
    lines = open(path, encoding="utf-8").read().splitlines()
    expected = []
    for n in (0, 1, 2, 31, 32, 33, 64, 384, 1000, 1998):
        expected += pair(vector(1, n), vector(2, n))
    with_nan = vector(1, 35)
    with_nan[1] = NAN
    expected += pair(with_nan, vector(2, 35))
    expected += batch(1000, 96)
    numbered = [(*line, at) for at, line in enumerate(expected)]
    numbered += hits(lines, lines.index(next(line for line in lines if line.startswith("top_k_id"))))
    for name, n, value, at in numbered:
        line = f"{name} {n} {value:016x}"
        if lines[at] != line:
            sys.exit(f"{path}, line {at + 1}: {lines[at]}\nby the definition: {line}")
    return len(numbered)


def check_cases(path):
    count = 0
    for line in open(path, encoding="utf-8"):
        name, element, accumulate, *vectors, result = line.rstrip("\n").split(" ")
        a, b = ([struct.unpack(">d", bytes.fromhex(x))[0] for x in v.split(",")] for v in vectors)
        found = bits(getattr(Sums(element, accumulate), name)(a, b))
        if f"{found:016x}" != result:
            sys.exit(f"{line}by the definition: {found:016x}")
        count += 1
    return count


if __name__ == "__main__":
    print(check_results(sys.argv[1]), "lines of results,", check_cases(sys.argv[2]), "cases")

#!/usr/bin/env python3
"""Prints what the Python package hilbertcurve makes of the 100,000 points of spatial_curves.rs, for the constants there.

    pip install hilbertcurve==2.0.5
    python3 curves.py

The Morton keys are the points' bits put side by side as text, because that package has none.
"""

from hilbertcurve.hilbertcurve import HilbertCurve

BITS = 21
MASK = (1 << 32) - 1


def mix(seed: int, i: int) -> int:
    """The tests' pseudo-random numbers of 32 bits: `hash` in common/mod.rs."""
    u = (i * 2_654_435_761 + seed) & MASK
    u ^= u >> 16
    u = (u * 0x85EBCA6B) & MASK
    u ^= u >> 13
    u = (u * 0xC2B2AE35) & MASK
    return u ^ (u >> 16)


def fold(keys: list[int]) -> int:
    total = 0
    for key in keys:
        total = (total * 1_000_003 + key) % (1 << 64)
    return total


def interleaved(*highest_first: int) -> int:
    texts = [format(value, f"0{BITS}b") for value in highest_first]
    return int("".join("".join(bits) for bits in zip(*texts)), 2)


points = [[mix(5 + axis, i) >> (32 - BITS) for axis in range(3)] for i in range(100_000)]
curve = HilbertCurve(BITS, 3)
hilbert = [int(key) for key in curve.distances_from_points(points)]
assert [list(point) for point in curve.points_from_distances(hilbert)] == points
for name, keys in [
    ("hilbert", hilbert),
    ("morton, x lowest", [interleaved(z, y, x) for x, y, z in points]),
    ("morton, x highest", [interleaved(x, y, z) for x, y, z in points]),
]:
    print(f"{name}: first {keys[0]}, folded {fold(keys)}")

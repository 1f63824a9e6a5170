#!/usr/bin/env python3
"""Writes quant.bin: blocks of every GGUF payload type and what the reference implementation makes of them.

    pip install gguf==0.19.0 ml_dtypes numpy==2.4.6
    python3 quant.py

For every type, little-endian and without gaps: the length of its name (1 byte), the name, the number of payload bytes
(4 bytes), the payload, the number of elements (4 bytes), the elements as binary32.
"""

import pathlib
import struct

import gguf
import ml_dtypes
import numpy as np

# Type, offsets of the halves in its block, and number of blocks.
TYPES = [
    ("F32", [], 64),
    ("F16", [0], 1024),
    ("BF16", [], 256),
    ("Q8_0", [0], 64),
    ("Q4_0", [0], 64),
    ("Q4_1", [0, 2], 64),
    ("Q5_0", [0], 64),
    ("Q5_1", [0, 2], 64),
    ("Q4_K", [0, 2], 24),
    ("Q5_K", [0, 2], 24),
    ("Q6_K", [208], 24),
    ("F64", [], 64),
    ("F8_E4M3", [], 256),
    ("F8_E5M2", [], 256),
    ("Q2_K", [80, 82], 24),
    ("Q3_K", [108], 24),
    ("IQ4_NL", [0], 64),
    ("IQ4_XS", [0], 24),
    ("MXFP4", [], 64),
]

# What the package gguf does not decode: the types of NumPy and ml_dtypes.
PLAIN = {"F64": np.dtype("<f8"), "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn), "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2)}

# Zeros, the smallest and greatest subnormal, normal and finite halves, one, infinities, NaNs.
HALVES = [
    0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x8400, 0x3C00, 0xBC00,
    0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFE00, 0x7C01, 0x7FFF,
]  # fmt: skip


def plain(name):
    """Every byte of the small types; of doubles special values and others."""
    if name != "F64":
        return np.arange(256, dtype=np.uint8)
    special = [0.0, -0.0, 1.0, 1e300, -1e300, 1e-300, 0.1, 1e39, 5e-46, 1e-45, np.inf, -np.inf, np.nan, 1.0 + 2**-24, 1.0 + 3 * 2**-24]
    return np.concatenate([special, np.random.default_rng(1).normal(0, 1000, 49)]).astype("<f8").view(np.uint8)


def blocks(rng, name, halves, count):
    elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    data = rng.integers(0, 256, (count, size), dtype=np.uint8)
    if elements > 1:
        # All bits clear and all bits set: the least and greatest quants and scales.
        data[0], data[1] = 0x00, 0xFF
    for at in halves:
        # Scales of models are finite and moderate.
        scales = rng.uniform(-0.05, 0.05, count).astype(np.float16).view(np.uint8)
        data[:, at : at + 2] = scales.reshape(count, 2)
        order = HALVES if at == halves[0] else rng.permutation(HALVES)
        for block, half in enumerate(order, start=2):
            data[block, at : at + 2] = (half & 0xFF, half >> 8)
    if elements == 1 and not halves:
        # The same special values, in the upper two bytes of a single.
        singles = [0x0000, 0x8000, 0x0001, 0x007F, 0x0080, 0x3F80, 0x7F7F, 0x7F80, 0xFF80, 0x7FC0, 0x7F81]
        for block, upper in enumerate(singles):
            data[block] = 0
            data[block, -2:] = (upper & 0xFF, upper >> 8)
    return data


def main():
    rng = np.random.default_rng(20240229)
    out = bytearray()
    for name, halves, count in TYPES:
        with np.errstate(all="ignore"):
            if name in PLAIN:
                payload = plain(name)
                values = payload.view(PLAIN[name]).astype(np.float32)
            else:
                payload = blocks(rng, name, halves, count).reshape(-1)
                values = gguf.quants.dequantize(payload, gguf.GGMLQuantizationType[name])
        values = np.ascontiguousarray(values).view(np.float32).reshape(-1)
        out += struct.pack("<B", len(name)) + name.lower().encode()
        out += struct.pack("<I", payload.size) + payload.tobytes()
        out += struct.pack("<I", values.size) + values.tobytes()
    pathlib.Path(__file__).with_suffix(".bin").write_bytes(out)


main()

#!/usr/bin/env python3
"""Writes package.gguf: a small model file by the package gguf itself, with every type that is decoded.

    pip install gguf==0.19.0 numpy==2.4.6
    python3 package.py

Beside each tensor of a type there is one of singles, `TYPE.values`, with what the package makes of it. There are metadata of
every kind, a tensor of integers, one of a type that is not decoded, one of three dimensions, and an alignment of 64.
"""

import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

ROWS, COLUMNS = 3, 256
# Types whose blocks the package makes of numbers, and offsets of the halves in the others.
MADE = [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1]
BLOCKS = {Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}


def blocks(rng, of, halves):
    elements, size = gguf.GGML_QUANT_SIZES[of]
    data = rng.integers(0, 256, (ROWS * COLUMNS // elements, size), dtype=np.uint8)
    for at in halves:
        scales = rng.uniform(-0.05, 0.05, len(data)).astype(np.float16)
        data[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return data.reshape(ROWS, -1)


def main():
    rng = np.random.default_rng(20240229)
    path = pathlib.Path(__file__).with_suffix(".gguf")
    out = gguf.GGUFWriter(path, "test")
    out.add_custom_alignment(64)
    out.add_name("a small model, größer als nichts")
    out.add_uint8("test.u8", 200)
    out.add_int64("test.i64", -(2**40))
    out.add_float64("test.f64", 0.1)
    out.add_bool("test.bool", True)
    out.add_token_list(["<s>", "ein", " Wort", "", "词"])
    out.add_token_scores([0.0, -1.5, -2.5, 1e-30, 3.0])
    out.add_token_types([3, 1, 1, 1, 1])
    out.add_array("test.bools", [True, False])
    numbers = rng.standard_normal((ROWS, COLUMNS), dtype=np.float32) / 10
    for of in [*MADE, *BLOCKS]:
        data = blocks(rng, of, BLOCKS[of]) if of in BLOCKS else gguf.quants.quantize(numbers, of)
        values = gguf.quants.dequantize(data, of).astype(np.float32).reshape(ROWS, COLUMNS)
        out.add_tensor(of.name.lower(), data, raw_dtype=of)
        out.add_tensor(f"{of.name.lower()}.values", values)
    out.add_tensor("cube", np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    out.add_tensor("ids", np.arange(5, dtype=np.int32))
    out.add_tensor("q2_k", rng.integers(0, 256, (1, 84), dtype=np.uint8), raw_dtype=Type.Q2_K)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


main()

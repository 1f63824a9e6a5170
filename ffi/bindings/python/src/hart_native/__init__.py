"""Reproducible SIMD kernels for vectors, tensors and space, on NumPy arrays and Arrow columns.

Every function states the shapes and types that it takes and gives, and how exact it is. `hart_native.spark` runs the kernels on data
frames of Apache Spark.
"""

from ._library import HartError
from .kernels import capabilities, describe, invoke, kernels, set_threads, shutdown
from .search import HIT, Index, top_k
from .tensors import Svd, decode_payload, encode_points, hilbert, project, svd
from .vectors import (
    add,
    arg_max,
    cosine_similarity,
    distance,
    dot_product,
    euclidean_distance,
    lerp,
    norm,
    normalize,
    scale,
    softmax,
    subtract,
)

__version__ = "0.1.0"

__all__ = [
    "HIT",
    "HartError",
    "Index",
    "Svd",
    "add",
    "arg_max",
    "capabilities",
    "cosine_similarity",
    "decode_payload",
    "describe",
    "distance",
    "dot_product",
    "encode_points",
    "euclidean_distance",
    "hilbert",
    "invoke",
    "kernels",
    "lerp",
    "norm",
    "normalize",
    "project",
    "scale",
    "set_threads",
    "shutdown",
    "softmax",
    "subtract",
    "svd",
    "top_k",
]

"""Constants, structures and prototypes. Generated: bash .ci/generate."""

from __future__ import annotations

import ctypes
from typing import Any

HART_ABI_VERSION = 3
HART_OK = 0
HART_STATUS_NULL_POINTER = 1001
HART_STATUS_ALIGNMENT = 1002
HART_STATUS_LENGTH = 1003
HART_STATUS_OVERLAP = 1004
HART_STATUS_STRUCT_SIZE = 1005
HART_STATUS_HANDLE = 1006
HART_STATUS_ARROW = 1007
HART_STATUS_CAPACITY = 1008
HART_STATUS_CONSTANT = 1009
HART_STATUS_OUT_OF_MEMORY = 1010
HART_STATUS_PANIC = 1099
HART_PARAM_NULL = 0
HART_PARAM_INTEGER = 1
HART_PARAM_NUMBER = 2
HART_PARAM_TEXT = 3
HART_PARAM_BYTES = 4
HART_INDEX_BORROW_ROWS = 1
HART_INDEX_CODES = 2
HART_SPATIAL_GEOMETRY = 0
HART_SPATIAL_GEOGRAPHY = 1
HART_OUTSIDE_ERROR = 0
HART_OUTSIDE_CLAMP = 1
HART_STATUS_SETTING = 1
HART_STATUS_UNKNOWN_KERNEL = 2
HART_STATUS_UNKNOWN_PARAMETER = 3
HART_STATUS_MISSING_PARAMETER = 4
HART_STATUS_PARAMETER_VALUE = 5
HART_STATUS_COLUMNS = 6
HART_STATUS_COLUMN_TYPE = 7
HART_STATUS_VECTOR_BYTES = 8
HART_STATUS_DIMENSIONS = 9
HART_STATUS_JSON = 10
HART_STATUS_TEXT = 11
HART_STATUS_MEMORY = 12
HART_STATUS_BUFFER = 13
HART_STATUS_UNKNOWN_PAYLOAD_TYPE = 14
HART_STATUS_PAYLOAD = 15
HART_STATUS_VALUE = 16
HART_METRIC_COSINE = 0
HART_METRIC_EUCLIDEAN = 1
HART_METRIC_DOT = 2
HART_METRIC_MANHATTAN = 3


class HartCapabilities(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("abi_version", ctypes.c_uint32),
        ("lanes", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("kernels", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("level", ctypes.c_char * 16),
        ("version", ctypes.c_char * 24),
    ]
    size: int
    abi_version: int
    lanes: int
    threads: int
    kernels: int
    reserved: int
    level: bytes
    version: bytes


class HartHit(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_int64),
        ("distance", ctypes.c_double),
        ("row", ctypes.c_uint64),
    ]
    id: int
    distance: float
    row: int


class HartIndexOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    ]
    size: int
    flags: int


class HartParam(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("integer", ctypes.c_int64),
        ("number", ctypes.c_double),
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
    ]
    size: int
    kind: int
    name: Any
    integer: int
    number: float
    data: Any
    length: int


class HartInvokeOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("memory_limit", ctypes.c_uint64),
    ]
    size: int
    reserved: int
    memory_limit: int


class ArrowSchema(ctypes.Structure):
    _fields_ = [
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_char_p),
        ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]
    format: Any
    name: Any
    metadata: Any
    flags: int
    n_children: int
    children: Any
    dictionary: Any
    release: Any
    private_data: Any


class ArrowArray(ctypes.Structure):
    _fields_ = [
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]
    length: int
    null_count: int
    offset: int
    n_buffers: int
    n_children: int
    buffers: Any
    children: Any
    dictionary: Any
    release: Any
    private_data: Any


# Result type and argument types of every function.
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "hart_abi_version": (
        ctypes.c_uint32,
        [
        ],
    ),
    "hart_version": (
        ctypes.c_char_p,
        [
        ],
    ),
    "hart_last_error_status": (
        ctypes.c_int32,
        [
        ],
    ),
    "hart_last_error": (
        ctypes.c_size_t,
        [
            ctypes.c_void_p,  # buffer
            ctypes.c_size_t,  # capacity
        ],
    ),
    "hart_capabilities": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # capabilities
        ],
    ),
    "hart_set_threads": (
        ctypes.c_int32,
        [
            ctypes.c_uint32,  # threads
        ],
    ),
    "hart_shutdown": (
        ctypes.c_int32,
        [
        ],
    ),
    "hart_kernel_name": (
        ctypes.c_int32,
        [
            ctypes.c_size_t,  # index
            ctypes.c_void_p,  # buffer
            ctypes.c_size_t,  # capacity
            ctypes.c_void_p,  # needed
        ],
    ),
    "hart_kernel_describe": (
        ctypes.c_int32,
        [
            ctypes.c_char_p,  # kernel
            ctypes.c_void_p,  # buffer
            ctypes.c_size_t,  # capacity
            ctypes.c_void_p,  # needed
        ],
    ),
    "hart_vector_add_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
        ],
    ),
    "hart_vector_add_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_size_t,  # a_rows
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # b_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_arg_max_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # result
        ],
    ),
    "hart_vector_arg_max_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # v_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_cosine_similarity_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # result
        ],
    ),
    "hart_vector_cosine_similarity_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_size_t,  # a_rows
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # b_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_distance_f32": (
        ctypes.c_int32,
        [
            ctypes.c_int32,  # metric
            ctypes.c_void_p,  # a
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # result
        ],
    ),
    "hart_vector_distance_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_int32,  # metric
            ctypes.c_void_p,  # a
            ctypes.c_size_t,  # a_rows
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # b_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_dot_product_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # result
        ],
    ),
    "hart_vector_dot_product_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_size_t,  # a_rows
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # b_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_euclidean_distance_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # result
        ],
    ),
    "hart_vector_euclidean_distance_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_size_t,  # a_rows
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # b_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_lerp_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # n
            ctypes.c_double,  # t
            ctypes.c_void_p,  # out
        ],
    ),
    "hart_vector_lerp_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_size_t,  # a_rows
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # b_rows
            ctypes.c_size_t,  # n
            ctypes.c_double,  # t
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_manhattan_distance_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # result
        ],
    ),
    "hart_vector_manhattan_distance_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_size_t,  # a_rows
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # b_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_norm_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # result
        ],
    ),
    "hart_vector_norm_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # v_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_normalize_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
        ],
    ),
    "hart_vector_normalize_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # v_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_scale_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # n
            ctypes.c_double,  # factor
            ctypes.c_void_p,  # out
        ],
    ),
    "hart_vector_scale_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # v_rows
            ctypes.c_size_t,  # n
            ctypes.c_double,  # factor
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_softmax_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
        ],
    ),
    "hart_vector_softmax_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # v
            ctypes.c_size_t,  # v_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_subtract_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
        ],
    ),
    "hart_vector_subtract_f32_batch": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # a
            ctypes.c_size_t,  # a_rows
            ctypes.c_void_p,  # b
            ctypes.c_size_t,  # b_rows
            ctypes.c_size_t,  # n
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # rows
        ],
    ),
    "hart_vector_top_k_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # rows
            ctypes.c_size_t,  # row_count
            ctypes.c_size_t,  # dimensions
            ctypes.c_void_p,  # ids
            ctypes.c_void_p,  # queries
            ctypes.c_size_t,  # query_count
            ctypes.c_size_t,  # k
            ctypes.c_int32,  # metric
            ctypes.c_void_p,  # hits
            ctypes.c_size_t,  # capacity
            ctypes.c_void_p,  # written
        ],
    ),
    "hart_vector_top_k_f16": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # rows
            ctypes.c_size_t,  # row_count
            ctypes.c_size_t,  # dimensions
            ctypes.c_void_p,  # ids
            ctypes.c_void_p,  # queries
            ctypes.c_size_t,  # query_count
            ctypes.c_size_t,  # k
            ctypes.c_int32,  # metric
            ctypes.c_void_p,  # hits
            ctypes.c_size_t,  # capacity
            ctypes.c_void_p,  # written
        ],
    ),
    "hart_index_create_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # rows
            ctypes.c_size_t,  # row_count
            ctypes.c_size_t,  # dimensions
            ctypes.c_void_p,  # ids
            ctypes.c_void_p,  # options
            ctypes.c_void_p,  # index
        ],
    ),
    "hart_index_top_k_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # index
            ctypes.c_void_p,  # queries
            ctypes.c_size_t,  # query_count
            ctypes.c_size_t,  # dimensions
            ctypes.c_size_t,  # k
            ctypes.c_int32,  # metric
            ctypes.c_void_p,  # hits
            ctypes.c_size_t,  # capacity
            ctypes.c_void_p,  # written
        ],
    ),
    "hart_index_top_k_filtered_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # index
            ctypes.c_void_p,  # queries
            ctypes.c_size_t,  # query_count
            ctypes.c_size_t,  # dimensions
            ctypes.c_size_t,  # k
            ctypes.c_int32,  # metric
            ctypes.c_void_p,  # left_out
            ctypes.c_void_p,  # hits
            ctypes.c_size_t,  # capacity
            ctypes.c_void_p,  # written
        ],
    ),
    "hart_index_release": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # index
        ],
    ),
    "hart_spatial_project_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # basis
            ctypes.c_size_t,  # basis_bytes
            ctypes.c_void_p,  # rows
            ctypes.c_size_t,  # row_count
            ctypes.c_size_t,  # dimensions
            ctypes.c_void_p,  # coordinates
            ctypes.c_size_t,  # capacity
            ctypes.c_void_p,  # axes
        ],
    ),
    "hart_spatial_hilbert": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # x
            ctypes.c_void_p,  # y
            ctypes.c_void_p,  # z
            ctypes.c_size_t,  # count
            ctypes.c_void_p,  # min
            ctypes.c_void_p,  # max
            ctypes.c_uint32,  # bits
            ctypes.c_int32,  # outside
            ctypes.c_void_p,  # keys
        ],
    ),
    "hart_spatial_encode_points": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # x
            ctypes.c_void_p,  # y
            ctypes.c_void_p,  # z
            ctypes.c_void_p,  # m
            ctypes.c_size_t,  # count
            ctypes.c_int32,  # srid
            ctypes.c_int32,  # kind
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # capacity
            ctypes.c_void_p,  # stride
        ],
    ),
    "hart_tensor_payload_elements": (
        ctypes.c_int32,
        [
            ctypes.c_char_p,  # payload_type
            ctypes.c_size_t,  # payload_bytes
            ctypes.c_void_p,  # count
        ],
    ),
    "hart_tensor_decode_payload_f32": (
        ctypes.c_int32,
        [
            ctypes.c_char_p,  # payload_type
            ctypes.c_void_p,  # payload
            ctypes.c_size_t,  # payload_bytes
            ctypes.c_void_p,  # out
            ctypes.c_size_t,  # count
        ],
    ),
    "hart_tensor_svd_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # matrix
            ctypes.c_size_t,  # rows
            ctypes.c_size_t,  # columns
            ctypes.c_size_t,  # rank
            ctypes.c_void_p,  # singular_values
            ctypes.c_void_p,  # u
            ctypes.c_void_p,  # v
            ctypes.c_void_p,  # components
        ],
    ),
    "hart_tensor_svd_randomized_f32": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # matrix
            ctypes.c_size_t,  # rows
            ctypes.c_size_t,  # columns
            ctypes.c_size_t,  # rank
            ctypes.c_uint64,  # seed
            ctypes.c_void_p,  # singular_values
            ctypes.c_void_p,  # u
            ctypes.c_void_p,  # v
            ctypes.c_void_p,  # components
        ],
    ),
    "hart_invoke": (
        ctypes.c_int32,
        [
            ctypes.c_char_p,  # kernel
            ctypes.c_void_p,  # input_schema
            ctypes.c_void_p,  # input
            ctypes.c_void_p,  # params
            ctypes.c_size_t,  # param_count
            ctypes.c_void_p,  # options
            ctypes.c_void_p,  # output_schema
            ctypes.c_void_p,  # output
        ],
    ),
    "hart_arrow_release": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,  # schema
            ctypes.c_void_p,  # array
        ],
    ),
}

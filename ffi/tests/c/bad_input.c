/* Whatever a check can catch ends in a status and a text. */
#include "check.h"

static float a[8], b[8], out[8];
static double number, numbers[8];

static void pointers_and_lengths(void)
{
    const size_t most = (size_t)-1;
    char name[4];
    size_t needed = 0;

    FAILS(hart_vector_dot_product_f32(NULL, b, 3, &number), HART_STATUS_NULL_POINTER, "a is NULL");
    FAILS(hart_vector_dot_product_f32(a, NULL, 3, &number), HART_STATUS_NULL_POINTER, "b is NULL");
    FAILS(hart_vector_dot_product_f32(a, b, 3, NULL), HART_STATUS_NULL_POINTER, "result is NULL");
    FAILS(hart_vector_add_f32(a, b, 3, NULL), HART_STATUS_NULL_POINTER, "out is NULL");
    FAILS(hart_vector_dot_product_f32((const float *)(const void *)((const char *)a + 1), b, 3, &number),
          HART_STATUS_ALIGNMENT, "a is at address");
    FAILS(hart_vector_norm_f32(a, 3, (double *)(void *)((char *)numbers + 4)), HART_STATUS_ALIGNMENT,
          "expected a multiple of 8");
    FAILS(hart_vector_norm_f32(a, most, &number), HART_STATUS_LENGTH, "do not fit the address space");
    FAILS(hart_vector_norm_f32(a, most / 4, &number), HART_STATUS_LENGTH, "do not fit the address space");
    FAILS(hart_vector_norm_f32_batch(a, most / 2, 4, numbers, 8), HART_STATUS_LENGTH, "v: [");
    FAILS(hart_vector_add_f32_batch(a, 1, b, 1, 3, out, most / 2), HART_STATUS_LENGTH, "out: [");
    FAILS(hart_vector_dot_product_f32_batch(a, 2, b, 3, 2, numbers, 3), HART_STATUS_PARAMETER_VALUE,
          "a is 4 numbers; expected 3 rows of 2 numbers each, or one row");
    FAILS(hart_vector_add_f32(a, b, 4, a + 1), HART_STATUS_OVERLAP, "out overlaps a");
    FAILS(hart_vector_normalize_f32_batch(a, 1, 4, a, 2), HART_STATUS_OVERLAP, "out overlaps v");
    FAILS(hart_vector_add_f32(a, b, 4, b + 3), HART_STATUS_OVERLAP, "out overlaps b");
    FAILS(hart_vector_norm_f32_batch(a, 2, 4, (double *)(void *)a, 2), HART_STATUS_OVERLAP, "out overlaps v");
    FAILS(hart_vector_distance_f32(4, a, b, 3, &number), HART_STATUS_CONSTANT, "metric is 4");
    FAILS(hart_vector_distance_f32(-1, a, b, 3, &number), HART_STATUS_CONSTANT, "cosine, euclidean, dot");
    number = 0;
    FAILS(hart_vector_scale_f32(a, 3, number / number, out), HART_STATUS_PARAMETER_VALUE, "factor is NaN");
    FAILS(hart_vector_lerp_f32(a, b, 3, 1 / number, out), HART_STATUS_PARAMETER_VALUE, "t is inf");
    /* Zero lengths are no error, and touch nothing. */
    OK(hart_vector_add_f32(NULL, NULL, 0, NULL));
    OK(hart_vector_add_f32_batch(NULL, 0, NULL, 0, 5, NULL, 0));
    OK(hart_vector_dot_product_f32_batch(NULL, 7, NULL, 1, 0, numbers, 7));
    CHECK(numbers[6] == 0);

    FAILS(hart_set_threads(100000), HART_STATUS_PARAMETER_VALUE, "threads is 100000");
    FAILS(hart_kernel_name(1000000, NULL, 0, NULL), HART_STATUS_CONSTANT, "index is 1000000");
    FAILS(hart_kernel_name(0, name, sizeof name, &needed), HART_STATUS_CAPACITY, "buffer has room for 4");
    CHECK(needed > sizeof name);
    FAILS(hart_kernel_name(0, NULL, 4, &needed), HART_STATUS_NULL_POINTER, "buffer is NULL");
    FAILS(hart_kernel_describe(NULL, NULL, 0, NULL), HART_STATUS_NULL_POINTER, "kernel is NULL");
    FAILS(hart_kernel_describe("vector_\xff", NULL, 0, NULL), HART_STATUS_TEXT, "invalid UTF-8 at byte 7");
    CHECK(hart_last_error(NULL, 0) > 1 && hart_last_error(NULL, 5) > 1);
}

static void structures(void)
{
    HartCapabilities c;
    HartIndexOptions options;
    HartIndex *index = (HartIndex *)(void *)a;
    struct {
        HartIndexOptions options;
        uint32_t later[2];
    } longer;

    memset(&c, 0, sizeof c);
    FAILS(hart_capabilities(NULL), HART_STATUS_NULL_POINTER, "HartCapabilities is NULL");
    FAILS(hart_capabilities(&c), HART_STATUS_STRUCT_SIZE, "HartCapabilities has size 0");
    c.size = sizeof c - 4;
    FAILS(hart_capabilities(&c), HART_STATUS_STRUCT_SIZE, "expected at least 64");
    memset(&options, 0, sizeof options);
    FAILS(hart_index_create_f32(a, 2, 2, NULL, &options, &index), HART_STATUS_STRUCT_SIZE, "has size 0");
    CHECK(index == NULL);
    options.size = sizeof options;
    options.flags = 4;
    FAILS(hart_index_create_f32(a, 2, 2, NULL, &options, &index), HART_STATUS_CONSTANT, "flags is 4");
    memset(&longer, 0, sizeof longer);
    longer.options.size = sizeof longer;
    OK(hart_index_create_f32(a, 2, 2, NULL, &longer.options, &index));
    OK(hart_index_release(&index));
    longer.later[1] = 1;
    FAILS(hart_index_create_f32(a, 2, 2, NULL, &longer.options, &index), HART_STATUS_STRUCT_SIZE, "zeros behind");
}

static void handles(void)
{
    HartHit hits[4];
    uint8_t left_out[2];
    HartIndex *index = NULL, *copy, *wild = (HartIndex *)(void *)a;
    size_t written = 0;

    FAILS(hart_index_create_f32(a, 2, 2, NULL, NULL, NULL), HART_STATUS_NULL_POINTER, "index is NULL");
    FAILS(hart_index_create_f32(a, 2, 0, NULL, NULL, &index), HART_STATUS_PARAMETER_VALUE, "dimensions is 0");
    OK(hart_index_create_f32(a, 2, 2, NULL, NULL, &index));
    copy = index;
    FAILS(hart_index_top_k_f32(index, b, 1, 3, 1, 0, hits, 4, &written), HART_STATUS_DIMENSIONS,
          "3 dimensions, but the index has 2");
    FAILS(hart_index_top_k_f32(index, b, 1, 2, 0, 0, hits, 4, &written), HART_STATUS_PARAMETER_VALUE, "k is 0");
    FAILS(hart_index_top_k_f32(index, b, 1, 2, 1, 9, hits, 4, &written), HART_STATUS_CONSTANT, "metric is 9");
    FAILS(hart_index_top_k_f32(index, b, 3, 2, 2, 0, hits, 4, &written), HART_STATUS_CAPACITY, "room for 4");
    CHECK(written == 6);
    FAILS(hart_index_top_k_f32(index, (const float *)(const void *)hits, 1, 2, 2, 0, hits, 4, &written),
          HART_STATUS_OVERLAP, "hits overlaps queries");
    memset(hits, 0, sizeof hits);
    FAILS(hart_index_top_k_filtered_f32(index, b, 1, 2, 2, 0, (const uint8_t *)hits, hits, 4, &written), HART_STATUS_OVERLAP,
          "hits overlaps left_out");
    memset(left_out, 1, sizeof left_out);
    OK(hart_index_top_k_filtered_f32(index, b, 1, 2, 2, 0, left_out, NULL, 0, &written));
    CHECK(written == 0);
    left_out[1] = 0;
    FAILS(hart_index_top_k_filtered_f32(index, b, 2, 2, 2, 0, left_out, hits, 1, &written), HART_STATUS_CAPACITY, "room for 1");
    CHECK(written == 2);
    FAILS(hart_vector_top_k_f32(a, 2, 2, NULL, b, 1, 1, 0, hits, 4, NULL), HART_STATUS_NULL_POINTER, "written");
    FAILS(hart_vector_top_k_f32(a, 2, 0, NULL, b, 1, 1, 0, hits, 4, &written), HART_STATUS_PARAMETER_VALUE, "dimensions is 0");
    FAILS(hart_vector_top_k_f32(a, 2, (size_t)-1, NULL, b, 1, 1, 0, hits, 4, &written), HART_STATUS_LENGTH, "rows");
    OK(hart_index_release(&index));
    FAILS(hart_index_top_k_f32(copy, b, 1, 2, 1, 0, hits, 4, &written), HART_STATUS_HANDLE, "has been released");
    FAILS(hart_index_top_k_f32(NULL, b, 1, 2, 1, 0, hits, 4, &written), HART_STATUS_NULL_POINTER, "index is NULL");
    FAILS(hart_index_top_k_f32(wild, b, 1, 2, 1, 0, hits, 4, &written), HART_STATUS_HANDLE, "never created");
    FAILS(hart_index_release(&copy), HART_STATUS_HANDLE, "has been released");
    CHECK(copy == NULL);
    FAILS(hart_index_release(NULL), HART_STATUS_NULL_POINTER, "index is NULL");
    {
        union { HartIndexOptions options; HartIndex *index; } same;
        memset(&same, 0, sizeof same);
        same.options.size = sizeof same.options;
        FAILS(hart_index_create_f32(a, 2, 2, NULL, &same.options, &same.index), HART_STATUS_OVERLAP,
              "index overlaps HartIndexOptions");
        CHECK(same.options.size == sizeof same.options);
    }
}

static void payloads(void)
{
    unsigned char block[34] = {0};
    float many[32];
    size_t count = 0;

    FAILS(hart_tensor_payload_elements("q9_z", 34, &count), HART_STATUS_UNKNOWN_PAYLOAD_TYPE, "q9_z");
    FAILS(hart_tensor_payload_elements("q8_0", 33, &count), HART_STATUS_PAYLOAD, "33 bytes");
    FAILS(hart_tensor_payload_elements(NULL, 34, &count), HART_STATUS_NULL_POINTER, "payload_type");
    FAILS(hart_tensor_decode_payload_f32("q8_0", block, 34, many, 31), HART_STATUS_PAYLOAD, "31 elements");
    FAILS(hart_tensor_decode_payload_f32("q8_0", (unsigned char *)(void *)many, 34, many, 32), HART_STATUS_OVERLAP,
          "out overlaps payload");
    {
        union { char text[136]; float singles[34]; size_t count; } same;
        strcpy(same.text, "q8_0");
        FAILS(hart_tensor_decode_payload_f32(same.text, block, 34, same.singles, 32), HART_STATUS_OVERLAP,
              "out overlaps payload_type");
        FAILS(hart_tensor_payload_elements(same.text, 34, &same.count), HART_STATUS_OVERLAP, "count overlaps payload_type");
        strcpy(same.text, "vector_norm");
        FAILS(hart_kernel_describe(same.text, same.text, sizeof same.text, NULL), HART_STATUS_OVERLAP,
              "buffer overlaps kernel");
        CHECK(strcmp(same.text, "vector_norm") == 0);
    }
}

static void parameters(void)
{
    HartParam params[2];
    struct ArrowSchema schema;
    struct ArrowArray array;
    HartInvokeOptions options;

    FAILS(hart_invoke("vector_nrom", NULL, NULL, NULL, 0, NULL, &schema, &array), HART_STATUS_UNKNOWN_KERNEL,
          "did you mean vector_norm?");
    CHECK(schema.release == NULL && array.release == NULL);
    FAILS(hart_invoke(NULL, NULL, NULL, NULL, 0, NULL, &schema, &array), HART_STATUS_NULL_POINTER, "kernel");
    FAILS(hart_invoke("system_info", NULL, NULL, NULL, 0, NULL, NULL, &array), HART_STATUS_NULL_POINTER, "schema");
    FAILS(hart_invoke("system_info", NULL, NULL, NULL, 2, NULL, &schema, &array), HART_STATUS_NULL_POINTER, "HartParam");
    params[0] = integer_param("x", 1);
    params[1] = integer_param("y", 1);
    FAILS(hart_invoke("system_info", NULL, NULL, params, 1, NULL, &schema, &array), HART_STATUS_UNKNOWN_PARAMETER, "x");
    params[0].kind = 77;
    FAILS(hart_invoke("system_info", NULL, NULL, params, 1, NULL, &schema, &array), HART_STATUS_CONSTANT, "kind is 77");
    params[0] = data_param("x", HART_PARAM_TEXT, "a\xff", 2);
    FAILS(hart_invoke("system_info", NULL, NULL, params, 1, NULL, &schema, &array), HART_STATUS_TEXT, "parameter x");
    params[0] = data_param("x", HART_PARAM_BYTES, NULL, 2);
    FAILS(hart_invoke("system_info", NULL, NULL, params, 1, NULL, &schema, &array), HART_STATUS_NULL_POINTER, "data");
    params[0] = integer_param(NULL, 1);
    FAILS(hart_invoke("system_info", NULL, NULL, params, 1, NULL, &schema, &array), HART_STATUS_NULL_POINTER, "name");
    params[0] = integer_param("x", 1);
    params[1].size = 8;
    FAILS(hart_invoke("system_info", NULL, NULL, params, 2, NULL, &schema, &array), HART_STATUS_STRUCT_SIZE,
          "as the first of the array");
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.reserved = 1;
    FAILS(hart_invoke("system_info", NULL, NULL, NULL, 0, &options, &schema, &array), HART_STATUS_CONSTANT, "reserved");
}

/* A batch that is right but for one thing. */
static struct column columns[2];
static struct batch input;
static unsigned char validity[1];
static const int64_t ids[] = {1, 2, 3};

static void fresh(void)
{
    validity[0] = 0x07;
    int64_column(&columns[0], "id", ids, 3);
    vector_column(&columns[1], "v", a, 3, 2, NULL, 0);
    make_batch(&input, columns, 2, 3);
}

#define NORM(status, part)                                                                                      \
    do {                                                                                                        \
        struct ArrowSchema norm_schema;                                                                         \
        struct ArrowArray norm_array;                                                                           \
        FAILS(hart_invoke("vector_norm", &input.schema, &input.array, NULL, 0, NULL, &norm_schema, &norm_array), \
              status, part);                                                                                    \
        CHECK(norm_array.release == NULL);                                                                      \
        fresh();                                                                                                \
    } while (0)

static void arrow(void)
{
    static const int32_t back[] = {0, 4, 2, 6}, negative[] = {0, -1, 2, 3}, beyond[] = {0, 2, 4, 60};
    struct ArrowSchema schema;
    struct ArrowArray array;
    HartInvokeOptions options;
    HartParam params[1];

    fresh();
    OK(hart_invoke("vector_norm", &input.schema, &input.array, NULL, 0, NULL, &schema, &array));
    OK(hart_arrow_release(&schema, &array));
    FAILS(hart_invoke("vector_norm", &input.schema, NULL, NULL, 0, NULL, &schema, &array), HART_STATUS_NULL_POINTER, "input");
    FAILS(hart_invoke("vector_norm", NULL, NULL, NULL, 0, NULL, &schema, &array), HART_STATUS_COLUMNS, "found none");
    FAILS(hart_invoke("system_info", &input.schema, &input.array, NULL, 0, NULL, &schema, &array), HART_STATUS_COLUMNS,
          "none: system_info takes no rows");
    FAILS(hart_invoke("vector_johnson_lindenstrauss", &input.schema, &input.array, NULL, 0, NULL, &schema, &array),
          HART_STATUS_COLUMNS, "none: vector_johnson_lindenstrauss takes no rows");
    FAILS(hart_invoke("vector_norm", &input.schema, &input.array, NULL, 0, NULL, &input.schema, &array),
          HART_STATUS_OVERLAP, "output_schema overlaps input_schema");
    input.array.release = NULL;
    NORM(HART_STATUS_ARROW, "input: a released structure");
    columns[1].schema.release = NULL;
    NORM(HART_STATUS_ARROW, "input column 2: a released structure");
    columns[1].item_array.release = NULL;
    NORM(HART_STATUS_ARROW, "input column v: a released structure");
    input.schema.format = "i";
    NORM(HART_STATUS_ARROW, "format i");
    input.array.n_children = 1;
    NORM(HART_STATUS_ARROW, "1 children");
    input.array.n_children = input.schema.n_children = -1;
    NORM(HART_STATUS_ARROW, "children in the schema -1");
    input.array.children = NULL;
    NORM(HART_STATUS_NULL_POINTER, "children");
    input.arrays[1] = NULL;
    NORM(HART_STATUS_NULL_POINTER, "a child of input");
    input.array.length = -3;
    NORM(HART_STATUS_ARROW, "length -3");
    input.array.offset = INT64_MAX;
    NORM(HART_STATUS_ARROW, "input: offset + length");
    input.array.offset = INT64_MAX - 3;
    NORM(HART_STATUS_ARROW, "length 3; expected at least");
    columns[1].array.length = 2;
    NORM(HART_STATUS_ARROW, "length 2; expected at least 3");
    columns[0].array.offset = INT64_MAX;
    NORM(HART_STATUS_ARROW, "no overflow");
    columns[0].array.offset = -1;
    NORM(HART_STATUS_ARROW, "input column id: offset -1");
    columns[1].item_array.length = 5;
    NORM(HART_STATUS_ARROW, "5 elements");
    columns[1].item_array.offset = INT64_MAX;
    NORM(HART_STATUS_ARROW, "offset of elements");
    columns[1].item_buffers[1] = NULL;
    NORM(HART_STATUS_ARROW, "a NULL buffer; expected 24 bytes");
    columns[1].array.n_buffers = 2;
    NORM(HART_STATUS_ARROW, "2 buffers; expected 1");
    columns[1].array.buffers = NULL;
    NORM(HART_STATUS_NULL_POINTER, "buffers");
    columns[1].array.null_count = 1;
    NORM(HART_STATUS_ARROW, "no bitmap");
    columns[1].schema.dictionary = &columns[0].schema;
    NORM(HART_STATUS_ARROW, "a dictionary");
    columns[1].schema.format = "+w:4611686018427387904";
    NORM(HART_STATUS_ARROW, "format +w:");
    columns[1].schema.format = "+w:0";
    NORM(HART_STATUS_ARROW, "3 rows of format +w:0");
    columns[0].schema.format = "w:0"; /* as many rows as one likes in no memory */
    columns[1].array.length = input.array.length = columns[0].array.length = (int64_t)1 << 44;
    NORM(HART_STATUS_ARROW, "17592186044416 rows of format w:0");
    columns[1].schema.format = "+w:-1";
    NORM(HART_STATUS_ARROW, "format +w:-1 of f");
    columns[1].item_schema.format = "u";
    NORM(HART_STATUS_ARROW, "format +w:2 of u");
    columns[1].schema.format = "\xff";
    NORM(HART_STATUS_ARROW, "not UTF-8");
    validity[0] = 0x05;
    input.buffers[0] = validity;
    input.array.null_count = 1;
    NORM(HART_STATUS_ARROW, "NULL as a whole");
    validity[0] = 0x2f;
    columns[1].item_buffers[0] = validity;
    columns[1].item_array.null_count = -1;
    NORM(HART_STATUS_ARROW, "a NULL among the elements of row 3");
    columns[1].schema.name = "w";
    columns[0].schema.name = "x";
    OK(hart_invoke("vector_norm", &input.schema, &input.array, NULL, 0, NULL, &schema, &array)); /* by position */
    OK(hart_arrow_release(&schema, &array));
    make_batch(&input, columns, 1, 3);
    NORM(HART_STATUS_COLUMNS, "found x int64");
    input.schemas[1] = &columns[0].schema;
    input.arrays[1] = &columns[0].array;
    NORM(HART_STATUS_COLUMN_TYPE, "column id has type int64");

    /* Lists and texts with offsets. */
    {
        struct { const int32_t *offsets; int status; const char *part; } cases[] = {
            {back, HART_STATUS_ARROW, "go back in row 2"},
            {negative, HART_STATUS_ARROW, "an offset of -1"},
            {beyond, HART_STATUS_ARROW, "6 elements"},
            {NULL, HART_STATUS_ARROW, "a NULL buffer"},
        };
        size_t i;
        for (i = 0; i < sizeof cases / sizeof *cases; i++) {
            char text[256];
            fresh();
            columns[1].schema.format = "+l";
            columns[1].array.n_buffers = 2;
            columns[1].buffers[1] = cases[i].offsets;
            CHECK(hart_invoke("vector_norm", &input.schema, &input.array, NULL, 0, NULL, &schema, &array)
                  == cases[i].status);
            hart_last_error(text, sizeof text);
            if (strstr(text, cases[i].part) == NULL)
                fail_at(__FILE__, __LINE__, cases[i].part);
        }
    }
    fresh();
    {
        static const int32_t offsets[] = {0, 5, 5, 7};
        static const char texts[] = "[1,2][\xff";
        const void *buffers[3] = {NULL, offsets, texts};
        columns[1].schema.format = "u";
        columns[1].schema.n_children = columns[1].array.n_children = 0;
        columns[1].array.buffers = buffers;
        columns[1].array.n_buffers = 3;
        NORM(HART_STATUS_JSON, "column v, row 2");
        validity[0] = 0x05;
        buffers[0] = validity;
        columns[1].schema.format = "u";
        columns[1].schema.n_children = columns[1].array.n_children = 0;
        columns[1].array.buffers = buffers;
        columns[1].array.n_buffers = 3;
        columns[1].array.null_count = -1;
        validity[0] = 0x05;
        NORM(HART_STATUS_TEXT, "column v, row 3: invalid UTF-8 at byte 1");
    }
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.memory_limit = 8;
    FAILS(hart_invoke("vector_normalize", &input.schema, &input.array, NULL, 0, &options, &schema, &array),
          HART_STATUS_MEMORY, "the limit is 8 bytes");
    params[0] = data_param("element", HART_PARAM_TEXT, "f64", 3);
    FAILS(hart_invoke("vector_norm", &input.schema, &input.array, params, 1, NULL, &schema, &array),
          HART_STATUS_COLUMN_TYPE, "fixed_size_list<f32>(2)");
    params[0] = data_param("accumulate", HART_PARAM_TEXT, "f16", 3);
    FAILS(hart_invoke("vector_norm", &input.schema, &input.array, params, 1, NULL, &schema, &array),
          HART_STATUS_PARAMETER_VALUE, "accumulate");
}

static void tensors_and_space(void)
{
    float matrix[6] = {1, 2, 3, 4, 5, 6}, u[9], v[9];
    double values[3], x[2] = {1, 2}, low[3] = {0, 0, 0}, high[3] = {8, 8, 8};
    unsigned char bytes[64];
    int64_t keys[2];
    size_t n;

    FAILS(hart_tensor_svd_f32(matrix, 2, 3, 3, values, u, v, &n), HART_STATUS_PARAMETER_VALUE, "rank is 3");
    FAILS(hart_tensor_svd_f32(matrix, 2, 3, 0, values, u, v, &n), HART_STATUS_PARAMETER_VALUE, "1 to 2");
    FAILS(hart_tensor_svd_randomized_f32(matrix, 2, 3, 0, 1, values, u, v, &n), HART_STATUS_PARAMETER_VALUE, "1 to 2");
    FAILS(hart_tensor_svd_randomized_f32(matrix, 2, 3, 2, 1, values, u, v, NULL), HART_STATUS_NULL_POINTER, "components");
    FAILS(hart_tensor_svd_f32(matrix, 0, 3, 1, values, u, v, &n), HART_STATUS_PARAMETER_VALUE, "rank is 1");
    FAILS(hart_tensor_svd_f32(matrix, 2, 3, 2, values, u, u, &n), HART_STATUS_OVERLAP, "u overlaps v");
    FAILS(hart_tensor_svd_f32(matrix, 2, 3, 2, values, u, v, NULL), HART_STATUS_NULL_POINTER, "components");
    FAILS(hart_tensor_svd_f32(matrix, (size_t)-1, 3, 2, values, u, v, &n), HART_STATUS_LENGTH, "matrix");
    matrix[4] = (float)(1e300 * 1e300);
    FAILS(hart_tensor_svd_f32(matrix, 2, 3, 2, values, u, v, &n), HART_STATUS_VALUE, "inf");

    FAILS(hart_spatial_project_f32(bytes, 5, matrix, 2, 3, values, 3, &n), HART_STATUS_VALUE, "basis");
    FAILS(hart_spatial_project_f32(NULL, 5, matrix, 2, 3, values, 3, &n), HART_STATUS_NULL_POINTER, "basis is NULL");

    FAILS(hart_spatial_hilbert(x, x, x, 2, low, high, 22, HART_OUTSIDE_ERROR, keys), HART_STATUS_PARAMETER_VALUE, "22");
    FAILS(hart_spatial_hilbert(x, x, x, 2, low, high, 3, 5, keys), HART_STATUS_CONSTANT, "outside is 5");
    FAILS(hart_spatial_hilbert(x, x, x, 2, high, low, 3, HART_OUTSIDE_ERROR, keys), HART_STATUS_VALUE, "8");
    FAILS(hart_spatial_hilbert(x, x, x, 2, low, NULL, 3, HART_OUTSIDE_ERROR, keys), HART_STATUS_NULL_POINTER, "max");
    x[1] = 9;
    FAILS(hart_spatial_hilbert(x, x, x, 2, low, high, 3, HART_OUTSIDE_ERROR, keys), HART_STATUS_VALUE, "9");
    OK(hart_spatial_hilbert(x, x, x, 2, low, high, 3, HART_OUTSIDE_CLAMP, keys));

    FAILS(hart_spatial_encode_points(x, x, x, NULL, 2, 0, HART_SPATIAL_GEOMETRY, bytes, 59, &n), HART_STATUS_CAPACITY,
          "room for 59");
    CHECK(n == 30);
    FAILS(hart_spatial_encode_points(x, x, NULL, NULL, 2, 0, 2, bytes, 64, &n), HART_STATUS_CONSTANT, "kind is 2");
    x[0] = 1e300 * 1e300;
    FAILS(hart_spatial_encode_points(x, x, NULL, NULL, 2, 0, HART_SPATIAL_GEOMETRY, bytes, 64, &n), HART_STATUS_VALUE,
          "inf");
}

int main(void)
{
    CHECK(check_uses());
    pointers_and_lengths();
    structures();
    handles();
    payloads();
    parameters();
    arrow();
    tensors_and_space();
    puts("bad input: ok");
    return 0;
}

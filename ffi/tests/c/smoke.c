/* Every function once, the way a program would call it. */
#include "check.h"

static void library(void)
{
    HartCapabilities c;
    char name[64], *text;
    size_t needed = 0, found = 0;
    uint32_t i;

    memset(&c, 0, sizeof c);
    c.size = sizeof c;
    CHECK(hart_abi_version() >= HART_ABI_VERSION);
    OK(hart_capabilities(&c));
    CHECK(c.abi_version == hart_abi_version() && c.lanes == 32 && c.threads >= 1 && c.kernels >= 15);
    CHECK(strcmp(c.version, hart_version()) == 0 && strlen(c.level) >= 4);
    for (i = 0; i < c.kernels; i++) {
        OK(hart_kernel_name(i, name, sizeof name, &needed));
        CHECK(needed == strlen(name) + 1);
        found += strcmp(name, "vector_dot_product") == 0;
        OK(hart_kernel_describe(name, NULL, 0, &needed));
        text = (char *)take_memory(needed);
        OK(hart_kernel_describe(name, text, needed, NULL));
        CHECK(strlen(text) == needed - 1 && text[0] == '{' && strstr(text, name) != NULL);
        free(text);
    }
    CHECK(found == 1);
    OK(hart_set_threads(2));
    OK(hart_capabilities(&c));
    CHECK(c.threads == 2);
    printf("hart %s, level %s, %u kernels\n", c.version, c.level, (unsigned)c.kernels);
}

static void typed(void)
{
    const float a[] = {1, 2, 3}, b[] = {4, 5, 6}, x[] = {3, 0, 4, 0}, y[] = {1, 0, 0, 0};
    const float rows[] = {1, 0, 0, 1, 0.5f, 0.5f}, query[] = {2, 6};
    float out[6];
    double number = 0, numbers[3];
    int64_t index = 0, indexes[3];

    OK(hart_vector_dot_product_f32(a, b, 3, &number));
    CHECK(number == 32);
    OK(hart_vector_cosine_similarity_f32(x, y, 4, &number));
    CHECK(number == 0.6);
    OK(hart_vector_euclidean_distance_f32(x, y, 4, &number));
    CHECK(number > 4.472135 && number < 4.472136);
    OK(hart_vector_manhattan_distance_f32(a, b, 3, &number));
    CHECK(number == 9);
    OK(hart_vector_distance_f32(HART_METRIC_DOT, a, b, 3, &number));
    CHECK(number == -32);
    OK(hart_vector_norm_f32(x, 4, &number));
    CHECK(number == 5);
    OK(hart_vector_norm_f32(NULL, 0, &number));
    CHECK(number == 0);
    OK(hart_vector_arg_max_f32(x, 4, &index));
    CHECK(index == 2);
    OK(hart_vector_arg_max_f32(NULL, 0, &index));
    CHECK(index == -1);
    OK(hart_vector_add_f32(a, b, 3, out));
    CHECK(out[0] == 5 && out[1] == 7 && out[2] == 9);
    OK(hart_vector_subtract_f32(a, b, 3, out));
    CHECK(out[0] == -3 && out[2] == -3);
    OK(hart_vector_scale_f32(a, 3, 2.0, out));
    CHECK(out[2] == 6);
    OK(hart_vector_lerp_f32(a, b, 3, 0.5, out));
    CHECK(out[0] == 2.5f);
    OK(hart_vector_normalize_f32(x, 4, out));
    CHECK(out[0] == 0.6f && out[2] == 0.8f);
    OK(hart_vector_softmax_f32(y + 1, 2, out));
    CHECK(out[0] == 0.5f && out[1] == 0.5f);

    OK(hart_vector_dot_product_f32_batch(rows, 3, query, 1, 2, numbers, 3));
    CHECK(numbers[0] == 2 && numbers[1] == 6 && numbers[2] == 4);
    OK(hart_vector_norm_f32_batch(rows, 3, 2, numbers, 3));
    CHECK(numbers[0] == 1 && numbers[1] == 1);
    OK(hart_vector_arg_max_f32_batch(rows, 3, 2, indexes, 3));
    CHECK(indexes[0] == 0 && indexes[1] == 1 && indexes[2] == 0);
    OK(hart_vector_cosine_similarity_f32_batch(x, 1, x, 1, 4, numbers, 2));
    CHECK(numbers[0] == 1 && numbers[1] == 1);
    OK(hart_vector_euclidean_distance_f32_batch(a, 1, b, 1, 3, numbers, 1));
    CHECK(numbers[0] > 5.196152 && numbers[0] < 5.196153);
    OK(hart_vector_manhattan_distance_f32_batch(a, 1, b, 1, 3, numbers, 1));
    CHECK(numbers[0] == 9);
    OK(hart_vector_distance_f32_batch(HART_METRIC_DOT, rows, 3, query, 1, 2, numbers, 3));
    CHECK(numbers[0] == -2 && numbers[1] == -6 && numbers[2] == -4);
    OK(hart_vector_add_f32_batch(rows, 3, query, 1, 2, out, 3));
    CHECK(out[0] == 3 && out[1] == 6 && out[4] == 2.5f);
    OK(hart_vector_subtract_f32_batch(query, 1, rows, 3, 2, out, 3));
    CHECK(out[0] == 1 && out[1] == 6 && out[5] == 5.5f);
    OK(hart_vector_scale_f32_batch(rows, 3, 2, 4.0, out, 3));
    CHECK(out[0] == 4 && out[4] == 2 && out[5] == 2);
    OK(hart_vector_lerp_f32_batch(rows, 3, query, 1, 2, 0.5, out, 3));
    CHECK(out[0] == 1.5f && out[1] == 3 && out[2] == 1);
    OK(hart_vector_normalize_f32_batch(x, 1, 4, out, 1));
    CHECK(out[0] == 0.6f && out[2] == 0.8f);
    OK(hart_vector_softmax_f32_batch(y + 1, 1, 2, out, 3));
    CHECK(out[0] == 0.5f && out[5] == 0.5f);
}

/* A result may replace an argument. */
static void in_place(void)
{
    enum { N = 5, ROWS = 3 };
    float a[ROWS * N], b[ROWS * N], expected[ROWS * N];
    size_t i;
    for (i = 0; i < ROWS * N; i++) {
        a[i] = (float)i;
        b[i] = (float)(2 * i + 1);
    }
    OK(hart_vector_add_f32_batch(a, ROWS, b, ROWS, N, expected, ROWS));
    OK(hart_vector_add_f32_batch(a, ROWS, b, ROWS, N, a, ROWS));
    CHECK(memcmp(a, expected, sizeof a) == 0);
    /* One row for all, and the argument twice. */
    OK(hart_vector_subtract_f32_batch(a, ROWS, b, 1, N, expected, ROWS));
    OK(hart_vector_subtract_f32_batch(a, ROWS, b, 1, N, a, ROWS));
    CHECK(memcmp(a, expected, sizeof a) == 0);
    OK(hart_vector_add_f32(a, a, N, a));
    for (i = 0; i < N; i++)
        CHECK(a[i] == 2 * expected[i]);
    OK(hart_vector_normalize_f32(b, N, expected));
    OK(hart_vector_normalize_f32(b, N, b));
    CHECK(memcmp(b, expected, N * sizeof *b) == 0);
}

static void search(void)
{
    const float rows[] = {0, 0, 3, 4, 6, 8}, queries[] = {3, 4, 9, 9};
    const int64_t ids[] = {7, 8, 9};
    const uint8_t left_out[] = {0, 255, 0};
    HartHit hits[6];
    HartIndex *index = NULL;
    HartIndexOptions options;
    size_t written = 0;
    int borrow;

    OK(hart_vector_top_k_f32(rows, 3, 2, ids, queries, 2, 2, HART_METRIC_EUCLIDEAN, hits, 4, &written));
    CHECK(written == 4 && hits[0].id == 8 && hits[0].distance == 0 && hits[0].row == 1);
    CHECK(hits[2].id == 9 && hits[3].id == 8);
    {
        /* The same rows as halves. */
        const uint16_t halves[] = {0, 0, 0x4200, 0x4400, 0x4600, 0x4800};
        HartHit same[4];
        OK(hart_vector_top_k_f16(halves, 3, 2, ids, queries, 2, 2, HART_METRIC_EUCLIDEAN, same, 4, &written));
        CHECK(written == 4 && memcmp(same, hits, sizeof same) == 0);
    }
    for (borrow = 0; borrow < 4; borrow++) {
        memset(&options, 0, sizeof options);
        options.size = sizeof options;
        options.flags = (borrow & 1 ? HART_INDEX_BORROW_ROWS : 0) | (borrow & 2 ? HART_INDEX_CODES : 0);
        OK(hart_index_create_f32(rows, 3, 2, borrow ? ids : NULL, &options, &index));
        OK(hart_index_top_k_f32(index, queries, 1, 2, 9, HART_METRIC_EUCLIDEAN, hits, 4, &written));
        CHECK(written == 3 && hits[0].id == (borrow ? 8 : 1) && hits[0].row == 1);
        OK(hart_index_top_k_filtered_f32(index, queries, 2, 2, 9, HART_METRIC_EUCLIDEAN, left_out, hits, 4, &written));
        CHECK(written == 4 && hits[0].row == 0 && hits[1].row == 2 && hits[2].row == 2 && hits[3].row == 0);
        OK(hart_index_top_k_filtered_f32(index, queries, 2, 2, 9, HART_METRIC_EUCLIDEAN, NULL, hits, 6, &written));
        CHECK(written == 6);
        OK(hart_index_release(&index));
        CHECK(index == NULL);
        OK(hart_index_release(&index));
    }
}

static void space(void)
{
    const double x[] = {5, 32}, y[] = {10, 0}, z[] = {20, 0}, low[] = {0, 0, 0}, high[] = {32, 32, 32};
    const float axes[] = {2, 0, 0, 0, 0, 0.5f}, rows[] = {1, 2, 3, -4, 5, 6};
    int64_t keys[2];
    double coordinates[4];
    unsigned char bytes[60];
    uint8_t *basis;
    size_t count = 0, stride = 0;

    OK(hart_spatial_hilbert(x, y, z, 2, low, high, 5, HART_OUTSIDE_ERROR, keys));
    CHECK(keys[0] == 7865 && keys[1] == 32767);
    OK(hart_spatial_encode_points(x, y, z, NULL, 2, 4326, HART_SPATIAL_GEOMETRY, bytes, sizeof bytes, &stride));
    CHECK(stride == 30 && bytes[0] == 0xe6 && bytes[1] == 0x10 && bytes[4] == 1);
    basis = fitted_basis(axes, 2, 3, &count);
    OK(hart_spatial_project_f32(basis, count, rows, 2, 3, coordinates, 4, &stride));
    CHECK(stride == 2 && coordinates[0] == 1 && coordinates[1] == 3 && coordinates[2] == -4 && coordinates[3] == 6);
    free(basis);
}

static void decomposition(void)
{
    const float matrix[] = {0, 3, 0, 4, 0, 0};
    double values[2];
    float u[4], v[6];
    size_t components = 0;

    OK(hart_tensor_svd_f32(matrix, 2, 3, 2, values, u, v, &components));
    CHECK(components == 2 && values[0] == 4 && values[1] == 3);
    CHECK(u[0] == 0 && u[1] == 1 && v[0] == 1 && v[1] == 0);
    CHECK(u[2] == 1 && u[3] == 0 && v[3] == 0 && v[4] == 1);
    components = 0;
    OK(hart_tensor_svd_randomized_f32(matrix, 2, 3, 1, 7, values, u, v, &components));
    CHECK(components == 1 && values[0] > 3.999 && values[0] <= 4.000001);
}

static void payload(void)
{
    unsigned char block[34] = {0x00, 0x38};
    float out[32];
    size_t count = 0;
    int i;

    for (i = 0; i < 32; i++)
        block[2 + i] = (unsigned char)i;
    OK(hart_tensor_payload_elements("q8_0", sizeof block, &count));
    CHECK(count == 32);
    OK(hart_tensor_decode_payload_f32("q8_0", block, sizeof block, out, count));
    CHECK(out[3] == 1.5f && out[31] == 15.5f);
}

static void invoke(void)
{
    const float rows[] = {0, 0, 3, 4, 6, 8}, query[] = {3, 4};
    const int64_t ids[] = {7, 8, 9}, years[] = {1990, 2000, 2010}, left_out[] = {0, 1, 0};
    const unsigned char validity[] = {0x03};
    struct column columns[3];
    struct batch input;
    struct ArrowSchema schema;
    struct ArrowArray array;
    HartParam params[3];
    HartInvokeOptions options;

    int64_column(&columns[0], "id", ids, 3);
    vector_column(&columns[1], "V", rows, 3, 2, validity, 1);
    int64_column(&columns[2], "year", years, 3);
    make_batch(&input, columns, 3, 3);
    OK(hart_invoke("vector_norm", &input.schema, &input.array, NULL, 0, NULL, &schema, &array));
    CHECK(array.length == 3 && array.n_children == 3 && array.children[1]->null_count == 1);
    CHECK(strcmp(schema.children[1]->name, "norm") == 0 && strcmp(schema.children[1]->format, "g") == 0);
    CHECK(((const double *)array.children[1]->buffers[1])[1] == 5);
    CHECK(*(const unsigned char *)array.children[1]->buffers[0] == 0x03);
    CHECK(((const int64_t *)array.children[2]->buffers[1])[2] == 2010);
    OK(hart_arrow_release(&schema, &array));
    CHECK(schema.release == NULL && array.release == NULL);
    OK(hart_arrow_release(&schema, &array));

    params[0] = data_param("query", HART_PARAM_BYTES, query, sizeof query);
    params[1] = integer_param("K", 1);
    params[2] = data_param("metric", HART_PARAM_TEXT, "euclidean", 9);
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.memory_limit = 1 << 20;
    OK(hart_invoke("vector_top_k", &input.schema, &input.array, params, 3, &options, &schema, &array));
    CHECK(array.length == 1 && array.n_children == 5 && strcmp(schema.children[4]->name, "year") == 0);
    CHECK(((const int64_t *)array.children[2]->buffers[1])[0] == 8);
    CHECK(((const int64_t *)array.children[4]->buffers[1])[0] == 2000);
    OK(hart_arrow_release(&schema, &array));
    int64_column(&columns[2], "Left_Out", left_out, 3);
    make_batch(&input, columns, 3, 3);
    OK(hart_invoke("vector_top_k", &input.schema, &input.array, params, 3, &options, &schema, &array));
    CHECK(array.length == 1 && array.n_children == 4);
    CHECK(((const int64_t *)array.children[2]->buffers[1])[0] == ids[0]);
    OK(hart_arrow_release(&schema, &array));
    int64_column(&columns[2], "year", years, 3);
    make_batch(&input, columns, 3, 3);
    OK(hart_invoke("vector_top_k", &input.schema, &input.array, params, 3, &options, &schema, &array));
    /* A consumer may move a child out and release it later than the rest. */
    {
        struct ArrowArray moved = *array.children[4];
        array.children[4]->release = NULL;
        array.release(&array);
        schema.release(&schema);
        CHECK(((const int64_t *)moved.buffers[1])[0] == 2000);
        moved.release(&moved);
    }
    OK(hart_invoke("system_info", NULL, NULL, NULL, 0, NULL, &schema, &array));
    CHECK(array.n_children == 2 && array.length >= 5);
    OK(hart_arrow_release(&schema, &array));
}

int main(void)
{
    char text[8];

    CHECK(check_uses());
    CHECK(hart_last_error_status() == HART_OK);
    library();
    typed();
    in_place();
    search();
    space();
    decomposition();
    payload();
    invoke();
    FAILS(hart_kernel_describe("vector_dotproduct", NULL, 0, NULL), HART_STATUS_UNKNOWN_KERNEL,
          "did you mean vector_dot_product?");
    CHECK(hart_last_error(text, sizeof text) > sizeof text && strlen(text) == 7);
    OK(hart_shutdown());
    puts("smoke: ok");
    return 0;
}

/* Writes the file of results: the same bytes from every language, processor and system. ffi/tests/results.rs writes it from the crate. */
#include "check.h"

static uint64_t hash(const void *memory, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)memory;
    uint64_t h = 14695981039346656037u;
    size_t i;
    for (i = 0; i < bytes; i++)
        h = (h ^ p[i]) * 1099511628211u;
    return h;
}

static uint64_t bits(double number)
{
    uint64_t out;
    memcpy(&out, &number, sizeof out);
    return out;
}

static FILE *file;

static void line(const char *name, size_t n, uint64_t result)
{
    fprintf(file, "%s %lu %08lx%08lx\n", name, (unsigned long)n, (unsigned long)(result >> 32),
            (unsigned long)(result & 0xffffffffu));
}

static const struct { const char *name; int32_t value; } metrics[] = {
    {"cosine", HART_METRIC_COSINE}, {"euclidean", HART_METRIC_EUCLIDEAN}, {"dot", HART_METRIC_DOT},
    {"manhattan", HART_METRIC_MANHATTAN},
};

static void single(const float *a, const float *b, size_t n)
{
    double r;
    int64_t index;
    int m;
    float *out = (float *)take_memory(n * sizeof(float));

    OK(hart_vector_dot_product_f32(a, b, n, &r));
    line("dot_product", n, bits(r));
    OK(hart_vector_cosine_similarity_f32(a, b, n, &r));
    line("cosine_similarity", n, bits(r));
    OK(hart_vector_euclidean_distance_f32(a, b, n, &r));
    line("euclidean_distance", n, bits(r));
    for (m = 0; m < 4; m++) {
        OK(hart_vector_distance_f32(metrics[m].value, a, b, n, &r));
        line(metrics[m].name, n, bits(r));
    }
    OK(hart_vector_norm_f32(a, n, &r));
    line("norm", n, bits(r));
    OK(hart_vector_arg_max_f32(a, n, &index));
    line("arg_max", n, (uint64_t)index);
    OK(hart_vector_add_f32(a, b, n, out));
    line("add", n, hash(out, n * sizeof(float)));
    OK(hart_vector_subtract_f32(a, b, n, out));
    line("subtract", n, hash(out, n * sizeof(float)));
    OK(hart_vector_scale_f32(a, n, 1.5, out));
    line("scale", n, hash(out, n * sizeof(float)));
    OK(hart_vector_lerp_f32(a, b, n, 0.25, out));
    line("lerp", n, hash(out, n * sizeof(float)));
    OK(hart_vector_normalize_f32(a, n, out));
    line("normalize", n, hash(out, n * sizeof(float)));
    OK(hart_vector_softmax_f32(a, n, out));
    line("softmax", n, hash(out, n * sizeof(float)));
    free(out);
}

static void singles(void)
{
    static const size_t lengths[] = {0, 1, 2, 31, 32, 33, 64, 384, 1000, 1998};
    static const uint32_t nan_bits = 0xffc00001u;
    size_t i;
    float *a, *b;

    for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        a = vector(1, lengths[i]);
        b = vector(2, lengths[i]);
        single(a, b, lengths[i]);
        free(a);
        free(b);
    }
    /* A NaN with a sign and a payload: results have the canonical one. */
    a = vector(1, 35);
    b = vector(2, 35);
    memcpy(&a[1], &nan_bits, sizeof nan_bits);
    single(a, b, 35);
    free(a);
    free(b);
}

static void batches(size_t rows, size_t n)
{
    float *a = vector(3, rows * n), *b = vector(4, rows * n), *out = (float *)take_memory(rows * n * sizeof(float));
    double *numbers = (double *)take_memory(rows * sizeof(double));

    OK(hart_vector_dot_product_f32_batch(a, rows, b, rows, n, numbers, rows));
    line("dot_product_batch", rows, hash(numbers, rows * sizeof(double)));
    OK(hart_vector_cosine_similarity_f32_batch(a, rows, b, 1, n, numbers, rows));
    line("cosine_similarity_batch", rows, hash(numbers, rows * sizeof(double)));
    OK(hart_vector_norm_f32_batch(a, rows, n, numbers, rows));
    line("norm_batch", rows, hash(numbers, rows * sizeof(double)));
    OK(hart_vector_add_f32_batch(a, rows, b, rows, n, out, rows));
    line("add_batch", rows, hash(out, rows * n * sizeof(float)));
    OK(hart_vector_softmax_f32_batch(a, rows, n, out, rows));
    line("softmax_batch", rows, hash(out, rows * n * sizeof(float)));
    free(a);
    free(b);
    free(out);
    free(numbers);
}

static void searches(size_t rows, size_t n)
{
    enum { QUERIES = 3, K = 4 };
    float *a = vector(5, rows * n), *q = vector(6, QUERIES * n);
    int64_t *ids = (int64_t *)take_memory(rows * sizeof(int64_t));
    HartHit hits[QUERIES * K];
    HartIndex *index = NULL;
    HartIndexOptions options = {0};
    size_t i, written;
    int m;

    for (i = 0; i < rows; i++)
        ids[i] = (int64_t)(i * 7 % 1009);
    options.size = sizeof options;
    options.flags = HART_INDEX_CODES;
    OK(hart_index_create_f32(a, rows, n, ids, &options, &index));
    for (m = 0; m < 4; m++) {
        OK(hart_vector_top_k_f32(a, rows, n, ids, q, QUERIES, K, metrics[m].value, hits, QUERIES * K, &written));
        for (i = 0; i < written; i++) {
            line("top_k_id", i, (uint64_t)hits[i].id);
            line("top_k_row", i, hits[i].row);
            line("top_k_distance", i, bits(hits[i].distance));
        }
        OK(hart_index_top_k_f32(index, q, QUERIES, n, K, metrics[m].value, hits, QUERIES * K, &written));
        line("index_top_k", written, bits(hits[written - 1].distance));
    }
    OK(hart_index_release(&index));
    free(a);
    free(q);
    free(ids);
}

static void payloads(void)
{
    static const struct { const char *name; size_t bytes; } types[] = {
        {"f16", 2}, {"q8_0", 34}, {"q4_0", 18}, {"q5_1", 24}, {"q4_k", 144}, {"q6_k", 210},
    };
    size_t t, i, count;
    for (t = 0; t < sizeof types / sizeof *types; t++) {
        const size_t bytes = types[t].bytes * 300;
        unsigned char *payload = (unsigned char *)take_memory(bytes);
        float *out;
        for (i = 0; i < bytes; i++)
            payload[i] = (unsigned char)(mixed(7, (uint32_t)i) >> 24);
        OK(hart_tensor_payload_elements(types[t].name, bytes, &count));
        out = (float *)take_memory(count * sizeof(float));
        OK(hart_tensor_decode_payload_f32(types[t].name, payload, bytes, out, count));
        line(types[t].name, count, hash(out, count * sizeof(float)));
        free(payload);
        free(out);
    }
}

static void spaces(void)
{
    enum { N = 500 };
    static const double low[3] = {-8, -8, -8}, high[3] = {8, 8, 8};
    double points[3][N];
    int64_t keys[N];
    unsigned char bytes[N * 30];
    size_t i, axis, stride;

    for (axis = 0; axis < 3; axis++)
        for (i = 0; i < N; i++)
            points[axis][i] = value((uint32_t)(10 + axis), (uint32_t)i);
    OK(hart_spatial_hilbert(points[0], points[1], points[2], N, low, high, 21, HART_OUTSIDE_ERROR, keys));
    line("hilbert", N, hash(keys, sizeof keys));
    OK(hart_spatial_encode_points(points[0], points[1], points[2], NULL, N, 4326, HART_SPATIAL_GEOMETRY, bytes,
                                  sizeof bytes, &stride));
    CHECK(stride == 30);
    line("encode_points", N, hash(bytes, sizeof bytes));
}

/* A basis that is fitted by name, and vectors projected on it: three axes stream, more are taken in tiles. */
static void projections(size_t axes)
{
    enum { ROWS = 70, N = 384, BASIS = 12 };
    float *rows = vector(13, ROWS * N);
    double *coordinates = (double *)take_memory(ROWS * axes * sizeof(double));
    int64_t ids[ROWS];
    struct column columns[2];
    struct batch input;
    struct ArrowSchema schema;
    struct ArrowArray array;
    HartParam params[3];
    const int64_t *places;
    const uint8_t *basis;
    size_t found;
    int i;

    for (i = 0; i < ROWS; i++)
        ids[i] = i;
    int64_column(&columns[0], "id", ids, ROWS);
    vector_column(&columns[1], "v", rows, ROWS, N, NULL, 0);
    make_batch(&input, columns, 2, ROWS);
    params[0] = data_param("kind", HART_PARAM_TEXT, "random", 6);
    params[1] = integer_param("axes", (int64_t)axes);
    params[2] = integer_param("seed", 5);
    OK(hart_invoke("spatial_fit", &input.schema, &input.array, params, 3, NULL, &schema, &array));
    CHECK(strcmp(schema.children[BASIS]->name, "basis") == 0 && strcmp(schema.children[BASIS]->format, "Z") == 0);
    places = (const int64_t *)array.children[BASIS]->buffers[1];
    basis = (const uint8_t *)array.children[BASIS]->buffers[2] + places[0];
    line("basis", axes, hash(basis, (size_t)(places[1] - places[0])));
    OK(hart_spatial_project_f32(basis, (size_t)(places[1] - places[0]), rows, ROWS, N, coordinates, ROWS * axes, &found));
    CHECK(found == axes);
    line("project", axes, hash(coordinates, ROWS * axes * sizeof(double)));
    OK(hart_arrow_release(&schema, &array));
    free(rows);
    free(coordinates);
}

static void invokes(void)
{
    enum { ROWS = 11, N = 50 };
    float *a = vector(8, ROWS * N), *b = vector(9, ROWS * N);
    int64_t ids[ROWS];
    /* Row 4 of b is NULL. */
    static const unsigned char validity[] = {0xef, 0x07};
    struct column columns[3];
    struct batch input;
    struct ArrowSchema schema;
    struct ArrowArray array;
    HartParam params[3];
    char text[200];
    int i;

    for (i = 0; i < ROWS; i++)
        ids[i] = 100 - i;
    int64_column(&columns[0], "id", ids, ROWS);
    vector_column(&columns[1], "a", a, ROWS, N, NULL, 0);
    vector_column(&columns[2], "b", b, ROWS, N, validity, 1);
    make_batch(&input, columns, 3, ROWS);
    OK(hart_invoke("vector_cosine_similarity", &input.schema, &input.array, NULL, 0, NULL, &schema, &array));
    for (i = 0; i < ROWS; i++) {
        const unsigned char *valid = (const unsigned char *)array.children[1]->buffers[0];
        const int there = valid == NULL || (valid[i / 8] >> (i % 8) & 1);
        line("invoke_id", (size_t)i, (uint64_t)((const int64_t *)array.children[0]->buffers[1])[i]);
        line(there ? "invoke_cosine_similarity" : "invoke_null", (size_t)i,
             there ? bits(((const double *)array.children[1]->buffers[1])[i]) : 0);
    }
    OK(hart_arrow_release(&schema, &array));
    vector_column(&columns[1], "v", a, ROWS, N, NULL, 0);
    make_batch(&input, columns, 2, ROWS);
    params[0] = data_param("query", HART_PARAM_BYTES, b, N * sizeof(float));
    params[1] = integer_param("k", 3);
    params[2] = data_param("metric", HART_PARAM_TEXT, "dot", 3);
    OK(hart_invoke("vector_top_k", &input.schema, &input.array, params, 3, NULL, &schema, &array));
    for (i = 0; i < array.length; i++) {
        line("invoke_top_k_id", (size_t)i, (uint64_t)((const int64_t *)array.children[2]->buffers[1])[i]);
        line("invoke_top_k_distance", (size_t)i, bits(((const double *)array.children[3]->buffers[1])[i]));
    }
    OK(hart_arrow_release(&schema, &array));
    free(a);
    free(b);
    CHECK(hart_invoke("vector_nrom", NULL, NULL, NULL, 0, NULL, &schema, &array) == HART_STATUS_UNKNOWN_KERNEL);
    hart_last_error(text, sizeof text);
    fprintf(file, "%s\n", text);
}

int main(int count, char **arguments)
{
    CHECK(check_uses());
    CHECK(count == 2);
    /* Binary, so that lines end alike everywhere. */
    file = fopen(arguments[1], "wb");
    CHECK(file != NULL);
    singles();
    batches(1000, 96);
    batches(6000, 384);
    searches(3000, 100);
    payloads();
    spaces();
    projections(3);
    projections(40);
    invokes();
    CHECK(fclose(file) == 0);
    OK(hart_shutdown());
    return 0;
}

/* After hart_shutdown only the program's own thread is left, whatever has been called: every call that may share its work. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <time.h>

#include "check.h"

enum { N = 384, ROWS = 12000, PAIRS = 2 };

static int tasks(void)
{
    int count = 0;
    struct dirent *entry;
    DIR *folder = opendir("/proc/self/task");
    CHECK(folder != NULL);
    while ((entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* Whether only this thread is left. The system may list one for a moment after it has been joined. */
static int alone(void)
{
    const struct timespec millisecond = {0, 1000000};
    int tries;
    for (tries = 0; tasks() != 1 && tries < 5000; tries++)
        nanosleep(&millisecond, NULL);
    return tasks() == 1;
}

/* The library's threads have been used, and then they are gone. */
#define SHARED(call)                 \
    do {                             \
        OK(call);                    \
        CHECK(tasks() == 1 + PAIRS); \
        OK(hart_shutdown());         \
        CHECK(alone());              \
    } while (0)

/* No more than that: whether so little is shared is the library's business. */
#define GONE(call)           \
    do {                     \
        OK(call);            \
        OK(hart_shutdown()); \
        CHECK(alone());      \
    } while (0)

static void plain_column(struct ArrowSchema *schema, struct ArrowArray *array, const char *name, const double *values,
                         size_t rows, const void **buffers)
{
    buffers[0] = NULL;
    buffers[1] = values;
    plain(schema, array, name, "g", rows, buffers, 2);
}

/* A kernel whose work is more than its bytes say. */
static void invoke(void)
{
    enum { POINTS = 40000 };
    double *x = (double *)take_memory(POINTS * sizeof(double)), *y = (double *)take_memory(POINTS * sizeof(double));
    struct ArrowSchema schema, output_schema, children[2];
    struct ArrowArray array, output, arrays[2];
    struct ArrowSchema *schema_pointers[2];
    struct ArrowArray *array_pointers[2];
    const void *none[1] = {NULL}, *buffers[2][2];
    HartParam param;
    uint32_t i;

    for (i = 0; i < POINTS; i++) {
        x[i] = value(1, i);
        y[i] = value(2, i);
    }
    plain_column(&children[0], &arrays[0], "x", x, POINTS, buffers[0]);
    plain_column(&children[1], &arrays[1], "y", y, POINTS, buffers[1]);
    plain(&schema, &array, "", "+s", POINTS, none, 1);
    for (i = 0; i < 2; i++) {
        schema_pointers[i] = &children[i];
        array_pointers[i] = &arrays[i];
    }
    schema.n_children = array.n_children = 2;
    schema.children = schema_pointers;
    array.children = array_pointers;
    param = data_param("cell_size", HART_PARAM_TEXT, "0.5", 3);
    param.kind = HART_PARAM_NUMBER;
    param.number = 0.5;
    SHARED(hart_invoke("spatial_density", &schema, &array, &param, 1, NULL, &output_schema, &output));
    CHECK(output.length > 0);
    OK(hart_arrow_release(&output_schema, &output));
    free(x);
    free(y);
}

int main(void)
{
    float *one = vector(1, N), *many = vector(2, (size_t)ROWS * N);
    float *out = (float *)take_memory((size_t)ROWS * N * sizeof(float));
    double *numbers = (double *)take_memory(ROWS * sizeof(double)), *values;
    int64_t *positions = (int64_t *)take_memory(ROWS * sizeof(int64_t));
    HartHit hits[3];
    HartIndex *index = NULL;
    float *u, *v;
    size_t written, i;

    CHECK(check_uses());
    OK(hart_set_threads(PAIRS));
    CHECK(tasks() == 1);

    /* One row for all: little is read and much written. */
    SHARED(hart_vector_add_f32_batch(one, 1, one, 1, N, out, ROWS));
    SHARED(hart_vector_subtract_f32_batch(one, 1, one, 1, N, out, ROWS));
    SHARED(hart_vector_lerp_f32_batch(one, 1, one, 1, N, 0.25, out, ROWS));
    SHARED(hart_vector_scale_f32_batch(one, 1, N, 2.0, out, ROWS));
    SHARED(hart_vector_normalize_f32_batch(one, 1, N, out, ROWS));
    SHARED(hart_vector_softmax_f32_batch(one, 1, N, out, ROWS));
    /* Much is read and little written. */
    SHARED(hart_vector_dot_product_f32_batch(one, 1, many, ROWS, N, numbers, ROWS));
    SHARED(hart_vector_cosine_similarity_f32_batch(one, 1, many, ROWS, N, numbers, ROWS));
    SHARED(hart_vector_euclidean_distance_f32_batch(many, ROWS, one, 1, N, numbers, ROWS));
    SHARED(hart_vector_manhattan_distance_f32_batch(many, ROWS, one, 1, N, numbers, ROWS));
    SHARED(hart_vector_distance_f32_batch(HART_METRIC_DOT, many, ROWS, one, 1, N, numbers, ROWS));
    SHARED(hart_vector_norm_f32_batch(many, ROWS, N, numbers, ROWS));
    SHARED(hart_vector_arg_max_f32_batch(many, ROWS, N, positions, ROWS));
    /* One row for all, of which numbers are made. */
    GONE(hart_vector_dot_product_f32_batch(one, 1, one, 1, N, numbers, ROWS));
    GONE(hart_vector_cosine_similarity_f32_batch(one, 1, one, 1, N, numbers, ROWS));
    GONE(hart_vector_euclidean_distance_f32_batch(one, 1, one, 1, N, numbers, ROWS));
    GONE(hart_vector_manhattan_distance_f32_batch(one, 1, one, 1, N, numbers, ROWS));
    GONE(hart_vector_distance_f32_batch(HART_METRIC_COSINE, one, 1, one, 1, N, numbers, ROWS));
    GONE(hart_vector_norm_f32_batch(one, 1, N, numbers, ROWS));
    GONE(hart_vector_arg_max_f32_batch(one, 1, N, positions, ROWS));

    SHARED(hart_vector_top_k_f32(many, ROWS, N, NULL, one, 1, 3, HART_METRIC_COSINE, hits, 3, &written));
    SHARED(hart_vector_top_k_f16((const uint16_t *)many, ROWS, N, NULL, one, 1, 3, HART_METRIC_COSINE, hits, 3, &written));
    OK(hart_index_create_f32(many, ROWS, N, NULL, NULL, &index));
    SHARED(hart_index_top_k_f32(index, one, 1, N, 3, HART_METRIC_COSINE, hits, 3, &written));
    SHARED(hart_index_top_k_filtered_f32(index, one, 1, N, 3, HART_METRIC_COSINE, NULL, hits, 3, &written));
    OK(hart_index_release(&index));

    /* The randomized decomposition shares its products at any size. */
    values = (double *)take_memory(4 * sizeof(double));
    u = (float *)take_memory(4 * 200 * sizeof(float));
    v = (float *)take_memory(4 * 300 * sizeof(float));
    SHARED(hart_tensor_svd_randomized_f32(many, 200, 300, 4, 0, values, u, v, &written));
    GONE(hart_tensor_svd_f32(many, 20, 30, 4, values, u, v, &written));
    free(values);
    free(u);
    free(v);

    /* 18 MB of singles from as many bytes of payload. */
    SHARED(hart_tensor_decode_payload_f32("f32", (const uint8_t *)many, (size_t)ROWS * N * sizeof(float), out, (size_t)ROWS * N));

    {
        enum { POINTS = 600000 };
        const double low[3] = {-8, -8, -8}, high[3] = {8, 8, 8};
        double *x = (double *)take_memory(POINTS * sizeof(double));
        int64_t *keys = (int64_t *)take_memory(POINTS * sizeof(int64_t));
        uint8_t *bytes = (uint8_t *)take_memory(POINTS * 30);
        for (i = 0; i < POINTS; i++)
            x[i] = value(3, (uint32_t)i);
        SHARED(hart_spatial_hilbert(x, x, x, POINTS, low, high, 21, HART_OUTSIDE_ERROR, keys));
        SHARED(hart_spatial_encode_points(x, x, x, NULL, POINTS, 0, HART_SPATIAL_GEOMETRY, bytes, POINTS * 30, &written));
        free(x);
        free(keys);
        free(bytes);
    }
    {
        size_t count;
        uint8_t *basis = fitted_basis(many, 8, N, &count);
        double *coordinates = (double *)take_memory(ROWS * 8 * sizeof(double));
        OK(hart_shutdown());
        CHECK(alone());
        SHARED(hart_spatial_project_f32(basis, count, many, ROWS, N, coordinates, ROWS * 8, &written));
        free(basis);
        free(coordinates);
    }
    invoke();

    free(one);
    free(many);
    free(out);
    free(numbers);
    free(positions);
    puts("threads: ok");
    return 0;
}

/* What the test programs share: checks that say where they failed, and the inputs of the results file. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hart.h"

static void fail_at(const char *file, int line, const char *what)
{
    char text[512];
    hart_last_error(text, sizeof text);
    fprintf(stderr, "%s:%d: %s\n    last error %d: %s\n", file, line, what, (int)hart_last_error_status(), text);
    exit(1);
}

#define CHECK(condition)                             \
    do {                                             \
        if (!(condition))                            \
            fail_at(__FILE__, __LINE__, #condition); \
    } while (0)

/* A call that must succeed. */
#define OK(call) CHECK((call) == HART_OK)

/* A call that must fail with that status, and a text that contains that part. */
#define FAILS(call, status, part)                                                 \
    do {                                                                          \
        char check_text[512];                                                     \
        CHECK((call) == (status));                                                \
        CHECK(hart_last_error_status() == (status));                              \
        CHECK(hart_last_error(check_text, sizeof check_text) > 1);                \
        if (strstr(check_text, (part)) == NULL)                                   \
            fail_at(__FILE__, __LINE__, "the text lacks: " part);                 \
    } while (0)

static void *take_memory(size_t bytes)
{
    void *memory = malloc(bytes == 0 ? 1 : bytes);
    CHECK(memory != NULL);
    return memory;
}

/* Number i of a seed: 24 bits of integer arithmetic, exact in single precision, in [-8, 8). */
static uint32_t mixed(uint32_t seed, uint32_t i)
{
    uint32_t x = i * 2654435761u + seed * 40503u + 12345u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    return x;
}

static float value(uint32_t seed, uint32_t i)
{
    return (float)((int32_t)(mixed(seed, i) >> 8) - 8388608) / 1048576.0f;
}

static float *vector(uint32_t seed, size_t n)
{
    size_t i;
    float *v = (float *)take_memory(n * sizeof(float));
    for (i = 0; i < n; i++)
        v[i] = value(seed, (uint32_t)i);
    return v;
}

/* A column of fixed-size lists, or of whole numbers, that borrows its memory. */
struct column {
    struct ArrowSchema schema, item_schema;
    struct ArrowArray array, item_array;
    struct ArrowSchema *schema_children[1];
    struct ArrowArray *array_children[1];
    const void *buffers[2], *item_buffers[2];
    char format[24];
};

static void borrowed_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void borrowed_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static void plain(struct ArrowSchema *schema, struct ArrowArray *array, const char *name, const char *format,
                  size_t length, const void **buffers, int64_t n_buffers)
{
    memset(schema, 0, sizeof *schema);
    memset(array, 0, sizeof *array);
    schema->format = format;
    schema->name = name;
    schema->flags = ARROW_FLAG_NULLABLE;
    schema->release = borrowed_schema;
    array->length = (int64_t)length;
    array->n_buffers = n_buffers;
    array->buffers = buffers;
    array->release = borrowed_array;
}

static void int64_column(struct column *c, const char *name, const int64_t *values, size_t rows)
{
    c->buffers[0] = NULL;
    c->buffers[1] = values;
    plain(&c->schema, &c->array, name, "l", rows, c->buffers, 2);
}

/* `validity` is a bitmap with `nulls` zeros, or NULL. */
static void vector_column(struct column *c, const char *name, const float *values, size_t rows, size_t n,
                          const unsigned char *validity, int64_t nulls)
{
    c->item_buffers[0] = NULL;
    c->item_buffers[1] = values;
    plain(&c->item_schema, &c->item_array, "item", "f", rows * n, c->item_buffers, 2);
    sprintf(c->format, "+w:%lu", (unsigned long)n);
    c->buffers[0] = validity;
    plain(&c->schema, &c->array, name, c->format, rows, c->buffers, 1);
    c->array.null_count = nulls;
    c->schema_children[0] = &c->item_schema;
    c->array_children[0] = &c->item_array;
    c->schema.n_children = c->array.n_children = 1;
    c->schema.children = c->schema_children;
    c->array.children = c->array_children;
}

/* A batch of such columns. */
struct batch {
    struct ArrowSchema schema, *schemas[4];
    struct ArrowArray array, *arrays[4];
    const void *buffers[1];
};

static void make_batch(struct batch *b, struct column *columns, int count, size_t rows)
{
    int i;
    b->buffers[0] = NULL;
    plain(&b->schema, &b->array, "", "+s", rows, b->buffers, 1);
    for (i = 0; i < count; i++) {
        b->schemas[i] = &columns[i].schema;
        b->arrays[i] = &columns[i].array;
    }
    b->schema.n_children = b->array.n_children = count;
    b->schema.children = b->schemas;
    b->array.children = b->arrays;
}

static HartParam integer_param(const char *name, int64_t integer)
{
    HartParam p;
    memset(&p, 0, sizeof p);
    p.size = sizeof p;
    p.kind = HART_PARAM_INTEGER;
    p.name = name;
    p.integer = integer;
    return p;
}

static HartParam data_param(const char *name, uint32_t kind, const void *data, size_t length)
{
    HartParam p;
    memset(&p, 0, sizeof p);
    p.size = sizeof p;
    p.kind = kind;
    p.name = name;
    p.data = data;
    p.length = length;
    return p;
}

/* A basis of landmarks, for hart_spatial_project_f32: its axes are the rows, made orthonormal. */
static uint8_t *fitted_basis(const float *rows, size_t count, size_t n, size_t *bytes)
{
    int64_t ids[64];
    size_t i;
    struct column columns[2];
    struct batch input;
    struct ArrowSchema schema;
    struct ArrowArray array;
    HartParam kind = data_param("kind", HART_PARAM_TEXT, "landmarks", 9);
    const struct ArrowArray *column;
    uint8_t *basis;

    CHECK(count <= 64);
    for (i = 0; i < count; i++)
        ids[i] = (int64_t)i;
    int64_column(&columns[0], "id", ids, count);
    vector_column(&columns[1], "v", rows, count, n, NULL, 0);
    make_batch(&input, columns, 2, count);
    OK(hart_invoke("spatial_fit", &input.schema, &input.array, &kind, 1, NULL, &schema, &array));
    column = array.children[array.n_children - 1];
    CHECK(strcmp(schema.children[array.n_children - 1]->name, "basis") == 0);
    *bytes = (size_t)((const int64_t *)column->buffers[1])[1];
    basis = (uint8_t *)take_memory(*bytes);
    memcpy(basis, column->buffers[2], *bytes);
    OK(hart_arrow_release(&schema, &array));
    return basis;
}

/* Not every program uses everything. */
typedef void (*check_function)(void);
static const check_function check_used[] = {
    (check_function)vector,       (check_function)int64_column,  (check_function)vector_column,
    (check_function)make_batch,   (check_function)integer_param, (check_function)data_param,
    (check_function)fail_at,      (check_function)fitted_basis,
};
static int check_uses(void)
{
    return check_used[0] != 0;
}

#endif

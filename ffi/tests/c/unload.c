/* The library leaves the process where it is closed, also where calls have failed and threads have run, and leaves no memory taken:
   unload LIBRARY
   The call that starts threads has a thread of its own, because Rust's own library stays until that one has ended. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int32_t (*dot_product)(const float *, const float *, size_t, double *);
typedef int32_t (*norms)(const float *, size_t, size_t, double *, size_t);
typedef int32_t (*no_arguments)(void);

/* POSIX lets an address of data be one of code; C does not say so. */
static void *found;
#define FIND(function, name)                                    \
    do {                                                        \
        found = dlsym(library, name);                           \
        if (found == NULL)                                      \
            return fprintf(stderr, "%s is not there\n", name);  \
        *(void **)(void *)&function = found;                    \
    } while (0)

enum { ROWS = 4096, DIMENSIONS = 2048 };
static float *rows;
static double *out;
static norms batch;

static void *large_call(void *unused)
{
    return batch(rows, ROWS, DIMENSIONS, out, ROWS) == 0 ? unused : NULL;
}

/* Bytes that are lost in a cycle of opening, a few calls, and closing. */
static long lost(const char *path)
{
    enum { FIRST = 10, CYCLES = 110 };
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    size_t before = 0;
    int i;
    for (i = 0; i < CYCLES; i++) {
        void *library = dlopen(path, RTLD_NOW);
        dot_product dot;
        norms batch;
        FIND(dot, "hart_vector_dot_product_f32");
        FIND(batch, "hart_vector_norm_f32_batch");
        if (dot(rows, rows, 3, out) != 0 || dot(rows, NULL, 3, out) == 0 || batch(rows, 4, DIMENSIONS, out, 4) != 0)
            return -1;
        dlclose(library);
        if (i == FIRST)
            before = mallinfo2().uordblks;
    }
    return (long)((mallinfo2().uordblks - before) / (CYCLES - FIRST));
#else
    return path == NULL;
#endif
}

int main(int count, char **arguments)
{
    void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL;
    dot_product dot;
    no_arguments shutdown;
    pthread_t thread;
    void *done = NULL;

    rows = calloc((size_t)ROWS * DIMENSIONS, sizeof *rows);
    out = calloc(ROWS, sizeof *out);
    if (library == NULL || rows == NULL || out == NULL)
        return fprintf(stderr, "%s\n", dlerror());
    FIND(dot, "hart_vector_dot_product_f32");
    FIND(batch, "hart_vector_norm_f32_batch");
    FIND(shutdown, "hart_shutdown");
    if (pthread_create(&thread, NULL, large_call, out) != 0 || pthread_join(thread, &done) != 0)
        return fprintf(stderr, "the thread could not run\n");
    if (done == NULL || dot(rows, NULL, 3, out) == 0 || shutdown() != 0)
        return fprintf(stderr, "a call went as it should not\n");
    dlclose(library);
    if (dlopen(arguments[1], RTLD_NOW | RTLD_NOLOAD) != NULL)
        return fprintf(stderr, "the library is still there\n");
    if (lost(arguments[1]) != 0)
        return fprintf(stderr, "a cycle leaves memory taken\n");
    free(rows);
    free(out);
    puts("unload: ok");
    return 0;
}

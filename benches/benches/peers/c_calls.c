/*
 * Calls of the C library, for the bench c_library. Standard output: the bits of a dot product, then for each line of standard
 * input, "TIMES ROWS CALLS", the seconds that so many calls took: of one pair where ROWS is 0, else of a batch of so many rows;
 * of the library where CALLS is 1, else of the crate itself, on the same memory.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hart.h"

#define N 1998
#define ROWS 20000

double hart_direct(const float *rows, size_t count, size_t n, double *out, unsigned long long times);

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void)
{
    float *rows = malloc(sizeof(float) * N * ROWS);
    double *out = malloc(sizeof(double) * ROWS), dot;
    unsigned long long bits, i, times, count, calls;

    if (rows == NULL || out == NULL)
        return 1;
    for (i = 0; i < (unsigned long long)N * ROWS; i++)
        rows[i] = (float)((int)(i * 37 % 1009) - 504) / 64.0f;
    if (hart_vector_dot_product_f32(rows, rows + N, N, &dot) != HART_OK)
        return 2;
    memcpy(&bits, &dot, sizeof bits);
    printf("%016llx\n", bits);
    fflush(stdout);
    while (scanf("%llu %llu %llu", &times, &count, &calls) == 3) {
        const double start = now();
        double seconds;

        for (i = 0; calls != 0 && i < times; i++) {
            const int status = count == 0 ? hart_vector_dot_product_f32(rows, rows + N, N, &dot)
                                          : hart_vector_cosine_similarity_f32_batch(rows, count, rows, 1, N, out, count);
            if (status != HART_OK)
                return 3;
        }
        seconds = calls != 0 ? now() - start : hart_direct(rows, count, N, out, times);
        printf("%.9f\n", seconds);
        fflush(stdout);
    }
    return 0;
}

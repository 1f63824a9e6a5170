/* Handles made and released many times, and many threads at once that check each other's answers.
 * Arguments: cycles of handles, threads, rounds of each thread. */
#include <pthread.h>

#include "check.h"

enum { ROWS = 600, DIMENSIONS = 200, QUERIES = 3, K = 5 };

static float *rows, *queries;
static HartHit expected[QUERIES * K];
static double expected_norms[ROWS];
static HartIndex *shared;
static long rounds;

static void cycles(long count)
{
    long i;
    HartHit hit;
    size_t written;
    const float small[] = {1, 2, 3, 4}, query[] = {1, 2};
    for (i = 0; i < count; i++) {
        HartIndex *index = NULL;
        OK(hart_index_create_f32(small, 2, 2, NULL, NULL, &index));
        OK(hart_index_top_k_f32(index, query, 1, 2, 1, HART_METRIC_EUCLIDEAN, &hit, 1, &written));
        CHECK(hit.id == 0 && hit.distance == 0);
        OK(hart_index_release(&index));
    }
}

static void *work(void *argument)
{
    const long number = *(const long *)argument;
    long round;
    HartHit hits[QUERIES * K];
    double norms[ROWS], dot;
    size_t written;

    for (round = 0; round < rounds; round++) {
        HartIndex *own = NULL;
        char text[160], wanted[64];
        OK(hart_index_top_k_f32(shared, queries, QUERIES, DIMENSIONS, K, HART_METRIC_COSINE, hits, QUERIES * K, &written));
        CHECK(written == QUERIES * K && memcmp(hits, expected, sizeof hits) == 0);
        OK(hart_index_create_f32(rows, ROWS, DIMENSIONS, NULL, NULL, &own));
        OK(hart_index_top_k_f32(own, queries, QUERIES, DIMENSIONS, K, HART_METRIC_COSINE, hits, QUERIES * K, &written));
        CHECK(memcmp(hits, expected, sizeof hits) == 0);
        OK(hart_index_release(&own));
        OK(hart_vector_norm_f32_batch(rows, ROWS, DIMENSIONS, norms, ROWS));
        CHECK(memcmp(norms, expected_norms, sizeof norms) == 0);
        /* The text of a failure is this thread's own. */
        CHECK(hart_vector_distance_f32((int32_t)(100 + number), rows, rows, 3, &dot) == HART_STATUS_CONSTANT);
        hart_last_error(text, sizeof text);
        sprintf(wanted, "metric is %ld;", 100 + number);
        CHECK(strstr(text, wanted) == text);
        /* Threads come and go while others compute. */
        if (number == 0 && round % 64 == 63)
            OK(hart_set_threads((uint32_t)(round / 64 % 3)));
        if (number == 1 && round % 128 == 127)
            OK(hart_shutdown());
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t threads[64];
    long numbers[64], i, number;
    size_t written;

    CHECK(check_uses());
    CHECK(count == 4);
    number = strtol(arguments[2], NULL, 10);
    rounds = strtol(arguments[3], NULL, 10);
    CHECK(number <= 64);
    rows = vector(1, (size_t)ROWS * DIMENSIONS);
    queries = vector(2, (size_t)QUERIES * DIMENSIONS);
    cycles(strtol(arguments[1], NULL, 10));
    OK(hart_index_create_f32(rows, ROWS, DIMENSIONS, NULL, NULL, &shared));
    OK(hart_index_top_k_f32(shared, queries, QUERIES, DIMENSIONS, K, HART_METRIC_COSINE, expected, QUERIES * K, &written));
    OK(hart_vector_norm_f32_batch(rows, ROWS, DIMENSIONS, expected_norms, ROWS));
    for (i = 0; i < number; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
    }
    for (i = 0; i < number; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    OK(hart_index_release(&shared));
    OK(hart_shutdown());
    free(rows);
    free(queries);
    puts("stress: ok");
    return 0;
}

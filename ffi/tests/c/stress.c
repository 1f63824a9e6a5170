/* Handles made and released many times without taking memory for good, and many threads at once that check each other's answers
 * while the library's threads come and go.
 * Arguments: cycles of handles, threads, least rounds of each thread, and seconds for which they go on, which may be left out. */
#include <pthread.h>
#include <time.h>

#include "check.h"

/* 9.6 MB, which is enough to be shared among the library's threads; the indexes that come and go have a sixteenth of it. */
enum { ROWS = 1200, DIMENSIONS = 2000, OWN = ROWS / 16, QUERIES = 3, K = 5 };

static float *rows, *queries;
static HartHit expected[QUERIES * K], expected_own[QUERIES * K];
static double expected_norms[ROWS];
static HartIndex *shared;
static long rounds, changes, shutdowns;
static time_t end;

/* Bytes of the process that are in memory; 0 where nobody says. */
static long resident(void)
{
    long pages = 0;
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose(file);
    }
#endif
    return pages * 4096;
}

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

/* A leak of a single byte in each cycle would show. */
static void cycles_without_a_leak(long count)
{
    long before, after;
    cycles(count / 100);
    before = resident();
    cycles(count);
    after = resident();
    if (count >= 1000000 && after - before > count) {
        fprintf(stderr, "%ld bytes more after %ld cycles\n", after - before, count);
        exit(1);
    }
}

static void *work(void *argument)
{
    const long number = *(const long *)argument;
    long round;
    HartHit hits[QUERIES * K];
    double norms[ROWS], dot;
    size_t written;

    for (round = 0; round < rounds || time(NULL) < end; round++) {
        HartIndex *own = NULL;
        char text[160], wanted[64];
        OK(hart_index_top_k_f32(shared, queries, QUERIES, DIMENSIONS, K, HART_METRIC_COSINE, hits, QUERIES * K, &written));
        CHECK(written == QUERIES * K && memcmp(hits, expected, sizeof hits) == 0);
        OK(hart_index_create_f32(rows, OWN, DIMENSIONS, NULL, NULL, &own));
        OK(hart_index_top_k_f32(own, queries, QUERIES, DIMENSIONS, K, HART_METRIC_COSINE, hits, QUERIES * K, &written));
        CHECK(memcmp(hits, expected_own, sizeof hits) == 0);
        OK(hart_index_release(&own));
        OK(hart_vector_norm_f32_batch(rows, ROWS, DIMENSIONS, norms, ROWS));
        CHECK(memcmp(norms, expected_norms, sizeof norms) == 0);
        /* The text of a failure is this thread's own. */
        CHECK(hart_vector_distance_f32((int32_t)(100 + number), rows, rows, 3, &dot) == HART_STATUS_CONSTANT);
        hart_last_error(text, sizeof text);
        sprintf(wanted, "metric is %ld;", 100 + number);
        CHECK(strstr(text, wanted) == text);
        /* Threads come and go while others compute. */
        if (number == 0 && round % 2 == 1) {
            OK(hart_set_threads((uint32_t)(2 + round / 2 % 3)));
            changes++;
        }
        if (number == 1 && round % 3 == 2) {
            OK(hart_shutdown());
            shutdowns++;
        }
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t threads[64];
    long numbers[64], i, number;
    size_t written;

    CHECK(check_uses());
    CHECK(count == 4 || count == 5);
    number = strtol(arguments[2], NULL, 10);
    rounds = strtol(arguments[3], NULL, 10);
    CHECK(number >= 2 && number <= 64 && rounds >= 3);
    rows = vector(1, (size_t)ROWS * DIMENSIONS);
    queries = vector(2, (size_t)QUERIES * DIMENSIONS);
    cycles_without_a_leak(strtol(arguments[1], NULL, 10));
    OK(hart_vector_top_k_f32(rows, OWN, DIMENSIONS, NULL, queries, QUERIES, K, HART_METRIC_COSINE, expected_own, QUERIES * K, &written));
    OK(hart_index_create_f32(rows, ROWS, DIMENSIONS, NULL, NULL, &shared));
    OK(hart_index_top_k_f32(shared, queries, QUERIES, DIMENSIONS, K, HART_METRIC_COSINE, expected, QUERIES * K, &written));
    OK(hart_vector_norm_f32_batch(rows, ROWS, DIMENSIONS, expected_norms, ROWS));
    end = count == 5 ? time(NULL) + strtol(arguments[4], NULL, 10) : 0;
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
    CHECK(changes > 0 && shutdowns > 0);
    printf("stress: ok, threads changed %ld times, ended %ld times\n", changes, shutdowns);
    return 0;
}

/* A release waits for the searches that run: what the index borrowed is unmapped right behind it. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "check.h"

enum { ROWS = 4000, DIMENSIONS = 256, QUERIES = 40, K = 3 };

static HartIndex *shared;
static float *queries;
static volatile int about_to_search;

static void *search(void *argument)
{
    static HartHit hits[QUERIES * K];
    size_t written;
    int32_t *status = (int32_t *)argument;

    about_to_search = 1;
    *status = hart_index_top_k_f32(shared, queries, QUERIES, DIMENSIONS, K, HART_METRIC_COSINE, hits, QUERIES * K, &written);
    return NULL;
}

int main(void)
{
    const size_t bytes = (size_t)ROWS * DIMENSIONS * sizeof(float);
    int round, overlapped = 0;

    CHECK(check_uses());
    queries = vector(2, (size_t)QUERIES * DIMENSIONS);
    for (round = 0; round < 200 && overlapped < 5; round++) {
        pthread_t thread;
        HartIndexOptions options;
        HartIndex *index = NULL;
        int32_t status = -1;
        int i;
        float *rows = (float *)mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        CHECK(rows != MAP_FAILED);
        for (i = 0; i < ROWS * DIMENSIONS; i++)
            rows[i] = value(1, (uint32_t)i);
        memset(&options, 0, sizeof options);
        options.size = sizeof options;
        options.flags = HART_INDEX_BORROW_ROWS;
        OK(hart_index_create_f32(rows, ROWS, DIMENSIONS, NULL, &options, &index));
        shared = index;
        about_to_search = 0;
        CHECK(pthread_create(&thread, NULL, search, &status) == 0);
        while (!about_to_search)
            sched_yield();
        /* Later in every round, so that some releases find the search running. */
        for (i = 0; i < round; i++)
            sched_yield();
        OK(hart_index_release(&index));
        CHECK(munmap(rows, bytes) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(status == HART_OK || status == HART_STATUS_HANDLE);
        overlapped += status == HART_OK;
    }
    /* Without a search that came first, nothing has been tested. */
    CHECK(overlapped > 0);
    free(queries);
    OK(hart_shutdown());
    puts("release: ok");
    return 0;
}

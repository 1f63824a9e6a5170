/* A child of a fork makes large calls and uses its parent's indexes, whatever the parent's threads were doing. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { N = 128, ROWS = 6000, CHILDREN = 12, SECONDS = 60 };

static float *rows;
static double expected[ROWS];
static HartIndex *shared;
static volatile int stop;

static int norms_are_right(void)
{
    static double found[ROWS];
    OK(hart_vector_norm_f32_batch(rows, ROWS, N, found, ROWS));
    return memcmp(found, expected, sizeof found) == 0;
}

/* Holds the library's locks most of the time. */
static void *busy(void *unused)
{
    HartHit hits[5];
    HartIndex *own = NULL;
    size_t written;
    while (!stop) {
        OK(hart_index_top_k_f32(shared, rows, 1, N, 5, HART_METRIC_COSINE, hits, 5, &written));
        OK(hart_index_create_f32(rows, 10, N, NULL, NULL, &own));
        OK(hart_index_release(&own));
    }
    return unused;
}

static int child(void)
{
    HartHit hits[3];
    HartIndex *released = shared;
    size_t written = 0;
    pid_t grandchild;
    int status = 0;
    /* What hangs ends so. */
    alarm(SECONDS);
    CHECK(norms_are_right());
    OK(hart_index_top_k_f32(shared, rows, 1, N, 3, HART_METRIC_EUCLIDEAN, hits, 3, &written));
    CHECK(written == 3 && hits[0].row == 0 && hits[0].distance == 0);
    grandchild = fork();
    CHECK(grandchild >= 0);
    if (grandchild == 0) {
        alarm(SECONDS);
        CHECK(norms_are_right());
        _exit(7);
    }
    CHECK(waitpid(grandchild, &status, 0) == grandchild && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    OK(hart_index_release(&released));
    OK(hart_set_threads(3));
    CHECK(norms_are_right());
    OK(hart_shutdown());
    CHECK(norms_are_right());
    return 7;
}

int main(void)
{
    pthread_t threads[2];
    int i, status;
    CHECK(check_uses());
    rows = vector(1, (size_t)ROWS * N);
    OK(hart_set_threads(2));
    OK(hart_vector_norm_f32_batch(rows, ROWS, N, expected, ROWS));
    OK(hart_index_create_f32(rows, ROWS, N, NULL, NULL, &shared));
    for (i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, busy, NULL) == 0);
    for (i = 0; i < CHILDREN; i++) {
        pid_t made = fork();
        CHECK(made >= 0);
        if (made == 0)
            _exit(child());
        CHECK(waitpid(made, &status, 0) == made);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        /* The parent goes on as before. */
        CHECK(norms_are_right());
    }
    stop = 1;
    for (i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    OK(hart_index_release(&shared));
    OK(hart_shutdown());
    free(rows);
    puts("fork: ok");
    return 0;
}

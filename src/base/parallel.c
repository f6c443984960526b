/* parallel.c - see parallel.h */
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MAX_THREADS = 256 };

typedef struct {
    atomic_size_t next;
    size_t n;
    void (*work)(void *context, size_t i);
    void *context;
} job;

static void *run(void *argument) {
    job *j = argument;
    for (size_t i; (i = atomic_fetch_add(&j->next, 1)) < j->n;) j->work(j->context, i);
    return NULL;
}

void ec_parallel_for(size_t n, size_t n_threads, void (*work)(void *context, size_t i),
                     void *context) {
    if (n_threads == 0) {
        const long online = sysconf(_SC_NPROCESSORS_ONLN);
        n_threads = online > 0 ? (size_t)online : 1;
    }
    if (n_threads > n) n_threads = n;
    if (n_threads > MAX_THREADS) n_threads = MAX_THREADS;

    job j = {.n = n, .work = work, .context = context};
    atomic_init(&j.next, 0);
    pthread_t thread[MAX_THREADS];
    size_t started = 0;
    while (started + 1 < n_threads && pthread_create(&thread[started], NULL, run, &j) == 0)
        started++;
    run(&j);
    for (size_t i = 0; i < started; i++) pthread_join(thread[i], NULL);
}

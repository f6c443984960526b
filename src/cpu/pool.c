/* pool.c - see pool.h
 *
 * A loop is open from the moment the caller announces it until it has run out of items. Workers
 * join an open loop under the mutex, and the caller closes it under the mutex and then waits for
 * those who joined; so nobody ever looks at a loop that is over. Only the next item is taken
 * without the mutex.
 */
#include "cpu/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 1024 };

/* Looks at a flag before sleeping; 10 to 50 microseconds. None where threads outnumber processors:
 * there, looking takes the processor from the one who works. */
enum { LOOKS = 1000 };

struct ec_pool {
    pthread_mutex_t mutex;
    pthread_cond_t announced, finished;
    size_t n_workers; /* without the caller */
    int looks;
    pthread_t *thread;

    atomic_uint loops;    /* announced so far */
    atomic_size_t joined; /* workers in the open loop; written under the mutex */
    bool open, stop;      /* under the mutex */

    atomic_size_t next;
    size_t n;
    void (*work)(void *context, size_t i, size_t worker);
    void *context;
};

/* What a thread is told when it starts. */
typedef struct {
    ec_pool *pool;
    size_t worker;
} start;

static void breathe(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_items(ec_pool *pool, size_t worker) {
    for (size_t i; (i = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->n;)
        pool->work(pool->context, i, worker);
}

static void *worker_main(void *argument) {
    const start s = *(start *)argument;
    free(argument);
    ec_pool *pool = s.pool;

    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < pool->looks && atomic_load(&pool->loops) == seen; i++) breathe();

        pthread_mutex_lock(&pool->mutex);
        while (!pool->stop && atomic_load(&pool->loops) == seen)
            pthread_cond_wait(&pool->announced, &pool->mutex);
        const bool stop = pool->stop, join = pool->open;
        seen = atomic_load(&pool->loops);
        if (join) atomic_fetch_add(&pool->joined, 1);
        pthread_mutex_unlock(&pool->mutex);
        if (stop) return NULL;
        if (!join) continue;

        run_items(pool, s.worker);

        pthread_mutex_lock(&pool->mutex);
        if (atomic_fetch_sub(&pool->joined, 1) == 1) pthread_cond_signal(&pool->finished);
        pthread_mutex_unlock(&pool->mutex);
    }
}

void ec_pool_run(ec_pool *pool, size_t n, void (*work)(void *context, size_t i, size_t worker),
                 void *context) {
    if (pool->n_workers == 0 || n <= 1) {
        for (size_t i = 0; i < n; i++) work(context, i, 0);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->n = n;
    pool->work = work;
    pool->context = context;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->open = true;
    atomic_fetch_add(&pool->loops, 1);
    pthread_cond_broadcast(&pool->announced);
    pthread_mutex_unlock(&pool->mutex);

    run_items(pool, 0);

    for (int i = 0; i < pool->looks && atomic_load(&pool->joined) > 0; i++) breathe();
    pthread_mutex_lock(&pool->mutex);
    pool->open = false;
    while (atomic_load(&pool->joined) > 0) pthread_cond_wait(&pool->finished, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

static bool start_worker(ec_pool *pool) {
    start *s = malloc(sizeof *s);
    if (s == NULL) return false;
    *s = (start){.pool = pool, .worker = pool->n_workers + 1};
    if (pthread_create(&pool->thread[pool->n_workers], NULL, worker_main, s) != 0) {
        free(s);
        return false;
    }
    pool->n_workers++;
    return true;
}

ec_status ec_pool_new(ec_pool **out, size_t n_threads, ec_error *err) {
    *out = NULL;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t processors = online > 0 ? (size_t)online : 1;
    if (n_threads == 0) n_threads = processors;
    if (n_threads > MAX_THREADS) n_threads = MAX_THREADS;

    ec_pool *pool = calloc(1, sizeof *pool);
    pthread_t *thread = calloc(n_threads, sizeof *thread);
    if (pool == NULL || thread == NULL) {
        free(pool);
        free(thread);
        return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu threads", n_threads);
    }
    pool->thread = thread;
    pool->looks = n_threads <= processors ? LOOKS : 0;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->announced, NULL);
    pthread_cond_init(&pool->finished, NULL);
    while (pool->n_workers + 1 < n_threads && start_worker(pool)) {
    }
    *out = pool;
    return EC_OK;
}

void ec_pool_free(ec_pool *pool) {
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pool->open = false;
    atomic_fetch_add(&pool->loops, 1);
    pthread_cond_broadcast(&pool->announced);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->n_workers; i++) pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->announced);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->thread);
    free(pool);
}

size_t ec_pool_size(const ec_pool *pool) {
    return pool->n_workers + 1;
}

/* pool.h - threads that live as long as a context
 *
 * A forward pass is some hundred short parallel loops, so the threads are kept: they look for the
 * next loop for some microseconds, then sleep. Items are handed out one at a time, which keeps all
 * threads busy on a machine that others use too; a worker that wakes up too late is not waited for.
 * Which thread runs which item is not determined, so an item must compute the same whoever runs it.
 */
#ifndef EC_CPU_POOL_H
#define EC_CPU_POOL_H

#include <stddef.h>

#include "eyechart/status.h"

typedef struct ec_pool ec_pool;

/* n_threads counts the caller; 0: one per processor. When the system refuses some threads the pool
 * is as large as it could be. EC_ERR_NOMEM. */
ec_status ec_pool_new(ec_pool **out, size_t n_threads, ec_error *err);
void ec_pool_free(ec_pool *pool);
size_t ec_pool_size(const ec_pool *pool);

/* Calls work(context, i, worker) once for every i in [0, n); worker < ec_pool_size() tells apart
 * the calls that run at the same time. Returns when all are done. Not to be called by two threads
 * at once nor from within work. */
void ec_pool_run(ec_pool *pool, size_t n, void (*work)(void *context, size_t i, size_t worker),
                 void *context);

#endif

/* parallel.h - run independent pieces of work on several threads
 *
 * POSIX threads rather than OpenMP, so that ThreadSanitizer sees every synchronisation.
 */
#ifndef EC_BASE_PARALLEL_H
#define EC_BASE_PARALLEL_H

#include <stddef.h>

/* Calls work(context, i) once for every i in [0, n), on n_threads threads (0: one per processor).
 * Items are handed out one by one; which thread runs which is not determined, so each must write
 * only its own output. When threads cannot be created the caller's thread does the work. */
void ec_parallel_for(size_t n, size_t n_threads, void (*work)(void *context, size_t i),
                     void *context);

#endif
